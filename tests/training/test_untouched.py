"""Predictions in the units of the data, where `prepare` has changed the targets."""

import numpy as np
import pytest

from dlstudy.errors import TrialError
from dlstudy.training.untouched import undone

Y = np.array([3.0, 5.0, 9.0, 20.0])
LABELS = np.array([0, 1, 2, 2])


def test_a_scale_of_values_is_undone():
    prepared = (Y - Y.mean()) / Y.std()
    found = undone({"values": prepared[:2]}, Y, prepared.astype(np.float32), 0)
    assert found["values"] == pytest.approx(Y[:2])


def test_a_scale_of_each_target_is_undone():
    y = np.stack([Y, 2 * Y + np.arange(4)], axis=1)
    prepared = (y - y.mean(axis=0)) / y.std(axis=0)
    assert undone({"values": prepared}, y, prepared, 0)["values"] == pytest.approx(y)


def test_values_and_labels_that_are_as_they_were_stay():
    assert undone({"values": Y}, Y, Y, 0)["values"] is Y
    found = {"labels": LABELS}
    assert undone(found, LABELS, LABELS, 3) is found
    assert undone(found, LABELS, np.eye(3)[LABELS], 3) is found, "a column for each class"


def test_labels_with_other_numbers_get_their_own_again():
    chances = np.array([[0.1, 0.2, 0.7]])
    found = undone({"labels": np.array([2]), "probabilities": chances}, LABELS, (LABELS + 1) % 3, 3)
    assert found["labels"].tolist() == [1]
    assert found["probabilities"].tolist() == [[0.2, 0.7, 0.1]]


@pytest.mark.parametrize(
    ("found", "before", "after", "message"),
    [
        ({"values": Y}, Y, np.log(Y), "more than a scale and an offset"),
        ({"values": Y}, Y, np.stack([Y, Y], axis=1), "another form"),
        ({"values": Y}, Y, np.zeros(4), "more than a scale"),
        ({"labels": LABELS}, LABELS, (LABELS > 0).astype(int), "joins classes"),
    ],
)
def test_what_cannot_be_undone_is_said(found, before, after, message):
    with pytest.raises(TrialError, match=message):
        undone(found, before, after, 3)
