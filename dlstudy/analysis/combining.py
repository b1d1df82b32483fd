"""Statistics of several studies, replications or data sets: the mean over them, and how far they differ beyond chance.

Each study is a group of paired differences. Where a group has fewer than two values, or one of them is not
finite, a function raises `DataError`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlstudy.analysis.inference import Interval, mean_and_sd
from dlstudy.analysis.student import interval_of
from dlstudy.errors import DataError

__all__ = ["Heterogeneity", "heterogeneity", "heterogeneity_p", "mean_of_means", "paule_mandel"]


@dataclass(frozen=True)
class Heterogeneity:
    """How far the true means of groups differ.

    Args:
        q: Cochran's Q, the weighted squares of the means' distances from their weighted mean.
        p: that the true means are all alike (Welch's test of Q).
        i2: the share of the variation that noise within groups does not explain, in [0, 1].
        tau: standard deviation of the true means (Paule and Mandel), in their unit.
    """

    q: float
    p: float
    i2: float
    tau: float


def mean_of_means(groups: Sequence[Sequence[float]]) -> tuple[float, Interval]:
    """The unweighted mean of the groups' means, and its 95 % interval for these groups, whatever their spreads are.

    Groups of equal size are not weighted by their spread: from a few seeds it is too uncertain for that.

    Args:
        groups: (k, n) float64; groups may differ in size.

    Source: Satterthwaite 1946 and Welch 1947 (degrees of freedom of a sum of variances).
    """
    means, variances, degrees = _moments(groups)
    mean, variance = sum(means) / len(means), sum(variances)
    if not variance:
        return mean, (mean, mean)
    total = variance**2 / sum(v**2 / df for v, df in zip(variances, degrees, strict=True))
    return mean, interval_of(mean, math.sqrt(variance) / len(means), total, 0.95)


def heterogeneity_p(groups: Sequence[Sequence[float]]) -> float | None:
    """The p of Welch's test that all groups have the same mean; None where a group has no spread.

    Its statistic is Cochran's Q, scaled for spreads that are known from few values; of two groups it is the square of
    Welch's t.

    Args:
        groups: (k, n) float64, at least two; groups may differ in size.

    Source: Welch 1951, On the Comparison of Several Mean Values.
    """
    found = heterogeneity(groups)
    return found.p if found else None


def heterogeneity(groups: Sequence[Sequence[float]]) -> Heterogeneity | None:
    """How far the true means of groups differ; None where a group has no spread.

    Args:
        groups: (k, n) float64, at least two; groups may differ in size.

    Source: Cochran 1954 (Q); Higgins and Thompson 2002 (I2); `heterogeneity_p` and `paule_mandel` for the rest.
    """
    means, variances, degrees = map(np.array, _moments(groups))
    if len(groups) < 2:
        raise DataError(f"at least 2 replications are needed, got {len(groups)}: run another")
    if not all(variances):
        return None
    q, expected = _q(means, 1 / variances), len(means) - 1
    i2 = max(0.0, 1 - expected / q) if q else 0.0
    return Heterogeneity(q, _welch_p(q, 1 / variances, degrees), i2, math.sqrt(paule_mandel(means, variances)))


def _welch_p(q: float, weights: np.ndarray, degrees: np.ndarray) -> float:
    from scipy.special import fdtrc

    k = len(weights)
    spread = float(np.sum((1 - weights / weights.sum()) ** 2 / degrees))
    f = q / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    return float(fdtrc(k - 1, (k**2 - 1) / (3 * spread), f))


def paule_mandel(means: np.ndarray, variances: np.ndarray) -> float:
    """The variance between groups with which Q is what it is expected to be, k - 1; 0 where Q is less anyway.

    Q falls with that variance and is convex in it, so Newton's steps from 0 never go too far.

    Args:
        means: (k,) float64, at least two.
        variances: (k,) float64, the squared standard error of each, above 0.

    Source: Paule and Mandel 1982; DerSimonian and Kacker 2007 (the steps).
    """
    tau2 = 0.0
    for _ in range(200):
        weights = 1 / (variances + tau2)
        slope = float(weights**2 @ (means - weights @ means / weights.sum()) ** 2)
        step = (_q(means, weights) - (len(means) - 1)) / slope if slope else 0.0
        if step <= 1e-14 * tau2:
            break
        tau2 += step
    return tau2


def _q(means: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ (means - weights @ means / weights.sum()) ** 2)


def _moments(groups: Sequence[Sequence[float]]) -> tuple[list[float], list[float], list[int]]:
    """Of each group: the mean, its squared standard error, and the degrees of freedom of that."""
    means, variances = [], []
    for group in groups:
        mean, sd = mean_and_sd(group)
        if sd is None:
            raise DataError("at least 2 values of each replication are needed, got 1: run more seeds")
        means.append(mean)
        variances.append(sd**2 / len(group))
    return means, variances, [len(group) - 1 for group in groups]
