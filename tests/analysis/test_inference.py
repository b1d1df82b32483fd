"""What a few paired runs can say, against SciPy, statsmodels, autorank, baycomp, printed figures and by hand."""

import itertools
import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from autorank import autorank
from baycomp import two_on_single
from baycomp.single import Posterior
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

from dlstudy.analysis.inference import (
    best_so_far,
    beyond_p,
    chance_misses,
    effect_size,
    equivalence_p,
    expected_best,
    holm,
    mean_and_sd,
    paired_interval,
    pairs_needed,
    prediction_interval,
    prediction_p,
    smallest_difference,
    t_test_p,
    variance_components,
    win_share,
)
from dlstudy.errors import DataError

VALUES = [0.951, 0.957, 0.949, 0.962, 0.955, 0.948, 0.960]
T_2 = 4.302653  # Student's t of 2 degrees of freedom at 0.975, as tables print it
SLEEP = [1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4]  # Student 1908, hours gained
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]  # Darwin's, in Fisher 1935, eighths of an inch
DYESTUFF = [  # Davies 1947, as R's lme4 carries it: yields of five samples from each of six batches
    [1545, 1440, 1440, 1520, 1580], [1540, 1555, 1490, 1560, 1495], [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545], [1595, 1630, 1515, 1635, 1625], [1520, 1455, 1450, 1480, 1445],
]  # fmt: skip
SKEWED = np.random.default_rng(7).exponential(size=24) - 0.5


def generator():
    return np.random.default_rng(0)


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


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_p_of_one_more_run_is_5_percent_where_its_95_percent_interval_ends(level):
    for end in prediction_interval(VALUES, level):
        assert prediction_p(VALUES, end) == pytest.approx(1 - level)
        away = end + math.copysign(0.001, end - np.mean(VALUES))
        assert prediction_p(VALUES, away, slack=0.001) == pytest.approx(1 - level)


def test_what_rounding_hides_is_no_distance_and_runs_all_alike_are_sure():
    assert prediction_p(VALUES, float(np.mean(VALUES))) == prediction_p(VALUES, 0.9555, slack=0.01) == 1.0
    assert (prediction_p([0.5] * 4, 0.52, slack=0.03), prediction_p([0.5] * 4, 0.52)) == (1.0, 0.0)


@pytest.mark.parametrize("n", [2, 8, 25])
def test_no_difference_anywhere_gives_p_1(n):
    assert t_test_p([0.0] * n) == equivalence_p([0.1] * n, 0.1) == beyond_p([0.1] * n, 0.1) == 1.0


def test_students_sleep():
    assert np.mean(SLEEP) / stats.sem(SLEEP) == pytest.approx(4.06, abs=0.005)
    assert t_test_p(SLEEP) == pytest.approx(0.002833, abs=5e-7)  # as R's t.test prints it


@pytest.mark.parametrize("values", [SLEEP, MAIZE, SKEWED, VALUES[:2]])
def test_the_t_test_is_scipys(values):
    assert t_test_p(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-9)


def test_equal_differences_are_certain():
    assert t_test_p([0.1] * 3) == t_test_p([-0.1] * 3) == 0.0
    assert equivalence_p([-0.1] * 3, 0.2) == beyond_p([-0.1] * 3, 0.05) == 0.0
    assert equivalence_p([-0.1] * 3, 0.05) == beyond_p([-0.1] * 3, 0.2) == 1.0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("margin", [0.5, 2.0, 5.0])
def test_equivalence_is_statsmodels_tost_and_its_opposite_scipys_one_sided_test(margin, sign):
    differences = sign * np.array(SLEEP)
    theirs = ttost_paired(differences, np.zeros(len(SLEEP)), -margin, margin)[0]
    assert equivalence_p(differences, margin) == pytest.approx(theirs, rel=1e-9)
    side = "greater" if sign > 0 else "less"
    assert beyond_p(differences, margin) == pytest.approx(
        stats.ttest_1samp(differences, sign * margin, alternative=side).pvalue, rel=1e-9
    )


