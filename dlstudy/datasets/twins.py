"""Twins: rows of which all features are equal. Where one trains and the other tests, memory passes for skill."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.datasets.disk_rows import DiskRows, chunks
from dlstudy.datasets.structure import Structure, arrays_in, is_table

__all__ = ["Twins", "count_twins", "n_repeats", "row_digests"]


@dataclass(frozen=True)
class Twins:
    """How many test rows are equal to a training row.

    Args:
        n_test: rows that test.
        n_equal: those of which all features are equal to those of a row that trains.
        n_contrary: those of `n_equal` whose label or target none of these training rows has.
    """

    n_test: int
    n_equal: int
    n_contrary: int

    @classmethod
    def is_json(cls, data: object) -> bool:
        """Whether `Twins(**data)` is one."""
        return (
            isinstance(data, Mapping) and set(data) == set(cls.__annotations__) and all(map(_is_whole, data.values()))
        )

    def __str__(self) -> str:
        text = f"{self.n_equal:,} of {self.n_test:,} test rows are equal to a training row in all features"
        return f"{text}, {self.n_contrary:,} of them with another target" if self.n_contrary else text


def row_digests(x: Structure) -> np.ndarray:
    """(n,) uint64: equal rows, equal digests. Of 70,000 images of 28 x 28 it takes half a second.

    Different rows have equal digests by a chance of 2^-64 for each pair: 1e-10 for all pairs of 70,000 rows.

    Args:
        x: (n, ...), rows of numbers, texts or dates, or a structure of arrays and tables of such; 0.0 and -0.0 are
            equal, and so are missing values. Images that stay in files are equal where their files are.
    """
    digests = [column for leaf in arrays_in(x) for column in _digests_of(leaf)]
    return digests[0] if len(digests) == 1 else _digests_of(np.column_stack(digests))[0]


def _digests_of(leaf: Any) -> list[np.ndarray]:  # Any: an array or a table
    """(n,) uint64 of the rows of an array, or of each column of a table."""
    if isinstance(leaf, DiskRows):
        known = leaf.file_digests()
        parts = chunks(leaf.shape, leaf.dtype)
        return [np.concatenate([_digests_of(leaf[part])[0] for part in parts]) if known is None else known]
    if is_table(leaf):
        from pandas.util import hash_pandas_object

        return [hash_pandas_object(leaf[name], index=False).to_numpy() for name in leaf.columns]
    if leaf.dtype.kind == "O":  # texts, or arrays of differing lengths
        return [_joined(row.tobytes() if isinstance(row, np.ndarray) else repr(row).encode() for row in leaf)]
    flat = np.ascontiguousarray(leaf.reshape(len(leaf), int(np.prod(leaf.shape[1:]))))
    if flat.dtype.kind == "f":
        flat = np.where(np.isnan(flat), np.nan, flat + 0.0)
    return [_joined(flat.view(np.uint8) if flat.dtype.kind in "Mm" else flat)]


def _joined(rows: Iterable[Any]) -> np.ndarray:  # Any: bytes, or arrays in C order
    return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows), np.uint64)


def n_repeats(digests: np.ndarray) -> int:
    """How many rows are equal to an earlier one.

    Args:
        digests: (n,), as `row_digests` gives them.
    """
    return len(digests) - len(np.unique(digests))


def count_twins(digests: np.ndarray, y: Structure, test_digests: np.ndarray, y_test: Structure) -> Twins:
    """How many test rows are equal to a training row.

    Args:
        digests, y: (n,), of the rows that train, as `row_digests` gives them; (n, ...) their targets, None for none.
        test_digests, y_test: (m,), likewise, of the rows that test.
    """
    equal = np.isin(test_digests, digests)
    y, y_test = _comparable(y, digests), _comparable(y_test, test_digests)
    trained = set(zip(digests.tolist(), y.tolist(), strict=True)) if equal.any() else set()
    tested: Any = zip(test_digests[equal].tolist(), y_test[equal].tolist(), strict=True)
    return Twins(len(equal), int(equal.sum()), sum(pair not in trained for pair in tested))


def _comparable(y: Structure, digests: np.ndarray) -> np.ndarray:
    """(n,) what is equal where all targets of a row are; rows without targets are equal where their features are."""
    if y is None:
        return digests
    return y if isinstance(y, np.ndarray) and y.ndim == 1 else row_digests(y)


def _is_whole(value: object) -> bool:
    return type(value) is int and value >= 0
