"""From a stated split to row numbers."""

import numpy as np
import pytest
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import StudyError
from dlstudy.study.row_facts import RowFacts, facts_in, facts_known
from dlstudy.study.split import Split
from dlstudy.study.splits import sizes_of, split_rows


@pytest.fixture
def own_rows(tmp_path, monkeypatch):
    """Makes a data set of a user's rows."""
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    return lambda *given, **more: registry.load(store_own(plain_rows(Data(*given, **more))))


def test_the_first_rows_validate_and_the_data_sets_own_rows_test():
    rows = split_rows(Split(validation=3), RowFacts(10, 4))
    assert rows.validation.tolist() == [0, 1, 2]
    assert rows.train.tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert rows.test.tolist() == [0, 1, 2, 3]
    assert not rows.test_inside


def test_a_share_is_a_share_of_the_training_rows():
    assert split_rows(Split(validation=0.25), RowFacts(12, 1)).validation.tolist() == [0, 1, 2]


def test_without_validation_all_rows_train_in_their_order():
    rows = split_rows(Split(random_state=1), RowFacts(5, 1))
    assert rows.train.tolist() == [0, 1, 2, 3, 4]
    assert len(rows.validation) == 0


def test_shares_and_a_seed_give_scikit_learns_own_two_splits():
    rows = split_rows(Split(validation=0.25, test=0.25, random_state=42), RowFacts(1_599, 0))
    left, test = train_test_split(np.arange(1_599), test_size=0.25, random_state=42)
    train, validation = train_test_split(left, test_size=0.25, random_state=42)
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (899, 300, 400)
    assert rows.test_inside
    for ours, its in ((rows.train, train), (rows.validation, validation), (rows.test, test)):
        np.testing.assert_array_equal(ours, its)


def test_a_number_of_rows_and_a_seed_give_scikit_learns_own_split():
    rows = split_rows(Split(validation=20, random_state=7), RowFacts(100, 5))
    train, validation = train_test_split(np.arange(100), test_size=20, random_state=7)
    np.testing.assert_array_equal(rows.train, train)
    np.testing.assert_array_equal(rows.validation, validation)


@pytest.mark.parametrize(
    "split", [Split(7), Split(0.3), Split(7, random_state=1), Split(0.3, test=0.2, random_state=1)], ids=repr
)
def test_parts_share_no_row_and_leave_none_out(split):
    rows = split_rows(split, RowFacts(50, 9))
    parts = [rows.train, rows.validation, *([rows.test] if rows.test_inside else [])]
    assert sorted(np.concatenate(parts)) == list(range(50))
    assert {part.dtype for part in (*parts, rows.test)} == {np.dtype(np.int32)}


def test_a_cap_takes_the_first_rows_and_never_touches_the_test_rows():
    capped = split_rows(Split(validation=2), RowFacts(10, 4), rows=6)
    assert capped.validation.tolist() == [0, 1]
    assert capped.train.tolist() == [2, 3, 4, 5]
    assert len(capped.test) == 4


def test_a_cap_comes_after_the_test_rows_are_split_off():
    split = Split(validation=0.25, test=0.25, random_state=42)
    capped, whole = split_rows(split, RowFacts(200, 0), rows=40), split_rows(split, RowFacts(200, 0))
    left, _ = train_test_split(np.arange(200), test_size=0.25, random_state=42)
    np.testing.assert_array_equal(capped.test, whole.test)
    assert (len(capped.train), len(capped.validation)) == (30, 10)
    assert set(capped.train) | set(capped.validation) == set(left[:40])


