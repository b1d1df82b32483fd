"""What the trainings of a variant were made from: code, packages, settings and hardware, as the record keeps them."""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from dlstudy.store.integrity import legible
from dlstudy.store.notes import attributes_of, set_attribute
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant

__all__ = ["Snapshot", "last_snapshot", "note_snapshot"]

_MOST = 60_000
"""Characters of a packed snapshot: MySQL keeps 65,535 in one value."""

_NAME = "snapshot "
"""How the name of an attribute begins, before a digest."""
_LAST = "last snapshot"
"""The attribute with the digest of the snapshot of the last run."""


@dataclass(frozen=True)
class Snapshot:
    """What a run was made from.

    Args:
        packages: all that are installed, as `name==version`.
        settings: variables of the environment that libraries of numbers read.
        hardware: of the machine that ran it, as `common.provenance.hardware` tells.
        code: the text of the study file and of the modules of its own that it imports, by their path.
        changes: what differed from the commit of the study's folder, as `git diff` shows it; empty outside git.
    """

    packages: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    changes: str = ""

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of it all."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:12]

    @property
    def files(self) -> dict[str, str]:
        """It as text files, by name."""
        about = {"settings": dict(self.settings), "hardware": dict(self.hardware)}
        lines = [f"# {line}" if line.startswith("dlstudy==") else line for line in self.packages]  # on no index
        files = {"environment.txt": "\n".join([*lines, ""]), "machine.json": json.dumps(about, indent=2) + "\n"}
        files |= {"changes.diff": self.changes} if self.changes else {}
        return files | {f"code/{name}": text for name, text in self.code.items()}

    @property
    def _text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def packed(self) -> str:
        """It as one short text; where it is long without its changes, and then without its code."""
        for kept in (self, replace(self, changes=_left_out(self.changes)), replace(self, changes="", code={})):
            text = base64.b85encode(zlib.compress(kept._text.encode(), 9)).decode()
            if len(text) <= _MOST:
                break
        return text

    @classmethod
    def unpacked(cls, text: str) -> "Snapshot":
        """The snapshot that `packed` gave."""
        kept = json.loads(zlib.decompress(base64.b85decode(text)))
        return cls(**{**kept, "packages": tuple(kept["packages"])})


def note_snapshot(record: Record, study: str, variant: Variant, snapshot: Snapshot) -> None:
    """Notes a snapshot of a variant, once, and that it is the last one. Hold the study's lock."""
    known, name = attributes_of(record, study, variant), f"{_NAME}{snapshot.digest}"
    if name not in known:
        set_attribute(record, study, variant, name, snapshot.packed())
    if known.get(_LAST) != snapshot.digest:
        set_attribute(record, study, variant, _LAST, snapshot.digest)


@legible
def last_snapshot(record: Record, study: str, variant: Variant) -> Snapshot | None:
    """The snapshot of the last run of a variant that trained something; None where an earlier version ran it."""
    known = attributes_of(record, study, variant)
    return Snapshot.unpacked(known[f"{_NAME}{known[_LAST]}"]) if _LAST in known else None


def _left_out(changes: str) -> str:
    return f"({len(changes):,} characters of changes are not kept)\n" if changes else ""
