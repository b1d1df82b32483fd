"""A whole epoch as one graph, over arrays that are already on the device.

Small models spend most of their time between operations. Here the loop over the batches is one `tf.function`, to which
the host sends one permutation per epoch. Nothing is installed on the model: what a study's own code calls, such as
`model.evaluate`, is Keras's own.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from dlstudy.common.text import describe_error
from dlstudy.datasets.structure import Structure, map_arrays
from dlstudy.training import private_names
from dlstudy.training.fused_updates import fused
from dlstudy.training.python_state import state_of

__all__ = ["JUDGE_BATCH", "EpochGraphs", "GraphError", "is_stock", "metrics_or_logs", "reason_against", "single_output"]

JUDGE_BATCH = 1_000
"""Rows scored at once, outside training, where every row counts alone: few batches are fast."""

_KEPT_MB = 64
"""Most predictions of an epoch that are kept until its end, MB."""

_Loop = Callable[[Any, Structure], Any]  # Any: tensors, whose type this module must not import
"""Takes row numbers and a part of the data, and works on batch after batch of those rows."""


class GraphError(Exception):
    """An epoch graph cannot be made or run; plain `fit` decides whether the model trains."""


def reason_against(model: Any, fits: bool, callbacks: Sequence[Any] = ()) -> str:  # Any: Keras's own types
    """Why a model must train through plain `fit`; empty where an epoch can be one graph.

    Args:
        model: compiled.
        fits: whether the data fits on the device.
        callbacks: of the training.
    """
    import keras
    import tensorflow as tf

    if not fits:
        return "the data does not fit on the device"
    if model.run_eagerly or tf.config.functions_run_eagerly():
        return "the model runs eagerly"
    if model.jit_compile:
        return "XLA compiles the model, and draws other random numbers"
    if model.distribute_strategy is not tf.distribute.get_strategy():
        return "the model is distributed"
    if keras.config.max_epochs() or keras.config.max_steps_per_epoch():
        return "Keras is set to limit epochs or their steps"
    for name in _PARTS_OF_FIT:
        if name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name):
            return f"the model has its own {name}"
    for callback in callbacks:
        if _looks_at_batches(callback):
            return f"{type(callback).__name__} looks at batches"
    return ""


_PARTS_OF_FIT = ("fit", "evaluate", "make_train_function", "make_test_function")


def _looks_at_batches(callback: Any) -> bool:
    """Whether a callback must see every batch; where an epoch is one graph, it sees a single one."""
    import keras

    if any(name in vars(callback) for name in _BATCH_HOOKS):  # LambdaCallback keeps functions so
        return True
    if private_names.is_from_keras(type(callback), "callbacks"):
        every = isinstance(getattr(callback, "save_freq", getattr(callback, "update_freq", "epoch")), int)
        return every or bool(getattr(callback, "raise_error", False))  # TerminateOnNaN, in the middle of an epoch
    base = keras.callbacks.Callback
    return any(getattr(type(callback), name) is not getattr(base, name) for name in _BATCH_HOOKS)


_BATCH_HOOKS = tuple(f"on_{kind}batch_{when}" for kind in ("", "train_", "test_") for when in ("begin", "end"))


def is_stock(model: Any) -> bool:  # Any: a Keras model
    """Whether a model is one of Keras's own classes, and none of its methods has been replaced."""
    steps = ("call", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
    return private_names.is_from_keras(type(model), "models") and not set(steps) & set(vars(model))


def single_output(model: Any) -> Any:  # Any: a Keras model; a symbolic tensor
    """The output of a model that gives one array; None for other models, and where that is not known before it runs."""
    import keras

    if isinstance(model, keras.Sequential):
        return model.outputs[0] if model.built and model.outputs else None
    output = getattr(model, "output", None) if hasattr(model, "inputs") and hasattr(model, "outputs") else None
    return output if isinstance(output, keras.KerasTensor) else None  # not a list or a dict of one


def metrics_or_logs(model: Any, logs: Any) -> dict[str, Any]:  # Any: what `train_step` returns; values of logs
    """What `fit` shows of a step's logs: the model's metrics where they have the same names, as Python numbers.

    Raises:
        TypeError, ValueError: as in `fit`, the logs are no dict.
    """
    results = model.get_metrics_result()
    if isinstance(logs, dict) and logs.keys() == results.keys():
        return dict(results)
    return _numbers(dict(logs))


def _numbers(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs with numbers in place of tensors, and with the entries of dicts among them, in Keras's order."""
    import keras

    found: dict[str, Any] = {}
    for name in sorted(logs):
        if isinstance(logs[name], dict):
            found |= _numbers(logs[name])
            continue
        value = keras.ops.convert_to_numpy(logs[name])
        found[name] = float(value) if value.size == 1 and value.dtype.kind in "biuf" else value
    return found


class EpochGraphs:
    """A compiled model with the graphs that train it and evaluate it; each is made when it is first needed.

    `key` is what decides the graphs of a new model, and `state` of this one once they are made; both are empty where
    that is not known. `scratch` are variables to set to zero before another training.
    """

    def __init__(self, model: Any, key: str = "") -> None:
        self.model, self.key, self.state = model, key, ""
        self.scratch: list[Any] = []
        self._loops: dict[tuple[object, ...], Any] = {}  # Any: each a `_Loop`, as TensorFlow wraps it

    @property
    def traced(self) -> list[Any]:  # Any: TensorFlow's graphs
        """The graphs made so far."""
        return [loop.get_concrete_function().graph for loop in self._loops.values()]

    def begin(self) -> None:
        """Before a first epoch, drops all graphs if something that decides them has changed since they were made."""
        if self.key and state_of(self.model) != (self.state or self.key):
            self.key = self.state = ""
            self._loops.clear()

    def begun(self) -> None:
        """After a first epoch, notes what has decided the graphs: Keras makes some objects as late as that."""
        if self.key and not self.state:
            self.state = state_of(self.model)

    def train_epoch(self, data: Structure, order: Any, batch_size: int) -> Any:
        """Trains one epoch; returns what the last `train_step` returns.

        Args:
            data: `(x, y)` or `(x, y, weight)` as tensors.
            order: (n,) int32, row numbers in order.
            batch_size: rows in a step.

        Raises:
            GraphError: the graph cannot be made, or fails.
        """
        model, n = self.model, len(order)

        def make() -> tuple[_Loop, int | None]:
            if len(data) == 2 and _metrics_can_wait(model, n):
                return _loop_with_late_metrics(model, n, batch_size), n
            return _step_loop(model.train_step, batch_size), None

        return _run(self._loop(("train", n, batch_size), make, data), order, data)

    def judge(self, data: Structure, rows: Any, batch_size: int) -> dict[str, Any]:
        """What `evaluate` returns for some rows.

        Raises:
            GraphError: the graph cannot be made, or fails.
        """
        loop = self._loop(("judge", batch_size), lambda: (_step_loop(self.model.test_step, batch_size), None), data)
        self.model.reset_metrics()
        return metrics_or_logs(self.model, _run(loop, rows, data))

    def predict(self, data: Structure, rows: Any) -> Any:
        """(len(rows), ...), what a model with a single output predicts for some rows.

        Raises:
            GraphError: the graph cannot be made, or fails.
        """
        loop = self._loop(("predict",), lambda: (_predict_loop(self.model), None), data)
        return _run(loop, rows, data).numpy()

    def _loop(self, name: tuple[object, ...], make: Callable[[], tuple[_Loop, int | None]], data: Structure) -> _Loop:
        """The loop of that name, which `make` gives once, with the number of its rows where that must be fixed."""
        import tensorflow as tf

        specs = map_arrays(lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), data)
        name = (*name, repr(specs))
        if name not in self._loops:
            unregistered = _gradients_unregistered() if self.key else nullcontext()
            with _graph_errors(), unregistered, fused(self.model, self.scratch):
                run, n = make()
                loop = tf.function(run, jit_compile=False, input_signature=[tf.TensorSpec((n,), tf.int32), specs])
                loop.get_concrete_function()
            self._loops[name] = loop
        made: _Loop = self._loops[name]
        return made


def _run(loop: _Loop, rows: Any, data: Structure) -> Any:
    import tensorflow as tf

    with _graph_errors():
        return loop(tf.convert_to_tensor(rows, tf.int32), data)


@contextmanager
def _graph_errors() -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # a study's own step may raise anything, and so may TensorFlow
        raise GraphError(describe_error(error)) from error


def _step_loop(step: Callable[[Any], Any], batch_size: int) -> _Loop:
    """A `train_step` or `test_step`, Keras's or the model's own, on each batch of any number of rows."""
    import tensorflow as tf

    # Without a static size, like the batches of plain `fit`: Keras weights the losses of several outputs by it.
    def run(rows: Any, data: Structure) -> Any:
        n_before_last = (tf.size(rows) - 1) // batch_size
        for i in tf.range(n_before_last):
            step(_rows_of(data, rows[i * batch_size : (i + 1) * batch_size]))
        return step(_rows_of(data, rows[n_before_last * batch_size :]))

    return run


def _rows_of(data: Structure, rows: Any) -> Structure:
    import tensorflow as tf

    return map_arrays(lambda tensor: tf.gather(tensor, rows), data)


def _loop_with_late_metrics(model: Any, n: int, batch_size: int) -> _Loop:
    """Keras's own `train_step` except for the metrics: those are updated once, from all predictions."""
    import tensorflow as tf

    n_before_last = math.ceil(n / batch_size) - 1
    sizes = [batch_size] * n_before_last + [n - n_before_last * batch_size]
    output, weights, optimizer = model.outputs[0], model.trainable_weights, model.optimizer

    def step(data: Structure, rows: Any) -> Any:
        inputs, targets = (_rows_of(part, rows) for part in data)
        with tf.GradientTape() as tape:
            predicted = model(inputs, training=True)
            loss = model.compute_loss(inputs, targets, predicted, None, training=True)
            scaled = optimizer.scale_loss(loss)
        optimizer.apply_gradients(zip(tape.gradient(scaled, weights), weights, strict=True))
        return loss, predicted

    def run(order: Any, data: Structure) -> Any:
        losses = tf.TensorArray(tf.float32, len(sizes), element_shape=())
        shape = (None, *output.shape[1:])
        predictions = tf.TensorArray(output.dtype, len(sizes), element_shape=shape, infer_shape=False)
        batches = tf.reshape(order[: n_before_last * batch_size], (n_before_last, batch_size))
        for i in tf.range(n_before_last):
            loss, predicted = step(data, tf.gather(batches, i))
            losses, predictions = losses.write(i, loss), predictions.write(i, predicted)
        loss, predicted = step(data, order[n_before_last * batch_size :])
        losses = losses.write(n_before_last, loss)
        predictions = predictions.write(n_before_last, predicted)
        model.metrics[0].update_state(losses.stack(), sample_weight=tf.constant(sizes))
        return model.compute_metrics(None, _rows_of(data[1], order), predictions.concat())

    return run


def _predict_loop(model: Any) -> _Loop:
    import tensorflow as tf

    def run(rows: Any, data: Structure) -> Any:
        n_batches = (tf.size(rows) + JUDGE_BATCH - 1) // JUDGE_BATCH
        first = model.predict_step((_rows_of(data[0], rows[:JUDGE_BATCH]),))
        shape = (None, *first.shape[1:])
        parts = tf.TensorArray(first.dtype, n_batches, element_shape=shape, infer_shape=False).write(0, first)
        for i in tf.range(1, n_batches):
            some = rows[i * JUDGE_BATCH : (i + 1) * JUDGE_BATCH]
            parts = parts.write(i, model.predict_step((_rows_of(data[0], some),)))
        return parts.concat()

    return run


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

    That holds for Keras's own means over rows of equal weight, where a model has a single float32 output without a
    mask.
    """
    import keras

    if not is_stock(model) or not model.trainable_weights or _has_mask(model):
        return False
    output = single_output(model)
    if output is None or {output.dtype, keras.config.floatx()} != {"float32"}:
        return False
    if 4 * n * math.prod(output.shape[1:]) > _KEPT_MB * 2**20:
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

    try:
        layers = private_names.all_layers(model)
    except private_names.MISSING:
        return True
    return any(isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False) for layer in layers)
