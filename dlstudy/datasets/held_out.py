"""Reads rows with their targets that a data set does not have: held out to score models that others trained."""

from pathlib import Path

import numpy as np

from dlstudy.common.text import message_of, one_line, short_repr
from dlstudy.datasets.dataset import Array, Description
from dlstudy.datasets.formats import DAMAGED
from dlstudy.datasets.own_cache import is_own
from dlstudy.datasets.readers.fields import near
from dlstudy.datasets.readers.tables import read_table
from dlstudy.datasets.registry import load
from dlstudy.datasets.structure import Structure, rows_in
from dlstudy.datasets.user_rows import read_own_rows, read_rows
from dlstudy.errors import DataError, UsageError

__all__ = ["read_held_out"]

_FEWEST = 2


def read_held_out(path: Path, about: Description, what: str = "--test") -> tuple[Structure, Array]:
    """The inputs and targets of rows in a file, in the form of a data set.

    A table has the columns of the data, the target among them. An `.npz` file has the arrays `x` and `y`.

    Args:
        path: of the file.
        about: the description of the data set.
        what: the option that names the file, for messages.

    Returns:
        (n, ...) inputs, and (n,) labels as numbers from 0, or (n,) or (n, targets) float64.

    Raises:
        UsageError, DataError: the file cannot be read, or does not fit the data.
    """
    if about.is_stream or not (about.classifies or about.task == "regression"):
        raise UsageError(f"{what} needs data with one class or with values for each row, got {about.shown_name}")
    x, y = _arrays_of(path, about, what) if path.suffix.lower() == ".npz" else _table_of(path, about, what)
    if rows_in(x) != len(y) or len(y) < _FEWEST:
        raise UsageError(
            f"{what} needs at least {_FEWEST} rows with a target each, got {rows_in(x)} rows and {len(y)} targets in "
            f"{path.name}"
        )
    return x, _labels(y, path, about, what) if about.classifies else _values(y, path, what)


def _table_of(path: Path, about: Description, what: str) -> tuple[Structure, Array]:
    names = list(about.target_names) or [about.target_name]
    if not all(names):
        raise UsageError(f"{what} of {about.shown_name} must be an .npz file with x and y, got {path.name}")
    table = read_table(what, path)
    for name in names:
        if name not in table.columns:
            known = list(map(str, table.columns))
            raise UsageError(f"{what} needs the target {name!r}, got none in {path.name}: {near(name, known)}")
        if n_missing := int(table[name].isna().sum()):
            raise UsageError(f"{what} needs a target in each row, got none in {n_missing:,} rows of {path.name}")
    x = (
        read_own_rows(path, about, load(about.name).x_train, what)
        if is_own(about.name)
        else read_rows(path, about, what)
    )
    return x, table[names[0] if len(names) == 1 else names].to_numpy()


def _arrays_of(path: Path, about: Description, what: str) -> tuple[Structure, Array]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if missing := [name for name in ("x", "y") if name not in arrays.files]:
                raise UsageError(
                    f"{what} needs the arrays x and y, got {', '.join(arrays.files) or 'none'} in {path.name}: add "
                    f"{missing[0]}"
                )
            x, y = arrays["x"], arrays["y"]
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or one_line(message_of(error))
        raise UsageError(f"{what} {path} cannot be read ({reason}): check the file") from error
    if x.shape[1:] != about.input_shape:
        raise UsageError(
            f"rows of {about.shown_name} have shape {about.input_shape}, got {x.shape[1:]} in {path.name}: correct the "
            "file"
        )
    kind = load(about.name).x_train.dtype
    if kind.kind in "biuf" and (x.dtype.kind not in "biuf" or not np.isfinite(x).all()):
        raise UsageError(f"rows must be finite numbers, got others in {path.name}: correct the file")
    rows = x.astype(kind)
    if kind.kind in "bui" and not np.array_equal(rows, x):
        raise UsageError(f"rows of {about.shown_name} are {kind}, got other numbers in {path.name}: correct the file")
    return rows, y


def _labels(y: Array, path: Path, about: Description, what: str) -> Array:
    """(n,) numbers of labels, by the names that the data has for them."""
    names = {name: i for i, name in enumerate(about.label_names)}
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    texts = list(map(str, y.tolist())) if y.ndim == 1 else []
    if (
        y.ndim == 1
        and y.dtype.kind in "iu"
        and not set(texts) <= set(names)
        and (y < len(names)).all()
        and (y >= 0).all()
    ):
        return y.astype(np.int64)  # numbers of labels that have names
    unknown = next((text for text in texts if text not in names), None if texts else "several for each row")
    if unknown is not None:
        raise DataError(
            f"{what} must have the targets {', '.join(names)}, got {short_repr(unknown)} in {path.name}: correct it"
        )
    return np.array([names[text] for text in texts])


def _values(y: Array, path: Path, what: str) -> Array:
    if y.dtype.kind not in "buif" or not np.isfinite(y).all():
        raise DataError(f"targets must be finite numbers, got others in {path.name}: correct {what}")
    values: Array = y.astype(np.float64)
    return values.reshape(len(values)) if values.size == len(values) else values
