"""Reads the outputs of a model as its own loss and metrics do: probabilities, labels, and which rows were right."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from dlstudy.common.text import describe_error
from dlstudy.datasets.dataset import Description
from dlstudy.study.outputs import Decision, OutputReading, Scale
from dlstudy.study.row_values import pack_bits

__all__ = [
    "UNJUDGED",
    "Judgement",
    "gives_values",
    "has_labels",
    "judge",
    "labels_of",
    "loss_family",
    "metric_objects",
    "probabilities_of",
    "proved_reading",
    "reading_of",
]

_SUM_TOLERANCE = 0.01
"""By how much the probabilities of a row may miss 1: a softmax in float16 does."""

_DEFAULTS = {
    Scale.PROBABILITIES: (Decision.ARGMAX, 0.5),
    Scale.LOGITS: (Decision.ARGMAX, 0.5),
    Scale.PROBABILITY: (Decision.THRESHOLD, 0.5),
    Scale.LOGIT: (Decision.THRESHOLD, 0.0),
}
"""How a label is decided where no metric decides it."""

_BINARY = (
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "binary_crossentropy", "binary_focal_crossentropy",
)  # fmt: skip
_CATEGORICAL = (
    "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "SparseCategoricalCrossentropy",
    "categorical_crossentropy", "categorical_focal_crossentropy", "sparse_categorical_crossentropy",
)  # fmt: skip
"""Losses of Keras's, by what they take outputs for; a subclass may do anything."""

_Model = Any  # a compiled Keras model or a part of one: Keras is not to be imported here


@dataclass(frozen=True)
class Judgement:
    """What is kept of a model's outputs for the test rows.

    Args:
        outputs: how they are read; None where they were not judged.
        correct: which rows were right, packed; empty where that is not known.
        remarks: what to know about it, a line each.
    """

    outputs: OutputReading | None = None
    correct: str = ""
    remarks: Sequence[str] = ()


UNJUDGED = Judgement()


def judge(
    model: _Model, about: Description, y: Any, scores: Mapping[str, float], predict: Callable[[], Any]
) -> Judgement:
    """How a model's outputs are read, and which rows were right by its own accuracy.

    The rows are kept only where their share is the model's accuracy of them or, without an accuracy among its metrics,
    where its loss says how a label is decided.

    Args:
        model: compiled, and evaluated on these rows.
        about: the description of the data set.
        y: (n, ...) the targets of the rows, or a structure of such.
        scores: what Keras's `evaluate` returned for them.
        predict: gives the outputs for them, (n, ...) or a structure of such arrays; is called where they may be
            classes only.
    """
    if gives_values(model, about):
        return Judgement(OutputReading(Scale.VALUE))
    judged = _judged(model, y, scores, predict)
    # Where a row has not one label, nobody asks which were right.
    return judged if about.classifies or judged.correct else Judgement(judged.outputs)


def _judged(model: _Model, y: Any, scores: Mapping[str, float], predict: Callable[[], Any]) -> Judgement:
    if len(getattr(model, "outputs", None) or ()) > 1:
        return _unread("the model has several outputs")
    try:
        outputs = predict()
    except Exception as error:  # a model may train by steps of its own and have no `call`
        return _unread(f"the model cannot predict: {describe_error(error)}")
    if not (isinstance(outputs, np.ndarray) and isinstance(y, np.ndarray)):
        return _unread("outputs or targets are several")
    reading = reading_of(model, outputs.shape, y)
    accuracy = next((scores[name] for name in ("accuracy", "acc", *_accuracies(model)) if name in scores), None)
    right = _right(reading, outputs, y)
    told_by_loss = reading.scale is not Scale.RAW and loss_family(model, outputs.shape[-1]) is not None
    if right is None:
        return _unread(reading.why or "it has a label for each column", reading)
    if accuracy is None and not told_by_loss:
        return _unread("the model has no accuracy, and its loss does not say how a label is decided", reading)
    if accuracy is None or abs(accuracy * len(y) - right.sum()) < 0.5:
        return Judgement(reading, pack_bits(right), _doubts(reading))
    why = "the model's accuracy is not the share of rows whose label is right by its outputs"
    return _unread(why, reading if told_by_loss else OutputReading(why=why))


def has_labels(about: Description) -> bool:
    """Whether the targets of a data set are labels, one or several a row."""
    return about.classifies or about.task == "multilabel"


def gives_values(model: _Model, about: Description) -> bool:
    """Whether the outputs of a compiled model are values, and not to be read as labels or their probabilities."""
    return not has_labels(about) and loss_family(model, 1) is None


