"""Places on numeric axes and how far ranges are widened; all numbers are worked out by hand."""

import math

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy.errors import StudyError
from dlstudy.study.axes import Axis, End, axes_of, reaching
from dlstudy.study.study import Arm

LOG = FloatDistribution(1e-4, 1e-1, log=True)


@pytest.mark.parametrize(
    ("distribution", "value", "place"),
    [
        (LOG, 1e-4, 0.0),
        (LOG, 1e-1, 1.0),
        (LOG, 1.0, 4 / 3),
        (LOG, 0.0, -math.inf),
        (FloatDistribution(-1.0, 3.0), 0.0, 0.25),
        (IntDistribution(8, 108), 133, 1.25),
        (IntDistribution(1, 1024, log=True), 32, 0.5),
    ],
)
def test_a_place_is_a_share_of_the_stated_range(distribution, value, place):
    assert Axis.of(distribution, None).place(value) == pytest.approx(place)


@pytest.mark.parametrize(
    ("distribution", "limits", "widest"),
    [
        (LOG, None, FloatDistribution(1e-7, 1e2, log=True)),
        (LOG, (1e-5, 1.0), FloatDistribution(1e-5, 1.0, log=True)),
        (FloatDistribution(-1.0, 1.0), None, FloatDistribution(-3.0, 3.0)),
        (FloatDistribution(2.0, 4.0), None, FloatDistribution(1.0, 6.0)),  # halves at most
        (FloatDistribution(0.0, 0.5), None, FloatDistribution(0.0, 0.75)),  # a share: half as near to 1
        (FloatDistribution(0.5, 1.0), None, FloatDistribution(0.25, 1.0)),
        (FloatDistribution(0.0, 4.0, step=0.5), None, FloatDistribution(0.0, 8.0, step=0.5)),
        (IntDistribution(8, 108), None, IntDistribution(1, 208)),
        (IntDistribution(0, 4), None, IntDistribution(0, 8)),
        (IntDistribution(-2, 2), None, IntDistribution(-6, 6)),
        (IntDistribution(4, 16, log=True), None, IntDistribution(1, 64, log=True)),
        (IntDistribution(16, 64, step=16), None, IntDistribution(0, 112, step=16)),
    ],
)
def test_a_range_is_widened_by_its_own_width_as_far_as_its_kind_of_number_goes(distribution, limits, widest):
    axis = Axis.of(distribution, limits)
    found = axis.between(-1.0, 2.0, (distribution.low, distribution.low))
    assert type(found) is type(widest)
    assert (found.low, found.high) == pytest.approx((widest.low, widest.high))
    assert (found.log, found.step) == (widest.log, widest.step)


def test_a_step_is_reached_even_where_it_is_wider_than_what_is_asked_for():
    axis = Axis.of(IntDistribution(1, 3), None)
    assert axis.next_to(3, End.UPPER) == 4
    assert axis.between(1.0, 1.1, (3, 4)) == IntDistribution(3, 4)
    assert axis.next_to(1, End.LOWER) == 1, "a count stays at least 1"


@pytest.mark.parametrize(
    ("distribution", "values", "found"),
    [
        (LOG, [0.01], LOG),
        (LOG, [0.01, 0.2, 1e-5], FloatDistribution(1e-5, 0.2, log=True)),
        (IntDistribution(16, 64, step=16), [80], IntDistribution(16, 80, step=16)),
        (CategoricalDistribution([1, 2]), [2], CategoricalDistribution([1, 2])),
    ],
)
def test_a_range_reaches_what_was_tried(distribution, values, found):
    assert reaching(distribution, values) == found


def test_a_single_value_and_a_choice_are_no_axes():
    space = {"x": FloatDistribution(1.0, 1.0), "y": CategoricalDistribution([1, 2]), "z": LOG}
    assert list(axes_of(space, {})) == ["z"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"k": (1e-3, 1.0)}, "k must be two numbers that contain its range 0.0001 to 0.1, got (0.001, 1.0)"),
        ({"k": (1e-5,)}, "k must be two numbers that contain its range"),
        ({"k": (1e-5, float("inf"))}, "k must be two numbers that contain its range"),
        ({"other": (0, 1)}, "must name numeric parameters of space, got 'other'"),
        ({"c": (0, 1)}, "must name numeric parameters of space, got 'c'"),
        ([("k", 0, 1)], "must map names to values"),
    ],
)
def test_limits_that_do_not_contain_the_range_are_refused(limits, message):
    space = {"k": LOG, "c": CategoricalDistribution([1, 2])}
    with pytest.raises(StudyError) as refused:
        Arm("a", space=space, limits=limits)
    assert message in str(refused.value)
