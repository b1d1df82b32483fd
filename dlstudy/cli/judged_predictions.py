"""How good predictions are over all test rows, in tables: counts and scores of labels, errors of values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlstudy.analysis.formatting import number
from dlstudy.datasets.dataset import Description
from dlstudy.report.blocks import Table

__all__ = ["judged_tables"]

_MOST_TARGETS = 8
"""Values of a row that have columns of their own; more are judged together."""


def judged_tables(found: Mapping[str, Any], about: Description) -> list[Table]:  # Any: arrays
    """The confusion matrix and the scores of labels, or the errors of each target; none for other predictions.

    Args:
        found: what `predict_rows` returns.
        about: the description of the data set.
    """
    actual, labels, values = (found.get(name) for name in ("actual", "labels", "values"))
    if actual is None:
        return []
    if values is not None:
        return _errors(actual, values, about) if values.shape == actual.shape else []
    if labels is None or labels.shape != actual.shape:
        return []
    if labels.ndim == 2 and not about.labels_steps:
        return [_scores(actual, labels, range(labels.shape[1]), about, f"all {len(actual)} test rows")]
    unit = f"all {actual.size} {'steps of the test rows' if labels.ndim == 2 else 'test rows'}"
    return _of_classes(actual.ravel(), labels.ravel(), about, unit)


def _errors(actual: np.ndarray, values: np.ndarray, about: Description) -> list[Table]:
    from sklearn.metrics import r2_score

    n = len(actual)
    together = values.ndim > 2 or values.size > _MOST_TARGETS * n
    y, predicted = (part.reshape(-1, 1) if together else part.reshape(n, -1) for part in (actual, values))
    measures = {
        "mean squared error": np.mean((predicted - y) ** 2, axis=0),
        "mean absolute error": np.mean(np.abs(predicted - y), axis=0),
        "R2": r2_score(y, predicted, multioutput="raw_values"),
    }
    rows = [[name, *(number(float(value)) for value in of_target)] for name, of_target in measures.items()]
    heads = ["value"] if y.shape[1] == 1 else about.names_of_targets(y.shape[1])
    return [Table(f"All {n} test rows", ["measure", *heads], rows)]


def _of_classes(actual: np.ndarray, labels: np.ndarray, about: Description, which: str) -> list[Table]:
    from sklearn.metrics import confusion_matrix

    # Labels that do not occur are left out: a study's `prepare` may have made two of ten.
    present = np.union1d(actual, labels).astype(int).tolist()
    names = list(map(about.name_of_label, present))
    matrix = confusion_matrix(actual, labels, labels=present)
    counts = [[name, *map(str, row)] for name, row in zip(names, matrix, strict=True)]
    accuracy = f"Accuracy {float(np.mean(actual == labels)):.4f}."
    return [
        Table(f"Confusion matrix, {which}", ["actual \\ predicted", *names], counts),
        _scores(actual, labels, present, about, "", accuracy),
    ]


def _scores(
    actual: np.ndarray, labels: np.ndarray, present: Sequence[int], about: Description, which: str, note: str = ""
) -> Table:
    """Precision, recall and F1 of each label."""
    from sklearn.metrics import precision_recall_fscore_support

    scores = precision_recall_fscore_support(actual, labels, labels=present, zero_division=0)
    rows = [
        [about.name_of_label(label), *(f"{scores[k][i]:.4f}" for k in range(3)), str(scores[3][i])]
        for i, label in enumerate(present)
    ]
    title = f"Classification report{', ' if which else ''}{which}"
    return Table(title, ["label", "precision", "recall", "F1", about.counted], rows, note)
