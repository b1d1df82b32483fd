"""The course's XOR network."""

import numpy as np
import pytest

from dlstudy.errors import DataError, UsageError
from dlstudy.scratch.network import SigmoidNetwork, _backpropagate, _layers

CORNERS, XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
REPORTED = [0.0148, 0.9825, 0.9825, 0.0280]


def test_xor_comes_near_the_printed_outputs():
    outputs = SigmoidNetwork(random_state=84).fit(CORNERS, XOR).predict_proba(CORNERS)
    np.testing.assert_allclose(outputs[:, 1], REPORTED, atol=0.003)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-15)


def test_some_starts_learn_xor_and_some_do_not():
    starts = [SigmoidNetwork(random_state=seed).fit(CORNERS, XOR).score(CORNERS, XOR) for seed in range(12)]
    assert max(starts) == 1
    assert min(starts) < 1


def test_history_has_a_value_before_each_step():
    network = SigmoidNetwork(random_state=84).fit(CORNERS, XOR)
    assert {name: len(values) for name, values in network.history_.items()} == {"loss": 1000, "accuracy": 1000}
    assert network.history_["loss"][0] > network.history_["loss"][-1]
    assert network.history_["accuracy"][-1] == 1
    p = SigmoidNetwork(random_state=84, n_steps=999).fit(CORNERS, XOR).predict_proba(CORNERS)[range(4), XOR]
    np.testing.assert_allclose(network.history_["loss"][-1], -np.log(p).mean(), rtol=1e-12)


def test_gradient_is_the_slope_of_the_loss():
    rng, sizes, h = np.random.default_rng(0), (2, 3, 2, 1), 1e-6
    weights = rng.normal(size=9 + 8 + 3)
    loss = lambda w: _backpropagate(_layers(w, sizes), CORNERS, XOR)[0]  # noqa: E731
    slopes = [(loss(weights + step) - loss(weights - step)) / (2 * h) for step in h * np.eye(len(weights))]
    np.testing.assert_allclose(_backpropagate(_layers(weights, sizes), CORNERS, XOR)[2], slopes, atol=1e-9)


def test_weights_have_the_shapes_of_the_layers():
    network = SigmoidNetwork(hidden=(4, 3), n_steps=1, random_state=0).fit(CORNERS, XOR)
    assert [w.shape for w in network.weights_] == [(2, 4), (4, 3), (3, 1)]
    assert [b.shape for b in network.biases_] == [(4,), (3,), (1,)]


def test_without_a_hidden_layer_it_is_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    x, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    network = SigmoidNetwork(hidden=(), n_steps=2000, random_state=0).fit(x, y)
    exact = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y)
    np.testing.assert_allclose(network.weights_[0][:, 0], exact.coef_[0], atol=1e-6)
    np.testing.assert_allclose(network.biases_[0], exact.intercept_, atol=1e-6)


def test_momentum_makes_the_loss_fall_faster():
    plain, pushed = (SigmoidNetwork(momentum=m, random_state=0).fit(CORNERS, XOR) for m in (0, 0.9))
    assert pushed.history_["loss"][-1] < plain.history_["loss"][-1] / 5


def test_same_seed_gives_the_same_network():
    first, second = (SigmoidNetwork(n_steps=10, random_state=3).fit(CORNERS, XOR) for _ in range(2))
    assert first.history_ == second.history_


def test_a_rate_too_large_raises_nothing():
    network = SigmoidNetwork(learning_rate=1e308, n_steps=5, random_state=0).fit(CORNERS * 1e9, XOR)
    assert len(network.history_["loss"]) == 5
    assert network.predict(CORNERS).shape == (4,)


def test_wrong_parameters_and_labels_are_refused():
    with pytest.raises(UsageError, match="n_steps must be at least 1, got 0: raise it"):
        SigmoidNetwork(n_steps=0).fit(CORNERS, XOR)
    with pytest.raises(UsageError, match=r"a hidden layer must have a neuron, got \(2, 0\)"):
        SigmoidNetwork(hidden=(2, 0)).fit(CORNERS, XOR)
    with pytest.raises(DataError, match="two classes, got one class, 1"):
        SigmoidNetwork().fit(CORNERS, [1, 1, 1, 1])
