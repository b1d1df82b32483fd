"""Images that stay in their files, and are decoded as they are asked for."""

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.opened_files import unwatched
from dlstudy.common.text import message_of
from dlstudy.datasets.dataset import Array
from dlstudy.datasets.formats import DAMAGED
from dlstudy.datasets.known_files import known_files
from dlstudy.datasets.readers.fields import read
from dlstudy.datasets.readers.pixels import Size, open_image, pixels, shape_of
from dlstudy.errors import DataError

__all__ = ["ENDING", "ImageFiles", "image_files", "other_size"]

ENDING = ".images.json"
"""Of the files that name images."""

_HASH_BYTES = 16


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """(n, height, width) or (n, height, width, 3) uint8, decoded as `Data.images` decodes what it holds in memory.

    Args:
        folder: that the paths start from.
        files: their paths, in the order of the rows.
        hashes: (n, 16) uint8, BLAKE2b of each file; one with another is no longer the row that it was.
        row_shape: of one image.
        size, color: as of `pixels`.
    """

    folder: str
    files: Sequence[str]
    hashes: Array
    row_shape: tuple[int, ...]
    size: Size
    color: str

    @classmethod
    def open(cls, path: Path) -> "ImageFiles":
        """What `save` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        hashes = np.frombuffer(bytes.fromhex(found.pop("hashes")), np.uint8).reshape(-1, _HASH_BYTES)
        return cls(**{**found, "hashes": hashes, "row_shape": tuple(found["row_shape"])})

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self.files), *self.row_shape)

    @property
    def dtype(self) -> Any:  # Any: as of NumPy
        """As of an array."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: Any) -> Array:  # Any: a number, numbers or a slice
        """Some images, which are decoded.

        Raises:
            DataError: one has changed, or is gone.
        """
        chosen = np.arange(len(self.files))[rows]
        with unwatched():  # a row counts by its hash, and not as a file that the study opens
            if chosen.ndim == 0:
                return self._decoded(int(chosen))
            found = np.empty((len(chosen), *self.row_shape), np.uint8)
            for place, number in enumerate(chosen):
                found[place] = self._decoded(int(number))
        return found

    def _decoded(self, number: int) -> Array:
        path = Path(self.folder, self.files[number])
        try:
            content = path.read_bytes()
            if _hash(content) != self.hashes[number].tobytes():
                raise ValueError("it is another image by now")
            with open_image(BytesIO(content)) as image:
                return pixels(image, self.size, self.color)
        except DAMAGED as error:
            reason = getattr(error, "strerror", None) or message_of(error)
            raise DataError(
                f"the image {path} cannot be read ({reason}): restore it, or run the study again"
            ) from error

    def only(self, rows: Array) -> "ImageFiles":
        """As of `RowsToKeep`."""
        return replace(self, files=[self.files[i] for i in rows], hashes=self.hashes[rows])

    def file_digests(self) -> Array:
        """As of `DiskRows`."""
        return np.ascontiguousarray(self.hashes[:, :8]).view(np.uint64).reshape(-1)

    def identity(self) -> str:
        """As of `RowsToKeep`."""
        content = hashlib.sha256(np.ascontiguousarray(self.hashes).data).hexdigest()
        return json.dumps([content, self.shape, self.color])

    def save(self, folder: Path, name: str) -> str:
        """As of `RowsToKeep`. In place of a file of that name: the same images may be elsewhere by now."""
        about = {
            "folder": self.folder,
            "files": list(self.files),
            "hashes": self.hashes.tobytes().hex(),
            "row_shape": self.row_shape,
            "size": self.size,
            "color": self.color,
        }
        partial = folder / f"{name}.{os.getpid()}.partial"
        partial.write_text(json.dumps(about), encoding="utf-8")
        partial.replace(folder / f"{name}{ENDING}")
        return f"{name}{ENDING}"


def image_files(what: str, files: Iterable[Path], folder: Path, size: Size, color: str) -> ImageFiles:
    """Images that stay in their files; of each its file is hashed and its size looked at.

    Args:
        what: reads them, for messages.
        files: of the images.
        folder: for their names in messages.
        size, color: as of `pixels`.

    Raises:
        DataError: an image is none, or they differ in size.
    """
    names: list[str] = []
    hashes = []
    first: tuple[int, ...] = ()
    with known_files(f"image {size} {color}") as known:
        for file in files:
            name = os.path.relpath(file, folder)
            find = functools.partial(_look_at, file, size, color)
            found = read(what, name, functools.partial(known, file, find), "replace or remove it")
            digest, *shape = found.split()
            first = first or tuple(map(int, shape))
            if tuple(map(int, shape)) != first:
                raise other_size(names[0], first, name, tuple(map(int, shape)))
            names.append(name)
            hashes.append(bytes.fromhex(digest))
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, _HASH_BYTES)
    return ImageFiles(str(folder.resolve()), names, table, first, size, color)


def other_size(first: str, first_shape: Sequence[int], name: str, shape: Sequence[int]) -> DataError:
    """The error that two images differ in size."""
    (height, width), (first_height, first_width) = shape[:2], first_shape[:2]
    return DataError(
        f"images must have one size, got {first_height} x {first_width} in {first} and {height} x {width} in {name}: "
        "state size=(height, width)"
    )


def _look_at(file: Path, size: Size, color: str) -> str:
    """The hash of a file and the shape of its image."""
    content = file.read_bytes()
    with open_image(BytesIO(content)) as image:
        return " ".join(map(str, [_hash(content).hex(), *shape_of(image, size, color)]))


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).digest()
