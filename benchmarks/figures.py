"""The arithmetic: ratios, targets, and whether faster meant worse."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance

__all__ = ["Accuracy", "Figure", "Way", "compare"]

MARGIN = 0.003
"""A difference in accuracy below this counts for nothing: 15 of 5,000 validation rows."""


@dataclass(frozen=True)
class Figure:
    """One measured number, and the target it is held against, if it has one.

    Args:
        name: what it is of.
        value: the number.
        unit: `x` for a ratio, `s`, `ms`, `MB`, `%`.
        at_most, at_least: the target.
        detail: how it came about.
    """

    name: str
    value: float
    unit: str = "x"
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= self.value <= high


@dataclass(frozen=True)
class Way:
    """What one way of the side-by-side took: seconds and validation accuracy by setting, both for each round."""

    name: str
    seconds: Sequence[float]
    val_accuracy: Mapping[str, Sequence[float]]

    @property
    def trials_a_minute(self) -> float:
        """Trainings a minute, in the median round."""
        return 60 * len(self.val_accuracy) / median(self.seconds)

    @property
    def mean_accuracy(self) -> float:
        """Mean over settings and rounds."""
        return fmean(value for values in self.val_accuracy.values() for value in values)

    def times_faster_than(self, other: "Way") -> float:
        """Ratio of the median seconds: 2 where this way takes half as long."""
        return median(other.seconds) / median(self.seconds)


@dataclass(frozen=True)
class Accuracy:
    """Validation accuracy of one way less another's.

    Args:
        difference: the mean over settings and rounds.
        low, high: its 95 % interval; as far as one round can tell where there was only one.
        by_setting: the mean difference of each setting.
        tolerance: what chance alone may make of a setting's difference; None where there was only one round.
        worse: settings that fall short by more than that.
    """

    difference: float
    low: float
    high: float
    by_setting: Mapping[str, float]
    tolerance: float | None
    worse: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether faster did not mean worse."""
        return not self.worse and (self.high >= 0 or self.difference > -MARGIN)

    @property
    def verdict(self) -> str:
        """In two or three words."""
        return "ok" if self.ok else "FASTER BUT WORSE"


def compare(ours: Way, theirs: Way) -> Accuracy:
    """Whether our validation accuracy is theirs, within the noise that the rounds themselves show.

    The mean difference is judged by its t interval over all pairs of setting and round. A setting on its own is judged
    by the spread between rounds, pooled over settings and both ways, at 95 % for all settings together (Bonferroni).
    """
    from scipy.stats import t

    names = sorted(set(ours.val_accuracy) & set(theirs.val_accuracy))
    pairs = [a - b for name in names for a, b in zip(ours.val_accuracy[name], theirs.val_accuracy[name], strict=True)]
    half = t.ppf(0.975, len(pairs) - 1) * math.sqrt(variance(pairs) / len(pairs))
    n_rounds = len(pairs) // len(names)
    by_setting = {name: fmean(ours.val_accuracy[name]) - fmean(theirs.val_accuracy[name]) for name in names}
    tolerance = None
    if n_rounds > 1:
        pooled = fmean(variance(way.val_accuracy[name]) for way in (ours, theirs) for name in names)
        degrees = 2 * len(names) * (n_rounds - 1)
        noise = t.ppf(1 - 0.025 / len(names), degrees) * math.sqrt(2 * pooled / n_rounds)
        tolerance = max(MARGIN, float(noise))
    worse = [name for name in names if tolerance is not None and by_setting[name] < -tolerance]
    mean = fmean(pairs)
    return Accuracy(mean, mean - float(half), mean + float(half), by_setting, tolerance, worse)
