"""Statistics of a few paired runs: pure functions of small arrays.

A difference is one arm's metric less the other's, at the same seed or in the same search. Where values are fewer than a
function needs, or one of them is not finite, it raises `DataError`.

SciPy is imported inside the functions, and only its `special`: `scipy.stats` takes far longer to import.
"""

import bisect
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from dlstudy.analysis.student import found_shift, interval_of, tail_p
from dlstudy.errors import DataError

__all__ = [
    "SLACK",
    "Interval",
    "best_so_far",
    "beyond_p",
    "chance_misses",
    "effect_size",
    "equivalence_p",
    "expected_best",
    "holm",
    "mean_and_sd",
    "paired_interval",
    "pairs_needed",
    "prediction_interval",
    "prediction_p",
    "share_interval",
    "smallest_difference",
    "t_test_p",
    "variance_components",
    "win_share",
]

Interval = tuple[float, float]

_MOST_PAIRS = 1_000_000
SLACK = 1e-12
"""Sums that differ by less, relatively, are equal but for the rounding of float64."""


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and standard deviation with n - 1 (None for a single value)."""
    array = _checked(values, 1)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


def paired_interval(differences: Sequence[float], level: float = 0.95) -> Interval:
    """Student's interval of the mean difference.

    Args:
        differences: (n,) float64, one per seed, at least two.
        level: coverage in (0, 1).

    Source: Student 1908; mean +- t(n-1) * s / sqrt(n).
    """
    array = _checked(differences, 2)
    error = float(array.std(ddof=1)) / math.sqrt(len(array))
    return interval_of(float(array.mean()), error, len(array) - 1, level)


def prediction_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Prediction interval of one more run: mean +- t(n-1) * s * sqrt(1 + 1/n).

    Args:
        values: (n,) float64, one per seed, at least two.
        level: coverage in (0, 1).

    Source: Hahn and Meeker 1991, Statistical Intervals, section 4.7.
    """
    array = _checked(values, 2)
    error = float(array.std(ddof=1)) * math.sqrt(1 + 1 / len(array))
    return interval_of(float(array.mean()), error, len(array) - 1, level)


def prediction_p(values: Sequence[float], other: float, slack: float = 0.0) -> float:
    """Two-sided p that one more run is as far from the mean as another value; 0.05 where `prediction_interval` ends.

    Values that are all alike give 1 where the other is no further from them than the slack, else 0.

    Args:
        values: (n,) float64, one per seed, at least two.
        other: the value that may be one more run's.
        slack: by how much the other may be off, as by rounding; not negative.

    Source: as `prediction_interval`.
    """
    array = _checked(values, 2)
    return min(1.0, 2 * _beyond_zero_p(array, max(0.0, abs(other - float(array.mean())) - slack), 1 + len(array)))


def t_test_p(differences: Sequence[float]) -> float:
    """Two-sided p of the mean difference by Student's paired t test.

    Differences that are all zero give 1; equal ones of another size give 0.

    Args:
        differences: (n,) float64, at least two.

    Source: Student 1908.
    """
    array = _checked(differences, 2)
    return min(1.0, 2 * _beyond_zero_p(array, abs(float(array.mean()))))


def equivalence_p(differences: Sequence[float], margin: float) -> float:
    """The larger p of two one-sided paired t tests: small where the true mean difference lies within the margin (TOST).

    Below 0.05 exactly where Student's 90 % interval lies within it. Equal differences give 0 within the margin, else 1.

    Args:
        differences: (n,) float64, at least two.
        margin: differences smaller than this do not matter; positive.

    Source: Schuirmann 1987.
    """
    array = _checked(differences, 2)
    return _beyond_zero_p(array, margin - abs(float(array.mean())))


def beyond_p(differences: Sequence[float], margin: float) -> float:
    """The p of a minimum-effect test: small where the true mean difference lies beyond the margin, on the mean's side.

    One-sided: with margin 0 it is half of `t_test_p`. Equal differences give 0 beyond the margin, else 1.

    Args:
        differences: (n,) float64, at least two.
        margin: differences smaller than this do not matter; not negative.

    Source: Murphy and Myors 1999.
    """
    array = _checked(differences, 2)
    return _beyond_zero_p(array, abs(float(array.mean())) - margin)


def holm(ps: Sequence[float]) -> list[float]:
    """Each p adjusted for the number of tests, in the given order, 1 at most.

    Source: Holm 1979.
    """
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    steps = itertools.accumulate(((len(ps) - rank) * ps[i] for rank, i in enumerate(order)), max)
    adjusted = dict(zip(order, steps, strict=True))
    return [min(1.0, adjusted[i]) for i in range(len(ps))]


def win_share(differences: Sequence[float]) -> tuple[float, Interval]:
    """Share of positive differences, a tie counting half, with its 95 % interval.

    Args:
        differences: (n,) float64, at least one.

    """
    array = _checked(differences, 1)
    n, wins = len(array), float(np.sum(array > 0) + np.sum(array == 0) / 2)
    return wins / n, share_interval(wins, n)


