"""Trains a compiled Keras model on a stream, by Keras's `fit`: its rows are in no arrays, and fit no graph."""

import math
from typing import Any

import numpy as np

from dlstudy.datasets.structure import map_arrays
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import save_model
from dlstudy.training.epoch_recorder import EpochRecorder, metric_of, numbers_in
from dlstudy.training.initial_weights import count_parameters, digests
from dlstudy.training.keras_results import finished_result, metrics_of_epochs, pruned_result
from dlstudy.training.keras_training import callbacks_of, require_compiled
from dlstudy.training.outputs import UNJUDGED, Judgement, judge
from dlstudy.training.own_metrics import END_ROWS
from dlstudy.training.row_losses import losses_of_rows
from dlstudy.training.saved_models import remark_on_loading
from dlstudy.training.streams import Streams

__all__ = ["check_stream", "train_stream"]


def train_stream(model: Any, task: Task, streams: Streams) -> TrialResult:  # Any: whatever `build` returned
    """Trains the model, evaluates it, and saves it if the spec says so.

    Raises:
        DivergedError: the loss is no longer a finite number.
        TrialError: the model is no compiled Keras model, or the study has a function that needs arrays.
    """
    _require(model, task)
    if not model.built:
        model(streams.sample())
    initial = digests(model) if task.spec.phase.reads_test else {}
    recorder = EpochRecorder(task)
    _fit(model, task, streams, recorder.begin(callbacks_of(task), task.spec.epochs))
    metrics = metrics_of_epochs(model, recorder)
    if recorder.pruned:
        return pruned_result(task, recorder, metrics, TrainedBy.FIT, recorder.remarks)
    judged, losses = _judge_at_end(model, task, streams, metrics, is_judged=recorder.judged)
    metrics |= task.take_finite_logged()
    not_saved = save_model(model, "keras", task)
    remark = not_saved or remark_on_loading(task)
    return finished_result(
        task,
        recorder,
        metrics,
        trained_by=TrainedBy.FIT,
        remarks=[*recorder.remarks, *judged.remarks, *filter(None, [remark])],
        judged=judged,
        losses=losses,
        initial=initial,
        model_remark=remark,
    )


def _fit(model: Any, task: Task, streams: Streams, callbacks: list[Any]) -> None:
    import keras

    judged_as = "test" if task.judges_test_each_epoch else "validation"
    rows = streams.part("train")
    model.fit(
        rows,
        shuffle=isinstance(rows, keras.utils.PyDataset),  # by its batches, as in Keras; a `tf.data` is in order already
        epochs=task.spec.epochs,
        validation_data=streams.part(judged_as) if judged_as in streams.stream.parts else None,
        verbose=0,
        callbacks=callbacks,
    )


def check_stream(model: Any, task: Task, streams: Streams) -> TrialResult:  # Any: as above
    """Trains one batch, and judges another; returns the metrics of that step by the names that a trial gives them.

    Raises:
        TrialError: as `train_stream`.
        Exception: whatever Keras or the study's own code raises.
    """
    _require(model, task)
    callbacks_of(task)
    model.run_eagerly = True
    seen = dict(model.train_on_batch(*next(streams.batches("train")), return_dict=True))
    found = {f"train_{name}": value for name, value in seen.items()}
    judged_as = "test" if task.judges_test_each_epoch else "validation"
    if judged_as in streams.stream.parts:
        model.reset_metrics()
        seen = dict(model.test_on_batch(*next(streams.batches(judged_as)), return_dict=True))
        prefix = "test" if judged_as == "test" else "val"
        found |= {metric_of(f"val_{name}", prefix): value for name, value in seen.items()}
    numbers = dict(entry for name, value in found.items() for entry in numbers_in(name, value))
    return TrialResult(
        TrialState.FINISHED,
        metrics={**numbers, "parameters": count_parameters(model)},
        trained_by=TrainedBy.FIT,
        remarks=["rows of a stream are in no arrays"],
    )


_NEED_ARRAYS = ("prepare", "extra_metrics", "class_weight", "figures", "continue_training", "metrics")


def _require(model: Any, task: Task) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise TrialError(f"a stream trains Keras models only, got {type(model).__name__}: give this arm arrays")
    require_compiled(model)
    given = [name for name in _NEED_ARRAYS if getattr(task.functions, name)]
    if given:
        raise TrialError(f"{given[0]} needs arrays, which a stream has not: leave it out, or map the stream itself")


def _judge_at_end(
    model: Any, task: Task, streams: Streams, metrics: dict[str, float], *, is_judged: bool
) -> tuple[Judgement, dict[str, np.ndarray]]:
    """Adds the metrics of the final weights, and judges the test rows one by one; with their losses by metric."""
    if "validation" in streams.stream.parts and not is_judged and not task.judges_test_each_epoch:
        metrics |= _scores(model, streams.part("validation"), "val")
    if task.spec.read_test is ReadTest.NEVER:
        return UNJUDGED, {}
    scores = _scores(model, streams.part("test"), "")
    metrics |= {f"test_{name}": value for name, value in scores.items()}
    size = task.spec.batch_size
    again = _scores(model, _few(streams.part("train"), math.ceil(END_ROWS / size)), "")
    metrics |= {f"train_end_{name}": value for name, value in again.items()}
    if "loss" in scores and "loss" in again:
        metrics["test_gap"] = scores["loss"] - again["loss"]
    y, outputs = _read(model, streams)
    judged = judge(model, task.description, y, scores, lambda: outputs)
    losses = losses_of_rows(model, y, scores, lambda: outputs)
    return judged, {f"test_{name}": of_rows for name, of_rows in losses.items()}


def _scores(model: Any, part: Any, prefix: str) -> dict[str, float]:
    scores = model.evaluate(part, verbose=0, return_dict=True)
    numbers = [entry for name, value in scores.items() for entry in numbers_in(name, value)]
    start = f"{prefix}_" if prefix else ""
    return {f"{start}{name}": value for name, value in numbers if math.isfinite(value)}


def _few(part: Any, n_batches: int) -> Any:
    """The first batches of a data set; all of another kind."""
    return part.take(n_batches) if hasattr(part, "take") else part


def _read(model: Any, streams: Streams) -> tuple[Any, Any]:
    """The targets and the outputs of the test rows: one array each, or None where there are several or none."""
    targets, outputs = [], []
    for x, *more in streams.batches("test"):
        targets.append(map_arrays(np.asarray, more[0]) if more else None)
        outputs.append(map_arrays(np.asarray, model.predict_on_batch(x)))

    return _joined(targets), _joined(outputs)


def _joined(batches: list[Any]) -> np.ndarray | None:  # Any: structures of arrays, or None
    return np.concatenate(batches) if all(isinstance(item, np.ndarray) for item in batches) else None
