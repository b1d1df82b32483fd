"""Trains a compiled Keras model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlstudy.common.text import shown
from dlstudy.errors import DivergedError, TrialError
from dlstudy.study.trial import TrialResult, pack_bits
from dlstudy.study.validation import is_count
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import draw_pictures, model_digest, probe_metrics, save_model
from dlstudy.training.epoch_graph import JUDGE_BATCH, EpochGraphs, reason_against
from dlstudy.training.epoch_recorder import Watcher
from dlstudy.training.initial_weights import digests
from dlstudy.training.model_cache import ModelShelf

__all__ = ["train_keras"]

_Rows = tuple[np.ndarray, bool]
"""Row numbers, and whether they are of the test part of the data."""

_END_ROWS = 10_000
"""Training rows judged again at the end, at most: enough for the gap to the test rows."""

_PAIRED = ("printed", "defaults", "replicate")
"""Phases whose runs are compared seed by seed, and so tell their initial weights."""


def train_keras(model: Any, task: Task, shelf: ModelShelf) -> TrialResult:  # Any: a Keras model, not to be imported
    """Trains the model, or a kept one in the same state; judges it, and saves it where the spec says so.

    Raises:
        DivergedError: the loss is no longer a finite number.
        TrialError: the model is not compiled.
    """
    _check(model)
    if not model.built:
        model.build((None, *task.description.input_shape))
    initial = digests(model) if task.spec.phase in _PAIRED else {}
    metrics = probe_metrics(model, task, "start")
    trained = _Training(model, task, shelf)
    trained.run()
    watch = trained.watch
    if watch.diverged:
        raise DivergedError(f"the loss was no longer a finite number after epoch {watch.epoch}")
    metrics |= {name: values[-1] for name, values in task.history.items() if values[-1] is not None}
    metrics |= watch.epochs_of_weights()
    metrics["parameters"] = trained.model.count_params()
    cost = {"seconds_per_epoch": watch.seconds_per_epoch(), **watch.saved()}
    if watch.pruned:
        return TrialResult("pruned", f"pruned after epoch {watch.epoch}", metrics, cost=cost, way=trained.way)
    correct = _judge_at_end(trained, task, metrics)
    metrics |= probe_metrics(trained.model, task, "end")
    way = trained.way + save_model(trained.model, "keras", task) + draw_pictures(trained.model, task)
    saved = model_digest(task)
    return TrialResult("finished", metrics=metrics, cost=cost, way=way, correct=correct, initial=initial, model=saved)


class _Training:
    """One training, of one stage or, where the study goes on, of two."""

    def __init__(self, model: Any, task: Task, shelf: ModelShelf) -> None:
        self.model, self.way, self.watch = model, "", Watcher(task)
        self.graphs: EpochGraphs | None = None
        self._task, self._shelf = task, shelf

    def run(self) -> None:
        """Trains until the end."""
        task = self._task
        callbacks = _checked("callbacks", task.code.callbacks(dict(task.p))) if task.code.callbacks else []
        self.way = reason_against(self.model, task.arrays, callbacks)
        if not self.way:
            self.graphs = self._shelf.take(self.model, task.arrays)
            self.model = self.graphs.model
        first, more = self.graphs, None
        self._stage(callbacks, task.spec.epochs)
        if task.code.go_on and not (self.watch.diverged or self.watch.pruned):
            more = task.code.go_on(self.model, dict(task.p))
        if more is None:
            if first is not None and self.graphs is first:
                self._shelf.put(first)
            return
        # What the study did to the model may not fit its graphs: they are made anew, and none is kept.
        self.model, callbacks = _checked_more(more, task)
        self.model.train_function = self.model.test_function = None
        self.way = reason_against(self.model, task.arrays, callbacks)
        self.graphs = None if self.way else EpochGraphs(self.model, task.arrays)
        self._stage(callbacks, int(task.p["more_epochs"]))

    def evaluate(self, rows: _Rows) -> dict[str, float]:
        """What Keras's `evaluate` gives for some rows."""
        if self.graphs is None:
            x, y = _of(self._task, rows)
            scores = self.model.evaluate(x, y, batch_size=JUDGE_BATCH, verbose=0, return_dict=True)
        else:
            self.graphs.judge(*rows)
            scores = self.model.evaluate(_one_row(self._task), verbose=0, return_dict=True)
        return {name: float(value) for name, value in scores.items() if math.isfinite(value)}

    def predict(self, rows: _Rows) -> Any:
        """(n, ...) float32, what the model predicts for some rows."""
        if self.graphs is None:
            return self.model.predict(_of(self._task, rows)[0], batch_size=JUDGE_BATCH, verbose=0)
        return self.graphs.predict(*rows)

    def _stage(self, callbacks: Sequence[Any], epochs: int) -> None:
        first_epoch = self.watch.epoch
        all_callbacks = self.watch.begin(callbacks, epochs)
        if self.graphs is None:
            # The one graph is never compiled by XLA; plain `fit` is where Keras's "auto" has come to that.
            self.way = f"fit{' with XLA' if self.model.jit_compile else ''}: {self.way}"
            _fit_plainly(self.model, self._task, epochs, first_epoch, all_callbacks)
            return
        self.way = "epoch graph"
        ours, row = self.graphs.install(self._task, first_epoch), _one_row(self._task)
        judge = row if len(self._task.judged) else None
        self.model.fit(row, epochs=epochs, validation_data=judge, shuffle=False, verbose=0, callbacks=all_callbacks)
        if self.model.train_function is not ours:
            self.way, self.graphs = "fit: the model was compiled again while it trained", None


