"""Where the arrays of a data set come from: a chain, of which the first that gives the right arrays is taken."""

import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np

from dlstudy.datasets.dataset import ARRAY_NAMES, Arrays, Description, checksum
from dlstudy.errors import DataError

__all__ = ["Definition", "Report", "Source", "first_right", "from_data_folder", "read_npz"]

Report: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """One place that may have the arrays.

    Args:
        name: for people; says the folder, address or package.
        read: gives the arrays, or raises DataError with the reason why not.
    """

    name: str
    read: Callable[[], Arrays]


@dataclass(frozen=True)
class Definition:
    """A data set and its chain.

    Args:
        description: what the arrays must be.
        sources: gives the chain; a function, since it reads the environment.
        remedy: what the user can do when no source works.
        bundled: True where the arrays come with an installed package.
    """

    description: Description
    sources: Callable[[], tuple[Source, ...]]
    remedy: str
    bundled: bool = False


def first_right(definition: Definition, report: Report) -> Arrays:
    """The arrays of the first source whose checksum is the data set's own.

    Raises:
        DataError: no source gave them; the first line says what to do, then one line for each source says why.
    """
    name, expected = definition.description.name, definition.description.sha256
    reasons = []
    for source in definition.sources():
        report(f"{name}: trying {source.name}")
        try:
            arrays = source.read()
            received = checksum(arrays)
            if received == expected:
                return arrays
            reason = f"its arrays are not those of {name}: expected sha256 {expected}, got {received}"
        except DataError as error:
            reason = str(error)
        report(f"{name}: not from there: {reason}")
        reasons.append(f"  {source.name}: {reason}")
    raise DataError("\n".join([f"{name} cannot be had from any of its sources: {definition.remedy}", *reasons]))


def from_data_folder(file_name: str, limit_bytes: int) -> tuple[Source, ...]:
    """The user's own copy, `file_name` in the folder `DLSTUDY_DATA`; no source where that is not set."""
    folder = os.environ.get("DLSTUDY_DATA", "")
    if not folder:
        return ()
    path = Path(folder).expanduser() / file_name
    return (Source(f"{path} (DLSTUDY_DATA)", partial(_read_file, path, limit_bytes)),)


def _read_file(path: Path, limit_bytes: int) -> Arrays:
    try:
        with path.open("rb") as file:
            return read_npz(file, limit_bytes)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from error


def read_npz(file: BinaryIO, limit_bytes: int) -> Arrays:
    """The four arrays of an `.npz` file, without unpickling anything.

    Args:
        file: opened for reading, seekable.
        limit_bytes: the most that its members may take when decompressed, so that no small file fills the memory.

    Raises:
        DataError: it is no `.npz` file, too large, damaged, or without one of the arrays.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        if n_bytes > limit_bytes:
            raise DataError(
                f"an .npz file of at most {limit_bytes:,} bytes was expected, this one unpacks to {n_bytes:,}"
            )
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            # asarray: a member without an array header comes as bytes.
            return {name: np.asarray(archive[name]) for name in ARRAY_NAMES}
    except KeyError as error:
        raise DataError(f"an .npz file with {', '.join(ARRAY_NAMES)} was expected: {error.args[0]}") from error
    # What zipfile and NumPy raise for damaged input; RuntimeError: an encrypted or unknown compression.
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"an .npz file was expected: {error}") from error
