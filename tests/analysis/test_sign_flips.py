"""The sign-flip test and its interval, against SciPy, by brute force, and by simulation with a known truth."""

import math

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis import sign_flips
from dlstudy.analysis.sign_flips import asymmetry_p, sign_flip_interval, sign_flip_p, smallest_p, smallest_shift
from dlstudy.errors import DataError

SLEEP = [1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4]  # Student 1908, hours gained
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]  # Darwin's, in Fisher 1935, eighths of an inch
SKEWED = np.random.default_rng(7).exponential(size=24) - 0.5


def test_fishers_randomization_of_darwins_maize():
    assert sign_flip_p(MAIZE) == 1726 / 2**15  # The Design of Experiments, section 21: 863 on each side


@pytest.mark.parametrize("values", [SLEEP, MAIZE, SKEWED[:10], -SKEWED[:10]])
def test_all_patterns_are_scipys_exact_permutations(values):
    theirs = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(values) == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 6, 16, 30])
def test_the_smallest_p_of_n_pairs_is_two_patterns_of_all(n):
    assert sign_flip_p([0.1 * n, *[0.3] * (n - 1)]) == smallest_p(n) == max(2 / 2**n, 2 / 2**16)


def test_patterns_that_tie_but_for_rounding_count():
    for tenths in np.random.default_rng(0).integers(-9, 10, (200, 7)):  # whole numbers add up exactly, tenths do not
        assert sign_flip_p(tenths / 10) == sign_flip_p(tenths)


@pytest.mark.parametrize("n", [1, 2, 8, 25])
def test_no_difference_anywhere_gives_p_1(n):
    assert sign_flip_p([0.0] * n) == 1.0


def test_drawn_patterns_agree_with_all_patterns(monkeypatch):
    exact, interval = sign_flip_p(MAIZE), sign_flip_interval(MAIZE, 0.95)
    drawn = np.random.default_rng(1).integers(0, 2, (len(MAIZE), 30_000)) == 1
    monkeypatch.setattr(sign_flips, "_EXACT_UP_TO", 0)
    monkeypatch.setattr(sign_flips, "_drawn_subsets", lambda n: drawn)
    monkeypatch.setattr(sign_flips, "_sizes", lambda n: np.maximum(1, drawn.sum(axis=0)))
    assert sign_flip_p(MAIZE) == pytest.approx(exact, abs=8 * math.sqrt(exact / 30_000))
    assert sign_flip_interval(MAIZE, 0.95) == pytest.approx(interval, abs=2)


def test_the_same_differences_have_the_same_p_beyond_16_pairs_too():
    assert sign_flip_p(SKEWED) == sign_flip_p(SKEWED)
    assert sign_flip_interval(SKEWED, 0.95) == sign_flip_interval(SKEWED, 0.95)


