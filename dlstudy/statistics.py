"""What a few paired runs can say: pure functions over small arrays."""

import math
from collections.abc import Sequence

import numpy as np

from dlstudy.errors import DataError

__all__ = ["Interval", "mean_and_sd", "paired_interval", "prediction_interval"]

Interval = tuple[float, float]


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and standard deviation with n - 1 (None for a single value).

    Raises:
        DataError: no values, or one that is not finite.
    """
    array = _checked(values, 1)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


def paired_interval(differences: Sequence[float], level: float = 0.95) -> Interval:
    """Student's interval of the mean difference.

    Args:
        differences: (n,) float64, one a seed, at least two.
        level: coverage in (0, 1).

    Raises:
        DataError: fewer than two differences, or one that is not finite.

    Source: Student 1908; mean +- t(n-1) * s / sqrt(n).
    """
    array = _checked(differences, 2)
    half = _t(len(array) - 1, level) * float(array.std(ddof=1)) / math.sqrt(len(array))
    return float(array.mean()) - half, float(array.mean()) + half


def prediction_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Where one more run would fall: mean +- t(n-1) * s * sqrt(1 + 1/n).

    Args:
        values: (n,) float64, one a seed, at least two.
        level: coverage in (0, 1).

    Raises:
        DataError: fewer than two values, or one that is not finite.

    Source: Hahn and Meeker 1991, Statistical Intervals, section 4.7.
    """
    array = _checked(values, 2)
    half = _t(len(array) - 1, level) * float(array.std(ddof=1)) * math.sqrt(1 + 1 / len(array))
    return float(array.mean()) - half, float(array.mean()) + half


def _t(degrees: int, level: float) -> float:
    from scipy.special import stdtrit  # scipy.stats takes seven times as long to import

    return float(stdtrit(degrees, 0.5 + level / 2))


def _checked(values: Sequence[float], least: int) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise DataError(f"at least {least} finite values are needed, got {list(values)!r}")
    return array
