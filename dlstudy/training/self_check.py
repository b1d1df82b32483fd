"""A check at the start of a process that an epoch graph trains as Keras does batch by batch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from dlstudy.common.text import describe_error
from dlstudy.training.arrays import to_device
from dlstudy.training.epoch_graph import EpochGraphs

__all__ = ["graph_fault"]

_BATCH_SIZE, _ROWS = 4, 7  # two batches, the last of them short
_TOLERANCE = 1e-5
"""A step at a rate of 0.1 moves a weight by about 0.1; float32 rounding changes the weights by some 1e-6."""


@cache
def graph_fault() -> str:
    """Why no model may train by epoch graphs in this process; empty where that works.

    A tiny net is trained for one epoch by an epoch graph with the fused update of Adam, and once more by Keras's
    `train_on_batch` without any graph. The weights have to be the same up to float32 rounding. No random number is
    drawn, and Keras's own state is as before. Imports TensorFlow.
    """
    import keras

    try:
        with _full_float32():
            distance = _distance()
    except Exception as error:  # an upgrade may break anything, in any way
        reason = describe_error(error)
    else:
        reason = "" if distance <= _TOLERANCE else f"weights differ by {distance:.2g} after two steps"
    finally:
        keras.utils.clear_session(free_memory=False)  # names of layers count from one again
    return f"the epoch graph failed its check at worker start: {reason}" if reason else ""


@contextmanager
def _full_float32() -> Iterator[None]:
    """Keeps a GPU from rounding the factors of products to TensorFloat-32, whose errors are above the tolerance."""
    import tensorflow as tf

    rounds = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(rounds)


def _distance() -> float:
    """The largest difference of a weight between the two ways; infinite where one is no number."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(_ROWS, 3)).astype(np.float32), rng.normal(size=_ROWS).astype(np.float32)
    initial = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 1), (1,))]
    order = rng.permutation(_ROWS).astype(np.int32)

    by_graph = _net(initial)
    graphs = EpochGraphs(by_graph, key="self-check")
    graphs.train_epoch((to_device(x), to_device(y)), order, _BATCH_SIZE)

    by_batch = _net(initial, run_eagerly=True)
    for batch in (order[:_BATCH_SIZE], order[_BATCH_SIZE:]):
        by_batch.train_on_batch(x[batch], y[batch])

    pairs = zip(by_graph.get_weights(), by_batch.get_weights(), strict=True)
    distance = float(np.max([np.abs(one - other).max() for one, other in pairs]))  # NaN where any is
    return distance if math.isfinite(distance) else math.inf


def _net(initial: list[np.ndarray], **compiled: Any) -> Any:  # Any: options of `compile`; a Keras model
    import keras

    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), dense])
    model.set_weights(initial)
    model.compile(keras.optimizers.Adam(0.1), loss="mean_squared_error", **compiled)
    return model
