"""Trains a scikit-learn estimator, as one epoch."""

from typing import Any

import numpy as np

from dlstudy.errors import TrialError
from dlstudy.training.arrays import Task
from dlstudy.training.outcome import pack_bits, save_model
from dlstudy.trial import TrialResult

__all__ = ["train_estimator"]


def train_estimator(model: Any, task: Task) -> TrialResult:  # Any: whatever build returned
    """Fits on the training rows, each flattened to one vector, and scores every part.

    Raises:
        TrialError: the object has no `fit` and `predict`.
    """
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise TrialError(
            f"build must return a compiled Keras model or a scikit-learn estimator, got {type(model).__name__}"
        )
    if hasattr(model, "get_params") and "random_state" in model.get_params():
        model.set_params(random_state=task.spec.seed)
    x, y, rows = _flat(task.arrays.x), task.arrays.y, task.rows
    model.fit(x[rows.train], y[rows.train])
    parts = {"train": (x[rows.train], y[rows.train])}
    if len(rows.validation):
        parts["val"] = (x[rows.validation], y[rows.validation])
    correct = ""
    if task.spec.metrics_of != "validation":
        x_test, y_test = task.test_arrays()
        parts["test"] = (_flat(x_test), y_test)
        if task.description.task == "classification":
            correct = pack_bits(np.asarray(model.predict(parts["test"][0])) == y_test)
    metrics: dict[str, float] = {}
    for part, (inputs, targets) in parts.items():
        scores = _score(model, task.description.task, inputs, targets)
        metrics |= {f"{part}_{name}": float(value) for name, value in scores.items()}
    task.history.update({name: [value] for name, value in metrics.items()})
    task.on_epoch(1, metrics)
    way = "estimator" + save_model(model, "sklearn", task)
    return TrialResult("finished", metrics=metrics, way=way, correct=correct)


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def _score(model: Any, task: str, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Accuracy and log loss of a classifier; squared error (the loss), absolute error and R2 of a regressor."""
    from sklearn import metrics

    predicted = model.predict(x)
    if task == "classification":
        scores = {"accuracy": metrics.accuracy_score(y, predicted)}
        if hasattr(model, "predict_proba"):
            scores["loss"] = metrics.log_loss(y, model.predict_proba(x), labels=model.classes_)
        return scores
    squared = metrics.mean_squared_error(y, predicted)
    return {
        "loss": squared,
        "mse": squared,
        "mae": metrics.mean_absolute_error(y, predicted),
        "r2": metrics.r2_score(y, predicted),
    }
