"""Input checks of the estimators: parameters, and labels of two classes."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from dlstudy.errors import DataError, UsageError
from dlstudy.scratch.arrays import Array

__all__ = ["require", "two_classes"]


class _LabelError(DataError, ValueError):
    """A `DataError` that is the ValueError which scikit-learn asks of its estimators."""


def require(condition: bool, message: str) -> None:
    """Raises `UsageError` with the message unless the condition holds."""
    if not condition:
        raise UsageError(message)


def two_classes(y: np.ndarray) -> tuple[np.ndarray, Array]:
    """The two classes of labels, and for each label 0 for the first class and 1 for the second.

    Args:
        y: (n,) labels of any kind that can be sorted.

    Returns:
        classes: (2,), sorted, of the labels' type.
        targets: (n,) float64, 0 or 1.

    Raises:
        DataError: the labels are of one class, or of more than two.
        ValueError: they are continuous values instead of labels (scikit-learn).
    """
    check_classification_targets(y)
    kind = type_of_target(y)
    if kind != "binary":  # the first sentence is the one that scikit-learn looks for
        raise _LabelError(f"Only binary classification is supported. Give labels of two classes, got a {kind} target")
    classes, targets = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise _LabelError(f"labels must be of two classes, got one class, {classes[0]}: give rows of another")
    return classes, targets.astype(np.float64)
