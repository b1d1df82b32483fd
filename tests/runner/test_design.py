"""The search's design: a table of points, fixed in advance."""

import math
from itertools import pairwise

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from dlstudy.runner.design import design_table, point
from dlstudy.study.seeds import number_of

UNIT = FloatDistribution(0.0, 1.0)
PLANE = {"x": UNIT, "y": UNIT}
BELOW_ONE = math.nextafter(1.0, 0.0)

KINDS = [
    FloatDistribution(-2.0, 3.0),
    FloatDistribution(1e-4, 1e-1, log=True),
    FloatDistribution(0.5, 0.5),
    FloatDistribution(0.1, 0.7, step=0.2),
    FloatDistribution(0.0, 0.9, step=0.3),
    IntDistribution(1, 9, step=4),
    IntDistribution(-3, 3),
    IntDistribution(2, 2),
    IntDistribution(1, 1000, log=True),
    CategoricalDistribution(("relu", "tanh", None)),
]


@pytest.mark.parametrize("distribution", KINDS, ids=repr)
@pytest.mark.parametrize("u", [0.0, 0.5, 0.999999, BELOW_ONE])
def test_a_point_lies_in_its_distribution(distribution, u):
    value = point(distribution, u)
    assert distribution._contains(distribution.to_internal_repr(value))
    if isinstance(distribution, IntDistribution):
        assert type(value) is int


@pytest.mark.parametrize("low", [1e-5, 1e-7, 0.003, 7.0])
def test_a_point_on_a_log_scale_is_not_below_its_lower_bound(low):
    assert point(FloatDistribution(low, 100 * low, log=True), 0.0) >= low


@pytest.mark.parametrize(
    ("distribution", "values"),  # at u = 0, 1/4, 1/2, 3/4
    [
        (FloatDistribution(-2.0, 2.0), [-2, -1, 0, 1]),
        (FloatDistribution(1.0, 10_000.0, log=True), [1, 10, 100, 1000]),
        (FloatDistribution(0.0, 1.5, step=0.5), [0, 0.5, 1, 1.5]),
        (IntDistribution(1, 4), [1, 2, 3, 4]),
        (IntDistribution(10, 70, step=20), [10, 30, 50, 70]),
        # Cells reach from 0.5 to 8.5: 0.5 * 17^(1/4) = 1.015, 0.5 * 17^(1/2) = 2.06, 0.5 * 17^(3/4) = 4.19.
        (IntDistribution(1, 8, log=True), [1, 1, 2, 4]),
        (CategoricalDistribution(("a", "b", "c", "d")), ["a", "b", "c", "d"]),
    ],
    ids=repr,
)
def test_a_point_is_the_quantile_of_a_uniform_draw(distribution, values):
    found = [point(distribution, u) for u in (0.0, 0.25, 0.5, 0.75)]
    assert found == (values if isinstance(values[0], str) else pytest.approx(values))


def test_the_table_is_scipys_own_scrambled_sobol_of_the_same_generator():
    rng = np.random.default_rng(number_of("s", "design", "sobol"))
    cube = qmc.Sobol(2, scramble=True, rng=rng).random_base2(3)
    table = design_table("s", PLANE, 8, "sobol")
    np.testing.assert_array_equal([[row["x"], row["y"]] for row in table], cube)


def test_the_random_table_is_numpys_own_draw_of_the_same_generator():
    cube = np.random.default_rng(number_of("s", "design", "random")).random((5, 2))
    table = design_table("s", PLANE, 5, "random")
    np.testing.assert_array_equal([[row["x"], row["y"]] for row in table], cube)


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_a_longer_table_begins_with_the_shorter(sampler):
    tables = [design_table("s", PLANE, n, sampler) for n in (1, 2, 3, 8, 9, 20)]
    for shorter, longer in pairwise(tables):
        assert longer[: len(shorter)] == shorter
    assert len(tables[-1]) == len({row["x"] for row in tables[-1]}) == 20


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_arms_with_as_many_parameters_share_the_points_of_the_unit_cube(sampler):
    wide = {"rate": FloatDistribution(0.0, 10.0), "size": FloatDistribution(-1.0, 1.0)}
    ours, theirs = design_table("s", PLANE, 6, sampler), design_table("s", wide, 6, sampler)
    assert [row["rate"] / 10 for row in theirs] == pytest.approx([row["x"] for row in ours])
    assert [(row["size"] + 1) / 2 for row in theirs] == pytest.approx([row["y"] for row in ours])


def test_the_order_in_which_a_space_is_written_does_not_matter():
    assert design_table("s", PLANE, 4, "sobol") == design_table("s", dict(reversed(PLANE.items())), 4, "sobol")


def test_another_study_and_another_sampler_have_another_table():
    tables = [
        design_table(*words)
        for words in (("s", PLANE, 4, "sobol"), ("t", PLANE, 4, "sobol"), ("s", PLANE, 4, "random"))
    ]
    assert len({row["x"] for table in tables for row in table}) == 12


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_each_stream_has_a_table_of_its_own_and_none_has_the_first(sampler):
    streams = [(), ("search 2",), ("search 3",), ("search 2", "control of a")]
    tables = [design_table("s", PLANE, 4, sampler, stream) for stream in streams]
    assert len({row["x"] for table in tables for row in table}) == 16
    assert tables[0] == design_table("s", PLANE, 4, sampler)
    assert tables[1] == design_table("s", PLANE, 8, sampler, streams[1])[:4]


@pytest.mark.parametrize("study", ["s", "t", "optimizers"])
def test_eight_points_put_one_in_each_eighth_of_every_parameter(study):
    table = design_table(study, PLANE, 8, "sobol")
    for name in PLANE:
        assert sorted(int(8 * row[name]) for row in table) == list(range(8))


@pytest.mark.parametrize("sampler", ["sobol", "random", "tpe"])
def test_an_arm_with_nothing_to_tune_has_empty_rows(sampler):
    assert design_table("s", {}, 2, sampler) == [{}, {}]
