"""The profile of a data set before training: its columns, missing values, targets, balance and twins, in numbers.

Pixels are counted by grey level and never turned into floating point, so a memory map is read once, a part at a time.
"""

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

__all__ = ["ColumnProfile", "DatasetProfile", "Spread", "labels_of_rows", "profile_of"]

_MOST_LETTERS = 60
_N_SAMPLES = 3
_FIRST = 1_000
"""Rows that are looked at where they stay in files, or have many numbers."""
_MOST_NUMBERS = 20_000_000
"""That are sorted; pixels are counted instead."""
_PIXELS_AT_ONCE = 1_000_000
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Spread:
    """The spread of the finite numbers of a column, in its own unit.

    Args:
        lowest, lower_quartile, median, upper_quartile, highest: interpolated linearly, as NumPy and pandas do.
        mean: their mean.
        sd: their standard deviation with n - 1, as pandas has it (NumPy and scikit-learn's StandardScaler divide by n).
    """

    lowest: float
    lower_quartile: float
    median: float
    upper_quartile: float
    highest: float
    mean: float
    sd: float


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a table, or one array.

    Args:
        name: of the column, or where the array is in the structure.
        kind: its type, such as `float64`, `text` or `category`.
        shape: of one row.
        missing: how many values are missing; an infinite number is taken for one.
        different: how many values differ; None for arrays of several numbers a row.
        summary: from where to where; of texts and lists the lengths, of categories the most common ones.
        samples: the first values.
        spread: of at least two numbers; None for others.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    missing: int
    different: int | None
    summary: str
    samples: tuple[str, ...]
    spread: Spread | None = None


@dataclass(frozen=True)
class DatasetProfile:
    """What is in a data set. Of the test rows, only the balance and how many repeat a training row.

    Args:
        dataset: its name.
        task: what is to be learned.
        rows: how many there are of each part; `all` where the data comes undivided.
        inputs, targets: their columns and arrays, in the training rows.
        balance: how many rows of train and test have each label, or how many steps where each step has one; else empty.
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

    @property
    def ratio(self) -> float | None:
        """Training rows of the largest class / those of the smallest; None without classes, or where one is empty."""
        counts = [of_parts[0] for of_parts in self.balance.values()]
        return max(counts) / min(counts) if counts and all(counts) else None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return {**dataclasses.asdict(self), "rows": dict(self.rows), "balance": dict(self.balance)}


def profile_of(data: Dataset) -> DatasetProfile:
    """The profile of a data set, each of whose rows is read once."""
    about, digests = data.description, row_digests(data.x_train)
    y, y_test = (data.y_train, data.y_test) if data.y_train is not None else (digests, row_digests(data.x_test))
    rows = {"train": about.n_train - about.n_validation, "validation": about.n_validation, "test": about.n_test}
    has_parts = about.n_validation or about.n_test
    return DatasetProfile(
        dataset=about.name,
        task=about.task,
        rows={name: n for name, n in rows.items() if n} if has_parts else {"all": about.n_train},
        inputs=tuple(_columns("x", data.x_train, about.feature_names)),
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
    return tuple(_columns(about.target_name or "y", y, about.target_names))


def _columns(name: str, structure: Structure, names: tuple[str, ...] = ()) -> Iterator[ColumnProfile]:
    """The columns and arrays of a structure.

    Args:
        name: of the whole.
        structure: the rows.
        names: of the columns of an array; empty where they have none.
    """
    if isinstance(structure, Mapping):
        for key, item in structure.items():
            yield from _columns(str(key), item)
    elif isinstance(structure, list | tuple):
        for i, item in enumerate(structure):
            yield from _columns(f"{name}[{i}]", item)
    elif is_table(structure):
        for column in structure.columns:
            yield _of_series(column, structure[column])
    elif isinstance(structure, np.ndarray) and structure.ndim == 2 and len(names) == structure.shape[1]:
        yield from map(_of_array, names, structure.T)
    else:
        yield _of_array(name, structure)


def _of_series(name: str, series: Any) -> ColumnProfile:  # Any: of pandas
    kind = "text" if str(series.dtype) in ("str", "string", "object") else str(series.dtype)
    different, samples = int(series.nunique()), _samples(series.head(_N_SAMPLES))
    if getattr(series.dtype, "kind", "O") in "uifb" and kind not in ("text", "category"):
        plain = isinstance(series.dtype, np.dtype)
        found = _of_array(name, series.to_numpy() if plain else series.to_numpy(np.float64, na_value=np.nan))
        return dataclasses.replace(found, kind=kind, different=different, samples=samples)
    present = series.dropna()
    summary = _most_common(present) if kind in ("text", "category") else _range(present)
    return ColumnProfile(name, kind, (), int(series.isna().sum()), different, summary, samples)


def _of_array(name: str, array: Array | DiskRows) -> ColumnProfile:
    if isinstance(array, DiskRows) or (array.dtype.kind in "iuf" and array.itemsize > 1 and array.size > _MOST_NUMBERS):
        first = _of_array(name, array[:_FIRST])
        seen = min(_FIRST, len(array))
        return dataclasses.replace(first, different=None, summary=f"{first.summary} in the first {seen:,} rows")
    shape, samples = array.shape[1:], _samples(array[:_N_SAMPLES])
    if is_text(array):
        lengths = [len(text) for text in array if text]
        summary = _lengths(lengths, "letters")
        return ColumnProfile(name, "text", (), missing_in(array), len(set(array)), summary, samples)
    if array.dtype.kind == "O":
        summary = _lengths([len(row) for row in array], "numbers")
        return ColumnProfile(name, f"lists of {array[0].dtype}", (), 0, None, summary, samples)
    if array.dtype.kind not in "buif":
        different = len(np.unique(array)) if not shape else None
        return ColumnProfile(name, str(array.dtype), shape, missing_in(array), different, _range(array), samples)
    values, counts = _counted(array)
    n = int(counts.sum())
    summary = f"{_value(values[0])} to {_value(values[-1])}" if n else ""
    different, spread = None if shape else len(values), _spread(values, counts) if n > 1 else None
    return ColumnProfile(name, str(array.dtype), shape, array.size - n, different, summary, samples, spread)


def _counted(array: Array) -> tuple[Array, Array]:
    """(k,) the finite numbers that differ, ascending, and how often each occurs."""
    if array.dtype != np.uint8:
        return np.unique(array[np.isfinite(array)] if array.dtype.kind == "f" else array, return_counts=True)
    counts, rows = np.zeros(256, np.int64), max(1, _PIXELS_AT_ONCE // max(1, array[:1].size))
    for first in range(0, len(array), rows):
        counts += np.bincount(array[first : first + rows].ravel(), minlength=256)
    found = np.flatnonzero(counts)
    return found, counts[found]


def _spread(values: Array, counts: Array) -> Spread:
    """The spread of numbers, given as of `_counted`."""
    n = int(counts.sum())
    values, ends, places = values.astype(np.float64), np.cumsum(counts), np.multiply(_QUARTERS, n - 1)
    below, above = (values[np.searchsorted(ends, place, side="right")] for place in (np.floor(places), np.ceil(places)))
    lowest, lower, median, upper, highest = (below + (above - below) * (places % 1)).tolist()
    mean = float(counts @ values) / n
    return Spread(lowest, lower, median, upper, highest, mean, float(np.sqrt(counts @ (values - mean) ** 2 / (n - 1))))


def _range(values: Any) -> str:  # Any: an array or a series of dates, or of other things that have an order
    return f"{_value(values.min())} to {_value(values.max())}" if len(values) else ""


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
