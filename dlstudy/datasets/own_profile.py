"""The profile of a user's own rows, of any structure: columns, missing values, targets, twins and samples."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.common.text import one_line, short_repr
from dlstudy.datasets.dataset import Array, Dataset
from dlstudy.datasets.disk_rows import DiskRows
from dlstudy.datasets.leaves import is_text, missing_in
from dlstudy.datasets.structure import Structure, is_table, rows_in
from dlstudy.datasets.twins import Twins, count_twins, n_repeats, row_digests

__all__ = ["ColumnProfile", "OwnProfile", "labels_of_rows", "own_profile_of"]

_MOST_LETTERS = 60
_N_SAMPLES = 3
_FIRST_ON_DISK = 1_000
"""Rows that are looked at where they stay in files."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a table, or one array.

    Args:
        name: of the column, or where the array is in the structure.
        kind: its type, such as `float64`, `text` or `category`.
        shape: of one row.
        missing: how many rows have no value.
        different: how many values differ; None for arrays of several numbers a row.
        spread: from where to where: of numbers and dates the lowest and highest, of texts and lists the lengths.
        samples: the first values.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    missing: int
    different: int | None
    spread: str
    samples: tuple[str, ...]


@dataclass(frozen=True)
class OwnProfile:
    """What is in a user's own rows.

    Args:
        dataset: their name.
        task: what is to be learned.
        rows: how many there are of each part.
        inputs, targets: their columns and arrays; those of the training part.
        balance: how many rows of each part have each label, or how many steps where each step has one; else empty.
        n_repeats: training rows that are equal to an earlier one.
        twins: test rows that are equal to a training row; None without test rows.
        n_groups: groups of the training part; 0 for none.
        n_seen: how many training rows were looked at, the first ones of a stream; None for all.
    """

    dataset: str
    task: str
    rows: Mapping[str, int]
    inputs: tuple[ColumnProfile, ...]
    targets: tuple[ColumnProfile, ...]
    balance: Mapping[str, tuple[int, ...]]
    n_repeats: int
    twins: Twins | None
    n_groups: int
    n_seen: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return {**dataclasses.asdict(self), "rows": dict(self.rows), "balance": dict(self.balance)}


def own_profile_of(data: Dataset) -> OwnProfile:
    """The profile of rows that are in the cache; each is read once."""
    about, digests = data.description, row_digests(data.x_train)
    n_test = about.n_test if about.is_stream else rows_in(data.x_test)
    y, y_test = (data.y_train, data.y_test) if data.y_train is not None else (digests, row_digests(data.x_test))
    rows = {"train": about.n_train - about.n_validation, "validation": about.n_validation, "test": n_test}
    return OwnProfile(
        dataset=about.name,
        task=about.task,
        rows={name: n for name, n in rows.items() if n},
        inputs=tuple(_columns("x", data.x_train)),
        targets=_targets(data),
        balance=_balance(data),
        n_repeats=n_repeats(digests),
        twins=count_twins(digests, y, row_digests(data.x_test), y_test) if rows_in(data.x_test) else None,
        n_groups=0 if data.groups is None else len(np.unique(data.groups)),
        n_seen=rows_in(data.x_train) if about.is_stream else None,
    )


def _targets(data: Dataset) -> tuple[ColumnProfile, ...]:
    """The targets, those of a table by the names of their columns; none where they are the inputs."""
    about, y = data.description, data.y_train
    if y is None or y is data.x_train:
        return ()
    if isinstance(y, np.ndarray) and y.ndim == 2 and len(about.target_names) == y.shape[1]:
        return tuple(_of_array(name, column) for name, column in zip(about.target_names, y.T, strict=True))
    return tuple(_columns(about.target_name or "y", y))


def _columns(name: str, structure: Structure) -> Iterator[ColumnProfile]:
    if isinstance(structure, Mapping):
        for key, item in structure.items():
            yield from _columns(str(key), item)
    elif isinstance(structure, list | tuple):
        for i, item in enumerate(structure):
            yield from _columns(f"{name}[{i}]", item)
    elif is_table(structure):
        for column in structure.columns:
            yield _of_series(column, structure[column])
    else:
        yield _of_array(name, structure)


