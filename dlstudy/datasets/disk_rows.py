"""Rows that stay in files and are read as they are asked for, so that a training can have more than memory holds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dlstudy.datasets.dataset import Array
from dlstudy.datasets.structure import Structure, arrays_in

__all__ = [
    "ENDING",
    "DiskRows",
    "NumbersOnDisk",
    "RowsToKeep",
    "any_on_disk",
    "chunks",
    "rows_at_once",
    "write_numbers",
]

_CHUNK_BYTES = 64_000_000
"""The most bytes that are read at once where all rows are gone through."""

ENDING = ".rows.npy"
"""Of the files of `NumbersOnDisk`: other arrays in the cache are memory maps, as they fit into memory."""


@runtime_checkable
class DiskRows(Protocol):
    """(n, ...) numbers in files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...), as of an array."""

    @property
    def dtype(self) -> Any:  # Any: as of NumPy
        """As of an array."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, rows: Any) -> Array:  # Any: a number, numbers or a slice
        """Some rows, which are read."""

    def file_digests(self) -> Array | None:
        """(n,) uint64, of rows that are a file each: equal files, equal digests. None for others."""


@runtime_checkable
class RowsToKeep(Protocol):
    """(n, ...) numbers in files, as they come into the cache of users' own rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...), as of an array."""

    def __len__(self) -> int:
        """How many rows there are."""

    def only(self, rows: Array) -> "RowsToKeep":
        """(k,) some of the rows, by their numbers in ascending order; none is read."""

    def identity(self) -> str:
        """What changes if a row does."""

    def save(self, folder: Path, name: str) -> str:
        """Writes what is needed to read the rows again into a folder; returns the name of the file."""


def any_on_disk(structure: Structure) -> bool:
    """Whether some rows of a structure stay in files."""
    return any(isinstance(leaf, DiskRows) for leaf in arrays_in(structure))


def rows_at_once(row_shape: tuple[int, ...], dtype: Any) -> int:  # Any: as NumPy takes it
    """How many rows are read at once where all are gone through: `_CHUNK_BYTES` at most, or one row."""
    row_bytes = math.prod(row_shape) * int(np.dtype(dtype).itemsize)
    return max(1, _CHUNK_BYTES // max(1, row_bytes))


def chunks(shape: tuple[int, ...], dtype: Any) -> Iterator[slice]:  # Any: as NumPy takes it
    """Slices of the rows of an array, each of `rows_at_once`."""
    step = rows_at_once(shape[1:], dtype)
    return (slice(start, start + step) for start in range(0, shape[0], step))


@dataclass(frozen=True, eq=False)
class NumbersOnDisk:
    """The rows of a `.npy` file, not mapped for longer than they are read: mapped pages count as memory.

    Args:
        path: of the file.
        shape: of its array.
        dtype: that rows are given in.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: Any  # what NumPy accepts as a type

    @classmethod
    def open(cls, path: Path) -> "NumbersOnDisk":
        """The rows of a file."""
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return cls(path, array.shape, array.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:  # Any: as of `DiskRows`
        return np.array(np.load(self.path, mmap_mode="r", allow_pickle=False)[rows], self.dtype)

    def astype(self, dtype: Any, copy: bool = True) -> "NumbersOnDisk":  # Any: as NumPy takes it
        """The rows in another type, as of an array."""
        return replace(self, dtype=np.dtype(dtype))

    def file_digests(self) -> None:
        """As of `DiskRows`."""
        return


def write_numbers(path: Path, shape: tuple[int, ...], dtype: Any, parts: Iterator[Array]) -> None:
    """Writes rows that come one part after another into a `.npy` file.

    Args:
        path: of the file.
        shape, dtype: of its array. Any: as NumPy takes it.
        parts: yields all its rows, in order.
    """
    with path.open("wb") as file:
        about = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, about)
        for part in parts:
            file.write(np.ascontiguousarray(part, dtype).data)