def _check(model: Any, function: str = "build") -> None:
    if not model.compiled:
        raise TrialError(
            f"{function} returned a model that is not compiled: call model.compile(...) before returning it"
        )


def _checked(function: str, callbacks: Any) -> list[Any]:
    import keras

    is_list = isinstance(callbacks, list | tuple)
    if not is_list or not all(isinstance(callback, keras.callbacks.Callback) for callback in callbacks):
        raise TrialError(f"{function} must return a list of Keras callbacks, got {shown(callbacks)}")
    return list(callbacks)


def _checked_more(more: Any, task: Task) -> tuple[Any, list[Any]]:
    """The model and the callbacks of a second training."""
    import keras

    if not isinstance(more, tuple) or len(more) != 2 or not isinstance(more[0], keras.Model):
        raise TrialError(f"go_on must return a compiled model and a list of its callbacks, or None, got {shown(more)}")
    _check(more[0], "go_on")
    if not is_count(task.p.get("more_epochs")):
        raise TrialError(
            f"an arm that goes on needs more_epochs, a whole number from 1, got {shown(task.p.get('more_epochs'))}: "
            "state it in Arm.setting"
        )
    return more[0], _checked("go_on", more[1])


def _one_row(task: Task) -> Any:
    """For Keras alone, which looks at shapes before it starts, and counts one batch: a graph takes its rows itself."""
    import tensorflow as tf

    x, y, _, _ = task.arrays.on_device or (task.arrays.x, task.arrays.y, None, None)
    return tf.data.Dataset.from_tensors((x[:1], y[:1]))


def _fit_plainly(model: Any, task: Task, epochs: int, first_epoch: int, callbacks: Sequence[Any]) -> None:
    """Trains through a `tf.data` pipeline, on the same batches in the same order."""
    import tensorflow as tf

    x, y, size = task.arrays.x, task.arrays.y, task.spec.batch_size
    n_steps = math.ceil(len(task.rows.train) / size)

    def batches() -> Any:
        for order in task.order(first_epoch):
            for i in range(n_steps):
                batch = order[i * size : (i + 1) * size]
                yield x[batch], y[batch]

    shapes = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (x, y))
    stream = tf.data.Dataset.from_generator(batches, output_signature=shapes)
    model.fit(
        stream,
        shuffle=False,  # the stream is in order already
        steps_per_epoch=n_steps,
        epochs=epochs,
        validation_data=_of(task, (task.judged, task.judges_test_part)) if len(task.judged) else None,
        validation_batch_size=JUDGE_BATCH,
        verbose=0,
        callbacks=callbacks,
    )


def _of(task: Task, rows: _Rows) -> tuple[np.ndarray, np.ndarray]:
    numbers, of_test_part = rows
    arrays = task.arrays
    return (arrays.x_test[numbers], arrays.y_test[numbers]) if of_test_part else (arrays.x[numbers], arrays.y[numbers])


def _judge_at_end(trained: _Training, task: Task, metrics: dict[str, float]) -> str:
    """Adds the metrics of the final weights; which test rows were right, packed."""
    if (task.code.callbacks or task.code.go_on) and len(task.judged):
        # Best weights may have been restored since the last epoch.
        name = "test" if task.judges_test_each_epoch else "val"
        scores = trained.evaluate((task.judged, task.judges_test_part))
        metrics |= {f"{name}_{key}": value for key, value in scores.items()}
    if task.spec.metrics_of == "validation":
        return ""
    rows = task.test_rows()
    scores = trained.evaluate((rows, not task.rows.test_inside))
    metrics |= {f"test_{name}": value for name, value in scores.items()}
    again = trained.evaluate((task.rows.train[:_END_ROWS], False))
    metrics |= {f"train_end_{name}": value for name, value in again.items()}
    if "loss" in scores and "loss" in again:
        metrics["test_gap"] = scores["loss"] - again["loss"]
    if task.description.task != "classification":
        return ""
    predicted = trained.predict((rows, not task.rows.test_inside))
    labels = predicted.argmax(axis=1) if predicted.shape[1] > 1 else predicted[:, 0] > 0.5
    return pack_bits(labels == _of(task, (rows, not task.rows.test_inside))[1])
