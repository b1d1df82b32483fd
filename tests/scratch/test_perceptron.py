"""The course's perceptron: its printed figures, and what no perceptron can learn."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import Perceptron as RowByRow

from dlstudy.errors import DataError, UsageError
from dlstudy.scratch.perceptron import Perceptron
from dlstudy.scratch.separability import is_linearly_separable, separable_labelings

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
AND, OR, XOR = (0, 0, 0, 1), (0, 1, 1, 1), (0, 1, 1, 0)
PRINTED_START = [4.4953e-05, 1.85654e-04, -3.1468e-05]


def test_and_has_the_printed_weights():
    neuron = Perceptron(initial_weights=PRINTED_START).fit(CORNERS, AND)
    np.testing.assert_allclose(neuron.weights_, [0.50004495, 0.50018565, 0.99996853], atol=6e-9)
    np.testing.assert_array_equal(neuron.predict(CORNERS), AND)
    assert (neuron.n_iter_, neuron.converged_) == (5, True)
    assert neuron.history_ == {"errors": [1, 1, 2, 1, 0], "accuracy": [0.75, 0.75, 0.5, 0.75, 1]}


def test_or_has_the_printed_weights_after_its_first_epoch():
    # The start is not printed. A step is a multiple of 0.5, so of starts near zero these alone fit the printed weights.
    neuron = Perceptron(initial_weights=[-4e-5, 1.1e-4, 4e-5], n_epochs=1).fit(CORNERS, OR)
    np.testing.assert_allclose(neuron.weights_, [0.49996, 0.00011, -0.49996], atol=1e-12)
    assert not neuron.converged_


@pytest.mark.parametrize("seed", range(5))
def test_and_and_or_are_learned_from_any_start(seed):
    for labels in (AND, OR):
        neuron = Perceptron(random_state=seed).fit(CORNERS, labels)
        np.testing.assert_array_equal(neuron.predict(CORNERS), labels)


def test_xor_is_never_right_in_fifty_epochs():
    neuron = Perceptron(n_epochs=50, random_state=0).fit(CORNERS, XOR)
    assert (neuron.n_iter_, neuron.converged_) == (50, False)
    assert min(neuron.history_["errors"]) >= 1


def test_the_step_is_zero_at_zero_as_in_the_code_of_the_course():
    neuron = Perceptron(initial_weights=[0, 0, 0], n_epochs=1).fit(CORNERS, AND)
    np.testing.assert_array_equal(neuron.weights_, [0.5, 0.5, -0.5])  # only the row that should fire and did not


def test_agrees_with_scikit_learn_on_separable_rows():
    x, y = make_blobs(200, centers=[[-3, -3], [3, 3]], random_state=0)
    neuron = Perceptron(n_epochs=1000, random_state=0).fit(x, y)
    assert neuron.converged_
    np.testing.assert_array_equal(neuron.predict(x), RowByRow(tol=None).fit(x, y).predict(x))


def test_labels_may_be_words_and_the_second_of_the_alphabet_fires():
    neuron = Perceptron(random_state=0).fit(CORNERS, ["off", "off", "off", "on"])
    assert list(neuron.predict([[1, 1], [0, 0]])) == ["on", "off"]
    assert neuron.decision_function([[1, 1]]) > 0


def test_the_same_seed_gives_the_same_start_near_zero():
    first, second, other = (Perceptron(random_state=seed)._first_weights(3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()
    assert np.abs(first).max() < 1e-3


def test_wrong_parameters_are_refused():
    with pytest.raises(UsageError, match="n_epochs must be at least 1, got 0: raise it"):
        Perceptron(n_epochs=0).fit(CORNERS, AND)
    with pytest.raises(UsageError, match=r"must be 3 numbers, the inputs' and the bias's, got shape \(2,\): give 3"):
        Perceptron(initial_weights=[1, 2]).fit(CORNERS, AND)


@pytest.mark.parametrize(
    ("labels", "message"), [((0, 0, 0, 0), "two classes, got one class, 0"), ((0, 1, 2, 0), "got a multiclass target")]
)
def test_labels_of_other_than_two_classes_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        Perceptron().fit(CORNERS, labels)


def test_a_line_gives_all_labellings_of_a_square_but_xor_and_its_opposite():
    found = separable_labelings(CORNERS)
    assert len(found) == 14
    assert {XOR, (1, 0, 0, 1)}.isdisjoint(found)
    assert {AND, OR} < found


@pytest.mark.parametrize(
    ("points", "n"),
    [
        ([[0, 0]], 2),
        ([[0, 0], [2, 1], [1, 3]], 8),
        ([[0, 0], [1, 1], [2, 2]], 6),  # on a line: the middle one cannot stand alone
        ([[0, 0], [5, 0], [4, 4], [1, 5], [-2, 3]], 22),  # n^2 - n + 2
        ([[0], [1], [2], [3]], 8),  # 2n on a line
    ],
)
def test_the_number_of_labellings_is_covers(points, n):
    assert len(separable_labelings(points)) == n


def test_separable_is_what_the_perceptron_learns():
    x, y = make_blobs(60, centers=[[-3, -3], [3, 3]], random_state=0)
    assert is_linearly_separable(x, y)
    assert is_linearly_separable(1e6 + x * [1e-6, 1e3], y)  # a change of units and origin does not matter
    y[0] = 1 - y[0]
    assert not is_linearly_separable(x, y)


def test_two_classes_at_one_point_are_not_separable_and_one_class_alone_is():
    assert not is_linearly_separable([[1, 1], [1, 1]], [0, 1])
    assert is_linearly_separable([[1, 1], [1, 1]], ["a", "a"])


def test_separability_refuses_what_does_not_fit():
    with pytest.raises(DataError, match=r"must be \(n, features\) and y \(n,\), n > 0, got \(4, 2\) and \(3,\)"):
        is_linearly_separable(CORNERS, [0, 1, 1])
    with pytest.raises(DataError, match=r"n > 0, got \(0,\)"):
        separable_labelings([])
    with pytest.raises(DataError, match="at the most two classes, got 3"):
        is_linearly_separable(CORNERS, [0, 1, 2, 1])
