"""The metrics of a study's own, computed from the predictions of a trained model, as scikit-learn computes them."""

import difflib
import functools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from dlstudy.common.text import describe_error, message_of, short_repr
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import Structure, map_arrays
from dlstudy.errors import TrialError
from dlstudy.study.outputs import Decision, OutputReading, Scale
from dlstudy.study.own_metrics import OwnMetric, is_scorer, own_metrics
from dlstudy.study.phases import ReadTest
from dlstudy.training.arrays import Task
from dlstudy.training.epoch_recorder import numbers_in
from dlstudy.training.outputs import gives_values, labels_of, probabilities_of, reading_of

__all__ = [
    "END_ROWS",
    "Predictions",
    "Rows",
    "check_own_metrics",
    "computed",
    "metrics_at_end",
    "one_dimension",
    "read_outputs",
]

END_ROWS = 10_000
"""Training rows judged again at the end, at most: enough for the gap to the test rows."""

Rows = tuple[np.ndarray, bool]
"""Row numbers, and whether they are in the test part of the data."""

_METHODS = ("predict", "predict_proba", "decision_function")
_LACKS = "Predictions has no"
"""How an error begins that says which methods are missing: scikit-learn's "has none of the following", and ours."""

_WORDS = {"val": "validation", "test": "test", "train_end": "training"}


class Predictions:
    """The predictions of a trained model for some rows, in the form of the fitted estimator that a scorer asks.

    Args:
        y: the targets as metrics take them: (n,) labels or values, (n, labels) of 0 and 1, or whatever they are.
        responses: by an estimator's method, `predict` at least, a function that gives what it returns for these rows.
        classes: (classes,), or a list of such for several labels a row; None where labels are not predicted.
        why: why it lacks a method, in one line.
    """

    def __init__(
        self, y: Structure, responses: Mapping[str, Callable[[], Any]], classes: Any = None, why: str = ""
    ) -> None:  # Any: as above; a response is an array or a structure of arrays
        self.y, self.classes_, self.why = map_arrays(_read_only, y), classes, why
        self._responses = {name: functools.cache(respond) for name, respond in responses.items()}

    def __getattr__(self, name: str) -> Callable[[Any], Any]:  # Any: the rows, which are known; an array
        if name not in self.__dict__.get("_responses", {}):
            raise AttributeError(f"{_LACKS} attribute {name}")

        def respond(_: Any = None) -> Any:
            return map_arrays(_read_only, self._responses[name]())

        respond.__name__ = name  # by which scikit-learn knows it
        return respond

    def __sklearn_tags__(self) -> Any:  # Any: scikit-learn's, imported where needed
        from sklearn.utils import Tags, TargetTags

        kind = "regressor" if self.classes_ is None else "classifier"
        return Tags(kind, TargetTags(required=True), transformer_tags=None, classifier_tags=None, regressor_tags=None)


def _read_only(array: Any) -> Any:  # Any: an array or a table
    """A view that no metric can change for the next one."""
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def read_outputs(
    model: Any, about: Description, y: Structure, outputs: Any
) -> Predictions:  # Any: a Keras model; its outputs
    """The outputs of a Keras model for some rows, read as its own loss and metrics read them.

    Args:
        model: compiled and evaluated.
        about: the description of the data set.
        y: (n, ...) targets of the rows, or a structure of such arrays; None where the data has none.
        outputs: for these rows, likewise.
    """
    if not (isinstance(y, np.ndarray) and isinstance(outputs, np.ndarray)):
        return Predictions(y, {"predict": lambda: outputs}, why="its outputs or its targets are several")
    reading = OutputReading(Scale.VALUE) if gives_values(model, about) else reading_of(model, outputs.shape, y)
    labels = labels_of(reading, outputs) if outputs.ndim == 2 else None  # of steps, metrics get the outputs
    if labels is None:
        values = map_arrays(one_dimension, (y, outputs))
        return Predictions(values[0], {"predict": lambda: values[1]}, why=reading.why or "it predicts values")
    responses: dict[str, Callable[[], Any]] = {"predict": lambda: labels}
    probabilities = probabilities_of(reading, outputs)
    if probabilities is not None:
        # Their sum is 1 to the precision of the outputs, and scikit-learn wants that of float64.
        together = labels.ndim == 1
        responses["predict_proba"] = lambda: (
            probabilities / probabilities.sum(axis=1, keepdims=True) if together else probabilities
        )
    if reading.scale in (Scale.LOGIT, Scale.LOGITS):
        responses["decision_function"] = lambda: _decisions(reading, outputs.astype(np.float64))
    classes = [np.arange(2)] * outputs.shape[1] if labels.ndim > 1 else np.arange(max(2, outputs.shape[1]))
    why = f"its outputs are no {'probabilities' if probabilities is None else 'logits'}"
    return Predictions(_actual(reading, y, labels), responses, classes, why)


