"""Heterogeneity and ranks over data sets, against other libraries and published numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.meta_analysis import average_ranks, heterogeneity, paule_mandel
from dlstudy.errors import DataError

BCG = [
    (-0.8893, 0.3256), (-1.5854, 0.1946), (-1.3481, 0.4154), (-1.4416, 0.0200), (-0.2175, 0.0512), (-0.7861, 0.0069),
    (-1.6209, 0.2230), (0.0120, 0.0040), (-0.4694, 0.0564), (-1.3713, 0.0730), (-0.3394, 0.0124), (0.4459, 0.5325),
    (-0.0173, 0.0714),
]  # fmt: skip
"""Log risk ratio and its variance in 13 trials of the BCG vaccine (Colditz et al. 1994; `dat.bcg` of R's metafor)."""

TREES = """
    0.763 0.768 0.771 0.798
    0.599 0.591 0.590 0.569
    0.954 0.971 0.968 0.967
    0.628 0.661 0.654 0.657
    0.882 0.888 0.886 0.898
    0.936 0.931 0.916 0.931
    0.661 0.668 0.609 0.685
    0.583 0.583 0.563 0.625
    0.775 0.838 0.866 0.875
    1.000 1.000 1.000 1.000
    0.940 0.962 0.965 0.962
    0.619 0.666 0.614 0.669
    0.972 0.981 0.9751 0.975
    0.957 0.978 0.946 0.970
"""
"""AUC of C4.5 and three of its variants on 14 data sets (Demsar 2006, table 6)."""


def test_q_i2_and_tau_are_those_of_statsmodels():
    differences, variances = zip(*BCG, strict=True)
    found = heterogeneity(differences, np.sqrt(variances), [10**9] * 13)
    # statsmodels 0.15: combine_effects(differences, variances, method_re="iterated"): q, i2, tau2, test_homogeneity()
    assert found.q == pytest.approx(151.81491898583556)
    assert found.i2 == pytest.approx(0.9209563850498803)
    assert found.tau**2 == pytest.approx(0.3180824398739576)
    assert found.p == pytest.approx(2.4278594989904594e-26, rel=1e-5)  # with many pairs, Welch's is the chi-squared


def test_tau_is_0_where_data_sets_differ_less_than_their_noise():
    differences, variances = zip(*BCG[:3], strict=True)
    found = heterogeneity(differences, np.sqrt(variances), [6] * 3)
    assert (found.tau, found.i2) == (0, 0)  # as statsmodels has it
    assert found.q == pytest.approx(0.9324721555236337)


@pytest.mark.parametrize("sizes", [(6, 6, 6), (4, 9, 30, 5)])
def test_p_of_q_is_that_of_welchs_test(sizes):
    rng = np.random.default_rng(len(sizes))
    groups = [rng.normal(i / 3, 1 + i, n) for i, n in enumerate(sizes)]
    found = heterogeneity([g.mean() for g in groups], [stats.sem(g) for g in groups], sizes)
    assert found.p == pytest.approx(stats.f_oneway(*groups, equal_var=False).pvalue)


def test_with_paule_and_mandels_tau_q_is_what_is_expected():
    differences, variances = map(np.array, zip(*BCG, strict=True))
    weights = 1 / (variances + paule_mandel(differences, variances))
    mean = weights @ differences / weights.sum()
    assert weights @ (differences - mean) ** 2 == pytest.approx(12)


def test_two_data_sets_that_agree_have_no_heterogeneity():
    found = heterogeneity([0.1, 0.1], [0.01, 0.02], [6, 6])
    assert (found.q, found.i2, found.tau, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("differences", "errors"), [([0.1], [0.1]), ([0.1, 0.2], [0.1, 0.0]), ([0.1, math.nan], [0.1, 0.1]), ([1, 2], [1])]
)
def test_what_has_no_heterogeneity_is_refused(differences, errors):
    with pytest.raises(DataError, match="at least 2 data sets are needed, each with a difference and a standard error"):
        heterogeneity(differences, errors, [6] * len(errors))


def trees():
    names = ("C4.5", "m", "cf", "m+cf")
    return [dict(zip(names, map(float, line.split()), strict=True)) for line in TREES.strip().splitlines()]


def test_ranks_are_those_that_demsar_published():
    found = average_ranks(trees(), sign=1)
    assert {arm: round(rank, 3) for arm, rank in found.mean.items()} == {
        "m+cf": 1.964, "m": 2.0, "cf": 2.893, "C4.5": 3.143,
    }  # fmt: skip
    assert list(found.mean) == ["m+cf", "m", "cf", "C4.5"]
    assert round(found.critical_difference, 2) == 1.25
    # autorank 1.3: _critical_distance(0.05, k=4, n=14), from the studentized range instead of the table
    assert found.critical_difference == pytest.approx(1.2535512603486423, abs=2e-4)


def test_p_is_iman_and_davenports_form_of_friedmans_test():
    found = average_ranks(trees(), sign=1)
    columns = [[row[arm] for row in trees()] for arm in ("C4.5", "m", "cf", "m+cf")]
    chi2, n, k = stats.friedmanchisquare(*columns).statistic, 14, 4
    f = (n - 1) * chi2 / (n * (k - 1) - chi2)
    assert found.p == pytest.approx(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))


def test_where_less_is_better_ranks_turn_round():
    assert list(average_ranks(trees(), sign=-1).mean) == ["C4.5", "cf", "m", "m+cf"]


def test_the_same_order_everywhere_has_p_0_and_ties_everywhere_p_1():
    assert average_ranks([{"a": 3, "b": 2, "c": 1}] * 5, 1).p == 0
    tied = average_ranks([{"a": 1, "b": 1, "c": 1}] * 5, 1)
    assert (tied.p, dict(tied.mean)) == (1, {"a": 2, "b": 2, "c": 2})


def test_more_arms_than_the_table_has_get_no_critical_difference():
    eleven = [{str(i): float(i) for i in range(11)}] * 5
    assert average_ranks(eleven, 1).critical_difference is None
    ten = [{str(i): float(i) for i in range(10)}] * 5
    # The published table is the studentized range's quantile over the root of 2, to three digits.
    q = stats.studentized_range.ppf(0.95, 10, np.inf) / math.sqrt(2)
    assert average_ranks(ten, 1).critical_difference == pytest.approx(q * math.sqrt(10 * 11 / 30), rel=1e-3)
