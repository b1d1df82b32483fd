"""A claim's arm against one other: paired differences, and what holds on these test rows and on others of their kind.

Where rows have values, the two must agree: a p is the larger one of both, an interval the one that contains both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dlstudy.analysis import crossed, inference
from dlstudy.analysis.crossed import CrossedMean
from dlstudy.analysis.inference import Interval

__all__ = ["Pair", "Unit", "beyond_margin_p", "difference_p", "smallest_shown", "units_for", "within_margin_p"]


class Unit(StrEnum):
    """The unit that a comparison pairs."""

    SEED = "seed"
    SEARCH = "search"
    DATASET = "data set"


@dataclass(frozen=True)
class Pair:
    """A claim's arm against one other, over paired units: seeds, or whole searches.

    Args:
        against: the other arm.
        units: indices of the seeds or of the data sets, or numbers of the searches, ascending.
        differences: (n,) one a unit, positive where the claim says so.
        mean, median: of them.
        interval, interval_90: of the mean, at 95 and 90 %; None with fewer than two units.
        p: two-sided, that there is no difference; not adjusted for the number of claims.
        wins, wins_interval: the share of units in which the arm is ahead (a tie counts half), with its 95 % interval.
        effect_size: the mean difference in standard deviations of the differences (Hedges' g); None where they are
            all alike.
        sd_seeds, sd_searches: standard deviations of a difference between seeds of one search, and between searches
            beyond that; None with fewer than three searches.
        rows: the mean for other test rows of this kind too; None where rows have no values of the metric.
        why_no_rows: why they have none, in words, where the metric is of test rows.
    """

    against: str
    units: Sequence[int]
    differences: Sequence[float]
    mean: float
    median: float
    interval: Interval | None = None
    interval_90: Interval | None = None
    p: float | None = None
    wins: float | None = None
    wins_interval: Interval | None = None
    effect_size: float | None = None
    sd_seeds: float | None = None
    sd_searches: float | None = None
    rows: CrossedMean | None = None
    why_no_rows: str = ""

    @property
    def outer(self) -> Interval | None:
        """The 95 % interval that holds on these test rows and, where that is known, on others."""
        return _hull(self.interval, self.rows.interval if self.rows else None)

    @property
    def outer_90(self) -> Interval | None:
        """The 90 % interval, likewise."""
        return _hull(self.interval_90, self.rows.interval_90 if self.rows else None)


def difference_p(pair: Pair) -> float:
    """Two-sided p that there is no difference."""
    p = 1.0 if pair.p is None else pair.p
    return max(p, pair.rows.p) if pair.rows else p


def within_margin_p(pair: Pair, margin: float) -> float:
    """The p of two one-sided tests: small where the difference lies within the margin."""
    p = inference.equivalence_p(pair.differences, margin)
    return max(p, crossed.equivalence_p(pair.rows, margin)) if pair.rows else p


def beyond_margin_p(pair: Pair, margin: float) -> float:
    """One-sided p: small where the difference lies beyond the margin, on its own side."""
    p = inference.beyond_p(pair.differences, margin)
    return max(p, crossed.beyond_p(pair.rows, margin)) if pair.rows else p


def smallest_shown(pair: Pair, level: float, n_units: int) -> float:
    """The smallest difference that this many units show in four of five studies, on as many rows; 0 for no spread."""
    sd = inference.mean_and_sd(pair.differences)[1] or 0.0
    shown = inference.smallest_difference(sd, n_units, level)
    return max(shown, crossed.smallest_difference(pair.rows, n_units, level)) if pair.rows else shown


def units_for(pair: Pair, difference: float, level: float) -> int | None:
    """Units that show such a difference in four of five studies, on as many rows; None where no number of them does."""
    needed = inference.pairs_needed(inference.mean_and_sd(pair.differences)[1] or 0.0, difference, level)
    of_rows = crossed.units_needed(pair.rows, difference, level) if pair.rows else needed
    return None if of_rows is None else max(needed, of_rows)


def _hull(one: Interval | None, other: Interval | None) -> Interval | None:
    """The smallest interval that contains both."""
    return (min(one[0], other[0]), max(one[1], other[1])) if one and other else one
