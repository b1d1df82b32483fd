"""What a check of `dlstudy doctor` finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "Finding", "State"]


class State(StrEnum):
    """What a finding means."""

    OK = "ok"
    WARNING = "warning"
    """dlstudy can be used, with less than this machine could give, or with other numbers."""
    PROBLEM = "problem"
    """No study can be run before it is mended."""


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Args:
        what: was looked at, in a word or two.
        text: what it is like.
        state: what that means.
        remedy: what to do; empty where nothing is to be done.
    """

    what: str
    text: str
    state: State = State.OK
    remedy: str = ""

    @classmethod
    def warning(cls, what: str, text: str, remedy: str) -> "Finding":
        """A finding that leaves dlstudy usable."""
        return cls(what, text, State.WARNING, remedy)

    @classmethod
    def problem(cls, what: str, text: str, remedy: str) -> "Finding":
        """A finding that has to be mended."""
        return cls(what, text, State.PROBLEM, remedy)


Check = Callable[[], Iterable[Finding]]
