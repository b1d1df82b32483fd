"""The process that trains: one for each slot, trial after trial. Knows neither Optuna nor MLflow."""

import ctypes
import gc
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path

from dlstudy.common.processes import QUIET
from dlstudy.engines.devices import Slot
from dlstudy.study.trial import TrialSpec
from dlstudy.study.trial_output import keep_output
from dlstudy.training.memory import memory_mb
from dlstudy.training.shared_memory import Shareable

__all__ = ["READY", "work"]

READY = "ready"

_PR_SET_PDEATHSIG = 1


def work(connection: Connection, slot: Slot, log_path: str, shared: Shareable) -> None:
    """Trains what comes through the connection until it closes.

    Receives one message when the data has been filled in, then specs as JSON dictionaries. Sends `(READY,)` when it can
    train, `("epoch", number, metrics)` after each epoch, whereupon a prunable trial waits for True or False, and
    `("ended", result, memory in MB)` at the end of each trial.

    Args:
        connection: to the parent.
        slot: where this process trains; its environment is set before TensorFlow is imported.
        log_path: a file for all that TensorFlow and the study print.
        shared: the data, which the parent fills in while this process imports TensorFlow.
    """
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # so that what a trial has printed is there when it is killed
    os.environ.update({**QUIET, **slot.environment})
    from dlstudy.engines.trainer import Trainer

    trainer = Trainer(slot)
    connection.recv()
    trainer.use(shared)
    # What exists now stays: without these millions of objects, garbage collection between trials takes no time.
    gc.freeze()
    os.ftruncate(log, 0)
    connection.send((READY,))
    while True:
        try:
            spec = TrialSpec.from_json(connection.recv())
        except EOFError:
            return

        def on_epoch(epoch: int, metrics: Mapping[str, float], spec: TrialSpec = spec) -> bool:
            connection.send(("epoch", epoch, dict(metrics)))
            return bool(connection.recv()) if spec.prunable else True

        result = trainer.train(spec, on_epoch).to_json()
        keep_output(Path(log_path), spec)
        os.ftruncate(log, 0)  # each trial has its own
        connection.send(("ended", result, memory_mb()))


def _end_with_parent() -> None:
    """Makes this process end with its parent, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        # The thread below cannot run in a worker that is stopped, or whose study holds Python's lock; this can.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
