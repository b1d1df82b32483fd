"""Resampled splits as row numbers, and which trial has which."""

import dataclasses
import json

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from dlstudy.errors import StudyError
from dlstudy.study.phases import Phase
from dlstudy.study.protocol import Protocol, Sweep
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.split import Resample, Split
from dlstudy.study.splits import split_rows
from dlstudy.study.study import Arm, Study

RANDOM = Split(0.25, 0.25, 42, "random")
FOLDS = Split(0.25, 0.2, 42, "folds")
TIME = Split(5, 0.2, resample="time")
GROUPS = Split(0.25, 0.25, 42, "groups", "a")
GROUP_FOLDS = Split(0.25, 0.2, 42, "folds", "a")


def splits(split, n=100, count=4, **facts):
    return [split_rows(split, RowFacts(n, 0, **facts), number=number) for number in range(count)]


def test_the_first_random_split_is_that_without_resampling_and_the_next_are_of_the_next_states():
    plain = split_rows(Split(0.25, 0.25, 42), RowFacts(100, 0))
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
    rows = split_rows(TIME, RowFacts(100, 0), rows=15, number=3)
    assert (rows.train.tolist(), rows.validation.tolist()) == (list(range(65, 75)), list(range(75, 80)))


def test_no_group_is_in_two_parts():
    groups = np.repeat(np.arange(20), 5)
    for rows in splits(GROUPS, groups=groups):
        train, validation, test = (set(groups[part]) for part in (rows.train, rows.validation, rows.test))
        assert train | validation | test == set(range(20))
        assert (len(test), len(validation)) == (5, 4)  # shares of the groups
        assert len(train) + len(validation) + len(test) == 20


@pytest.mark.parametrize("names", [range(20), [f"patient {i}" for i in range(20)]], ids=["numbers", "texts"])
def test_folds_of_groups_are_scikit_learns(names):
    of_rows = np.random.default_rng(1).permutation(np.repeat(names, 5))
    found = splits(GROUP_FOLDS, count=10, groups=np.unique(of_rows, return_inverse=True)[1])
    for first, state in ((0, 42), (5, 43)):
        folds = GroupKFold(5, shuffle=True, random_state=state).split(np.arange(100), groups=of_rows)
        for rows, (rest, test) in zip(found[first : first + 5], folds, strict=True):
            splitter = GroupShuffleSplit(1, test_size=0.25, random_state=state)
            train, validation = next(splitter.split(rest, groups=of_rows[rest]))
            np.testing.assert_array_equal(rows.test, test)
            np.testing.assert_array_equal(rows.train, rest[train])
            np.testing.assert_array_equal(rows.validation, rest[validation])


def test_stratified_folds_are_scikit_learns():
    labels = np.random.default_rng(1).choice(3, 100, p=[0.7, 0.2, 0.1])
    found = splits(Split(0.25, 0.2, 42, "folds", stratify=True), count=10, labels=labels)
    for first, state in ((0, 42), (5, 43)):
        folds = StratifiedKFold(5, shuffle=True, random_state=state).split(labels, labels)
        for rows, (rest, test) in zip(found[first : first + 5], folds, strict=True):
            train, validation = train_test_split(rest, test_size=0.25, random_state=state, stratify=labels[rest])
            np.testing.assert_array_equal(rows.test, test)
            np.testing.assert_array_equal(rows.train, train)
            np.testing.assert_array_equal(rows.validation, validation)


def test_a_stratified_random_split_is_that_of_the_next_state_without_resampling():
    labels = np.repeat([0, 1], [80, 20])
    for number, rows in enumerate(splits(Split(0.25, 0.25, 42, "random", stratify=True), labels=labels)):
        plain = split_rows(Split(0.25, 0.25, 42 + number, stratify=True), RowFacts(100, 0, labels=labels))
        np.testing.assert_array_equal(rows.test, plain.test)
        np.testing.assert_array_equal(rows.train, plain.train)


def test_the_first_split_of_groups_is_that_without_resampling():
    groups = np.repeat(np.arange(20), 5)
    rows = split_rows(Split(0.25, 0.25, 42, groups="a"), RowFacts(100, 0, groups))
    np.testing.assert_array_equal(rows.test, splits(GROUPS, groups=groups)[0].test)
    np.testing.assert_array_equal(rows.validation, splits(GROUPS, groups=groups)[0].validation)


def test_there_are_at_least_as_many_groups_as_folds():
    with pytest.raises(StudyError, match=r"5 folds need at least 5 groups, got 3: raise Split\.test, for fewer folds"):
        splits(GROUP_FOLDS, n=30, groups=np.repeat([0, 1, 2], 10))


def test_one_group_cannot_be_split():
    with pytest.raises(StudyError, match=r"every part needs at least one group, got 1 group and 0\.25 apart: change"):
        splits(GROUPS, n=10, groups=np.zeros(10, int))


@pytest.mark.parametrize("split", [RANDOM, FOLDS, TIME], ids=str)
def test_parts_of_resampled_splits_share_no_row(split):
    for rows in splits(split):
        parts = np.concatenate([rows.train, rows.validation, rows.test])
        assert len(parts) == len(set(parts))
        assert rows.test_inside
        assert {part.dtype for part in (rows.train, rows.validation, rows.test)} == {np.dtype(np.int32)}


@pytest.mark.parametrize("split", [RANDOM, FOLDS, TIME, GROUPS, GROUP_FOLDS], ids=str)
def test_a_resampled_split_comes_back_from_json_and_from_its_variants(split):
    assert Split(**json.loads(json.dumps(dataclasses.asdict(split)))) == split
    for other in (split.scaled(0.5), split.elsewhere(50), split.with_rows({})):
        assert (other.resample, other.groups) == (split.resample, split.groups)
    assert isinstance(split.resample, Resample)


def test_a_resampled_split_says_so():
    assert str(FOLDS) == "validation 0.25, test 0.2, random_state 42, resampled by folds"
    assert str(GROUPS).endswith("resampled by groups of a")
    assert str(GROUP_FOLDS).endswith("resampled by folds of a")


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