def test_a_cap_above_the_number_of_rows_changes_nothing():
    assert (
        split_rows(Split(validation=2), RowFacts(10, 4), rows=11).train.tolist()
        == split_rows(Split(validation=2), RowFacts(10, 4)).train.tolist()
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
        split_rows(split, RowFacts(10, 3), rows=rows)


@pytest.mark.parametrize(
    ("split", "n_train"), [(Split(0.8, random_state=1), 3), (Split(0.1, test=0.9, random_state=1), 5)], ids=repr
)
def test_shares_that_leave_nothing_to_train_on_are_refused(split, n_train):
    with pytest.raises(StudyError, match="at least one row"):
        split_rows(split, RowFacts(n_train, 3))


def test_stated_rows_test_and_the_rest_trains_in_its_order():
    rows = split_rows(Split(2, test=[7, 0, 3]), RowFacts(10, 4))
    assert rows.test.tolist() == [7, 0, 3]
    assert rows.validation.tolist() == [1, 2]
    assert rows.train.tolist() == [4, 5, 6, 8, 9]
    assert rows.test_inside
    assert {part.dtype for part in (rows.test, rows.train, rows.validation)} == {np.dtype(np.int32)}


def test_stated_rows_and_a_seed_give_scikit_learns_own_split_of_the_rest():
    rows = split_rows(Split(0.25, test=[0, 1], random_state=42), RowFacts(12, 0))
    train, validation = train_test_split(np.arange(2, 12), test_size=0.25, random_state=42)
    np.testing.assert_array_equal(rows.train, train)
    np.testing.assert_array_equal(rows.validation, validation)


def test_a_cap_leaves_stated_test_rows_whole():
    rows = split_rows(Split(1, test=[9, 0]), RowFacts(10, 0), rows=3)
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
        split_rows(Split(test=tuple(test)), RowFacts(10, 3))


def same(rows, train, validation, test):
    for ours, theirs in ((rows.train, train), (rows.validation, validation), (rows.test, test)):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("state", range(3))
def test_a_stratified_split_is_scikit_learns(state):
    labels = np.random.default_rng(state).choice(4, 203, p=[0.6, 0.2, 0.1, 0.1])
    rows = split_rows(Split(0.25, 0.2, state, stratify=True), RowFacts(203, 0, labels=labels))
    left, test = train_test_split(np.arange(203), test_size=0.2, random_state=state, stratify=labels)
    same(rows, *train_test_split(left, test_size=0.25, random_state=state, stratify=labels[left]), test)


def test_a_number_of_rows_that_validate_is_stratified_as_by_scikit_learn():
    labels = np.repeat([0, 1], [30, 10])
    rows = split_rows(Split(9, random_state=1, stratify=True), RowFacts(40, 5, labels=labels))
    same(rows, *train_test_split(np.arange(40), test_size=9, random_state=1, stratify=labels), np.arange(5))


def test_a_class_with_one_row_cannot_be_stratified_and_is_named():
    facts = RowFacts(7, 0, labels=np.array([0, 0, 0, 1, 1, 1, 2]), label_names=("setosa", "virginica", "versicolor"))
    message = (
        r"Split\.stratify needs at least 2 of these 7 rows in each class, got 1 in 'versicolor': join it to another"
    )
    with pytest.raises(StudyError, match=message):
        split_rows(Split(0.25, 0.3, 1, stratify=True), facts)
    with pytest.raises(StudyError, match=r"at least 5 of these 7 rows in each class, got 1 in 'versicolor'"):
        split_rows(Split(0.25, 0.2, 1, "folds", stratify=True), facts)


def test_each_part_of_a_stratified_split_has_room_for_each_class():
    facts = RowFacts(12, 0, labels=np.arange(12) % 4)
    with pytest.raises(StudyError, match=r"at least one row of each class, got 12 rows and 0\.2 apart: change Split"):
        split_rows(Split(0, 0.2, 1, stratify=True), facts)


@pytest.mark.parametrize("state", range(3))
def test_groups_in_one_split_are_scikit_learns(state):
    names = np.array([f"patient {i}" for i in np.random.default_rng(state).integers(0, 30, 200)])
    groups = np.unique(names, return_inverse=True)[1]
    rows = split_rows(Split(0.25, 0.2, state, groups="patient"), RowFacts(200, 0, groups))
    left, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=state).split(names, groups=names))
    train, validation = next(GroupShuffleSplit(1, test_size=0.25, random_state=state).split(left, groups=names[left]))
    same(rows, left[train], left[validation], test)


def test_whole_groups_validate_beside_the_data_sets_own_test_rows():
    groups = np.repeat(np.arange(10), 3)
    rows = split_rows(Split(0.2, random_state=1, groups="patient"), RowFacts(30, 4, groups))
    assert (len(rows.train), len(rows.validation), rows.test.tolist()) == (24, 6, [0, 1, 2, 3])
    assert not rows.test_inside


@pytest.mark.parametrize("size", [0.2, 0.25, 0.01, 1, 7, 97])
@pytest.mark.parametrize("validation", [0.3, 2])
def test_the_last_rows_test_as_by_scikit_learn_without_a_shuffle(size, validation):
    rows = split_rows(Split(validation, last=size), RowFacts(101, 9))
    left, test = train_test_split(np.arange(101), test_size=size, shuffle=False)
    same(rows, *train_test_split(left, test_size=validation, shuffle=False), test)
    assert rows.test_inside


def test_a_cap_on_rows_in_time_takes_the_last_before_those_that_test():
    rows = split_rows(Split(2, last=0.2), RowFacts(100, 0), rows=10)
    same(rows, range(70, 78), [78, 79], range(80, 100))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(last=10), r"Split\.last must leave a row that trains, got the last 10 of 10: lower it"),
        (Split(last=0.95), r"Split\.last must leave a row that trains, got the last 10 of 10"),
        (Split(5, last=5), r"Split\.validation must leave a row that trains, got the last 5 of 5: lower it"),
        (Split(0.9, last=9), r"Split\.validation must leave a row that trains, got the last 1 of 1"),
    ],
)
def test_the_last_rows_leave_some(split, message):
    with pytest.raises(StudyError, match=message):
        split_rows(split, RowFacts(10, 3))


