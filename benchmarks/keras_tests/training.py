"""Our training in place of Keras's `fit`, `evaluate` and `predict`.

Data is read ahead, all epochs of it, by what Keras's `fit` reads it with, so that ours gets the same batches. A call
that ours does not claim to do goes to Keras's own method, and `calls` says why.
"""

import functools
import inspect
import itertools
import math
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.trainers.data_adapters.array_slicing import train_validation_split

from benchmarks.keras_tests import comparison
from dlstudy.training import graph_fit, private_names
from dlstudy.training.epoch_graph import JUDGE_BATCH, EpochGraphs, GraphError, reason_against, single_output
from dlstudy.training.python_state import state_of

calls: list[tuple[str, str, str]] = []
"""The method called; why Keras's own has done it, or empty where ours has; and what a comparison says. Emptied before
each test."""

keras_own: dict[str, Callable[..., Any]] = {}
"""Keras's methods that ours has replaced."""

compares = False
"""Whether Keras's method does again what ours has done."""


class NotOursError(Exception):
    """Why a call goes to Keras."""


class Read(NamedTuple):
    """Data that was read ahead.

    Args:
        data: `(x,)`, `(x, y)` or `(x, y, weight)`, the rows of all epochs.
        orders: for each epoch, the numbers of its rows.
        batch_size: rows of a batch.
    """

    data: Any
    orders: list[Any]
    batch_size: int


def train(model: Any, read: Read, judged: Read | None, callbacks: Sequence[Any]) -> None:
    """Trains as `dlstudy.training.keras_training` does.

    Raises:
        GraphError: no epoch can be one graph.
    """
    graphs, orders = EpochGraphs(model), iter(read.orders)
    every_row_alone = bool(state_of(model))

    def judge() -> Any:
        size = JUDGE_BATCH if every_row_alone else judged.batch_size
        return graphs.judge(judged.data, judged.orders[0], size)

    graph_fit.fit(
        model,
        lambda: graphs.train_epoch(read.data, next(orders), read.batch_size),
        judge if judged else None,
        epochs=len(read.orders),
        steps=math.ceil(len(read.orders[0]) / read.batch_size),
        callbacks=callbacks,
    )


def replace() -> None:
    """Gives every Keras model our training; classes in Keras's tests count as a study's own."""
    is_from_keras = private_names.is_from_keras
    private_names.is_from_keras = lambda kind, *part: (
        not kind.__module__.endswith("_test") and is_from_keras(kind, *part)
    )
    owner = next(kind for kind in keras.Model.__mro__ if "fit" in vars(kind))
    for ours in (fit, evaluate, predict):
        name = ours.__name__
        keras_own[name] = getattr(owner, name)
        setattr(owner, name, _replacement(name, ours, keras_own[name]))


