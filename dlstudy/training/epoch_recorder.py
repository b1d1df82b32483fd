"""Keeps the history of a training under dlstudy's names, and asks after each epoch whether to continue."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlstudy.training.arrays import Task

__all__ = ["EpochRecorder"]


class EpochRecorder:
    """Records one training, which may have several stages: call `begin` for the callbacks of each.

    It has `epoch` (how many have been trained), `diverged` and `pruned`.
    """

    def __init__(self, task: Task) -> None:
        self.epoch, self.diverged, self.pruned = 0, False, False
        self._task = task
        self._judged_as = "test" if task.judges_test_each_epoch else "val"
        self._first = self._planned = 0
        self._others: Sequence[Any] = ()  # Any: Keras's callbacks, which this module must not import
        self._epoch_ends_s: list[float] = []

    def begin(self, callbacks: Sequence[Any], epochs: int) -> list[Any]:  # Any: as above
        """The callbacks of a stage of `epochs` epochs: the study's, and the recorder's own last."""
        import keras

        self._first, self._planned, self._others, self._epoch_ends_s = self.epoch, self.epoch + epochs, callbacks, []
        own: Any = keras.callbacks.LambdaCallback(
            on_train_begin=lambda _: self._epoch_ends_s.append(time.perf_counter()),
            on_epoch_end=lambda epoch, logs: self._epoch_ended(own.model, epoch, logs or {}),
        )
        return [*callbacks, own]

    def seconds_per_epoch(self) -> float:
        """The median: the first epoch includes the tracing of the graph."""
        return round(float(np.median(np.diff(self._epoch_ends_s))), 4)

    def saved(self) -> dict[str, float]:
        """Epochs and seconds that ending early saved, where a study has callbacks."""
        if not self._others:
            return {}
        epochs = self._planned - self.epoch
        return {"epochs_saved": epochs, "seconds_saved": round(epochs * self.seconds_per_epoch(), 3)}

    def epochs_of_weights(self) -> dict[str, float]:
        """How many epochs were trained, and whose weights early stopping has restored (else the last one's)."""
        import keras

        if not self._others and not self._first:
            return {}
        best = [
            self._first + other.best_epoch + 1
            for other in self._others
            if isinstance(other, keras.callbacks.EarlyStopping) and other.best_weights is not None
        ]
        return {"train_epochs": self.epoch, "train_best_epoch": best[-1] if best else self.epoch}

    def _epoch_ended(self, model: Any, epoch: int, logs: Mapping[str, float]) -> None:
        self._epoch_ends_s.append(time.perf_counter())
        self.epoch = self._first + epoch + 1
        values = {self._rename(name): float(value) for name, value in logs.items()} | self._task.take_logged()
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        for name in values:
            # What begins later, such as the learning rate of a second stage, or pauses has no value in between.
            series = self._task.history.setdefault(name, [])
            series += [None] * (self.epoch - 1 - len(series))
            series.append(finite.get(name))
        self.diverged = "train_loss" not in finite
        self.pruned = not self._task.on_epoch(self.epoch, finite) and self.epoch < self._planned
        if self.diverged or self.pruned:
            model.stop_training = True

    def _rename(self, name: str) -> str:
        return f"{self._judged_as}_{name[4:]}" if name.startswith("val_") else f"train_{name}"
