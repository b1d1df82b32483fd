"""The course's loss functions, each with its gradient with respect to the prediction, in float64.

A loss of numbers (`mae` to `sigmoid_crossentropy`) has a value for each number; Keras also takes their mean over the
last axis. A loss of distributions (`softmax_crossentropy` and below) has a value for each row: it reduces the last
axis, the classes. Keras keeps probabilities in [1e-7, 1 - 1e-7]; here a class that was given probability 0 costs
infinity.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlstudy.errors import DataError
from dlstudy.scratch.activations import logistic, softplus
from dlstudy.scratch.arrays import Array, floats

__all__ = [
    "LOSSES",
    "Loss",
    "binary_crossentropy",
    "categorical_crossentropy",
    "half_mse",
    "hinge",
    "huber",
    "kl_divergence",
    "mae",
    "mse",
    "pseudo_huber",
    "sigmoid_crossentropy",
    "softmax_crossentropy",
    "sparse_categorical_crossentropy",
    "sum_of_absolute_errors",
    "sum_of_squared_errors",
]


class Loss(NamedTuple):
    """The result of each loss function; they raise `DataError` for arrays that do not fit each other.

    Args:
        value: the loss of each number, (...), or of each row, (...) for (..., classes).
        gradient: its derivative with respect to the prediction, of the prediction's shape.
    """

    value: Array
    gradient: Array


def mae(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Absolute error |e|, e = prediction - target; its mean is the MAE. The gradient at e = 0 is 0."""
    error = _error(target, prediction)
    return Loss(np.abs(error), np.sign(error))