def _of_series(name: str, series: Any) -> ColumnProfile:  # Any: of pandas
    present = series.dropna()
    kind = "text" if str(series.dtype) in ("str", "string", "object") else str(series.dtype)
    is_ordered = kind not in ("text", "category")
    spread = _range(present) if is_ordered else _most_common(present)
    return ColumnProfile(
        name, kind, (), int(series.isna().sum()), int(present.nunique()), spread, _samples(series.head(_N_SAMPLES))
    )


def _of_array(name: str, array: Array | DiskRows) -> ColumnProfile:
    if isinstance(array, DiskRows):
        first = _of_array(name, array[:_FIRST_ON_DISK])
        seen = min(_FIRST_ON_DISK, len(array))
        return dataclasses.replace(first, different=None, spread=f"{first.spread} in the first {seen:,} rows")
    shape, missing, samples = array.shape[1:], missing_in(array), _samples(array[:_N_SAMPLES])
    if is_text(array):
        lengths = [len(text) for text in array if text]
        return ColumnProfile(name, "text", (), missing, len(set(array)), _lengths(lengths, "letters"), samples)
    if array.dtype.kind == "O":
        return ColumnProfile(
            name, f"lists of {array[0].dtype}", (), 0, None, _lengths([len(row) for row in array], "numbers"), samples
        )
    different = len(np.unique(array)) if not shape else None
    return ColumnProfile(name, str(array.dtype), shape, missing, different, _range(array), samples)


def _range(values: Any) -> str:  # Any: an array or a series
    if not len(values):
        return ""
    if getattr(values.dtype, "kind", "O") == "f":
        lowest, highest = np.nanmin(values), np.nanmax(values)
    else:
        lowest, highest = values.min(), values.max()
    return f"{_value(lowest)} to {_value(highest)}"


def _value(value: Any) -> str:  # Any: a number or a date
    return f"{value:.5g}" if isinstance(value, float | np.floating) else str(value)


def _most_common(present: Any) -> str:  # Any: a pandas series
    counts = present.value_counts().head(3)
    return ", ".join(f"{one_line(str(value), 20)} {n:,}" for value, n in counts.items())


def _lengths(lengths: list[int], unit: str) -> str:
    return f"{min(lengths):,} to {max(lengths):,} {unit}, {np.median(lengths):.0f} in the middle" if lengths else ""


def _samples(values: Any) -> tuple[str, ...]:  # Any: an array or a series
    if getattr(values, "ndim", 1) > 2:
        return ()
    return tuple(one_line(_sample(value), _MOST_LETTERS) for value in values)


def _sample(value: Any) -> str:  # Any: an entry of an array or of a series
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "missing"
    return short_repr(value.tolist()) if isinstance(value, np.ndarray) else _value(value)


def _balance(data: Dataset) -> dict[str, tuple[int, ...]]:
    about, parts = data.description, [y for y in (data.y_train, data.y_test) if y is not None and len(y)]
    if about.task == "multilabel":
        counts = [np.asarray(y).sum(axis=0) for y in parts]
    elif about.classifies:
        counts = [np.bincount(labels_of_rows(y), minlength=about.n_classes) for y in parts]
    elif about.labels_steps and about.n_classes and all(_are_labels(y, about.n_classes) for y in parts):
        counts = [np.bincount(np.ravel(y), minlength=about.n_classes) for y in parts]
    else:
        return {}
    return {name: tuple(int(count[i]) for count in counts) for i, name in enumerate(about.label_names)}


def _are_labels(y: Structure, n_classes: int) -> bool:
    is_whole = isinstance(y, np.ndarray) and y.dtype.kind in "ui"
    return is_whole and y.min() >= 0 and y.max() < n_classes


def labels_of_rows(y: Array) -> Array:
    """(n,) the number of each row's label, of such numbers or of a column for each class."""
    return y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else np.asarray(y).reshape(len(y)).astype(int)
