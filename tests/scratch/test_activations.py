"""Values and derivatives of the course's eight activations."""

import numpy as np
import pytest

from dlstudy.scratch.activations import ACTIVATIONS, heaviside, logistic, piecewise_linear, relu, sign, softplus, tanh

SMOOTH = np.array([-3.3, -0.7, -0.2, 0.1, 0.4, 0.9, 2.6])  # away from every kink


def test_the_eight_are_there_in_the_order_of_the_course():
    names = ["heaviside", "sign", "linear", "piecewise_linear", "logistic", "tanh", "relu", "softplus"]
    assert list(ACTIVATIONS) == names
    assert [activation.name for activation in ACTIVATIONS.values()] == names


def test_steps_have_their_middle_value_at_zero():
    np.testing.assert_array_equal(heaviside([-2, 0, 3]), [0, 0.5, 1])
    np.testing.assert_array_equal(sign([-2, 0, 3]), [-1, 0, 1])


def test_the_ramp_rises_from_minus_a_half_to_a_half():
    np.testing.assert_array_equal(piecewise_linear([-9, -0.5, -0.25, 0, 0.5, 9]), [0, 0, 0.25, 0.5, 1, 1])


def test_logistic_rises_as_the_misprinted_one_does_not():
    np.testing.assert_allclose(logistic([-1, 0, 1]), [0.2689414213699951, 0.5, 0.7310585786300049], rtol=1e-15)


def test_a_slope_multiplies_the_argument():
    np.testing.assert_allclose(logistic(0.5, slope=2), 1 / (1 + np.exp(-1)), rtol=1e-15)
    np.testing.assert_allclose(tanh(0.5, slope=2), np.tanh(1), rtol=1e-15)


def test_far_arguments_neither_overflow_nor_lose_their_value():
    np.testing.assert_array_equal(logistic([-800, 800]), [0, 1])
    np.testing.assert_allclose(logistic(-700), np.exp(-700.0), rtol=1e-12)
    np.testing.assert_array_equal(softplus([-800, 800]), [0, 800])
    np.testing.assert_allclose(ACTIVATIONS["logistic"].derivative([-700, 700]), np.exp(-700.0), rtol=1e-12)
    np.testing.assert_array_equal(ACTIVATIONS["tanh"].derivative([-800, 800]), [0, 0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_slope_of_the_function(name):
    activation, h = ACTIVATIONS[name], 1e-6
    slope = (activation.function(SMOOTH + h) - activation.function(SMOOTH - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(SMOOTH), slope, atol=1e-9)


@pytest.mark.parametrize("name", ["logistic", "tanh"])
def test_derivative_knows_the_slope_parameter(name):
    activation, h = ACTIVATIONS[name], 1e-6
    slope = (activation.function(SMOOTH + h, slope=3) - activation.function(SMOOTH - h, slope=3)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(SMOOTH, slope=3), slope, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "kinks"), [("heaviside", 0), ("sign", 0), ("relu", 0), ("piecewise_linear", [-0.5, 0.5])]
)
def test_derivative_at_a_kink_is_zero(name, kinks):
    np.testing.assert_array_equal(ACTIVATIONS[name].derivative(kinks), np.zeros_like(kinks))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_shape_is_kept_and_the_type_is_float64(name):
    for function in (ACTIVATIONS[name].function, ACTIVATIONS[name].derivative):
        result = function(np.arange(6, dtype=np.int8).reshape(2, 3))
        assert (result.shape, result.dtype) == ((2, 3), np.float64)


def test_relu_cuts_off_what_is_negative():
    np.testing.assert_array_equal(relu([-1.5, 0, 2]), [0, 0, 2])
