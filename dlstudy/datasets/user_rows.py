"""Reads a user's own rows for a prediction: a picture, a table or an array."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import message_of, one_line
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.disk_rows import DiskRows
from dlstudy.datasets.formats import DAMAGED
from dlstudy.datasets.leaves import is_text
from dlstudy.datasets.readers.pixels import open_image
from dlstudy.datasets.readers.tables import read_table
from dlstudy.datasets.structure import Structure, is_table
from dlstudy.errors import UsageError

__all__ = ["read_own_rows", "read_rows"]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_LIMIT_BYTES = 200_000_000


def read_rows(path: Path, about: Description, what: str = "--input") -> np.ndarray:
    """(n, *input_shape), the rows of a file in the units of a data set.

    A picture is one row, converted to the colours and the size of the data set. A CSV file has one row per line, with
    or without a header; with one, columns that the data set does not have, such as the target, are ignored. A `.npy`
    file holds the array of rows.

    Args:
        path: of the file.
        about: the description of the data set.
        what: the option that names it, for messages.

    Raises:
        UsageError: the file cannot be read, or does not fit.
    """
    kind = path.suffix.lower()
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise UsageError(f"{what} may have {_LIMIT_BYTES // 10**6} MB at most, got {path}: give fewer rows")
        if kind in _PICTURES:
            rows = _picture(path, about)
        elif kind == ".csv":
            rows = _table(path, about)
        elif kind == ".npy":
            rows = np.load(path, allow_pickle=False)
        else:
            raise UsageError(f"{what} must be a picture, a .csv or a .npy file, got {path.name}")
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or one_line(message_of(error))
        raise UsageError(f"{what} {path} cannot be read ({reason}): check the file") from error
    if rows.shape == about.input_shape:
        rows = rows[None]
    if rows.shape[1:] != about.input_shape or not len(rows):
        raise UsageError(
            f"rows of {about.name} have shape {about.input_shape}, got {rows.shape[1:]} in {path.name}: correct the "
            "file"
        )
    if rows.dtype.kind not in "uif" or not np.isfinite(rows).all():
        raise UsageError(f"rows must be finite numbers, got others in {path.name}: correct the file")
    return rows


def read_own_rows(path: Path, about: Description, x: Structure, what: str = "--input") -> Structure:
    """The rows of a file in the form of the inputs of a data set of one's own.

    A table is in a file that `Data.csv` or `Data.parquet` reads; of its columns, those of the data are taken. A text is
    a `.txt` file, which is one row. Arrays are as of `read_rows`.

    Args:
        path: of the file.
        about: the description of the data set.
        x: its inputs, for their types.
        what: the option that names it, for messages.

    Raises:
        UsageError, DataError: the file cannot be read, or does not fit.
    """
    if is_table(x):
        return _columns_of(path, about, x, what)
    if not isinstance(x, np.ndarray | DiskRows) or (x.dtype.kind == "O" and not is_text(x)):
        raise UsageError(f"{what} cannot give rows of several parts, as {about.name} has: leave it out")
    if is_text(x):
        if path.suffix.lower() != ".txt":
            raise UsageError(f"{what} of a study of texts must be a .txt file, got {path.name}: it is one row")
        try:
            return np.array([path.read_text(encoding="utf-8-sig")], object)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
            raise UsageError(f"{what} {path} cannot be read ({reason}): check the file") from error
    if path.suffix.lower() in _PICTURES and x.dtype != np.uint8:
        raise UsageError(f"{what} may be a picture where the data are, got {path.name}: give a .npy or .csv file")
    given = read_rows(path, dataclasses.replace(about, scale=255.0), what)
    rows = given.astype(x.dtype)
    if x.dtype.kind in "buiO" and not np.array_equal(rows, given):
        raise UsageError(f"rows of {about.name} are {x.dtype}, got other numbers in {path.name}: correct the file")
    return rows


def _columns_of(path: Path, about: Description, x: Any, what: str) -> Any:  # Any: pandas tables
    table = read_table(what, path)
    missing = [str(name) for name in x.columns if name not in table.columns]
    if missing:
        raise UsageError(
            f"{about.name} has the columns {', '.join(map(str, x.columns))}, got none for {', '.join(missing)} in "
            f"{path.name}: add them"
        )
    taken = table[list(x.columns)].copy()
    for name, kind in x.dtypes.items():
        known = getattr(kind, "categories", None)
        others = [] if known is None else taken[name][taken[name].notna() & ~taken[name].isin(known)].tolist()
        if others:
            raise UsageError(f"column {name} has other values in the data, got {others[0]!r} in {path.name}")
        try:
            taken[name] = taken[name].astype(kind)
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"column {name} must be {kind}, got {taken[name].dtype} in {path.name}: {one_line(message_of(error))}"
            ) from error
    return taken


def _picture(path: Path, about: Description) -> np.ndarray:
    if len(about.input_shape) < 2:
        raise UsageError(f"{about.name} is a table, got the picture {path.name}: give a .csv or .npy file")
    height, width = about.input_shape[:2]
    with open_image(path) as opened:
        image = opened.convert("L" if len(about.input_shape) == 2 else "RGB").resize((width, height))
    # From 0 to 255 to the units of the data set, of which `scale` is the largest.
    return np.asarray(image, np.float32) * (about.scale / 255)


def _table(path: Path, about: Description) -> np.ndarray:
    if len(about.input_shape) != 1:
        raise UsageError(f"{about.name} holds images, got the table {path.name}: give a picture or a .npy file")
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file) if line]
    if not lines:
        raise UsageError(f"a table needs at least one row, got none in {path.name}")
    names = [word.strip() for word in lines[0]]
    if all(_is_number(word) for word in names):
        return np.array(lines, np.float64)
    missing = [name for name in about.feature_names if name not in names]
    if missing:
        raise UsageError(
            f"{about.name} has the columns {', '.join(about.feature_names)}, got none for {', '.join(missing)} in "
            f"{path.name}: add them, or leave the line of names out"
        )
    places = [names.index(name) for name in about.feature_names]
    uneven = [number for number, line in enumerate(lines, 1) if len(line) != len(names)]
    if uneven:
        raise UsageError(
            f"every row needs {len(names)} values, got {len(lines[uneven[0] - 1])} in row {uneven[0]} of {path.name}: "
            "correct the file"
        )
    return np.array([[line[place] for place in places] for line in lines[1:]], np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
