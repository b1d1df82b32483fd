"""Tracking in MLflow, a view of the record to browse: a parent run for a study, a child run for each trial.

If MLflow is unreachable, or slower than the training, the training continues, and `settle` writes what was missed from
the record, now or after the next run.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence

from dlstudy.common.processes import QUIET
from dlstudy.store.home import Home
from dlstudy.study.events import Listener, Totals
from dlstudy.study.trial import TrialRecord, TrialSpec
from dlstudy.tracking.background import Action, BackgroundWriter
from dlstudy.tracking.runs import MlflowRuns
from dlstudy.tracking.stores import open_runs
from dlstudy.tracking.study_run import StudyRun

__all__ = ["Tracker"]

_PATIENCE_S = 120.0
_SAY_S = 15.0


class Tracker(Listener):
    """A listener that has trials written to MLflow as they happen, epochs in batches."""

    def __init__(
        self,
        uri: str,
        home: Home,
        study_run: StudyRun,
        known: Sequence[TrialRecord],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Imports MLflow in the background; connects, and catches up on known trials, once there is something to write.

        Opening a store, and even more making one, takes a second of a core, which workers need while they start.

        Args:
            uri, home, study_run: where, and what of.
            known: the trials that the record has already.
            say: shows the user the progress of a long catch-up.
        """
        _quieten()
        self._say, self._said_s = say, math.inf
        self._epochs: dict[str, list[tuple[int, int, Mapping[str, float]]]] = {}  # used by the thread only
        self._writer = BackgroundWriter(lambda: open_runs(uri, home, study_run), self._write_epochs, self._drop_epochs)
        self._writer.put(lambda runs: runs.catch_up(known, self._caught_up))

    @property
    def problem(self) -> str:
        """Why MLflow cannot be written; empty while it can."""
        return self._writer.problem

    @property
    def missed(self) -> bool:
        """Whether MLflow was unreachable for a time, or too slow."""
        return bool(self._writer.missed)

    @property
    def notes(self) -> list[str]:
        """Lines for the user: a run of the study that was restored or is there twice, and what MLflow did not take."""
        runs = self._writer.runs
        if runs is None:
            return []
        notes = list(dict.fromkeys(runs.notes))
        if runs.refused:
            (trial, item), why = next(iter(runs.refused.items()))
            notes.append(
                f"MLflow did not take {len(runs.refused)} of what it was given, first {item} of {trial} ({why}): "
                "nothing is lost here, and the tag dlstudy.refused of a run names what the run lacks"
            )
        return notes

    def wake(self) -> None:
        """Connects now: nothing will train."""
        self._writer.wake()

    def run_id(self, key: str) -> str:
        """The MLflow run of a trial; empty while it has none."""
        return self._writer.runs.run_ids.get(key, "") if self._writer.runs else ""

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Starts the trial's run."""
        now_ms = _now_ms()
        self._writer.put(lambda runs: runs.begin(spec, slot, now_ms), spec.key)

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Keeps an epoch's metrics for the next batch."""
        now_ms, values = _now_ms(), dict(metrics)
        self._writer.put(lambda _: self._epochs.setdefault(spec.key, []).append((epoch, now_ms, values)), spec.key)
        self._writer.wake()

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Ends the trial's run."""

        def end(runs: MlflowRuns) -> None:
            self._write_epochs_of(runs, spec.key)
            runs.end(trial)

        self._writer.put(end, spec.key)
        self._writer.wake()

    def settle(
        self, trials: Sequence[TrialRecord], patience_s: float = _PATIENCE_S, limit_s: float = math.inf
    ) -> dict[str, str]:
        """Writes what MLflow lacks of these trials; returns the runs of those whose record names none, by key.

        Runs for at most `limit_s`, and gives up after `patience_s` without progress.
        """
        self._writer.do(lambda runs: runs.catch_up(trials, self._caught_up), patience_s, limit_s, retry=True)
        return {trial.key: self.run_id(trial.key) for trial in trials if not trial.run_id and self.run_id(trial.key)}

    def publish(self, action: Action, patience_s: float = _PATIENCE_S) -> None:
        """Runs an action on the study's own run, such as ending it with its report, and waits for it."""
        self._writer.do(action, patience_s)

    def close(self) -> None:
        """Ends the thread."""
        self._writer.close()

    def _caught_up(self, n_done: int, n_all: int) -> None:
        """Called by the thread while it catches up."""
        self._writer.made_progress()
        now_s = time.monotonic()
        self._said_s = min(self._said_s, now_s)
        if now_s - self._said_s > _SAY_S:
            self._say(f"MLflow is behind: {n_done:,} of {n_all:,} trials written from the record")
            self._said_s = now_s

    def _write_epochs(self, runs: MlflowRuns) -> None:
        for key in list(self._epochs):
            self._write_epochs_of(runs, key)

    def _write_epochs_of(self, runs: MlflowRuns, key: str) -> None:
        runs.log_epochs(key, self._epochs.get(key, ()))
        self._epochs.pop(key, None)

    def _drop_epochs(self) -> set[str]:
        keys = set(self._epochs)
        self._epochs.clear()
        return keys


def _quieten() -> None:
    """Silences MLflow and its dependencies; an unreachable server is reported once, at the end."""
    os.environ.update(QUIET)
    for name, value in (("MAX_RETRIES", "1"), ("TIMEOUT", "20")):
        os.environ.setdefault(f"MLFLOW_HTTP_REQUEST_{name}", value)
    for name in ("urllib3", "mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _now_ms() -> int:
    return int(time.time() * 1000)
