"""Rosenblatt's perceptron."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from dlstudy.scratch.arrays import Array, floats
from dlstudy.scratch.inputs import require, two_classes

__all__ = ["Perceptron"]


class Perceptron(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A neuron with a step: it fires where z = x . w - b > 0, and learns from all rows at once.

    The update is w <- w + eta * sum(x * (t - fired)), with t = 1 where it should fire and 0 elsewhere. The bias b is
    the weight of a further input that is always -1. The course's text lets the neuron fire at z >= 0, its code at z >
    0: here it is as in the code. It learns until no row is wrong, for at most `n_epochs` epochs. Given enough
    epochs, it succeeds if and only if the two classes are linearly separable.

    scikit-learn's `Perceptron` updates after each row that was wrong, and starts at zero.

    Args:
        learning_rate: eta.
        n_epochs: how often all rows are seen, at most.
        initial_weights: those of the inputs, then that of the bias; None draws them from N(0, 1) * 1e-4.
        random_state: what NumPy's `default_rng` takes.

    Attributes:
        classes_: (2,); the neuron fires for the second.
        weights_: (features + 1,) float64, the last one the bias's.
        n_iter_: number of epochs that it learned.
        converged_: whether no training row is wrong.
        history_: "errors" (rows that are wrong) and "accuracy" (a fraction), after each epoch.

    Source: Rosenblatt 1958, The Perceptron; Novikoff 1962 for the convergence.
    """

    def __init__(
        self,
        *,
        learning_rate: float = 0.5,
        n_epochs: int = 10,
        initial_weights: Sequence[float] | None = None,
        random_state: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.n_epochs = n_epochs
        self.initial_weights = initial_weights
        self.random_state = random_state

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Fits the perceptron to rows and their labels.

        Args:
            x: (n, features) numbers.
            y: (n,) labels of two classes.

        Raises:
            UsageError: a parameter breaks its rule.
            DataError: the labels are not of two classes.
        """
        require(self.n_epochs >= 1, f"n_epochs must be at least 1, got {self.n_epochs}: raise it")
        rows, labels = validate_data(self, x, y, dtype=np.float64)
        self.classes_, targets = two_classes(labels)
        rows = _with_bias(rows)
        self.weights_ = self._first_weights(rows.shape[1])
        self.history_: dict[str, list[float]] = {"errors": [], "accuracy": []}
        wrong = targets - (rows @ self.weights_ > 0)
        for epoch in range(1, self.n_epochs + 1):
            self.weights_ = self.weights_ + self.learning_rate * rows.T @ wrong
            wrong = targets - (rows @ self.weights_ > 0)
            errors = int(np.count_nonzero(wrong))
            self.history_["errors"].append(float(errors))
            self.history_["accuracy"].append(1 - errors / len(targets))
            self.n_iter_, self.converged_ = epoch, errors == 0
            if self.converged_:
                break
        return self

    def decision_function(self, x: ArrayLike) -> Array:
        """The z of each row, above 0 where the neuron fires: (n, features) numbers to (n,) float64."""
        check_is_fitted(self)
        rows = validate_data(self, x, dtype=np.float64, reset=False)
        return np.asarray(_with_bias(rows) @ self.weights_)

    def predict(self, x: ArrayLike) -> np.ndarray:
        """The class of each row: (n, features) numbers to (n,) labels."""
        fired = self.decision_function(x) > 0
        return np.asarray(self.classes_[fired.astype(int)])

    def _first_weights(self, n: int) -> Array:
        if self.initial_weights is None:
            return np.random.default_rng(self.random_state).normal(0, 1e-4, n)
        weights = floats(self.initial_weights)
        require(
            weights.shape == (n,),
            f"initial_weights must be {n} numbers, the inputs' and the bias's, got shape {weights.shape}: give {n}",
        )
        return weights

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _with_bias(rows: Array) -> Array:
    return np.column_stack([rows, np.full(len(rows), -1.0)])
