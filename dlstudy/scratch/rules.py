"""Update rules of gradient descent, with Keras's defaults and Keras's formulas.

Each goes downhill: w <- w - eta * gradient. The course writes x + alpha * v, which goes uphill.
A rule holds no state: it takes weights, gradient and state, and gives new weights and a new state.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from dlstudy.scratch.arrays import Array

__all__ = ["RULES", "Adadelta", "Adagrad", "Adam", "Rmsprop", "Rule", "Sgd", "State"]

State = tuple[Array, ...]
"""The state of a rule between steps: arrays of the weights' shape; Adam's last one is its number of steps."""


class Rule(ABC):
    """The update of weights from a gradient."""

    @abstractmethod
    def start(self, weights: Array) -> State:
        """The state before the first step, for weights of this shape."""

    @abstractmethod
    def step(self, weights: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """The weights after one step, and the state for the next.

        Args:
            weights: of any shape, float64; it is not changed.
            gradient: of the same shape: of the loss, in the weights.
            state: from `start` or from the step before.
        """


@dataclass(frozen=True)
class Sgd(Rule):
    """Gradient descent, with or without momentum: w <- w - eta * g + momentum * previous step.

    Whether it is batch, stochastic or mini-batch descent depends on the rows of the gradient.

    Source: Polyak 1964, Some Methods of Speeding up the Convergence of Iteration Methods; Keras's `SGD`.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0

    def start(self, weights: Array) -> State:
        """A previous step of zero."""
        return (np.zeros_like(weights),)

    def step(self, weights: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """One step; see the class."""
        (previous,) = state
        change = self.momentum * previous - self.learning_rate * gradient
        return weights + change, (change,)


@dataclass(frozen=True)
class Adagrad(Rule):
    """A rate for each weight that falls with all its squared gradients: G <- G + g^2, w <- w - eta * g / sqrt(G + eps).

    The paper begins with G = 0 and adds its small constant to the root; Keras begins with 0.1.

    Source: Duchi et al. 2011, Adaptive Subgradient Methods, figure 1; Keras's `Adagrad`.
    """

    learning_rate: float = 0.001
    start_value: float = 0.1
    epsilon: float = 1e-7

    def start(self, weights: Array) -> State:
        """The sum of squares, which begins above zero."""
        return (np.full_like(weights, self.start_value),)

    def step(self, weights: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """One step; see the class."""
        squares = state[0] + gradient**2
        return weights - self.learning_rate * gradient / np.sqrt(squares + self.epsilon), (squares,)


@dataclass(frozen=True)
class Adadelta(Rule):
    """Steps scaled by the ratio of earlier steps to earlier gradients: w <- w - eta * g * RMS(step) / RMS(g).

    RMS(a) = sqrt(mean of a^2 + eps), a moving average with decay rho. The paper has no eta, which equals
    eta = 1, once Keras's default; it is now 0.001. The paper's eps is 1e-6.

    Source: Zeiler 2012, arXiv:1212.5701, algorithm 1; Keras's `Adadelta`.
    """

    learning_rate: float = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7

    def start(self, weights: Array) -> State:
        """The mean squares of gradients and of steps."""
        return np.zeros_like(weights), np.zeros_like(weights)

    def step(self, weights: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """One step; see the class. The remembered steps are those before eta."""
        squares, changes = state
        squares = self.rho * squares + (1 - self.rho) * gradient**2
        change = -np.sqrt(changes + self.epsilon) / np.sqrt(squares + self.epsilon) * gradient
        changes = self.rho * changes + (1 - self.rho) * change**2
        return weights + self.learning_rate * change, (squares, changes)


@dataclass(frozen=True)
class Rmsprop(Rule):
    """Adagrad with a moving average: v <- rho * v + (1 - rho) * g^2, w <- w - eta * g / sqrt(v + eps).

    PyTorch adds eps outside the root.

    Source: Hinton 2012, Neural Networks for Machine Learning, lecture 6e; Keras's `RMSprop`.
    """

    learning_rate: float = 0.001
    rho: float = 0.9
    epsilon: float = 1e-7

    def start(self, weights: Array) -> State:
        """The mean square of gradients."""
        return (np.zeros_like(weights),)

    def step(self, weights: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """One step; see the class."""
        squares = self.rho * state[0] + (1 - self.rho) * gradient**2
        return weights - self.learning_rate * gradient / np.sqrt(squares + self.epsilon), (squares,)


@dataclass(frozen=True)
class Adam(Rule):
    """Momentum and RMSprop in one: w <- w - eta_t * m / (sqrt(v) + eps), m and v moving averages of g and g^2.

    eta_t = eta * sqrt(1 - beta_2^t) / (1 - beta_1^t) corrects for their start at 0. This is the form at the end of the
    paper's section 2. Its algorithm 1 corrects m and v themselves, so that in this form its eps is 1e-8 * sqrt(1 -
    beta_2^t).

    Source: Kingma and Ba 2015, arXiv:1412.6980; Keras's `Adam`.
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def start(self, weights: Array) -> State:
        """The means of g and of g^2, and the number of steps."""
        return np.zeros_like(weights), np.zeros_like(weights), np.array(0.0)

    def step(self, weights: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """One step; see the class."""
        mean, square, t = state[0], state[1], state[2] + 1
        mean = self.beta_1 * mean + (1 - self.beta_1) * gradient
        square = self.beta_2 * square + (1 - self.beta_2) * gradient**2
        rate = self.learning_rate * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return weights - rate * mean / (np.sqrt(square) + self.epsilon), (mean, square, t)


RULES: Mapping[str, Callable[..., Rule]] = MappingProxyType(
    {
        "sgd": Sgd,
        "momentum": partial(Sgd, momentum=0.9),
        "adagrad": Adagrad,
        "adadelta": Adadelta,
        "rmsprop": Rmsprop,
        "adam": Adam,
    }
)
"""Makes a rule by its name: `RULES["adam"](learning_rate=0.01)`."""
