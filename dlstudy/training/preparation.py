"""The data as a study's `prepare` returns it."""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import Structure, arrays_in, map_arrays, take
from dlstudy.errors import TrialError
from dlstudy.training.arrays import Arrays
from dlstudy.training.study_functions import StudyFunctions

__all__ = ["key_of", "prepare_arrays"]


def prepare_arrays(
    functions: StudyFunctions, arrays: Arrays, description: Description, train: np.ndarray, p: dict[str, Any]
) -> tuple[Arrays, Description]:  # Any: JSON scalars, and the shape of the data
    """The arrays that an arm sees, of the types that `prepare` gives them, and their description.

    Args:
        functions: with `prepare`.
        arrays: of the data set.
        description: of the data set.
        train: (n,) int32, the rows that train.
        p: what `build` gets.

    Raises:
        TrialError: `prepare` returns something other than x and y, and perhaps weights, of as many rows, or numbers
            that are not finite.
    """
    assert functions.prepare is not None
    n, n_test = len(arrays.y), len(arrays.y_test)
    given = functions.prepare(
        np.concatenate([arrays.x, arrays.x_test]), np.concatenate([arrays.y, arrays.y_test]), train, dict(p)
    )
    if not isinstance(given, list | tuple) or len(given) not in (2, 3):
        raise TrialError(f"prepare must return x and y, or x, y and weights of the rows, got {short_repr(given)}")
    x, y, weight = (*(_checked(name, part, n + n_test) for name, part in zip("xy", given, strict=False)), None)
    if len(given) == 3:
        weight = _checked("weights", given[2], n + n_test)
        if not isinstance(weight, np.ndarray) or weight.ndim != 1:
            raise TrialError(f"prepare must return one weight for each row, got {short_repr(given[2])}")
    parts = [
        None if part is None else take(part, rows) for rows in (slice(n), slice(n, None)) for part in (x, y, weight)
    ]
    described = dataclasses.replace(description, input_shape=map_arrays(lambda array: array.shape[1:], x))
    changed: dict[str, Structure] = dict(
        zip(("x", "y", "weight", "x_test", "y_test", "weight_test"), parts, strict=True)
    )
    return dataclasses.replace(arrays, **changed), described


def _checked(name: str, part: object, n: int) -> Structure:
    """The arrays that `prepare` returns for x or y.

    Raises:
        TrialError: they are not arrays of n rows of finite numbers.
    """
    structure = map_arrays(np.asarray, part)
    for array in arrays_in(structure):
        if array.ndim == 0 or len(array) != n:
            raise TrialError(f"prepare must return x and y of {n} rows, got {name} of shape {array.shape}")
        if array.dtype.kind not in "buif":
            raise TrialError(f"prepare must return numbers, got {name} of {array.dtype}")
        if not np.isfinite(array).all():
            raise TrialError("prepare returned numbers that are not finite: fix it, or the data")
    if not arrays_in(structure):
        raise TrialError(f"prepare must return x and y, got no array for {name}")
    return map_arrays(np.ascontiguousarray, structure)


def key_of(arrays: Arrays) -> str:
    """A name for the content of arrays: equal content, equal names."""
    digest = hashlib.blake2b(digest_size=16)

    def add(array: np.ndarray) -> None:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)

    for part in (arrays.part(False), arrays.part(True)):
        digest.update(repr(map_arrays(lambda _: 0, part)).encode())
        map_arrays(add, part)
    return digest.hexdigest()
