"""Trains a compiled Keras model."""

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.disk_rows import any_on_disk
from dlstudy.datasets.structure import Structure, map_arrays, take
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import TrainedBy, TrialResult
from dlstudy.training import graph_fit, private_names
from dlstudy.training.arrays import Arrays, Task, as_in_fit, for_keras, to_device
from dlstudy.training.artifacts import extra_metrics_of, save_figures, save_model
from dlstudy.training.batches import batches_of, has_text, in_batches
from dlstudy.training.class_weights import weight_of_rows
from dlstudy.training.epoch_graph import JUDGE_BATCH, EpochGraphs, GraphError, reason_against, single_output
from dlstudy.training.epoch_recorder import EpochRecorder, numbers_in
from dlstudy.training.initial_weights import digests
from dlstudy.training.keras_results import finished_result, metrics_of_epochs, pruned_result
from dlstudy.training.model_cache import ModelCache, Slot
from dlstudy.training.outputs import UNJUDGED, Judgement, judge
from dlstudy.training.own_metrics import END_ROWS, Predictions, Rows, metrics_at_end, read_outputs
from dlstudy.training.predicted import Predicted, as_judged
from dlstudy.training.python_state import state_of
from dlstudy.training.resuming import Resuming
from dlstudy.training.row_losses import losses_of_rows
from dlstudy.training.saved_models import remark_on_loading

__all__ = ["callbacks_of", "require_compiled", "symbols_of", "train_keras", "validation_of"]


def train_keras(slot: Slot, task: Task, cache: ModelCache) -> TrialResult:
    """Trains the slot's model, or a kept one in the same state, evaluates it, and saves it if the spec says so.

    Raises:
        DivergedError: the loss is no longer a finite number.
        TrialError: the model is not compiled.
        GraphError: an epoch graph does not work for it: it has to be built again and trained by `fit`.
        KeptModelError: see `ModelCache.take`.
    """
    require_compiled(slot.model)
    _build(slot.model, task)
    trained = _Training(slot, task, cache)
    initial = digests(slot.model) if task.spec.phase.reads_test else {}  # phases whose runs are compared seed by seed
    metrics = extra_metrics_of(slot.model, task, "start")
    trained.run()
    recorder = trained.recorder
    metrics |= metrics_of_epochs(trained.model, recorder)
    if recorder.pruned:
        return pruned_result(task, recorder, metrics, trained.trained_by, trained.remarks)
    judged, losses = _judge_at_end(trained, task, metrics)
    left_out = _add_metrics_of_study(trained, task, metrics)
    not_saved = save_model(trained.model, "keras", task)
    not_drawn = save_figures(trained.model, task, lambda: trained.predicted_test_rows(judged))
    trained.keep()
    model_remark = not_saved or remark_on_loading(task)
    return finished_result(
        task,
        recorder,
        metrics,
        trained_by=trained.trained_by,
        remarks=[*trained.remarks, *judged.remarks, *left_out, *filter(None, [model_remark]), *not_drawn],
        judged=judged,
        losses=losses,
        initial=initial,
        model_remark=model_remark,
    )


