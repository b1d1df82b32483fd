"""The pictures of a model's predictions for test rows that follow from what is to be learned."""

from typing import TYPE_CHECKING

import numpy as np

from dlstudy.common.text import one_line
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import Structure, are_pictures
from dlstudy.toolkit import plots
from dlstudy.training.predicted import Predicted, actual_as

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures_of_predictions"]

_MOST_CLASSES = 100
_MOST_TARGETS = 6
_MOST_LETTERS = 36
_N_PICTURES = 6


def figures_of_predictions(about: Description, x: Structure, y: Structure, found: Predicted) -> "dict[str, Figure]":
    """Pictures by title: a confusion matrix of labels, errors of values, pictures beside those that a model gives.

    Args:
        about: the description of the data set.
        x, y: of the test rows, as the model sees them; None for inputs that are not at hand.
        found: what it predicts for them.

    Returns:
        Nothing for other predictions.
    """
    actual = actual_as(found, y)
    if actual is None:
        return {}
    if "labels" in found:
        return _of_labels(about, actual, found["labels"])
    outputs = [found["values"]] if "values" in found else found.get("outputs", [])
    if len(outputs) != 1 or outputs[0].shape != actual.shape:
        return {}
    (output,) = outputs
    if not are_pictures(actual):
        return _of_values(about, actual, output) if "values" in found else {}
    rebuilds = y is x or (isinstance(x, np.ndarray) and np.array_equal(x[:_N_PICTURES], y[:_N_PICTURES]))
    name = "original" if rebuilds else "target"
    rows = {name: actual[:_N_PICTURES], "output": output[:_N_PICTURES]}
    return {f"{name} and output": plots.image_rows(rows)}


def _of_labels(about: Description, actual: np.ndarray, labels: np.ndarray) -> "dict[str, Figure]":
    if actual.shape != labels.shape or actual.dtype.kind not in "buif":
        return {}
    if labels.ndim == 2 and not about.labels_steps:
        names = _names(about, range(labels.shape[1]))
        return {"precision and recall of each label": plots.classification_report(actual, labels, names)}
    # Labels that do not occur are left out: a study's `prepare` may have made two of ten.
    present, coded = np.unique(np.concatenate([actual.ravel(), labels.ravel()]).astype(int), return_inverse=True)
    if len(present) > _MOST_CLASSES:
        return {}
    unit = "steps" if labels.ndim == 2 else "rows"
    drawn = plots.confusion_matrix(
        coded[: actual.size], coded[actual.size :], _names(about, present.tolist()), unit=unit
    )
    return {"confusion matrix of all steps" if labels.ndim == 2 else "confusion matrix": drawn}


def _names(about: Description, labels: "range | list[int]") -> list[str]:
    return [one_line(about.name_of_label(label), _MOST_LETTERS) for label in labels]


def _of_values(about: Description, actual: np.ndarray, values: np.ndarray) -> "dict[str, Figure]":
    if about.task != "regression" or values.ndim > 2 or not np.isfinite(values).all():
        return {}
    y, predicted = (part.reshape(len(part), -1)[:, :_MOST_TARGETS].astype(np.float64) for part in (actual, values))
    names = [one_line(name, _MOST_LETTERS) for name in about.names_of_targets(values.size // len(values))]
    title = "predicted against true, and residuals"
    return {title: plots.predicted_and_residuals(y, predicted, names[:_MOST_TARGETS])}
