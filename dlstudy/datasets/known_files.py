"""What was found of files that have not changed: reading 200,000 again takes minutes, asking for their state seconds.

It is kept in `<cache folder>/known-files.sqlite`, and lost without harm.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from dlstudy.common.opened_files import unwatched
from dlstudy.datasets.cache import cache_folder

__all__ = ["Known", "known_files", "sha256_of"]

_SETTLED_NS = 2_000_000_000
"""How long ago a file must have changed: one that changes twice within a tick of the clock has the same state twice."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS known "
    "(kind TEXT, path TEXT, state TEXT, found TEXT, PRIMARY KEY (kind, path)) WITHOUT ROWID"
)

Known: TypeAlias = Callable[[Path, Callable[[], str]], str]
"""`known(path, find)` is what `find()` gives for that file: from before, where the file has not changed since."""


@contextmanager
def known_files(kind: str) -> Iterator[Known]:
    """While active, gives what is known of files; at its end keeps what was found, also after an error.

    Args:
        kind: of what is found, and how.
    """
    new: list[tuple[str, str, str, str]] = []
    with _database() as database:

        def known(path: Path, find: Callable[[], str]) -> str:
            about, place = path.stat(), str(path.absolute())
            changed = max(about.st_mtime_ns, about.st_ctime_ns)
            state = f"{about.st_ino} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"
            if (found := _kept(database, kind, place, state)) is not None:
                return found
            is_settled, found = time.time_ns() - changed > _SETTLED_NS, find()
            if is_settled:
                new.append((kind, place, state, found))
            return found

        try:
            yield known
        finally:
            if new and database is not None:
                with suppress(sqlite3.Error), database:
                    database.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", new)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """

    def find() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with known_files("sha256") as known:
        return known(path, find)


@contextmanager
def _database() -> Iterator[Any]:  # Any: a connection, or None
    """The database; None where it cannot be used, as on a disk that is full."""
    path = cache_folder() / "known-files.sqlite"
    try:
        with unwatched():
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = sqlite3.connect(path, timeout=60)
        with opened:
            opened.execute(_TABLE)
    except (OSError, sqlite3.Error):
        yield None
        return
    with closing(opened):
        yield opened


def _kept(database: Any, kind: str, place: str, state: str) -> str | None:  # Any: as of `_database`
    if database is None:
        return None
    try:
        row = database.execute("SELECT state, found FROM known WHERE kind = ? AND path = ?", (kind, place)).fetchone()
    except sqlite3.Error:
        return None
    return row[1] if row and row[0] == state else None