class _Training:
    """One training, of one stage or, where the study continues it, of two."""

    def __init__(self, slot: Slot, task: Task, cache: ModelCache) -> None:
        self.recorder = EpochRecorder(task)
        self.trained_by: TrainedBy | None = None
        self._task, self._cache, self._slot = task, cache, slot
        self._graphs: EpochGraphs | None = None
        self._callbacks = callbacks_of(task)
        self._floatx, self._judge_batch = "", task.spec.batch_size
        self._has_begun, self._first_epoch = False, 0
        self._is_seen = bool(self._callbacks or task.functions.extra_metrics or task.functions.figures)
        self._without_graphs = self._reason_against()
        if not self._without_graphs:
            self._graphs = cache.take(slot)

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self._slot.model

    @property
    def remarks(self) -> list[str]:
        """Why plain `fit` has trained the last stage, if it has, and what of the logs was not kept."""
        return [*filter(None, [self._without_graphs]), *self.recorder.remarks]

    def run(self) -> None:
        """Trains until the end."""
        task = self._task
        self._stage(task.spec.epochs)
        if self.recorder.diverged or self.recorder.pruned:
            self.keep()
        elif task.functions.continues(task.p):
            self._continue()
            self._stage(int(task.p["more_epochs"]))

    def keep(self) -> None:
        """Keeps the model for later trials, where it can be; the study's code has seen it for the last time."""
        if self._graphs is not None:
            self._cache.put(self._graphs, self._is_seen)

    def evaluate(self, rows: Rows) -> dict[str, float]:
        """What Keras's `evaluate` returns for some rows; finite numbers only."""
        scores = self._judged_by_graph(rows) if self._graphs else self._judged_by_keras(rows)
        numbers = [entry for name, value in scores.items() for entry in numbers_in(name, value)]
        return {name: value for name, value in numbers if math.isfinite(value)}

    def predict(self, rows: Rows) -> Any:
        """What the model predicts for some rows: an array of as many rows, or a structure of such."""
        numbers, of_test_part = rows
        if self._graphs is not None and _has_one_output(self.model):
            return self._graphs.predict(self._task.arrays.on_device(of_test_part, self._floatx), numbers)
        x = self._in_memory(of_test_part)[:1]
        size = self._judge_batch if any_on_disk(x) else JUDGE_BATCH
        return self.model.predict(**in_batches(x, size, numbers), verbose=0)

    def predicted_test_rows(self, judged: Judgement) -> Predicted:
        """What the model predicts for the test rows, as far as it is drawn."""
        task = self._task
        rows = task.test_rows(), not task.rows.test_inside
        return as_judged(lambda: self.predict(rows), task.test_targets(), judged, task.description)

    def _continue(self) -> None:
        """Prepares the second training; as in `fit`, a model that was not compiled again keeps what was traced."""
        traced = self.model.train_function
        self._slot.model, self._callbacks = self._continued()
        self._without_graphs = self._reason_against()
        if self._graphs is None or self.model.train_function is not traced:
            self._graphs = None if self._without_graphs else EpochGraphs(self.model)
        elif self._without_graphs:
            if state_of(self.model) != (self._graphs.state or None):  # `fit` would go on with a trace of that state
                raise GraphError(self._without_graphs)
            self._graphs = None
        self._is_seen = True

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
        require_compiled(more[0], "continue_training")
        return more[0], _checked("continue_training", more[1])

    def _reason_against(self) -> str:
        task = self._task
        return task.graph_fault or reason_against(self.model, task.arrays.fits, self._callbacks)

    def _stage(self, epochs: int) -> None:
        import keras

        task = self._task
        callbacks = self.recorder.begin(self._callbacks, epochs)
        self._floatx = keras.config.floatx()
        # Where every row counts alone, many at once give the same up to rounding. Other models get what `fit` gives.
        counts_alone = (self._graphs.key if self._graphs else "") or state_of(self.model)
        # Rows in files are to take little memory.
        is_free = counts_alone and not any_on_disk(task.arrays.x)
        self._judge_batch = JUDGE_BATCH if is_free else task.spec.batch_size
        weight = weight_of_rows(task)
        # XLA compiles no epoch graph; it compiles plain `fit` where Keras's "auto" says so.
        by_fit = TrainedBy.FIT_WITH_XLA if self.model.jit_compile else TrainedBy.FIT
        self.trained_by = by_fit if self._graphs is None else TrainedBy.EPOCH_GRAPH
        callbacks = self._with_checkpoints(callbacks)
        if self._graphs is None:
            self._fit_plainly(weight, epochs, callbacks)
        else:
            self._fit_by_graphs(self._graphs, weight, epochs, callbacks)

    def _with_checkpoints(self, callbacks: list[Any]) -> list[Any]:
        """The callbacks with those that keep checkpoints of the first training; a second one begins where that ends."""
        checkpoints, self._first_epoch = self._task.checkpoints, 0
        if checkpoints is None or self.recorder.epoch:
            return callbacks
        resuming = Resuming(checkpoints, self._task, self.recorder, self._callbacks, self._traced, str(self.trained_by))
        self._first_epoch = resuming.first_epoch
        return resuming.around(callbacks)

    def _traced(self) -> list[Any]:
        """The graphs that have been traced."""
        if self._graphs is not None:
            return self._graphs.traced
        functions = [self.model.train_function, self.model.test_function]
        return [graph for function in functions if function for graph in private_names.traced_graphs(function)]

    def _fit_by_graphs(
        self, graphs: EpochGraphs, weight: np.ndarray | None, epochs: int, callbacks: Sequence[Any]
    ) -> None:
        task = self._task
        data = task.arrays.on_device(False, self._floatx)
        data = data if weight is None else (*data[:2], to_device(as_in_fit(weight, self._floatx)))
        rows = (task.judged, task.judges_test_part)

        def train_epoch() -> Any:
            is_first, self._has_begun = not self._has_begun, True
            if is_first and self._is_seen:
                graphs.begin()
            logs = graphs.train_epoch(data, self._order(), task.spec.batch_size)
            if is_first:
                graphs.begun()
            return logs

        graph_fit.fit(
            self.model,
            train_epoch,
            (lambda: self._judged_by_graph(rows)) if len(task.judged) else None,
            epochs=epochs,
            steps=self._steps,
            callbacks=callbacks,
            first_epoch=self._first_epoch,
        )

    def _fit_plainly(self, weight: np.ndarray | None, epochs: int, callbacks: Sequence[Any]) -> None:
        """Trains through a `tf.data` pipeline, on the same batches in the same order."""
        task, size = self._task, self._task.spec.batch_size
        data = self._in_memory(False)
        data = data if weight is None else (*data[:2], as_in_fit(weight, self._floatx))

        def numbers() -> Iterator[np.ndarray]:
            order = self._order()
            return (order[i * size : (i + 1) * size] for i in range(self._steps))

        with graph_fit.compiled_once(self.model):
            self.model.fit(
                batches_of(data, numbers, self._steps),
                shuffle=False,  # it is in order already
                epochs=epochs,
                initial_epoch=self._first_epoch,
                **validation_of(task, self._floatx, self._judge_batch),
                verbose=0,
                callbacks=callbacks,
            )

    def _order(self) -> np.ndarray:
        """(n,) int32, the rows that train in the present epoch, in order."""
        return next(self._task.order(self.recorder.present))

    @property
    def _steps(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self._task.rows.train) / self._task.spec.batch_size)

    def _judged_by_graph(self, rows: Rows) -> dict[str, Any]:
        assert self._graphs is not None
        numbers, of_test_part = rows
        return self._graphs.judge(self._task.arrays.on_device(of_test_part, self._floatx), numbers, self._judge_batch)

    def _judged_by_keras(self, rows: Rows) -> dict[str, Any]:
        numbers, of_test_part = rows
        batches = in_batches(self._in_memory(of_test_part), self._judge_batch, numbers)
        scores: dict[str, Any] = self.model.evaluate(**batches, verbose=0, return_dict=True)
        return scores

    def _in_memory(self, of_test_part: bool) -> Structure:
        return self._task.arrays.in_memory(of_test_part, self._floatx)


