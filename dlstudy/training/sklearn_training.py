"""Trains a scikit-learn estimator, as one epoch, or as one epoch per entry of the history that it keeps."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import take
from dlstudy.errors import DivergedError, TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.row_values import pack_agreeing, pack_bits
from dlstudy.study.trial import MOST_POINTS, TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import extra_metrics_of, for_estimator, model_digest, save_figures, save_model
from dlstudy.training.outputs import has_labels
from dlstudy.training.own_metrics import Predictions, Rows, metrics_at_end, one_dimension
from dlstudy.training.predicted import of_estimator

__all__ = ["require_estimator", "scores_of", "train_estimator"]


def train_estimator(model: Any, task: Task) -> TrialResult:  # Any: whatever build returned
    """Fits on the training rows, each flattened to one vector, and scores every part.

    An estimator may keep a `history_`, a dict of lists with one number per epoch, as those of `dlstudy.scratch` do.

    Raises:
        TrialError: the object has no `fit` and `predict`.
        DivergedError: its score is no longer a finite number.
    """
    require_estimator(model)
    task.arrays.require_memory("an estimator")
    if isinstance(task.arrays.x, Mapping | list | tuple) or not isinstance(task.arrays.y, np.ndarray):
        raise TrialError(
            "an estimator takes one array or table x and one array y: let prepare return those for its arm"
        )
    if hasattr(model, "get_params") and "random_state" in model.get_params():
        model.set_params(random_state=task.spec.seed)
    x, y, rows = for_estimator(task.arrays.x), task.arrays.y, task.rows
    weight = {} if task.arrays.weight is None else {"sample_weight": task.arrays.weight[rows.train]}
    parts = {"train": (take(x, rows.train), y[rows.train])}
    model.fit(*parts["train"], **weight)
    if len(rows.validation):
        parts["val"] = (take(x, rows.validation), y[rows.validation])
    correct = ""
    if task.spec.read_test is not ReadTest.NEVER:
        x_test, y_test = task.test_arrays()
        parts["test"] = (for_estimator(x_test), y_test)
        if task.description.classifies:
            correct = pack_bits(np.asarray(model.predict(parts["test"][0])) == y_test)
    metrics = _metrics(model, task, parts) | task.take_finite_logged()
    _report_history(model, task, metrics)
    metrics |= extra_metrics_of(model, task, "end") | task.take_finite_logged()
    own, left_out = metrics_at_end(task, metrics, lambda rows: _predictions(model, task, rows))
    metrics |= own
    losses = _losses_of_rows(model, task.description, *parts["test"]) if "test" in parts else {}
    not_saved = save_model(model, "sklearn", task)
    not_drawn = save_figures(model, task, lambda: of_estimator(model, parts["test"][0], task.description))
    return TrialResult(
        TrialState.FINISHED,
        metrics=metrics,
        trained_by=TrainedBy.ESTIMATOR,
        remarks=[*left_out, *filter(None, [not_saved]), *not_drawn],
        correct=correct,
        row_values=pack_agreeing(losses, metrics),
        model=model_digest(task),
        model_remark=not_saved,
    )


def require_estimator(model: Any) -> None:  # Any: as above
    """Checks what `build` returned.

    Raises:
        TrialError: it is no estimator.
    """
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        remedy = ": end build with `return model`, on a line of its own" if model is None else ""
        raise TrialError(
            f"build must return a compiled Keras model or a scikit-learn estimator, got {type(model).__name__}{remedy}"
        )


def _metrics(model: Any, task: Task, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for part, (inputs, targets) in parts.items():
        predicted = np.asarray(model.predict(inputs))
        if predicted.shape not in (targets.shape, (*targets.shape, 1)):
            raise TrialError(f"predict must give {_what_of(targets)}, got shape {predicted.shape}")
        if not np.isfinite(predicted.astype(np.float64)).all():
            raise DivergedError(f"the predictions for the {part} rows are no longer finite numbers")
        scores = scores_of(model, task.description, inputs, targets)
        if not math.isfinite(scores.get("loss", 0.0)):
            raise DivergedError(f"the loss of the {part} rows is no longer a finite number")
        metrics |= {f"{part}_{name}": float(value) for name, value in scores.items()}
    if "test_loss" in metrics:
        metrics["test_gap"] = metrics["test_loss"] - metrics["train_loss"]
    return metrics


def _what_of(targets: np.ndarray) -> str:
    return f"one number for each of {len(targets)} rows" if targets.ndim == 1 else f"numbers of shape {targets.shape}"


def _losses_of_rows(model: Any, about: Description, x: Any, y: np.ndarray) -> dict[str, np.ndarray]:
    """(n,) float64 each: what the losses of `scores_of` are means of, by the name of the metric."""
    if about.task == "multilabel":
        return {}
    if not about.classifies:
        errors = (np.asarray(model.predict(x)).reshape(y.shape).astype(np.float64) - y).reshape(len(y), -1)
        squared = (errors**2).mean(axis=1)
        return {"test_loss": squared, "test_mse": squared, "test_mae": abs(errors).mean(axis=1)}
    chances = np.asarray(model.predict_proba(x)) if hasattr(model, "predict_proba") else np.zeros(0)
    if chances.ndim != 2 or not np.isin(y, model.classes_).all():
        return {}
    of_actual = chances[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return {"test_loss": -np.log(np.maximum(of_actual, np.finfo(chances.dtype).eps))}


def _predictions(model: Any, task: Task, rows: Rows) -> Predictions:
    """What an estimator predicts for some rows, each method called where it is asked for."""
    part = task.arrays.part(rows[1])
    x, y = for_estimator(take(part[0], rows[0])), one_dimension(take(part[1], rows[0]))
    known: dict[str, Callable[[], Any]] = {
        method: functools.partial(getattr(model, method), x)
        for method in ("predict_proba", "decision_function")
        if hasattr(model, method)
    }
    known["predict"] = lambda: np.asarray(model.predict(x)).reshape(y.shape)
    classes = getattr(model, "classes_", np.unique(y)) if has_labels(task.description) else None
    return Predictions(y, known, classes, "the estimator has no such method")


def _report_history(model: Any, task: Task, metrics: dict[str, float]) -> None:
    """Writes the history, and reports each of its epochs."""
    kept = getattr(model, "history_", None) or {}
    n = max((len(values) for values in kept.values()), default=1)
    points = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(int)) if n else [0]
    for i, point in enumerate(points, 1):
        values = {f"train_{name}": float(series[point]) for name, series in kept.items() if point < len(series)}
        values |= metrics if i == len(points) else {}
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        for name in values:
            series = task.history.setdefault(name, [None] * (i - 1))
            series.append(finite.get(name))
        task.on_epoch(i, finite)


def scores_of(model: Any, about: Description, x: Any, y: np.ndarray) -> dict[str, float]:
    """Accuracy and log loss of a classifier; squared error (its loss), its root, absolute error, R2 of a regressor.

    Of several labels a row, the share of right labels, as Keras's binary accuracy, and of rows with all labels right.
    """
    from sklearn import metrics

    predicted = np.asarray(model.predict(x))
    if about.task == "multilabel":
        right = predicted == y
        return {"accuracy": float(right.mean()), "subset_accuracy": float(right.all(axis=1).mean())}
    if about.classifies:
        scores = {"accuracy": metrics.accuracy_score(y, predicted)}
        if hasattr(model, "predict_proba"):
            scores["loss"] = metrics.log_loss(y, model.predict_proba(x), labels=model.classes_)
        return scores
    squared = metrics.mean_squared_error(y, predicted)
    return {
        "loss": squared,
        "mse": squared,
        "rmse": math.sqrt(squared),
        "mae": metrics.mean_absolute_error(y, predicted),
        "r2": metrics.r2_score(y, predicted),
    }
