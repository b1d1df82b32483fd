"""The comparison of two arms over paired units, in numbers.

Where test rows have values, a verdict takes the larger p: of units on these rows, and of units and rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlstudy.analysis import crossed, inference, unpaired
from dlstudy.analysis.crossed import CrossedMean
from dlstudy.analysis.inference import Interval
from dlstudy.analysis.resampled import widened
from dlstudy.analysis.sequential import ONE_LOOK, Spending, sequential_t_p
from dlstudy.study.elsewhere import Figures

__all__ = ["Pair", "beyond_margin_p", "difference_p", "within_margin_p"]


@dataclass(frozen=True)
class Pair:
    """A claim's arm against one other, over paired units: seeds, or whole searches.

    Args:
        against: the other arm.
        units: indices of the seeds or of the data sets, or numbers of the searches, in the order in which
            looks saw them.
        differences: (n,) one a unit, positive where the claim says so; from the mean of `elsewhere` if that is given.
        mean, median: of them.
        interval: of the mean, at 95 %: the shifts that the test of p does not reject; None with fewer than six seeds.
        interval_90: of the mean, Student's, for equivalence.
        p: two-sided, that there is no difference; not adjusted for the number of claims; None without chance.
        by_chance: whether the seed matters: not where both arms give the same on every seed, or are equal on each.
        asymmetry_p: of differences that are symmetric, as p supposes (Miao, Gel and Gastwirth); None between searches.
        wins, wins_interval: the share of units in which the arm is ahead (a tie counts half), with its 95 % interval.
        effect_size: the mean difference in standard deviations of the differences (Hedges' g); None where they are
            all alike.
        sd_seeds, sd_searches: standard deviations of a difference between seeds of one search, and between searches
            beyond that; None with fewer than three searches.
        overlap: rows judged / all other rows, where each unit has a resampled split of its own; interval and p are then
            corrected for it, and `wins_interval` is None. 0 where all units share one split.
        rows: the mean for other test rows of this kind too; None where rows have no values of the metric.
        why_no_rows: why they have none, in words, where the metric is of test rows.
        looks: at the comparison, the present one included; p and the intervals hold over all of them.
        elsewhere: results from elsewhere that no seed pairs with ours; p and the intervals are then Welch's, and there
            are neither wins nor an effect size. None where both arms have the units.
        one_more_p: that one more of our runs is as far from a single figure from elsewhere; None where there is none.
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
    sd_seeds: float | None = None
    sd_searches: float | None = None
    overlap: float = 0.0
    rows: CrossedMean | None = None
    why_no_rows: str = ""
    looks: Spending = ONE_LOOK
    elsewhere: Figures | None = None
    one_more_p: float | None = None

    @property
    def widened(self) -> list[float]:
        """The differences as Student's t takes them; see `dlstudy.analysis.resampled.widened`."""
        return widened(self.differences, self.overlap)


def difference_p(pair: Pair) -> float:
    """Two-sided p that there is no difference."""
    p = pair.p if pair.p is not None else 1.0 * (pair.mean == 0)  # without chance, what is seen is so
    return max(p, pair.rows.p) if pair.rows else p


def within_margin_p(pair: Pair, margin: float) -> float:
    """The p of two one-sided tests: small where the difference lies within the margin."""
    p = _one_sided(pair, margin, inference.equivalence_p, unpaired.equivalence_p)
    return max(p, crossed.equivalence_p(pair.rows, margin)) if pair.rows else p


def beyond_margin_p(pair: Pair, margin: float) -> float:
    """One-sided p: small where the difference lies beyond the margin, on its own side."""
    p = _one_sided(pair, margin, inference.beyond_p, unpaired.beyond_p)
    return max(p, crossed.beyond_p(pair.rows, margin)) if pair.rows else p


def _one_sided(
    pair: Pair,
    margin: float,
    paired_p: Callable[[Sequence[float], float], float],
    unpaired_p: Callable[[Sequence[float], Figures, float], float],
) -> float:
    """The p of a one-sided test against a margin, over all looks."""
    seen = [widened(pair.differences[:n], pair.overlap) for n in pair.looks.counts(len(pair.differences))]
    ps = [paired_p(d, margin) if pair.elsewhere is None else unpaired_p(d, pair.elsewhere, margin) for d in seen]
    return sequential_t_p(ps, pair.looks, two_sided=False)
