"""Checks that a record is still what was written, and says so in an error if it is not."""

import functools
import json
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import ParamSpec, TypeVar

from dlstudy.errors import DlstudyError, RecordError, StoreError
from dlstudy.store.databases import is_away, reason_of

__all__ = ["checksum", "legible", "require_sound_sqlite"]

P = ParamSpec("P")
T = TypeVar("T")


def legible(read: Callable[P, T]) -> Callable[P, T]:
    """The method, with errors that say that the record is damaged, or its server unreachable.

    For garbled data, Optuna raises errors of any kind.
    """

    @functools.wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except DlstudyError:
            raise
        except Exception as error:
            if is_away(error.__cause__):
                raise StoreError.of_storage(reason_of(error)) from error
            raise RecordError(
                f"the record is damaged ({reason_of(error)}): restore it from a backup, or start again with another "
                "--home or --storage"
            ) from error

    return reading


def require_sound_sqlite(url: str) -> None:
    """Makes SQLite check all its pages and indexes: otherwise it may find fewer rows, until it meets a fault.

    Raises:
        sqlite3.Error: it found one.
    """
    if not url.startswith("sqlite"):
        return
    from sqlalchemy.engine import make_url

    path = Path(make_url(url).database or "")
    if not path.is_file():
        return
    if path.stat().st_size == 0:  # to SQLite a database without tables
        raise sqlite3.DatabaseError(f"{path} is empty")
    with closing(sqlite3.connect(path, timeout=60)) as database:
        (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"{path} is damaged: {found.splitlines()[-1]}")


def checksum(*facts: object) -> str:
    """A checksum of these facts, eight hexadecimal digits: flipped bits in a database are not noticed otherwise.

    Args:
        facts: JSON.
    """
    return f"{zlib.crc32(json.dumps(facts, sort_keys=True).encode()):08x}"