def share_interval(hits: float, n: int) -> Interval:
    """The 95 % interval of a share, of `hits` in `n` independent tries.

    Source: Clopper and Pearson 1934, in its form with quantiles of the beta distribution.
    """
    from scipy.special import betaincinv

    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return low, high


def effect_size(differences: Sequence[float]) -> float | None:
    """Mean difference in standard deviations of the differences, corrected for few pairs (Hedges' g).

    None for equal differences and for fewer than three: with two the correction is a factor of 0.

    Args:
        differences: (n,) float64, at least one.

    Source: Hedges 1981; mean / s * (1 - 3 / (4 (n - 1) - 1)).
    """
    array = _checked(differences, 1)
    if len(array) < 3 or _sd(array) == 0:
        return None
    return float(array.mean()) / _sd(array) * (1 - 3 / (4 * (len(array) - 1) - 1))


def smallest_difference(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true mean difference that a two-sided paired t test finds with this power; 0 for sd 0.

    Args:
        sd: standard deviation of the differences.
        n: pairs, at least two.
        alpha: level of the test.
        power: chance to find the difference, on its own side.

    Raises:
        DataError: fewer than two pairs.
    """
    if n < 2:
        raise DataError(f"at least 2 pairs are needed, got {n}")
    return found_shift(sd / math.sqrt(n), n - 1, alpha, power)


def pairs_needed(smallest: Callable[[int], float], difference: float) -> int:
    """Fewest pairs, from 2 to 1,000,000, that show a difference of this size.

    Args:
        smallest: the difference that n pairs show; the less, the more pairs.
        difference: the true one that must be found; its sign does not matter.
    """
    return 2 + bisect.bisect_left(range(2, _MOST_PAIRS), True, key=lambda n: smallest(n) <= abs(difference))


def variance_components(differences: Sequence[Sequence[float]] | np.ndarray) -> tuple[float, float]:
    """Standard deviations of a difference: between seeds of one search, and between searches beyond that.

    The second is 0 where the searches' means differ no more than seeds alone would make them.

    Args:
        differences: (searches, seeds) float64; searches may differ in their number of seeds.

    Raises:
        DataError: fewer than two searches, none with two seeds, or a difference that is not finite.

    Source: analysis of variance with one random factor; Searle, Casella and McCulloch 1992, section 3.6.
    """
    groups = [_checked(group, 1) for group in differences]
    n, k = sum(map(len, groups)), len(groups)
    if k < 2 or n == k:
        raise DataError(f"at least 2 searches, one with 2 seeds, are needed, got {k} with {n} seeds in all")
    grand = sum(float(group.sum()) for group in groups) / n
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / (n - k)
    between = sum(len(group) * float(group.mean() - grand) ** 2 for group in groups) / (k - 1)
    seeds = (n - sum(len(group) ** 2 for group in groups) / n) / (k - 1)
    return math.sqrt(within), math.sqrt(max(0.0, (between - within) / seeds))


def best_so_far(values: Sequence[float | None], sign: int) -> list[float | None]:
    """The best value up to each place; None until there is one.

    Args:
        values: (n,), None where a trial gave none.
        sign: 1 where more is better, -1 where less is.
    """
    found: list[float | None] = []
    best = None
    for value in values:
        if value is not None and (best is None or sign * value > sign * best):
            best = value
        found.append(best)
    return found


def expected_best(values: Sequence[float], n: int, sign: int) -> float:
    """Expected best of n independent draws from what the values were drawn from, without bias.

    The mean, over all subsets of n values, of the best in each. Drawing with replacement (Dodge et al. 2019) is biased.

    Args:
        values: (N,) float64.
        n: from 1 to N.
        sign: 1 where more is better, -1 where less is.

    Raises:
        DataError: a value that is not finite, or fewer than n of them.

    Source: Tang et al. 2020, Showing Your Work Doesn't Always Work (the U-statistic).
    """
    best_first = np.sort(_checked(values, n))[::-sign]
    worse = np.arange(len(best_first) - 1, 0, -1)
    # C(worse, n - 1) subsets have a value as their best. The quotient of two such numbers overflows nowhere.
    weights = n / len(best_first) * np.cumprod([1, *np.maximum(0, worse + 1 - n) / worse])
    return float(weights @ best_first)


def chance_misses(k: int, level: float = 0.95) -> tuple[float, float]:
    """How many of k independent tests of this level miss by chance: the expected number; the chance of any."""
    return k * (1 - level), 1 - level**k


def _beyond_zero_p(array: np.ndarray, distance: float, times: float = 1.0) -> float:
    """One-sided p of Student's t for a distance above zero, whose variance is `times` that of the mean."""
    if (sd := _sd(array)) == 0:
        return 0.0 if distance > SLACK * float(abs(array).max()) else 1.0
    return tail_p(distance, sd * math.sqrt(times / len(array)), len(array) - 1)


def _sd(array: np.ndarray) -> float:
    """Standard deviation with n - 1; exactly 0 where values differ by rounding alone."""
    return float(array.std(ddof=1)) if np.ptp(array) > SLACK * float(abs(array).max()) else 0.0


def _checked(values: Sequence[float] | np.ndarray, least: int) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise DataError(f"at least {least} finite values are needed, got {list(values)!r}")
    return array
