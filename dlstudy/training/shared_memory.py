"""The arrays of a data set as models see them, in memory that all workers of a run share."""

import math
import mmap
import os
import tempfile
import weakref
from dataclasses import dataclass
from multiprocessing import context, reduction
from typing import Any, Protocol

import numpy as np

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.own_cache import is_own
from dlstudy.errors import DataError

__all__ = ["MappedRows", "Shareable", "SharedArrays", "Source", "filled", "scaled", "shared"]

_PAGE = 4096


class Source(Protocol):
    """Something that holds the arrays of a data set, as `SharedArrays` does; they may be read-only."""

    @property
    def description(self) -> Description:
        """The description of the data set."""

    def open(self) -> dict[str, Any]:  # Any: arrays, tables and structures of such
        """The fields of `training.arrays.Arrays` by name."""


class Shareable(Source, Protocol):
    """A source that can be sent to a spawned process, and may be filled after that."""

    def fill(self) -> None:
        """Makes the arrays available."""


def shared(dataset: str) -> Shareable:
    """The arrays of a data set for the workers of this machine, not yet filled in.

    Raises:
        DataError: there is no such data set, or not enough space for it.
    """
    return MappedRows(dataset) if is_own(dataset) else SharedArrays(registry.describe(dataset))


def filled(dataset: str) -> Shareable:
    """The arrays of a data set, filled in.

    Raises:
        DataError: as `shared`, or the data is not available.
    """
    source = shared(dataset)
    source.fill()
    return source


@dataclass(frozen=True)
class MappedRows:
    """A study's own rows, which are in the cache as models take them: every process maps the same files."""

    dataset: str

    @property
    def description(self) -> Description:
        """The description of the data set."""
        return registry.describe(self.dataset)

    def fill(self) -> None:
        """Does nothing: the files are there."""

    def open(self) -> dict[str, Any]:  # Any: as in `Source`
        """The fields of `training.arrays.Arrays` by name."""
        if self.description.is_stream:
            return dict.fromkeys(("x", "y", "x_test", "y_test"))
        rows = registry.load(self.dataset)
        return {
            **{"x": rows.x_train, "y": rows.y_train, "x_test": rows.x_test, "y_test": rows.y_test},
            **{"weight": rows.weight_train, "weight_test": rows.weight_test},
            **{"groups": rows.groups, "validation_rows": rows.validation_rows},
        }


@dataclass(frozen=True)
class _Location:
    """Where one array is in the file."""

    start: int
    shape: tuple[int, ...]
    dtype: Any  # what NumPy accepts as a type

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * int(np.dtype(self.dtype).itemsize)


class SharedArrays:
    """An unnamed file, which needs no cleanup however a process ends. It can be sent to a spawned process.

    Holds `x` (n, *input_shape) float32, the training part divided by the data set's scale, `y` (n,) int32 labels or
    float64 targets, and likewise `x_test` and `y_test`. Tables, which have no scale, keep their float64: exact methods
    are checked to the last digit.
    """

    def __init__(self, description: Description) -> None:
        """Makes the file, still empty: a process may receive it before it is filled.

        Raises:
            DataError: there is not enough space for it.
        """
        with tempfile.TemporaryFile(prefix="dlstudy-") as file:
            self._keep(description, os.dup(file.fileno()))
        size = _size(description)
        try:
            # Allocated now, where it raises an error: a page that is missing later kills the process.
            os.posix_fallocate(self._fd, 0, size) if hasattr(os, "posix_fallocate") else os.truncate(self._fd, size)
        except OSError as error:
            raise DataError(
                f"{description.name} needs {size / 2**20:.0f} MB in {tempfile.gettempdir()} ({error.strerror}): "
                "make room there, or set TMPDIR to another folder"
            ) from error

    @classmethod
    def of(cls, dataset: Dataset) -> "SharedArrays":
        """The arrays of a data set, filled in."""
        shared = cls(dataset.description)
        shared._scale(dataset)
        return shared

    def fill(self) -> None:
        """Scales the arrays into the file."""
        self._scale(registry.load(self.description.name))

    def _scale(self, dataset: Dataset) -> None:
        views = self._views(mmap.ACCESS_WRITE)
        for name, raw in (("x", dataset.x_train), ("x_test", dataset.x_test)):
            scaled(raw, dataset.description, out=views[name])
        views["y"][...], views["y_test"][...] = dataset.y_train, dataset.y_test

    def open(self) -> dict[str, np.ndarray]:
        """The arrays by name. A process that writes into them changes its own copy."""
        return self._views(mmap.ACCESS_COPY)

    def _views(self, access: int) -> dict[str, np.ndarray]:
        memory = mmap.mmap(self._fd, _size(self.description), access=access)
        return {
            name: np.ndarray(location.shape, location.dtype, memory, location.start)
            for name, location in _locations(self.description).items()
        }

    def _keep(self, description: Description, fd: int) -> None:
        self.description, self._fd = description, fd
        weakref.finalize(self, os.close, fd)

    def __reduce__(self) -> tuple[Any, ...]:  # Any: as `pickle` has it
        context.assert_spawning(self)  # a file descriptor means nothing in another process
        return _reopen, (self.description, reduction.DupFd(self._fd))


def scaled(raw: np.ndarray, description: Description, out: np.ndarray | None = None) -> np.ndarray:
    """Rows of a data set divided by its scale: float32, or float64 where it has none.

    Args:
        raw: (n, *input_shape), as in the data set.
        description: of the data set.
        out: where to write them; None for a new array.
    """
    kind = _x_type(description)
    values: np.ndarray = np.divide(raw, kind(description.scale), out=out, dtype=kind)
    return values


def _reopen(description: Description, duplicate: Any) -> SharedArrays:  # Any: what `DupFd` returns
    shared = SharedArrays.__new__(SharedArrays)
    shared._keep(description, duplicate.detach())
    return shared


def _locations(description: Description) -> dict[str, _Location]:
    kind = np.int32 if description.classifies else np.float64
    x_type = _x_type(description)
    found, start = {}, 0
    for end, n in (("", description.n_train), ("_test", description.n_test)):
        for name, shape, dtype in ((f"x{end}", (n, *description.input_shape), x_type), (f"y{end}", (n,), kind)):
            found[name] = _Location(start, shape, dtype)
            start += -(-found[name].n_bytes // _PAGE) * _PAGE
    return found


def _x_type(description: Description) -> type[np.floating[Any]]:
    return np.float64 if description.scale == 1 else np.float32


def _size(description: Description) -> int:
    last = list(_locations(description).values())[-1]
    return max(last.start + last.n_bytes, 1)
