"""Where a study's own files are: beside the study file first, then in the current folder; and on the web."""

import difflib
import glob
import hashlib
import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from dlstudy.common.text import short_repr, without_secrets
from dlstudy.datasets.download import download
from dlstudy.datasets.known_files import sha256_of
from dlstudy.errors import DataError

__all__ = [
    "MEMORY_BOUND",
    "Source",
    "base_folder",
    "content",
    "files_of",
    "is_address",
    "is_there",
    "label_of",
    "located",
    "missing",
    "reads_later",
]

MEMORY_BOUND = 4_000_000_000
"""The most bytes that a reader holds in memory."""

base_folder: ContextVar[Path | None] = ContextVar("base_folder", default=None)
"""The folder of the study file whose data are being read; None outside of a study."""

reads_later: ContextVar[bool] = ContextVar("reads_later", default=False)
"""Whether what a reader reads is left for later: while a study file is loaded, by every command and every worker."""

Source: TypeAlias = Path | str
"""A file, or an address on the web."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}")


def located(path: str | os.PathLike[str]) -> Path:
    """The path of a file or a folder: relative to the study file if it is there, else to the current folder.

    Raises:
        DataError: it is no path.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise DataError(f"a path must be a text or a Path, got {short_repr(path)}: give the name of a file")
    try:
        found = Path(path).expanduser()
    except RuntimeError:  # there is no such user
        found = Path(path)
    base = base_folder.get()
    return found if base is None or not is_there(base / found) else base / found


def is_there(path: Path) -> bool:
    """Whether there is a file or a folder, also for a path that the system refuses."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, with a null byte, or in a folder that may not be read
        return False


def files_of(what: str, paths: Source | Iterable[Source]) -> list[Source]:
    """The files of a path, of a pattern such as `parts/*.csv` in the order of their names, or of a list of those.

    Args:
        what: reads them, for messages.

    Raises:
        DataError: there is no such file.
    """
    items = [paths] if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable) else list(paths)
    if not items:
        raise DataError(f"{what} needs at least one path, got an empty list")
    return [file for item in items for file in _files(what, item)]


def _files(what: str, item: Source) -> list[Source]:
    if is_address(item):
        return [item]
    path = located(item)
    if is_there(path):
        return [path]
    if not glob.has_magic(str(item)):
        raise missing(what, item)
    for base in filter(None, (base_folder.get(), Path())):
        # pathlib's glob refuses absolute patterns.
        if matches := glob.glob(str(path), root_dir=base, recursive=True):  # noqa: PTH207
            return [base / match for match in sorted(matches)]
    raise DataError(f"{what} needs files, got none for the pattern {str(item)!r} in {_looked_in()}: correct it")


def missing(what: str, path: str | os.PathLike[str]) -> DataError:
    """The error that there is nothing at a path, with a name that is close to it."""
    there = [
        name for base in (base_folder.get(), Path()) if base is not None for name in _names_in((base / path).parent)
    ]
    close = difflib.get_close_matches(Path(path).name, there, 1)
    hint = f"did you mean {close[0]!r}?" if close else "correct the path"
    where = "" if Path(path).is_absolute() else f" in {_looked_in()}"
    return DataError(
        f"{what} needs what is at a path, got {short_repr(str(path))}, and nothing is there{where}: {hint}"
    )


def _names_in(folder: Path) -> list[str]:
    try:
        return [found.name for found in folder.iterdir()]
    except (OSError, ValueError):
        return []


def _looked_in() -> str:
    folders = [str(folder) for folder in (base_folder.get(), Path.cwd()) if folder is not None]
    return " or ".join(dict.fromkeys(folders))


def is_address(path: object) -> bool:
    """Whether it is an address on the web and not a path."""
    return isinstance(path, str) and _ADDRESS.match(path) is not None


def label_of(source: Source) -> str:
    """What readers are told of a source: the name of a file; an address without what may be secret in it."""
    return without_secrets(str(source)) if is_address(source) else Path(source).name


def content(what: str, source: Source, sha256: str | None = None) -> Path | BytesIO:
    """A file, or what is at an address.

    Args:
        what: reads it, for messages.
        sha256: that it must have, 64 hexadecimal digits; None for any.

    Raises:
        DataError: the address cannot be read, or the content is another one.
    """
    found = _fetched(what, str(source)) if is_address(source) else Path(source)
    if sha256 is None:
        return found
    wanted = str(sha256).lower()
    if not _HASH.fullmatch(wanted):
        raise DataError(f"sha256 must be 64 hexadecimal digits, got {short_repr(sha256)}: correct it")
    if isinstance(found, Path) and not found.is_file():
        raise DataError(f"sha256 is of one file, got {found}: leave it out")
    got = _sha256(found)
    if got != wanted:
        raise DataError(
            f"{label_of(source)} must have the sha256 {wanted[:12]}..., got {got}: it has changed; check it, then "
            "state the new one"
        )
    return found


def _fetched(what: str, url: str) -> BytesIO:
    if not url.lower().startswith(("http://", "https://")):
        raise DataError(
            f"{what} reads files and addresses that begin with http:// or https://, got {without_secrets(url)}: "
            "download it first"
        )
    try:
        return download(url, MEMORY_BOUND)
    except DataError as error:
        reason = without_secrets(str(error).replace(url, without_secrets(url)))
    # Outside of `except`, so that no traceback shows the first error with the whole address.
    raise DataError(f"{what} cannot read {without_secrets(url)} ({reason}): check the address and the connection")


def _sha256(found: Path | BytesIO) -> str:
    if isinstance(found, BytesIO):
        return hashlib.sha256(found.getbuffer()).hexdigest()
    return sha256_of(found)
