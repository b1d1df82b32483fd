"""What a split may state, and what it is for other data, in JSON and in words; its rows are tested with `splits`."""

import dataclasses
import json

import pytest

from dlstudy.errors import StudyError
from dlstudy.study.split import Split


def test_stated_test_rows_are_kept_as_given():
    split = Split(0.25, test=[7, 0, 3], random_state=42)
    assert split.test == (7, 0, 3)
    assert split == Split(0.25, test=(7, 0, 3), random_state=42)
    assert hash(split) == hash(Split(0.25, test=(7, 0, 3), random_state=42))
    assert split.scaled(0.5) == split


@pytest.mark.parametrize("test", [[], [1, 1], [-1, 2], [0.5, 1.0], [True, 2], ["1"], "", 3, True])
def test_test_rows_are_different_row_numbers(test):
    with pytest.raises(
        StudyError,
        match=r"Split\.test must be None .*, a share in \(0, 1\), different row numbers or the name of stated",
    ):
        Split(test=test, random_state=1)


def test_test_rows_that_are_named_are_those_that_the_data_set_states():
    split = Split(0.25, test="of the course", random_state=7)
    assert split.with_rows({"other": [0], "of the course": range(2, 5)}) == Split(0.25, (2, 3, 4), 7)
    for other in (Split(3), Split(3, test=[1]), Split(3, test=0.2, random_state=1)):
        assert other.with_rows({"of the course": [0]}) is other


@pytest.mark.parametrize(("stated", "known"), [({"a": [0], "b": [1]}, "a, b"), ({}, "none")])
def test_test_rows_that_no_data_set_states_are_refused(stated, known):
    with pytest.raises(StudyError, match=rf"Split\.test must name rows that the data set states \({known}\), got 'c'"):
        Split(test="c").with_rows(stated)


def test_stated_rows_need_no_random_state():
    assert Split(test=[0]).random_state is None


def test_a_long_list_of_wrong_rows_makes_a_short_message():
    with pytest.raises(StudyError) as caught:
        Split(test=[0, *range(1_000)])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("split", "elsewhere"),
    [
        (Split(0.25, test=[1, 5]), Split(0.25, test=0.2, random_state=0)),
        (Split(3, test=[1, 5], random_state=7), Split(3, test=0.2, random_state=7)),
        (Split(3, test=0.3, random_state=7), Split(3, test=0.3, random_state=7)),
        (Split(3), Split(3)),
    ],
)
def test_row_numbers_become_their_share_elsewhere(split, elsewhere):
    assert split.elsewhere(n_rows=10) == elsewhere


@pytest.mark.parametrize(
    ("split", "text"),
    [
        (Split(5), "validation 5, test its own, random_state None"),
        (Split(0.1, test=0.2, random_state=1), "validation 0.1, test 0.2, random_state 1"),
        (Split(0, test=[4, 2]), "validation 0, test 2 stated rows, random_state None"),
    ],
)
def test_a_split_says_what_it_is_in_few_words(split, text):
    assert str(split) == text


@pytest.mark.parametrize("split", [Split(3, test=[4, 2]), Split(0.1, test=0.2, random_state=1), Split(5)], ids=str)
def test_a_split_comes_back_from_json(split):
    assert Split(**json.loads(json.dumps(dataclasses.asdict(split)))) == split


@pytest.mark.parametrize(
    ("split", "text"),
    [
        (Split("stated"), "validation stated, test its own, random_state None"),
        (Split([4, 2], test=[0]), "validation 2 stated rows, test 1 stated rows, random_state None"),
        (Split(0.1, last=0.2), "validation 0.1, test the last 0.2, random_state None"),
        (Split(5, last=10), "validation 5, test the last 10, random_state None"),
        (
            Split(0.1, test=0.2, random_state=1, groups="patient"),
            "validation 0.1, test 0.2, random_state 1, groups of patient",
        ),
        (Split(0.1, test=0.2, random_state=1, stratify=True), "validation 0.1, test 0.2, random_state 1, stratified"),
        (
            Split(0.1, 0.2, 1, "folds", stratify=True),
            "validation 0.1, test 0.2, random_state 1, resampled by folds, stratified",
        ),
    ],
)
def test_what_a_split_divides_by_is_in_its_words(split, text):
    assert str(split) == text


EARLIER = [
    (Split(0.1), "Split(validation=0.1, test=None, random_state=None)"),
    (Split(5, test=[1, 2]), "Split(validation=5, test=(1, 2), random_state=None)"),
    (Split(0.1, 0.2, 1, "folds"), "Split(validation=0.1, test=0.2, random_state=1)"),
    (Split(0.1, 0.2, 1, "groups", "equal rows"), "Split(validation=0.1, test=0.2, random_state=1)"),
]


@pytest.mark.parametrize(("split", "text"), EARLIER, ids=str)
def test_a_split_that_earlier_versions_knew_is_shown_as_they_did(split, text):
    assert repr(split) == text


NEW = [
    Split("stated"),
    Split(range(3)),
    Split(0.1, last=0.2),
    Split(5, last=7),
    Split(0.1, 0.2, 1, groups="patient"),
    Split(0.1, 0.2, 1, stratify=True),
    Split(0.1, 0.2, 1, "folds", "patient"),
    Split(0.1, 0.2, 1, "folds", stratify=True),
    Split(0.1, 0.2, 1, "random", stratify=True),
]


