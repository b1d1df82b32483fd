"""Trains a compiled Keras model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.errors import DivergedError, TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import extra_metrics_of, model_digest, save_figures, save_model
from dlstudy.training.epoch_graph import JUDGE_BATCH, EpochGraphs, reason_against
from dlstudy.training.epoch_recorder import EpochRecorder
from dlstudy.training.initial_weights import digests
from dlstudy.training.model_cache import ModelCache
from dlstudy.training.outputs import UNJUDGED, Judgement, judge
from dlstudy.training.saved_models import remark_on_loading

__all__ = ["train_keras"]

_Rows = tuple[np.ndarray, bool]
"""Row numbers, and whether they are in the test part of the data."""

_END_ROWS = 10_000
"""Training rows judged again at the end, at most: enough for the gap to the test rows."""


def train_keras(model: Any, task: Task, cache: ModelCache) -> TrialResult:  # Any: a Keras model, not to be imported
    """Trains the model, or a kept one in the same state, evaluates it, and saves it if the spec says so.

    Raises:
        DivergedError: the loss is no longer a finite number.
        TrialError: the model is not compiled.
    """
    _check(model)
    if not model.built:
        model.build((None, *task.description.input_shape))
    initial = digests(model) if task.spec.phase.reads_test else {}  # phases whose runs are compared seed by seed
    metrics = extra_metrics_of(model, task, "start")
    trained = _Training(model, task, cache)
    trained.run()
    recorder = trained.recorder
    if recorder.diverged:
        raise DivergedError(f"the loss was no longer a finite number after epoch {recorder.epoch}")
    metrics |= {name: values[-1] for name, values in task.history.items() if values[-1] is not None}
    metrics |= {**recorder.epochs_of_weights(), "parameters": trained.model.count_params()}
    cost = {"seconds_per_epoch": recorder.seconds_per_epoch(), **recorder.saved()}
    if recorder.pruned:
        return TrialResult(
            TrialState.PRUNED,
            f"pruned after epoch {recorder.epoch}",
            metrics | task.take_finite_logged(),
            cost=cost,
            trained_by=trained.trained_by,
            remarks=trained.remarks,
        )
    judged = _judge_at_end(trained, task, metrics)
    metrics |= extra_metrics_of(trained.model, task, "end") | task.take_finite_logged()
    not_saved, no_figures = save_model(trained.model, "keras", task), save_figures(trained.model, task)
    model_remark = not_saved or remark_on_loading(task)
    return TrialResult(
        TrialState.FINISHED,
        metrics=metrics,
        cost=cost,
        trained_by=trained.trained_by,
        remarks=[*trained.remarks, *judged.remarks, *filter(None, [model_remark, no_figures])],
        correct=judged.correct,
        initial=initial,
        model=model_digest(task),
        model_remark=model_remark,
        outputs=judged.outputs,
    )


class _Training:
    """One training, of one stage or, where the study continues it, of two."""

    def __init__(self, model: Any, task: Task, cache: ModelCache) -> None:
        self.model, self.recorder = model, EpochRecorder(task)
        self.graphs: EpochGraphs | None = None
        self.trained_by: TrainedBy | None = None
        self._without_graphs = ""  # why there are no graphs
        self._task, self._cache = task, cache

    @property
    def remarks(self) -> list[str]:
        """Why plain `fit` has trained the last stage, if it has."""
        return [self._without_graphs] if self._without_graphs else []

    def run(self) -> None:
        """Trains until the end."""
        task = self._task
        callbacks = _checked("callbacks", task.functions.callbacks(dict(task.p))) if task.functions.callbacks else []
        self._without_graphs = self._reason_against(callbacks)
        if not self._without_graphs:
            self.graphs = self._cache.take(self.model, task.arrays)
            self.model = self.graphs.model
        first = self.graphs
        self._stage(callbacks, task.spec.epochs)
        if self.recorder.diverged or self.recorder.pruned or not task.functions.continues(task.p):
            if first is not None and self.graphs is first:
                self._cache.put(first)
            return
        # What the study did to the model may not fit its graphs: new ones are made, and none is kept.
        self.model, callbacks = self._continued()
        self.model.train_function = self.model.test_function = None
        self._without_graphs = self._reason_against(callbacks)
        self.graphs = None if self._without_graphs else EpochGraphs(self.model, task.arrays)
        self._stage(callbacks, int(task.p["more_epochs"]))

    def evaluate(self, rows: _Rows) -> dict[str, float]:
        """What Keras's `evaluate` returns for some rows; finite numbers only."""
        if self.graphs is None:
            x, y = _of(self._task, rows)
            scores = self.model.evaluate(x, y, batch_size=JUDGE_BATCH, verbose=0, return_dict=True)
        else:
            self.graphs.judge(*rows)
            scores = self.model.evaluate(_one_row(self._task), verbose=0, return_dict=True)
        return {name: float(value) for name, value in scores.items() if math.isfinite(value)}

    def predict(self, rows: _Rows) -> Any:
        """(n, ...) float32, what the model predicts for some rows."""
        if self.graphs is None:
            return self.model.predict(_of(self._task, rows)[0], batch_size=JUDGE_BATCH, verbose=0)
        return self.graphs.predict(*rows)

    def _continued(self) -> tuple[Any, list[Any]]:
        """The model and the callbacks of the second training."""
        import keras

        function, p = self._task.functions.continue_training, self._task.p
        assert function is not None
        more = function(self.model, dict(p))
        if not isinstance(more, tuple) or len(more) != 2 or not isinstance(more[0], keras.Model):
            raise TrialError(
                f"continue_training must return a compiled model and a list of its callbacks, got {short_repr(more)}"
            )
        _check(more[0], "continue_training")
        return more[0], _checked("continue_training", more[1])

    def _reason_against(self, callbacks: Sequence[Any]) -> str:
        return self._task.graph_fault or reason_against(self.model, self._task.arrays, callbacks)

    def _stage(self, callbacks: Sequence[Any], epochs: int) -> None:
        first_epoch = self.recorder.epoch
        all_callbacks = self.recorder.begin(callbacks, epochs)
        if self.graphs is None:
            # XLA compiles no epoch graph; it compiles plain `fit` where Keras's "auto" says so.
            self.trained_by = TrainedBy.FIT_WITH_XLA if self.model.jit_compile else TrainedBy.FIT
            _fit_plainly(self.model, self._task, epochs, first_epoch, all_callbacks)
            return
        self.trained_by = TrainedBy.EPOCH_GRAPH
        installed, row = self.graphs.install(self._task, first_epoch), _one_row(self._task)
        judge = row if len(self._task.judged) else None
        self.model.fit(row, epochs=epochs, validation_data=judge, shuffle=False, verbose=0, callbacks=all_callbacks)
        if self.model.train_function is not installed:
            self.trained_by, self.graphs = TrainedBy.FIT, None
            self._without_graphs = "the model was compiled again while it trained"


