"""Data preparation for a study's `prepare`: one column by its name, standardized values, sparse ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlstudy.errors import StudyError

__all__ = ["column", "one_hot_intervals", "standardize"]


def standardize(values: np.ndarray, train: np.ndarray | None = None, ddof: int = 0) -> np.ndarray:
    """(n, ...) float64, each column in standard deviations from its mean.

    Args:
        values: (n, ...) numbers: a table, or one column.
        train: (m,) the numbers of the training rows, which mean and standard deviation are computed from. None for
            all rows, which is a change of units and not a step of learning.
        ddof: 0 divides by the number of rows, as NumPy and scikit-learn's `StandardScaler` do; 1 by one less, as pandas
            does.
    """
    known = values if train is None else values[train]
    return np.asarray((values - known.mean(axis=0)) / known.std(axis=0, ddof=ddof))


def column(x: np.ndarray, p: Mapping[str, Any], *names: str) -> np.ndarray:  # Any: as in a study's functions
    """(n, 1), the column of the first of these names that the data set has.

    Args:
        x: (n, columns) a table, as `prepare` gets it.
        p: what `prepare` gets, with `feature_names`.
        names: of columns; several where the study also runs on other data sets.

    Raises:
        StudyError: the data set has none of them.
    """
    known = list(p["feature_names"])
    for name in names:
        if name in known:
            return x.reshape(len(x), -1)[:, [known.index(name)]]
    raise StudyError(f"the data set must have a column {' or '.join(names)}, got {', '.join(known) or 'images'}")


def one_hot_intervals(x: np.ndarray, train: np.ndarray, n: int) -> np.ndarray:
    """(rows, columns * n) float64: each column cut into n equal intervals, 1 for the one that holds the value, else 0.

    Args:
        x: (rows, columns) numbers.
        train: (m,) the numbers of the rows whose range is cut; values outside of it count to the outermost intervals.
        n: intervals, at least one.
    """
    low, high = x[train].min(axis=0), x[train].max(axis=0)
    interval = np.clip((x - low) / (high - low) * n, 0, n - 1).astype(int)
    return np.asarray(np.eye(n)[interval].reshape(len(x), -1))
