"""Weights of training rows by their class, as Keras's `fit` takes them."""

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.errors import TrialError
from dlstudy.training.arrays import Task

__all__ = ["weight_of_rows"]


def weight_of_rows(task: Task) -> np.ndarray | None:
    """(n,) float64, the weight of each row of the training part by its class; None without a `class_weight`.

    A class that is not given weighs 1, as in Keras. Targets are class numbers, or rows of which the largest number
    stands at the class.

    Raises:
        TrialError: the weights are not numbers by class, or the rows have no single class or weights of their own.
    """
    function, y = task.functions.class_weight, task.arrays.y
    if function is None:
        return None
    if not isinstance(y, np.ndarray) or y.ndim > 2:
        raise TrialError(
            "class_weight needs targets that are classes, one for each row: return sample weights from prepare"
        )
    if task.arrays.weight is not None:
        raise TrialError("rows are weighted by class_weight or by prepare, got both: leave one out")
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y)).astype(np.int64)
    given = function(y[task.rows.train], dict(task.p))
    weights = np.ones(len(y))
    try:
        for number, weight in dict(given).items():
            weights[classes == int(number)] = float(weight)
    except (TypeError, ValueError) as error:
        raise TrialError(
            f"class_weight must return weights by class, such as {{0: 1, 1: 5}}, got {short_repr(given)}"
        ) from error
    return weights
