"""A slot on another machine: a Ray actor that trains. Knows neither Optuna nor MLflow."""

import dataclasses
import gc
import os
import queue
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from dlstudy.common.files import write_files
from dlstudy.common.gpus import gpus
from dlstudy.common.processes import QUIET
from dlstudy.common.provenance import versions
from dlstudy.common.text import describe_error
from dlstudy.datasets.dataset import Description
from dlstudy.engines.devices import Slot
from dlstudy.engines.file_transfer import StudyFiles, collect, spec_in
from dlstudy.study.trial import TrialResult, TrialSpec
from dlstudy.study.trial_output import captured_output
from dlstudy.training.arrays import OnEpoch
from dlstudy.training.checkpoints import OnCheckpoint
from dlstudy.training.memory import memory_mb
from dlstudy.training.shared_memory import Source

__all__ = ["MakeTrainer", "Message", "RaySlot", "Trains", "make_trainer"]

Message = tuple[Any, ...]  # Any: JSON, and the bytes of files
"""`("epoch", number, metrics)`; `("asks", number, metrics)`, to which the trial waits for an answer; `("checkpoint",
content)`; `("ended", result, memory in MB, files)` at the end of each trial; `("broke", why)`, after which the slot is
unusable."""

_GATHER_S = 1.0
"""Epochs of this many seconds go into one answer: each answer costs the parent a millisecond, and slots are many."""


class Trains(Protocol):
    """The trainer in a slot: `dlstudy.engines.trainer.Trainer`, or its stand-in in a benchmark."""

    def use(self, source: Source) -> None:
        """Takes a data set before the first trial."""

    def train(self, spec: TrialSpec, on_epoch: OnEpoch, on_checkpoint: OnCheckpoint) -> TrialResult:
        """Trains one trial."""


MakeTrainer = Callable[[Slot], Trains]


def make_trainer(slot: Slot) -> Trains:
    """The trainer of every engine. Imports TensorFlow."""
    from dlstudy.engines.trainer import Trainer

    return Trainer(slot)


@dataclass(frozen=True)
class _StoredArrays:
    """Arrays in the object store of this node: one copy for all its slots, read-only."""

    description: Description
    arrays: Mapping[str, np.ndarray]

    def open(self) -> dict[str, np.ndarray]:
        return dict(self.arrays)


class RaySlot:
    """Trains in a thread of its own, so that it can report epochs meanwhile."""

    def __init__(self, slot: Slot, gpu_share: float) -> None:
        os.environ.update({**QUIET, **slot.environment})
        found = gpus() if slot.on_gpu else ()  # the one that Ray assigned
        self._slot = dataclasses.replace(slot, memory_gb=found[0].memory_gb * min(1.0, gpu_share)) if found else slot
        # In the working folder that Ray made for this run: Ray eventually removes what a killed slot leaves there.
        self._folder = TemporaryDirectory(prefix="dlstudy-", dir=Path.cwd())
        self._thread = ThreadPoolExecutor(1)
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._studies: dict[str, Path] = {}

    def start(self, description: Description, arrays: Mapping[str, np.ndarray], make: MakeTrainer) -> dict[str, str]:
        """Prepares to train; returns this node's versions of what results depend on."""
        self._thread.submit(self._start, _StoredArrays(description, arrays), make).result()
        return versions()

    def learn(self, study_path: str, study: StudyFiles) -> None:
        """Keeps a study's files, for trials with this path of the study."""
        folder = Path(self._folder.name) / f"study-{len(self._studies)}"
        write_files(study.files, folder)
        self._studies[study_path] = folder / study.path

    def begin(self, spec: Mapping[str, Any], checkpoint: bytes | None) -> list[Message]:  # Any: JSON
        """Begins a trial, from its checkpoint if there is one; returns its first messages, as `proceed` does."""
        self._thread.submit(self._train, TrialSpec.from_json(spec), checkpoint)
        return self._gather()

    def proceed(self, answer: bool | None) -> list[Message]:
        """Waits for the next messages, until the trial asks or ends, or some time has passed.

        Args:
            answer: to the trial; None if its last message did not ask.
        """
        if answer is not None:
            self._answers.put(answer)
        return self._gather()

    def _gather(self) -> list[Message]:
        messages = [self._messages.get()]
        end = time.monotonic() + _GATHER_S
        while messages[-1][0] in ("epoch", "checkpoint"):
            try:
                messages.append(self._messages.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                break
        return messages

    def _start(self, source: Source, make: MakeTrainer) -> None:
        self._trainer = make(self._slot)
        self._trainer.use(source)
        gc.freeze()  # see `dlstudy.engines.worker`

    def _train(self, given: TrialSpec, checkpoint: bytes | None) -> None:
        try:
            with TemporaryDirectory(prefix="trial-", dir=self._folder.name) as folder:
                spec = spec_in(given, self._studies[given.study_path], Path(folder))
                if checkpoint is not None and spec.checkpoint is not None:
                    Path(spec.checkpoint).write_bytes(checkpoint)
                with captured_output(Path(folder) / "output", spec):
                    result = self._trainer.train(
                        spec,
                        lambda epoch, metrics: self._on_epoch(spec, epoch, metrics),
                        lambda path: self._messages.put(("checkpoint", path.read_bytes())),
                    )
                self._messages.put(("ended", result.to_json(), memory_mb(), collect(spec)))
        except BaseException as error:  # whatever it is, the parent waits for a message
            self._messages.put(("broke", describe_error(error)))

    def _on_epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> bool:
        self._messages.put(("asks" if spec.prunable else "epoch", epoch, dict(metrics)))
        return self._answers.get() if spec.prunable else True
