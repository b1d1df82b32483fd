"""Keeps the history of a training under dlstudy's names, and asks after each epoch whether to continue."""

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.training.arrays import Task
from dlstudy.training.graph_fit import require_compiled_once

__all__ = ["EpochRecorder", "metric_of", "numbers_in"]

_MOST_ENTRIES = 100
"""Entries of a metric that is an array, each kept as a metric of its own; a larger one is left out."""


class EpochRecorder:
    """Records one training, which may have several stages: call `begin` for the callbacks of each.

    It has `epoch` (how many have been trained), `present` (the number of the one that is being trained, from 0),
    `diverged`, `pruned`, `judged` (whether the weights of the end are those that an epoch was judged with) and
    `remarks` (what of the logs was not kept).
    """

    def __init__(self, task: Task) -> None:
        self.epoch, self.present, self.diverged, self.pruned = 0, 0, False, False
        self.judged = False
        self._task = task
        self._judged_as = "test" if task.judges_test_each_epoch else "val"
        self._first = self._planned = 0
        self._others: Sequence[Any] = ()  # Any: Keras's callbacks, which this module must not import
        self._epoch_ends_s: list[float] = []
        self._weights: dict[int, str] = {}  # a digest of them after each epoch
        self._left_out: dict[str, str] = {}
        self._logged: set[str] = set()  # by `log_metric`, of which the last value is the trial's

    @property
    def remarks(self) -> list[str]:
        """What of the logs could not be kept, a line each."""
        return [f"{name} is no number in the logs and is not kept: {text}" for name, text in self._left_out.items()]

    def begin(self, callbacks: Sequence[Any], epochs: int) -> list[Any]:  # Any: as above
        """The callbacks of a stage of `epochs` epochs: the recorder's own, first and last, and the study's."""
        import keras

        self._first, self._planned, self._others, self._epoch_ends_s = self.epoch, self.epoch + epochs, callbacks, []
        first: Any = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: self._epoch_begins(epoch),
            on_epoch_end=lambda *_: self._epoch_judged(first.model),
        )
        last: Any = keras.callbacks.LambdaCallback(
            on_train_begin=lambda _: self._epoch_ends_s.append(time.perf_counter()),
            on_epoch_end=lambda _, logs: self._epoch_ended(last.model, logs or {}),
        )
        return [first, *callbacks, last]

    def state(self) -> dict[str, Any]:  # Any: plain values
        """What `restore` takes, to go on after the present epoch."""
        return {
            "epoch": self.epoch,
            "seconds": np.diff(self._epoch_ends_s),
            "weights": dict(self._weights),
            "left_out": dict(self._left_out),
            "logged": set(self._logged),
            "history": dict(self._task.history),
            "since": dict(self._task.logged),
        }

    def restore(self, state: Mapping[str, Any]) -> None:  # Any: as above
        """Goes on with what an interrupted training has recorded, and tells its epochs again."""
        self.epoch, self._weights = state["epoch"], state["weights"]
        self._left_out, self._logged = state["left_out"], state["logged"]
        self._epoch_ends_s = list(time.perf_counter() - np.cumsum([0, *state["seconds"][::-1]])[::-1])
        task = self._task
        for mine, theirs in ((task.history, state["history"]), (task.logged, state["since"])):
            mine.clear()
            mine.update(theirs)
        for i in range(self.epoch):
            known = {name: series[i] for name, series in task.history.items() if i < len(series)}
            task.on_epoch(i + 1, {name: value for name, value in known.items() if value is not None})

    def seconds_per_epoch(self) -> float:
        """The median: the first epoch includes the tracing of the graph."""
        return round(float(np.median(np.diff(self._epoch_ends_s))), 4)

    def saved(self) -> dict[str, float]:
        """Epochs and seconds that ending early saved, where a study has callbacks."""
        if not self._others:
            return {}
        epochs = self._planned - self.epoch
        return {"epochs_saved": epochs, "seconds_saved": round(epochs * self.seconds_per_epoch(), 3)}

    def metrics_of(self, model: Any) -> dict[str, float]:  # Any: a Keras model, trained
        """The metrics of the epochs that hold for the weights that the training ended with.

        Metrics `train_` are means over the last epoch, while the weights changed. All others are of the epoch after
        which the model had the weights that it has now: the last one, or an earlier one whose weights were restored.

        Sets `judged`.

        Returns:
            The metrics; without those others where the model has weights that it had after no epoch of its last stage,
            such as averaged ones.
        """
        epoch = self._epoch_of(model)
        self.judged = epoch is not None
        found = {}
        for name, series in self._task.history.items():
            at_end = len(series) if name in self._logged else self.epoch
            i = at_end - 1 if name.startswith("train_") else epoch
            value = series[i] if i is not None and i < len(series) else None
            if value is not None:
                found[name] = value
        if self._others or self._first:
            found |= {"train_epochs": self.epoch, "train_best_epoch": self.epoch if epoch is None else epoch + 1}
        return found

    def _epoch_of(self, model: Any) -> int | None:
        """The last epoch of the last stage, counted from 0, that was judged with the weights that the model has."""
        now = _digest(model)
        return max((i for i, digest in self._weights.items() if i >= self._first and digest == now), default=None)

    def _epoch_begins(self, epoch: int) -> None:
        self.present = self._first + epoch

    def _epoch_judged(self, model: Any) -> None:
        """Notes the weights, before a callback changes them; where there are none, only at the end of the stage."""
        if self._others or self.present + 1 == self._planned:
            self._weights[self.present] = _digest(model)

    def _epoch_ended(self, model: Any, logs: Mapping[str, Any]) -> None:  # Any: as above; values of logs
        self._epoch_ends_s.append(time.perf_counter())
        require_compiled_once(model)
        self.epoch = self.present + 1
        values: dict[str, float] = {}
        for name, value in logs.items():
            numbers = dict(numbers_in(metric_of(name, self._judged_as), value))
            values |= numbers
            if not numbers:
                self._left_out[name] = short_repr(value)
        logged = self._task.take_logged()
        self._logged.update(logged)
        values |= logged
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        for name in values:
            # What begins later, such as the learning rate of a second stage, or pauses has no value in between.
            series = self._task.history.setdefault(name, [])
            series += [None] * (self.epoch - 1 - len(series))
            series.append(finite.get(name))
        self.diverged = "train_loss" in values and "train_loss" not in finite
        self.pruned = not self._task.on_epoch(self.epoch, finite) and self.epoch < self._planned
        if self.diverged or self.pruned:
            model.stop_training = True


def metric_of(name: str, judged_as: str) -> str:
    """The name in the record of an entry of Keras's logs; `judged_as` says which rows it judges, `val` or `test`."""
    return f"{judged_as}_{name[4:]}" if name.startswith("val_") else f"train_{name}"


def numbers_in(name: str, value: Any) -> Iterator[tuple[str, float]]:  # Any: whatever logs hold
    """The numbers of an entry of Keras's logs by name: `f1[0]`, `f1[1]`, ... of a vector; none of a text."""
    try:
        array = np.asarray(value)
    except Exception:  # arrays of other libraries raise their own
        return
    if array.dtype.kind not in "biuf" or array.size > _MOST_ENTRIES:
        return
    if array.size == 1:
        yield name, float(array.item())
        return
    for index in np.ndindex(array.shape):
        yield f"{name}[{','.join(map(str, index))}]", float(array[index])


def _digest(model: Any) -> str:
    """Of the values of all weights."""
    digest = hashlib.blake2b(digest_size=16)
    for weight in model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).data)
    return digest.hexdigest()
