"""What estimators predict, in one form whatever a row has: against the estimators' own methods."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from dlstudy.datasets import registry
from dlstudy.training.predicted import actual_as, of_estimator

X = np.random.default_rng(0).normal(size=(40, 3))


def about(task):
    return dataclasses.replace(registry.describe("digits"), task=task)


@pytest.mark.parametrize("labels", [[0, 1], [5, 7]], ids=["from 0", "those that prepare left"])
def test_probabilities_are_found_by_the_number_of_their_label(labels):
    y = np.array(labels)[(X[:, 0] > 0).astype(int)]
    model = LogisticRegression().fit(X, y)
    found = of_estimator(model, X, about("classification"))
    np.testing.assert_array_equal(found["labels"], model.predict(X))
    np.testing.assert_allclose(found["probabilities"][:, labels], model.predict_proba(X))
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1)


def test_several_labels_a_row_have_the_probability_of_each():
    y = (X > 0).astype(int)
    model = DecisionTreeClassifier(max_depth=2).fit(X, y)
    found = of_estimator(model, X, about("multilabel"))
    assert found["labels"].shape == found["probabilities"].shape == (40, 3)
    np.testing.assert_array_equal(found["probabilities"] > 0.5, found["labels"] == 1)
    one_sided = DecisionTreeClassifier(max_depth=2).fit(X, y * [1, 1, 0])  # which has no column for label 1
    assert set(of_estimator(one_sided, X, about("multilabel"))) == {"labels"}


@pytest.mark.parametrize("columns", [1, 2])
def test_values_have_a_dimension_for_targets_only_where_there_are_several(columns):
    y = X[:, :columns]
    found = of_estimator(LinearRegression().fit(X, y), X, about("regression"))
    assert found["values"].shape == ((40,) if columns == 1 else (40, 2))
    np.testing.assert_allclose(found["values"].reshape(y.shape), y, atol=1e-9)
    assert actual_as(found, y).shape == found["values"].shape


def test_targets_are_told_in_the_form_of_labels():
    labels = {"labels": np.array([0, 2])}
    np.testing.assert_array_equal(actual_as(labels, np.eye(3)[[1, 2]]), [1, 2])
    np.testing.assert_array_equal(actual_as(labels, np.array([[1], [2]])), [1, 2])
    assert actual_as(labels, {"a": np.ones(2)}) is None
    steps = {"labels": np.array([[0, 1], [1, 1]])}
    np.testing.assert_array_equal(actual_as(steps, np.array([[[0], [1]], [[1], [0]]])), [[0, 1], [1, 0]])
