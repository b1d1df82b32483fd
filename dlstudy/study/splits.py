"""Turns a stated split into row numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.errors import StudyError
from dlstudy.study.protocol import Split

__all__ = ["Rows", "split_rows"]


@dataclass(frozen=True)
class Rows:
    """Row numbers of a data set.

    Args:
        train, validation: (n,) int32, into the training part.
        test: (n,) int32, into the test part, or into the training part where `test_inside`.
        test_inside: whether the test rows were split off the training part.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    test_inside: bool = False


def split_rows(split: Split, n_train: int, n_test: int, rows: int | None = None) -> Rows:
    """The rows that train, validate and test.

    Args:
        split: as the study states it.
        n_train: rows in the training part of the data set.
        n_test: rows in its test part.
        rows: train and validate on the first `rows` rows only (after the test rows are split off).

    Raises:
        StudyError: a part that is asked for would be empty.
    """
    left = np.arange(n_train, dtype=np.int32)
    test = np.arange(n_test, dtype=np.int32)
    if isinstance(split.test, tuple):
        left, test = _stated_parts(left, split.test)
    elif split.test is not None:
        left, test = _random_parts(left, split.test, split.random_state)
    left = left if rows is None else left[:rows]
    wanted = split.validation
    n_validation = wanted if isinstance(wanted, int) else round(wanted * len(left))
    if not 0 <= n_validation < len(left) or (wanted and not n_validation):
        raise StudyError(
            f"both training and validation need at least one row, got {n_validation} of {len(left)} for validation: "
            "change Split.validation"
        )
    if split.random_state is not None and n_validation:
        train, validation = _random_parts(left, wanted, split.random_state)
    else:
        train, validation = left[n_validation:], left[:n_validation]
    return Rows(train, validation, test, test_inside=split.test is not None)


def _stated_parts(rows: np.ndarray, test: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are left, and the stated ones."""
    if max(test) >= len(rows) or len(test) >= len(rows):
        raise StudyError(f"Split.test names {len(test)} rows up to {max(test)}, but there are {len(rows)}: correct it")
    chosen = np.array(test, np.int32)
    return np.setdiff1d(rows, chosen), chosen


def _random_parts(
    rows: np.ndarray, size: Any, random_state: int | None
) -> tuple[np.ndarray, np.ndarray]:  # Any: a number of rows or a share
    """scikit-learn's own shuffle, so that a document's `train_test_split` gives the same rows."""
    from sklearn.model_selection import train_test_split

    try:
        first, second = train_test_split(rows, test_size=size, random_state=random_state)
    except ValueError as error:
        raise StudyError(
            f"every part needs at least one row, got {len(rows)} rows and {size} apart: change Split"
        ) from error
    return np.asarray(first), np.asarray(second)
