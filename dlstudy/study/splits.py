"""Turns a stated split into row numbers."""

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.errors import StudyError
from dlstudy.study.row_facts import RowFacts, facts_known
from dlstudy.study.split import STATED, Resample, Split

__all__ = ["Rows", "sizes_of", "split_rows"]


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


def split_rows(split: Split, facts: RowFacts, rows: int | None = None, *, number: int = 0) -> Rows:
    """The rows that train, validate and test.

    Args:
        split: as the study states it.
        facts: what it needs to know of the data.
        rows: train and validate on this many rows only, after the test rows are split off: on the first, or of rows in
            time on the last, or of rows that may be sorted on some that are drawn. Where the validation rows are
            stated, on some of them and of those that train, as many of each as keep their proportion.
        number: of the split, from 0, where it is resampled.

    Raises:
        StudyError: a part that is asked for would be empty, or stated rows are not there.
    """
    stated = _stated_validation(split, facts)
    left, test = _test_parts(split, facts, np.setdiff1d(np.arange(facts.n_train, dtype=np.int32), stated), number)
    if split.states_validation:
        train, validation = _some_of_both(left, stated, rows, facts)
    else:
        in_time = split.resample is Resample.TIME or split.last is not None
        kept = left if rows is None else left[-rows:] if in_time else _some(left, rows, facts)
        train, validation = _validation_parts(split, facts, kept, number)
    return Rows(train, validation, test, test_inside=split.tests_inside)


def sizes_of(split: Split, about: Description, rows: int | None = None) -> tuple[int, int, int] | None:
    """How many rows train, validate and test; None where that is in data that is not here by now.

    Args:
        split: not resampled, whose splits may differ in it.
        about: of the data set.
        rows: as of `split_rows`.

    Raises:
        StudyError: as `split_rows`.
    """
    split = dataclasses.replace(split, stratify=False)  # which changes no size, and for which data must be here
    facts = facts_known(split, about)
    if facts is None:
        return None
    parts = split_rows(split, facts, rows)
    return len(parts.train), len(parts.validation), len(parts.test)


def _stated_validation(split: Split, facts: RowFacts) -> np.ndarray:
    """The rows that are stated for validation; none where none are."""
    if split.validation == STATED:
        assert facts.validation_rows is not None, "they are looked up before"
        return np.asarray(facts.validation_rows)
    if not isinstance(split.validation, tuple):
        return np.array([], np.int32)
    return _stated("Split.validation", split.validation, facts.n_train)


def _stated(what: str, rows: tuple[int, ...], n: int) -> np.ndarray:
    """The row numbers of a part, checked: they are there, and others are left."""
    if max(rows) >= n or len(rows) >= n:
        raise StudyError(f"{what} names {len(rows)} rows up to {max(rows)}, but there are {n}: correct it")
    return np.array(rows, np.int32)


