"""Average ranks of arms over data sets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Ranks", "average_ranks"]

_NEMENYI = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
"""Critical values at 5 % for 2 to 10 arms: Demsar 2006, table 5(a)."""


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