def reading_of(model: _Model, shape: Sequence[int], y: np.ndarray) -> OutputReading:
    """How the outputs of a compiled model are read, by its loss, its metrics and its last activation.

    What a number is, the loss tells, else the last activation. Of classes that exclude each other, the largest number
    decides; else the model's accuracy, else a metric with a threshold, else what is usual for such numbers.

    Args:
        model: compiled; its metrics are known once it has been evaluated.
        shape: of the outputs, the rows first.
        y: (n, ...) targets: labels, or a column for each class or label; (n, steps) labels of steps.
    """
    import keras

    if len(shape) == 3 and y.size == shape[0] * shape[1] and y.dtype.kind in "bui":  # a label for each step
        shape, y = (y.size, shape[2]), y.reshape(-1)
    if len(shape) != 2:
        return OutputReading(why=f"a row has outputs of shape {tuple(shape[1:])}, which are no classes")
    if type(model).predict_step is not keras.Model.predict_step:
        return OutputReading(why="the model has its own predict_step")
    columns = shape[1]
    scale = _scale(model, columns)
    decided = [_decision_of(metric) for metric in _accuracies(model).values()]
    if columns == 1:
        decided += [(Decision.THRESHOLD, threshold) for threshold in _thresholds(model)]
    if scale in _DEFAULTS:
        usual = _DEFAULTS[scale]
        excludes = usual[0] is Decision.ARGMAX and columns > 1  # one class a row, whatever a metric by column counts
        decided = [usual, *decided] if excludes else [*decided, usual]
    if not decided:
        return OutputReading(why="neither loss nor metrics nor the last activation say what the outputs are")
    for decision, threshold in decided:
        if _fits(y, decision, columns):
            return OutputReading(scale, decision, threshold)
    return OutputReading(why="the targets are not labels of such outputs")


def proved_reading(outputs: np.ndarray) -> OutputReading:
    """What the (n, columns) outputs themselves prove, for records that do not say how they are read."""
    if outputs.ndim == 2 and outputs.shape[1] > 1 and _are_probabilities(outputs, together=True):
        return OutputReading(Scale.PROBABILITIES, Decision.ARGMAX)
    return OutputReading(why="the record does not say how the outputs are read: an earlier version wrote it")


def probabilities_of(reading: OutputReading, outputs: np.ndarray) -> np.ndarray | None:
    """The probabilities that outputs stand for; None where they are none.

    Args:
        reading: of the outputs.
        outputs: (n, columns) float, or (n, steps, columns).

    Returns:
        As many, float64; two columns, of labels 0 and 1, for a single column that is the probability of 1.
    """
    numbers = outputs.astype(np.float64)
    if reading.scale in (Scale.LOGIT, Scale.LOGITS):
        numbers = expit(numbers) if reading.scale is Scale.LOGIT else softmax(numbers, axis=-1)
    elif reading.scale not in (Scale.PROBABILITY, Scale.PROBABILITIES):
        return None
    if not _are_probabilities(numbers, together=reading.scale in (Scale.LOGITS, Scale.PROBABILITIES)):
        return None
    is_of_one = numbers.shape[-1] == 1 and reading.decision is Decision.THRESHOLD
    return np.concatenate([1 - numbers, numbers], axis=-1) if is_of_one else numbers


def labels_of(reading: OutputReading, outputs: np.ndarray) -> np.ndarray | None:
    """The labels that the model's own accuracy sees: (n,) int, or (n, columns) for several columns that each have one.

    Args:
        reading: of the outputs.
        outputs: (n, columns) float, or (n, steps, columns).

    Returns:
        (n, steps) for outputs of steps. None where there are none.
    """
    if reading.decision is Decision.ARGMAX:
        labels: np.ndarray = outputs.argmax(axis=-1)
        return labels
    if reading.decision is Decision.THRESHOLD:
        above = (outputs > reading.threshold).astype(int)
        return above[..., 0] if above.shape[-1] == 1 else above
    return None


def _unread(why: str, reading: OutputReading | None = None) -> Judgement:
    return Judgement(reading or OutputReading(why=why), remarks=[f"which test rows were right is not kept: {why}"])


def _doubts(reading: OutputReading) -> list[str]:
    """What a study probably means otherwise."""
    if reading.scale is not Scale.LOGIT or reading.threshold != 0.5:
        return []
    return [
        "a metric takes outputs above 0.5 for label 1, but the loss reads them as logits, whose middle is 0: give the "
        "metric threshold=0"
    ]