def _test_parts(split: Split, facts: RowFacts, rows: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are left, and those that test."""
    if split.last is not None:
        return _last_parts(rows, split.last, "Split.last")
    if isinstance(split.test, tuple):
        test = _stated("Split.test", split.test, facts.n_train)
        if both := sorted({*test.tolist()} - {*rows.tolist()}):
            raise StudyError(
                f"a row either validates or tests, got row {both[0]} in both: correct Split.validation or Split.test"
            )
        return np.setdiff1d(rows, test), test
    if split.test is None:
        return rows, np.arange(facts.n_test, dtype=np.int32)
    if split.resample is Resample.FOLDS:
        return _folds(split, facts, rows, number)
    if split.resample is Resample.TIME:
        from sklearn.model_selection import TimeSeriesSplit

        return _parts(rows, split.test, TimeSeriesSplit(int(split.most_splits)), number)
    return _drawn_parts(split, facts, rows, split.test, number)


def _validation_parts(split: Split, facts: RowFacts, rows: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that train, and those that validate."""
    wanted: Any = split.validation  # Any: a number of rows or a share
    if split.last is not None and wanted:
        return _last_parts(rows, wanted, "Split.validation")
    n_validation = wanted if isinstance(wanted, int) else round(wanted * len(rows))
    if not 0 <= n_validation < len(rows) or (wanted and not n_validation):
        raise _empty(n_validation, len(rows))
    if split.resample is Resample.TIME:
        train, validation = np.split(rows, [len(rows) - n_validation])
        return train, validation
    if n_validation and (split.random_state is not None or facts.may_be_sorted):
        return _drawn_parts(split, facts, rows, wanted, number)
    return rows[n_validation:], rows[:n_validation]


def _empty(n_validation: int, n: int) -> StudyError:
    return StudyError(
        f"both training and validation need at least one row, got {n_validation} of {n} for validation: change "
        "Split.validation"
    )


def _some(rows: np.ndarray, n: int, facts: RowFacts) -> np.ndarray:
    """The first n of these rows; of rows that may be sorted, n that are drawn, in their order."""
    if n >= len(rows) or not facts.may_be_sorted:
        return rows[:n]
    return np.sort(np.random.default_rng(0).permutation(rows)[:n])


def _some_of_both(
    train: np.ndarray, validation: np.ndarray, n: int | None, facts: RowFacts
) -> tuple[np.ndarray, np.ndarray]:
    """Some of the rows that train and of those that validate: n together, in the proportion of all."""
    n_all = len(train) + len(validation)
    n_validation = len(validation) if n is None or n >= n_all else max(1, round(n * len(validation) / n_all))
    n_train = len(train) if n is None or n >= n_all else n - n_validation
    if n_train < 1:
        raise _empty(n_validation, n_train + n_validation)
    return _some(train, n_train, facts), _some(validation, n_validation, facts)


def _last_parts(rows: np.ndarray, size: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    # Any: a number of rows or a share, rounded up as by `train_test_split(shuffle=False)`
    n_last = size if isinstance(size, int) else math.ceil(size * len(rows))
    if n_last >= len(rows):
        raise StudyError(f"{what} must leave a row that trains, got the last {n_last} of {len(rows)}: lower it")
    return rows[:-n_last], rows[-n_last:]


def _folds(split: Split, facts: RowFacts, rows: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    n, state = split.n_blocks, _state(split, number)
    if split.groups:
        groups = _of_rows(facts.groups, rows)
        if (n_groups := len(np.unique(groups))) < n:
            raise StudyError(f"{n} folds need at least {n} groups, got {n_groups}: raise Split.test, for fewer folds")
        return _parts(rows, split.test, GroupKFold(n, shuffle=True, random_state=state), number % n, groups=groups)
    if split.stratify:
        labels = _labels(facts, rows, n)
        return _parts(rows, split.test, StratifiedKFold(n, shuffle=True, random_state=state), number % n, labels=labels)
    return _parts(rows, split.test, KFold(n, shuffle=True, random_state=state), number % n)


def _drawn_parts(
    split: Split, facts: RowFacts, rows: np.ndarray, size: Any, number: int
) -> tuple[np.ndarray, np.ndarray]:  # Any: a number of rows or a share
    """scikit-learn's own shuffle, so that a document's `train_test_split` gives the same rows."""
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

    options: dict[str, Any] = {"test_size": size, "random_state": _state(split, number)}  # Any: numbers of two types
    if split.groups:
        return _parts(rows, size, GroupShuffleSplit(1, **options), groups=_of_rows(facts.groups, rows))
    if split.stratify:
        return _parts(rows, size, StratifiedShuffleSplit(1, **options), labels=_labels(facts, rows, 2))
    return _parts(rows, size, ShuffleSplit(1, **options))


def _state(split: Split, number: int) -> int:
    """The random state of a split, 0 where it states none; of folds, of their shuffle, which k splits share."""
    step = number // split.n_blocks if split.resample is Resample.FOLDS else number
    return ((split.random_state or 0) + step) % 2**32


def _of_rows(facts: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    assert facts is not None, "what a split divides by is looked up before"
    taken: np.ndarray = facts[rows]
    return taken


def _labels(facts: RowFacts, rows: np.ndarray, least: int) -> np.ndarray:
    """The class of each row, after a check that each class has enough rows."""
    labels = _of_rows(facts.labels, rows)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < least:
        rarest = int(classes[counts.argmin()])
        name = facts.label_names[rarest] if rarest < len(facts.label_names) else str(rarest)
        raise StudyError(
            f"Split.stratify needs at least {least} of these {len(rows):,} rows in each class, got {counts.min()} in "
            f"{name!r}: join it to another class, or leave stratify out"
        )
    return labels


def _parts(
    rows: np.ndarray,
    size: Any,
    splitter: Any,
    number: int = 0,
    *,
    groups: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # Any: a number of rows or a share; a splitter of scikit-learn
    """The two parts of one of a splitter's splits."""
    try:
        first, second = next(itertools.islice(splitter.split(rows, labels, groups), number, None))
    except ValueError as error:
        n, unit = (len(rows), "row") if groups is None else (len(np.unique(groups)), "group")
        of_each = " of each class" if labels is not None else ""
        raise StudyError(
            f"every part needs at least one {unit}{of_each}, got {n} {unit}{'s' if n > 1 else ''} and {size} apart: "
            "change Split"
        ) from error
    return rows[first], rows[second]
