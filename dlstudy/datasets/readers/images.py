"""Images from a folder for each class, or from a table of files, by Pillow."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlstudy.datasets.dataset import Array
from dlstudy.datasets.readers.fields import (
    check_size,
    check_stream,
    columns_as_values,
    fields,
    name_of,
    read,
    targets_of,
)
from dlstudy.datasets.readers.image_files import ImageFiles, image_files, other_size
from dlstudy.datasets.readers.parts import as_split, files_below, list_classes
from dlstudy.datasets.readers.paths import MEMORY_BOUND, base_folder, is_address, is_there, label_of, located, missing
from dlstudy.datasets.readers.pixels import Size, check_format, open_image, pixels
from dlstudy.datasets.readers.tables import read_table
from dlstudy.datasets.structure import is_table
from dlstudy.errors import DataError

__all__ = ["read_images", "stacked"]

_WHAT = "Data.images"
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def read_images(
    source: Any,  # Any: a path, or a pandas table
    target: str | Sequence[str] | None,
    *,
    path: str = "file",
    folder: Any = None,
    size: Size = None,
    color: str = "rgb",
    stream: bool | None = None,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.images`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: an image cannot be read or has another size, or a class has none.
    """
    check_format(size, color)
    check_stream(stream)
    how = _How(size, color, stream)
    if not is_table(source) and not is_address(source):
        there = located(source)
        if not is_there(there):
            raise missing(_WHAT, source)
        if there.is_dir():
            return _of_folder(there, target, how, own)
    return _of_table(source, target, path, folder, how, own)


class _How(NamedTuple):
    """How images are read, as `Data.images` takes it."""

    size: Size
    color: str
    stream: bool | None


def _of_folder(folder: Path, target: Any, how: _How, own: Mapping[str, Any]) -> dict[str, Any]:
    split: dict[str, Any] = {}
    y = None
    if target is None:
        files = files_below(folder, _ENDINGS)
        if not files:
            raise DataError(f"{_WHAT} needs images, got none that ends in {', '.join(_ENDINGS)} in {folder}")
    else:
        listed = list_classes(_WHAT, folder, _ENDINGS)
        files, y, split = listed.files, np.array(listed.labels, object), as_split(listed.n_rows)
    x = _read_files(files, folder, how)
    return {**split, **fields(_WHAT, own, x=x, y=y, name=folder.resolve().name, source=folder.resolve().name)}


def _of_table(source: Any, target: Any, path: str, folder: Any, how: _How, own: Mapping[str, Any]) -> dict[str, Any]:
    table = source if is_table(source) else read_table(_WHAT, source)
    y = targets_of(_WHAT, table, target, path, "file")
    base = _base(source, folder)
    x = _read_files([base / str(file) for file in table[path]], base, how)
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


def _read_files(files: list[Path], folder: Path, how: _How) -> Array | ImageFiles:
    """Images as an array; where they are too many for memory, or that is stated, as files."""
    size, color, stream = how
    if absent := next((file for file in files if not is_there(file)), None):
        raise missing(_WHAT, absent)
    if stream is None:
        stream = len(files) * math.prod(image_files(_WHAT, files[:1], folder, size, color).row_shape) > MEMORY_BOUND
    if stream:
        return image_files(_WHAT, files, folder, size, color)

    names = [os.path.relpath(file, folder) for file in files]

    def read_one(name: str, file: Path) -> Array:
        def convert() -> Array:
            with open_image(file) as image:
                return pixels(image, size, color)

        return read(_WHAT, name, convert, "replace or remove it")

    return stacked(_WHAT, names, len(files), map(read_one, names, files), fits=True)


def stacked(what: str, names: Sequence[str], n: int, images: Any, *, fits: bool = False) -> Array:
    """(n, ...) of n images of one size.

    Args:
        what: reads them, for messages.
        names: of the images, for messages.
        n: how many there are.
        images: yields each as an array. Any: an iterator.
        fits: whether they are known to fit into memory.

    Raises:
        DataError: they differ in size, or do not fit into memory.
    """
    whole: Array = np.empty(0, np.uint8)
    for i, image in enumerate(images):
        if i == 0:
            if not fits:
                check_size(what, n * image.size)
            whole = np.empty((n, *image.shape), np.uint8)
        if image.shape != whole.shape[1:]:
            raise other_size(names[0], whole.shape[1:], names[i], image.shape)
        whole[i] = image
    return whole
