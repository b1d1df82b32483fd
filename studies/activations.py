"""Which activation functions let a deep net learn MNIST, and does a deep net without any learn more than a linear map?

Eight hidden layers of 64 units, one activation function an arm, nothing else differs. Plain SGD trains them: an
optimizer such as Adam rescales each weight's gradient, which hides whether it vanished. Each arm's rate is tuned with
the same number of trials, so that no arm loses for a rate that suits another. `probe` measures the norm of the loss's
gradient in the kernels of the first and of the last hidden layer, before the first step and after the last; their ratio
is near 0 where gradients vanish on the way to the first layer. 12,000 images, 2,000 of which validate, keep the study
short.

The pictures: every arm's gradients by layer; with `sigmoid` and `tanh` their curves for several slopes; with `relu` the
course's eight functions and their derivatives.

Source: the course's chapter on activation functions, which prints no run. Glorot and Bengio 2010, "Understanding the
difficulty of training deep feedforward neural networks", on vanishing gradients.
"""

import math
from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-3, 1.0, log=True)}
DEFAULT = {"learning_rate": 0.01}
BLUE, RED, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


def build(p: dict[str, Any]) -> Any:
    """So many hidden layers of 64 units with the activation function of p, and a softmax layer."""
    import keras

    hidden = [keras.layers.Dense(64, activation=p["activation"]) for _ in range(p["hidden_layers"])]
    output = keras.layers.Dense(p["n_classes"], activation="softmax")
    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Flatten(), *hidden, output])
    optimizer = keras.optimizers.SGD(p["learning_rate"])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def gradient_norms(model: Any, x: Any, y: Any) -> list[float]:
    """The norm of the loss's gradient in each kernel, the first layer's first, over the first 1,000 rows."""
    import keras
    import tensorflow as tf

    kernels = [layer.kernel.value for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y[:1_000], model(x[:1_000])))
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, kernels)]


def probe(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, float]:
    """The norms of the gradient in the first and in the last hidden layer, and their ratio."""
    if not p["hidden_layers"]:
        return {}
    first, *_, last, _ = gradient_norms(model, x, y)
    return {"gradient_first": first, "gradient_last": last, "gradient_ratio": first / last if last else math.nan}


def draw(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The gradients of the trained model and of a new one by layer, and curves of activation functions."""
    pictures = {"gradient norm by layer": draw_gradients(model, x, y, p)} if p["hidden_layers"] else {}
    if p["activation"] in ("sigmoid", "tanh"):
        name = {"sigmoid": "logistic"}.get(p["activation"], p["activation"])
        pictures[f"{name} for several slopes"] = draw_slopes(name)
    if p["activation"] == "relu":
        pictures["activation functions and their derivatives"] = draw_functions()
    return pictures


def draw_gradients(model: Any, x: Any, y: Any, p: dict[str, Any]) -> Any:
    """The norm of the gradient in each layer, before and after training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for net, color, style, label in ((build(p), BLUE, "o-", "a new net"), (model, RED, "s--", "the trained net")):
        norms = gradient_norms(net, x, y)
        axes.semilogy(range(1, len(norms) + 1), norms, style, color=color, label=label)
    axes.set(xlabel="layer, from the inputs to the output", ylabel="norm of the loss's gradient")
    axes.set_title(f"activation function: {p['activation']}", fontsize=10)
    axes.legend(frameon=False)
    return figure


def draw_slopes(name: str) -> Any:
    """A function of `dlstudy.scratch` and its derivative for four slopes."""
    import numpy as np
    from matplotlib.figure import Figure

    from dlstudy.scratch.activations import ACTIVATIONS

    z = np.linspace(-6, 6, 241)
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, what in zip(figure.subplots(1, 2), ("function", "derivative"), strict=True):
        for slope, color, line in ((0.5, BLUE, "-"), (1, RED, "--"), (2, GREEN, "-."), (5, PINK, ":")):
            values = getattr(ACTIVATIONS[name], what)(z, slope)
            axes.plot(z, values, color=color, linestyle=line, label=f"slope {slope:g}")
        axes.set(xlabel="z", title=f"{name}: {what}")
    figure.axes[0].legend(frameon=False)
    return figure


def draw_functions() -> Any:
    """The eight functions of `dlstudy.scratch` with their derivatives."""
    import numpy as np
    from matplotlib.figure import Figure

    from dlstudy.scratch.activations import ACTIVATIONS

    z = np.linspace(-3, 3, 601)
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, activation in zip(
        figure.subplots(2, 4, sharex=True, sharey=True).flat, ACTIVATIONS.values(), strict=True
    ):
        axes.plot(z, activation.function(z), color=BLUE, label="function")
        axes.plot(z, activation.derivative(z), color=RED, linestyle="--", label="derivative")
        axes.set(title=activation.name.replace("_", " "), ylim=(-1.6, 3.1))
    for axes in figure.axes[4:]:
        axes.set_xlabel("z")
    figure.axes[0].legend(frameon=False, loc="upper left")
    return figure


def deep(name: str, activation: str, text: str) -> Arm:
    """A net of eight hidden layers."""
    return Arm(name, {"activation": activation, "hidden_layers": 8}, RATE, defaults=DEFAULT, text=text)


STUDY = Study(
    question="Which activation functions let a deep net learn MNIST?",
    dataset="mnist",
    ranks=False,
    build=build,
    probe=probe,
    draw=draw,
    arms=[
        Arm("shallow", {"activation": "linear", "hidden_layers": 0}, RATE, defaults=DEFAULT,
            text="softmax regression: one linear map, no hidden layer"),
        deep("linear", "linear", "no activation function: a product of nine linear maps"),
        deep("sigmoid", "sigmoid", "the logistic function, which saturates at 0 and 1"),
        deep("tanh", "tanh", "the hyperbolic tangent, which saturates at -1 and 1"),
        deep("relu", "relu", "max(0, z), which saturates on one side only"),
        deep("softplus", "softplus", "log(1 + exp(z)), a smooth ReLU"),
    ],
    protocol=Protocol(epochs=10, batch_size=32, trials=8, seeds=8, split=Split(validation=2_000), rows=12_000),
    claims=[
        Claim("Without activation functions a deep net is one linear map (softmax regression does better)",
              better="shallow", than="linear", metric="test_accuracy"),
        Claim("Sigmoid makes a deep net hard to train", better="relu", than="sigmoid", metric="test_accuracy"),
        Claim("Tanh makes a deep net hard to train", better="relu", than="tanh", metric="test_accuracy"),
        Claim("ReLU does not make a deep net hard to train (it learns more than one linear map)",
              better="relu", than=("shallow", "linear"), metric="test_accuracy"),
        Claim("Gradients vanish with sigmoid, not with ReLU (first over last hidden layer, before the first step)",
              better="relu", than="sigmoid", metric="train_start_gradient_ratio", direction="maximize"),
        Claim("Gradients vanish with tanh, not with ReLU (first over last hidden layer, before the first step)",
              better="relu", than="tanh", metric="train_start_gradient_ratio", direction="maximize"),
    ],
)  # fmt: skip
