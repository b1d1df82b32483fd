"""PostgreSQL and MySQL at SQLAlchemy URLs: checks of the URL, connections, and error messages."""

import importlib.util
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlstudy.common.text import one_line, without_passwords
from dlstudy.errors import RecordError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

__all__ = ["Database", "is_away", "reason_of"]

_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql"}
"""The driver that is used for each kind, whichever a URL names: their options and errors differ."""

_CONNECT = {
    # A machine or a network that went away silently is noticed within a minute.
    "postgresql": {
        "connect_timeout": 10,
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
        "application_name": "dlstudy",
    },
    # Without the mode, a lenient server cuts off what is too long for a column; without the time (in seconds), it keeps
    # the open transaction of a machine that vanished for eight hours.
    "mysql": {
        "connect_timeout": 10,
        "read_timeout": 120,
        "write_timeout": 120,
        "init_command": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), wait_timeout = 300",
    },
}
# As above for the server's side, which otherwise keeps a session, its locks and its open transaction for hours.
_POSTGRESQL_SERVER = (
    "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
)


@dataclass(frozen=True)
class Database:
    """A server's database: its checked URL, of kind `postgresql` or `mysql`. Making this object connects to nothing."""

    url: "URL"
    kind: str

    @classmethod
    def at(cls, text: str) -> "Database | None":
        """The database at that URL; None for a file of SQLite.

        Raises:
            RecordError: the URL is not valid, or the driver is not installed.
        """
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        scheme = text.partition("://")[0]
        kind = scheme.partition("+")[0]
        if kind not in ("sqlite", *_DRIVERS):
            raise RecordError(
                "a storage is sqlite:///FILE, postgresql+psycopg://USER@HOST/DATABASE or "
                f"mysql+pymysql://USER@HOST/DATABASE, got one that begins with {scheme[:20]!r}: correct --storage"
            )
        try:
            url = make_url(text)
            if "@" in (url.host or ""):  # the end of a password
                raise ValueError("a host has no @")
        except (ArgumentError, ValueError) as error:  # their texts quote the URL, password and all
            raise RecordError(
                f"the URL that --storage gives cannot be read, got {without_passwords(text)}: write it as "
                f"{scheme}://USER@HOST:PORT/DATABASE, with USER:PASSWORD for USER and %XX for :, /, @ and % in them"
            ) from error
        if kind == "sqlite":
            return None
        driver = _DRIVERS[kind]
        if importlib.util.find_spec(driver) is None:
            raise RecordError(f"{kind} needs {driver}, which is not installed here: pip install 'dlstudy[{kind}]'")
        if not url.database:
            raise RecordError(f"a storage must name its database, got {url!r}: put its name at the end of --storage")
        return cls(url.set(drivername=f"{kind}+{driver}"), kind)

    @property
    def text(self) -> str:
        """The URL, with its password."""
        return self.url.render_as_string(hide_password=False)

    @property
    def engine_options(self) -> dict[str, Any]:  # Any: SQLAlchemy's
        """For `create_engine`: a connection that has died is replaced before it is used."""
        given = {name: value for name, value in _CONNECT[self.kind].items() if name not in self.url.query}
        if self.kind == "postgresql":  # of two that name the same setting, the later one counts
            given["options"] = " ".join([_POSTGRESQL_SERVER, *self.url.normalized_query.get("options", ())])
        return {"pool_pre_ping": True, "connect_args": given}

    def engine(self, **options: Any) -> "Engine":  # Any: SQLAlchemy's
        """An engine that connects to it."""
        from sqlalchemy import create_engine

        return create_engine(self.url, **(self.engine_options | options))


def is_away(error: BaseException | None) -> bool:
    """Whether an error of SQLAlchemy says that a server is unreachable, perhaps temporarily; never of SQLite."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    if not isinstance(error, DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def reason_of(error: BaseException) -> str:
    """The message of a storage's error in one line, without its URL, which may hold a password."""
    from optuna.exceptions import StorageInternalError

    cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
    cause = getattr(cause, "orig", None) or cause  # SQLAlchemy adds the statement, with its values
    has_number = len(cause.args) == 2 and isinstance(cause.args[0], int)  # PyMySQL: number and text
    message = str(cause.args[1] if has_number else cause)
    text = one_line(without_passwords(message), 300)
    return text if hasattr(cause, "sqlstate") or isinstance(cause, sqlite3.Error) else f"{type(cause).__name__}: {text}"