def test_equivalent_at_5_percent_is_the_90_percent_interval_within_the_margin():
    low, high = paired_interval(VALUES, 0.9)
    edge = max(abs(low), abs(high))
    assert equivalence_p(VALUES, edge * 0.9999) > 0.05 > equivalence_p(VALUES, edge * 1.0001)


def test_the_probabilities_are_those_of_baycomps_posterior():
    mean, sd = mean_and_sd(SLEEP)
    left, right = Posterior(mean, sd**2 / 10, 9).probs()
    assert t_test_p(SLEEP) == pytest.approx(2 * left)
    left, within, right = Posterior(mean, sd**2 / 10, 9, rope=1).probs()
    assert (equivalence_p(SLEEP, 1), beyond_p(SLEEP, 1)) == pytest.approx((right, left + within))


def test_baycomp_and_autorank_see_the_same_arm_ahead():
    rng = generator()
    a = 0.95 + 0.004 * rng.normal(size=12)
    b = a + 0.003 + 0.002 * rng.normal(size=12)
    ranked = autorank(pd.DataFrame({"a": a, "b": b}))
    assert ranked.omnibus == "ttest"
    assert t_test_p(b - a) == pytest.approx(ranked.pvalue, rel=1e-9)
    assert list(ranked.rankdf.sort_values("meanrank").index) == ["b", "a"]
    assert two_on_single(a, b)[1] > 0.95
    assert paired_interval(b - a)[0] > 0
    assert win_share(b - a)[0] > 0.5
    assert effect_size(b - a) > 0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7]) == [0.7]
    assert holm([]) == []


@pytest.mark.parametrize("n", [2, 5, 20])
def test_holm_is_statsmodels(n):
    ps = np.random.default_rng(n).uniform(0, 0.3, n).round(2)  # rounded: some are equal
    assert holm(list(ps)) == pytest.approx(multipletests(ps, method="holm")[1])


@pytest.mark.parametrize("wins", [0, 1, 5, 9, 10])
def test_the_share_of_wins_has_clopper_and_pearsons_interval(wins):
    share, interval = win_share([0.2] * wins + [-0.1] * (10 - wins))
    assert share == wins / 10
    assert interval == pytest.approx(proportion_confint(wins, 10, 0.05, method="beta"), rel=1e-9)


def test_a_tie_is_half_a_win():
    share, (low, high) = win_share([0.1, 0.0, -0.1])
    assert share == 0.5
    assert low == pytest.approx(1 - high)
    assert win_share([0.0])[0] == 0.5


def test_effect_size_by_hand():
    assert effect_size([1, 2, 3]) == pytest.approx(2 * (1 - 3 / 7))
    assert effect_size([-value for value in SLEEP]) == pytest.approx(-1.58 / 1.23 * (1 - 3 / 35), rel=1e-3)


@pytest.mark.parametrize("differences", [[0.1], [0.1, 0.3], [0.1] * 5])
def test_without_spread_or_with_two_pairs_there_is_no_effect_size(differences):
    assert effect_size(differences) is None


@pytest.mark.parametrize("power", [0.8, 0.9])
@pytest.mark.parametrize("n", [4, 8, 20, 100])
def test_the_smallest_difference_is_found_as_often_as_statsmodels_says(n, power):
    assert smallest_difference(1.0, n, power=power) == pytest.approx(
        TTestPower().solve_power(nobs=n, alpha=0.05, power=power), rel=1e-5
    )


def test_the_smallest_difference_is_in_the_unit_of_the_spread():
    assert smallest_difference(0.02, 8) == pytest.approx(0.02 * smallest_difference(1, 8))
    assert smallest_difference(0.0, 8) == 0.0


