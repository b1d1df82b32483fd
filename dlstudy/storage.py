"""Optuna's storage in PostgreSQL or MySQL: it waits for a server that is away, and reads many trials at once."""

import functools
import time
import weakref
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, get_storage
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import inspect, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dlstudy.databases import Database, is_away
from dlstudy.errors import RecordError

__all__ = ["open_storage"]

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE_S = 60.0
"""So long may a server be away in the middle of a run: restarted, or behind a network that is."""

_WIDE = {"value_json": "LONGTEXT", "datetime_start": "DATETIME(6)", "datetime_complete": "DATETIME(6)"}
"""What MySQL needs other than Optuna declares: a result may be longer than 64 KB, and begins within a second."""


def open_storage(database: Database, for_writing: bool) -> BaseStorage:
    """The storage; empty, and nothing made, where a reader comes before the first writer.

    Raises:
        SQLAlchemyError, StorageInternalError: it cannot be opened.
    """
    if not for_writing:
        with database.engine(poolclass=NullPool).connect() as connection:
            if not inspect(connection).has_table(models.StudyModel.__tablename__):
                return InMemoryStorage()
    try:
        storage = _Patient(database)
    except (SQLAlchemyError, StorageInternalError) as error:
        if is_away(error):
            raise
        storage = _Patient(database)  # two machines made the first tables at once
    if for_writing and database.kind == "mysql":
        _widen(storage.engine)
    return get_storage(storage)  # which reads a trial that has ended once


def _widen(engine: Engine) -> None:
    """Gives MySQL's tables types that hold what Optuna's do elsewhere, and names that differ by capitals."""
    with engine.begin() as connection:
        found = connection.execute(
            text(
                "SELECT table_name, column_name, column_type, collation_name FROM information_schema.columns "
                "WHERE table_schema = DATABASE()"
            )
        ).all()
        own = [row for row in found if row[0] in models.BaseModel.metadata.tables]
        try:
            for table in sorted({row[0] for row in own if row[3] not in (None, "utf8mb4_bin")}):
                connection.execute(text(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
            for table, column, kind, _ in own:
                if column in _WIDE and kind.upper() != _WIDE[column]:
                    connection.execute(text(f"ALTER TABLE {table} MODIFY {column} {_WIDE[column]}"))
        except SQLAlchemyError as error:
            raise RecordError(
                f"the tables in {engine.url.database} must hold long results and names that differ by capitals, which "
                f"takes ALTER TABLE, got {type(error).__name__}: run once as a user that may, then as any other"
            ) from error


def _patient(ask: Callable[P, T]) -> Callable[P, T]:
    """The method, tried again for a while where the server is away."""

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


class _Patient(RDBStorage):
    """Optuna's own, whose single steps stand a restart of the server, with a reader of many trials."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.text, database.engine_options)
        weakref.finalize(self, self.engine.dispose)  # else its connections are left to the server's patience

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        tell = RDBStorage.set_trial_state_values
        try:
            return tell(self, trial_id, state, values)
        except StorageInternalError as error:
            if not is_away(error.__cause__):
                raise
        try:
            return _patient(tell)(self, trial_id, state, values)
        except UpdateFinishedTrialError:  # the first time was written, and only its answer was lost
            return True


for _name in (
    "create_new_study", "get_all_studies", "get_study_id_from_name", "get_study_directions", "get_study_user_attrs",
    "set_study_user_attr", "get_trial", "_get_trials", "_create_new_trial", "_set_trial_param", "set_trial_user_attr",
    "set_trial_system_attr", "set_trial_intermediate_value",
):  # fmt: skip
    setattr(_Patient, _name, _patient(getattr(RDBStorage, _name)))
