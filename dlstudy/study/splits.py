"""Turns a stated split into row numbers."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Array, Description
from dlstudy.datasets.twins import row_digests
from dlstudy.errors import StudyError
from dlstudy.study.protocol import Resample, Split

__all__ = ["EQUAL_ROWS", "Rows", "groups_of", "require_groups", "split_rows"]

EQUAL_ROWS = "equal rows"
"""The name in `Split.groups` for rows of which all features are equal."""


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


def split_rows(
    split: Split,
    n_train: int,
    n_test: int,
    rows: int | None = None,
    *,
    number: int = 0,
    groups: np.ndarray | None = None,
) -> Rows:
    """The rows that train, validate and test.

    Args:
        split: as the study states it.
        n_train: rows in the training part of the data set.
        n_test: rows in its test part.
        rows: train and validate on this many rows only (after the test rows are split off): on the first, or of rows in
            time on the last.
        number: of the split, from 0, where it is resampled.
        groups: (n_train,) the group of each row, as `groups_of` gives it.

    Raises:
        StudyError: a part that is asked for would be empty.
    """
    left = np.arange(n_train, dtype=np.int32)
    test = np.arange(n_test, dtype=np.int32)
    if isinstance(split.test, tuple):
        left, test = _stated_parts(left, split.test)
    elif split.test is not None:
        left, test = _resampled_parts(left, split, number, groups)
    if rows is not None:
        left = left[-rows:] if split.resample is Resample.TIME else left[:rows]
    wanted = split.validation
    n_validation = wanted if isinstance(wanted, int) else round(wanted * len(left))
    if not 0 <= n_validation < len(left) or (wanted and not n_validation):
        raise StudyError(
            f"both training and validation need at least one row, got {n_validation} of {len(left)} for validation: "
            "change Split.validation"
        )
    if split.resample is Resample.TIME:
        train, validation = np.split(left, [len(left) - n_validation])
    elif groups is not None and n_validation:
        train, validation = _group_parts(left, wanted, _state(split, number), groups)
    elif split.random_state is not None and n_validation:
        train, validation = _random_parts(left, wanted, _state(split, number))
    else:
        train, validation = left[n_validation:], left[:n_validation]
    return Rows(train, validation, test, test_inside=split.test is not None)


def groups_of(split: Split, about: Description, x: Array) -> np.ndarray | None:
    """(n,) the group of each row of the training part; None where the split knows no groups.

    Args:
        split: as the study states it.
        about: of the data set.
        x: (n, *input_shape), its training part, divided by its scale or not.

    Raises:
        StudyError: the data set has no such column.
    """
    if split.resample is not Resample.GROUPS:
        return None
    require_groups(split, about)
    found = row_digests(x) if split.groups == EQUAL_ROWS else x[:, about.feature_names.index(split.groups)]
    return np.unique(found, return_inverse=True)[1]


def require_groups(split: Split, about: Description) -> None:
    """Checks that a data set has the column whose values are the groups.

    Raises:
        StudyError: it has not.
    """
    if split.groups and split.groups not in (EQUAL_ROWS, *about.feature_names):
        raise StudyError(
            f"Split.groups must be {EQUAL_ROWS!r} or a column of {about.name} "
            f"({', '.join(about.feature_names) or 'which has none'}), got {split.groups!r}"
        )


def _state(split: Split, number: int) -> int | None:
    """The random state of a split; of folds, of their shuffle, which k splits share."""
    if split.random_state is None:
        return None
    step = number // split.n_blocks if split.resample is Resample.FOLDS else number
    return (split.random_state + step) % 2**32


def _stated_parts(rows: np.ndarray, test: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are left, and the stated ones."""
    if max(test) >= len(rows) or len(test) >= len(rows):
        raise StudyError(f"Split.test names {len(test)} rows up to {max(test)}, but there are {len(rows)}: correct it")
    chosen = np.array(test, np.int32)
    return np.setdiff1d(rows, chosen), chosen


def _resampled_parts(
    rows: np.ndarray, split: Split, number: int, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are left, and those that test, of a split by share."""
    from sklearn.model_selection import KFold, TimeSeriesSplit

    state = _state(split, number)
    if split.resample is Resample.FOLDS:
        folds = KFold(split.n_blocks, shuffle=True, random_state=state)
        return _parts(rows, split.test, folds, number % split.n_blocks)
    if split.resample is Resample.TIME:
        return _parts(rows, split.test, TimeSeriesSplit(int(split.most_splits)), number)
    if split.resample is Resample.GROUPS:
        assert groups is not None, "groups are looked up before"
        return _group_parts(rows, split.test, state, groups)
    return _random_parts(rows, split.test, state)


def _random_parts(
    rows: np.ndarray, size: Any, random_state: int | None
) -> tuple[np.ndarray, np.ndarray]:  # Any: a number of rows or a share
    """scikit-learn's own shuffle, so that a document's `train_test_split` gives the same rows."""
    from sklearn.model_selection import ShuffleSplit

    return _parts(rows, size, ShuffleSplit(1, test_size=size, random_state=random_state))


def _group_parts(
    rows: np.ndarray, size: Any, random_state: int | None, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # Any: a share
    from sklearn.model_selection import GroupShuffleSplit

    return _parts(rows, size, GroupShuffleSplit(1, test_size=size, random_state=random_state), groups=groups[rows])


def _parts(
    rows: np.ndarray, size: Any, splitter: Any, number: int = 0, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:  # Any: a number of rows or a share; a splitter of scikit-learn
    """The two parts of one of a splitter's splits."""
    try:
        first, second = next(itertools.islice(splitter.split(rows, groups=groups), number, None))
    except ValueError as error:
        raise StudyError(
            f"every part needs at least one row, got {len(rows)} rows and {size} apart: change Split"
        ) from error
    return rows[first], rows[second]