def _right(reading: OutputReading, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """(n,) bool; None where a row has no single label."""
    labels = labels_of(reading, outputs)
    if labels is None or labels.ndim > 1:
        return None
    actual: np.ndarray = y.argmax(axis=1) if y.size > len(y) else y.reshape(len(y))
    right: np.ndarray = labels == actual
    return right


def _are_probabilities(numbers: np.ndarray, *, together: bool) -> bool:
    """Whether all are in [0, 1], and those of a row are 1 together."""
    inside = bool(((numbers >= 0) & (numbers <= 1 + 1e-6)).all())
    return inside and (not together or bool((abs(numbers.sum(axis=-1) - 1) < _SUM_TOLERANCE).all()))


def _fits(y: np.ndarray, decision: Decision, columns: int) -> bool:
    """Whether the targets can be labels that this decision gives for outputs of that number of columns."""
    a_column_each = y.shape == (len(y), columns)
    if decision is Decision.THRESHOLD:
        return (a_column_each or columns == y.size / len(y) == 1) and bool(np.isin(y, (0, 1)).all())
    if a_column_each and columns > 1:
        return True
    return y.size == len(y) and bool(np.isin(y, np.arange(columns)).all())


def _scale(model: _Model, columns: int) -> Scale:
    family, activation = loss_family(model, columns), _last_activation(model)
    if family is None:
        return activation or Scale.RAW
    # As Keras does: after a sigmoid or a softmax, the outputs are no logits even if the loss is said to get some.
    return activation if activation and _DEFAULTS[activation][0] is _DEFAULTS[family][0] else family


def loss_family(model: _Model, columns: int) -> Scale | None:
    """What the compiled loss takes outputs for; None where it is no cross-entropy of Keras's."""
    import keras

    given = keras.tree.flatten(getattr(model, "loss", None))
    if len(given) != 1 or given[0] is None:
        return None
    if str(given[0]).lower() in ("crossentropy", "ce"):  # Keras decides by the shapes
        return Scale.PROBABILITY if columns == 1 else Scale.PROBABILITIES
    loss: Any = keras.losses.get(given[0])  # Any: an object, or a function
    from_logits = False
    if isinstance(loss, functools.partial):
        loss, from_logits = loss.func, bool(loss.keywords.get("from_logits"))
    kind = type(loss) if isinstance(loss, keras.losses.Loss) else loss
    from_logits = bool(getattr(loss, "from_logits", from_logits))
    if kind in [getattr(keras.losses, name) for name in _BINARY]:
        return Scale.LOGIT if from_logits else Scale.PROBABILITY
    if kind in [getattr(keras.losses, name) for name in _CATEGORICAL]:
        return Scale.LOGITS if from_logits else Scale.PROBABILITIES
    return None


def _last_activation(model: _Model) -> Scale | None:
    """What the last layer makes of outputs, where it is a sigmoid or a softmax for sure."""
    import keras

    layer = model
    while isinstance(layer, keras.Model):
        names = getattr(layer, "output_names", None) or ()
        if not type(layer).call.__module__.startswith("keras."):
            return None
        if isinstance(layer, keras.Sequential):
            layer = layer.layers[-1]
        else:
            layer = next((part for part in layer.layers if [part.name] == list(names)), None)
    if type(layer) is keras.layers.Softmax:
        return Scale.PROBABILITIES if layer.axis == -1 else None
    if type(layer) not in (keras.layers.Dense, keras.layers.Activation):
        return None
    known = {keras.activations.softmax: Scale.PROBABILITIES, keras.activations.sigmoid: Scale.PROBABILITY}
    return known.get(layer.activation)


def metric_objects(model: _Model) -> Iterator[Any]:
    """The metrics of a model that has been evaluated, those that `compile` made of names too."""
    for metric in model.metrics:
        yield from getattr(metric, "metrics", [metric])


def _accuracies(model: _Model) -> dict[str, Any]:
    """The model's metrics of Keras's kinds of accuracy, by name; that named accuracy first."""
    found = {metric.name: metric for metric in metric_objects(model) if _decision_of(metric)[0] is not Decision.NONE}
    return dict(sorted(found.items(), key=lambda item: item[0] not in ("accuracy", "acc")))


def _decision_of(metric: Any) -> tuple[Decision, float]:
    """How an accuracy of Keras's decides a label; NONE for another metric."""
    import keras

    kinds = keras.metrics
    is_function = type(metric) is kinds.MeanMetricWrapper  # in which Keras wraps one given to `compile`
    name = metric.name if is_function else ""
    if isinstance(metric, kinds.BinaryAccuracy) or name == "binary_accuracy":
        return Decision.THRESHOLD, float(getattr(metric, "threshold", 0.5))
    if isinstance(metric, kinds.CategoricalAccuracy | kinds.SparseCategoricalAccuracy) or name in (
        "categorical_accuracy",
        "sparse_categorical_accuracy",
    ):
        return Decision.ARGMAX, 0.5
    return Decision.NONE, 0.5


def _thresholds(model: _Model) -> Iterator[float]:
    """The thresholds of metrics that have a single one, such as precision."""
    for metric in metric_objects(model):
        found = getattr(metric, "thresholds", [getattr(metric, "threshold", None)])
        if len(found) == 1 and isinstance(found[0], int | float):
            yield float(found[0])
