"""The rate of false verdicts among a study's A/A tests."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlstudy.analysis.inference import Interval, share_interval

__all__ = ["FalseVerdicts", "false_verdicts"]


@dataclass(frozen=True)
class FalseVerdicts:
    """How many of `n` A/A tests gave a false verdict, the rate, and its 95 % interval."""

    n: int
    n_false: int
    rate: float
    interval: Interval


def false_verdicts(are_false: Sequence[bool]) -> FalseVerdicts | None:
    """The rate of false verdicts, with the interval of Clopper and Pearson; None without a test.

    Args:
        are_false: of each A/A test, whether it found a difference between identical arms. No two tests share an arm:
            on a shared one they would not be independent, and the interval too narrow.
    """
    n, n_false = len(are_false), sum(are_false)
    return FalseVerdicts(n, n_false, n_false / n, share_interval(n_false, n)) if n else None
