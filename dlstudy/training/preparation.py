"""The data as a study's `prepare` returns it."""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.errors import TrialError
from dlstudy.training.arrays import Arrays, to_device
from dlstudy.training.study_functions import StudyFunctions

__all__ = ["key_of", "prepare_arrays"]


def prepare_arrays(
    functions: StudyFunctions, arrays: Arrays, description: Description, train: np.ndarray, p: dict[str, Any]
) -> tuple[Arrays, Description]:  # Any: JSON scalars, and the shape of the data
    """The arrays that an arm sees, on the device where those of the data set are, and their description.

    Args:
        functions: with `prepare`.
        arrays: of the data set.
        description: of the data set.
        train: (n,) int32, the rows that train.
        p: what `build` gets.

    Raises:
        TrialError: `prepare` returns something other than x and y of as many rows, or numbers that are not finite.
    """
    assert functions.prepare is not None
    n = len(arrays.y)
    given = functions.prepare(
        np.concatenate([arrays.x, arrays.x_test]), np.concatenate([arrays.y, arrays.y_test]), train, dict(p)
    )
    try:
        x, y = (np.asarray(part) for part in given)
    except (TypeError, ValueError) as error:
        raise TrialError(f"prepare must return x and y, got {type(given).__name__}") from error
    n_all = n + len(arrays.y_test)
    if x.shape[:1] != (n_all,) or y.shape != (n_all,):
        raise TrialError(f"prepare must return x and y of {n_all} rows, got shapes {x.shape} and {y.shape}")
    if x.dtype.kind not in "buif" or y.dtype.kind not in "buif":
        raise TrialError(f"prepare must return numbers, got x of {x.dtype} and y of {y.dtype}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise TrialError("prepare returned numbers that are not finite: fix it, or the data")
    x, y = (np.ascontiguousarray(new, dtype=old.dtype) for new, old in ((x, arrays.x), (y, arrays.y)))
    parts = (x[:n], y[:n], x[n:], y[n:])
    described = dataclasses.replace(description, input_shape=x.shape[1:])
    on_device = None if arrays.on_device is None else tuple(map(to_device, parts))
    return Arrays(*parts, on_device), described


def key_of(arrays: Arrays) -> str:
    """A name for the content of arrays: equal content, equal names."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (arrays.x, arrays.y, arrays.x_test, arrays.y_test):
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
