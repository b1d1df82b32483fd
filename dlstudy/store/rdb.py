"""Optuna's storage in PostgreSQL or MySQL: it waits for an unreachable server, and reads many trials at once."""

import functools
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, get_storage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import inspect, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dlstudy.errors import RecordError
from dlstudy.store.databases import Database, is_away
from dlstudy.store.trial_reader import WRITES_OF_CACHE, read_trials, reads_trials_as_known

__all__ = ["open_storage"]

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE_S = 60.0
"""How long a server may be unreachable during a run, while it or the network restarts."""

_TABLES = (
    "studies", "study_directions", "study_system_attributes", "study_user_attributes", "trials", "trial_heartbeats",
    "trial_intermediate_values", "trial_params", "trial_system_attributes", "trial_user_attributes", "trial_values",
    "version_info",
)  # fmt: skip
"""The tables of Optuna's schema."""

_WIDE = {"value_json": "LONGTEXT", "datetime_start": "DATETIME(6)", "datetime_complete": "DATETIME(6)"}
"""Column types for MySQL in place of Optuna's: results may exceed 64 KB, and times have fractions of seconds."""


def open_storage(database: Database, for_writing: bool) -> BaseStorage:
    """The storage; empty, and without tables, if a reader comes before the first writer.

    Raises:
        SQLAlchemyError, StorageInternalError: it cannot be opened.
    """
    if not for_writing:
        with database.engine(poolclass=NullPool).connect() as connection:
            if not inspect(connection).has_table("studies"):
                return InMemoryStorage()
    try:
        storage = _RetryingStorage(database)
    except (SQLAlchemyError, StorageInternalError) as error:
        if is_away(error):
            raise
        storage = _RetryingStorage(database)  # two machines made the first tables at once
    if for_writing and database.kind == "mysql":
        _widen(storage.engine)
    return get_storage(storage)  # which reads a trial that has ended once


def _widen(engine: Engine) -> None:
    """Gives MySQL's tables types as large as in other databases, and case-sensitive names."""
    with engine.begin() as connection:
        found = connection.execute(
            text(
                "SELECT table_name, column_name, column_type, collation_name FROM information_schema.columns "
                "WHERE table_schema = DATABASE()"
            )
        ).all()
        own = [row for row in found if row[0] in _TABLES]
        try:
            for table in sorted({row[0] for row in own if row[3] not in (None, "utf8mb4_bin")}):
                connection.execute(text(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
            for table, column, kind, _ in own:
                if column in _WIDE and kind.upper() != _WIDE[column]:
                    connection.execute(text(f"ALTER TABLE {table} MODIFY {column} {_WIDE[column]}"))
        except SQLAlchemyError as error:
            raise RecordError(
                f"the tables in {engine.url.database} must hold long results and case-sensitive names, which "
                f"takes ALTER TABLE, got {type(error).__name__}: run once as a user that may, then as any other"
            ) from error


def _retry(ask: Callable[P, T]) -> Callable[P, T]:
    """The method, retried for a while if the server is unreachable."""

    @functools.wraps(ask)
    def asking(*args: P.args, **kwargs: P.kwargs) -> T:
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return ask(*args, **kwargs)
            except StorageInternalError as error:
                if not is_away(error.__cause__) or time.monotonic() > end:
                    raise
            time.sleep(1.0)

    return asking


class _RetryingStorage(RDBStorage):
    """Optuna's storage, with single steps that survive a restart of the server, and a reader of many trials."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.text, database.engine_options)
        weakref.finalize(self, self.engine.dispose)  # otherwise its connections stay open until the server's timeout

    @_retry
    def _get_trials(self, *args: Any, **kwargs: Any) -> list[FrozenTrial]:  # Any: as Optuna's cache calls it
        if not reads_trials_as_known():
            return super()._get_trials(*args, **kwargs)
        return read_trials(self.engine, *args, **kwargs)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        tell = RDBStorage.set_trial_state_values
        try:
            return tell(self, trial_id, state, values)
        except StorageInternalError as error:
            if not is_away(error.__cause__):
                raise
        try:
            return _retry(tell)(self, trial_id, state, values)
        except UpdateFinishedTrialError:  # the first time was written, and only its answer was lost
            return True


for _name in (
    "create_new_study", "get_all_studies", "get_study_id_from_name", "get_study_directions", "get_study_user_attrs",
    "set_study_user_attr", "get_trial", "set_trial_user_attr", "set_trial_system_attr", "set_trial_intermediate_value",
    *WRITES_OF_CACHE,
):  # fmt: skip
    setattr(_RetryingStorage, _name, _retry(getattr(RDBStorage, _name)))
