"""A large study in a database: `python -m benchmarks.storage_scale URL [TRIALS]`, with the URL of an empty database.

The trials are made by dlstudy's own plan and runner, with results that are made up, and are then written in bulk as
Optuna's storage would write them one by one. Measured are commands, each as a process of its own; MLflow is away: to
catch up on this many trials would take it hours.
"""

import datetime
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.simulated_store import STUDY, fill
from dlstudy.store.databases import Database
from dlstudy.store.home import Home
from dlstudy.store.rdb import open_storage
from dlstudy.store.record import Record

_SEEDS = 50


def main(arguments: Sequence[str]) -> int:
    """Fills the database and prints how long the commands take."""
    url, n_trials = arguments[0], int(arguments[1]) if len(arguments) > 1 else 100_000
    trials = n_trials // 4 - _SEEDS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Home.at(folder)
        home.create()
        began = time.monotonic()
        made = InMemoryStorage()
        fill(home, Record(made), trials, _SEEDS)
        _copy(made, url)
        print(f"{n_trials:,} trials written in {time.monotonic() - began:.0f} s")
        stores = ["--storage", url, "--home", folder]
        wanted = ["--trials", str(trials), "--seeds", str(_SEEDS)]
        for words in (
            ["status", *stores],
            ["report", str(STUDY), "--format", "json", "--output", f"{folder}/report.json", *stores],
            ["report", str(STUDY), "--output", f"{folder}/report.html", *stores],
            ["run", str(STUDY), *wanted, *stores, "--tracking-uri", "http://127.0.0.1:9"],
        ):
            began = time.monotonic()
            subprocess.run([sys.executable, "-m", "dlstudy", *words], check=True, stdout=subprocess.DEVNULL)
            print(f"{words[0]:<8} {time.monotonic() - began:6.1f} s", flush=True)
    return 0


def _copy(source: InMemoryStorage, url: str) -> None:
    database = Database.at(url)
    assert database is not None, "the URL of a server is needed"
    storage: Any = open_storage(database, for_writing=True)
    with Session(database.engine()) as session:
        for study in source.get_all_studies():
            copied = storage.create_new_study(study.directions, study.study_name)
            for name, value in study.user_attrs.items():
                storage.set_study_user_attr(copied, name, value)
            trials = source.get_all_trials(study._study_id, deepcopy=False)
            for i in range(0, len(trials), 2_000):
                _write(session, copied, trials[i : i + 2_000])
            session.commit()


def _write(session: Session, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    rows = [
        {
            "study_id": study_id, "number": trial.number, "state": trial.state,
            "_datetime_start_utc": _utc(trial.datetime_start), "_datetime_complete_utc": _utc(trial.datetime_complete),
        }
        for trial in trials
    ]  # fmt: skip
    given = models.TrialModel.trial_id, models.TrialModel.number
    made = session.execute(insert(models.TrialModel).returning(*given), rows)
    ids = {number: trial_id for trial_id, number in made}
    for model, of_trial in (
        (models.TrialUserAttributeModel, _attributes),
        (models.TrialParamModel, _params),
        (models.TrialValueModel, _values),
    ):
        session.execute(insert(model), [{"trial_id": ids[t.number], **row} for t in trials for row in of_trial(t)])


def _attributes(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for key, value in trial.user_attrs.items():
        yield {"key": key, "value_json": json.dumps(value)}


def _params(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for name, value in trial.params.items():
        space = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": space.to_internal_repr(value),
            "distribution_json": optuna.distributions.distribution_to_json(space),
        }


def _values(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    value, kind = models.TrialValueModel.value_to_stored_repr(trial.value or 0.0)
    yield {"objective": 0, "value": value, "value_type": kind}


def _utc(moment: datetime.datetime | None) -> datetime.datetime | None:
    return moment and moment.astimezone(datetime.UTC).replace(tzinfo=None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