def _check(model: Any, function: str = "build") -> None:
    if not model.compiled:
        raise TrialError(
            f"{function} returned a model that is not compiled: call model.compile(...) before returning it"
        )


def _checked(function: str, callbacks: Any) -> list[Any]:
    import keras

    is_list = isinstance(callbacks, list | tuple)
    if not is_list or not all(isinstance(callback, keras.callbacks.Callback) for callback in callbacks):
        raise TrialError(f"{function} must return a list of Keras callbacks, got {short_repr(callbacks)}")
    return list(callbacks)


def _one_row(task: Task) -> Any:
    """One row, for Keras to read shapes from and to count as one batch: the graphs take their rows themselves."""
    import tensorflow as tf

    x, y, _, _ = task.arrays.on_device or (task.arrays.x, task.arrays.y, None, None)
    return tf.data.Dataset.from_tensors((x[:1], y[:1]))


def _fit_plainly(model: Any, task: Task, epochs: int, first_epoch: int, callbacks: Sequence[Any]) -> None:
    """Trains through a `tf.data` pipeline, on the same batches in the same order."""
    import tensorflow as tf

    x, y, size = task.arrays.x, task.arrays.y, task.spec.batch_size
    n_steps = math.ceil(len(task.rows.train) / size)

    def batches() -> Any:
        for order in task.order(first_epoch):
            for i in range(n_steps):
                batch = order[i * size : (i + 1) * size]
                yield x[batch], y[batch]

    shapes = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (x, y))
    stream = tf.data.Dataset.from_generator(batches, output_signature=shapes)
    model.fit(
        stream,
        shuffle=False,  # the stream is in order already
        steps_per_epoch=n_steps,
        epochs=epochs,
        validation_data=_of(task, (task.judged, task.judges_test_part)) if len(task.judged) else None,
        validation_batch_size=JUDGE_BATCH,
        verbose=0,
        callbacks=callbacks,
    )


def _of(task: Task, rows: _Rows) -> tuple[np.ndarray, np.ndarray]:
    numbers, of_test_part = rows
    arrays = task.arrays
    return (arrays.x_test[numbers], arrays.y_test[numbers]) if of_test_part else (arrays.x[numbers], arrays.y[numbers])


def _judge_at_end(trained: _Training, task: Task, metrics: dict[str, float]) -> Judgement:
    """Adds the metrics of the final weights, and returns how the outputs for the test rows are read."""
    if (task.functions.callbacks or task.functions.continue_training) and len(task.judged):
        # Best weights may have been restored since the last epoch.
        name = "test" if task.judges_test_each_epoch else "val"
        scores = trained.evaluate((task.judged, task.judges_test_part))
        metrics |= {f"{name}_{key}": value for key, value in scores.items()}
    if task.spec.read_test is ReadTest.NEVER:
        return UNJUDGED
    rows = task.test_rows()
    scores = trained.evaluate((rows, not task.rows.test_inside))
    metrics |= {f"test_{name}": value for name, value in scores.items()}
    again = trained.evaluate((task.rows.train[:_END_ROWS], False))
    metrics |= {f"train_end_{name}": value for name, value in again.items()}
    if "loss" in scores and "loss" in again:
        metrics["test_gap"] = scores["loss"] - again["loss"]
    test = rows, not task.rows.test_inside
    return judge(trained.model, task.description.task, _of(task, test)[1], scores, lambda: trained.predict(test))
