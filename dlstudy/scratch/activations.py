"""The course's eight activation functions, with their derivatives.

At a kink or a jump, where there is no derivative, it is taken as 0, as TensorFlow does for ReLU.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from dlstudy.scratch.arrays import Array, floats

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "heaviside",
    "linear",
    "logistic",
    "piecewise_linear",
    "relu",
    "sign",
    "softplus",
    "tanh",
]


@dataclass(frozen=True)
class Activation:
    """An activation function with its derivative.

    Args:
        name: its key in `ACTIVATIONS`.
        function: from z, an array of any shape, to an array of that shape, float64.
        derivative: likewise; it takes the same further arguments (`slope`).
    """

    name: str
    function: Callable[..., Array]
    derivative: Callable[..., Array]


def heaviside(z: ArrayLike) -> Array:
    """Heaviside's step: 0 below zero, 0.5 at zero, 1 above.

    The step of `Perceptron` differs: it is 0 at zero.
    """
    return np.heaviside(floats(z), 0.5)


def sign(z: ArrayLike) -> Array:
    """The sign: -1 below zero, 0 at zero, 1 above."""
    return np.sign(floats(z))


def linear(z: ArrayLike) -> Array:
    """The identity."""
    return floats(z)


def piecewise_linear(z: ArrayLike) -> Array:
    """The ramp: 0 below -1/2, z + 1/2 between, 1 above 1/2.

    Keras's `hard_sigmoid` has the slope 1/6 and reaches from -3 to 3.
    """
    return np.clip(floats(z) + 0.5, 0, 1)


def logistic(z: ArrayLike, slope: float = 1) -> Array:
    """The logistic function (sigmoid): 1 / (1 + exp(-slope * z)).

    Two places of the course print 1 / (1 + exp(z)), which falls where it should rise.
    """
    return np.exp(-softplus(-slope * floats(z)))  # 1 + exp(-z) itself would overflow at z = -710


def tanh(z: ArrayLike, slope: float = 1) -> Array:
    """The hyperbolic tangent of slope * z: 2 * logistic(2 * slope * z) - 1."""
    return np.tanh(slope * floats(z))


def relu(z: ArrayLike) -> Array:
    """The rectified linear unit: max(0, z)."""
    return np.maximum(0, floats(z))


def softplus(z: ArrayLike) -> Array:
    """A smooth ReLU: log(1 + exp(z))."""
    return np.logaddexp(0, floats(z))


def _zeros(z: ArrayLike) -> Array:
    return np.zeros_like(floats(z))


def _ones(z: ArrayLike) -> Array:
    return np.ones_like(floats(z))


def _piecewise_linear_derivative(z: ArrayLike) -> Array:
    return np.where(np.abs(floats(z)) < 0.5, 1.0, 0.0)


def _logistic_derivative(z: ArrayLike, slope: float = 1) -> Array:
    return slope * logistic(z, slope) * logistic(z, -slope)  # 1 - logistic(z) would be 0 from z = 37 on


def _tanh_derivative(z: ArrayLike, slope: float = 1) -> Array:
    return 2 * _logistic_derivative(z, 2 * slope)


def _relu_derivative(z: ArrayLike) -> Array:
    return np.where(floats(z) > 0, 1.0, 0.0)


_ALL = (
    Activation("heaviside", heaviside, _zeros),
    Activation("sign", sign, _zeros),
    Activation("linear", linear, _ones),
    Activation("piecewise_linear", piecewise_linear, _piecewise_linear_derivative),
    Activation("logistic", logistic, _logistic_derivative),
    Activation("tanh", tanh, _tanh_derivative),
    Activation("relu", relu, _relu_derivative),
    Activation("softplus", softplus, logistic),
)

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType({activation.name: activation for activation in _ALL})
"""The eight by name, in the order of the course's table."""
