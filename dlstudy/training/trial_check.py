"""One step of a training, to find before the first trial what is wrong in every trial."""

import dataclasses
import functools
from typing import Any

import numpy as np

from dlstudy.datasets.disk_rows import any_on_disk
from dlstudy.datasets.structure import rows_in, take
from dlstudy.errors import TrialError
from dlstudy.study.splits import Rows
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.batches import in_batches
from dlstudy.training.class_weights import weight_of_rows
from dlstudy.training.epoch_graph import reason_against
from dlstudy.training.epoch_recorder import metric_of, numbers_in
from dlstudy.training.initial_weights import count_parameters
from dlstudy.training.keras_training import callbacks_of, require_compiled, validation_of
from dlstudy.training.misfits import doubts, misfit, misplaced_metrics, not_finite
from dlstudy.training.outputs import has_labels
from dlstudy.training.own_metrics import Predictions, check_own_metrics, one_dimension, read_outputs
from dlstudy.training.sklearn_training import require_estimator, scores_of

__all__ = ["check_estimator", "check_keras"]


def check_estimator(model: Any, task: Task) -> TrialResult:  # Any: whatever `build` returned
    """Whether an object can be trained, and the study's own metrics computed of predictions that it could make.

    Raises:
        TrialError: it has no `fit` and `predict`, or a metric cannot be computed.
    """
    require_estimator(model)
    task.arrays.require_memory("an estimator")
    if task.functions.metrics and isinstance(task.arrays.y, np.ndarray) and len(task.judged):
        predictions = _possible(model, task)
        names = scores_of(predictions, task.description, np.zeros(0), predictions.y)
        check_own_metrics(task, (f"val_{name}" for name in names), predictions)
    return TrialResult(TrialState.FINISHED, trained_by=TrainedBy.ESTIMATOR)


def _possible(model: Any, task: Task) -> Predictions:  # Any: an estimator
    """Predictions that an estimator could make for the rows that are judged: to each the target of the one before."""
    y = one_dimension(take(task.arrays.part(task.judges_test_part)[1], task.judged))
    guessed = np.roll(y, 1, axis=0)
    if not has_labels(task.description):
        return Predictions(y, {"predict": lambda: guessed}, why="it predicts values")
    labels = np.unique(task.arrays.y)
    right = guessed if y.ndim > 1 else guessed[:, None] == labels
    chances = 0.9 * right + 0.1 / len(labels)
    decisions = chances[:, 1] - chances[:, 0] if chances.shape[1] == 2 and y.ndim == 1 else chances
    known = {"predict_proba": chances, "decision_function": decisions}
    responses = {method: functools.partial(known.__getitem__, method) for method in known if hasattr(model, method)}
    classes = [labels] * y.shape[1] if y.ndim > 1 else labels
    return Predictions(y, {"predict": lambda: guessed, **responses}, classes, "the estimator has no such method")


def check_keras(model: Any, task: Task) -> TrialResult:  # Any: a Keras model, not to be imported here
    """Trains one batch by Keras's `fit`, without a graph, and judges another.

    Returns:
        A result with the metrics of that step, by the names that a trial gives them, and with what would train it.

    Raises:
        TrialError: the model is not compiled, does not fit the rows, or its callbacks are none.
        Exception: whatever Keras or the study's own code raises.
    """
    import keras

    require_compiled(model)
    _refuse(misplaced_metrics(model))
    callbacks = callbacks_of(task)
    reason = task.graph_fault or reason_against(model, task.arrays.fits, callbacks)
    floatx, size = keras.config.floatx(), task.spec.batch_size
    batch = take(task.arrays.in_memory(False, floatx), task.rows.train[:size])
    few = dataclasses.replace(task, rows=_few(task.rows, size))
    weight_of_rows(task)  # or raises
    model.run_eagerly = True  # tracing a graph takes longer than many such steps
    outputs, targets = _outputs(model, batch[:1], size), _targets(task)
    _refuse(misfit(model, targets, outputs))
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
    warnings = [*doubts(model, task.description, targets, outputs, metrics), *_gaps(task, seen.get("loss", 0.0))]
    if task.functions.metrics and len(task.judged):
        metrics |= check_own_metrics(task, metrics, _predicted(model, task, few.judged))
    finite = {name: value for name, value in (metrics | task.take_logged()).items() if np.isfinite(value)}
    return TrialResult(
        TrialState.FINISHED,
        metrics={**dict.fromkeys(metrics, 0.0), **finite, "parameters": count_parameters(model)},
        trained_by=TrainedBy.FIT if reason else TrainedBy.EPOCH_GRAPH,
        remarks=[reason] if reason else [],
        warnings=warnings,
    )


def _gaps(task: Task, loss: float) -> list[str]:
    """Warns of numbers in the rows that are not finite; refuses them where the loss is not finite either."""
    faulty, remedy = not_finite(task), "fill them in prepare, or leave those rows out"
    if faulty and not np.isfinite(loss):
        raise TrialError(f"{faulty}, and so is the loss: {remedy}")
    return [f"{faulty}: {remedy}"] if faulty else []


def _refuse(fault: str) -> None:
    if fault:
        raise TrialError(fault)


def _outputs(model: Any, inputs: Any, size: int) -> Any:  # Any: as above
    """What a model gives for some rows; None where it cannot tell before it trains, as one with steps of its own."""
    try:
        return model.predict(**in_batches(inputs, size), verbose=0)
    except Exception:  # the step says what is wrong
        return None


def _targets(task: Task) -> Any:  # Any: an array, a structure of such, or None
    """The targets that train, in memory."""
    y = task.arrays.y
    return None if y is None or any_on_disk(y) else take(y, task.rows.train)


def _few(rows: Rows, n: int) -> Rows:
    """The same training rows, and the first of those that are judged."""
    return dataclasses.replace(rows, validation=rows.validation[:n], test=rows.test[:n])


def _predicted(model: Any, task: Task, few: np.ndarray) -> Predictions:  # Any: as above
    """The targets of all rows that are judged, with outputs for a few of them again and again."""
    import keras

    x = take(task.arrays.in_memory(task.judges_test_part, keras.config.floatx())[0], few)
    outputs = model.predict(**in_batches((x,), task.spec.batch_size), verbose=0)
    again = take(outputs, np.resize(np.arange(rows_in(x)), len(task.judged)))
    y = None if task.arrays.y is None else take(task.arrays.part(task.judges_test_part)[1], task.judged)
    return read_outputs(model, task.description, y, again)
