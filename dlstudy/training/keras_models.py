"""Trains a compiled Keras model."""

import math
import time
from typing import Any

import numpy as np

from dlstudy.errors import DivergedError, TrialError
from dlstudy.training.arrays import Task
from dlstudy.training.epoch_graph import JUDGE_BATCH, EpochGraphs, reason_against
from dlstudy.training.outcome import pack_bits, save_model
from dlstudy.training.reuse import ModelShelf
from dlstudy.trial import TrialResult

__all__ = ["train_keras"]


def train_keras(model: Any, task: Task, shelf: ModelShelf) -> TrialResult:  # Any: a Keras model, not to be imported
    """Trains the model, or a kept one in the same state; judges it, and saves it where the spec says so.

    Raises:
        DivergedError: the loss is no longer a finite number.
        TrialError: the model is not compiled.
    """
    if not model.compiled:
        raise TrialError("build returned a model that is not compiled: call model.compile(...) before returning it")
    if not model.built:
        model.build((None, *task.description.input_shape))
    watch, graphs, way = _watcher(task), None, reason_against(model, task.arrays)
    if way:
        # The one graph is never compiled by XLA; plain `fit` is where Keras's "auto" has come to that.
        way = f"fit{' with XLA' if model.jit_compile else ''}: {way}"
        _fit_plainly(model, task, watch)
    else:
        graphs = shelf.take(model, task.arrays)
        model, way = graphs.model, "epoch graph"
        if _fit_graph(graphs, task, watch):
            shelf.put(graphs)
        else:
            way = "fit: the model was compiled again while it trained"
            graphs = None
    if watch.diverged:
        raise DivergedError(f"the loss was no longer a finite number after epoch {watch.epoch}")
    metrics = {name: values[-1] for name, values in task.history.items() if values[-1] is not None}
    metrics["parameters"] = model.count_params()
    cost = {"seconds_per_epoch": watch.seconds_per_epoch()}
    if watch.pruned:
        return TrialResult("pruned", f"pruned after epoch {watch.epoch}", metrics, cost=cost, way=way)
    correct = _judge_test(model, graphs, task, metrics) if task.spec.metrics_of != "validation" else ""
    way += save_model(model, "keras", task)
    return TrialResult("finished", metrics=metrics, cost=cost, way=way, correct=correct)


def _fit_graph(graphs: EpochGraphs, task: Task, watch: Any) -> bool:
    """Trains with whole epochs as one graph; whether the model still carried it at the end."""
    model, ours, row = graphs.model, graphs.install(task), _one_row(task)
    judge = row if len(task.judged) else None
    model.fit(row, epochs=task.spec.epochs, validation_data=judge, shuffle=False, verbose=0, callbacks=[watch])
    return model.train_function is ours


def _one_row(task: Task) -> Any:
    """For Keras alone, which looks at shapes before it starts, and counts one batch: a graph takes its rows itself."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensors((task.arrays.x[:1], task.arrays.y[:1]))


def _fit_plainly(model: Any, task: Task, watch: Any) -> None:
    """Trains through a `tf.data` pipeline, on the same batches in the same order."""
    import tensorflow as tf

    x, y, size = task.arrays.x, task.arrays.y, task.spec.batch_size
    n_steps = math.ceil(len(task.rows.train) / size)

    def batches() -> Any:
        for order in task.order():
            for i in range(n_steps):
                batch = order[i * size : (i + 1) * size]
                yield x[batch], y[batch]

    shapes = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (x, y))
    stream = tf.data.Dataset.from_generator(batches, output_signature=shapes)
    x_judge, y_judge = (task.arrays.x_test, task.arrays.y_test) if task.judges_test_part else (x, y)
    model.fit(
        stream,
        shuffle=False,  # the stream is in order already
        steps_per_epoch=n_steps,
        epochs=task.spec.epochs,
        validation_data=(x_judge[task.judged], y_judge[task.judged]) if len(task.judged) else None,
        validation_batch_size=JUDGE_BATCH,
        verbose=0,
        callbacks=[watch],
    )


def _watcher(task: Task) -> Any:
    """A Keras callback that keeps the history under dlstudy's names and asks whether to go on."""
    import keras

    judged_as = "test" if task.judges_test_each_epoch else "val"

    class Watcher(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        epoch = 0
        diverged = False
        pruned = False

        def on_train_begin(self, logs: Any = None) -> None:
            self.clock = [time.perf_counter()]

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.clock.append(time.perf_counter())
            self.epoch = epoch + 1
            values = {_rename(name, judged_as): float(value) for name, value in (logs or {}).items()}
            finite = {name: value for name, value in values.items() if math.isfinite(value)}
            for name in values:
                task.history.setdefault(name, []).append(finite.get(name))
            self.diverged = "train_loss" not in finite
            self.pruned = not task.on_epoch(self.epoch, finite) and self.epoch < task.spec.epochs
            if self.diverged or self.pruned:
                self.model.stop_training = True

        def seconds_per_epoch(self) -> float:
            # The first epoch holds the tracing of the graph: the median is what one more epoch costs.
            return round(float(np.median(np.diff(self.clock))), 4)

    return Watcher()


def _rename(name: str, judged_as: str) -> str:
    return f"{judged_as}_{name[4:]}" if name.startswith("val_") else f"train_{name}"


def _judge_test(model: Any, graphs: EpochGraphs | None, task: Task, metrics: dict[str, float]) -> str:
    """Adds the test metrics; which test rows were right, packed."""
    rows, inside = task.rows.test, task.rows.test_inside
    x, y = task.test_arrays()
    if graphs is None:
        scores = model.evaluate(x, y, batch_size=JUDGE_BATCH, verbose=0, return_dict=True)
    else:
        graphs.judge(rows, of_test_part=not inside)
        scores = model.evaluate(_one_row(task), verbose=0, return_dict=True)
    metrics |= {f"test_{name}": float(value) for name, value in scores.items() if math.isfinite(value)}
    if task.description.task != "classification":
        return ""
    if graphs is None:
        predicted = model.predict(x, batch_size=JUDGE_BATCH, verbose=0)
    else:
        predicted = graphs.predict(rows, of_test_part=not inside)
    labels = predicted.argmax(axis=1) if predicted.shape[1] > 1 else predicted[:, 0] > 0.5
    return pack_bits(labels == y)
