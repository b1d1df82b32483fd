"""Places of competitors that were judged on the same rows: shared wherever the rows do not tell two of them apart.

Pure functions of arrays. The rows are a sample: other rows of the same kind give other scores. A metric that is a mean
over rows has a value for each row. Any other smooth one has pseudo-values of the jackknife, whose mean and spread are
those of the metric.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlstudy.analysis.inference import Interval, holm, paired_interval, share_interval, t_test_p
from dlstudy.analysis.sign_flips import sign_flip_p
from dlstudy.errors import DataError

__all__ = ["Contrast", "Place", "contrasts_with", "places", "pseudo_values", "rows_p", "score_interval"]

_ALPHA = 0.05
_FEW = 16
"""Up to as many rows on which two differ, all patterns of signs are counted."""
_MOST_GROUPS = 200


@dataclass(frozen=True)
class Contrast:
    """One competitor less another, on the same rows, positive where the first is better.

    Args:
        difference, interval: the mean over rows, and its 95 % interval.
        p: two-sided, that the two are equal on rows of this kind.
        p_adjusted: for all contrasts that were made together (Holm).
    """

    difference: float
    interval: Interval
    p: float
    p_adjusted: float

    @property
    def is_told(self) -> bool:
        """Whether the rows tell the two apart."""
        return self.p_adjusted < _ALPHA


@dataclass(frozen=True)
class Place:
    """The places that a competitor may have: `first` to `last`, counted from 1, the same where all others are told."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def places(values: Mapping[str, np.ndarray], sign: int) -> tuple[dict[str, Place], dict[tuple[str, str], Contrast]]:
    """The place of each competitor, and the contrast of each pair, the one with the better score first.

    A competitor is behind those that are shown to be better, and before those that are shown to be worse, all pairs
    tested together. So with a chance of 95 % no two are put apart that are equal.

    Args:
        values: (rows,) float64 of each, on the same rows, whose mean is its score.
        sign: 1 where more is better, -1 where less is.

    Source: Holm 1979; ranks as sets of places, as in Goldstein and Spiegelhalter 1996, with a test in place of overlap.
    """
    order = sorted(values, key=lambda name: (-sign * float(values[name].mean()), name))
    pairs = list(itertools.combinations(order, 2))
    found = dict(zip(pairs, _contrasts([sign * (values[a] - values[b]) for a, b in pairs]), strict=True))
    told = [pair for pair in pairs if found[pair].is_told]
    ranks = {
        name: Place(1 + sum(worse == name for _, worse in told), len(order) - sum(better == name for better, _ in told))
        for name in order
    }
    return ranks, found


def contrasts_with(values: Mapping[str, np.ndarray], baseline: np.ndarray, sign: int) -> dict[str, Contrast]:
    """Each competitor less one baseline, positive where the competitor is better.

    Args:
        values, sign: as of `places`.
        baseline: (rows,) float64, on the same rows.
    """
    return dict(zip(values, _contrasts([sign * (of_one - baseline) for of_one in values.values()]), strict=True))


def rows_p(differences: np.ndarray) -> float:
    """Two-sided p that two competitors are equal, from their differences row by row.

    Rows without a difference say nothing. Where few differ, the sign-flip test is exact; where all that differ do so by
    the same amount, as right or wrong labels do, the binomial test is, which is McNemar's; else Student's paired t.

    Args:
        differences: (rows,) float64, at least two.

    Source: McNemar 1947; Fisher 1935; Student 1908.
    """
    from scipy.special import bdtr

    differing = differences[differences != 0]
    if len(differing) <= _FEW:
        return sign_flip_p(differing.tolist()) if len(differing) else 1.0
    sizes = abs(differing)
    if np.ptp(sizes) <= 1e-12 * sizes.max():
        n_fewer = min(int((differing > 0).sum()), int((differing < 0).sum()))
        return min(1.0, 2 * float(bdtr(n_fewer, len(differing), 0.5)))
    return t_test_p(differences.tolist())


def score_interval(values: np.ndarray) -> Interval:
    """The 95 % interval of a score for other rows of this kind: exact for rows that are right or wrong, else Student's.

    Args:
        values: (rows,) float64, at least two.
    """
    if np.isin(values, (0.0, 1.0)).all():
        return share_interval(float(values.sum()), len(values))
    return paired_interval(values.tolist())


def pseudo_values(statistic: Callable[[np.ndarray], float], n_rows: int) -> np.ndarray:
    """(groups,) values whose mean is a statistic of all rows, and whose spread tells how it varies with the rows.

    The delete-a-group jackknife, with at most 200 groups of rows, each row in one of them.

    Args:
        statistic: of the rows of these numbers.
        n_rows: at least two.

    Raises:
        DataError: the statistic is not finite without one of the groups.

    Source: Tukey 1958; Kott 2001, The Delete-a-Group Jackknife.
    """
    rows, n = np.arange(n_rows), min(n_rows, _MOST_GROUPS)
    whole = statistic(rows)
    without = np.array([statistic(rows[rows % n != group]) for group in range(n)])
    if not np.isfinite([whole, *without]).all():
        raise DataError("the metric has no finite value on these rows, or on nearly all of them: give more rows")
    found: np.ndarray = whole - (n - 1) * (without - without.mean())
    return found


def _contrasts(differences: Sequence[np.ndarray]) -> list[Contrast]:
    ps = [rows_p(each) for each in differences]
    return [
        Contrast(float(each.mean()), paired_interval(each.tolist()), p, adjusted)
        for each, p, adjusted in zip(differences, ps, holm(ps), strict=True)
    ]
