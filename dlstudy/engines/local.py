"""The engine for one machine: one long-lived worker process per slot."""

import dataclasses
import multiprocessing
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dlstudy.common.processes import main_module_left_out
from dlstudy.common.text import one_line
from dlstudy.engines.base import (
    GROWTH_MB,
    STARTS_ALLOWED,
    Decide,
    Engine,
    TrialOutcome,
    over_time,
    too_silent,
)
from dlstudy.engines.devices import Slot
from dlstudy.engines.worker import READY, work
from dlstudy.errors import DlstudyError
from dlstudy.study.trial import KILLED_WITHOUT_MEMORY, TrialResult, TrialSpec, TrialState
from dlstudy.study.trial_output import keep_output
from dlstudy.training.shared_memory import shared

__all__ = ["LocalEngine"]

_START_S = 900
"""A worker that is not ready after this many seconds is ended."""
_GRACE_S = 3
_LOG_END = 64 * 1024
"""Bytes at the end of a log that are searched for the reason of a death."""
_FILLED = "the data is filled in"


@dataclass
class _Worker:
    """A slot with its present process, and the trial that it trains, or will train when it is ready."""

    slot: Slot
    process: BaseProcess
    connection: Connection
    log: Path
    spec: TrialSpec | None = None
    ready: bool = False
    silent_s: float = 0.0
    trained_s: float = 0.0
    first_mb: float = 0.0

    @property
    def too_silent(self) -> str:
        """The message about a worker that has been silent for too long; empty while it has not."""
        if not self.ready:
            return f"was not ready after {_START_S} s" if self.silent_s >= _START_S else ""
        return too_silent(self.spec, self.silent_s)


