"""Reads from the targets of one's own data what is to be learned."""

from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import Array
from dlstudy.datasets.structure import Structure, is_table
from dlstudy.errors import DataError

__all__ = ["Targets", "read_targets"]

_MOST_CLASSES = 100
_ROWS_PER_CLASS = 3
"""Whole numbers are taken for classes if each value has at least this many rows on average."""

_FEWEST_OF_A_CLASS = 2

Targets = tuple[str, Structure, tuple[str, ...]]
"""The task, the targets with labels as numbers from 0, and the names of the labels."""


def read_targets(y: Structure, *, is_x: bool, task: str | None, names: tuple[str, ...] | None) -> Targets:
    """What targets are, and as models take them.

    Labels, (n,) texts, categories, truth values or whole numbers, become int32 numbers in the order of their names or
    values; other numbers keep their type.

    Args:
        y: (n, ...) targets without missing values, or a structure of such; None for none.
        is_x: whether they are the inputs themselves.
        task: what they are said to be; None where that is to be read from them.
        names: of the labels, from 0; None where they are to be read.

    Raises:
        DataError: they are not what they are said to be, or a class has too few rows.
    """
    if y is None or is_x:
        return task or "other", y, names or ()
    columns: tuple[str, ...] = ()
    if is_table(y):
        columns, y = tuple(map(str, y.columns)), _numbers_of(y)
    if not isinstance(y, np.ndarray):
        return task or "other", y, names or ()
    task = task or _task_of(y)
    if task in ("binary", "multiclass"):
        return _labelled(y, task, names or (columns if len(columns) > 1 else None))
    if y.dtype.kind not in "buif":
        raise DataError(f"the targets of a {task} must be numbers, got {short_repr(y.flat[0])}: correct Data.task or y")
    if task == "multilabel":
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise DataError(
                f"the targets of a multilabel task must be 0 or 1 in a column for each label, got shape {y.shape}"
            )
        if names is not None and len(names) != y.shape[1]:
            raise DataError(
                f"Data.label_names must name {y.shape[1]} labels, one for each column of y, got {len(names)}"
            )
        return task, y.astype(np.int32), names or columns or tuple(map(str, range(y.shape[1])))
    return task, y.astype(np.float64) if task == "regression" and y.dtype.kind in "bui" else y, names or ()


def _numbers_of(table: Any) -> Array:  # Any: a pandas table
    """(n, columns) of a table of targets."""
    kinds = {np.dtype(kind).kind if isinstance(kind, np.dtype) else "O" for kind in table.dtypes}
    if not kinds <= set("buif"):
        raise DataError(
            f"several targets must be numbers, got columns of other types among {', '.join(table.columns)}: give y as "
            "a dict of arrays"
        )
    return np.asarray(table.to_numpy())


def _task_of(y: Array) -> str:
    if y.ndim == 2 and y.shape[1] == 1:
        return _task_of(y[:, 0])
    if y.ndim == 2 and y.dtype.kind in "bui" and np.isin(y, (0, 1)).all():
        return "multiclass" if bool((y.sum(axis=1) == 1).all()) and y.shape[1] > 2 else "multilabel"
    if y.ndim > 1:
        return "regression" if y.ndim == 2 and y.dtype.kind == "f" else "sequence" if y.ndim == 2 else "other"
    if y.dtype.kind == "f":
        return "regression"
    n_different = len(np.unique(y.astype(str) if y.dtype.kind == "O" else y))
    if y.dtype.kind in "ui" and n_different > min(_MOST_CLASSES, max(2, len(y) // _ROWS_PER_CLASS)):
        return "regression"
    return "binary" if n_different <= 2 else "multiclass"


def _labelled(y: Array, task: str, names: tuple[str, ...] | None) -> Targets:
    if y.ndim == 2 and y.shape[1] > 1:  # one column for each class, which models take as it is
        counts = np.bincount(y.argmax(axis=1), minlength=y.shape[1])
        names = names or tuple(map(str, range(y.shape[1])))
        values: list[Any] = list(range(y.shape[1]))
        coded: Array = y
    else:
        values, codes = _codes(y.reshape(len(y)), names)
        counts, coded = np.bincount(codes, minlength=len(values)), codes.astype(np.int32)
    names = tuple(map(str, values)) if names is None else names
    if len(names) != len(values):
        raise DataError(
            f"Data.label_names must name each of {len(values)} labels in y, got {len(names)} names: correct it"
        )
    if len(values) < 2:
        raise DataError(f"a classification needs at least two labels in y, got only {names[0]!r}: check the target")
    if task == "binary" and len(values) != 2:
        raise DataError(f"a binary task needs two labels in y, got {len(values)}: state task='multiclass', or check y")
    few = [i for i, count in enumerate(counts) if count < _FEWEST_OF_A_CLASS]
    if few:
        raise DataError(
            f"each class needs a row to train and one to test, got {counts[few[0]]} of class {names[few[0]]!r}: leave "
            "the class out, join it to another, or state task='regression' if y is a quantity"
        )
    return task, coded, names


def _codes(y: Array, names: tuple[str, ...] | None) -> tuple[list[Any], Array]:
    """The different labels, and the number of each row's among them."""
    if y.dtype.kind == "f" and bool((y != np.round(y)).any()):
        raise DataError(f"labels must be whole numbers or texts, got {y[y != np.round(y)][0]}: correct Data.task or y")
    if names is not None and y.dtype.kind == "O":
        unknown = sorted(set(y.tolist()) - set(names))
        if unknown:
            raise DataError(f"y must hold the names in Data.label_names, got {short_repr(unknown[0])}: add it")
        number = {name: i for i, name in enumerate(names)}
        return list(names), np.array([number[label] for label in y.tolist()], np.int32)
    values, codes = np.unique(y.astype(str) if y.dtype.kind == "O" else y, return_inverse=True)
    if (
        names is not None
        and y.dtype.kind in "buif"
        and len(values) < len(names)
        and bool((values == np.round(values)).all())
        and values.min() >= 0
        and values.max() < len(names)
    ):
        return list(range(len(names))), y.astype(np.int32)
    if y.dtype.kind == "f":
        values = values.astype(np.int64)
    return values.tolist(), codes.reshape(len(y))
