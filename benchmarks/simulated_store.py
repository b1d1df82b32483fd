"""Makes a home with a large finished study, without training: `python -m benchmarks.simulated_store HOME [TRIALS]`.

The record is written by dlstudy's own runner, with an engine that makes results up. MLflow is written by
`dlstudy run` for the first trials; the rows of the others are copies of theirs in MLflow's SQLite file, with their own
ids, names, keys and indices, and the parameters and metrics of the trial they were copied from.
"""

import json
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from dlstudy.engines.base import Engine, TrialOutcome
from dlstudy.engines.devices import Slot
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.loop import train_missing
from dlstudy.runner.session import begin_run
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.request import Request, resolve
from dlstudy.study.row_values import pack_bits
from dlstudy.study.seeds import number_of
from dlstudy.study.trial import TrainedBy, TrialResult, TrialSpec, TrialState

STUDY = Path(__file__).parent / "studies" / "many.py"
N_TEST = 10_000
_FIRST_SEEDS = 7  # the fewest that the claims of the study allow


def make(home: Path, n_trials: int = 10_000, tracked: bool = True) -> list[str]:
    """Fills a home with a finished study of this many trials.

    Args:
        home: an empty or absent folder.
        n_trials: search and replicate together, all four arms.
        tracked: whether MLflow has them too; else the next `dlstudy run` writes them all.

    Returns:
        The options for `dlstudy run STUDY` with which nothing is missing.
    """
    n_arms = len(loader.load(STUDY).study.arms)
    seeds = max(_FIRST_SEEDS, min(50, n_trials // (5 * n_arms)))
    trials = n_trials // n_arms - seeds
    if trials < 1:
        raise ValueError(f"n_trials must be at least {n_arms * (_FIRST_SEEDS + 1)}, got {n_trials}")
    made = Home.at(home)
    made.create()
    options = ["--home", str(home), "--trials", str(trials), "--seeds", str(seeds)]
    if not tracked:
        _fill(made, trials, seeds, lambda _: "")
        return options
    first = _track_first(made)
    run_ids = dict(first)
    _fill(made, trials, seeds, lambda key: run_ids.setdefault(key, uuid.uuid4().hex))
    with closing(sqlite3.connect(made.mlflow_db)) as store, store:
        _copy_runs(store, {key: run_id for key, run_id in run_ids.items() if key not in first})
    return options


def _track_first(home: Home) -> dict[str, str]:
    """Lets dlstudy write the first trials of each part to MLflow: their runs by key. Their record is thrown away."""
    _fill(home, 1, _FIRST_SEEDS, lambda _: "")
    few = ["--home", str(home.root), "--trials", "1", "--seeds", str(_FIRST_SEEDS), "--json"]
    subprocess.run([sys.executable, "-m", "dlstudy", "run", str(STUDY), *few], check=True, capture_output=True)
    for path in home.root.glob(f"{home.journal.name}*"):
        path.unlink()
    with closing(sqlite3.connect(home.mlflow_db)) as store:
        return dict(store.execute("select value, run_uuid from tags where key = 'dlstudy.key'").fetchall())


def _fill(home: Home, trials: int, seeds: int, run_id_of: Callable[[str], str]) -> None:
    fill(home, Record(JournalStorage(_Unsynced(str(home.journal)))), trials, seeds, run_id_of)


def fill(home: Home, record: Record, trials: int, seeds: int, run_id_of: Callable[[str], str] = lambda _: "") -> None:
    """Lets the runner end every missing trial of a record."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    request = Request(trials=trials, seeds=seeds)
    _, plan, recorder = begin_run(resolve(loader.load(STUDY), request), request, home, record)
    train_missing(plan, recorder, lambda *_: _FakeEngine(), [], run_id_of, RunLimits())


class _Unsynced(JournalFileBackend):
    """Optuna's journal without a lock and a sync for each line: nobody else is there."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with Path(self._file_path).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)


class _FakeEngine(Engine):
    """Ends every trial at once with a made-up result."""

    def __init__(self) -> None:
        self._waiting: list[TrialSpec] = []

    @property
    def slots(self) -> list[Slot]:
        return [Slot("cpu:0")]

    def submit(self, spec: TrialSpec) -> str:
        self._waiting.append(spec)
        return "cpu:0"

    def wait(self, timeout_s: float) -> list[TrialOutcome]:
        ended = [TrialOutcome(spec, made_up(spec)) for spec in self._waiting]
        self._waiting.clear()
        return ended

    def close(self) -> None:
        pass


def made_up(spec: TrialSpec) -> TrialResult:
    """A finished result that depends on the spec alone; trial 0 of a search is the best of its arm."""
    rng = np.random.default_rng([spec.seed, number_of(spec.arm, spec.phase)])
    best = 0.985 if spec.phase is Phase.SEARCH and spec.index == 0 else rng.uniform(0.90, 0.98)
    epochs = np.arange(1, spec.epochs + 1)
    accuracy = best - 0.1 / epochs + 0.1 / spec.epochs
    history = {
        "train_accuracy": (accuracy + 0.01).round(6).tolist(),
        "train_loss": (3 * (1 - accuracy)).round(6).tolist(),
        "val_accuracy": accuracy.round(6).tolist(),
        "val_loss": (4 * (1 - accuracy)).round(6).tolist(),
    }
    metrics = {name: values[-1] for name, values in history.items()} | {"parameters": 7850.0}
    correct = ""
    if spec.read_test is ReadTest.AT_END:
        right = rng.random(N_TEST) < best - 0.002
        correct = pack_bits(right)
        metrics |= {"test_accuracy": float(right.mean()), "test_loss": round(4 * float(1 - right.mean()), 6)}
    cost = {"seconds": 10.0, "seconds_per_epoch": 1.0, "memory_mb": 900.0}
    return TrialResult(
        TrialState.FINISHED, metrics=metrics, history=history, cost=cost, trained_by=TrainedBy.EPOCH_GRAPH,
        correct=correct, slot="cpu:0",
    )  # fmt: skip


def _copy_runs(store: sqlite3.Connection, run_ids: dict[str, str]) -> None:
    """Gives every new trial the rows of trial 0 of its part."""
    tables = {"runs": "run_uuid", "params": "run_uuid", "tags": "run_uuid", "metrics": "run_uuid",
              "latest_metrics": "run_uuid", "inputs": "destination_id"}  # fmt: skip
    ids = dict(store.execute("select value, run_uuid from tags where key = 'dlstudy.key'").fetchall())
    parts = {key.rpartition("#")[0] for key in ids}
    first = {
        part: {table: _rows(store, table, own, ids[f"{part}#0"]) for table, own in tables.items()} for part in parts
    }
    first_tags = {part: _rows(store, "input_tags", "input_uuid", rows["inputs"][0]["input_uuid"])
                  for part, rows in first.items()}  # fmt: skip
    for key, run_id in run_ids.items():
        part, _, number = key.rpartition("#")
        for table, own in tables.items():
            _insert(store, table, [_copy({**row, own: run_id}, row[own], key, number) for row in first[part][table]])
        (entry,) = store.execute("select input_uuid from inputs where destination_id = ?", [run_id]).fetchone()
        _insert(store, "input_tags", [{**row, "input_uuid": entry} for row in first_tags[part]])


def _rows(store: sqlite3.Connection, table: str, column: str, value: str) -> list[dict[str, Any]]:
    cursor = store.execute(f"select * from {table} where {column} = ?", [value])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _insert(store: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        store.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


def _copy(row: dict[str, Any], old_id: str, key: str, number: str) -> dict[str, Any]:
    """The row with its new names. The number of a trial is its index here: none was tried twice."""
    if "artifact_uri" in row:
        row["name"] = str(row["name"]).replace("#0", f"#{number}")
        row["artifact_uri"] = str(row["artifact_uri"]).replace(old_id, str(row["run_uuid"]))
    if "input_uuid" in row:
        row["input_uuid"] = uuid.uuid4().hex
    named = {"dlstudy.key": key, "mlflow.runName": str(row.get("value")).replace("#0", f"#{number}"), "index": number}
    if row.get("key") in named:
        row["value"] = named[str(row["key"])]
    return row


if __name__ == "__main__":
    print(*make(Path(sys.argv[1]), *map(int, sys.argv[2:3])))