class LocalEngine(Engine):
    """One process per slot, started by spawn: each sets its own environment before it imports TensorFlow."""

    def __init__(self, slots: Sequence[Slot], dataset: str, decide: Decide) -> None:
        self._decide = decide
        self._failed_starts = 0
        self._logs = tempfile.TemporaryDirectory(prefix="dlstudy-")
        self._context = multiprocessing.get_context("spawn")
        self._shared = shared(dataset)
        self._workers: list[_Worker] = []
        try:
            for slot in slots:
                self._workers.append(self._start(slot))
            self._shared.fill()  # while the workers import TensorFlow
            for worker in self._workers:
                self._send(worker, _FILLED)
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> Sequence[Slot]:
        """One per worker."""
        return [worker.slot for worker in self._workers]

    def submit(self, spec: TrialSpec) -> str:
        """Gives the trial to a free worker; one that is still starting begins when it is ready."""
        worker = min((worker for worker in self._workers if worker.spec is None), key=lambda worker: not worker.ready)
        self._give(worker, spec)
        return worker.slot.name

    def wait(self, timeout_s: float) -> list[TrialOutcome]:
        """Handles messages of workers, and workers that died or are silent for too long."""
        ended: list[TrialOutcome] = []
        began_s = time.monotonic()
        ready = wait([worker.connection for worker in self._workers], timeout_s)
        # At most the timeout: a run that was stopped with Ctrl-Z for an hour has not listened in that time.
        listened_s = min(time.monotonic() - began_s, timeout_s)
        for i, worker in enumerate(self._workers):
            worker.trained_s += listened_s
            if worker.connection in ready:
                worker.silent_s = 0.0
                ended += self._receive(i)
            else:
                worker.silent_s += listened_s
                if how := worker.too_silent:
                    ended += self._handle_death(i, how)
            if self._workers[i] is worker and worker.ready:
                ended += self._end_over_time(i)
        return ended

    def close(self) -> None:
        """Ends all workers: asks first, kills after a moment."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            _end(worker)
        self._logs.cleanup()

    def _give(self, worker: _Worker, spec: TrialSpec) -> None:
        worker.spec = spec
        if worker.ready:
            worker.silent_s = worker.trained_s = 0.0
            self._send(worker, spec.to_json())

    @staticmethod
    def _send(worker: _Worker, message: object) -> None:
        try:
            worker.connection.send(message)
        except OSError:
            pass  # it has died since: `wait` will notice

    def _start(self, slot: Slot) -> _Worker:
        parent_end, worker_end = self._context.Pipe()
        log = Path(self._logs.name) / slot.name.replace("/", "-").replace(":", "-")
        log.unlink(missing_ok=True)
        process = self._context.Process(target=work, args=(worker_end, slot, str(log), self._shared), daemon=True)
        with main_module_left_out():
            process.start()
        worker_end.close()
        return _Worker(slot, process, parent_end, log)

    def _receive(self, i: int) -> list[TrialOutcome]:
        """Handles one message of a worker; `wait` finds the next one when it is called again."""
        worker = self._workers[i]
        try:
            kind, *content = worker.connection.recv()
        except (EOFError, OSError):
            return self._handle_death(i, _how_it_died(worker))
        if kind == READY:
            self._failed_starts = 0
            worker.ready = True
            if worker.spec is not None:
                self._give(worker, worker.spec)
            return []
        spec = worker.spec
        assert spec is not None
        if kind == "epoch":
            continues = self._decide(spec, *content)
            if spec.prunable:
                self._send(worker, continues)
            return []
        result = dataclasses.replace(TrialResult.from_json(content[0]), slot=worker.slot.name)
        worker.spec = None
        self._failed_starts = 0
        memory_mb: float = content[1]  # current memory: a trial's peak is not a leak
        worker.first_mb = worker.first_mb or memory_mb
        if memory_mb > worker.first_mb + GROWTH_MB:
            self._replace(i)
        return [TrialOutcome(spec, result)]

    def _handle_death(self, i: int, how: str) -> list[TrialOutcome]:
        """Replaces a worker that has died or must end; the trial that it was training, if any, is lost."""
        worker, slot = self._workers[i], self._workers[i].slot
        reason = f"worker {slot.name} {how}"
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > STARTS_ALLOWED * len(self._workers):
                raise DlstudyError(f"workers do not start, the last: {reason}")
        if worker.spec is not None and worker.ready:
            keep_output(worker.log, worker.spec)
        self._replace(i)
        if worker.spec is None:
            return []
        if not worker.ready:  # the trial had not begun: the next worker of this slot trains it
            self._give(self._workers[i], worker.spec)
            return []
        return [TrialOutcome(worker.spec, TrialResult(TrialState.LOST, reason, slot=slot.name))]

    def _end_over_time(self, i: int) -> list[TrialOutcome]:
        worker = self._workers[i]
        outcome = over_time(worker.spec, worker.trained_s, worker.slot)
        if outcome is None:
            return []
        keep_output(worker.log, outcome.spec)
        self._replace(i)
        return [outcome]

    def _replace(self, i: int) -> None:
        worker = self._workers[i]
        worker.process.terminate()
        _end(worker)
        self._workers[i] = self._start(worker.slot)
        self._send(self._workers[i], _FILLED)


def _end(worker: _Worker) -> None:
    worker.process.join(_GRACE_S)
    if worker.process.exitcode is None:
        worker.process.kill()
        worker.process.join()
    worker.connection.close()


def _how_it_died(worker: _Worker) -> str:
    worker.process.join(_GRACE_S)
    code = worker.process.exitcode
    if code is None:
        return "closed its connection"
    if code >= 0:
        last = [line for line in _end_of(worker.log).splitlines() if line.strip()][-1:]
        return f"ended with exit code {code}" + (f": {one_line(last[0])}" if last else "")
    name = {known.value: known.name for known in signal.Signals}.get(-code, f"signal {-code}")
    return f"was killed by {name}" + (f" ({KILLED_WITHOUT_MEMORY})" if name == "SIGKILL" else "")


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _LOG_END))
            return stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
