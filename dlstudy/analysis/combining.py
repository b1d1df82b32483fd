"""Statistics of independent replications: the mean over them, and whether they differ by more than chance.

Each replication is a group of paired differences. Where a group has fewer than two values, or one of them is not
finite, a function raises `DataError`.
"""

import math
from collections.abc import Sequence

from dlstudy.analysis.inference import Interval, mean_and_sd
from dlstudy.errors import DataError

__all__ = ["heterogeneity_p", "mean_of_means"]


def mean_of_means(groups: Sequence[Sequence[float]]) -> tuple[float, Interval]:
    """The unweighted mean of the groups' means, and its 95 % interval for these groups, whatever their spreads are.

    Groups of equal size are not weighted by their spread: from a few seeds it is too uncertain for that.

    Args:
        groups: (k, n) float64; groups may differ in size.

    Source: Satterthwaite 1946 and Welch 1947 (degrees of freedom of a sum of variances).
    """
    from scipy.special import stdtrit

    means, variances, degrees = _moments(groups)
    mean, variance = sum(means) / len(means), sum(variances)
    if not variance:
        return mean, (mean, mean)
    total = variance**2 / sum(v**2 / df for v, df in zip(variances, degrees, strict=True))
    half = float(stdtrit(total, 0.975)) * math.sqrt(variance) / len(means)
    return mean, (mean - half, mean + half)


def heterogeneity_p(groups: Sequence[Sequence[float]]) -> float | None:
    """The p of Welch's test that all groups have the same mean; None where a group has no spread.

    Its statistic is Cochran's Q, scaled for spreads that are known from few values; of two groups it is the square of
    Welch's t.

    Args:
        groups: (k, n) float64, at least two; groups may differ in size.

    Source: Welch 1951, On the Comparison of Several Mean Values.
    """
    from scipy.special import fdtrc

    means, variances, degrees = _moments(groups)
    k = len(groups)
    if k < 2:
        raise DataError(f"at least 2 replications are needed, got {k}: run another")
    if not all(variances):
        return None
    weights = [1 / v for v in variances]
    total = sum(weights)
    centre = sum(w * m for w, m in zip(weights, means, strict=True)) / total
    q = sum(w * (m - centre) ** 2 for w, m in zip(weights, means, strict=True))
    spread = sum((1 - w / total) ** 2 / df for w, df in zip(weights, degrees, strict=True))
    f = q / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    return float(fdtrc(k - 1, (k**2 - 1) / (3 * spread), f))


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
