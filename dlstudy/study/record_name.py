"""The name of a part of a study in the record: one arm in one phase of one search of a variant."""

import re
from dataclasses import dataclass

from dlstudy.common.text import short_repr
from dlstudy.errors import RecordError, UsageError
from dlstudy.study.phases import Phase
from dlstudy.study.variant import Variant

__all__ = ["RecordName"]

_EARLIER_PHASES = {"printed": Phase.REPORTED}
_EARLIER_COPY, _COPY = "-control", "-copy"
"""The end of the name of an arm's copy in an A/A test, in version 1 and now."""

_PART = re.compile(r"(?P<phase>[a-z]+)(\.(?P<search>[2-9]|[1-9][0-9]{1,8}))?")
"""The last part of a name. The number of the first search is left out."""


@dataclass(frozen=True)
class RecordName:
    """`optimizers/default/adam/search`, or `.../search.2` for the arm's second search.

    Args:
        study: the name of its file.
        variant: generation included.
        arm, phase: of the study.
        search: which of the arm's searches, counted from 1.
    """

    study: str
    variant: Variant
    arm: str
    phase: Phase
    search: int = 1

    def __str__(self) -> str:
        return f"{self.study}/{self.variant}/{self.arm}/{self.phase}{self._number}"

    @property
    def in_version_1(self) -> str:
        """What `str` gave in version 1."""
        arm, phase = self.arm, "printed" if self.phase is Phase.REPORTED else self.phase.value
        if self.variant.aa_test and arm.endswith(_COPY):
            arm = f"{arm.removesuffix(_COPY)}{_EARLIER_COPY}"
        return f"{self.study}/{self.variant.in_version_1}/{arm}/{phase}{self._number}"

    @property
    def _number(self) -> str:
        return "" if self.search == 1 else f".{self.search}"

    @classmethod
    def parse(cls, text: str) -> "RecordName":
        """The name that `str` wrote, in this version or in version 1.

        Raises:
            RecordError: it is not such a name.
        """
        try:
            study, variant, arm, part = text.split("/")
            found = _PART.fullmatch(part)
            if not (study and arm and found):
                raise ValueError(part)
            phase = _EARLIER_PHASES.get(found["phase"]) or Phase(found["phase"])
            known = Variant.parse(variant)
            if known.aa_test and variant != str(known) and arm.endswith(_EARLIER_COPY):
                arm = f"{arm.removesuffix(_EARLIER_COPY)}{_COPY}"
            return cls(study, known, arm, phase, int(found["search"] or 1))
        except (ValueError, UsageError) as error:
            raise RecordError(f"a name in the record is STUDY/VARIANT/ARM/PHASE, got {short_repr(text)}") from error
