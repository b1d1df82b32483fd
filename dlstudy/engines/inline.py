"""The engine for debugging: trains in this process, one trial at a time."""

import dataclasses
import gc
import os
from collections.abc import Mapping, Sequence
from functools import partial

from dlstudy.common.processes import QUIET
from dlstudy.engines.base import Decide, Engine, TrialOutcome
from dlstudy.engines.devices import Slot
from dlstudy.engines.trainer import Trainer
from dlstudy.study.trial import TrialSpec

__all__ = ["InlineEngine"]


class InlineEngine(Engine):
    """Trains in this process: breakpoints work, and TensorFlow is imported here."""

    def __init__(self, slot: Slot, decide: Decide) -> None:
        self._slot = slot
        self._decide = decide
        self._waiting: list[TrialSpec] = []
        os.environ.update({**QUIET, **slot.environment})
        self._trainer = Trainer(slot)
        gc.collect()
        gc.freeze()  # as in a worker, see `dlstudy.engines.worker`; here others' objects are among them

    @property
    def slots(self) -> Sequence[Slot]:
        """The one slot: this process."""
        return (self._slot,)

    def submit(self, spec: TrialSpec) -> str:
        """Keeps the trial until `wait` trains it."""
        self._waiting.append(spec)
        return self._slot.name

    def wait(self, timeout_s: float) -> list[TrialOutcome]:
        """Trains all submitted trials to the end, whatever the timeout."""
        ended = []
        while self._waiting:
            spec = self._waiting.pop(0)
            result = self._trainer.train(spec, partial(self._continues, spec))
            ended.append(TrialOutcome(spec, dataclasses.replace(result, slot=self._slot.name)))
        return ended

    def close(self) -> None:
        """Drops the trials that have not been trained."""
        self._waiting.clear()
        gc.unfreeze()

    def _continues(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> bool:
        return self._decide(spec, epoch, metrics) or not spec.prunable
