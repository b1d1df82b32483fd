"""What a trained model predicts for rows: labels, probabilities or values, as its own loss and metrics read them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import Structure, are_pictures
from dlstudy.study.outputs import OutputReading, Scale
from dlstudy.training.outputs import Judgement, has_labels, labels_of, probabilities_of, proved_reading
from dlstudy.training.own_metrics import one_dimension

__all__ = ["Predicted", "actual_as", "as_judged", "of_estimator", "of_outputs"]

Predicted = dict[str, Any]
"""Arrays by name, and text. `labels`: (n,), or (n, columns) of 0 and 1 for several labels a row, or (n, steps).
`probabilities`: as many, with a last axis of classes; of several labels a row, (n, columns). `values`: (n,),
(n, targets) or of any shape. Where those do not say all: `outputs`, a list of arrays as the model gives them, and
`why`."""


def of_outputs(outputs: Any, reading: OutputReading | None, about: Description) -> Predicted:
    """What the outputs of a Keras model are, with the outputs themselves where that leaves a question.

    Args:
        outputs: (n, ...) one array, or a structure of such.
        reading: how they are read; None where the record does not say it.
        about: the description of the data set.
    """
    import keras

    arrays = [np.asarray(part) for part in keras.tree.flatten(outputs)]
    if len(arrays) > 1:
        return {"outputs": arrays, "why": "the model has several outputs"}
    (only,) = arrays
    reading = reading or (proved_reading(only) if about.classifies else OutputReading(Scale.VALUE))
    if reading.scale is Scale.VALUE:
        return {"values": one_dimension(only)}
    labels = labels_of(reading, only)
    if labels is None:
        return {"outputs": arrays, "why": reading.why}
    probabilities = probabilities_of(reading, only)
    if probabilities is None:
        return {"labels": labels, "outputs": arrays, "why": "the outputs are not probabilities"}
    return {"labels": labels, "probabilities": probabilities}


def as_judged(outputs: Callable[[], Any], y: Structure, judged: Judgement, about: Description) -> Predicted:
    """What a Keras model predicts for test rows, read as they were judged; nothing where nothing is drawn of it.

    Args:
        outputs: gives the model's, as of `of_outputs`.
        y: the targets of the rows.
        judged: what is known of the outputs.
        about: the description of the data set.
    """
    is_raw = judged.outputs is None or judged.outputs.scale is Scale.RAW
    return {} if is_raw and not are_pictures(y) else of_outputs(outputs(), judged.outputs, about)


def of_estimator(model: Any, x: Structure, about: Description) -> Predicted:  # Any: a fitted estimator
    """What an estimator predicts for rows, (n, columns) or a table."""
    one = one_dimension(np.asarray(model.predict(x)))
    if not has_labels(about):
        return {"values": one}
    probabilities = model.predict_proba(x) if hasattr(model, "predict_proba") else None
    if isinstance(probabilities, list):  # of several labels, an (n, classes) array each
        of_one = [np.asarray(of_label)[:, -1] for of_label in probabilities]
        probabilities = np.column_stack(of_one) if all(len(known) == 2 for known in model.classes_) else None
    elif probabilities is not None and one.ndim == 1:
        probabilities = _by_label(np.asarray(probabilities), np.asarray(model.classes_))
    return {"labels": one} if probabilities is None else {"labels": one, "probabilities": np.asarray(probabilities)}


def _by_label(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray | None:
    """(n, labels) probabilities by the number of their label; None where labels are no such numbers.

    Args:
        probabilities: (n, classes).
        classes: (classes,) the labels that the estimator has seen, of which a study's `prepare` may have left some.
    """
    if classes.dtype.kind not in "buif" or classes.min() < 0 or (classes != classes.astype(int)).any():
        return None
    whole = np.zeros((len(probabilities), int(classes.max()) + 1))
    whole[:, classes.astype(int)] = probabilities
    return whole


def actual_as(predicted: Predicted, y: Structure) -> np.ndarray | None:
    """The targets in the form of the predictions: labels where these are labels; None where there are several or none.

    Args:
        predicted: for the same rows.
        y: (n, ...) or a structure of such arrays.
    """
    if not isinstance(y, np.ndarray):
        return None
    labels = predicted.get("labels")
    if labels is not None and labels.ndim == 1 and y.size > len(y):  # a column for each class
        of_class: np.ndarray = y.argmax(axis=1)
        return of_class
    return y.reshape(labels.shape) if labels is not None and labels.size == y.size else one_dimension(y)
