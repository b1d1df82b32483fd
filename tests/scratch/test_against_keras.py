"""Activations, losses and update rules against those of Keras on TensorFlow, in float64."""

import numpy as np
import pytest

from dlstudy.scratch.activations import ACTIVATIONS
from dlstudy.scratch.losses import LOSSES
from dlstudy.scratch.rules import RULES

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(0)
Z = np.array([-30.0, -2.5, -0.3, 0.0, 0.4, 1.7, 40.0])
P = RNG.dirichlet([1.0, 1.0, 1.0], size=5)  # (rows, classes)
T = RNG.dirichlet([1.0, 1.0, 1.0], size=5)
NUMBERS = (RNG.normal(size=(6, 1)), 2 * RNG.normal(size=(6, 1)))  # Keras takes the mean over the last axis
LABELS = np.array([0, 2, 1, 1, 0])


@pytest.mark.parametrize("name", ["linear", "logistic", "tanh", "relu", "softplus"])
def test_activation_and_derivative_are_those_of_keras(name):
    z = tf.constant(Z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = keras.activations.get("sigmoid" if name == "logistic" else name)(z)
    np.testing.assert_allclose(ACTIVATIONS[name].function(Z), value, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ACTIVATIONS[name].derivative(Z), tape.gradient(value, z), rtol=1e-12, atol=1e-15)


def numbers_in(low, high):
    return RNG.uniform(low, high, size=(6, 1))


LOSS_EXAMPLES = {
    "mae": (keras.losses.mean_absolute_error, *NUMBERS, {}),
    "mse": (keras.losses.mean_squared_error, *NUMBERS, {}),
    "huber": (keras.losses.huber, *NUMBERS, {"delta": 0.5}),
    "hinge": (keras.losses.hinge, np.sign(NUMBERS[0]), NUMBERS[1], {}),
    "binary_crossentropy": (keras.losses.binary_crossentropy, numbers_in(0, 1), numbers_in(0.01, 0.99), {}),
    "sigmoid_crossentropy": (
        lambda t, z: keras.losses.binary_crossentropy(t, z, from_logits=True),
        numbers_in(0, 1),
        numbers_in(-9, 9),
        {},
    ),
    "softmax_crossentropy": (
        lambda t, z: keras.losses.categorical_crossentropy(t, z, from_logits=True),
        T,
        RNG.normal(size=(5, 3)),
        {},
    ),
    "categorical_crossentropy": (keras.losses.categorical_crossentropy, T, P, {}),
    "sparse_categorical_crossentropy": (keras.losses.sparse_categorical_crossentropy, LABELS, P, {}),
    "kl_divergence": (keras.losses.kl_divergence, T, P, {}),
}


@pytest.mark.parametrize("name", LOSS_EXAMPLES)
def test_loss_and_gradient_are_those_of_keras(name):
    function, target, prediction, options = LOSS_EXAMPLES[name]
    y = tf.constant(prediction)
    with tf.GradientTape() as tape:
        tape.watch(y)
        value = function(target, y, **options)
    own = LOSSES[name](target, prediction, **options)
    gradient = own.gradient
    if name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        gradient = gradient + 1  # Keras divides p by its sum, and differentiates that, too
    np.testing.assert_allclose(own.value.reshape(len(prediction)), value, rtol=1e-6)
    np.testing.assert_allclose(gradient, tape.gradient(value, y), rtol=1e-6)


OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda **p: keras.optimizers.SGD(momentum=0.9, **p),
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("parameters", [{}, {"learning_rate": 0.3}], ids=["defaults", "rate"])
def test_ten_steps_are_those_of_keras(name, parameters):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(3, 2))
    variable = keras.Variable(weights, dtype="float64")
    optimizer, rule = OPTIMIZERS[name](**parameters), RULES[name](**parameters)
    state = rule.start(weights)
    start = weights  # Keras keeps rates and betas in float32, where 1 - 0.999 is right to five digits
    for scale in (1, 10, 0.1, 0, 1e-4, 1, -3, 1, 1, 100):
        gradient = scale * rng.normal(size=(3, 2))
        weights, state = rule.step(weights, gradient, state)
        optimizer.apply([tf.constant(gradient)], [variable])
        np.testing.assert_allclose(weights - start, variable.numpy() - start, rtol=2e-5, atol=1e-12)
