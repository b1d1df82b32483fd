"""Sweeps over stated values; the rest is tested with the study model."""

import dataclasses
import math

import pytest

from dlstudy.errors import StudyError
from dlstudy.study.protocol import Protocol, Sweep


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
