"""Average ranks over data sets, against published numbers, SciPy and autorank."""

import math

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.ranks import average_ranks

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
