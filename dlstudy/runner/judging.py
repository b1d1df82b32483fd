"""Scores predictions for held-out rows by a study's metric: a value for each row, whose mean is the score."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlstudy.analysis.places import pseudo_values
from dlstudy.common.text import message_of
from dlstudy.datasets.dataset import Description
from dlstudy.errors import DataError, TrialError, UsageError
from dlstudy.study.own_metrics import OwnMetric, own_metrics
from dlstudy.study.request import ResolvedStudy
from dlstudy.training.own_metrics import Predictions, computed

__all__ = ["judge", "require_judged"]

_ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")
_SMALLEST = 1e-7
"""Probabilities below this count as this, as in Keras."""

_Found = Mapping[str, Any]
"""What a model predicts: entries of `Predicted`. Any: arrays and text."""


def require_judged(study: ResolvedStudy) -> None:
    """Checks that a study's metric can be computed from predictions alone.

    Raises:
        UsageError: it cannot.
    """
    name = study.protocol.metric.removeprefix("val_")
    if _own_metric(study, name) is None and name not in (_OF_LABELS if study.about.classifies else _OF_VALUES):
        known = ", ".join(_OF_LABELS if study.about.classifies else _OF_VALUES)
        raise UsageError(
            f"held-out rows can be scored by {known} or one of Study.metrics, got Protocol.metric="
            f"{study.protocol.metric!r}: name it in Study.metrics too"
        )


def judge(study: ResolvedStudy, y: np.ndarray, found: _Found) -> np.ndarray:
    """(k,) values whose mean is the score: of each row, or pseudo-values of a metric that is no mean over rows.

    Args:
        study: whose metric is computed, not that of who made the predictions.
        y: (n,) labels, or (n,) or (n, targets) values.
        found: the predictions for these rows.

    Raises:
        DataError: the metric cannot be computed of these predictions; says why.
    """
    name = study.protocol.metric.removeprefix("val_")
    needed = "labels" if study.about.classifies else "values"
    if needed not in found:
        raise DataError(f"the model gives no {needed} for the rows ({found.get('why', 'it predicts something else')})")
    if found[needed].shape != y.shape:
        raise DataError(f"the predictions have shape {found[needed].shape}, and the targets {y.shape}")
    if not np.isfinite(np.asarray(found[needed], np.float64)).all():
        raise DataError("its predictions are not finite numbers")
    own = _own_metric(study, name)
    if own is not None:
        return pseudo_values(_statistic(own, study.about, y, found), len(y))
    return (_OF_LABELS if study.about.classifies else _OF_VALUES)[name](y, found)


def _own_metric(study: ResolvedStudy, name: str) -> OwnMetric | None:
    return next((metric for metric in own_metrics(study.metrics) if metric.name == name), None)


def _right(y: np.ndarray, found: _Found) -> np.ndarray:
    right: np.ndarray = (found["labels"] == y).astype(np.float64)
    return right


def _log_loss(y: np.ndarray, found: _Found) -> np.ndarray:
    chances = found.get("probabilities")
    if chances is None:
        raise DataError("the model gives no probabilities, which the loss needs")
    of_actual = np.array([row[label] if label < len(row) else 0.0 for row, label in zip(chances, y, strict=True)])
    losses: np.ndarray = -np.log(np.clip(of_actual.astype(np.float64), _SMALLEST, 1.0))
    return losses


def _squared(y: np.ndarray, found: _Found) -> np.ndarray:
    squared: np.ndarray = ((found["values"] - y) ** 2).reshape(len(y), -1).mean(axis=1)
    return squared


def _absolute(y: np.ndarray, found: _Found) -> np.ndarray:
    absolute: np.ndarray = abs(found["values"] - y).reshape(len(y), -1).mean(axis=1)
    return absolute


def _root(y: np.ndarray, found: _Found) -> np.ndarray:
    squared = _squared(y, found)
    return pseudo_values(lambda rows: float(np.sqrt(squared[rows].mean())), len(y))


def _r2(y: np.ndarray, found: _Found) -> np.ndarray:
    def of_rows(rows: np.ndarray) -> float:
        spread = ((y[rows] - y[rows].mean(axis=0)) ** 2).mean(axis=0)
        missed = ((found["values"][rows] - y[rows]) ** 2).mean(axis=0)
        return float(np.mean(1 - missed / np.where(spread, spread, np.nan)))

    return pseudo_values(of_rows, len(y))


_OF_LABELS: dict[str, Callable[[np.ndarray, _Found], np.ndarray]] = {
    **dict.fromkeys(_ACCURACIES, _right), "loss": _log_loss,
}  # fmt: skip
_OF_VALUES: dict[str, Callable[[np.ndarray, _Found], np.ndarray]] = {
    "loss": _squared, "mse": _squared, "mean_squared_error": _squared, "mae": _absolute,
    "mean_absolute_error": _absolute, "rmse": _root, "root_mean_squared_error": _root, "r2": _r2, "r2_score": _r2,
}  # fmt: skip


def _statistic(metric: OwnMetric, about: Description, y: np.ndarray, found: _Found) -> Callable[[np.ndarray], float]:
    """The metric of the rows of some numbers, as scikit-learn computes it."""

    def of_rows(rows: np.ndarray) -> float:
        responses: dict[str, Callable[[], Any]] = {"predict": lambda: found[kind][rows]}
        if "probabilities" in found:
            responses["predict_proba"] = lambda: _of_all_classes(found["probabilities"][rows], about.n_classes)
        classes = np.arange(about.n_classes) if about.classifies else None
        try:
            numbers, _ = computed(metric, Predictions(y[rows], responses, classes, "it gives no such numbers"))
        except TrialError as error:
            raise DataError(message_of(error)) from error
        if len(numbers) != 1:
            raise DataError(f"the metric {metric.name} gives several numbers, and a board needs one")
        return next(iter(numbers.values()))

    kind = "labels" if about.classifies else "values"
    return of_rows


def _of_all_classes(chances: np.ndarray, n_classes: int) -> np.ndarray:
    whole = np.zeros((len(chances), max(n_classes, chances.shape[1])))
    whole[:, : chances.shape[1]] = chances
    total = whole.sum(axis=1, keepdims=True)
    shares: np.ndarray = whole / np.where(total > 0, total, 1.0)
    return shares
