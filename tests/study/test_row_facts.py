"""What splits need to know of the data: groups, classes and stated rows, in every form that data has."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset
from dlstudy.errors import StudyError
from dlstudy.study.row_facts import facts_in, facts_known, facts_of, require_facts
from dlstudy.study.split import EQUAL_ROWS, Split

PATIENTS = ["carl", "anna", "carl", "bert", "anna"]


def by(groups, **changes):
    return Split(0.5, 0.5, 1, groups=groups, **changes)


def about(**changes):
    return dataclasses.replace(registry.describe("wine"), name="mine", feature_names=(), input_shape=(2,), **changes)


def groups_of(name, x, stated=None, **changes):
    return facts_of(by(name), dataclasses.replace(about(), **changes), x, np.zeros(5), stated).groups.tolist()


def test_the_groups_are_the_equal_values_of_a_column_of_an_array():
    x = np.array([[3.0, 0], [1, 1], [3, 2], [2, 3], [1, 4]])
    assert groups_of("id", x, feature_names=("id", "dose")) == [2, 0, 2, 1, 0]


@pytest.mark.parametrize(
    "column",
    [
        PATIENTS,
        pd.Series(PATIENTS, dtype=object),
        pd.Categorical(PATIENTS, categories=["carl", "bert", "anna"]),
        pd.array([30, 10, 30, 20, 10], dtype="Int64"),
        pd.to_datetime(["2023", "2021", "2023", "2022", "2021"]),
        [True, False, True, True, False],
    ],
    ids=["texts", "objects", "categories", "numbers", "dates", "truth values"],
)
def test_the_groups_are_the_equal_values_of_a_column_of_a_table(column):
    table = pd.DataFrame({"dose": np.arange(5.0), "patient": column})
    found = groups_of("patient", table, feature_names=("dose", "patient"))
    assert found == np.unique(np.array(column), return_inverse=True)[1].tolist()  # as scikit-learn numbers them


def test_a_column_is_found_in_a_structure():
    table = pd.DataFrame({"patient": PATIENTS})
    image = np.zeros((5, 2, 2))
    for x in (
        {"image": image, "rest": table},
        (image, table),
        {"image": image, "patient": table[["patient"]].to_numpy()},
    ):
        assert groups_of("patient", x, input_shape={}) == [2, 0, 2, 1, 0]
    with pytest.raises(StudyError, match=r"or a column of mine \(patient\), got 'image'"):
        groups_of("image", {"image": image, "rest": table}, input_shape={})


@pytest.mark.parametrize("name", ["stated", "patient"])
def test_the_groups_that_the_data_states_go_by_their_name_too(name):
    stated = np.array([1, 1, 0, 0, 2], np.int32)
    assert groups_of(name, np.zeros((5, 2)), stated, group_name="patient") == stated.tolist()


def test_equal_rows_are_a_group_of_any_data():
    x = np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 2.0], [0.0, 5.0], [-0.0, 5.0]])
    table = pd.DataFrame({"a": x[:, 0], "b": [f"text {value}" for value in x[:, 1]]})
    images = x.reshape(5, 2, 1).astype(np.uint8)
    texts = table["b"].to_numpy(object)
    for data in (x, table, images, images / np.float32(255), {"a": x[:, 0], "rest": (texts, images)}):
        assert groups_of(EQUAL_ROWS, data) == [0, 1, 0, 2, 2]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("b", {"feature_names": ("a",)}, r"must be 'equal rows' or a column of mine \(a\), got 'b'"),
        ("b", {}, r"must be 'equal rows' or a column of mine \(which has none\), got 'b'"),
        ("stated", {}, "must be 'equal rows' or a column of mine .*, got 'stated'"),
        ("b", {"group_name": "patient"}, "must be 'equal rows', 'stated', 'patient' or a column of mine .*, got 'b'"),
    ],
)
def test_groups_that_the_data_has_not_are_refused_before_it_is_read(name, changes, message):
    with pytest.raises(StudyError, match=rf"Split\.groups {message}"):
        require_facts(by(name), dataclasses.replace(about(), **changes))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=str)
def test_each_row_needs_a_group(missing):
    table = pd.DataFrame({"patient": ["a", missing, "b", "b", missing]})
    with pytest.raises(StudyError, match="each row needs a group, got none in 2 rows of 'patient': fill or drop them"):
        groups_of("patient", table, feature_names=("patient",))
    x = np.array([[1.0], [np.nan], [2], [2], [np.nan]])
    with pytest.raises(StudyError, match="got none in 2 rows of 'patient'"):
        groups_of("patient", x, feature_names=("patient",))


def test_the_classes_are_the_labels_or_the_column_of_each_row():
    split, known = Split(0.5, 0.5, 1, stratify=True), dataclasses.replace(about(), task="multiclass")
    for y in (np.array([2, 0, 1]), np.array([[2], [0], [1]]), np.eye(3)[[2, 0, 1]]):
        assert facts_of(split, known, np.zeros((3, 2)), y).labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize("task", ["regression", "multilabel", "sequence", "other"])
def test_what_has_no_classes_cannot_be_stratified(task):
    message = (
        f"Split.stratify needs one of several classes for each row, but mine is for the task '{task}': leave it out"
    )
    with pytest.raises(StudyError, match=message):
        require_facts(Split(0.5, 0.5, 1, stratify=True), dataclasses.replace(about(), task=task))


def test_validation_rows_that_the_data_states_are_there_or_refused():
    rows = np.array([4, 2], np.int32)
    data = Dataset(
        about(n_validation=2), np.zeros((5, 2)), np.zeros(5), np.zeros((1, 2)), np.zeros(1), None, None, None, rows
    )
    assert facts_in(Split("stated"), data).validation_rows.tolist() == [4, 2]
    assert facts_in(Split(0.5), data).validation_rows is None
    with pytest.raises(StudyError, match=r"Split\.validation is 'stated', but mine states no rows for validation: s"):
        require_facts(Split("stated"), about())


def test_data_that_is_not_here_is_not_fetched(monkeypatch):
    digits = registry.describe("digits")
    split = Split(0.5, 0.5, 1, stratify=True)
    monkeypatch.setattr(registry, "state", lambda name: "not here")
    assert facts_known(split, digits) is None
    assert facts_known(Split(0.5), digits).n_train == 1437
    monkeypatch.undo()
    registry.ensure("digits")
    assert len(facts_known(split, digits).labels) == 1437