def require_compiled(model: Any, function: str = "build") -> None:  # Any: a Keras model
    """Checks that a model of a study's function is compiled.

    Raises:
        TrialError: it is not.
    """
    if not model.compiled:
        raise TrialError(
            f"{function} returned a model that is not compiled: call model.compile(...) before returning it"
        )


def _build(model: Any, task: Task) -> None:
    """Makes the weights of a model that has none yet, where its class can; else training makes them, as in `fit`."""
    if model.built:
        return
    with suppress(Exception):  # of a call that needs more than shapes; `build` alone would make no weights in any case
        model(symbols_of(task.arrays))


def symbols_of(arrays: Arrays) -> Structure:
    """Symbolic inputs, as a model of these arrays gets them."""
    import keras

    def symbol(array: np.ndarray) -> Any:
        return keras.KerasTensor((None, *array.shape[1:]), "string" if array.dtype.kind == "O" else array.dtype.name)

    x = map_arrays(for_keras, take(arrays.x, slice(1)))
    return map_arrays(symbol, map_arrays(lambda array: as_in_fit(array, keras.config.floatx()), x))


def validation_of(task: Task, floatx: str, batch_size: int) -> dict[str, Any]:  # Any: as `in_batches` gives
    """The arguments for `fit` that have it judge the rows judged after every epoch; none where there are none."""
    if not len(task.judged):
        return {}
    whole = task.arrays.in_memory(task.judges_test_part, floatx)
    if any_on_disk(whole) or has_text(whole):
        return {"validation_data": in_batches(whole, batch_size, task.judged)["x"]}
    part = take(whole, task.judged)
    return {"validation_data": part if len(part) > 1 else (*part, None), "validation_batch_size": batch_size}


