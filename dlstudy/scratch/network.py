"""A fully connected network of sigmoids, trained by backpropagation: the course's XOR network."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from dlstudy.scratch.activations import logistic
from dlstudy.scratch.arrays import Array
from dlstudy.scratch.inputs import require, two_classes
from dlstudy.scratch.losses import sigmoid_crossentropy
from dlstudy.scratch.rules import Sgd

__all__ = ["SigmoidNetwork"]

_Layer = tuple[Array, Array]
"""Weights (inputs, neurons) and biases (neurons,)."""


class SigmoidNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Layers of logistic neurons with one output, the probability of the second class; full-batch gradient descent.

    The loss is the mean cross-entropy over the rows, and not its sum. The course's outputs for XOR show that
    after 1,000 steps at rate 1.0: 0.0148, 0.9825, 0.9825, 0.0280. With the mean, 333 of 500 starts reach the right
    labels, with median outputs 0.016, 0.983, 0.983, 0.016; the sum, whose steps are four times as long, gives
    0.003, 0.997, 0.997, 0.003. The other starts stay on a plateau, most of them for good: try several.

    The update is w <- w - eta * gradient + momentum * previous step. The course's rule for the network has + eta *
    gradient, which leads uphill.

    Args:
        hidden: neurons of each hidden layer.
        learning_rate: eta.
        momentum: share of the previous step that is added, in [0, 1).
        n_steps: number of updates; each sees all rows.
        random_state: what NumPy's `default_rng` takes; weights and biases are drawn from N(0, 1).

    Attributes:
        classes_: (2,).
        weights_: for each layer (inputs, neurons) float64.
        biases_: for each layer (neurons,) float64.
        n_iter_: number of updates made.
        history_: "loss" (mean cross-entropy in nats) and "accuracy" (a fraction) before each step.

    Source: Rumelhart, Hinton and Williams 1986, Learning Representations by Back-Propagating Errors.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (2,),
        learning_rate: float = 1.0,
        momentum: float = 0.0,
        n_steps: int = 1000,
        random_state: int | None = None,
    ) -> None:
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.n_steps = n_steps
        self.random_state = random_state

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Fits the network to rows and their labels.

        Args:
            x: (n, features) numbers.
            y: (n,) labels of two classes.

        Raises:
            UsageError: a parameter breaks its rule.
            DataError: the labels are not of two classes.
        """
        require(self.n_steps >= 1, f"n_steps must be at least 1, got {self.n_steps}: raise it")
        require(all(n >= 1 for n in self.hidden), f"a hidden layer must have a neuron, got {self.hidden}: raise hidden")
        rows, labels = validate_data(self, x, y, dtype=np.float64)
        self.classes_, targets = two_classes(labels)
        sizes = (rows.shape[1], *self.hidden, 1)
        n_weights = sum((n + 1) * m for n, m in pairwise(sizes))
        weights = np.random.default_rng(self.random_state).normal(size=n_weights)
        rule = Sgd(self.learning_rate, self.momentum)
        state = rule.start(weights)
        self.history_: dict[str, list[float]] = {"loss": [], "accuracy": []}
        with np.errstate(over="ignore", invalid="ignore"):  # a rate too large gives inf and nan: history_ shows it
            for _ in range(self.n_steps):
                loss, accuracy, gradient = _backpropagate(_layers(weights, sizes), rows, targets)
                self.history_["loss"].append(loss)
                self.history_["accuracy"].append(accuracy)
                weights, state = rule.step(weights, gradient, state)
        self.weights_, self.biases_ = (list(arrays) for arrays in zip(*_layers(weights, sizes), strict=True))
        self.n_iter_ = self.n_steps
        return self

    def predict_proba(self, x: ArrayLike) -> Array:
        """The probability of each class: (n, features) numbers to (n, 2) float64."""
        check_is_fitted(self)
        rows = validate_data(self, x, dtype=np.float64, reset=False)
        z = _forward(list(zip(self.weights_, self.biases_, strict=True)), rows)[-1]
        return np.column_stack([logistic(-z), logistic(z)])

    def predict(self, x: ArrayLike) -> np.ndarray:
        """The more probable class of each row: (n, features) numbers to (n,) labels."""
        likelier = self.predict_proba(x).argmax(axis=1)
        return np.asarray(self.classes_[likelier])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _layers(weights: Array, sizes: Sequence[int]) -> list[_Layer]:
    """The weights and biases of each layer, as views of the vector of them all."""
    layers, start = [], 0
    for n, m in pairwise(sizes):
        layer = weights[start : start + (n + 1) * m].reshape(n + 1, m)
        layers.append((layer[:-1], layer[-1]))
        start += layer.size
    return layers


def _forward(layers: Sequence[_Layer], rows: Array) -> list[Array]:
    """The input of each layer (n, inputs), and the output of the last one: the logits (n,)."""
    signals = [rows]
    for weights, biases in layers[:-1]:
        signals.append(logistic(signals[-1] @ weights + biases))
    weights, biases = layers[-1]
    return [*signals, (signals[-1] @ weights + biases)[:, 0]]


def _backpropagate(layers: Sequence[_Layer], rows: Array, targets: Array) -> tuple[float, float, Array]:
    """Loss and accuracy, and the gradient of the loss as one vector in the order of the weights."""
    *signals, z = _forward(layers, rows)
    loss = sigmoid_crossentropy(targets, z)
    n = len(targets)
    error = loss.gradient[:, None] / n  # of the mean loss, with respect to the weighted sums of a layer
    gradients = []
    for (weights, _), signal in zip(reversed(layers), reversed(signals), strict=True):
        gradients += [error.sum(axis=0), (signal.T @ error).ravel()]
        error = (error @ weights.T) * signal * (1 - signal)
    accuracy = int(np.count_nonzero((z > 0) == targets)) / n
    return float(loss.value.sum()) / n, accuracy, np.concatenate(gradients[::-1])
