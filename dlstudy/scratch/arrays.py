"""The array type of this package."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Array", "floats"]

Array = NDArray[np.float64]


def floats(values: ArrayLike) -> Array:
    """Values as a float64 array of the same shape."""
    return np.asarray(values, dtype=np.float64)
