"""A thread that writes to MLflow, so that a run waits for a server only at its end."""

import importlib
import math
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from dlstudy.common.text import describe_error, one_line, without_passwords
from dlstudy.errors import DlstudyError
from dlstudy.tracking.runs import MlflowRuns

__all__ = ["Action", "BackgroundWriter"]

Action = Callable[[MlflowRuns], None]
"""Something to write."""

_BATCH_S = 2.0
_RETRY_S = 20.0
_MOST_WAITING = 20_000
"""The most actions that wait for MLflow, some 20 MB. Further ones are missed."""


@dataclass(frozen=True)
class _Entry:
    """An action, the key of its trial if it has one, and the event to set after the attempt."""

    action: Action
    key: str = ""
    done: threading.Event | None = None


class BackgroundWriter:
    """Runs actions one after another in a thread of its own.

    MLflow is imported at once and connected to when `wake` is called. While it is unreachable, actions are missed:
    `missed` has the keys of their trials, and further actions of those trials are left out, as they depend on the
    missed ones.
    """

    def __init__(self, connect: Callable[[], MlflowRuns], write_batch: Action, on_miss: Callable[[], set[str]]) -> None:
        """Starts the thread.

        Args:
            connect: opens the store.
            write_batch: called every two seconds, with whatever has gathered.
            on_miss: called in the thread when MLflow is unreachable: drops the batch; returns the keys of its trials.
        """
        self.runs: MlflowRuns | None = None
        self.problem = ""
        self.missed: set[str] = set()
        self._connect, self._write_batch, self._on_miss = connect, write_batch, on_miss
        self._last_progress_s, self._next_try_s = 0.0, 0.0
        self._unanswered: threading.Event | None = None  # of the last action that did not end in time
        self._awake = threading.Event()
        self._queue: queue.Queue[_Entry | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Lets the thread connect and write."""
        self._awake.set()

    def put(self, action: Action, key: str = "") -> None:
        """Queues an action, of a trial if a key is given; it is missed if the queue is full."""
        if key and self._queue.qsize() >= _MOST_WAITING:
            self.missed.add(key)
        else:
            self._queue.put(_Entry(action, key))

    def do(self, action: Action, patience_s: float, limit_s: float = math.inf, retry: bool = False) -> None:
        """Runs an action in the thread, and waits for it.

        Waits for at most `limit_s`, and gives up after `patience_s` without progress; `problem` then says so.

        Args:
            retry: try even if MLflow was unreachable a moment ago.
        """
        if self._unanswered is not None and not self._unanswered.is_set():
            return  # it still has not answered the last time
        done, began_s = threading.Event(), time.monotonic()
        self._next_try_s = 0.0 if retry else self._next_try_s
        self._queue.put(_Entry(action, done=done))
        self._awake.set()
        while not done.wait(min(0.5, patience_s)):
            now = time.monotonic()
            if now - max(began_s, self._last_progress_s) > patience_s or now - began_s > limit_s:
                self._unanswered = done
                self.problem = self.problem or f"MLflow did not answer within {min(patience_s, limit_s):.0f} s"
                return

    def made_progress(self) -> None:
        """Tells `do` that a long action is making progress."""
        self._last_progress_s = time.monotonic()

    def close(self) -> None:
        """Ends the thread."""
        self._queue.put(None)
        self._awake.set()
        self._thread.join(5)

    def _work(self) -> None:
        with suppress(Exception):  # where it cannot be imported, the first attempt to connect says why
            importlib.import_module("mlflow")
        self._awake.wait()
        last_batch_s = time.monotonic()
        while True:
            try:
                entry = self._queue.get(timeout=_BATCH_S)
            except queue.Empty:
                entry = _Entry(lambda _: None)
            if entry is None:
                return
            if entry.key not in self.missed:
                self._attempt(entry.action, entry.key)
            if time.monotonic() - last_batch_s > _BATCH_S:
                self._attempt(self._write_batch)
                last_batch_s = time.monotonic()
            if entry.done is not None:
                entry.done.set()

    def _attempt(self, action: Action, key: str = "") -> None:
        """Runs an action, unless MLflow is unreachable."""
        if time.monotonic() < self._next_try_s:
            self._miss(key)
            return
        try:
            if self.runs is None:
                self.runs = self._connect()
            action(self.runs)
            self.problem = ""
            self.made_progress()
        except Exception as error:  # MLflow, SQLAlchemy, requests and the file system each raise their own
            text = str(error) if isinstance(error, DlstudyError) else describe_error(error)
            self.problem = one_line(without_passwords(text))
            self._miss(key)
            self._next_try_s = time.monotonic() + _RETRY_S

    def _miss(self, key: str) -> None:
        self.missed.update(filter(None, (key, *self._on_miss())))
