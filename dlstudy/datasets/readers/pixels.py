"""The pixels of one image, as Pillow reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import Array
from dlstudy.errors import DataError

__all__ = ["Size", "check_format", "open_image", "pixels", "shape_of"]

_MODES = {"rgb": "RGB", "grayscale": "L"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of more than 8 bits, which it would cut to 255."""

Size = tuple[int, int] | None
"""(height, width) that images are made; None for their own."""


def check_format(size: Any, color: Any) -> None:  # Any: what a user states
    """Checks what images are to be converted to.

    Raises:
        DataError: it is not a size and a colour.
    """
    if color not in _MODES:
        raise DataError(f"color must be rgb or grayscale, got {short_repr(color)}")
    if size is not None and not (
        isinstance(size, tuple | list) and len(size) == 2 and all(type(n) is int and n > 0 for n in size)
    ):
        raise DataError(f"size must be (height, width) in pixels, got {short_repr(size)}: leave it out to keep theirs")


@contextmanager
def open_image(source: Any) -> Iterator[Any]:  # Any: what Pillow opens; its image
    """An image, of which nothing but its size is read yet.

    Raises:
        ValueError: it is so large that it may be meant to fill the memory.
        OSError: it is no image.
    """
    from PIL import Image

    try:
        with Image.open(source) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


def shape_of(image: Any, size: Size, color: str) -> tuple[int, ...]:  # Any: Pillow's image
    """The shape of what `pixels` gives, for which no pixel is read.

    Args:
        image, size, color: as of `pixels`.

    Raises:
        ValueError: as `pixels`.
    """
    if image.mode in _DEEP:
        raise ValueError(f"it has more than 8 bits a pixel, Pillow's mode {image.mode}; save it with 8")
    height, width = (image.height, image.width) if size is None else size
    return (height, width) if color == "grayscale" else (height, width, 3)


def pixels(image: Any, size: Size, color: str) -> Array:  # Any: Pillow's image
    """(height, width) uint8 of a grayscale image, (height, width, 3) of one in colours.

    It is turned and cut in no way. As `predict` does, Pillow's bicubic filter makes it of another size.

    Args:
        image: of Pillow.
        size: (height, width) to have; None for its own.
        color: `rgb` or `grayscale`.

    Raises:
        ValueError: it has more than 8 bits a colour.
    """
    shape_of(image, size, color)
    mode = _MODES[color]
    converted = image if image.mode == mode else image.convert(mode)  # which would copy it
    if size is not None:
        converted = converted.resize((size[1], size[0]))
    return np.asarray(converted, np.uint8)
