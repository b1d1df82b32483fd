"""What all estimators from scratch promise: scikit-learn's interface, and files that skops can write and read."""

import numpy as np
import pytest
import skops.io
from sklearn.base import clone, is_classifier
from sklearn.utils.estimator_checks import check_estimator

from dlstudy.scratch.descent import ClosedFormRegressor, GradientDescentRegressor
from dlstudy.scratch.network import SigmoidNetwork
from dlstudy.scratch.perceptron import Perceptron

ESTIMATORS = [
    Perceptron(random_state=0),
    SigmoidNetwork(n_steps=300, random_state=0),
    GradientDescentRegressor(),
    GradientDescentRegressor(rule="adam", learning_rate=0.1, batch_size=32, loss="huber"),
    ClosedFormRegressor(),
]
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_passes_all_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    skipped = [result["check_name"] for result in results if result["status"] == "skipped"]
    assert set(skipped) <= {"check_array_api_input"}  # which needs a variable set before SciPy is imported


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_goes_through_a_file_of_skops_and_predicts_the_same(estimator, tmp_path):
    fitted = clone(estimator).fit(X, [0, 1, 1, 1])
    path = tmp_path / "a model's file.skops"
    skops.io.dump(fitted, path)
    unknown = skops.io.get_untrusted_types(file=path)
    assert unknown == [f"{type(fitted).__module__}.{type(fitted).__name__}"]
    loaded = skops.io.load(path, trusted=unknown)
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    assert vars(loaded).get("history_") == vars(fitted).get("history_")


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_history_is_lists_of_plain_floats_with_one_value_a_round(estimator):
    fitted = clone(estimator).fit(X, [0, 1, 1, 1])
    for values in getattr(fitted, "history_", {}).values():
        assert {type(value) for value in values} == {float}
        assert len(values) == fitted.n_iter_


@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if is_classifier(e)], ids=str)
def test_measured_values_are_no_labels(estimator):
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        clone(estimator).fit(X, [0.1, 0.7, 1.3, 2.9])