@pytest.mark.parametrize("values", [SLEEP, SKEWED[:9], np.array(MAIZE) / 3])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_ends_where_scipys_test_begins_to_reject(values, level):
    """Every shift inside is kept by the permutation test of the shifted differences, and one just outside is not."""

    def p(shift):
        shifted = np.array(values) - shift
        return stats.permutation_test((shifted,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue

    low, high = sign_flip_interval(values, level)
    step = 1e-6 * (high - low)
    for inside, outside in ((low + step, low - step), (high - step, high + step)):
        assert p(inside) > 1 - level >= p(outside)


@pytest.mark.parametrize("n", [6, 8, 15, 24])
def test_p_is_at_most_5_percent_exactly_where_the_interval_leaves_out_zero(n):
    rng = np.random.default_rng(n)
    for shift in rng.uniform(0, 2.5, 150) / math.sqrt(n):
        differences = rng.standard_t(4, n) + shift
        low, high = sign_flip_interval(differences, 0.95)
        assert (sign_flip_p(differences) <= 0.05) == (low > 0 or high < 0)


def test_six_pairs_have_their_range_and_five_no_interval_at_95_percent():
    assert sign_flip_interval(SLEEP[:6], 0.95) == (0.0, 2.4)
    assert sign_flip_interval(SLEEP[:5], 0.95) is None
    assert sign_flip_interval(SLEEP[:5], 0.90) == (0.0, 2.4)  # 2 / 2^5 is 6 %


def test_equal_differences_give_a_point():
    assert sign_flip_interval([0.25] * 8, 0.95) == (0.25, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 8, 13])
@pytest.mark.parametrize("kind", ["normal", "t3", "uniform"])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(n, kind):
    rng, n_studies = np.random.default_rng(n), 1_500
    draw = {"normal": rng.standard_normal, "t3": lambda size: rng.standard_t(3, size), "uniform": rng.random}[kind]
    truth = 0.5 if kind == "uniform" else 0.0
    intervals = [sign_flip_interval(study, 0.95) for study in draw((n_studies, n))]
    held = np.mean([low <= truth <= high for low, high in intervals])
    k = math.floor(0.05 * 2 ** min(n, 16) / 2)  # of as many patterns on each side
    assert held == pytest.approx(1 - 2 * k / 2 ** min(n, 16), abs=3 * math.sqrt(0.05 * 0.95 / n_studies))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "n_claims"), [(6, 1), (7, 1), (7, 2), (8, 4), (9, 8), (10, 1), (12, 4), (14, 8), (20, 1)]
)
def test_the_smallest_shift_is_found_in_four_of_five_studies(n, n_claims):
    """At the least number of pairs too, where Student's test would find it in 54 to 67 %."""
    rng, n_studies = np.random.default_rng(100 + n), 2_000 if n < 13 else 600
    studies = rng.standard_normal((n_studies, n)) + smallest_shift(n, 0.05 / n_claims)
    found = [np.mean(study) > 0 and n_claims * sign_flip_p(study) <= 0.05 for study in studies]
    assert np.mean(found) == pytest.approx(0.8, abs=0.02 + 2.5 * math.sqrt(0.16 / n_studies))


@pytest.mark.parametrize(("n", "n_claims"), [(2, 1), (5, 1), (6, 2), (7, 4), (8, 8)])
def test_so_few_pairs_that_no_p_is_small_enough_show_nothing(n, n_claims):
    assert smallest_shift(n, 0.05 / n_claims) == math.inf


def test_more_pairs_show_less():
    shifts = [smallest_shift(n, 0.05) for n in range(6, 25)]
    assert shifts == sorted(shifts, reverse=True)


def test_asymmetry_by_hand():
    # mean 1, median 0, mean distance from the median 1: sqrt(5) / (sqrt(pi / 2) * sqrt(pi / 2 - 1)) = 2.3614
    assert asymmetry_p([0, 0, 0, 0, 5]) == pytest.approx(2 * stats.norm.sf(2.3614), abs=1e-5)
    assert asymmetry_p([-2, -1, 0, 1, 2]) == asymmetry_p([0.3] * 7) == 1.0


def test_symmetric_differences_are_seldom_called_skewed_and_rare_failures_often():
    rng = np.random.default_rng(3)

    def called(studies):
        return np.mean([asymmetry_p(study) < 0.05 for study in studies])

    assert called(rng.standard_normal((1_000, 8))) < 0.03
    assert called(rng.standard_normal((1_000, 40))) == pytest.approx(0.045, abs=0.02)
    assert called(rng.standard_t(3, (1_000, 20))) < 0.1
    assert called(rng.exponential(size=(1_000, 20))) > 0.45
    failing = 0.02 * rng.standard_normal((1_000, 8)) - (rng.random((1_000, 8)) < 0.1)
    with_failure = failing[(failing < -0.5).any(axis=1)]
    assert called(with_failure) > 0.9


@pytest.mark.parametrize(
    "function", [sign_flip_p, asymmetry_p, lambda values: sign_flip_interval(values, 0.95)], ids=["p", "shape", "ends"]
)
def test_no_values_and_infinite_ones_are_refused(function):
    for values in ([], [1.0, math.nan], [1.0, math.inf]):
        with pytest.raises(DataError, match=r"at least 1 finite values are needed, got \["):
            function(values)
