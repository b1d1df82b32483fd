"""Reads the file formats of data sets: .npz files of four arrays, IDX files of one array, CSV files of numbers."""

import csv
import gzip
import io
import lzma
import math
import re
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO

import numpy as np

from dlstudy.datasets.dataset import ARRAY_NAMES, Array, Arrays
from dlstudy.errors import DataError

__all__ = ["DAMAGED", "read_idx", "read_npz", "read_table"]

DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError, RuntimeError, SyntaxError),
    *(csv.Error, lzma.LZMAError, struct.error, tarfile.TarError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""The errors of Python's and NumPy's readers for a damaged file; most were seen by changing bytes at random."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_npz(file: IO[bytes], limit_bytes: int) -> Arrays:
    """The four arrays of an `.npz` file, without unpickling anything.

    Args:
        file: opened for reading, seekable.
        limit_bytes: the largest size of its members when decompressed, so that no small file fills the memory.

    Raises:
        DataError: it is not an `.npz` file, is too large or damaged, or lacks one of the arrays.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        if n_bytes > limit_bytes:
            raise DataError(
                f"an .npz file of at most {limit_bytes:,} bytes was expected, this one unpacks to {n_bytes:,}"
            )
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            # asarray: a member without an array header comes as bytes.
            return {name: np.asarray(archive[name]) for name in ARRAY_NAMES}
    except KeyError as error:
        raise DataError(f"an .npz file with {', '.join(ARRAY_NAMES)} was expected: {error.args[0]}") from error
    except DAMAGED as error:
        raise DataError(f"an .npz file was expected: {error}") from error


def read_idx(file: IO[bytes], limit_bytes: int) -> Array:
    """The array of bytes in a compressed IDX file (`*-ubyte.gz`): uint8, of the shape that the file says.

    Raises:
        DataError: the file is not an IDX file, is damaged, or unpacks to more than `limit_bytes`.

    Source: LeCun, Cortes, Burges, The MNIST database, "File formats": two zero bytes, 8 for uint8, the number of axes,
        each length in 4 bytes (the largest first), the elements in C order.
    """
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            data = stream.read(limit_bytes + 1)
    except DAMAGED as error:
        raise DataError(f"a compressed IDX file was expected: {error}") from error
    if len(data) > limit_bytes:
        raise DataError(f"an IDX file of at most {limit_bytes:,} bytes was expected, this one is longer")
    n_axes = data[3] if data[:3] == b"\0\0\x08" and len(data) > 3 else 0
    start = 4 + 4 * n_axes
    shape = [int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4)]
    if n_axes == 0 or len(data) != start + math.prod(shape):
        raise DataError(f"an IDX file of uint8 was expected, this one begins with {data[:4].hex(' ')!r} or is cut off")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def read_table(
    file: IO[bytes],
    columns: Sequence[str],
    limit_bytes: int,
    *,
    delimiter: str = ",",
    where: tuple[str, str] | None = None,
    has_header: bool = True,
) -> Array:
    """The numbers in some columns of a CSV file: (rows, len(columns)) float64.

    Args:
        file: opened for reading; may decompress as it goes.
        columns: their names in the header, in the order wanted; case, blanks and underscores do not count. Other
            columns are ignored. Without a header, the names of all columns.
        limit_bytes: the largest size of the text.
        delimiter: the separator between two cells.
        where: a column and its text: only rows that have it are read.
        has_header: False where the first line is a row.

    Raises:
        DataError: the file is longer or not such a table, or a cell is not a finite decimal number.
    """
    rows = _rows(file, limit_bytes, delimiter)
    first = (rows.pop(0) if rows else []) if has_header else columns
    header = [_key(name) for name in first]
    places = [(name, _place(header, name)) for name in columns]
    conditions = [(_place(header, where[0]), where[1])] if where else []
    values = []
    for n, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise DataError(f"row {n} has {len(row)} cells where {len(header)} were expected")
        if all(row[place] == text for place, text in conditions):
            values.append([_number(row[place], n, name) for name, place in places])
    return np.array(values, dtype=np.float64).reshape(-1, len(columns))


def _rows(file: IO[bytes], limit_bytes: int, delimiter: str) -> list[list[str]]:
    try:
        data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise DataError(f"a table of at most {limit_bytes:,} bytes was expected, this one is longer")
        # utf-8-sig: spreadsheets put a mark before the first column's name.
        lines = io.StringIO(data.decode("utf-8-sig"), newline="")
        return [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    except DAMAGED as error:
        raise DataError(f"a CSV file was expected: {error}") from error


def _place(header: list[str], name: str) -> int:
    n = header.count(_key(name))
    if n != 1:
        raise DataError(f"a table with one column {name!r} was expected, this one has {n}: {', '.join(header)!r:.200}")
    return header.index(_key(name))


def _key(name: str) -> str:
    return name.strip().casefold().replace("_", " ")


def _number(cell: str, row: int, column: str) -> float:
    # The pattern first: Python's float also takes nan, inf and 1_000.
    value = float(cell) if _NUMBER.fullmatch(cell.strip()) else np.nan
    if not np.isfinite(value):
        raise DataError(f"a finite number was expected in row {row}, column {column!r}, got {cell!r:.40}")
    return value
