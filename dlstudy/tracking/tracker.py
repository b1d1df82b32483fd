"""MLflow, the view that people browse: a parent run for a study, a child run for each trial.

A thread of the parent process writes; nothing waits for it but the end of a run. Where MLflow cannot be reached, or is
slower than the training, that goes on, and what was missed is written from the record by `settle`, now or after the
next run.
"""

import importlib
import logging
import math
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from dlstudy.common.processes import QUIET
from dlstudy.common.text import one_line, told, without_passwords
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.store.home import Home
from dlstudy.study.events import Listener, Totals
from dlstudy.study.trial import TrialRecord, TrialSpec
from dlstudy.tracking.runs import MlflowRuns, StudyRun

__all__ = ["Tracker", "tracking_uri"]

_BATCH_S = 2.0
_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file")
_RETRY_S = 20.0
_MOST_WAITING = 20_000
"""Epochs and trials that wait for MLflow: some 20 MB. More are left to `settle`."""
_SAY_S = 15.0


def tracking_uri(home: Home, given: str | None = None) -> str:
    """The given MLflow server or store, else `MLFLOW_TRACKING_URI`, else SQLite in the home.

    Raises:
        UsageError: MLflow knows no such kind of store.
    """
    uri = given or os.environ.get("MLFLOW_TRACKING_URI") or _own_store(home)
    scheme, mark, _ = uri.partition("://")
    if mark and scheme.partition("+")[0] not in _SCHEMES:
        raise UsageError(
            f"a tracking URI begins with one of {', '.join(_SCHEMES)}, got {without_passwords(uri)!r}: "
            "mend --tracking-uri"
        )
    return uri


