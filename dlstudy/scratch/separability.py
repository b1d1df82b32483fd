"""Tests of linear separability: which labels of points a straight line can give."""

from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from dlstudy.errors import DataError
from dlstudy.scratch.arrays import floats

__all__ = ["is_linearly_separable", "separable_labelings"]


def is_linearly_separable(x: ArrayLike, y: ArrayLike) -> bool:
    """Whether some straight line (plane, hyperplane) has all rows of one class on one side, all others on the other.

    A linear program looks for w and b with t * (x . w - b) >= 1 in all rows, t = -1 or 1: they exist if and only if
    the classes are separable. Rows of a single class are. A gap under 1e-8 of the rows' spread may not be recognized.

    Args:
        x: (n, features) numbers.
        y: (n,) labels of at most two classes.

    Raises:
        DataError: x and y do not fit each other or are empty, or y has more than two classes.

    Source: Minsky and Papert 1969, Perceptrons.
    """
    from scipy.optimize import linprog

    rows, labels = floats(x), np.asarray(y)
    if rows.ndim != 2 or labels.shape != rows.shape[:1] or not rows.size:
        raise DataError(f"x must be (n, features) and y (n,), n > 0, got {rows.shape} and {labels.shape}: reshape them")
    classes = np.unique(labels)
    if len(classes) > 2:
        raise DataError(f"y must have at the most two classes, got {len(classes)}: take two of them")
    spread = np.ptp(rows, axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)  # which moves the line, and eases the search
    signs = np.where(labels == classes[0], -1.0, 1.0)
    answer = linprog(
        np.zeros(rows.shape[1] + 1),
        A_ub=-signs[:, None] * np.column_stack([rows, np.full(len(rows), -1.0)]),
        b_ub=-np.ones(len(rows)),
        bounds=(None, None),
    )
    return bool(answer.success)


def separable_labelings(points: ArrayLike) -> set[tuple[int, ...]]:
    """Every labelling of a few points with 0 and 1 that some straight line (hyperplane) gives.

    For n points in the plane, no three of them on a line, there are n^2 - n + 2. The corners of a square have 14 of
    16: XOR and its opposite are missing.

    Args:
        points: (n, features) numbers; each of the 2^n labellings takes a linear program (a millisecond).

    Raises:
        DataError: points are not a matrix, or are empty.

    Source: Cover 1965, Geometrical and Statistical Properties of Systems of Linear Inequalities, theorem 1.
    """
    labelings = product((0, 1), repeat=len(np.asarray(points)))
    return {labels for labels in labelings if is_linearly_separable(points, labels)}
