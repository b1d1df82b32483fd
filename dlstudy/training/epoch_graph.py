"""A whole epoch as one graph: Keras's own `train_step` in a loop over arrays that are already on the device.

Small models spend their time between operations. Keras lets a compiled model carry its own `train_function`, so the
loop moves into one `tf.function`, the host sends one permutation an epoch, and everything else stays Keras's own:
`fit`, its callbacks, metrics, regularization losses and constraints.
"""

from collections.abc import Callable
from typing import Any

from dlstudy.training.arrays import Arrays, Task

__all__ = ["JUDGE_BATCH", "install", "reason_against"]

JUDGE_BATCH = 1_000
"""Rows judged at once, outside training: the sums are the same up to float32 rounding, and few batches are fast."""


def reason_against(model: Any, arrays: Arrays) -> str:  # Any: a Keras model, whose type this module must not import
    """Why a model must train through plain `fit`; empty where an epoch can be one graph."""
    import keras

    if arrays.on_device is None:
        return "the data does not fit on the device"
    if model.run_eagerly:
        return "the model runs eagerly"
    own = type(model)
    if own.fit is not keras.Model.fit or own.make_train_function is not keras.Model.make_train_function:
        return "the model has its own fit"
    return ""


def install(model: Any, task: Task) -> Callable[[Any], Any]:  # Any: as above
    """Gives a compiled, built model the one-graph way of training and of judging.

    Returns:
        The train function that the model now carries. `compile()` would take it away again.
    """
    assert task.arrays.on_device is not None
    x, y, x_test, y_test = task.arrays.on_device
    order, judged = task.order(), task.judged
    train_epoch = _loop(model, model.train_step, (x, y), len(task.rows.train), task.spec.batch_size)
    judge_from = (x_test, y_test) if task.judges_test_part else (x, y)
    judge = _loop(model, model.test_step, judge_from, len(judged), JUDGE_BATCH)

    def train_function(_: Any) -> Any:
        return train_epoch(next(order))

    model.train_function = train_function
    model.test_function = lambda _: judge(judged)
    return train_function


def _loop(
    model: Any, step: Callable[[Any], Any], data: tuple[Any, Any], n: int, batch_size: int
) -> Callable[[Any], Any]:
    """A graph that takes n row numbers and calls `step` on batch after batch of those rows."""
    import tensorflow as tf

    x, y = data
    full, rest = divmod(n, batch_size)

    @tf.function(jit_compile=False, input_signature=[tf.TensorSpec((n,), tf.int32)])  # type: ignore[untyped-decorator]
    def run(order: Any) -> Any:
        for i in tf.range(full):
            batch = tf.ensure_shape(order[i * batch_size : (i + 1) * batch_size], (batch_size,))
            step((tf.gather(x, batch), tf.gather(y, batch)))
        if rest:
            batch = order[full * batch_size :]
            step((tf.gather(x, batch), tf.gather(y, batch)))
        return model.get_metrics_result()

    return run  # type: ignore[no-any-return]  # TensorFlow has no types
