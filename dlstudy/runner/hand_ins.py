"""Hand-ins: packed studies of one assignment, found in a folder, and compared with what the assignment fixes."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlstudy.errors import UsageError
from dlstudy.study.fingerprint import define
from dlstudy.study.phases import Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import TrialRecord

__all__ = ["FIXED", "HandIn", "deviations", "facts_of", "file_name", "find_hand_ins"]

_OF_PROTOCOL = ("trials", "seeds", "searches", "rounds", "budget_seconds", "budget_joules")
_OF_DEFINITION = (
    "data", "epochs", "batch_size", "rows", "split", "resample", "groups", "metric", "direction", "objectives",
    "constraints", "sampler", "pruner", "trial_minutes",
)  # fmt: skip
FIXED = (*_OF_DEFINITION, *_OF_PROTOCOL)
"""What an assignment fixes, unless it is set free."""


@dataclass(frozen=True)
class HandIn:
    """A file that was handed in, by the name of who did."""

    name: str
    path: Path


def find_hand_ins(folder: Path) -> list[HandIn]:
    """The zip files in a folder by their names, and those in its subfolders by the names of these, as courses' systems
    put them.

    Raises:
        UsageError: there is no such folder, no such file in it, or two of one name.
    """
    if not folder.is_dir():
        raise UsageError(f"hand-ins are in a folder, got {folder}: name one that is there")
    found = [HandIn(_name_of(path.name), path) for path in sorted(folder.glob("*.zip"))]
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = sorted(below.glob("*.zip"))
        names = [below.name if len(paths) == 1 else f"{below.name} {_name_of(path.name)}" for path in paths]
        found += [HandIn(name, path) for name, path in zip(names, paths, strict=True)]
    if not found:
        raise UsageError(
            f"hand-ins are .zip files that `dlstudy pack --files` writes, got none in {folder}: put them there, each "
            "named for who handed it in"
        )
    twice = [name for name, n in Counter(file_name(each.name) for each in found).items() if n > 1]
    if twice:
        raise UsageError(f"hand-ins must differ in name, got {twice[0]!r} twice in {folder}: rename one")
    return found


def file_name(name: str) -> str:
    """A name of a hand-in as that of a file."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "hand-in"


def _name_of(name: str) -> str:
    return name.removesuffix(".zip").removesuffix(".pack")


def facts_of(
    study: ResolvedStudy,
    definitions: Mapping[RecordName, Mapping[str, Any]] | None = None,  # Any: JSON
    trials: Sequence[TrialRecord] = (),
) -> dict[str, str]:
    """What an assignment may fix, as text by name: as a study states it, or as its record says that it was run.

    Args:
        study: as it was run.
        definitions: of the record's parts; None for those of the study.
        trials: of the record.
    """
    stated = [define(study, arm, Phase.SEARCH, {}) for arm in study.arms]
    run = [dict(each) for name, each in (definitions or {}).items() if name.phase is Phase.SEARCH]
    found: dict[str, str] = {}
    for name in _OF_DEFINITION:
        values = [each.get(name) for each in run or stated]
        if name == "epochs" and trials:
            values = [trial.params.get(name) for trial in trials]
        if name == "data":
            values = [str(value).rpartition(" ")[2] for value in values]
        found[name] = ", ".join(dict.fromkeys(map(_text, values)))
    return found | {name: _text(getattr(study.protocol, name)) for name in _OF_PROTOCOL}


def deviations(assigned: Mapping[str, str], handed: Mapping[str, str], free: Collection[str] = ()) -> list[str]:
    """What a hand-in has other than its assignment, a sentence each.

    Args:
        assigned, handed: as `facts_of` gives them.
        free: what students may choose.
    """
    found = []
    for name in FIXED:
        if name in free or assigned.get(name) == handed.get(name):
            continue
        if name == "data":
            found.append("it was trained on other data than the assignment's")
        else:
            was = " and ".join(handed.get(name, "unknown").split(", ")) if name == "epochs" else handed.get(name)
            found.append(f"{name} is {was}, and the assignment says {assigned.get(name)}")
    return found


def _text(value: Any) -> str:  # Any: JSON
    return "none" if value in (None, [], (), "") else str(value)
