"""Images from a folder for each class, or from a table of files, by Pillow."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import Array
from dlstudy.datasets.readers.fields import (
    check_size,
    columns_as_values,
    fields,
    name_of,
    read,
    targets_of,
)
from dlstudy.datasets.readers.parts import as_split, files_below, list_classes
from dlstudy.datasets.readers.paths import base_folder, is_address, is_there, label_of, located, missing
from dlstudy.datasets.readers.tables import read_table
from dlstudy.datasets.structure import is_table
from dlstudy.errors import DataError

__all__ = ["check_format", "pixels", "read_images", "stacked"]

_WHAT = "Data.images"
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_MODES = {"rgb": "RGB", "grayscale": "L"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of more than 8 bits, which it would cut to 255."""

Size = tuple[int, int] | None


def read_images(
    source: Any,  # Any: a path, or a pandas table
    target: str | Sequence[str] | None,
    *,
    path: str = "file",
    folder: Any = None,
    size: Size = None,
    color: str = "rgb",
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.images`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: an image cannot be read or has another size, or a class has none.
    """
    check_format(size, color)
    if not is_table(source) and not is_address(source):
        there = located(source)
        if not is_there(there):
            raise missing(_WHAT, source)
        if there.is_dir():
            return _of_folder(there, target, size, color, own)
    return _of_table(source, target, path, folder, size, color, own)


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


def _of_folder(folder: Path, target: Any, size: Size, color: str, own: Mapping[str, Any]) -> dict[str, Any]:
    split: dict[str, Any] = {}
    y = None
    if target is None:
        files = files_below(folder, _ENDINGS)
        if not files:
            raise DataError(f"{_WHAT} needs images, got none that ends in {', '.join(_ENDINGS)} in {folder}")
    else:
        listed = list_classes(_WHAT, folder, _ENDINGS)
        files, y, split = listed.files, np.array(listed.labels, object), as_split(listed.n_rows)
    x = _read_files(files, folder, size, color)
    return {**split, **fields(_WHAT, own, x=x, y=y, name=folder.resolve().name, source=folder.resolve().name)}


def _of_table(
    source: Any, target: Any, path: str, folder: Any, size: Size, color: str, own: Mapping[str, Any]
) -> dict[str, Any]:
    table = source if is_table(source) else read_table(_WHAT, source)
    y = targets_of(_WHAT, table, target, path, "file")
    base = _base(source, folder)
    x = _read_files([base / str(file) for file in table[path]], base, size, color)
    label, name = ("a table", "images") if is_table(source) else (label_of(source), name_of(source))
    return fields(_WHAT, columns_as_values(own, table), x=x, y=y, name=name, source=label)


def _base(source: Any, folder: Any) -> Path:
    """The folder that the paths of a table start from: that which is stated, or that of the table."""
    if folder is not None:
        found = located(folder)
        if not found.is_dir():
            raise missing(_WHAT, folder)
        return found
    if is_table(source) or is_address(source):
        return base_folder.get() or Path()
    return located(source).parent


def _read_files(files: list[Path], folder: Path, size: Size, color: str) -> Array:
    def read_one(file: Path) -> Array:
        from PIL import Image

        def convert() -> Array:
            try:
                with Image.open(file) as image:
                    return pixels(image, size, color)
            except Image.DecompressionBombError as error:
                raise ValueError(str(error)) from error

        if not is_there(file):
            raise missing(_WHAT, file)
        return read(_WHAT, _relative(file, folder), convert, "replace or remove it")

    return stacked(_WHAT, [_relative(file, folder) for file in files], len(files), map(read_one, files))


def _relative(file: Path, folder: Path) -> str:
    return os.path.relpath(file, folder)


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
    if image.mode in _DEEP:
        raise ValueError(f"it has more than 8 bits a pixel, Pillow's mode {image.mode}; save it with 8")
    converted = image.convert(_MODES[color])
    if size is not None:
        converted = converted.resize((size[1], size[0]))
    return np.asarray(converted, np.uint8)


def stacked(what: str, names: Sequence[str], n: int, images: Any) -> Array:
    """(n, ...) of n images of one size.

    Args:
        what: reads them, for messages.
        names: of the images, for messages.
        n: how many there are.
        images: yields each as an array. Any: an iterator.

    Raises:
        DataError: they differ in size, or do not fit into memory.
    """
    whole: Array = np.empty(0, np.uint8)
    for i, image in enumerate(images):
        if i == 0:
            check_size(what, n * image.size)
            whole = np.empty((n, *image.shape), np.uint8)
        if image.shape != whole.shape[1:]:
            (height, width), (first_height, first_width) = image.shape[:2], whole.shape[1:3]
            raise DataError(
                f"images must have one size, got {first_height} x {first_width} in {names[0]} and {height} x {width} "
                f"in {names[i]}: state size=(height, width)"
            )
        whole[i] = image
    return whole