@pytest.mark.parametrize(("difference", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_pairs_needed_for_cohens_small_medium_and_large_effects(difference, n):
    smallest = partial(smallest_difference, 1.0)
    assert pairs_needed(smallest, difference) == pairs_needed(smallest, -difference) == n  # as G*Power prints them
    assert smallest_difference(1, n) <= difference < smallest_difference(1, n - 1)


def test_pairs_needed_has_bounds():
    smallest = partial(smallest_difference, 1.0)
    assert pairs_needed(partial(smallest_difference, 0.0), 0.01) == pairs_needed(smallest, 1e6) == 2
    assert pairs_needed(smallest, 0.0) == pairs_needed(smallest, 1e-9) == 1_000_000


def test_one_pair_has_no_smallest_difference():
    with pytest.raises(DataError, match="at least 2 pairs are needed, got 1"):
        smallest_difference(1.0, 1)


def test_variance_components_by_hand():
    assert variance_components([[1, 3], [5, 7]]) == pytest.approx((math.sqrt(2), math.sqrt(7)))
    assert variance_components([[0, 2], [4]]) == pytest.approx((math.sqrt(2), math.sqrt(3)))  # unequal: 4/3 seeds


def test_variance_components_of_the_dyestuff():
    assert variance_components(np.array(DYESTUFF)) == pytest.approx((49.51, 42.00), abs=0.005)  # as lme4 prints them


def test_searches_that_differ_no_more_than_seeds_add_nothing():
    assert variance_components([[1, 3], [1, 3], [3, 1]]) == pytest.approx((math.sqrt(4 / 3 * 1.5), 0))


@pytest.mark.parametrize("differences", [[[1, 2]], [[1], [2]], []])
def test_variance_components_need_two_searches_and_a_second_seed(differences):
    with pytest.raises(DataError, match="at least 2 searches, one with 2 seeds, are needed, got"):
        variance_components(differences)


def test_best_so_far_in_both_directions():
    values = [None, 0.5, 0.4, None, 0.7, 0.6]
    assert best_so_far(values, 1) == [None, 0.5, 0.5, 0.5, 0.7, 0.7]
    assert best_so_far(values, -1) == [None, 0.5, 0.4, 0.4, 0.4, 0.4]
    assert best_so_far([0.0, -1.0], 1) == [0.0, 0.0]
    assert best_so_far([], 1) == []


@pytest.mark.parametrize(("sign", "best"), [(1, max), (-1, min)])
@pytest.mark.parametrize("n", range(1, 9))
def test_expected_best_is_the_mean_over_all_subsets(n, sign, best):
    values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, -2.0, 6.0]
    by_hand = np.mean([best(subset) for subset in itertools.combinations(values, n)])
    assert expected_best(values, n, sign) == pytest.approx(by_hand)


def test_expected_best_has_no_bias_where_drawing_with_replacement_has_one():
    draws = np.random.default_rng(0).uniform(size=(20_000, 5))
    ours = np.mean([expected_best(values, 4, 1) for values in draws])
    assert ours == pytest.approx(4 / 5, abs=0.003)  # of the best of four uniform draws
    weights = np.diff(np.arange(6) ** 4 / 5**4)  # Dodge et al. 2019
    assert np.mean(np.sort(draws) @ weights) < 0.78


def test_expected_best_of_a_thousand_values_does_not_overflow():
    assert expected_best(range(1, 1_001), 500, 1) == pytest.approx(500 * 1_001 / 501)  # n (N + 1) / (n + 1)


def test_misses_by_chance():
    assert chance_misses(1) == pytest.approx((0.05, 0.05))
    assert chance_misses(20) == pytest.approx((1.0, 0.6415), abs=5e-5)
    assert chance_misses(4, level=0.5) == (2.0, 1 - 1 / 16)
    assert chance_misses(0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("function", "least"),
    [
        (mean_and_sd, 1),
        (paired_interval, 2),
        (prediction_interval, 2),
        (lambda values: prediction_p(values, 0.0), 2),
        (t_test_p, 2),
        (lambda values: equivalence_p(values, 0.1), 2),
        (lambda values: beyond_p(values, 0.1), 2),
        (win_share, 1),
        (effect_size, 1),
        (lambda values: expected_best(values, 2, 1), 2),
    ],
)
def test_too_few_or_infinite_values_are_refused(function, least):
    for values in ([1.0] * (least - 1), [1.0, math.nan], [1.0, 2.0, math.inf], [[1.0, 2.0]]):
        with pytest.raises(DataError, match=rf"at least {least} finite values are needed, got \["):
            function(values)
