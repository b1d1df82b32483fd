"""Statistics over data sets: how much a difference varies between them, and how arms rank on all of them.

Pure functions of small arrays. The mean over data sets and its interval are those of `inference`, with the data set as
the unit. SciPy is imported inside the functions, and only its `special`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlstudy.errors import DataError

__all__ = ["Heterogeneity", "Ranks", "average_ranks", "heterogeneity", "paule_mandel"]

_NEMENYI = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
"""Critical values at 5 % for 2 to 10 arms: Demsar 2006, table 5(a)."""


@dataclass(frozen=True)
class Heterogeneity:
    """How much the true difference varies between data sets.

    Args:
        q: Cochran's Q, the weighted squares of the differences from their weighted mean.
        p: that the true differences are all alike (Welch).
        i2: the share of the variation that the noise of each data set does not explain, in [0, 1].
        tau: standard deviation of the true differences (Paule and Mandel), in their unit.
    """

    q: float
    p: float
    i2: float
    tau: float


@dataclass(frozen=True)
class Ranks:
    """Arms ranked on every data set, 1 for the best.

    Args:
        mean: rank of each arm, mean over the data sets, best first.
        p: that all arms rank alike (Friedman's test, in Iman and Davenport's form).
        critical_difference: mean ranks that differ by less cannot be told apart (Nemenyi, 5 %); None for more than ten
            arms.
    """

    mean: Mapping[str, float]
    p: float
    critical_difference: float | None


def heterogeneity(differences: Sequence[float], errors: Sequence[float], sizes: Sequence[int]) -> Heterogeneity:
    """How much the true differences of data sets vary.

    With standard errors from a few pairs, Q is far larger than chi-squared has it: at 6 pairs and 10 data sets, 26 of
    100 tests would call data sets different that are alike. Welch's F of the same Q is right there.

    Args:
        differences: (k,) mean paired difference on each data set, at least two.
        errors: (k,) standard error of each, above 0.
        sizes: (k,) pairs behind each, at least two.

    Raises:
        DataError: the arguments break these rules.

    Source: Cochran 1954 (Q); Welch 1951, On the Comparison of Several Mean Values; Higgins and Thompson 2002 (I2).
    """
    from scipy.special import fdtrc

    y, variances, n = (np.asarray(values, np.float64) for values in (differences, errors, sizes))
    k = len(y)
    if k < 2 or not (len(variances) == len(n) == k) or not np.isfinite(y).all() or not (variances > 0).all():
        raise DataError(
            "at least 2 data sets are needed, each with a difference and a standard error above 0, got "
            f"{list(differences)!r} and {list(errors)!r}"
        )
    variances **= 2
    weights = 1 / variances
    q = _q(y, weights)
    unsure = float(np.sum((1 - weights / weights.sum()) ** 2 / (n - 1)))
    f = q / (k - 1) / (1 + 2 * (k - 2) / (k * k - 1) * unsure)
    return Heterogeneity(
        q=q,
        p=float(fdtrc(k - 1, (k * k - 1) / (3 * unsure), f)),
        i2=max(0.0, 1 - (k - 1) / q) if q else 0.0,
        tau=math.sqrt(paule_mandel(y, variances)),
    )


def paule_mandel(differences: np.ndarray, variances: np.ndarray) -> float:
    """The variance between data sets with which Q is what it is expected to be, k - 1; 0 where Q is less anyway.

    Q falls with that variance and is convex in it, so Newton's steps from 0 never go too far.

    Args:
        differences: (k,) float64, at least two.
        variances: (k,) float64, the square of each standard error, above 0.

    Source: Paule and Mandel 1982; DerSimonian and Kacker 2007 (the steps).
    """
    tau2 = 0.0
    for _ in range(200):
        weights = 1 / (variances + tau2)
        residuals = differences - weights @ differences / weights.sum()
        slope = float(weights**2 @ residuals**2)
        step = (_q(differences, weights) - (len(differences) - 1)) / slope if slope else 0.0
        if step <= 1e-14 * tau2:
            break
        tau2 += step
    return tau2


def average_ranks(scores: Sequence[Mapping[str, float]], sign: int) -> Ranks:
    """The mean rank of each arm over data sets, and whether ranks differ. Arms that tie share the mean of their ranks.

    Args:
        scores: (N,) for each data set the score of each of the same arms: two of each at least.
        sign: 1 where more is better, -1 where less is.

    Source: Demsar 2006, Statistical Comparisons of Classifiers over Multiple Data Sets, section 3.2.2.
    """
    from scipy.special import fdtrc

    arms = list(scores[0])
    values = -sign * np.array([[of_data[arm] for arm in arms] for of_data in scores])
    n, k = values.shape
    ranks = np.array([[np.sum(row < value) + (np.sum(row == value) + 1) / 2 for value in row] for row in values])
    means = ranks.mean(axis=0)
    between = n * float(np.sum((means - (k + 1) / 2) ** 2))
    within = max(0.0, float(np.sum((ranks - (k + 1) / 2) ** 2)) - between)
    f = math.inf if within <= 1e-12 * between else (n - 1) * between / within
    p = float(fdtrc(k - 1, (k - 1) * (n - 1), f)) if between else 1.0
    critical = _NEMENYI[k - 2] * math.sqrt(k * (k + 1) / (6 * n)) if k - 2 < len(_NEMENYI) else None
    return Ranks({arms[i]: float(means[i]) for i in np.argsort(means, kind="stable")}, p, critical)


def _q(differences: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ (differences - weights @ differences / weights.sum()) ** 2)