@pytest.mark.parametrize("split", NEW, ids=repr)
def test_every_new_kind_of_split_comes_back_from_json(split):
    back = Split(**json.loads(json.dumps(dataclasses.asdict(split))))
    assert (back, hash(back), repr(back)) == (split, hash(split), repr(split))


@pytest.mark.parametrize("split", [split for split in NEW if not split.resample], ids=repr)
def test_what_is_new_in_a_split_is_shown(split):
    assert eval(repr(split), {"Split": Split}) == split
    assert repr(split) not in {text for _, text in EARLIER}


@pytest.mark.parametrize(
    ("split", "elsewhere"),
    [
        (Split([1, 5]), Split(0.2, random_state=0)),
        (Split([1, 5], test=[0, 2], random_state=7), Split(0.25, test=0.2, random_state=7)),
        (Split([1, 5], test=0.2, random_state=7), Split(0.25, test=0.2, random_state=7)),
        (Split("stated"), Split(0.3, random_state=0)),
        (Split(0.1, last=2), Split(0.1, last=0.2)),
        (Split(0.1, last=0.3), Split(0.1, last=0.3)),
        (Split(0.1, 0.2, 1, groups="patient"), Split(0.1, 0.2, 1, groups="patient")),
    ],
)
def test_stated_validation_rows_and_a_number_of_last_rows_become_shares_elsewhere(split, elsewhere):
    assert split.elsewhere(n_rows=10, n_stated=3) == elsewhere


def test_what_the_other_data_states_too_stays_stated():
    assert Split("stated").elsewhere(n_rows=10) == Split("stated")


@pytest.mark.parametrize("split", [Split("stated"), Split([1, 5]), Split(0.1, last=20)], ids=repr)
def test_stated_rows_and_the_last_ones_do_not_scale(split):
    assert split.scaled(0.5) == split
    assert Split(10, last=20).scaled(0.5) == Split(5, last=20)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"validation": []},
            r"Split\.validation must be a number of rows, a share in \[0, 1\), different row numbers or",
        ),
        ({"validation": [3, 3]}, r"different row numbers or 'stated', got \(3, 3\)"),
        ({"validation": "states"}, "different row numbers or 'stated', got 'states'"),
        ({"last": 1.0}, r"Split\.last must be None, a share in \(0, 1\) or a number of rows from 1, got 1\.0"),
        ({"last": 0}, "or a number of rows from 1, got 0"),
        ({"last": True}, "or a number of rows from 1, got True"),
        ({"last": "0.2"}, "or a number of rows from 1, got '0.2'"),
        ({"last": 0.2, "test": 0.2}, r"Split\.test must be left out where Split\.last says which rows test, got 0\.2"),
        ({"last": 0.2, "random_state": 0}, r"Split\.random_state must be left out where .*, got 0"),
        ({"last": 0.2, "resample": "time"}, r"Split\.resample must be left out where Split\.last .*'time'"),
        ({"last": 0.2, "groups": "a"}, r"Split\.groups must be left out where Split\.last"),
        ({"last": 0.2, "stratify": True}, r"Split\.stratify must be left out where Split\.last"),
        (
            {"last": 0.2, "validation": "stated"},
            r"Split\.validation must be a number of rows or a share where Split\.last says which rows test, got 'st",
        ),
        (
            {"validation": "stated", "test": 0.2, "random_state": 1, "resample": "folds"},
            r"Split\.validation must be a number of rows or a share where splits are resampled, got 'stated'",
        ),
        (
            {"test": 0.5, "resample": "time"},
            r"Split\.test must be 1 / 3 at most where Split\.resample is 'time', got 0\.5",
        ),
        ({"test": 1 - 1e-9, "resample": "folds", "random_state": 1}, r"Split\.test must be 1 / 2 at most"),
        ({"groups": "a"}, r"Split\.random_state must be a number where groups are kept whole, got None"),
        (
            {"groups": "a", "random_state": 1, "validation": 9},
            r"validation must be a share where groups are kept whole",
        ),
        ({"groups": "a", "random_state": 1, "validation": [9]}, "must be a share where groups are kept whole, got"),
        (
            {"groups": "a", "random_state": 1, "test": [1, 2]},
            r"Split\.test must be None or a share where groups are kept",
        ),
        (
            {"groups": "a", "random_state": 1, "test": 0.2, "resample": "random"},
            r"Split\.resample must be None, 'groups' or 'folds' where groups are kept whole, got 'random'",
        ),
        ({"stratify": True}, r"Split\.random_state must be a number where Split\.stratify is True, got None"),
        ({"stratify": 1}, r"Split\.stratify must be True or False, got 1"),
        (
            {"stratify": True, "random_state": 1, "groups": "a", "validation": 0.1},
            r"Split\.stratify must be False where groups are kept whole or blocks of time test, got True",
        ),
        (
            {"stratify": True, "random_state": 1, "test": 0.2, "resample": "time"},
            r"Split\.stratify must be False where groups are kept whole or blocks of time test, got True",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(fields, message):
    with pytest.raises(StudyError, match=message):
        Split(**fields)