class Tracker(Listener):
    """Hears of trials and writes them to MLflow as they happen, in batches."""

    def __init__(
        self,
        uri: str,
        home: Home,
        study_run: StudyRun,
        known: Sequence[TrialRecord],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Imports MLflow in the background; connects, and catches up on known trials, once there is something to tell.

        To open a store, and more so to make one, takes a second of a core, which workers need while they start. `say`
        tells the user how far a long catching-up is.
        """
        os.environ.update(QUIET)
        for name, value in (("MAX_RETRIES", "1"), ("TIMEOUT", "20")):
            os.environ.setdefault(f"MLFLOW_HTTP_REQUEST_{name}", value)
        for name in ("urllib3", "mlflow", "alembic"):  # a server that is away is told once, at the end
            logging.getLogger(name).setLevel(logging.ERROR)
        self.problem = ""
        self._say, self._moved_s, self._said_s = say, 0.0, 0.0
        self._lacking: set[str] = set()  # trials of which MLflow has not all that was told
        self._late: threading.Event | None = None  # what was waited for in vain
        self._open: Callable[[], MlflowRuns] = lambda: _connect(uri, home, study_run)
        self._runs: MlflowRuns | None = None
        self._next_try = 0.0
        self._epochs: dict[str, list[tuple[int, int, Mapping[str, float]]]] = {}
        self._awake = threading.Event()
        self._queue: queue.Queue[tuple[str, Callable[[MlflowRuns], None], threading.Event | None] | None]
        self._queue = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._queue.put(("", lambda runs: runs.catch_up(known, self._move), None))

    @property
    def missed(self) -> bool:
        """Whether MLflow was away for a time, or too slow."""
        return bool(self._lacking)

    def wake(self) -> None:
        """Connects now: nothing will train."""
        self._awake.set()

    def run_id(self, key: str) -> str:
        """The MLflow run of a trial; empty while it has none."""
        return self._runs.run_ids.get(key, "") if self._runs else ""

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Starts the trial's run."""
        now = _now_ms()
        self._tell(spec.key, lambda runs: runs.begin(spec, slot, now))

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Keeps an epoch's metrics for the next batch."""
        now, values = _now_ms(), dict(metrics)
        self._tell(spec.key, lambda _: self._epochs.setdefault(spec.key, []).append((epoch, now, values)))
        self._awake.set()

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Ends the trial's run."""

        def end(runs: MlflowRuns) -> None:
            self._write_epochs(runs, spec.key)
            runs.end(trial)

        self._tell(spec.key, end)
        self._awake.set()

    def settle(
        self, trials: Sequence[TrialRecord], patience_s: float = 120.0, limit_s: float = math.inf
    ) -> dict[str, str]:
        """Writes what MLflow lacks of these trials; the runs of those whose record names none, by key.

        Goes on for as long as that gets on, but for at most `limit_s`; ends when nothing moves for `patience_s`.
        """
        self._next_try = 0.0
        self._do(lambda runs: runs.catch_up(trials, self._move), patience_s, limit_s)
        return {trial.key: self.run_id(trial.key) for trial in trials if not trial.run_id and self.run_id(trial.key)}

    def publish(self, action: Callable[[MlflowRuns], None], patience_s: float = 120.0) -> None:
        """Does something with the study's own run, such as to end it with its report, and waits for that."""
        self._do(action, patience_s, math.inf)

    def close(self) -> None:
        """Ends the thread."""
        self._queue.put(None)
        self._awake.set()
        self._thread.join(5)

    def _tell(self, key: str, action: Callable[[MlflowRuns], None]) -> None:
        """Has the thread write something of a trial, unless it is too far behind."""
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put((key, action, None))
        else:
            self._lacking.add(key)

    def _do(self, action: Callable[[MlflowRuns], None], patience_s: float, limit_s: float) -> None:
        if self._late is not None and not self._late.is_set():
            return  # it still has not answered
        done, began_s = threading.Event(), time.monotonic()
        self._queue.put(("", action, done))
        self._awake.set()
        while not done.wait(min(0.5, patience_s)):
            now = time.monotonic()
            if now - max(began_s, self._moved_s) > patience_s or now - began_s > limit_s:
                self._late = done
                self.problem = self.problem or f"MLflow did not answer within {min(patience_s, limit_s):.0f} s"
                return

    def _move(self, n_done: int, n_all: int) -> None:
        """Catching up gets on."""
        self._moved_s = time.monotonic()
        if self._said_s == 0.0:
            self._said_s = self._moved_s
        if self._moved_s - self._said_s > _SAY_S:
            self._say(f"MLflow is behind: {n_done:,} of {n_all:,} trials written from the record")
            self._said_s = self._moved_s

    def _work(self) -> None:
        with suppress(Exception):  # where it cannot be imported, the first attempt to open it says why
            importlib.import_module("mlflow")
        self._awake.wait()
        last = time.monotonic()
        while True:
            try:
                entry = self._queue.get(timeout=_BATCH_S)
            except queue.Empty:
                entry = ("", lambda _: None, None)
            if entry is None:
                return
            key, action, done = entry
            if key not in self._lacking:  # else `settle` writes it
                self._attempt(action, key)
            if time.monotonic() - last > _BATCH_S:
                self._attempt(self._write_all_epochs)
                last = time.monotonic()
            if done is not None:
                done.set()

    def _attempt(self, action: Callable[[MlflowRuns], None], key: str = "") -> None:
        """Does it, unless MLflow is away; what is missed is written by `settle`."""
        if time.monotonic() < self._next_try:
            self._miss(key)
            return
        try:
            if self._runs is None:
                self._runs = self._open()
            action(self._runs)
            self.problem, self._moved_s = "", time.monotonic()
        except Exception as error:  # MLflow, SQLAlchemy, requests and the file system each raise their own
            self.problem = without_passwords(
                one_line(str(error) if isinstance(error, DlstudyError) else told(error), 300)
            )
            self._miss(key)
            self._next_try = time.monotonic() + _RETRY_S

    def _miss(self, key: str) -> None:
        self._lacking.update(filter(None, (key, *self._epochs)))
        self._epochs.clear()

    def _write_epochs(self, runs: MlflowRuns, key: str) -> None:
        runs.log_epochs(key, self._epochs.get(key, ()))
        self._epochs.pop(key, None)

    def _write_all_epochs(self, runs: MlflowRuns) -> None:
        for key in list(self._epochs):
            self._write_epochs(runs, key)


def _connect(uri: str, home: Home, study_run: StudyRun) -> MlflowRuns:
    """Opens a store; that of the home is made under another name first.

    MLflow never again opens a store that a kill or a full disk left half-made, nor one that two processes make at once.
    """
    if uri == _own_store(home) and not home.mlflow_db.exists():
        from filelock import FileLock
        from mlflow import MlflowClient

        with FileLock(home.mlflow_db.with_suffix(".lock")):
            if not home.mlflow_db.exists():
                for left in home.root.glob("mlflow-*"):
                    shutil.rmtree(left, ignore_errors=True)
                # A new name each time: MLflow keeps its connections, also to a file that is gone.
                with TemporaryDirectory(dir=home.root, prefix="mlflow-") as folder:
                    made = Path(folder) / home.mlflow_db.name
                    MlflowClient(tracking_uri=f"sqlite:///{made}").search_experiments(max_results=1)
                    made.replace(home.mlflow_db)
    return MlflowRuns(uri, home, study_run)


def _own_store(home: Home) -> str:
    return f"sqlite:///{home.mlflow_db}"


def _now_ms() -> int:
    return int(time.time() * 1000)
