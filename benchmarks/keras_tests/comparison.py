"""Whether Keras's own methods come to the weights, logs and predictions that ours have come to."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

TOLERANCE = 1e-4
"""Largest difference that counts as float32 rounding, as a share of the largest value of an array, or of one."""


def values(model: Any) -> list[np.ndarray] | None:
    """All that training changes in a model's variables; None where they are not there before it trains."""
    optimizer = model.optimizer
    if not model.built or not isinstance(optimizer, keras.Optimizer):
        return None
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return [variable.numpy() for variable in _variables(model)]


def compare(model: Any, start: list[np.ndarray], read: Any, judged: Any, keras_fit: Callable[..., Any]) -> str:
    """Trains again with Keras's `fit`, on the same batches without XLA; the model is afterwards as it was before.

    Args:
        model: trained by ours, without callbacks.
        start: its values before.
        read, judged: what it was trained with, see `training.Read`.
        keras_fit: Keras's own.

    Returns:
        "equal", how it differs, or that it was not compared.
    """
    history, end = model.history, [variable.numpy() for variable in _variables(model)]
    if len(start) != len(end) or len({len(_batches_of(order, read.batch_size)) for order in read.orders}) != 1:
        return "not compared"
    kept = model.jit_compile, model.steps_per_execution
    model.jit_compile, model.steps_per_execution = False, 1  # with more steps, a batch may move to the epoch before
    model.make_train_function(force=True)
    _assign(model, start)
    try:
        judging = {"validation_data": judged.data, "validation_batch_size": judged.batch_size} if judged else {}
        keras_fit(model, **same(read, "steps_per_epoch"), epochs=len(read.orders), shuffle=False, **judging)
        ours = dict(zip(_names(model), end, strict=True))
        by_keras = dict(zip(_names(model), [variable.numpy() for variable in _variables(model)], strict=True))
        return compare_results(history.history | ours, model.history.history | by_keras)
    finally:
        (model.jit_compile, model.steps_per_execution), model.history = kept, history
        model.make_train_function(force=True)
        _assign(model, end)


def same(read: Any, steps: str = "steps") -> dict[str, Any]:
    """The arguments with which one of Keras's methods works on the same batches."""
    n_steps = len(_batches_of(read.orders[0], read.batch_size))
    return {"x": _batches(read), steps: n_steps, "verbose": 0}


def compare_results(ours: Mapping[str, Any], by_keras: Mapping[str, Any]) -> str:
    """Says "equal", or which one differs."""
    if sorted(ours) != sorted(by_keras):
        return f"differs: {list(ours)}, with Keras {list(by_keras)}"
    for name in ours:
        one, two = np.asarray(ours[name], np.float64), np.asarray(by_keras[name], np.float64)
        scale = max(1.0, float(np.nanmax(np.abs(two), initial=0.0)))
        if one.shape != two.shape:
            return f"differs: {name} is of shape {one.shape}, with Keras {two.shape}"
        if not np.allclose(one, two, rtol=0, atol=TOLERANCE * scale, equal_nan=True):
            return f"differs: {name} by {np.nanmax(np.abs(one - two)) / scale:.2g}"
    return "equal"


def _names(model: Any) -> list[str]:
    return [f"{i} {variable.path}" for i, variable in enumerate(_variables(model))]


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _assign(model: Any, those: list[np.ndarray]) -> None:
    for variable, value in zip(_variables(model), those, strict=True):
        variable.assign(value)


def _batches(read: Any) -> Iterator[Any]:
    for order in read.orders:
        for rows in _batches_of(order, read.batch_size):
            yield keras.tree.map_structure(lambda tensor, rows=rows: tf.gather(tensor, rows), read.data)


def _batches_of(order: Any, size: int) -> list[Any]:
    return [order[i : i + size] for i in range(0, len(order), size)]
