"""First steps of the update rules by hand; `test_against_keras.py` follows them further."""

import numpy as np
import pytest

from dlstudy.scratch.rules import RULES, Adadelta, Adagrad, Adam, Rmsprop, Sgd

WEIGHTS, GRADIENT = np.array([1.0, -2.0]), np.array([0.5, -4.0])


def walk(rule, gradients, weights=WEIGHTS):
    state = rule.start(weights)
    for gradient in gradients:
        weights, state = rule.step(weights, gradient, state)
    return weights


def test_sgd_goes_downhill_by_the_rate_times_the_gradient():
    np.testing.assert_allclose(walk(Sgd(0.1), [GRADIENT]), [0.95, -1.6])


def test_momentum_makes_a_share_of_the_previous_step_again():
    # steps: -0.05, then 0.9 * -0.05 - 0.05
    np.testing.assert_allclose(walk(Sgd(0.1, 0.9), [GRADIENT, GRADIENT])[0], 1 - 0.05 - 0.095)


def test_adagrad_divides_by_the_root_of_all_squares_so_far():
    expected = 1 - 0.1 * 0.5 / np.sqrt(0.35) - 0.1 * 0.5 / np.sqrt(0.6)
    np.testing.assert_allclose(walk(Adagrad(0.1, epsilon=0), [GRADIENT, GRADIENT])[0], expected)


def test_rmsprop_divides_by_the_root_of_a_fading_mean():
    expected = 1 - 0.1 * 0.5 / np.sqrt(0.1 * 0.25) - 0.1 * 0.5 / np.sqrt(0.19 * 0.25)
    np.testing.assert_allclose(walk(Rmsprop(0.1, epsilon=0), [GRADIENT, GRADIENT])[0], expected)


def test_first_step_of_adadelta_follows_from_its_small_constant_alone():
    expected = 1 - np.sqrt(1e-7) * 0.5 / np.sqrt(0.05 * 0.25 + 1e-7)
    np.testing.assert_allclose(walk(Adadelta(1.0), [GRADIENT])[0], expected)


def test_first_step_of_adam_is_the_rate_whatever_the_gradient():
    np.testing.assert_allclose(walk(Adam(0.1), [GRADIENT]), [0.9, -1.9], rtol=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_a_step_changes_neither_weights_nor_state(name):
    rule, weights = RULES[name](), WEIGHTS.copy()
    _, state = rule.step(weights, GRADIENT, rule.start(weights))
    first, second = rule.step(weights, GRADIENT, state)[0], rule.step(weights, GRADIENT, state)[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(weights, WEIGHTS)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_gets_to_the_bottom_of_a_bowl(name):
    rule = RULES[name](learning_rate=1.0 if name == "adadelta" else 0.05)
    weights = np.array([1.0, -2.0])
    state = rule.start(weights)
    for _ in range(2_000):
        weights, state = rule.step(weights, 2 * weights, state)
    np.testing.assert_allclose(weights, 0, atol=0.05)


def test_names_are_those_of_the_course_and_momentum_is_sgd_with_momentum():
    assert list(RULES) == ["sgd", "momentum", "adagrad", "adadelta", "rmsprop", "adam"]
    assert RULES["momentum"](learning_rate=0.1) == Sgd(0.1, 0.9)
