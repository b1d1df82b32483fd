"""Figures of the course's functions: activations with their derivatives, and losses."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dlstudy.scratch import losses
from dlstudy.scratch.activations import ACTIVATIONS
from dlstudy.toolkit.plots import Panel, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["activation_functions", "losses_of_classes", "losses_of_numbers", "slopes"]

_SLOPES = (0.5, 1, 2, 5)


def activation_functions() -> "Figure":
    """All activation functions of `dlstudy.scratch` with their derivatives."""
    z = np.linspace(-3, 3, 601)
    shown = [
        Panel(
            {"function": activation.function(z), "derivative": activation.derivative(z)},
            z,
            title=activation.name.replace("_", " "),
            ylim=(-1.6, 3.1),
        )
        for activation in ACTIVATIONS.values()
    ]
    return panels(shown, columns=4, size=(10, 5), shared=True)


def slopes(name: str) -> "Figure":
    """An activation function and its derivative for four slopes.

    Args:
        name: of one that takes a slope, such as `logistic` or `tanh`.
    """
    z, chosen = np.linspace(-6, 6, 241), ACTIVATIONS[name]
    shown = [
        Panel({f"slope {s:g}": curve(z, s) for s in _SLOPES}, z, xlabel="z", title=f"{name}: {what}")
        for what, curve in (("function", chosen.function), ("derivative", chosen.derivative))
    ]
    return panels(shown, columns=2, size=(8, 3.2))


def losses_of_numbers() -> "Figure":
    """Absolute, squared, Huber's and pseudo-Huber loss of an error."""
    error = np.linspace(-4, 4, 401)
    zeros = np.zeros_like(error)
    both = {"MAE": losses.mae(zeros, error), "MSE": losses.mse(zeros, error)}
    huber = {f"Huber, delta {d:g}": losses.huber(zeros, error, d) for d in (0.1, 1, 10)}
    pseudo = {f"pseudo-Huber, delta {d:g}": losses.pseudo_huber(zeros, error, d) for d in (0.2, 1, 5)}
    return panels(
        [_panel(both | more, error, "error (prediction - target)", 8) for more in (huber, pseudo)],
        columns=2,
        size=(9, 3.8),
    )


def losses_of_classes() -> "Figure":
    """Hinge loss and cross-entropies of an output; cross-entropy and Kullback-Leibler divergence of a probability."""
    output, p = np.linspace(-4, 4, 401), np.linspace(0.005, 0.995, 199)
    ones, pairs = np.ones_like(output), np.column_stack([p, 1 - p])
    sure, wanted = (np.tile([share, 1 - share], (len(p), 1)) for share in (1.0, 0.7))
    right = np.tile([1.0, 0.0], (len(output), 1))
    of_outputs = {
        "hinge (target 1)": losses.hinge(ones, output),
        "sigmoid cross-entropy": losses.sigmoid_crossentropy(ones, output),
        "softmax cross-entropy (other logit 1)": losses.softmax_crossentropy(right, np.column_stack([output, ones])),
    }
    of_probabilities = {
        "cross-entropy, target 1": losses.categorical_crossentropy(sure, pairs),
        "cross-entropy, target 0.7": losses.categorical_crossentropy(wanted, pairs),
        "Kullback-Leibler, target 0.7": losses.kl_divergence(wanted, pairs),
    }
    return panels(
        [
            _panel(of_outputs, output, "output for the right class", 5),
            _panel(of_probabilities, p, "probability given to the class", 5),
        ],
        columns=2,
        size=(9, 3.8),
    )


def _panel(shown: dict[str, Any], x: np.ndarray, xlabel: str, top: float) -> Panel:  # Any: what `losses` gives
    lines = {label: loss.value for label, loss in shown.items()}
    return Panel(lines, x, xlabel=xlabel, ylabel="loss", ylim=(0, top))
