"""Figures for studies whose names and numbers of classes are not those that one has in mind."""

import itertools

import numpy as np
import pytest

from dlstudy.toolkit.plots import confusion_matrix, image_rows


@pytest.mark.parametrize(
    ("names", "rotation"),
    [
        (["no", "yes"], 0),
        ([*"0123456789"], 0),
        (["a name", "another", "a third"], 0),
        (["a long name of a class"] * 3, 90),
    ],
    ids=["two", "ten", "three", "long"],
)
def test_the_names_of_classes_do_not_overlap(names, rotation):
    y = np.arange(len(names))
    figure = confusion_matrix(y, y, names)
    figure.draw_without_rendering()
    labels = figure.axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {rotation}
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_a_hundred_classes_are_shades_without_numbers():
    y = np.arange(100)
    axes = confusion_matrix(y, y, list(map(str, y))).axes[0]
    assert (len(axes.texts), axes.images[0].get_array().shape) == (0, (100, 100))


def test_rows_of_pictures_share_the_range_of_the_first():
    first = np.array([[[0.0, 2.0]], [[1.0, 4.0]]])
    shown = [axes.images[0].get_array() for axes in image_rows({"a": first, "b": first + 2}).axes]
    np.testing.assert_allclose(shown[1], [[0.25, 1]])
    np.testing.assert_allclose(shown[2], [[0.5, 1]])
    constant = image_rows({"a": np.zeros((1, 2, 2))}).axes[0].images[0].get_array()
    np.testing.assert_array_equal(constant, 0)