def one_dimension(array: np.ndarray) -> np.ndarray:
    """(n,) where a row has one number."""
    return array.reshape(len(array)) if array.size == len(array) else array


def _decisions(reading: OutputReading, logits: np.ndarray) -> np.ndarray:
    """(n,) for two classes, more for the second one, as scikit-learn has it; else as they are."""
    of_two = reading.scale is Scale.LOGITS and logits.shape[1] == 2
    return logits[:, 1] - logits[:, 0] if of_two else one_dimension(logits)


def _actual(reading: OutputReading, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The targets in the form of the labels."""
    by_class = reading.decision is Decision.ARGMAX and y.size > len(y)
    actual: np.ndarray = y.argmax(axis=1) if by_class else y.reshape(labels.shape).astype(int)
    return actual


def metrics_at_end(
    task: Task, given: Iterable[str], predict: Callable[[Rows], Predictions]
) -> tuple[dict[str, float], list[str]]:
    """The metrics of a study's own of validation, test and training rows, each part as far as the trial may read it.

    Args:
        task: of the training.
        given: the names of all other metrics.
        predict: gives the trained model's predictions for some rows.

    Returns:
        The metrics, and why some are left out, a line each: they have no finite value, or raise on other rows than
        those that the model was judged with while it trained.

    Raises:
        TrialError: a metric raises on those rows, gives no number, or has the name of another.
    """
    found: dict[str, float] = {}
    remarks: list[str] = []
    metrics, parts = own_metrics(task.functions.metrics), _parts_of(task)
    _require_own_names(metrics, given)
    for part, rows in parts.items():
        wanted = [metric for metric in metrics if part in metric.parts]
        predictions = predict(rows) if wanted else None
        for metric in wanted:
            assert predictions is not None
            try:
                numbers, warned = computed(metric, predictions)
            except TrialError as error:
                if part == next(iter(parts)):
                    raise
                remarks.append(f"{part}_{metric.name} is not kept: {error}")
                continue
            for name, number in numbers.items():
                if np.isfinite(number):
                    found[f"{part}_{name}"] = number
                else:
                    remarks.append(f"{part}_{name} is not kept: {_not_finite(name, number, _WORDS[part], warned)}")
    return found, remarks


def check_own_metrics(task: Task, given: Iterable[str], predictions: Predictions) -> dict[str, float]:
    """Computes every metric of a study's own once, to find what is wrong with it.

    Args:
        task: of the training.
        given: the names of the model's own metrics.
        predictions: for the rows that are judged after each epoch.

    Returns:
        Those of these rows.

    Raises:
        TrialError: a metric raises, gives no finite number, or has the name of another.
    """
    metrics, part = own_metrics(task.functions.metrics), "test" if task.judges_test_each_epoch else "val"
    _require_own_names(metrics, given)
    found = {}
    for metric in metrics:
        numbers, warned = computed(metric, predictions)
        for name, number in numbers.items():
            if not np.isfinite(number):
                raise TrialError(
                    f"{_not_finite(name, number, _WORDS[part], warned)}: correct it, or leave it out of Study.metrics"
                )
            if part in metric.parts:
                found[f"{part}_{name}"] = number
    return found


def _parts_of(task: Task) -> dict[str, Rows]:
    """The rows that are scored at the end, by the prefix of their metrics; first those of each epoch."""
    parts: dict[str, Rows] = {}
    if len(task.rows.validation):
        parts["val"] = task.rows.validation, False
    if task.spec.read_test is not ReadTest.NEVER:
        parts["test"] = task.test_rows(), not task.rows.test_inside
        parts["train_end"] = task.rows.train[:END_ROWS], False
    return parts


def _require_own_names(metrics: Iterable[OwnMetric], given: Iterable[str]) -> None:
    """A model's metric has values of all rows, of which a check sees those of validation rows only."""
    taken = set(given)
    for metric in metrics:
        both = taken & {f"{part}_{metric.name}" for part in _WORDS}
        if both:
            raise TrialError(
                f"metric {metric.name} of Study.metrics has the name of another one, {min(both)}: give it another name"
            )


def computed(metric: OwnMetric, predictions: Predictions) -> tuple[dict[str, float], str]:
    """The numbers that a metric gives by name, and the first line of what it warned of.

    Raises:
        TrialError: it raises, or gives no number.
    """
    compute = _function_of(metric)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            value = compute(predictions)
        except Exception as error:  # a function of the study's own may raise anything
            raise TrialError(_what_failed(metric, predictions, error)) from error
    numbers = dict(numbers_in(metric.name, value))
    if not numbers:
        raise TrialError(
            f"metric {metric.name} of Study.metrics must give a number, or an array of 100 numbers at most, got "
            f"{short_repr(value)}"
        )
    return numbers, message_of(warned[0].message) if warned else ""  # type: ignore[arg-type]  # it is a Warning


def _function_of(metric: OwnMetric) -> Callable[[Predictions], Any]:
    """What computes a metric of predictions.

    Raises:
        TrialError: scikit-learn has no scorer of that name.
    """
    source: Any = metric.source
    if isinstance(source, str):
        return _scorer_named(metric.name, source)
    if is_scorer(source):
        return lambda predictions: source(predictions, None, predictions.y)
    return lambda predictions: source(predictions.y, predictions.predict(None))


def _scorer_named(metric: str, name: str) -> Callable[[Predictions], Any]:
    from sklearn.metrics import get_scorer, get_scorer_names

    known = get_scorer_names()
    sign = 1 if name in known else -1
    if sign < 0 and f"neg_{name}" not in known:
        close = difflib.get_close_matches(name, [*known, *(each.removeprefix("neg_") for each in known)], 1, 0.5)
        advice = f"did you mean {close[0]}?" if close else "sklearn.metrics.get_scorer_names() lists them"
        raise TrialError(
            f"metric {metric} of Study.metrics must be a scorer of scikit-learn, got {short_repr(name)}: {advice}"
        )
    scorer = get_scorer(name if sign > 0 else f"neg_{name}")
    return lambda predictions: sign * scorer(predictions, None, predictions.y)


def _what_failed(metric: OwnMetric, predictions: Predictions, error: Exception) -> str:
    what = f"metric {metric.name} of Study.metrics"
    if isinstance(error, AttributeError) and message_of(error).startswith(_LACKS):
        wanted = " or ".join(word for word in re.findall(r"\w+", message_of(error)) if word in _METHODS)
        return f"{what} needs {wanted}, which the model does not give ({predictions.why}): choose another metric"
    reason = describe_error(error).rstrip(".")
    return f"{what} cannot be computed, {reason}: correct it, or leave it out of Study.metrics"


def _not_finite(name: str, number: float, part: str, warned: str) -> str:
    because = f" ({warned.splitlines()[0]})" if warned.strip() else ""
    return f"metric {name} of Study.metrics gives {number} for the {part} rows{because}"
