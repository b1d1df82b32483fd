"""What the data says about its rows that a split divides by: groups, labels, and rows stated for validation."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Array, Dataset, Description
from dlstudy.datasets.disk_rows import DiskRows
from dlstudy.datasets.structure import Structure, arrays_in, is_table, rows_in
from dlstudy.datasets.twins import row_digests
from dlstudy.errors import StudyError
from dlstudy.study.split import EQUAL_ROWS, STATED, Split

__all__ = ["RowFacts", "facts_in", "facts_known", "facts_of", "require_facts"]

_MOST_NAMED = 20
"""Columns that a message names."""


@dataclass(frozen=True, eq=False)
class RowFacts:
    """What is known of the rows of a data set, and what a split divides by.

    Args:
        n_train: rows in its training part.
        n_test: rows in its test part.
        groups: (n_train,) whole numbers, equal for rows of a group.
        labels: (n_train,) whole numbers, the classes.
        label_names: of the classes, by number.
        validation_rows: (n_validation,) int32, the numbers of the training part's rows that it states for validation.
        may_be_sorted: as of `Description`.
    """

    n_train: int
    n_test: int
    groups: np.ndarray | None = None
    labels: np.ndarray | None = None
    label_names: Sequence[str] = ()
    validation_rows: np.ndarray | None = None
    may_be_sorted: bool = False


def facts_of(
    split: Split,
    about: Description,
    x: Structure,
    y: Structure,
    groups: Array | None = None,
    validation_rows: Array | None = None,
) -> RowFacts:
    """What a split needs to know of the rows.

    Args:
        split: as the study states it.
        about: of the data set.
        x: (n_train, ...), the inputs of its training part, divided by its scale or not.
        y: (n_train, ...), the targets.
        groups, validation_rows: as of `Dataset`.

    Raises:
        StudyError: the data has no such groups, no classes or no such rows.
    """
    require_facts(split, about)
    return RowFacts(
        rows_in(x),
        about.n_test,
        groups=_groups(split.groups, about, x, groups) if split.groups else None,
        labels=_labels(y) if split.stratify else None,
        label_names=about.label_names,
        validation_rows=validation_rows if split.validation == STATED else None,
        may_be_sorted=about.may_be_sorted,
    )


def facts_in(split: Split, data: Dataset) -> RowFacts:
    """What a split needs to know of the rows of a data set.

    Raises:
        StudyError: as `facts_of`.
    """
    return facts_of(split, data.description, data.x_train, data.y_train, data.groups, data.validation_rows)


def facts_known(split: Split, about: Description) -> RowFacts | None:
    """What a split needs to know; None where it is in data that is not here by now: it is not fetched for that.

    Raises:
        DataError: the data is here and cannot be read.
        StudyError: as `facts_of`.
    """
    require_facts(split, about)
    if not (split.groups or split.stratify or split.validation == STATED):
        return RowFacts(about.n_train, about.n_test, may_be_sorted=about.may_be_sorted)
    if about.is_stream:  # whose validation rows follow the others
        first = about.n_train - about.n_validation
        return RowFacts(about.n_train, about.n_test, validation_rows=np.arange(first, about.n_train, dtype=np.int32))
    return _facts_of_cached(split, about.name) if registry.state(about.name) == "cached" else None


@functools.lru_cache(maxsize=8)
def _facts_of_cached(split: Split, dataset: str) -> RowFacts:
    return facts_in(split, registry.load(dataset))


def require_facts(split: Split, about: Description) -> None:
    """Checks that a data set has the groups, classes and rows that a split divides by, as far as its description says.

    Raises:
        StudyError: it has not.
    """
    are_columns_known = about.feature_names or isinstance(about.input_shape, tuple)  # not of a structure
    if split.groups and are_columns_known:
        _require_groups(split.groups, about, about.feature_names)
    stated = STATED if about.n_validation else 0
    if about.is_stream and (split.tests_inside or split.stratify or split.validation != stated):
        raise StudyError(
            f"{about.name} is a stream, which comes in parts: state Split(validation={stated!r}), got {split}"
        )
    if split.stratify and not about.classifies:
        raise StudyError(
            f"Split.stratify needs one of several classes for each row, but {about.name} is for the task "
            f"{about.task!r}: leave it out"
        )
    if split.validation == STATED and not about.n_validation:
        raise StudyError(
            f"Split.validation is 'stated', but {about.name} states no rows for validation: state a share or row "
            "numbers, or state them in the data"
        )


def _require_groups(name: str, about: Description, columns: Sequence[str]) -> None:
    stated = [STATED, about.group_name] if about.group_name else []
    if name not in (EQUAL_ROWS, *stated, *columns):
        raise StudyError(
            f"Split.groups must be {', '.join(map(repr, [EQUAL_ROWS, *dict.fromkeys(stated)]))} or a column of "
            f"{about.name} ({', '.join(columns[:_MOST_NAMED]) or 'which has none'}), got {short_repr(name)}"
        )


def _groups(name: str, about: Description, x: Structure, stated: Array | None) -> np.ndarray:
    """(n,) the number of each row's group; of a column, in the order of its values."""
    if stated is not None and name in (STATED, about.group_name):
        return np.asarray(stated)
    from pandas import factorize

    if name == EQUAL_ROWS:  # in the order of the rows, which is the same whether x is divided by its scale or not
        return np.asarray(factorize(row_digests(x))[0])
    columns = {name: x[:, about.feature_names.index(name)]} if isinstance(x, DiskRows) else _columns(about, x)
    _require_groups(name, about, list(columns))
    numbers, _ = factorize(np.asarray(columns[name]), sort=True)
    if n_missing := int((numbers < 0).sum()):
        raise StudyError(f"each row needs a group, got none in {n_missing:,} rows of {name!r}: fill or drop them")
    return np.asarray(numbers)


def _columns(about: Description, x: Structure) -> dict[str, Any]:  # Any: arrays and pandas series
    """What has one value for each row, by name: the columns of tables and arrays, and arrays in a dict."""
    found: dict[str, Any] = {}
    if isinstance(x, Mapping):
        found |= {name: item.reshape(-1) for name, item in x.items() if _is_column(item)}
    for leaf in arrays_in(x):
        found |= {name: leaf[name] for name in leaf.columns} if is_table(leaf) else {}
    if isinstance(x, np.ndarray) and x.ndim == 2:
        found |= {name: x[:, i] for i, name in enumerate(about.feature_names)}
    return found


def _is_column(item: Structure) -> bool:
    return isinstance(item, np.ndarray) and item.size == len(item)


def _labels(y: Structure) -> np.ndarray:
    """(n,) the number of each row's class, also where there is a column for each class."""
    labels = np.asarray(y)
    return labels.argmax(axis=1) if labels.size > len(labels) else labels.reshape(-1)
