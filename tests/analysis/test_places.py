"""Places that are shared where rows do not tell two apart, against SciPy and statsmodels."""

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from dlstudy.analysis.places import Place, contrasts_with, places, pseudo_values, rows_p, score_interval
from dlstudy.errors import DataError


def right(share, n=300, seed=0):
    """(n,) of 0 and 1."""
    return (np.random.default_rng(seed).random(n) < share).astype(float)


@pytest.mark.parametrize(("n_better", "n_worse"), [(3, 0), (5, 2), (9, 7), (30, 12), (60, 55), (0, 20)])
def test_right_and_wrong_rows_are_compared_as_by_mcnemars_exact_test(n_better, n_worse):
    differences = np.array([1.0] * n_better + [-1.0] * n_worse + [0.0] * 40)
    expected = mcnemar([[0, n_better], [n_worse, 40]], exact=True).pvalue
    assert rows_p(differences) == pytest.approx(expected, rel=1e-9)


def test_other_values_are_compared_as_by_the_paired_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.1, 1, 80), rng.normal(0, 1, 80)
    assert rows_p(a - b) == pytest.approx(ttest_rel(a, b).pvalue, rel=1e-9)


def test_rows_without_a_difference_tell_nothing_apart():
    assert rows_p(np.zeros(50)) == 1.0


def test_all_pairs_are_adjusted_together_as_by_holm():
    values = {
        name: right(share, seed=i) for i, (name, share) in enumerate(zip("abcd", (0.9, 0.8, 0.79, 0.6), strict=True))
    }
    _, found = places(values, 1)
    assert set(map(frozenset, found)) == set(map(frozenset, itertools.combinations("abcd", 2)))
    expected = multipletests([each.p for each in found.values()], method="holm")[1]
    assert [each.p_adjusted for each in found.values()] == pytest.approx(list(expected))


def test_two_share_places_unless_they_are_told_apart():
    good, bad = right(0.95), right(0.5, seed=1)
    like_good = good.copy()
    like_good[:2] = 1 - like_good[:2]
    ranks, found = places({"bad": bad, "good": good, "like": like_good}, 1)
    assert ranks == {"good": Place(1, 2), "like": Place(1, 2), "bad": Place(3, 3)}
    assert [str(ranks["good"]), str(ranks["bad"])] == ["1 to 2", "3"]
    assert all(each.difference >= 0 for each in found.values())


def test_one_may_share_places_with_two_that_are_told_apart():
    n = 400
    base = np.arange(n) % 10 != 0
    values = {name: (base & (np.arange(n) >= lost)).astype(float) for name, lost in (("a", 0), ("b", 6), ("c", 12))}
    ranks, _ = places(values, 1)
    assert [ranks[name] for name in "abc"] == [Place(1, 2), Place(1, 3), Place(2, 3)]


def test_less_is_better_where_the_sign_says_so():
    losses = {"low": np.full(50, 0.1) + np.arange(50) / 1e4, "high": np.full(50, 0.9)}
    ranks, found = places(losses, -1)
    assert ranks == {"low": Place(1, 1), "high": Place(2, 2)}
    assert found["low", "high"].difference > 0
    assert contrasts_with({"low": losses["low"]}, losses["high"], -1)["low"].is_told


def test_the_only_one_is_first():
    assert places({"a": right(0.5)}, 1) == ({"a": Place(1, 1)}, {})


def test_pseudo_values_of_a_mean_are_its_rows():
    values = np.random.default_rng(0).normal(size=150)
    assert pseudo_values(lambda rows: float(values[rows].mean()), 150) == pytest.approx(values)


@pytest.mark.parametrize("n", [120, 1000])
def test_pseudo_values_vary_as_a_bootstrap_does(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)

    def correlation(rows):
        return float(np.corrcoef(x[rows], y[rows])[0, 1])

    found = pseudo_values(correlation, n)
    assert len(found) == min(n, 200)
    assert found.mean() == pytest.approx(correlation(np.arange(n)))
    bootstrapped = np.std([correlation(rng.integers(0, n, n)) for _ in range(1000)])
    assert found.std(ddof=1) / np.sqrt(len(found)) == pytest.approx(bootstrapped, rel=0.15)


def test_a_metric_without_a_value_on_nearly_all_rows_is_refused():
    y = np.array([0.0, 0.0, 1.0])  # without the last row nothing varies
    with pytest.raises(DataError, match="no finite value"):
        pseudo_values(lambda rows: 1.0 if y[rows].any() else np.nan, 3)


def test_the_interval_of_a_share_is_exact_and_that_of_other_values_students():
    low, high = score_interval(np.array([1.0] * 10))
    assert (round(low, 4), high) == (0.6915, 1.0), "Clopper and Pearson: 0.025 ** (1 / 10)"
    values = np.array([1.0, 2.0, 3.0])
    assert score_interval(values) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-3)
