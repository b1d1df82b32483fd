"""The pictures that follow from what is to be learned: which there are, and the numbers in them."""

import dataclasses

import numpy as np
import pytest

from dlstudy.datasets import registry
from dlstudy.training.prediction_figures import figures_of_predictions

X = np.zeros((4, 2))
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 6)).astype(np.uint8)
NAMES = ("cat", "dog", "emu")


def drawn(task, y, x=X, names=NAMES, **found):
    about = dataclasses.replace(registry.describe("digits"), task=task, label_names=names, n_classes=len(names))
    return figures_of_predictions(about, x, y, found)


def numbers(figure):
    """The numbers in the grid, and the labels of its rows."""
    axes = figure.axes[0]
    texts = [float(text.get_text()) for text in axes.texts]
    return texts, [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.parametrize("y", [[0, 1, 1, 2], [[0], [1], [1], [2]], np.eye(3)[[0, 1, 1, 2]]], ids=["", "column", "hot"])
def test_labels_are_counted_by_the_names_of_the_data(y):
    figures = drawn("multiclass", np.array(y), labels=np.array([0, 1, 0, 2]))
    counts, rows = numbers(figures["confusion matrix"])
    assert counts == [1, 0, 0, 1, 1, 0, 0, 0, 1]
    assert rows == ["cat (1 rows)", "dog (2 rows)", "emu (1 rows)"]


def test_two_classes_that_a_study_makes_are_a_matrix_of_two():
    counts, rows = numbers(drawn("classification", np.array([5, 7, 7]), labels=np.array([5, 5, 7]))["confusion matrix"])
    assert (counts, rows) == ([1, 0, 1, 1], ["5 (1 rows)", "7 (2 rows)"])


def test_several_labels_a_row_have_precision_and_recall_each():
    y = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0], [1, 0, 0]])
    labels = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]])
    ((title, figure),) = drawn("multilabel", y, labels=labels).items()
    assert title == "precision and recall of each label"
    scores, rows = numbers(figure)
    assert scores == [0.67, 0.67, 0.67, 1, 0.5, 0.67, 0, 0, 0]  # precision, recall, F1
    assert rows == ["cat (3 rows)", "dog (2 rows)", "emu (1 rows)"]


def test_labels_of_steps_are_counted_over_all_steps():
    y, labels = np.array([[0, 1, 2], [2, 2, 0]]), np.array([[0, 1, 1], [2, 2, 0]])
    counts, rows = numbers(drawn("sequence", y, labels=labels)["confusion matrix of all steps"])
    assert counts == [2, 0, 0, 0, 1, 0, 0, 1, 2]
    assert rows[2] == "emu (3 steps)"


def test_each_target_of_a_regression_has_its_predictions_and_its_residuals():
    y = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    ((_, figure),) = drawn("regression", y, names=(), values=y + np.array([[1, 0], [0, 0], [0, -5]])).items()
    first, residuals, second, others = [axes.lines[0] for axes in figure.axes]
    np.testing.assert_allclose(first.get_xydata(), [[1, 2], [2, 2], [3, 3]])
    np.testing.assert_allclose(second.get_xydata(), [[10, 10], [20, 20], [30, 25]])
    np.testing.assert_allclose(residuals.get_ydata(), [1, 0, 0])
    np.testing.assert_allclose(others.get_ydata(), [0, 0, -5])
    assert figure.axes[2].get_title("left") == "target 1"


@pytest.mark.parametrize("kind", ["values", "outputs"])  # of a squared error, and of a crossentropy by pixel
def test_pictures_that_a_model_gives_are_below_their_originals(kind):
    x = PIXELS / 255
    output = np.clip(x + 0.1, 0, 1)
    ((title, figure),) = drawn("other", x, x, (), **{kind: output if kind == "values" else [output]}).items()
    assert title == "original and output"
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert len(shown) == 12
    np.testing.assert_allclose(shown[0], (x[0] - x[:6].min()) / np.ptp(x[:6]))
    assert (shown[6] > shown[0]).any()
    assert list(drawn("other", 1 - x, x, (), values=output)) == ["target and output"]


@pytest.mark.parametrize(
    ("task", "y", "found"),
    [
        ("other", None, {"values": np.zeros(4)}),
        ("other", {"a": X, "b": X}, {"outputs": [X, X]}),
        ("other", np.ones((4, 3)), {"values": np.ones((4, 3))}),
        ("regression", np.ones((4, 2)), {"values": np.ones(4)}),
        ("regression", np.ones(4), {"values": np.full(4, np.nan)}),
        ("multiclass", np.arange(4), {"outputs": [np.ones((4, 7))], "why": "it is an embedding"}),
        ("multiclass", np.arange(4), {"labels": np.array([[1, 0]] * 4)}),
        ("sequence", np.arange(400).reshape(4, 100), {"labels": np.arange(400).reshape(4, 100)}),  # too many to read
        ("other", PIXELS, {}),
    ],
)
def test_of_anything_else_nothing_is_drawn(task, y, found):
    assert drawn(task, y, names=(), **found) == {}
