"""Writes how far a run is to where `dlstudy watch` finds it: a file in the home, or the record's database."""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from optuna.exceptions import StorageInternalError

from dlstudy.common.files import write_whole
from dlstudy.errors import DlstudyError
from dlstudy.store.home import Home
from dlstudy.store.notes import note_run
from dlstudy.store.record import Record
from dlstudy.study.events import Listener, Totals
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.run_state import RunFollower
from dlstudy.study.trial import TrialRecord, TrialSpec

__all__ = ["StateWriter"]

_EVERY_S = {False: 1.0, True: 5.0}
"""How often, at most: to a file, and to a database."""


class StateWriter(Listener):
    """Follows a run and writes its state from a thread; a state that cannot be written is left out."""

    def __init__(self, study: ResolvedStudy, record: Record, home: Home, *, in_database: bool) -> None:
        self._study, self._record, self._in_database = study, record, in_database
        self._path = home.run_state(study.name)
        self._follower, self._lock = RunFollower(str(study.variant)), threading.Lock()
        self._has_changed, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write_changes, daemon=True)
        self._thread.start()

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Notes that a trial trains."""
        with self._lock:
            self._follower.began(spec, slot, totals)
        self._has_changed.set()

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Notes an epoch."""
        with self._lock:
            self._follower.epoch(spec, epoch, metrics)
        self._has_changed.set()

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Notes that a trial is over."""
        with self._lock:
            self._follower.ended(spec, trial, totals)
        self._has_changed.set()

    def close(self) -> None:
        """Removes the file: no run goes on."""
        self._is_over.set()
        self._thread.join()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._path.parent.rmdir()  # unless another study runs

    def _write_changes(self) -> None:
        while not self._is_over.wait(_EVERY_S[self._in_database]):
            if self._has_changed.is_set():
                self._has_changed.clear()
                with self._lock:
                    state = self._follower.state.to_json()
                with suppress(OSError, DlstudyError, StorageInternalError):
                    self._write(state)

    def _write(self, state: Mapping[str, Any]) -> None:  # Any: JSON
        if self._in_database:
            note_run(self._record, self._study.name, self._study.variant, state)
            return
        write_whole(self._path, json.dumps(state))
