"""The cache of data sets: a folder for each, written atomically and named by the checksum of its arrays.

::

    <cache folder>/mnist-a1b2c3d4e5f6/x_train.npy ...   the arrays; the digits are the start of their checksum
    <cache folder>/mnist-a1b2c3d4e5f6/checksum          their checksum, if the data set is identified by its files
    <cache folder>/mnist-a1b2c3d4e5f6.partial/          being written; never read, removed by the next writer
    <cache folder>/mnist-a1b2c3d4e5f6.lock              held by the one process that writes

The checksum is part of the folder's name, so two versions of dlstudy with two definitions of a data set do not disturb
each other, and `load` may trust what it finds without hashing it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dlstudy.datasets.dataset import ARRAY_NAMES, Array, Arrays, Description, checksum, plain
from dlstudy.datasets.formats import DAMAGED
from dlstudy.datasets.sources import Report
from dlstudy.errors import DataError

__all__ = ["cache_folder", "discard", "fault", "folder_of", "is_cached", "locked", "open_arrays", "store"]

LOCK_WAIT_S = 1800.0  # longer than all sources of a data set together may take


def cache_folder() -> Path:
    """The folder of all cached data sets: `DLSTUDY_CACHE` where it is set, else the user's cache folder."""
    chosen = os.environ.get("DLSTUDY_CACHE", "")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("dlstudy") / "datasets"


def folder_of(description: Description) -> Path:
    """The folder of one data set, whether it exists or not."""
    return cache_folder() / f"{description.name}-{description.sha256[:12]}"


def is_cached(description: Description) -> bool:
    """True where all arrays are there; nothing is read."""
    folder = folder_of(description)
    return all((folder / f"{name}.npy").is_file() for name in ARRAY_NAMES)


def open_arrays(folder: Path) -> Arrays:
    """The arrays in a folder as read-only memory maps.

    Raises:
        DataError: a file is missing, truncated, or not an array file.
    """
    try:
        return {name: _open_array(folder / f"{name}.npy") for name in ARRAY_NAMES}
    except DAMAGED as error:
        raise DataError(f"the cached arrays in {folder} cannot be read: {error}") from error


def _open_array(path: Path) -> Array:
    array: Array = np.load(_file(path), mmap_mode="r", allow_pickle=False)
    return array


def _file(path: Path) -> Path:
    if path.exists() and not path.is_file():  # reading a pipe or a device might never end
        raise OSError(f"{path.name} is not a file")
    return path


@contextmanager
def locked(description: Description, report: Report) -> Iterator[None]:
    """Holds the lock of a data set: one process at a time fetches it, the others wait.

    Raises:
        DataError: the cache folder cannot be written, or another process held the lock too long.
    """
    import filelock

    lock = filelock.FileLock(f"{folder_of(description)}.lock")
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            report(f"{description.name}: waiting for another process that is fetching it")
            lock.acquire(timeout=LOCK_WAIT_S)
    except filelock.Timeout as error:
        raise DataError(
            f"{description.name}: another process has been fetching it for {LOCK_WAIT_S:.0f} s: "
            f"end that process, which holds {lock.lock_file}"
        ) from error
    except OSError as error:
        raise _not_writable(error) from error
    try:
        yield
    finally:
        lock.release()


def store(description: Description, arrays: Arrays) -> None:
    """Writes verified arrays to a temporary folder, reads them back, and moves them into place; call it under the lock.

    Raises:
        DataError: the folder cannot be written, or what was read back differs.
    """
    folder = folder_of(description)
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        # Left by a killed process: while the lock is held, no other process writes.
        _remove(partial)
        partial.mkdir()
        for name in ARRAY_NAMES:
            np.save(partial / f"{name}.npy", plain(arrays[name]), allow_pickle=False)
        expected, received = checksum(arrays), checksum(open_arrays(partial))
        if received != expected:
            raise DataError(
                f"{description.name} changed while it was written to {partial}: expected sha256 "
                f"{expected}, got {received}: is the disk full or damaged?"
            )
        if description.identified_by == "files":
            (partial / "checksum").write_text(expected, encoding="ascii")
        partial.rename(folder)
    except OSError as error:
        raise _not_writable(error) from error
    finally:
        _remove(partial)


def fault(description: Description) -> str | None:
    """The reason why the cached arrays are not valid, or None if their checksum is as expected."""
    folder = folder_of(description)
    try:
        received = checksum(open_arrays(folder))
        expected = description.sha256
        if description.identified_by == "files":
            expected = _file(folder / "checksum").read_text(encoding="ascii", errors="replace")
    except (DataError, OSError) as error:
        return str(error)
    if received == expected:
        return None
    return f"the cached arrays are damaged: expected sha256 {expected}, got {received}"


def discard(description: Description) -> None:
    """Moves aside and deletes whatever is in the place of the arrays; call it under the lock.

    Raises:
        DataError: the folder cannot be written.
    """
    folder = folder_of(description)
    partial = folder.with_name(f"{folder.name}.partial")
    _remove(partial)
    try:
        # A rename is atomic: no process ever sees a half-deleted folder in place.
        folder.rename(partial)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _not_writable(error) from error
    _remove(partial)


def _remove(path: Path) -> None:
    """Deletes a folder as far as possible, or a file; of a link, only the link itself."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _not_writable(error: OSError) -> DataError:
    return DataError(
        f"the cache folder {cache_folder()} cannot be written ({error}): set DLSTUDY_CACHE to a folder that can"
    )