@pytest.mark.parametrize("split", [Split("stated"), Split([7, 0, 3])], ids=repr)
def test_stated_rows_validate_and_the_rest_trains_in_its_order(split):
    rows = split_rows(split, RowFacts(10, 4, validation_rows=np.array([7, 0, 3], np.int32)))
    same(rows, [1, 2, 4, 5, 6, 8, 9], [7, 0, 3], [0, 1, 2, 3])


def test_rows_are_drawn_for_the_test_from_those_that_do_not_validate():
    rows = split_rows(Split([7, 0, 3], 0.3, 1), RowFacts(10, 0))
    train, test = train_test_split(np.array([1, 2, 4, 5, 6, 8, 9]), test_size=0.3, random_state=1)
    same(rows, train, [7, 0, 3], test)


def test_a_cap_keeps_the_proportion_of_stated_validation_rows():
    rows = split_rows(Split(range(80, 100)), RowFacts(100, 4), rows=10)
    same(rows, range(8), [80, 81], range(4))
    few = split_rows(Split([99]), RowFacts(100, 4), rows=10)
    same(few, range(9), [99], range(4))


@pytest.mark.parametrize(
    ("split", "rows", "message"),
    [
        (Split([0, 10]), None, r"Split\.validation names 2 rows up to 10, but there are 10: correct it"),
        (Split(range(10)), None, r"Split\.validation names 10 rows up to 9, but there are 10: correct it"),
        (Split([1, 2], test=[4, 2]), None, r"a row either validates or tests, got row 2 in both: correct Split"),
        (Split("stated", test=[4, 3]), None, "a row either validates or tests, got row 3 in both"),
        (Split(range(5), test=range(5, 10)), None, "both training and validation need at least one row, got 5 of 5"),
        (Split([1, 2]), 1, "both training and validation need at least one row, got 1 of 1 for validation"),
    ],
)
def test_stated_validation_rows_must_be_there_and_leave_some(split, rows, message):
    with pytest.raises(StudyError, match=message):
        split_rows(split, RowFacts(10, 3, validation_rows=np.array([3])), rows)


def test_sizes_are_those_of_the_rows_without_the_data():
    about = registry.describe("digits")
    for split in (Split(0.2), Split([1, 2]), Split(0.1, last=0.2), Split(0.1, 0.2, 1)):
        rows = split_rows(split, RowFacts(1437, 360), 500)
        assert sizes_of(split, about, 500) == (len(rows.train), len(rows.validation), len(rows.test))
    stratified = Split(0.13, 0.21, 1, stratify=True)
    registry.ensure("digits")
    rows = split_rows(stratified, facts_known(stratified, about), 500)
    assert sizes_of(stratified, about, 500) == (len(rows.train), len(rows.validation), len(rows.test))


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        (Split(0.2), None),
        (Split(20), None),
        (Split(0.2), 160),
        (Split(0.2, test=0.2, random_state=1), 160),
        (Split(0.2, test=0.2, random_state=1, groups="equal rows"), 160),
    ],
)
def test_of_a_users_rows_which_may_be_sorted_each_part_has_all_classes(own_rows, split, rows):
    data = own_rows(np.arange(400.0)[:, None], np.repeat(np.arange(4), 100))
    found = split_rows(split, facts_in(split, data), rows)
    again = split_rows(split, facts_in(split, data), rows)
    for part in ("train", "validation"):
        numbers = getattr(found, part)
        assert set(data.y_train[numbers].tolist()) == {0, 1, 2, 3}, part
        np.testing.assert_array_equal(numbers, getattr(again, part))
    assert not set(found.train) & set(found.validation)
    assert rows is None or len(found.train) + len(found.validation) == rows


def test_stated_validation_rows_of_a_user_are_drawn_too_where_fewer_are_asked_for(own_rows):
    parts = ["train", "train", "train", "validation", "test"] * 20
    data = own_rows(np.arange(100.0)[:, None], np.repeat(np.arange(4), 25), split=parts)
    split = Split(validation="stated")
    found = split_rows(split, facts_in(split, data), 40)
    assert (len(found.train), len(found.validation)) == (30, 10)
    assert set(data.y_train[found.train].tolist()) == {0, 1, 2, 3}
    assert set(found.validation) <= set(data.validation_rows.tolist())


def test_rows_in_the_order_of_their_times_stay_in_it(own_rows):
    data = own_rows(np.arange(100.0)[:, None], np.arange(100.0), times=np.arange(100))
    split = Split(0.2)
    found = split_rows(split, facts_in(split, data), 40)
    np.testing.assert_array_equal(found.validation, np.arange(8))
    np.testing.assert_array_equal(found.train, np.arange(8, 40))
