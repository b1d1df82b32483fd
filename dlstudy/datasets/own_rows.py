"""A user's own rows in one plain form: checked, with labels as numbers, and with what belongs to each row apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.data import Data
from dlstudy.datasets.dataset import Array
from dlstudy.datasets.disk_rows import RowsToKeep
from dlstudy.datasets.leaves import missing_in, objects, plain_leaf
from dlstudy.datasets.readers.fields import near
from dlstudy.datasets.readers.parquet_rows import ParquetTable
from dlstudy.datasets.structure import Structure, arrays_in, is_table, map_arrays, with_items
from dlstudy.datasets.tasks import read_targets
from dlstudy.errors import DataError

__all__ = ["OwnRows", "plain_rows"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class OwnRows:
    """Rows of one's own in a plain form.

    Args:
        data: as the user gave them, for the texts.
        x: (n, ...) a structure of arrays of numbers, of texts (objects) or of arrays (objects), and of tables.
        y: likewise; labels are numbers from 0. None for none.
        is_x: whether the targets are the inputs.
        task, label_names: what the targets are.
        target_name: of the column that they came from; empty where they came from none.
        target_names: of the columns, where they came from several.
        weight: (n,) float64; None for equal ones.
        groups: (n,) int32; None for none. `group_name` says what they are.
        part: (n,) the number of each row's part among `PARTS`; None where the data states none.
        has_times: whether the rows are in the order of stated times.
    """

    data: Data
    x: Structure
    y: Structure
    is_x: bool
    task: str
    label_names: tuple[str, ...]
    target_name: str
    target_names: tuple[str, ...]
    weight: Array | None
    groups: Array | None
    group_name: str
    part: Array | None
    has_times: bool


def plain_rows(data: Data) -> OwnRows:
    """The plain form of rows.

    Raises:
        DataError: they are none, do not belong together, or hold what no model can learn from.
    """
    columns = _Columns(data.x)
    is_x = data.y is not None and data.y is data.x
    target = columns.target(data.y)
    taken = {name: columns.values(name, getattr(data, name)) for name in ("weight", "groups", "times", "split")}
    x = map_arrays(lambda leaf: plain_leaf("x", leaf), columns.left)
    if not arrays_in(x):
        raise DataError("x must hold at least one array, got none: give Data its rows")
    y = x if is_x else None if target is None else map_arrays(lambda leaf: plain_leaf("y", leaf), target)
    n = len(arrays_in(x)[0])
    if n == 0:
        raise DataError("data needs rows, got none: check what is read")
    y_parts = {"y": y} if y is not None else {}
    for what, part in {
        "x": x,
        **y_parts,
        **{name: value for name, value in taken.items() if value is not None},
    }.items():
        for leaf in arrays_in(part):
            if len(leaf) != n:
                raise DataError(
                    f"x and what belongs to it must have equally many rows, got {n:,} of x, {len(leaf):,} of {what}"
                )
    if y is not None and not is_x:
        _refuse_missing(y)
    names = None if data.label_names is None else tuple(map(str, data.label_names))
    task, y, names = read_targets(y, is_x=is_x, task=data.task, names=names)
    groups = None if taken["groups"] is None else _groups(taken["groups"])
    part = None if taken["split"] is None else _parts(taken["split"])
    if groups is not None and part is not None:
        _refuse_divided_groups(np.asarray(taken["groups"]), part)
    if taken["times"] is not None:
        _refuse_disorder(taken["times"])
    return OwnRows(
        data, x, y, is_x, task, names, *_names_of_targets(data, target, task),
        None if taken["weight"] is None else _weight(taken["weight"]), groups,
        data.groups if isinstance(data.groups, str) else "groups" if groups is not None else "",
        part, taken["times"] is not None,
    )  # fmt: skip


def _names_of_targets(data: Data, target: Structure, task: str) -> tuple[str, tuple[str, ...]]:
    """The name of the column of targets, or the names of several columns of a regression."""
    if isinstance(data.y, str):
        return data.y, ()
    if data.y is data.x or target is None or not is_table(target):
        return "", ()
    columns = tuple(map(str, target.columns))
    return (columns[0], ()) if len(columns) == 1 else ("", columns if task == "regression" else ())


class _Columns:
    """The columns of a table of inputs, of which some are taken for something else."""

    def __init__(self, x: Structure) -> None:
        self.left = _arrays_of(x)

    def target(self, y: Any) -> Structure:
        """The targets, where they are named by columns; else as they are."""
        if isinstance(y, str):
            return self._take("y", [y])[y]
        if isinstance(y, list | tuple) and y and all(isinstance(name, str) for name in y) and self._has_columns():
            return self._take("y", y)
        found = None if y is None else _arrays_of(y)
        if any(isinstance(leaf, RowsToKeep | ParquetTable) for leaf in arrays_in(found)):
            raise DataError(
                "targets must fit into memory, got rows that stay in files: state stream=False, or take fewer"
            )
        return found

    def values(self, what: str, given: Any) -> Array | None:  # Any: an array, a list, a series or a name
        """(n,) the values that are given, or those of a column."""
        if given is None:
            return None
        values = self._take(what, [given])[given] if isinstance(given, str) else given
        plain: Array = plain_leaf(what, values)
        if is_table(plain) or plain.ndim != 1:
            raise DataError(f"Data.{what} must have one value for each row, got shape {plain.shape}")
        if n_missing := missing_in(plain):
            raise DataError(
                f"Data.{what} must have a value for each row, got none in {n_missing:,} rows: fill or drop them"
            )
        return plain

    def _has_columns(self) -> bool:
        return is_table(self.left) or isinstance(self.left, ParquetTable)

    def _take(self, what: str, names: Sequence[str]) -> Any:  # Any: a pandas table
        if not self._has_columns():
            raise DataError(
                f"Data.{what} names a column, but x is no table, got {type(self.left).__name__}: give the values"
            )
        known = [str(column) for column in self.left.columns]
        for name in names:
            if name not in known:
                raise DataError(
                    f"Data.{what} must name a column of the table, got {short_repr(name)}: {near(name, known)}"
                )
        taken = self.left[list(names)]
        self.left = self.left.drop(columns=list(names))
        return taken


def _arrays_of(given: Structure) -> Structure:
    """The structure with its lists of rows as arrays: one with an array, a table or a dict in it holds inputs."""
    if isinstance(given, Mapping):
        return {str(name): _arrays_of(item) for name, item in given.items()}
    if isinstance(given, list | tuple):
        if any(isinstance(item, Mapping) or len(getattr(item, "shape", ())) for item in given):
            return with_items(given, [_arrays_of(item) for item in given])
        try:
            return np.asarray(given, None if len({type(item) for item in given}) == 1 else object)
        except ValueError:  # of differing lengths
            return objects(list(given))
    return given


def _refuse_missing(y: Structure) -> None:
    for leaf in arrays_in(y):
        absent = leaf.isna().any(axis=1).to_numpy() if is_table(leaf) else _absent(leaf)
        if absent.any():
            raise DataError(
                f"each row needs a target, got none in {absent.sum():,} of {len(absent):,} rows, the first is row "
                f"{absent.argmax():,}: drop those rows, or fill them"
            )
    for leaf in arrays_in(y):
        if not is_table(leaf) and leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            raise DataError("targets must be finite numbers, got an infinite one: correct y")


def _absent(leaf: Array) -> Array:
    """(n,) bool, the rows where a value is missing."""
    from pandas import isna

    found = np.asarray(isna(leaf)) if leaf.dtype.kind != "O" or leaf.ndim == 1 else np.zeros(len(leaf), bool)
    return np.asarray(found.reshape(len(leaf), -1).any(axis=1))


def _weight(values: Array) -> Array:
    if values.dtype.kind not in "buif" or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise DataError(
            f"weights must be finite numbers from 0, not all 0, got {short_repr(values.tolist()[:3])}: correct them"
        )
    return values.astype(np.float64)


def _groups(values: Array) -> Array:
    codes: Array = np.unique(values.astype(str) if values.dtype.kind == "O" else values, return_inverse=True)[1]
    if codes.max() == 0:
        raise DataError("groups must be at least two, got one: leave Data.groups out")
    return codes.astype(np.int32)


def _parts(values: Array) -> Array:
    words = values.astype(str)
    unknown = sorted(set(words.tolist()) - set(PARTS))
    if unknown:
        raise DataError(
            f"Data.split must be train, validation or test for each row, got {short_repr(unknown[0])}: correct it"
        )
    part = np.array([PARTS.index(word) for word in words.tolist()], np.int8)
    for name in ("train", "test"):
        if not (part == PARTS.index(name)).any():
            raise DataError(
                f"Data.split must state rows for train and test, got none for {name}: add them, or leave Data.split "
                "out and state Protocol.split"
            )
    return part


def _refuse_divided_groups(groups: Array, part: Array) -> None:
    pairs = set(zip(groups.tolist(), part.tolist(), strict=True))
    both = sorted(group for group, n_parts in Counter(group for group, _ in pairs).items() if n_parts > 1)
    if both:
        raise DataError(
            f"no group may be in two parts, got {len(both):,} such groups, one of them {short_repr(both[0])}: correct "
            "Data.split or Data.groups"
        )


def _refuse_disorder(times: Array) -> None:
    if times.dtype.kind not in "uifMm":
        raise DataError(f"times must be numbers or dates, got {short_repr(times[0])}: parse them, as by parse_dates=")
    back = np.flatnonzero(times[1:] < times[:-1])
    if len(back):
        raise DataError(
            f"rows must be in the order of their times, got {times[back[0] + 1]} in row {back[0] + 1:,} after "
            f"{times[back[0]]}: sort the rows by time"
        )
