"""Keras's `fit` where an epoch is one call."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dlstudy.errors import TrialError
from dlstudy.training import private_names
from dlstudy.training.epoch_graph import GraphError, metrics_or_logs

__all__ = ["compiled_once", "fit", "require_compiled_once"]


def fit(
    model: Any,
    train_epoch: Callable[[], Any],
    judge: Callable[[], dict[str, Any]] | None,
    *,
    epochs: int,
    steps: int,
    callbacks: Sequence[Any],
    first_epoch: int = 0,
) -> None:  # Any: Keras's types, logs
    """Trains as `keras.Model.fit` does, with the same calls of callbacks in the same order.

    A callback sees one batch in an epoch, as with `steps_per_execution` of a whole epoch.

    Args:
        model: compiled.
        train_epoch: trains the next epoch; returns what the last `train_step` returns.
        judge: returns what `evaluate` returns for the validation rows; None where there are none.
        epochs: how many to train.
        steps: batches in an epoch.
        callbacks: Keras's.
        first_epoch: the one to begin with, counted from 0.

    Raises:
        TrialError: a callback has compiled the model.
        GraphError: a callback ends the first epoch before it begins, after which `fit` still trains one batch.
    """
    import keras

    every: Any = keras.callbacks.CallbackList(
        list(callbacks), add_history=True, model=model, verbose=0, epochs=epochs, steps=steps
    )
    model.stop_training = False
    model.make_train_function()  # traces nothing; a study's callbacks may look for it
    every.on_train_begin()
    logs: dict[str, Any] | None = None
    for epoch in range(_initial_epoch(model) or first_epoch, epochs):
        model.reset_metrics()
        every.on_epoch_begin(epoch)
        require_compiled_once(model)
        if model.stop_training:
            raise GraphError("a callback ends the training before an epoch")
        every.on_train_batch_begin(0)
        logs = metrics_or_logs(model, train_epoch())
        every.on_train_batch_end(steps - 1, logs)
        logs = dict(logs)
        if judge is not None:
            logs |= _judged(judge, every)
        every.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if isinstance(model.optimizer, keras.Optimizer):
        model.optimizer.finalize_variable_values(model.trainable_weights)
    every.on_train_end(logs=logs)


def _judged(judge: Callable[[], dict[str, Any]], callbacks: Any) -> dict[str, Any]:  # Any: as above
    callbacks.on_test_begin()
    judged = judge()
    callbacks.on_test_end(judged)
    return {f"val_{name}": value for name, value in judged.items()}


def _initial_epoch(model: Any) -> int:
    try:
        return private_names.initial_epoch(model)
    except private_names.MISSING:
        return 0


@contextmanager
def compiled_once(model: Any) -> Iterator[None]:  # Any: a Keras model
    """While Keras's own `fit` trains: a model that a callback compiles before a batch fails in plain words.

    Raises:
        TrialError: one has.
    """
    try:
        yield
    except TypeError:
        require_compiled_once(model)
        raise


def require_compiled_once(model: Any) -> None:  # Any: a Keras model
    """Checks that no callback has compiled the model: Keras's `fit` then ends in "'NoneType' object is not callable".

    Raises:
        TrialError: one has.
    """
    if model.train_function is None:
        raise TrialError(
            "the model was compiled while it trained, after which Keras's fit cannot go on: compile it in build, or in "
            "continue_training for a second training"
        )
