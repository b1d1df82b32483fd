"""Trains a compiled Keras model on a stream, by Keras's `fit`: its rows are in no arrays, and fit no graph."""

import itertools
import math
from typing import Any

import numpy as np

from dlstudy.datasets.structure import map_arrays, rows_in, take
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import save_figures, save_model
from dlstudy.training.epoch_recorder import EpochRecorder, metric_of, numbers_in
from dlstudy.training.graph_fit import compiled_once
from dlstudy.training.initial_weights import count_parameters, digests
from dlstudy.training.keras_results import finished_result, metrics_of_epochs, pruned_result
from dlstudy.training.keras_training import callbacks_of, require_compiled
from dlstudy.training.misfits import misplaced_metrics
from dlstudy.training.outputs import UNJUDGED, Judgement, judge
from dlstudy.training.own_metrics import (
    END_ROWS,
    Predictions,
    Rows,
    check_own_metrics,
    metrics_at_end,
    read_outputs,
)
from dlstudy.training.predicted import Predicted, as_judged
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
    predicted = _Predicted(model, task, streams)
    judged, losses = _judge_at_end(model, task, predicted, metrics, is_judged=recorder.judged)
    metrics |= task.take_finite_logged()
    own, left_out = metrics_at_end(task, metrics, predicted.read)
    metrics |= own
    not_saved = save_model(model, "keras", task)
    not_drawn = save_figures(model, task, lambda: predicted.drawn(judged), predicted.test_targets())
    remark = not_saved or remark_on_loading(task)
    return finished_result(
        task,
        recorder,
        metrics,
        trained_by=TrainedBy.FIT,
        remarks=[*recorder.remarks, *judged.remarks, *left_out, *filter(None, [remark]), *not_drawn],
        judged=judged,
        losses=losses,
        initial=initial,
        model_remark=remark,
    )


def _fit(model: Any, task: Task, streams: Streams, callbacks: list[Any]) -> None:
    import keras

    judged_as = "test" if task.judges_test_each_epoch else "validation"
    rows = streams.part("train")
    with compiled_once(model):
        model.fit(
            rows,
            shuffle=isinstance(rows, keras.utils.PyDataset),  # by its batches, as in Keras; `tf.data` is in order
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
    if fault := misplaced_metrics(model):
        raise TrialError(fault)
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
    if task.functions.metrics and judged_as in streams.stream.parts:
        numbers |= check_own_metrics(task, numbers, _guessed(model, task, streams, judged_as))
    return TrialResult(
        TrialState.FINISHED,
        metrics={**numbers, "parameters": count_parameters(model)},
        trained_by=TrainedBy.FIT,
        remarks=["rows of a stream are in no arrays"],
    )


def _guessed(model: Any, task: Task, streams: Streams, part: str) -> Predictions:
    """The targets of all rows of a part, with the outputs for its first batch again and again."""
    targets, few = [], None
    for x, *more in streams.batches(part):
        few = map_arrays(np.asarray, model.predict_on_batch(x)) if few is None else few
        targets.append(map_arrays(np.asarray, more[0]) if more else None)
    again = take(few, np.resize(np.arange(rows_in(few)), len(task.judged)))
    return read_outputs(model, task.description, _joined(targets), again)


_NEED_ARRAYS = ("prepare", "extra_metrics", "class_weight", "figures", "continue_training")


def _require(model: Any, task: Task) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise TrialError(f"a stream trains Keras models only, got {type(model).__name__}: give this arm arrays")
    require_compiled(model)
    given = [name for name in _NEED_ARRAYS if getattr(task.functions, name)]
    if given:
        raise TrialError(f"{given[0]} needs arrays, which a stream has not: leave it out, or map the stream itself")


def _judge_at_end(
    model: Any, task: Task, predicted: "_Predicted", metrics: dict[str, float], *, is_judged: bool
) -> tuple[Judgement, dict[str, np.ndarray]]:
    """Adds the metrics of the final weights, and judges the test rows one by one; with their losses by metric."""
    streams = predicted.streams
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
    y, outputs = predicted.part("test")
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


class _Predicted:
    """The targets of the parts of a stream, and a trained model's outputs for them, read batch by batch and kept."""

    def __init__(self, model: Any, task: Task, streams: Streams) -> None:
        self.streams = streams
        self._model, self._task = model, task
        self._known: dict[str, tuple[Any, Any]] = {}

    def read(self, rows: Rows) -> Predictions:
        """Of the part that the rows are."""
        numbers, of_test_part = rows
        is_validation = numbers is self._task.rows.validation
        part = "test" if of_test_part else "validation" if is_validation else "train"
        return read_outputs(self._model, self._task.description, *self.part(part))

    def part(self, name: str) -> tuple[Any, Any]:
        """One array each, or None where there are several or none; of rows that train, for `END_ROWS` or a few more."""
        if name not in self._known:
            most = math.ceil(END_ROWS / self._task.spec.batch_size) if name == "train" else None
            targets, outputs = [], []
            for x, *more in itertools.islice(self.streams.batches(name), most):
                targets.append(map_arrays(np.asarray, more[0]) if more else None)
                outputs.append(map_arrays(np.asarray, self._model.predict_on_batch(x)))
            self._known[name] = _joined(targets), _joined(outputs)
        return self._known[name]

    def test_targets(self) -> np.ndarray | None:
        """Those of the test rows; None where they are several or none, or where the trial reads no test rows."""
        return self._known["test"][0] if "test" in self._known else None

    def drawn(self, judged: Judgement) -> Predicted:
        """What the model predicts for the test rows, as far as it is drawn."""
        y, outputs = self.part("test")
        return {} if y is None or outputs is None else as_judged(lambda: outputs, y, judged, self._task.description)


def _joined(batches: list[Any]) -> np.ndarray | None:  # Any: structures of arrays, or None
    return np.concatenate(batches) if all(isinstance(item, np.ndarray) for item in batches) else None
