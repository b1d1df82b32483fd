"""Which activation functions let a deep net learn MNIST, and does a deep net without any learn more than a linear map?

Eight hidden layers of 64 units, one activation function an arm, nothing else differs. Plain SGD trains them: an
optimizer such as Adam rescales each weight's gradient, which hides whether it vanished. Each arm's rate is tuned with
the same number of trials, so that no arm loses for a rate that suits another. `extra_metrics` measures the norm of the
loss's gradient in the kernels of the first and of the last hidden layer, before the first step and after the last;
their ratio is near 0 where gradients vanish on the way to the first layer. 12,000 images, 2,000 of which validate, keep
the study short.

The figures: every arm's gradients by layer; with `sigmoid` and `tanh` their curves for several slopes; with `relu` the
course's eight functions and their derivatives.

Source: the course's chapter on activation functions, which reports no run. Glorot and Bengio 2010, "Understanding the
difficulty of training deep feedforward neural networks", on vanishing gradients.
"""

import math
from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Split, Study
from dlstudy.toolkit import plots

RATE = {"learning_rate": FloatDistribution(1e-3, 1.0, log=True)}
DEFAULT = {"learning_rate": 0.01}


def build(p: dict[str, Any]) -> Any:
    """Hidden layers of 64 units with the activation function of p, as many as it says, and a softmax layer."""
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


def extra_metrics(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, float]:
    """The norms of the gradient in the first and in the last hidden layer, and their ratio."""
    if not p["hidden_layers"]:
        return {}
    first, *_, last, _ = gradient_norms(model, x, y)
    return {"gradient_first": first, "gradient_last": last, "gradient_ratio": first / last if last else math.nan}


def figures(model: Any, x: Any, y: Any, p: dict[str, Any]) -> dict[str, Any]:
    """The gradients of the trained model and of a new one by layer, and curves of activation functions."""
    from dlstudy.scratch.figures import activation_functions, slopes

    made = {}
    if p["hidden_layers"]:
        norms = {"a new net": gradient_norms(build(p), x, y), "the trained net": gradient_norms(model, x, y)}
        made["gradient norm by layer"] = plots.curves(
            norms, xlabel="layer, from the inputs to the output", ylabel="norm of the loss's gradient",
            title=f"activation function: {p['activation']}", log=True, markers=True,
        )  # fmt: skip
    if p["activation"] in ("sigmoid", "tanh"):
        name = {"sigmoid": "logistic"}.get(p["activation"], p["activation"])
        made[f"{name} for several slopes"] = slopes(name)
    if p["activation"] == "relu":
        made["activation functions and their derivatives"] = activation_functions()
    return made


def deep(name: str, activation: str, text: str) -> Arm:
    """A net of eight hidden layers."""
    return Arm(name, {"activation": activation, "hidden_layers": 8}, RATE, defaults=DEFAULT, text=text)


STUDY = Study(
    question="Which activation functions let a deep net learn MNIST?",
    dataset="mnist",
    rank_arms=False,
    build=build,
    extra_metrics=extra_metrics,
    figures=figures,
    arms=[
        Arm("shallow", {"activation": "linear", "hidden_layers": 0}, RATE, defaults=DEFAULT,
            text="softmax regression: one linear map, no hidden layer"),
        deep("linear", "linear", "no activation function: a product of nine linear maps"),
        deep("sigmoid", "sigmoid", "the logistic function, which saturates at 0 and 1"),
        deep("tanh", "tanh", "the hyperbolic tangent, which saturates at -1 and 1"),
        deep("relu", "relu", "max(0, z), which saturates on one side only"),
        deep("softplus", "softplus", "log(1 + exp(z)), a smooth ReLU"),
    ],
    protocol=Protocol(epochs=10, batch_size=32, split=Split(validation=2_000), rows=12_000),
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
