"""What a few paired runs can say, against SciPy and numbers made by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from dlstudy.errors import DataError
from dlstudy.statistics import mean_and_sd, paired_interval, prediction_interval

VALUES = [0.951, 0.957, 0.949, 0.962, 0.955, 0.948, 0.960]
T_2 = 4.302653  # Student's t of 2 degrees of freedom at 0.975, as tables print it


def test_mean_and_sd_by_hand():
    assert mean_and_sd([1, 2, 3]) == (2.0, 1.0)
    assert mean_and_sd([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx((5.0, math.sqrt(32 / 7)))


def test_a_single_value_has_no_spread():
    assert mean_and_sd([0.5]) == (0.5, None)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_paired_interval_is_scipys_t_interval(n, level):
    values = VALUES[:n]
    assert paired_interval(values, level) == pytest.approx(
        stats.t.interval(level, n - 1, loc=np.mean(values), scale=stats.sem(values)), rel=1e-9
    )


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n", [2, 7])
def test_prediction_interval_is_a_t_interval_of_one_more_value(n, level):
    values = VALUES[:n]
    scale = np.std(values, ddof=1) * math.sqrt(1 + 1 / n)
    assert prediction_interval(values, level) == pytest.approx(
        stats.t.interval(level, n - 1, loc=np.mean(values), scale=scale), rel=1e-9
    )


def test_intervals_by_hand():
    assert paired_interval([1, 2, 3]) == pytest.approx((2 - T_2 / math.sqrt(3), 2 + T_2 / math.sqrt(3)), rel=1e-6)
    assert prediction_interval([1, 2, 3]) == pytest.approx(
        (2 - T_2 * math.sqrt(4 / 3), 2 + T_2 * math.sqrt(4 / 3)), rel=1e-6
    )


def test_equal_values_give_a_point():
    assert paired_interval([0.25, 0.25]) == prediction_interval([0.25] * 5) == (0.25, 0.25)


def test_the_sign_of_the_differences_turns_the_interval_round():
    low, high = paired_interval(VALUES)
    assert paired_interval([-value for value in VALUES]) == pytest.approx((-high, -low))


def test_a_prediction_interval_holds_one_more_run_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(size=(4_000, 5))
    hits = [low <= new <= high for *run, new in draws for low, high in [prediction_interval(run)]]
    assert np.mean(hits) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 4_000))


@pytest.mark.parametrize(
    ("function", "values", "least"),
    [
        (mean_and_sd, [], 1),
        (mean_and_sd, [math.nan], 1),
        (mean_and_sd, [[1.0, 2.0]], 1),
        (paired_interval, [1.0], 2),
        (paired_interval, [1.0, math.inf], 2),
        (prediction_interval, [1.0], 2),
        (prediction_interval, [1.0, math.nan], 2),
    ],
)
def test_too_few_or_infinite_values_are_refused(function, values, least):
    with pytest.raises(DataError, match=rf"at least {least} finite values are needed, got \["):
        function(values)