def callbacks_of(task: Task) -> list[Any]:  # Any: Keras's callbacks
    """The callbacks of the study; none where it has no function for them.

    Raises:
        TrialError: the function returns something else.
    """
    function = task.functions.callbacks
    return _checked("callbacks", function(dict(task.p))) if function else []


def _checked(function: str, callbacks: Any) -> list[Any]:
    import keras

    is_list = isinstance(callbacks, list | tuple)
    if not is_list or not all(isinstance(callback, keras.callbacks.Callback) for callback in callbacks):
        raise TrialError(f"{function} must return a list of Keras callbacks, got {short_repr(callbacks)}")
    return list(callbacks)


def _has_one_output(model: Any) -> bool:
    """Whether the model is known to predict one array, in Keras's own way."""
    import keras

    own = any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _PARTS_OF_PREDICT)
    return not own and single_output(model) is not None


_PARTS_OF_PREDICT = ("predict", "predict_step", "make_predict_function")


def _judge_at_end(trained: _Training, task: Task, metrics: dict[str, float]) -> tuple[Judgement, dict[str, np.ndarray]]:
    """Adds the metrics of the final weights, and judges the test rows one by one; with their losses by metric."""
    if len(task.judged) and not trained.recorder.judged:
        name = "test" if task.judges_test_each_epoch else "val"
        scores = trained.evaluate((task.judged, task.judges_test_part))
        metrics |= {f"{name}_{key}": value for key, value in scores.items()}
    if task.spec.read_test is ReadTest.NEVER:
        return UNJUDGED, {}
    test = task.test_rows(), not task.rows.test_inside
    scores = trained.evaluate(test)
    metrics |= {f"test_{name}": value for name, value in scores.items()}
    again = trained.evaluate((task.rows.train[:END_ROWS], False))
    metrics |= {f"train_end_{name}": value for name, value in again.items()}
    if "loss" in scores and "loss" in again:
        metrics["test_gap"] = scores["loss"] - again["loss"]
    actual = None if task.arrays.y is None else take(task.arrays.part(test[1])[1], test[0])
    predict = functools.cache(lambda: trained.predict(test))
    judged = judge(trained.model, task.description, actual, scores, predict)
    losses = losses_of_rows(trained.model, actual, scores, predict)
    return judged, {f"test_{name}": of_rows for name, of_rows in losses.items()}


def _add_metrics_of_study(trained: _Training, task: Task, metrics: dict[str, float]) -> list[str]:
    """Adds what the study itself measures of the final model; says what of it is left out, a line each."""
    metrics |= extra_metrics_of(trained.model, task, "end") | task.take_finite_logged()
    own, left_out = metrics_at_end(task, metrics, lambda rows: _predictions(trained, task, rows))
    metrics |= own
    return left_out


def _predictions(trained: _Training, task: Task, rows: Rows) -> Predictions:
    actual = None if task.arrays.y is None else take(task.arrays.part(rows[1])[1], rows[0])
    return read_outputs(trained.model, task.description, actual, trained.predict(rows))
