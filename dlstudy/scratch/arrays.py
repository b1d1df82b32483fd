"""The one kind of array that this package computes with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Array", "floats"]

Array = NDArray[np.float64]


def floats(values: ArrayLike) -> Array:
    """Values as float64, of the shape that they have."""
    return np.asarray(values, dtype=np.float64)
