"""Statistics of replications, beside SciPy's and by simulation."""

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.combining import heterogeneity, heterogeneity_p, mean_of_means, paule_mandel
from dlstudy.errors import DataError

rng = np.random.default_rng(3)
GROUPS = [list(rng.normal(0.3 * i, sd, n)) for i, (sd, n) in enumerate([(1, 6), (2, 8), (0.5, 12)])]


@pytest.mark.parametrize("k", [2, 3])
def test_heterogeneity_is_welchs_anova(k):
    assert heterogeneity_p(GROUPS[:k]) == pytest.approx(stats.f_oneway(*GROUPS[:k], equal_var=False).pvalue)


def test_of_two_groups_it_is_welchs_t_test():
    assert heterogeneity_p(GROUPS[:2]) == pytest.approx(stats.ttest_ind(*GROUPS[:2], equal_var=False).pvalue)


def test_the_interval_of_two_groups_is_half_of_welchs_interval_of_their_sum():
    one, other = GROUPS[:2]
    theirs = stats.ttest_ind(one, [-value for value in other], equal_var=False).confidence_interval(0.95)
    mean, interval = mean_of_means([one, other])
    assert mean == pytest.approx((np.mean(one) + np.mean(other)) / 2)
    assert interval == pytest.approx((theirs.low / 2, theirs.high / 2))


def test_groups_without_spread_have_a_point_and_no_p():
    assert mean_of_means([[1.0, 1.0], [2.0, 2.0]]) == (1.5, (1.5, 1.5))
    assert heterogeneity_p([[1.0, 1.0], [2.0, 2.5]]) is None


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[1.0, 2.0]], "at least 2 replications are needed, got 1"),
        ([[1.0, 2.0], [1.0]], "at least 2 values of each replication are needed, got 1"),
        ([[1.0, 2.0], [1.0, float("nan")]], "nan"),
    ],
)
def test_too_few_values_are_refused(groups, message):
    with pytest.raises(DataError, match=message):
        heterogeneity_p(groups)


@pytest.mark.parametrize(("k", "n", "ratio"), [(2, 6, 1), (2, 6, 3), (3, 8, 3)])
def test_error_rates_hold_with_few_seeds_and_unequal_spreads(k, n, ratio):
    """Cochran's Q, which takes spreads as known, would be significant in 8 to 13 % of these."""
    drawn = np.random.default_rng(4)
    n_studies, significant, covered = 3_000, 0, 0
    for _ in range(n_studies):
        groups = [drawn.standard_normal(n) * (ratio if i == 0 else 1) for i in range(k)]
        low, high = mean_of_means(groups)[1]
        significant += heterogeneity_p(groups) < 0.05
        covered += low < 0 < high
    assert 0.038 <= significant / n_studies <= 0.062
    assert 0.938 <= covered / n_studies <= 0.962


BCG = [
    (-0.8893, 0.3256), (-1.5854, 0.1946), (-1.3481, 0.4154), (-1.4416, 0.0200), (-0.2175, 0.0512), (-0.7861, 0.0069),
    (-1.6209, 0.2230), (0.0120, 0.0040), (-0.4694, 0.0564), (-1.3713, 0.0730), (-0.3394, 0.0124), (0.4459, 0.5325),
    (-0.0173, 0.0714),
]  # fmt: skip
"""Log risk ratio and its variance in 13 trials of the BCG vaccine (Colditz et al. 1994; `dat.bcg` of R's metafor)."""


def of_two(rows):
    """Groups of two values each that have these means and these squared standard errors."""
    return [[mean - variance**0.5, mean + variance**0.5] for mean, variance in rows]


def test_q_i2_and_tau_are_those_of_statsmodels():
    found = heterogeneity(of_two(BCG))
    # statsmodels 0.15: combine_effects(means, variances, method_re="iterated"), its q, i2 and tau2
    assert found.q == pytest.approx(151.81491898583556)
    assert found.i2 == pytest.approx(0.9209563850498803)
    assert found.tau**2 == pytest.approx(0.3180824398739576)


def test_tau_and_i2_are_0_where_groups_differ_less_than_their_noise():
    found = heterogeneity(of_two(BCG[:3]))
    assert (found.tau, found.i2) == (0, 0)  # as statsmodels has it
    assert found.q == pytest.approx(0.9324721555236337)


def test_with_paule_and_mandels_variance_q_is_what_is_expected():
    means, variances = map(np.array, zip(*BCG, strict=True))
    weights = 1 / (variances + paule_mandel(means, variances))
    assert weights @ (means - weights @ means / weights.sum()) ** 2 == pytest.approx(12)


def test_heterogeneity_has_the_p_of_welchs_test_and_none_without_spread():
    assert heterogeneity(GROUPS).p == heterogeneity_p(GROUPS)
    assert heterogeneity([[1.0, 1.0], [2.0, 2.5]]) is None
    alike = heterogeneity([[1.0, 2.0], [1.0, 2.0]])
    assert (alike.q, alike.i2, alike.tau, alike.p) == pytest.approx((0, 0, 0, 1))
