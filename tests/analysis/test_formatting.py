"""Numbers as text: digits that their uncertainty leaves, and never a sign that rounding made up."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy.analysis.formatting import (
    difference,
    exact_beside,
    interval_text,
    like_reported,
    mean_text,
    number,
    p_text,
    params_text,
    places,
    rounded,
    seconds_text,
    share_text,
    space_text,
    with_sd,
)


@pytest.mark.parametrize(
    ("uncertainty", "decimals"),
    [(0.0095, 4), (0.00996, 3), (0.5, 2), (1.0, 1), (12.0, 0), (1300.0, -2), (0.0, None), (float("inf"), None)],
)
def test_an_uncertainty_is_shown_to_two_digits(uncertainty, decimals):
    assert places(uncertainty) == decimals


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.93, 0.0095394, "0.9300 ± 0.0095"),
        (0.93456, 0.00996, "0.935 ± 0.010"),  # rounding the spread up moves the place
        (0.5, 0.0, "0.5000 ± 0"),
        (0.4684, 1e-17, "0.4684 ± 0"),  # what float64 sums differ by is no spread
        (0.97476, 0.00055, "0.97476 ± 0.00055"),
        (12345.6, 1300.0, "12300 ± 1300"),
        (0.2, 12.3, "0 ± 12"),
        (-0.01, 0.2, "-0.01 ± 0.20"),
        (-0.001, 0.2, "0.00 ± 0.20"),
        (5.0005123e7, 1300.0, "5.00051e+07 ± 1.3e+03"),
        (2.87e15, 1.1e14, "2.87e+15 ± 1.1e+14"),
        (0.5, None, "0.5000"),
        (0.5, float("nan"), "0.5000"),
        (float("inf"), 1.0, "–"),
    ],
)
def test_a_mean_is_shown_to_the_place_of_its_spread(mean, sd, text):
    assert with_sd(mean, sd) == text


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.93, 0.0095394, "0.9300"),
        (0.5, 0.0, "0.5000"),
        (12345.6, 1300.0, "12300"),
        (-0.001, 0.2, "0.00"),
        (0.5, None, "0.5000"),
        (float("inf"), 1.0, "–"),
    ],
)
def test_a_mean_alone_has_the_digits_that_its_spread_leaves(mean, sd, text):
    assert mean_text(mean, sd) == text
    assert with_sd(mean, sd).split(" ± ")[0] == text


@pytest.mark.parametrize(
    ("distribution", "text"),
    [
        (FloatDistribution(1e-4, 0.1, log=True), "k 0.0001 to 0.1 on a log scale"),
        (FloatDistribution(0.0, 1.0, step=0.25), "k 0.0 to 1.0 in steps of 0.25"),
        (IntDistribution(1, 9), "k 1 to 9"),
        (IntDistribution(2, 8, step=2), "k 2 to 8 in steps of 2"),
        (IntDistribution(1, 64, log=True), "k 1 to 64 on a log scale"),
        (CategoricalDistribution(("relu", None, 3)), "k one of relu, None, 3"),
    ],
)
def test_a_search_space_is_shown_in_words(distribution, text):
    assert space_text({"k": distribution}) == text
    assert space_text({"k": distribution, "b": IntDistribution(1, 2)}) == f"{text}, b 1 to 2"


def test_an_empty_space_has_nothing_to_tune():
    assert space_text({}) == "nothing to tune"


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((0.017516, 0.022484), "+0.0175 to +0.0225"),
        ((-0.01, 0.02), "-0.010 to +0.020"),
        ((0.00002, 0.0131), "+0.00002 to +0.0131"),  # an end above 0 is not shown as 0
        ((-1e-19, 0.02), "+0.000 to +0.020"),  # but rounding is
        ((0.02, 0.02), "+0.0200 to +0.0200"),
        ((125.5081, 125.5081), "+125.5081 to +125.5081"),
        (None, "–"),
    ],
)
def test_an_interval_is_shown_to_two_digits_of_half_its_width(interval, text):
    assert interval_text(interval) == text


def test_an_interval_without_signs():
    assert interval_text((0.905, 0.915), signed=False) == "0.9050 to 0.9150"
    assert interval_text((359.03083427455, 359.03083427465), signed=False) == "359.030834274550 to 359.030834274650"


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.02, (0.017516, 0.022484), "+0.0200"),
        (-0.00003, (-0.0025, 0.0025), "+0.0000"),
        (-0.094, (-0.110, -0.077), "-0.094"),
        (0.02, (0.02, 0.02), "+0.0200"),
        (0.02, None, "+0.0200"),
        (None, None, "–"),
    ],
)
def test_a_difference_is_shown_to_the_place_of_its_interval(value, interval, text):
    assert difference(value, interval) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "< 0.001"),
        (0.00099, "< 0.001"),
        (0.001, "0.001"),
        (0.004, "0.004"),
        (0.0312, "0.031"),
        (0.04996, "< 0.05"),
        (0.05, "0.050"),
        (0.05004, "> 0.05"),
        (0.0994, "0.099"),
        (0.234, "0.23"),
        (1.0, "1.00"),
        (None, "–"),
    ],
)
def test_rounding_moves_no_p_across_the_border(p, text):
    assert p_text(p) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.95, "0.9500"),
        (0, "0.0000"),
        (-0.0, "0.0000"),
        (0.001, "0.0010"),
        (0.00012345, "0.000123"),
        (-0.5, "-0.5000"),
        (9999.5, "9999.5000"),
        (50005100.0, "5e+07"),
        (float("nan"), "–"),
    ],
)
def test_numbers_have_four_decimals_where_that_shows_something(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "reported", "interval", "text"),
    [
        (0.955, "0.95", (0.95, 0.96), "0.9550"),
        (0.2141, "0.2242", (0.189, 0.239), "0.214"),
        (1.59135706886896, "1.5913570686889646", None, "1.5913570688689600"),
        (0.955, "0.95", None, "0.9550"),
        (333435340000.0, "-1572109088", None, "3.33e+11"),
        (0.5, "5e-1", None, "0.5000"),
        (None, "0.95", None, "–"),
    ],
)
def test_our_number_beside_a_reported_one(value, reported, interval, text):
    assert like_reported(value, reported, interval) == text


@pytest.mark.parametrize(
    ("value", "reported", "text"),
    [
        (0.769662921348315, "0.77", "0.7697"),
        (0.74, "0.7400", "0.74"),
        (101770.0, "101,770", "101,770"),
        (1.5913570686889646, "1.5913570686889646", "1.59135706868896"),
        (3e-9, "0.0", "3e-09"),
        (0.0, "0", "0"),
    ],
)
def test_an_exact_number_has_no_more_digits_than_help(value, reported, text):
    assert exact_beside(value, reported) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (float("inf"), "–"),
        (0.0531, "0.053 s"),
        (9.4, "9.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (3900, "1 h 05 min"),
    ],
)
def test_a_duration_is_in_units_of_daily_life(seconds, text):
    assert seconds_text(seconds) == text


def test_small_texts_by_hand():
    assert rounded(0.5, 17) == "5.0000000000000000e-01"
    assert rounded(0.0, 17) == "0"
    assert share_text(None) == "–"
    assert share_text(0.875, (0.473, 0.997)) == "88 % (47 to 100)"
    assert params_text({}) == "nothing to tune"
    assert (
        params_text({"rate": 0.0123456, "units": 64, "kind": "l2", "bias": True})
        == "rate 0.0123, units 64, kind l2, bias True"
    )
