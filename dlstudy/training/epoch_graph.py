"""A whole epoch as one graph, over arrays that are already on the device.

Small models spend most of their time between operations. Keras lets a compiled model carry its own `train_function`,
so the loop moves into one `tf.function`, the host sends one permutation per epoch, and everything else stays Keras's
own: `fit`, its callbacks, metrics, regularization losses and constraints.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from dlstudy.training import private_names
from dlstudy.training.arrays import Arrays, Task
from dlstudy.training.fused_updates import fuse

__all__ = ["JUDGE_BATCH", "EpochGraphs", "is_stock", "reason_against"]

JUDGE_BATCH = 1_000
"""Rows scored at once, outside training: the sums are the same up to float32 rounding, and few batches are fast."""

_KEPT_MB = 64
"""Most predictions of an epoch that are kept until its end, MB."""

_Loop = Any
"""A `tf.function` that takes row numbers and works on batch after batch of those rows."""


def reason_against(model: Any, arrays: Arrays, callbacks: Sequence[Any] = ()) -> str:  # Any: Keras's own types
    """Why a model must train through plain `fit`; empty where an epoch can be one graph."""
    import keras

    if arrays.on_device is None:
        return "the data does not fit on the device"
    if model.run_eagerly:
        return "the model runs eagerly"
    for name in ("fit", "evaluate", "make_train_function", "make_test_function"):
        if name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name):
            return f"the model has its own {name}"
    for callback in callbacks:
        if _looks_at_batches(callback):
            return f"{type(callback).__name__} looks at batches"
    return ""


def _looks_at_batches(callback: Any) -> bool:
    """Whether a callback must see every batch; where an epoch is one graph, it sees a single one."""
    import keras

    if private_names.is_from_keras(type(callback), "callbacks"):
        own = any(name in vars(callback) for name in _BATCH_HOOKS)  # LambdaCallback keeps functions so
        return own or isinstance(getattr(callback, "save_freq", getattr(callback, "update_freq", "epoch")), int)
    base = keras.callbacks.Callback
    return any(getattr(type(callback), name) is not getattr(base, name) for name in _BATCH_HOOKS)


_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def is_stock(model: Any) -> bool:  # Any: a Keras model
    """Whether a model is one of Keras's own classes, and none of its methods has been replaced."""
    steps = ("call", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
    return private_names.is_from_keras(type(model), "models") and not set(steps) & set(vars(model))


class EpochGraphs:
    """A compiled, built model with the graphs that train it and evaluate it; each is made when first needed.

    `key` is what decides the graphs; empty where that is not known. `scratch` are variables to set to zero before
    another training.
    """

    def __init__(self, model: Any, arrays: Arrays, key: str = "") -> None:
        self.model, self.key = model, key
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        self.scratch = fuse(model.optimizer)
        assert arrays.on_device is not None
        x, y, x_test, y_test = arrays.on_device
        self._data = {False: (x, y), True: (x_test, y_test)}
        self._loops: dict[tuple[object, ...], _Loop] = {}

    def install(self, task: Task, first_epoch: int = 0) -> _Loop:
        """Makes `fit` train and evaluate as the task says.

        Args:
            task: what to train.
            first_epoch: how many epochs came before.

        Returns:
            The train function that the model now carries. `compile()` would take it away again.
        """
        order = task.order(first_epoch)
        train_epoch = self.train_epoch(len(task.rows.train), task.spec.batch_size)

        def train_function(_: Any) -> Any:
            return train_epoch(next(order))

        self.model.train_function = train_function
        if len(task.judged):
            self.judge(task.judged, task.judges_test_part)
        return train_function

    def train_epoch(self, n: int, batch_size: int) -> _Loop:
        """The graph that trains one epoch on n rows of the training part; it takes their numbers, in order."""
        return self._loop("train", n, lambda: _train_loop(self.model, self._data[False], n, batch_size), batch_size)

    def judge(self, rows: Any, of_test_part: bool) -> None:
        """Makes `evaluate` score these rows, of the training part of the data or of its test part."""
        model, data, n = self.model, self._data[of_test_part], len(rows)
        judge_all = self._loop("judge", n, lambda: _step_loop(model.test_step, data, n, JUDGE_BATCH), of_test_part)
        model.test_function = lambda _: judge_all(rows)

    def predict(self, rows: Any, of_test_part: bool) -> Any:
        """(len(rows), ...) float32, what the model predicts for these rows."""
        model, data, n = self.model, self._data[of_test_part], len(rows)
        predict_all = self._loop("predict", n, lambda: _predict_loop(model, data[0], n), of_test_part)
        return predict_all(rows).numpy()

    def _loop(self, kind: str, n: int, make: Callable[[], _Loop], detail: object) -> _Loop:
        name = (kind, n, detail)
        if name not in self._loops:
            loop = make()
            with _gradients_unregistered() if self.key else nullcontext():
                loop.get_concrete_function()
            self._loops[name] = loop
        return self._loops[name]


def _train_loop(model: Any, data: tuple[Any, Any], n: int, batch_size: int) -> _Loop:
    if _metrics_can_wait(model, n):
        return _loop_with_late_metrics(model, data, n, batch_size)
    return _step_loop(model.train_step, data, n, batch_size)


def _step_loop(step: Callable[[Any], Any], data: tuple[Any, Any], n: int, batch_size: int) -> _Loop:
    """Keras's own `train_step` or `test_step` on each batch; returns what the last one returns, as Keras does."""
    import tensorflow as tf

    x, y = data
    n_before_last = math.ceil(n / batch_size) - 1

    # Without a static size, like the batches of plain `fit`: Keras weights the losses of several outputs by it.
    @_graph(None)
    def run(order: Any) -> Any:
        for i in tf.range(n_before_last):
            rows = order[i * batch_size : (i + 1) * batch_size]
            step((tf.gather(x, rows), tf.gather(y, rows)))
        rows = order[n_before_last * batch_size :]
        return step((tf.gather(x, rows), tf.gather(y, rows)))

    return run


def _loop_with_late_metrics(model: Any, data: tuple[Any, Any], n: int, batch_size: int) -> _Loop:
    """Keras's own `train_step` except for the metrics: those are updated once, from all predictions."""
    import tensorflow as tf

    x, y = data
    n_before_last = math.ceil(n / batch_size) - 1
    sizes = [batch_size] * n_before_last + [n - n_before_last * batch_size]
    output, weights, optimizer = model.outputs[0], model.trainable_weights, model.optimizer

    def step(rows: Any) -> Any:
        inputs, targets = tf.gather(x, rows), tf.gather(y, rows)
        with tf.GradientTape() as tape:
            predicted = model(inputs, training=True)
            loss = model.compute_loss(inputs, targets, predicted, None, training=True)
            scaled = optimizer.scale_loss(loss)
        optimizer.apply_gradients(zip(tape.gradient(scaled, weights), weights, strict=True))
        return loss, predicted

    @_graph(n)
    def run(order: Any) -> Any:
        losses = tf.TensorArray(tf.float32, len(sizes), element_shape=())
        shape = (None, *output.shape[1:])
        predictions = tf.TensorArray(output.dtype, len(sizes), element_shape=shape, infer_shape=False)
        batches = tf.reshape(order[: n_before_last * batch_size], (n_before_last, batch_size))
        for i in tf.range(n_before_last):
            loss, predicted = step(tf.gather(batches, i))
            losses, predictions = losses.write(i, loss), predictions.write(i, predicted)
        loss, predicted = step(order[n_before_last * batch_size :])
        losses = losses.write(n_before_last, loss)
        predictions = predictions.write(n_before_last, predicted)
        model.metrics[0].update_state(losses.stack(), sample_weight=tf.constant(sizes))
        return model.compute_metrics(None, tf.gather(y, order), predictions.concat())

    return run


def _predict_loop(model: Any, x: Any, n: int) -> _Loop:
    import tensorflow as tf

    n_batches = math.ceil(n / JUDGE_BATCH)

    @_graph(n)
    def run(rows: Any) -> Any:
        first = model.predict_step((tf.gather(x, rows[:JUDGE_BATCH]),))
        shape = (None, *first.shape[1:])
        parts = tf.TensorArray(first.dtype, n_batches, element_shape=shape, infer_shape=False).write(0, first)
        for i in tf.range(1, n_batches):
            some = rows[i * JUDGE_BATCH : (i + 1) * JUDGE_BATCH]
            parts = parts.write(i, model.predict_step((tf.gather(x, some),)))
        return parts.concat()

    return run


def _graph(n: int | None) -> Callable[[_Loop], _Loop]:
    import tensorflow as tf

    return tf.function(jit_compile=False, input_signature=[tf.TensorSpec((n,), tf.int32)])  # type: ignore[no-any-return]


@contextmanager
def _gradients_unregistered() -> Iterator[None]:
    """Afterwards removes the gradient functions that TensorFlow has registered for good while it traced.

    They take 6 MB for a small model, and a traced graph holds its gradients already. Not for a study's own functions,
    which may keep a function that they traced.
    """
    try:
        registered = private_names.registered_gradients()
    except private_names.MISSING:
        yield
        return
    before = set(registered)
    yield
    for name in set(registered) - before:
        if name.startswith("CustomGradient-"):
            del registered[name]


def _metrics_can_wait(model: Any, n: int) -> bool:
    """Whether the metrics of n rows come out the same when they are updated once, from all predictions.

    That holds for Keras's own means over rows, where a model has a single output without a mask.
    """
    if not is_stock(model) or len(model.outputs) != 1 or not model.trainable_weights or _has_mask(model):
        return False
    if 4 * n * math.prod(model.outputs[0].shape[1:]) > _KEPT_MB * 2**20:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a lambda cannot be loaded again, which is never done
        compiled = model.get_compile_config()
    asked = [compiled[name] or [] for name in ("metrics", "weighted_metrics")]
    return all(isinstance(part, list) and all(map(_is_mean_over_rows, part)) for part in asked)


def _is_mean_over_rows(metric: Any) -> bool:  # Any: a name, or what Keras makes of an object when it serializes it
    import keras

    mean = keras.metrics.MeanMetricWrapper
    if isinstance(metric, str):
        return metric in ("accuracy", "acc", "crossentropy", "ce") or isinstance(keras.metrics.get(metric), mean)
    if not isinstance(metric, dict) or metric.get("module") != "keras.metrics":
        return False
    kind = getattr(keras.metrics, metric["class_name"])
    return issubclass(kind, mean) and kind is not mean  # that one wraps anybody's function


def _has_mask(model: Any) -> bool:
    import keras

    return any(isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False) for layer in model.layers)
