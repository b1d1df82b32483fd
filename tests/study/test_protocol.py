"""Rows that are stated by number or by name, and sweeps over stated values; the rest is tested with the study model."""

import dataclasses
import json
import math

import pytest

from dlstudy.errors import StudyError
from dlstudy.study.protocol import Protocol, Split, Sweep


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


def test_a_sweep_has_a_point_for_every_combination_the_last_parameter_fastest():
    sweep = Sweep("both", {"rate": [0.1, 1.0], "kind": ("a", "b")})
    assert sweep.points() == [
        {"rate": 0.1, "kind": "a"},
        {"rate": 0.1, "kind": "b"},
        {"rate": 1.0, "kind": "a"},
        {"rate": 1.0, "kind": "b"},
    ]
    assert (sweep.arms, dict(sweep.fixed), sweep.seeds) == ((), {}, 6)


def test_an_arm_may_have_values_of_its_own_for_some_parameters_of_a_sweep():
    sweep = Sweep("s", {"rate": [1, 2], "kind": ("x", "y")}, own={"a": {"rate": [10, 20]}})
    assert [point["rate"] for point in sweep.points_of("a")] == [10, 10, 20, 20]
    assert [point["kind"] for point in sweep.points_of("a")] == [point["kind"] for point in sweep.points()]
    assert sweep.points_of("b") == sweep.points()


def test_a_range_makes_a_grid():
    assert Sweep("s", {"epochs": range(1, 4)}).points() == [{"epochs": 1}, {"epochs": 2}, {"epochs": 3}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a b"}, r"Sweep\.name must be 1 to 64 letters, .* got 'a b'"),
        ({"grid": [0.1]}, r"sweep s: grid must map names to lists of values, got \[0\.1\]"),
        ({"grid": {"rate": 0.1}}, r"grid must map names to lists of values, got \{'rate': 0\.1\}"),
        ({"grid": {"kind": "relu"}}, "grid must map names to lists of values, got {'kind': 'relu'}"),
        ({"grid": {}}, "grid must give each parameter at least one value, each once, got {}"),
        ({"grid": {"rate": []}}, r"at least one value, each once, got \{'rate': \(\)\}"),
        ({"grid": {"rate": [0.1, 0.1]}}, r"each once, got \{'rate': \(0\.1, 0\.1\)\}"),
        ({"grid": {"rate": [[0.1]]}}, r"sweep s: grid: rate must be text, a finite number, .*got \[0\.1\]"),
        ({"grid": {"rate": [math.nan]}}, "sweep s: grid: rate must be .* got nan"),
        ({"grid": {"seed": [1]}}, "sweep s: grid: a parameter's name must be an identifier other than seed, .*'seed'"),
        ({"grid": {"epochs": [0]}}, "sweep s: grid: epochs must be a whole number from 1 to 1,000,000, got 0"),
        ({"seeds": 0}, "sweep s: seeds must be a whole number from 1, got 0"),
        ({"fixed": {"k": [1]}}, r"sweep s: fixed: k must be text, .* got \[1\]"),
        ({"fixed": {"rate": 1}}, r"a parameter is either in grid or in fixed, got \['rate'\] in both"),
        ({"arms": "ab"}, "sweep s: arms must be a list of texts, got 'ab'"),
        ({"own": [1]}, r"sweep s: own must map arms to names to lists of values, got \[1\]"),
        *[
            ({"own": {"a": values}}, r"sweep s: own must map arms to names to lists of values, got \{'a': ")
            for values in (0.2, [0.2], {"rate": 0.2}, {"rate": "x"})
        ],
        (
            {"own": {"a": {"rate": [0.1, 0.2]}}},
            r"own must give a as many values of 'rate' as grid does \(1\), got \(0\.1,",
        ),
        ({"own": {"a": {"rate": []}}}, r"own must give a as many values of 'rate' as grid does \(1\), got \(\)"),
        ({"own": {"a": {"k": [1]}}}, r"own must give a as many values of 'k' as grid does \(0\), got \(1,\)"),
        ({"own": {"a": {"rate": [math.nan]}}}, "sweep s: own: rate must be .* got nan"),
        (
            {"grid": {"rate": [1, 2]}, "own": {"a": {"rate": [3, 3]}}},
            r"sweep s: own must give a each value once, got \{'rate': \(3, 3\)\}",
        ),
    ],
)
def test_sweep_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Sweep(**({"name": "s", "grid": {"rate": [0.1]}} | fields))


@pytest.mark.parametrize("searches", [1, 3, 4])
def test_a_search_is_done_once_or_often_enough_to_compare_methods(searches):
    assert Protocol(searches=searches).searches == searches
    with pytest.raises(
        StudyError, match=r"searches must be 1, or at least 3 to compare methods, got 2: change Protocol"
    ):
        dataclasses.replace(Protocol(searches=searches), searches=2)