def mse(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Squared error e^2, e = prediction - target; its mean is the MSE."""
    error = _error(target, prediction)
    return Loss(error**2, 2 * error)


def half_mse(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Half the squared error, (y - a)^2 / 2 for the target y and the prediction a, with the gradient a - y.

    The course prints the gradient as y - a, which leads uphill.
    """
    error = _error(target, prediction)
    return Loss(error**2 / 2, error)


def huber(target: ArrayLike, prediction: ArrayLike, delta: float = 1.0) -> Loss:
    """Huber's loss: e^2 / 2 where |e| <= delta, delta * (|e| - delta / 2) beyond.

    Source: Huber 1964, Robust Estimation of a Location Parameter.
    """
    error = _error(target, prediction)
    bounded = np.clip(error, -delta, delta)
    return Loss(bounded * (error - bounded / 2), bounded)


def pseudo_huber(target: ArrayLike, prediction: ArrayLike, delta: float = 1.0) -> Loss:
    """A smooth Huber loss: delta^2 * (root - 1) with root = sqrt(1 + (e / delta)^2).

    Keras has none; its `log_cosh`, log(cosh(e)), is another smooth one, without a delta.

    Source: Charbonnier et al. 1997, Deterministic Edge-Preserving Regularization.
    """
    error = _error(target, prediction)
    root = np.hypot(1, error / delta)
    return Loss(error * (error / (1 + root)), error / root)  # (root - 1) would be 0 for small errors


def hinge(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Hinge loss max(0, 1 - t * y) of a target t of -1 or 1. The gradient at t * y = 1 is 0.

    Keras also takes targets 0 and 1, and turns them into -1 and 1.
    """
    t, y = _pair(target, prediction)
    return Loss(np.maximum(0, 1 - t * y), np.where(t * y < 1, -t, 0))


def binary_crossentropy(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Cross-entropy -t * log(p) - (1 - t) * log(1 - p) of a target t in [0, 1] and a probability p."""
    t, p = _pair(target, prediction)
    return Loss(-_times_log(t, p) - _times_log(1 - t, 1 - p), _ratio(1 - t, 1 - p) - _ratio(t, p))


def sigmoid_crossentropy(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """`binary_crossentropy` of the probability logistic(z), from the logit z; the gradient in z is logistic(z) - t."""
    t, z = _pair(target, prediction)
    return Loss(t * softplus(-z) + (1 - t) * softplus(z), logistic(z) - t)


def softmax_crossentropy(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """`categorical_crossentropy` of the probabilities softmax(z), from logits z; the gradient in z is softmax(z) - t.

    Args:
        target: (..., classes), probabilities: each row sums to 1.
        prediction: (..., classes), logits: any numbers.
    """
    t, z = _pair(target, prediction)
    z = z - z.max(axis=-1, keepdims=True)  # so that no exponential overflows
    log_softmax = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return Loss(-(t * log_softmax).sum(axis=-1), np.exp(log_softmax) - t)


def categorical_crossentropy(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Cross-entropy -sum(t * log(p)) of two distributions, with the gradient -t / p.

    Keras first divides p by its sum, so its gradient is -t / p + 1.

    Args:
        target: (..., classes), probabilities, in the simplest case one-hot.
        prediction: (..., classes), probabilities.
    """
    t, p = _pair(target, prediction)
    return Loss(-_times_log(t, p).sum(axis=-1), -_ratio(t, p))


def sparse_categorical_crossentropy(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """`categorical_crossentropy` where the target is the number of the class.

    Args:
        target: (...) whole numbers from 0 to classes - 1.
        prediction: (..., classes), probabilities.
    """
    labels, n_classes = np.asarray(target), np.shape(prediction)[-1]
    if not (np.issubdtype(labels.dtype, np.integer) and np.all((labels >= 0) & (labels < n_classes))):
        raise DataError(f"targets must be whole numbers from 0 to {n_classes - 1}, got {labels}: number the classes")
    return categorical_crossentropy(np.eye(n_classes)[labels], prediction)


def kl_divergence(target: ArrayLike, prediction: ArrayLike) -> Loss:
    """Kullback-Leibler divergence sum(t * log(t / p)): cross-entropy less the entropy of the target.

    Args:
        target: (..., classes), probabilities.
        prediction: (..., classes), probabilities.

    Source: Kullback and Leibler 1951, On Information and Sufficiency.
    """
    t, p = _pair(target, prediction)
    return Loss((_times_log(t, t) - _times_log(t, p)).sum(axis=-1), -_ratio(t, p))


LOSSES: Mapping[str, Callable[..., Loss]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            mae,
            mse,
            half_mse,
            huber,
            pseudo_huber,
            hinge,
            binary_crossentropy,
            sigmoid_crossentropy,
            softmax_crossentropy,
            categorical_crossentropy,
            sparse_categorical_crossentropy,
            kl_divergence,
        )
    }
)
"""All losses by name; the name is Keras's where Keras has it."""


def sum_of_absolute_errors(target: ArrayLike, prediction: ArrayLike) -> float:
    """Sum of |e| over all numbers."""
    return float(mae(target, prediction).value.sum())


def sum_of_squared_errors(target: ArrayLike, prediction: ArrayLike, dtype: DTypeLike = np.float64) -> float:
    """Sum of e^2 over all numbers, computed in the given type.

    With `dtype=np.int32` it overflows as the course's did: its -1,572,109,088 is 333,435,340,000 less 78 * 2^32.
    """
    errors = _error(target, prediction).astype(dtype)
    return float(np.sum(errors * errors, dtype=dtype))


def _pair(target: ArrayLike, prediction: ArrayLike) -> tuple[Array, Array]:
    t, p = floats(target), floats(prediction)
    if t.shape != p.shape:  # NumPy would make a matrix of (n,) and (n, 1)
        raise DataError(f"target and prediction must have the same shape, got {t.shape} and {p.shape}: reshape one")
    return t, p


def _error(target: ArrayLike, prediction: ArrayLike) -> Array:
    t, p = _pair(target, prediction)
    return p - t


def _times_log(a: Array, b: Array) -> Array:
    """The product a * log(b), and 0 where a is 0, also for b = 0."""
    with np.errstate(divide="ignore"):
        return a * np.log(np.where(a == 0, 1, b))


def _ratio(a: Array, b: Array) -> Array:
    """The quotient a / b, and 0 where a is 0, also for b = 0: the derivative of `_times_log` in b."""
    with np.errstate(divide="ignore"):
        return a / np.where(a == 0, 1, b)
