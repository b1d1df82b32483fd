"""Optuna's storage in PostgreSQL or MySQL: it waits for a server that is away, and reads many trials at once."""

import datetime
import functools
import json
import time
import weakref
from collections.abc import Callable, Container, Sequence
from typing import Any, ParamSpec, TypeVar

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, get_storage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import ColumnElement, inspect, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from dlstudy.errors import RecordError
from dlstudy.store.databases import Database, is_away

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

    @_patient
    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """As Optuna's own, in plain queries: its objects for each row take several times as long."""
        trial = models.TrialModel
        chosen = trial.trial_id > trial_id_greater_than
        if included_trial_ids:
            chosen |= trial.trial_id.in_(included_trial_ids)
        chosen &= trial.study_id == study_id
        columns = trial.trial_id, trial.number, trial.state, trial._datetime_start_utc, trial._datetime_complete_utc
        with _create_scoped_session(self.scoped_session) as session:
            rows = session.execute(select(*columns).where(chosen).order_by(trial.trial_id)).all()
            parts = [_rows_by_trial(session, chosen, *part) for part in _PARTS] if rows else []
        return [
            _frozen(row, [part.get(row[0], []) for part in parts]) for row in rows if not states or row[2] in states
        ]

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
    "set_study_user_attr", "get_trial", "_create_new_trial", "_set_trial_param", "set_trial_user_attr",
    "set_trial_system_attr", "set_trial_intermediate_value",
):  # fmt: skip
    setattr(_Patient, _name, _patient(getattr(RDBStorage, _name)))


_PARTS = (
    (models.TrialUserAttributeModel, ("key", "value_json"), "trial_user_attribute_id"),
    (models.TrialSystemAttributeModel, ("key", "value_json"), "trial_system_attribute_id"),
    (models.TrialParamModel, ("param_name", "param_value", "distribution_json"), "param_id"),
    (models.TrialValueModel, ("value", "value_type"), "objective"),
    (models.TrialIntermediateValueModel, ("step", "intermediate_value", "intermediate_value_type"), "step"),
)
"""The tables with what belongs to a trial: their columns, and what these are sorted by."""


def _rows_by_trial(
    session: Session, chosen: ColumnElement[bool], model: Any, columns: Sequence[str], order: str
) -> dict[int, list[Any]]:  # Any: Optuna's models have no common base; rows
    found: dict[int, list[Any]] = {}  # Any: as above
    wanted = [getattr(model, name) for name in ("trial_id", *columns)]
    query = select(*wanted).join(models.TrialModel).where(chosen).order_by(getattr(model, order))
    for trial_id, *values in session.execute(query):
        found.setdefault(trial_id, []).append(values)
    return found


def _frozen(row: Any, parts: Sequence[list[Any]]) -> FrozenTrial:  # Any: rows
    trial_id, number, state, start, complete = row
    attributes, system, params, values, steps = parts
    spaces = {name: _distribution(text) for name, _, text in params}
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        values=[models.TrialValueModel.stored_repr_to_value(*value) for value in values] or None,
        datetime_start=_local(start),
        datetime_complete=_local(complete),
        params={name: spaces[name].to_external_repr(value) for name, value, _ in params},
        distributions=spaces,
        user_attrs={key: json.loads(text) for key, text in attributes},
        system_attrs={key: json.loads(text) for key, text in system},
        intermediate_values={
            step: models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(*value) for step, *value in steps
        },
        trial_id=trial_id,
    )


@functools.lru_cache(maxsize=1_000)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(moment: datetime.datetime | None) -> datetime.datetime | None:
    """Optuna stores UTC and gives local time, both without saying so."""
    return moment and moment.replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=None)
