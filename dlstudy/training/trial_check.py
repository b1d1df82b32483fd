"""One step of a training, to find before the first trial what is wrong in every trial."""

import dataclasses
from typing import Any

import numpy as np

from dlstudy.datasets.structure import take
from dlstudy.study.splits import Rows
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.batches import in_batches
from dlstudy.training.class_weights import weight_of_rows
from dlstudy.training.epoch_graph import reason_against
from dlstudy.training.epoch_recorder import metric_of, numbers_in
from dlstudy.training.initial_weights import count_parameters
from dlstudy.training.keras_training import callbacks_of, require_compiled, validation_of
from dlstudy.training.sklearn_training import require_estimator

__all__ = ["check_estimator", "check_keras"]


def check_estimator(model: Any) -> TrialResult:  # Any: whatever `build` returned
    """Whether an object can be trained.

    Raises:
        TrialError: it has no `fit` and `predict`.
    """
    require_estimator(model)
    return TrialResult(TrialState.FINISHED, trained_by=TrainedBy.ESTIMATOR)


def check_keras(model: Any, task: Task) -> TrialResult:  # Any: a Keras model, not to be imported here
    """Trains one batch by Keras's `fit`, without a graph, and judges another.

    Returns:
        A result with the metrics of that step, by the names that a trial gives them, and with what would train it.

    Raises:
        TrialError: the model is not compiled, or its callbacks are none.
        Exception: whatever Keras or the study's own code raises.
    """
    import keras

    require_compiled(model)
    callbacks = callbacks_of(task)
    reason = task.graph_fault or reason_against(model, task.arrays.fits, callbacks)
    floatx, size = keras.config.floatx(), task.spec.batch_size
    batch = take(task.arrays.in_memory(False, floatx), task.rows.train[:size])
    few = dataclasses.replace(task, rows=_few(task.rows, size))
    weight_of_rows(task)  # or raises
    model.run_eagerly = True  # tracing a graph takes longer than many such steps
    seen: dict[str, Any] = {}
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: seen.update(logs or {}))
    model.fit(
        **in_batches(batch, size),
        **validation_of(few, floatx, size),
        verbose=0,
        callbacks=[*callbacks, last],
    )
    judged_as = "test" if task.judges_test_each_epoch else "val"
    metrics = {
        entry: number for name, value in seen.items() for entry, number in numbers_in(metric_of(name, judged_as), value)
    }
    finite = {name: value for name, value in (metrics | task.take_logged()).items() if np.isfinite(value)}
    return TrialResult(
        TrialState.FINISHED,
        metrics={**dict.fromkeys(metrics, 0.0), **finite, "parameters": count_parameters(model)},
        trained_by=TrainedBy.FIT if reason else TrainedBy.EPOCH_GRAPH,
        remarks=[reason] if reason else [],
    )


def _few(rows: Rows, n: int) -> Rows:
    """The same training rows, and the first of those that are judged."""
    return dataclasses.replace(rows, validation=rows.validation[:n], test=rows.test[:n])