def _replacement(name: str, ours: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(other)

    @functools.wraps(other)
    def method(*args: Any, **kwargs: Any) -> Any:
        try:
            call = signature.bind(*args, **kwargs)
        except TypeError:
            return other(*args, **kwargs)
        call.apply_defaults()
        if call.arguments.get("kwargs"):  # Keras's `fit` judges
            return other(*args, **kwargs)
        given = dict(call.arguments)
        model = given.pop("self")
        if isinstance(given["x"], types.GeneratorType):
            mine, theirs = itertools.tee(given["x"])
            given["x"], call.arguments["x"] = _generator(mine), _generator(theirs)
        try:
            result, compared = ours(model, types.SimpleNamespace(**given))
        except NotOursError as error:
            calls.append((name, str(error), ""))
            return other(*call.args, **call.kwargs)
        calls.append((name, "", compared))
        return result

    return method


def _generator(items: Any) -> Any:
    yield from items


def fit(model: Any, given: Any) -> Any:
    """Keras's `fit`."""
    if isinstance(given.callbacks, keras.callbacks.CallbackList):
        raise NotOursError("callbacks in a list of their own")
    if given.initial_epoch:
        raise NotOursError("initial_epoch")
    if given.validation_freq != 1:
        raise NotOursError("validation_freq")
    if given.epochs < 1:
        raise NotOursError("no epoch")
    callbacks = keras.tree.flatten(given.callbacks) if given.callbacks else []
    _check(model, callbacks)
    x, y, weight, validation = given.x, given.y, given.sample_weight, given.validation_data
    with _reading():
        if given.validation_split and validation is None:
            (x, y, weight), validation = train_validation_split((x, y, weight), given.validation_split)
        judged = None
        if validation is not None:
            val_x, val_y, val_weight = keras.utils.unpack_x_y_sample_weight(validation)
            size, steps = given.validation_batch_size or given.batch_size, given.validation_steps
            judged = _read(model, 1, x=val_x, y=val_y, sample_weight=val_weight, batch_size=size, steps_per_epoch=steps)
        read = _read(
            model,
            given.epochs,
            x=x,
            y=y,
            sample_weight=weight,
            batch_size=given.batch_size,
            steps_per_epoch=given.steps_per_epoch,
            shuffle=given.shuffle,
            class_weight=given.class_weight,
        )
    _build(model, read)
    start = comparison.values(model) if compares and not callbacks else None
    try:
        train(model, read, judged, callbacks)
    except GraphError as error:
        raise NotOursError(_no_graph(error)) from error
    if start is None:
        return model.history, "not compared" if compares else ""
    return model.history, comparison.compare(model, start, read, judged, keras_own["fit"])


def evaluate(model: Any, given: Any) -> Any:
    """Keras's `evaluate`."""
    if given.callbacks:
        raise NotOursError("callbacks of evaluate")
    _check(model)
    with _reading():
        read = _read(
            model,
            1,
            x=given.x,
            y=given.y,
            sample_weight=given.sample_weight,
            batch_size=given.batch_size,
            steps_per_epoch=given.steps,
        )
    _build(model, read)
    try:
        logs = EpochGraphs(model).judge(read.data, read.orders[0], JUDGE_BATCH if state_of(model) else read.batch_size)
    except GraphError as error:
        raise NotOursError(_no_graph(error)) from error
    found = ""
    if compares:
        by_keras = keras_own["evaluate"](model, **comparison.same(read), return_dict=True)
        found = comparison.compare_results(logs, by_keras)
    return (logs if given.return_dict else model._flatten_metrics_in_order(logs)), found


def predict(model: Any, given: Any) -> Any:
    """Keras's `predict`."""
    if given.callbacks:
        raise NotOursError("callbacks of predict")
    _check(model)
    if single_output(model) is None:
        raise NotOursError("not a model of one output")
    with _reading():
        read = _read(model, 1, x=given.x, batch_size=given.batch_size, steps_per_epoch=given.steps)
    try:
        predicted = EpochGraphs(model).predict(read.data, read.orders[0])
    except GraphError as error:
        raise NotOursError(_no_graph(error)) from error
    if not compares:
        return predicted, ""
    by_keras = keras_own["predict"](model, **comparison.same(read))
    return predicted, comparison.compare_results({"prediction": predicted}, {"prediction": by_keras})


def _no_graph(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"no graph: {lines[0][:40]} ... {lines[-1][-100:]}"


def _check(model: Any, callbacks: Sequence[Any] = ()) -> None:
    if not model.compiled:
        raise NotOursError("not compiled")
    if reason := reason_against(model, True, callbacks):
        raise NotOursError(reason)


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever reading ahead raises, Keras's own method shows what it does with such data."""
    try:
        yield
    except NotOursError:
        raise
    except Exception as error:
        raise NotOursError(f"the data cannot be read ahead: {type(error).__name__}") from error


def _read(model: Any, epochs: int, **given: Any) -> Read:
    """The batches of all epochs, as one array of rows."""
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    iterator = TFEpochIterator(distribute_strategy=model.distribute_strategy, steps_per_execution=1, **given)
    iterator.reset()
    batches: list[Any] = []
    sizes: list[list[int]] = []
    for _ in range(epochs):
        sizes.append([])
        with iterator.catch_stop_iteration():
            for _, _, source in iterator:
                batch = _without_none(keras.utils.unpack_x_y_sample_weight(next(source)))
                batches.append(batch)
                sizes[-1].append(_rows(batch))
    size = sizes[0][0] if sizes[0] else 0
    for epoch in sizes:
        if not epoch or any(n != size for n in epoch[:-1]) or not 0 < epoch[-1] <= size:
            raise NotOursError("no batches, or batches of several sizes")
    ends = list(itertools.accumulate(map(sum, sizes)))
    orders = [tf.range(end - sum(epoch), end) for end, epoch in zip(ends, sizes, strict=True)]
    return Read(keras.tree.map_structure(lambda *parts: tf.concat(parts, 0), *batches), orders, size)


def _without_none(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    x, y, weight = batch
    if y is None and weight is not None:
        raise NotOursError("weights without targets")
    return tuple(part for part in (x, y, weight) if part is not None)


def _rows(batch: Any) -> int:
    """How many rows a batch has."""
    found = set()
    for tensor in keras.tree.flatten(batch):
        if not isinstance(tensor, tf.Tensor) or tensor.shape.rank == 0:
            raise NotOursError(f"a batch of {type(tensor).__name__}, not of tensors with rows")
        found.add(int(tensor.shape[0]))
    if len(found) != 1:
        raise NotOursError("parts of a batch differ in their rows")
    return found.pop()


def _build(model: Any, read: Read) -> None:
    """Makes the weights of a model that has none yet, where symbolic inputs are enough; else training makes them."""
    if model.built:
        return
    try:
        model(
            keras.tree.map_structure(lambda part: keras.KerasTensor((None, *part.shape[1:]), part.dtype), read.data[0])
        )
    except Exception:
        pass  # training makes them
