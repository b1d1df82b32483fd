"""Rows that are equal to others: counted by hand, and in the data of the course."""

import dataclasses
import os

import numpy as np
import pandas as pd
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset
from dlstudy.datasets.structure import take
from dlstudy.datasets.twins import Twins, count_twins, n_repeats, row_digests
from dlstudy.study.leakage import twins_of
from dlstudy.study.split import Split

DATA = os.environ.get("DLSTUDY_DATA", "")


def counted(x, y, x_test, y_test):
    x, x_test = np.asarray(x, float), np.asarray(x_test, float)
    return count_twins(row_digests(x), np.asarray(y), row_digests(x_test), np.asarray(y_test))


def test_a_twin_is_equal_in_all_features():
    assert counted([[1, 2], [3, 4]], [0, 1], [[1, 2], [1, 4], [3, 4], [3, 4]], [0, 0, 1, 1]) == Twins(4, 3, 0)


def test_a_twin_of_another_label_is_counted_apart():
    x, y = [[1], [1], [2]], [0, 1, 0]
    assert counted(x, y, [[1], [2], [2]], [1, 1, 0]) == Twins(3, 2 + 1, 1)


def test_zeros_of_either_sign_and_missing_values_are_equal():
    assert counted([[0.0, np.nan]], [0], [[-0.0, np.nan]], [0]).n_equal == 1


def test_images_are_rows_too():
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2)[[0, 1, 2, 0, 0]]
    assert n_repeats(row_digests(images)) == 2
    assert n_repeats(row_digests(images / np.float32(255))) == 2


def test_rows_of_tables_texts_and_structures_are_compared_in_all_their_parts():
    table = pd.DataFrame({"a": [1.0, np.nan, 1.0, -0.0], "b": pd.Categorical(["x", "y", "x", "y"])})
    texts = np.array(["one", None, "one", "two"], object)
    dates = np.array(["2020-01-01", "NaT", "2020-01-01", "2021-01-01"], "datetime64[D]")
    ragged = np.empty(4, object)
    ragged[:] = [np.array([1, 2]), np.array([1]), np.array([1, 2]), np.array([], int)]
    for rows in (table, texts, dates, ragged, {"table": table, "more": (texts, dates)}):
        digests = row_digests(rows)
        assert n_repeats(digests) == 1
        assert digests[0] == digests[2]
    differs = {"table": table, "more": np.arange(4)}
    assert n_repeats(row_digests(differs)) == 0
    zeros = pd.DataFrame({"a": [0.0, np.nan, 5.0, 6.0]})
    assert np.isin(row_digests(zeros), row_digests(table[["a"]])).tolist() == [True, True, False, False]
    assert len(row_digests(take({"table": table, "more": (texts, dates, ragged)}, slice(0)))) == 0


@pytest.mark.parametrize(
    ("name", "y"),
    [("none", None), ("array", np.array([[1, 2], [1, 3], [2, 2]])), ("dict", {"one": np.arange(3), "two": np.ones(3)})],
)
def test_targets_of_any_form_are_compared(monkeypatch, name, y):
    x = pd.DataFrame({"a": ["one", "two", "one"]})
    data = Dataset(dataclasses.replace(registry.describe("digits"), n_test=0), x, y, x[:0], None)
    monkeypatch.setattr(registry, "load", {name: data}.get)
    assert twins_of(name, Split(0, last=1)) == Twins(1, 1, 0 if y is None else 1)
    digests = row_digests(x)
    tested = None if y is None else take(y, slice(2, 3))
    assert count_twins(digests[:2], None if y is None else take(y, slice(2)), digests[2:], tested).n_equal == 1


def test_a_part_without_rows_has_no_twins():
    assert counted(np.ones((2, 3)), [0, 1], np.ones((0, 3)), []) == Twins(0, 0, 0)


def test_it_is_said_in_a_sentence():
    assert str(Twins(1_400, 60, 0)) == "60 of 1,400 test rows are equal to a training row in all features"
    assert str(Twins(400, 60, 3)).endswith("in all features, 3 of them with another target")


@pytest.mark.skipif(not DATA, reason="DLSTUDY_DATA, a folder with the tables, is not set")
def test_sixty_of_the_courses_400_wines_are_equal_to_one_that_trains_and_none_in_groups_of_equal_rows():
    assert twins_of("wine", Split(0.25, 0.25, 42)) == Twins(400, 60, 0)
    for number in range(3):
        assert twins_of("wine", Split(0.25, 0.25, 42, "groups", "equal rows"), number).n_equal == 0


def test_the_digits_have_no_twins():
    assert twins_of("digits", Split(validation=0.2)) == Twins(360, 0, 0)
