"""Reads many trials from a database at once. Every private name of Optuna that dlstudy uses is in this file.

`get_storage` wraps a database in a cache, which calls three private methods of `RDBStorage`: `_get_trials` to read,
`_create_new_trial` and `_set_trial_param` to write. Whatever is to hold for all calls has to be put there.

Public alternatives: `RDBStorage.get_all_trials`, but the cache does not call it; no cache reads all trials each time.

If an upgrade changes these names, Optuna's own reader is used, which takes several times as long, and a write that
the cache makes while the server restarts fails, so that its trial is tried again by the next run. Seen in Optuna 5.0.
"""

import datetime
import functools
import inspect
import json
from collections.abc import Container, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

__all__ = ["WRITES_OF_CACHE", "read_trials", "reads_trials_as_known"]

WRITES_OF_CACHE = tuple(name for name in ("_create_new_trial", "_set_trial_param") if hasattr(RDBStorage, name))
"""The private methods by which Optuna's cache writes."""

_PARAMETERS = ["self", "study_id", "states", "included_trial_ids", "trial_id_greater_than"]


def reads_trials_as_known() -> bool:
    """Whether this version of Optuna reads trials by the private names that `read_trials` knows."""
    try:
        _models()
        return list(inspect.signature(RDBStorage._get_trials).parameters) == _PARAMETERS
    except (AttributeError, ImportError):
        return False


def read_trials(
    engine: Engine,
    study_id: int,
    states: Container[TrialState] | None,
    included_trial_ids: set[int],
    trial_id_greater_than: int,
) -> list[FrozenTrial]:
    """What `RDBStorage._get_trials` returns, in plain queries: its objects for each row take several times as long.

    Args:
        engine: of the database.
        study_id: number of the Optuna study.
        states: only trials in one of these; None for all.
        included_trial_ids: numbers of trials to read whatever their order.
        trial_id_greater_than: all trials after this number are read too.

    Raises:
        StorageInternalError: the database does not answer.
    """
    trial = _models().TrialModel
    chosen = trial.trial_id > trial_id_greater_than
    if included_trial_ids:
        chosen |= trial.trial_id.in_(included_trial_ids)
    chosen &= trial.study_id == study_id
    columns = trial.trial_id, trial.number, trial.state, trial._datetime_start_utc, trial._datetime_complete_utc
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(*columns).where(chosen).order_by(trial.trial_id)).all()
            parts = [_rows_by_trial(connection, chosen, *part) for part in _PARTS] if rows else []
    except SQLAlchemyError as error:
        raise StorageInternalError("the trials of a study could not be read") from error
    wanted = [row for row in rows if states is None or row[2] in states]
    return [_frozen(row, [part.get(row[0], []) for part in parts]) for row in wanted]


_PARTS = (
    ("TrialUserAttributeModel", ("key", "value_json"), "trial_user_attribute_id"),
    ("TrialSystemAttributeModel", ("key", "value_json"), "trial_system_attribute_id"),
    ("TrialParamModel", ("param_name", "param_value", "distribution_json"), "param_id"),
    ("TrialValueModel", ("value", "value_type"), "objective"),
    ("TrialIntermediateValueModel", ("step", "intermediate_value", "intermediate_value_type"), "step"),
)
"""The tables with what belongs to a trial: their columns, and what these are sorted by."""


def _models() -> Any:  # Any: a module
    """Optuna's tables as classes of SQLAlchemy."""
    from optuna.storages._rdb import models

    return models


def _rows_by_trial(
    connection: Connection, chosen: ColumnElement[bool], name: str, columns: Sequence[str], order: str
) -> dict[int, list[Any]]:  # Any: rows
    found: dict[int, list[Any]] = {}  # Any: as above
    models = _models()
    model = getattr(models, name)
    wanted = [getattr(model, column) for column in ("trial_id", *columns)]
    query = select(*wanted).join(models.TrialModel).where(chosen).order_by(getattr(model, order))
    for trial_id, *values in connection.execute(query):
        found.setdefault(trial_id, []).append(values)
    return found


def _frozen(row: Any, parts: Sequence[list[Any]]) -> FrozenTrial:  # Any: rows
    trial_id, number, state, start, complete = row
    attributes, system, params, values, steps = parts
    models = _models()
    to_value, to_step = (
        models.TrialValueModel.stored_repr_to_value,
        models.TrialIntermediateValueModel.stored_repr_to_intermediate_value,
    )
    spaces = {name: _distribution(text) for name, _, text in params}
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        values=[to_value(*value) for value in values] or None,
        datetime_start=_local(start),
        datetime_complete=_local(complete),
        params={name: spaces[name].to_external_repr(value) for name, value, _ in params},
        distributions=spaces,
        user_attrs={key: json.loads(text) for key, text in attributes},
        system_attrs={key: json.loads(text) for key, text in system},
        intermediate_values={step: to_step(*value) for step, *value in steps},
        trial_id=trial_id,
    )


@functools.lru_cache(maxsize=1_000)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(moment: datetime.datetime | None) -> datetime.datetime | None:
    """Optuna stores UTC and gives local time, both without saying so."""
    return moment and moment.replace(tzinfo=datetime.UTC).astimezone().replace(tzinfo=None)
