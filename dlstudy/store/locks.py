"""Locks that allow one run of a study at a time: on a file, or in a database, where other machines see it too.

The system, or the database's server, releases them however the process that holds them ends.
"""

import hashlib
import json
import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlstudy.errors import RecordError, StoreError
from dlstudy.store.databases import Database, reason_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["DatabaseLock", "FileLock", "Lock"]

_PATIENCE_S = 0.5
"""How long a run waits for a file: a reader holds it for a moment."""

_PING_S = 5.0
_UNSURE_S = 120.0
"""How long a lock may be in doubt: a restarted server keeps the lock of the session that died with it for a while."""


class Lock(ABC):
    """A lock held by the one run of a study that may write to its record."""

    def __init__(self, study: str) -> None:
        self.study = study

    @abstractmethod
    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds it for one run.

        Raises:
            RecordError: another process holds it; says which and since when.
        """

    @abstractmethod
    def is_held(self) -> bool:
        """Whether a living process holds it. Writes nothing."""

    @abstractmethod
    def require(self) -> None:
        """Checks, before a write, that the lock is still held.

        Raises:
            RecordError: another run has taken it meanwhile.
            StoreError: the lock cannot be checked.
        """

    def _taken(self, holder: str | None) -> RecordError:
        who = "by another process"
        with suppress(ValueError, KeyError, TypeError):
            about = json.loads(holder or "")
            who = f"by process {about['pid']} on {about['host']} since {about['since']}"
        return RecordError(f"{self.study} is being run {who}: wait for it, or stop it first")


def _ourselves() -> dict[str, Any]:  # Any: JSON
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


class FileLock(Lock):
    """A lock on a file, for the processes of one machine; a file beside it names the holder."""

    def __init__(self, study: str, path: Path) -> None:
        super().__init__(study)
        self._path, self._holder = path, path.with_suffix(".json")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock; the holder's name beside it is removed with it."""
        from filelock import FileLock as File
        from filelock import Timeout

        self._path.parent.mkdir(exist_ok=True)
        lock = File(self._path, timeout=_PATIENCE_S)
        try:
            lock.acquire()
        except Timeout as error:
            with suppress(OSError):
                raise self._taken(self._holder.read_text()) from error
            raise self._taken(None) from error
        try:
            self._holder.write_text(json.dumps(_ourselves()))
            yield
        finally:
            self._holder.unlink(missing_ok=True)
            lock.release()

    def is_held(self) -> bool:
        """Whether a process of this machine holds it."""
        from filelock import FileLock as File
        from filelock import Timeout

        if not self._path.exists():
            return False
        try:
            with File(self._path, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a read-only home: a run that left no name has ended
            return self._holder.exists()

    def require(self) -> None:
        """A process keeps it as long as it lives."""


@dataclass(frozen=True)
class _Words:
    """The SQL of a kind of database for a lock that ends with its session."""

    take: str
    is_held: str
    settings: tuple[str, ...] = ()


_WORDS = {
    "postgresql": _Words(
        "SELECT pg_try_advisory_lock(CAST(:key AS bigint))",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
        "AND (CAST(classid AS bigint) << 32) | CAST(objid AS bigint) = CAST(:key AS bigint) "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ),
    "mysql": _Words(
        "SELECT GET_LOCK(:key, 0)",
        "SELECT IS_USED_LOCK(:key) IS NOT NULL",
        ("SET SESSION wait_timeout = 60",),  # it ends a session that was silent for this many seconds
    ),
}


class DatabaseLock(Lock):
    """A lock in a database, on a connection of its own that is used every few seconds.

    A connection may break and the server be restarted under a run. The lock is then taken again; the name that the
    last holder left in a table shows whether another run had it in between.
    """

    def __init__(self, study: str, database: Database) -> None:
        super().__init__(study)
        self._database, self._words = database, _WORDS[database.kind]
        name = f"{database.url.database}/{study}"  # MySQL's names are those of a whole server
        number = int(hashlib.sha256(name.encode()).hexdigest()[:15], 16)
        self._key: int | str = number if database.kind == "postgresql" else f"dlstudy-{number}"
        self._own = ""
        self._connection: Connection
        self._lost: RecordError | None = None
        self._sure, self._over = threading.Event(), threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock, and takes it again if the connection breaks."""
        self._own = json.dumps({**_ourselves(), "token": os.urandom(8).hex()})
        with _as_store_error():
            self._connection = self._connect()
            if not self._try(self._connection):
                holder = self._holder(self._connection)
                self._connection.close()
                raise self._taken(holder)
            self._sign(self._connection)
        self._sure.set()
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._over.set()
            watch.join(_PING_S)
            with suppress(Exception):  # a connection that is broken holds nothing any more
                self._connection.close()

    def is_held(self) -> bool:
        """Whether a session of the server has it."""
        with _as_store_error(), self._connect() as connection:
            return bool(self._ask(connection, self._words.is_held, key=self._key))

    def require(self) -> None:
        """Waits while the lock is in doubt."""
        if not self._sure.wait(_UNSURE_S):
            raise StoreError(
                f"the lock of {self.study} in the database was lost and could not be taken again within "
                f"{_UNSURE_S:.0f} s: check the server, then run the same command again"
            )
        if self._lost is not None:
            raise self._lost

    def _watch(self) -> None:
        while not self._over.wait(_PING_S):
            try:
                self._ask(self._connection, "SELECT 1")
            except Exception:  # each driver has errors of its own; all mean that the session is gone
                self._sure.clear()
                self._take_again()
            if self._lost is not None:
                return

    def _take_again(self) -> None:
        while not self._over.wait(1.0):
            try:
                connection = self._connect()
                has_it, holder = self._try(connection), self._holder(connection)
                if holder != self._own:
                    connection.close()
                    self._lost = RecordError(
                        f"the connection to the database was lost, and another run of {self.study} began meanwhile: "
                        "this one has ended"
                    )
                elif has_it:
                    self._connection = connection
                else:  # the server has not noticed yet that our session is gone
                    connection.close()
                    continue
                self._sure.set()
                return
            except Exception:  # the server is unreachable
                continue

    def _connect(self) -> "Connection":
        from sqlalchemy.pool import NullPool

        connection = self._database.engine(poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()
        for setting in self._words.settings:
            connection.exec_driver_sql(setting)
        return connection

    def _try(self, connection: "Connection") -> bool:
        return bool(self._ask(connection, self._words.take, key=self._key))

    def _sign(self, connection: "Connection") -> None:
        """Records who holds the lock."""
        from sqlalchemy import inspect
        from sqlalchemy.exc import DBAPIError

        if not inspect(connection).has_table("dlstudy_holders"):
            try:
                connection.exec_driver_sql("CREATE TABLE dlstudy_holders (name VARCHAR(64) PRIMARY KEY, holder TEXT)")
            except DBAPIError:
                if not inspect(connection).has_table("dlstudy_holders"):  # else another study's run just made it
                    raise
        self._ask(connection, "DELETE FROM dlstudy_holders WHERE name = :key", key=str(self._key))
        self._ask(
            connection, "INSERT INTO dlstudy_holders VALUES (:key, :holder)", key=str(self._key), holder=self._own
        )

    def _holder(self, connection: "Connection") -> str | None:
        words = "SELECT holder FROM dlstudy_holders WHERE name = :key"
        with suppress(Exception):  # it is about to make that table
            return str(self._ask(connection, words, key=str(self._key)))
        return None

    def _ask(self, connection: "Connection", words: str, **values: object) -> Any:  # Any: whatever a column holds
        from sqlalchemy import text

        found = connection.execute(text(words), values)
        return found.scalar() if found.returns_rows else None


@contextmanager
def _as_store_error() -> Iterator[None]:
    """Turns errors of the database into a `StoreError`."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError.of_storage(reason_of(error)) from error
