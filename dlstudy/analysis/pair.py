"""The comparison of two arms over paired units, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlstudy.analysis.inference import Interval
from dlstudy.analysis.resampled import widened
from dlstudy.analysis.sequential import ONE_LOOK, Spending

__all__ = ["Pair"]


@dataclass(frozen=True)
class Pair:
    """A claim's arm against one other, over paired units: seeds, or whole searches.

    Args:
        against: the other arm.
        units: indices of the seeds or of the data sets, or numbers of the searches, in the order in which
            looks saw them.
        differences: (n,) one a unit, positive where the claim says so.
        mean, median: of them.
        interval: of the mean, at 95 %: the shifts that the test of p does not reject; None with fewer than six seeds.
        interval_90: of the mean, Student's, for equivalence.
        p: two-sided, that there is no difference; not adjusted for the number of claims; None without chance.
        by_chance: whether the seed matters: not where both arms give the same on every seed, or are equal on each.
        asymmetry_p: of differences that are symmetric, as p supposes (Miao, Gel and Gastwirth); None between searches.
        wins, wins_interval: the share of units in which the arm is ahead (a tie counts half), with its 95 % interval.
        effect_size: the mean difference in standard deviations of the differences (Hedges' g); None where they are
            all alike.
        test_noise: standard error of the mean difference that the finite test set alone brings; None where the record
            has no right and wrong answers, or the claim is of another metric than test accuracy.
        sd_seeds, sd_searches: standard deviations of a difference between seeds of one search, and between searches
            beyond that; None with fewer than three searches.
        overlap: rows judged / all other rows, where each unit has a resampled split of its own; interval and p are then
            corrected for it, and `wins_interval` is None. 0 where all units share one split.
        looks: at the comparison, the present one included; p and the intervals hold over all of them.
    """

    against: str
    units: Sequence[int]
    differences: Sequence[float]
    mean: float
    median: float
    interval: Interval | None = None
    interval_90: Interval | None = None
    p: float | None = None
    by_chance: bool = True
    asymmetry_p: float | None = None
    wins: float | None = None
    wins_interval: Interval | None = None
    effect_size: float | None = None
    test_noise: float | None = None
    sd_seeds: float | None = None
    sd_searches: float | None = None
    overlap: float = 0.0
    looks: Spending = ONE_LOOK

    @property
    def widened(self) -> list[float]:
        """The differences as Student's t takes them; see `dlstudy.analysis.resampled.widened`."""
        return widened(self.differences, self.overlap)
