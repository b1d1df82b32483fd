"""The profile of a data set: shapes, class balance, missing values and the spread of each feature, in numbers.

Images are counted by grey level and never turned into floating point, so a memory map is read once, a part at a time.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Array, Dataset
from dlstudy.datasets.twins import Twins, count_twins, n_repeats, row_digests
from dlstudy.errors import DataError

__all__ = ["ClassCount", "DatasetProfile", "Part", "Spread", "profile_of"]

_N_FIRST = 5
_IMAGES_AT_A_TIME = 1_000
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Part:
    """The rows for training, for testing, or `all` of them where the data comes undivided.

    Args:
        name: `train`, `test` or `all`.
        x_shape, x_type: of the inputs: (60000, 28, 28) and `uint8`.
        y_shape, y_type: of the labels or targets.
        x_missing, y_missing: how many of their values are not finite numbers.
    """

    name: str
    x_shape: tuple[int, ...]
    x_type: str
    y_shape: tuple[int, ...]
    y_type: str
    x_missing: int
    y_missing: int


@dataclass(frozen=True)
class ClassCount:
    """The number of rows of each part that have a label."""

    label: str
    n_train: int
    n_test: int


@dataclass(frozen=True)
class Spread:
    """The spread of the finite values of one feature, in its own unit.

    Args:
        name: of the feature, of the target, or `pixels`.
        missing: how many values are not finite numbers; the other statistics ignore them.
        lowest, lower_quartile, median, upper_quartile, highest: interpolated linearly, as NumPy and pandas do.
        mean: their mean.
        sd: their standard deviation with n - 1, as pandas has it (NumPy and scikit-learn's StandardScaler divide by n).
    """

    name: str
    missing: int
    lowest: float
    lower_quartile: float
    median: float
    upper_quartile: float
    highest: float
    mean: float
    sd: float


@dataclass(frozen=True)
class DatasetProfile:
    """The profile of a data set before training. Of the test rows, only shapes, balance and missing values.

    Args:
        dataset: its name.
        parts: train and test, or all rows.
        balance: the rows of each class, in the order of the labels; empty for a regression.
        ratio: rows of the largest class / rows of the smallest, in training; None for a regression or an empty class.
        features: of each column of a table, or of all pixels together, in the training rows.
        target: of a regression, in the training rows; None for a classification.
        first_rows: of a table, the first five training rows, the label or target last; empty for images.
        n_repeats: training rows that are equal to an earlier one in all features.
        twins: test rows that are equal to a training row; None without test rows.
    """

    dataset: str
    parts: tuple[Part, ...]
    balance: tuple[ClassCount, ...]
    ratio: float | None
    features: tuple[Spread, ...]
    target: Spread | None
    first_rows: tuple[tuple[float, ...], ...]
    n_repeats: int
    twins: Twins | None

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """Plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DatasetProfile":  # Any: JSON
        """The profile that `to_json` gave."""
        shapes = ("x_shape", "y_shape")
        return cls(
            dataset=data["dataset"],
            parts=tuple(Part(**{**part, **{name: tuple(part[name]) for name in shapes}}) for part in data["parts"]),
            balance=tuple(ClassCount(**row) for row in data["balance"]),
            ratio=data["ratio"],
            features=tuple(Spread(**row) for row in data["features"]),
            target=Spread(**data["target"]) if data["target"] else None,
            first_rows=tuple(tuple(row) for row in data["first_rows"]),
            n_repeats=data["n_repeats"],
            twins=Twins(**data["twins"]) if data["twins"] else None,
        )


def profile_of(data: Dataset) -> DatasetProfile:
    """The profile of a data set.

    Raises:
        DataError: a feature or the target has fewer than two finite values.
    """
    about, x, y = data.description, data.x_train, data.y_train
    parts = [_part("train" if len(data.x_test) else "all", x, y)]
    if len(data.x_test):
        parts.append(_part("test", data.x_test, data.y_test))
    is_table = x.ndim == 2
    balance = _balance(data) if about.task == "classification" else ()
    counts, digests = [count.n_train for count in balance], row_digests(x)
    return DatasetProfile(
        dataset=about.name,
        parts=tuple(parts),
        balance=balance,
        ratio=max(counts) / min(counts) if counts and all(counts) else None,
        features=tuple(map(_column, about.feature_names, x.T)) if is_table else (_pixels(x),),
        target=None if balance else _column(about.target_name, y),
        first_rows=tuple(map(tuple, np.column_stack([x[:_N_FIRST], y[:_N_FIRST]]).tolist())) if is_table else (),
        n_repeats=n_repeats(digests),
        twins=count_twins(digests, y, row_digests(data.x_test), data.y_test) if len(data.x_test) else None,
    )


def _part(name: str, x: Array, y: Array) -> Part:
    return Part(name, x.shape, x.dtype.name, y.shape, y.dtype.name, _missing(x), _missing(y))


def _missing(values: Array) -> int:
    return int(np.count_nonzero(~np.isfinite(values))) if values.dtype.kind == "f" else 0


def _balance(data: Dataset) -> tuple[ClassCount, ...]:
    labels = data.description.label_names
    train, test = (np.bincount(y, minlength=len(labels)) for y in (data.y_train, data.y_test))
    return tuple(ClassCount(label, int(train[i]), int(test[i])) for i, label in enumerate(labels))


def _column(name: str, column: Array) -> Spread:
    values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    return _spread(name, _missing(column), values, counts)


def _pixels(images: Array) -> Spread:
    """The spread of all pixels of uint8 images; an image at a time would be slow, all at once would be large."""
    counts = np.zeros(256, np.int64)
    for first in range(0, len(images), _IMAGES_AT_A_TIME):
        counts += np.bincount(images[first : first + _IMAGES_AT_A_TIME].ravel(), minlength=256)
    found = np.flatnonzero(counts)
    return _spread("pixels", 0, found, counts[found])


def _spread(name: str, missing: int, values: Array, counts: Array) -> Spread:
    """The spread of numbers, given as (k,) ascending values that differ and how often each occurs."""
    n = int(counts.sum())
    if n < 2:
        raise DataError(f"a summary needs at least two finite values, got {n} of {name!r}: correct the data")
    values, ends, places = values.astype(np.float64), np.cumsum(counts), np.multiply(_QUARTERS, n - 1)
    below, above = (values[np.searchsorted(ends, place, side="right")] for place in (np.floor(places), np.ceil(places)))
    lowest, lower, median, upper, highest = (below + (above - below) * (places % 1)).tolist()
    mean = float(counts @ values) / n
    sd = float(np.sqrt(counts @ (values - mean) ** 2 / (n - 1)))
    return Spread(name, missing, lowest, lower, median, upper, highest, mean, sd)
