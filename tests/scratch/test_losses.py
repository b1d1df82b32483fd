"""Values and gradients of the course's losses."""

import numpy as np
import pytest
from scipy import special, stats

from dlstudy.errors import DataError
from dlstudy.scratch.losses import (
    LOSSES,
    binary_crossentropy,
    categorical_crossentropy,
    half_mse,
    hinge,
    huber,
    kl_divergence,
    mae,
    mse,
    pseudo_huber,
    sigmoid_crossentropy,
    softmax_crossentropy,
    sparse_categorical_crossentropy,
    sum_of_absolute_errors,
    sum_of_squared_errors,
)

NUMBERS = (np.array([0.5, -1.0, 2.0, 4.0]), np.array([0.2, 0.7, 1.9, -3.0]))
SIGNS = (np.array([1.0, -1.0, 1.0, -1.0]), np.array([0.3, 0.4, 2.0, -3.0]))
CHANCES = (np.array([0.0, 1.0, 0.3]), np.array([0.2, 0.7, 0.6]))
ROWS = (np.array([[0.0, 1.0, 0.0], [0.2, 0.3, 0.5]]), np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2]]))
EXAMPLES = dict.fromkeys(LOSSES, ROWS) | dict.fromkeys(["mae", "mse", "half_mse", "huber", "pseudo_huber"], NUMBERS)
EXAMPLES |= dict.fromkeys(["binary_crossentropy", "sigmoid_crossentropy"], CHANCES)
EXAMPLES |= {"hinge": SIGNS, "sparse_categorical_crossentropy": (np.array([1, 2]), ROWS[1])}


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_slope_of_the_value(name):
    loss, (target, prediction), h = LOSSES[name], EXAMPLES[name], 1e-6
    slopes = np.empty(prediction.shape)
    for index in np.ndindex(prediction.shape):
        step = np.zeros(prediction.shape)
        step[index] = h
        change = loss(target, prediction + step).value - loss(target, prediction - step).value
        slopes[index] = change.sum() / (2 * h)
    np.testing.assert_allclose(loss(target, prediction).gradient, slopes, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_numbers_keep_the_shape_and_those_of_distributions_lose_the_classes(name):
    target, prediction = EXAMPLES[name]
    value, gradient = LOSSES[name](target, prediction)
    assert value.shape == (prediction.shape if prediction.ndim == 1 else prediction.shape[:1])
    assert (gradient.shape, value.dtype, gradient.dtype) == (prediction.shape, np.float64, np.float64)


def test_losses_of_an_error_by_hand():
    np.testing.assert_array_equal(mae([1, 1, 1], [3, 1, 0]), ([2, 0, 1], [1, 0, -1]))
    np.testing.assert_array_equal(mse([1, 1, 1], [3, 1, 0]), ([4, 0, 1], [4, 0, -2]))
    np.testing.assert_array_equal(huber([0, 0, 0], [0.5, 1, -3]), ([0.125, 0.5, 2.5], [0.5, 1, -1]))


def test_gradient_of_half_the_squared_error_points_from_the_target_to_the_prediction():
    np.testing.assert_array_equal(half_mse([1.0], [3.0]), ([2], [2]))  # a - y, not y - a


@pytest.mark.parametrize("delta", [0.1, 1, 10])
def test_huber_is_that_of_scipy(delta):
    error = np.linspace(-20, 20, 41)
    np.testing.assert_allclose(huber(0 * error, error, delta).value, special.huber(delta, error), rtol=1e-14)


@pytest.mark.parametrize("delta", [0.2, 1, 5])
def test_pseudo_huber_is_that_of_scipy(delta):
    error = np.linspace(-20, 20, 41)
    expected = special.pseudo_huber(delta, error)
    np.testing.assert_allclose(pseudo_huber(0 * error, error, delta).value, expected, rtol=1e-12)


def test_pseudo_huber_of_a_tiny_error_is_half_its_square():
    np.testing.assert_allclose(pseudo_huber([0.0], [1e-9]).value, [5e-19], rtol=1e-12)


def test_hinge_is_zero_from_the_margin_on():
    np.testing.assert_array_equal(hinge([1, 1, -1], [0.25, 1, 2]), ([0.75, 0, 3], [-1, 0, 1]))


def test_cross_entropies_of_a_fair_coin_are_a_bit():
    bit = np.log(2)
    np.testing.assert_allclose(binary_crossentropy([0, 1], [0.5, 0.5]).value, bit)
    np.testing.assert_allclose(sigmoid_crossentropy([0, 1], [0.0, 0.0]).value, bit)
    np.testing.assert_allclose(softmax_crossentropy([[0, 1]], [[7.0, 7.0]]).value, bit)
    np.testing.assert_allclose(categorical_crossentropy([[0, 1]], [[0.5, 0.5]]).value, bit)
    np.testing.assert_allclose(sparse_categorical_crossentropy([1], [[0.5, 0.5]]).value, bit)


def test_probabilities_and_logits_give_the_same_loss():
    z = np.array([[0.3, -1.2, 2.0], [0.0, 5.0, -4.0]])
    p = special.softmax(z, axis=1)
    expected = categorical_crossentropy(ROWS[0], p).value
    np.testing.assert_allclose(softmax_crossentropy(ROWS[0], z).value, expected, rtol=1e-13)
    expected = binary_crossentropy([[0, 1, 0.3]], special.expit(z[:1])).value
    np.testing.assert_allclose(sigmoid_crossentropy([[0, 1, 0.3]], z[:1]).value, expected, rtol=1e-13)


def test_logits_may_be_far_out():
    np.testing.assert_allclose(sigmoid_crossentropy([1, 0, 1], [-800.0, 800.0, 40.0]).value, [800, 800, np.exp(-40.0)])
    value, gradient = softmax_crossentropy([[1, 0]], [[-800.0, 800.0]])
    np.testing.assert_array_equal([*value, *gradient[0]], [1600, -1, 1])


def test_a_sure_prediction_costs_nothing_or_infinity():
    np.testing.assert_array_equal(binary_crossentropy([0, 1, 1], [0, 1, 0]), ([0, 0, np.inf], [1, -1, -np.inf]))
    np.testing.assert_array_equal(categorical_crossentropy([[1, 0], [0, 1]], [[1, 0], [1, 0]]).value, [0, np.inf])


def test_kullback_leibler_divergence_is_that_of_scipy_and_zero_between_equals():
    expected = [stats.entropy(t, p) for t, p in zip(*ROWS, strict=True)]
    np.testing.assert_allclose(kl_divergence(*ROWS).value, expected, rtol=1e-13)
    np.testing.assert_allclose(kl_divergence(ROWS[0], ROWS[0]).value, 0, atol=1e-16)


def test_the_sums_of_the_course_come_out_and_its_misprint_is_an_overflow():
    actual, predicted = np.full(10_000, 100), np.arange(-10_000, 10_000, 2)
    assert sum_of_absolute_errors(actual, predicted) == 50_005_100
    assert sum_of_squared_errors(actual, predicted) == 333_435_340_000
    assert sum_of_squared_errors(actual, predicted, dtype=np.int32) == -1_572_109_088


def test_a_column_against_a_vector_is_refused():
    with pytest.raises(DataError, match=r"must have the same shape, got \(3,\) and \(3, 1\): reshape one"):
        mse(np.zeros(3), np.zeros((3, 1)))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0.0, 1.0]])
def test_class_numbers_outside_the_classes_are_refused(labels):
    with pytest.raises(DataError, match="targets must be whole numbers from 0 to 2"):
        sparse_categorical_crossentropy(labels, ROWS[1])
