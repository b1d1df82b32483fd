"""The engine for one machine: one long-lived worker process for each slot."""

import dataclasses
import multiprocessing
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dlstudy.datasets import registry
from dlstudy.devices import Slot
from dlstudy.engines.base import Decide, Ended, Engine
from dlstudy.engines.worker import work
from dlstudy.errors import DlstudyError
from dlstudy.training.shared import SharedArrays
from dlstudy.trial import TrialResult, TrialSpec

__all__ = ["LocalEngine"]

_GROWTH_MB = 2048
"""A worker that holds so much more than after its first trial is replaced: TensorFlow leaks."""
_DEATHS_ALLOWED = 3
"""Deaths without a single trial between them before the engine gives up: then TensorFlow itself does not start."""
_GRACE_S = 3
_FILLED = "the data is there"


@dataclass
class _Worker:
    """A slot with the process that now serves it."""

    slot: Slot
    process: BaseProcess
    connection: Connection
    log: Path
    spec: TrialSpec | None = None
    first_mb: float = 0.0


class LocalEngine(Engine):
    """One process a slot, started by spawn, so that each sets its own environment before TensorFlow is imported."""

    def __init__(self, slots: Sequence[Slot], dataset: str, decide: Decide) -> None:
        self._decide = decide
        self._deaths = 0
        self._logs = tempfile.TemporaryDirectory(prefix="dlstudy-")
        self._context = multiprocessing.get_context("spawn")
        self._shared = SharedArrays(registry.describe(dataset))
        self._workers = [self._start(slot) for slot in slots]
        try:
            self._shared.fill(registry.load(dataset))  # while the workers import TensorFlow
            for worker in self._workers:
                self._send(worker, _FILLED)
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> Sequence[Slot]:
        """One a worker."""
        return [worker.slot for worker in self._workers]

    def submit(self, spec: TrialSpec) -> str:
        """Gives the trial to a free worker; one that is still starting takes it when it is ready."""
        worker = next(worker for worker in self._workers if worker.spec is None)
        worker.spec = spec
        self._send(worker, spec.to_json())
        return worker.slot.name

    def wait(self, timeout_s: float) -> list[Ended]:
        """Handles what workers send, and their deaths."""
        ended: list[Ended] = []
        ready = wait([worker.connection for worker in self._workers], timeout_s)
        for i, worker in enumerate(self._workers):
            if worker.connection not in ready:
                continue
            try:
                while worker.connection.poll():
                    ended += self._receive(i)
            except (EOFError, OSError):
                ended += self._bury(i)
        return ended

    def close(self) -> None:
        """Ends all workers: asked first, killed after a moment."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            _end(worker)
        self._logs.cleanup()

    @staticmethod
    def _send(worker: _Worker, message: object) -> None:
        try:
            worker.connection.send(message)
        except OSError:
            pass  # it has died since: `wait` finds that and says so

    def _start_again(self, slot: Slot) -> _Worker:
        worker = self._start(slot)
        self._send(worker, _FILLED)
        return worker

    def _start(self, slot: Slot) -> _Worker:
        ours, theirs = self._context.Pipe()
        log = Path(self._logs.name) / slot.name.replace("/", "-").replace(":", "-")
        log.unlink(missing_ok=True)
        process = self._context.Process(target=work, args=(theirs, slot, str(log), self._shared), daemon=True)
        process.start()
        theirs.close()
        return _Worker(slot, process, ours, log)

    def _receive(self, i: int) -> list[Ended]:
        worker = self._workers[i]
        kind, *content = worker.connection.recv()
        spec = worker.spec
        assert spec is not None
        if kind == "epoch":
            go_on = self._decide(spec, *content)
            if spec.prunable:
                worker.connection.send(go_on)
            return []
        result = dataclasses.replace(TrialResult.from_json(content[0]), slot=worker.slot.name)
        worker.spec = None
        self._deaths = 0
        memory_mb: float = content[1]  # what it holds now: the peak of a trial is no leak
        worker.first_mb = worker.first_mb or memory_mb
        if memory_mb > worker.first_mb + _GROWTH_MB:
            worker.process.terminate()
            _end(worker)
            self._workers[i] = self._start_again(worker.slot)
        return [Ended(spec, result)]

    def _bury(self, i: int) -> list[Ended]:
        """Replaces a dead worker; its trial, if it had one, is lost."""
        worker = self._workers[i]
        _end(worker)
        reason = f"worker {worker.slot.name} {_how_it_died(worker)}"
        self._deaths += 1
        if self._deaths > _DEATHS_ALLOWED * len(self._workers):
            raise DlstudyError(f"workers die one after another, the last: {reason}")
        self._workers[i] = self._start_again(worker.slot)
        return [Ended(worker.spec, TrialResult("lost", reason, slot=worker.slot.name))] if worker.spec else []


def _end(worker: _Worker) -> None:
    worker.process.join(_GRACE_S)
    if worker.process.exitcode is None:
        worker.process.kill()
        worker.process.join()
    worker.connection.close()


def _how_it_died(worker: _Worker) -> str:
    code = worker.process.exitcode or 0
    if code >= 0:
        text = worker.log.read_text(errors="replace") if worker.log.exists() else ""
        last = [line.strip() for line in text.splitlines() if line.strip()][-1:]
        return f"ended with exit code {code}" + (f": {last[0][:300]}" if last else "")
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (the system does that when memory runs out)" if name == "SIGKILL" else "")
