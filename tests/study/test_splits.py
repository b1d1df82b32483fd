"""From a stated split to row numbers."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from dlstudy.errors import StudyError
from dlstudy.study.protocol import Split
from dlstudy.study.splits import split_rows


def test_the_first_rows_validate_and_the_data_sets_own_rows_test():
    rows = split_rows(Split(validation=3), n_train=10, n_test=4)
    assert rows.validation.tolist() == [0, 1, 2]
    assert rows.train.tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert rows.test.tolist() == [0, 1, 2, 3]
    assert not rows.test_inside


def test_a_share_is_a_share_of_the_training_rows():
    assert split_rows(Split(validation=0.25), n_train=12, n_test=1).validation.tolist() == [0, 1, 2]


def test_without_validation_all_rows_train_in_their_order():
    rows = split_rows(Split(random_state=1), n_train=5, n_test=1)
    assert rows.train.tolist() == [0, 1, 2, 3, 4]
    assert len(rows.validation) == 0


def test_shares_and_a_seed_give_scikit_learns_own_two_splits():
    rows = split_rows(Split(validation=0.25, test=0.25, random_state=42), n_train=1_599, n_test=0)
    left, test = train_test_split(np.arange(1_599), test_size=0.25, random_state=42)
    train, validation = train_test_split(left, test_size=0.25, random_state=42)
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (899, 300, 400)
    assert rows.test_inside
    for ours, its in ((rows.train, train), (rows.validation, validation), (rows.test, test)):
        np.testing.assert_array_equal(ours, its)


def test_a_number_of_rows_and_a_seed_give_scikit_learns_own_split():
    rows = split_rows(Split(validation=20, random_state=7), n_train=100, n_test=5)
    train, validation = train_test_split(np.arange(100), test_size=20, random_state=7)
    np.testing.assert_array_equal(rows.train, train)
    np.testing.assert_array_equal(rows.validation, validation)


@pytest.mark.parametrize(
    "split", [Split(7), Split(0.3), Split(7, random_state=1), Split(0.3, test=0.2, random_state=1)], ids=repr
)
def test_parts_share_no_row_and_leave_none_out(split):
    rows = split_rows(split, n_train=50, n_test=9)
    parts = [rows.train, rows.validation, *([rows.test] if rows.test_inside else [])]
    assert sorted(np.concatenate(parts)) == list(range(50))
    assert {part.dtype for part in (*parts, rows.test)} == {np.dtype(np.int32)}


def test_a_cap_takes_the_first_rows_and_never_touches_the_test_rows():
    capped = split_rows(Split(validation=2), n_train=10, n_test=4, rows=6)
    assert capped.validation.tolist() == [0, 1]
    assert capped.train.tolist() == [2, 3, 4, 5]
    assert len(capped.test) == 4


def test_a_cap_comes_after_the_test_rows_are_split_off():
    split = Split(validation=0.25, test=0.25, random_state=42)
    capped, whole = split_rows(split, 200, 0, rows=40), split_rows(split, 200, 0)
    left, _ = train_test_split(np.arange(200), test_size=0.25, random_state=42)
    np.testing.assert_array_equal(capped.test, whole.test)
    assert (len(capped.train), len(capped.validation)) == (30, 10)
    assert set(capped.train) | set(capped.validation) == set(left[:40])


def test_a_cap_above_the_number_of_rows_changes_nothing():
    assert (
        split_rows(Split(validation=2), 10, 4, rows=11).train.tolist()
        == split_rows(Split(validation=2), 10, 4).train.tolist()
    )


@pytest.mark.parametrize(
    ("split", "rows", "message"),
    [
        (Split(validation=10), None, "need at least one row, got 10 of 10 for validation: change Split.validation"),
        (Split(validation=11), None, "got 11 of 10"),
        (Split(validation=5), 5, "got 5 of 5"),
        (Split(validation=0.04), None, "got 0 of 10"),
        (Split(validation=0.96), None, "got 10 of 10"),
        (Split(validation=10, random_state=1), None, "got 10 of 10"),
    ],
)
def test_an_empty_part_is_refused(split, rows, message):
    with pytest.raises(StudyError, match=message):
        split_rows(split, n_train=10, n_test=3, rows=rows)


@pytest.mark.parametrize(
    ("split", "n_train"), [(Split(0.8, random_state=1), 3), (Split(0.1, test=0.9, random_state=1), 5)], ids=repr
)
def test_shares_that_leave_nothing_to_train_on_are_refused(split, n_train):
    with pytest.raises(StudyError, match="at least one row"):
        split_rows(split, n_train, n_test=3)


def test_stated_rows_test_and_the_rest_trains_in_its_order():
    rows = split_rows(Split(2, test=[7, 0, 3]), n_train=10, n_test=4)
    assert rows.test.tolist() == [7, 0, 3]
    assert rows.validation.tolist() == [1, 2]
    assert rows.train.tolist() == [4, 5, 6, 8, 9]
    assert rows.test_inside
    assert {part.dtype for part in (rows.test, rows.train, rows.validation)} == {np.dtype(np.int32)}


def test_stated_rows_and_a_seed_give_scikit_learns_own_split_of_the_rest():
    rows = split_rows(Split(0.25, test=[0, 1], random_state=42), n_train=12, n_test=0)
    train, validation = train_test_split(np.arange(2, 12), test_size=0.25, random_state=42)
    np.testing.assert_array_equal(rows.train, train)
    np.testing.assert_array_equal(rows.validation, validation)


def test_a_cap_leaves_stated_test_rows_whole():
    rows = split_rows(Split(1, test=[9, 0]), n_train=10, n_test=0, rows=3)
    assert (rows.test.tolist(), rows.validation.tolist(), rows.train.tolist()) == ([9, 0], [1], [2, 3])


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ([0, 10], r"Split\.test names 2 rows up to 10, but there are 10: correct it"),
        (range(10), "names 10 rows up to 9"),
    ],
)
def test_stated_rows_must_be_there_and_leave_some(test, message):
    with pytest.raises(StudyError, match=message):
        split_rows(Split(test=tuple(test)), n_train=10, n_test=3)
