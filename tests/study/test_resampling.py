"""Resampled splits as row numbers, and which trial has which."""

import dataclasses
import json

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.model_selection import KFold, TimeSeriesSplit, train_test_split

from dlstudy.datasets import registry
from dlstudy.errors import StudyError
from dlstudy.study.phases import Phase
from dlstudy.study.protocol import Protocol, Resample, Split, Sweep
from dlstudy.study.splits import EQUAL_ROWS, groups_of, split_rows
from dlstudy.study.study import Arm, Study

RANDOM = Split(0.25, 0.25, 42, "random")
FOLDS = Split(0.25, 0.2, 42, "folds")
TIME = Split(5, 0.2, resample="time")
GROUPS = Split(0.25, 0.25, 42, "groups", "a")


def splits(split, n=100, count=4, **options):
    return [split_rows(split, n, 0, number=number, **options) for number in range(count)]


def wine_like(x, columns=("a",)):
    about = registry.describe("wine")
    return dataclasses.replace(about, feature_names=columns, input_shape=(len(columns),)), np.asarray(x, float)


def test_the_first_random_split_is_that_without_resampling_and_the_next_are_of_the_next_states():
    plain = split_rows(Split(0.25, 0.25, 42), 100, 0)
    for number, rows in enumerate(splits(RANDOM)):
        left, test = train_test_split(np.arange(100), test_size=0.25, random_state=42 + number)
        train, validation = train_test_split(left, test_size=0.25, random_state=42 + number)
        for ours, theirs in ((rows.test, test), (rows.train, train), (rows.validation, validation)):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(splits(RANDOM)[0].test, plain.test)


def test_k_folds_test_each_row_once_and_then_shuffle_anew():
    found = splits(FOLDS, count=10)
    for first in (0, 5):
        assert sorted(np.concatenate([rows.test for rows in found[first : first + 5]])) == list(range(100))
    for number, (_, test) in enumerate(KFold(5, shuffle=True, random_state=42).split(np.arange(100))):
        np.testing.assert_array_equal(found[number].test, test)
    assert {frozenset(rows.test) for rows in found[:5]}.isdisjoint(frozenset(rows.test) for rows in found[5:])


def test_a_model_is_tested_on_rows_that_follow_all_that_it_has_seen():
    found = splits(TIME)
    for rows, (past, test) in zip(found, TimeSeriesSplit(4).split(np.arange(100)), strict=True):
        np.testing.assert_array_equal(rows.test, test)
        np.testing.assert_array_equal(np.concatenate([rows.train, rows.validation]), past)
        assert len(rows.validation) == 5
    assert len(found[3].train) > len(found[0].train)


def test_fewer_rows_in_time_are_the_last_ones():
    rows = split_rows(TIME, 100, 0, rows=15, number=3)
    assert (rows.train.tolist(), rows.validation.tolist()) == (list(range(65, 75)), list(range(75, 80)))


def test_no_group_is_in_two_parts():
    about, x = wine_like(np.repeat(np.arange(20), 5)[:, None])
    groups = groups_of(GROUPS, about, x)
    for rows in splits(GROUPS, groups=groups):
        train, validation, test = (set(groups[part]) for part in (rows.train, rows.validation, rows.test))
        assert train | validation | test == set(range(20))
        assert (len(test), len(validation)) == (5, 4)  # shares of the groups
        assert len(train) + len(validation) + len(test) == 20


def test_equal_rows_are_a_group_of_any_data():
    about, x = wine_like([[1.0, 2.0], [1.0, 3.0], [1.0, 2.0], [0.0, 5.0], [-0.0, 5.0]], ("a", "b"))
    groups = groups_of(Split(0.5, 0.5, 1, "groups", EQUAL_ROWS), about, x)
    assert (groups[0] == groups[2], groups[3] == groups[4], len(set(groups))) == (True, True, 3)


def test_a_column_that_the_data_has_not_is_refused():
    about, x = wine_like([[1.0]], ("a",))
    with pytest.raises(StudyError, match=r"Split\.groups must be 'equal rows' or a column of wine \(a\), got 'b'"):
        groups_of(Split(0.5, 0.5, 1, "groups", "b"), about, x)


def test_one_group_cannot_be_split():
    with pytest.raises(StudyError, match="every part needs at least one row"):
        split_rows(GROUPS, 10, 0, groups=np.zeros(10, int))


@pytest.mark.parametrize("split", [RANDOM, FOLDS, TIME], ids=str)
def test_parts_of_resampled_splits_share_no_row(split):
    for rows in splits(split):
        parts = np.concatenate([rows.train, rows.validation, rows.test])
        assert len(parts) == len(set(parts))
        assert rows.test_inside
        assert {part.dtype for part in (rows.train, rows.validation, rows.test)} == {np.dtype(np.int32)}


@pytest.mark.parametrize("split", [RANDOM, FOLDS, TIME, GROUPS], ids=str)
def test_a_resampled_split_comes_back_from_json_and_from_its_variants(split):
    assert Split(**json.loads(json.dumps(dataclasses.asdict(split)))) == split
    for other in (split.scaled(0.5), split.elsewhere(50), split.with_rows({})):
        assert (other.resample, other.groups) == (split.resample, split.groups)
    assert isinstance(split.resample, Resample)


def test_a_resampled_split_says_so():
    assert str(FOLDS) == "validation 0.25, test 0.2, random_state 42, resampled by folds"
    assert str(GROUPS).endswith("resampled by groups of a")


def study(space, **changes):
    arms = [Arm("a", space=space, defaults={"rate": 0.1} if space else {}, reported={"rate": 0.1} if space else {})]
    sweeps = [Sweep("s", {"rate": [1.0]})] if space else []
    return Study("Is it?", "digits", print, arms, Protocol(split=FOLDS, **changes), sweeps=sweeps)


def test_where_arms_are_tuned_a_search_keeps_one_split_for_all_that_is_paired_with_it():
    tuned = study({"rate": FloatDistribution(0.0, 1.0)}, searches=3)
    for phase in (Phase.SEARCH, Phase.REPLICATE, Phase.DEFAULTS):
        assert [tuned.split_number(phase, index, 2) for index in range(3)] == [1, 1, 1]
    for phase in (Phase.REPORTED, Phase.SWEEP):
        assert [tuned.split_number(phase, index, 1) for index in range(3)] == [0, 1, 2]


def test_where_nothing_is_tuned_each_seed_has_a_split():
    plain = study({}, searches=1)
    assert {plain.split_number(phase, 3, 1) for phase in Phase} == {3}
    several = study({}, searches=3)
    assert [several.split_number(Phase.REPLICATE, i, k) for i in range(2) for k in (1, 2, 3)] == list(range(6))
    assert several.split_number(Phase.REPORTED, 4, 1) == 4
