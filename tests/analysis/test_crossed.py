"""The mean over crossed units and rows, against a printed analysis of variance, statsmodels, and a known truth."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from dlstudy.analysis.crossed import beyond_p, crossed_mean, equivalence_p, smallest_difference
from dlstudy.analysis.inference import paired_interval, t_test_p
from dlstudy.errors import DataError

# Shrout and Fleiss 1979, table 2: six targets, four judges. Their table 3: mean squares 11.24, 32.49 and 1.02.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def made(seed=0, shape=(5, 40), sds=(0.3, 0.5, 1.0), mean=0.2):
    """Differences with effects of units, of rows, and of both."""
    rng, (n_units, n_rows) = np.random.default_rng(seed), shape
    effects = [rng.normal(0, sd, size) for sd, size in zip(sds, ((n_units, 1), (1, n_rows), shape), strict=True)]
    return mean + sum(effects)


def test_the_components_are_those_of_the_printed_mean_squares():
    found = crossed_mean(RATINGS)
    assert found.sd_units**2 == pytest.approx((11.24 - 1.02) / 4, abs=0.01)
    assert found.sd_rows**2 == pytest.approx((32.49 - 1.02) / 6, abs=0.01)
    assert found.sd_interaction**2 == pytest.approx(1.02, abs=0.005)
    assert found.standard_error**2 == pytest.approx((11.24 + 32.49 - 1.02) / 24, abs=0.001)
    degrees = (11.24 + 32.49 - 1.02) ** 2 / (11.24**2 / 5 + 32.49**2 / 3 + 1.02**2 / 15)
    assert found.degrees_of_freedom == pytest.approx(degrees, rel=1e-3)


def test_the_components_are_those_of_statsmodels():
    differences = made()
    table = pd.DataFrame(
        [(unit, row, value) for (unit, row), value in np.ndenumerate(differences)], columns=["unit", "row", "value"]
    )
    squares = anova_lm(ols("value ~ C(unit) + C(row)", table).fit())["sum_sq"] / [4, 39, 4 * 39]
    units, rows, both = squares
    found = crossed_mean(differences)
    assert found.sd_interaction**2 == pytest.approx(both)
    assert found.sd_units**2 == pytest.approx((units - both) / 40)
    assert found.sd_rows**2 == pytest.approx((rows - both) / 5)
    assert found.standard_error**2 == pytest.approx((units + rows - both) / 200)


def test_where_rows_are_alike_the_interval_is_student_s_over_units():
    of_units = made()[:, 0]
    found = crossed_mean(np.repeat(of_units[:, None], 30, axis=1))
    assert (found.interval, found.p) == (pytest.approx(paired_interval(of_units)), pytest.approx(t_test_p(of_units)))
    assert (found.degrees_of_freedom, found.sd_rows) == (pytest.approx(4), pytest.approx(0, abs=1e-7))


def test_where_units_are_alike_the_interval_is_student_s_over_rows():
    of_rows = made()[0]
    found = crossed_mean(np.repeat(of_rows[None], 5, axis=0))
    assert (found.interval, found.p) == (pytest.approx(paired_interval(of_rows)), pytest.approx(t_test_p(of_rows)))
    assert (found.degrees_of_freedom, found.sd_units) == (pytest.approx(39), pytest.approx(0, abs=1e-7))


def test_units_that_differ_less_than_their_rows_make_take_nothing_away():
    differences = made(sds=(0, 0, 1))
    differences -= differences.mean(axis=1, keepdims=True)  # all units have the same mean
    found = crossed_mean(differences)
    assert found.standard_error == pytest.approx(np.std(differences.mean(axis=0), ddof=1) / 40**0.5)
    assert found.sd_units == 0


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.1, 0.0)])
def test_equal_differences_give_a_point(value, p):
    found = crossed_mean(np.full((3, 7), value))
    assert (found.mean, found.standard_error, found.p) == (pytest.approx(value), 0.0, p)
    assert found.interval == found.interval_90 == pytest.approx((value, value))
    assert (equivalence_p(found, 0.2), equivalence_p(found, 0.05)) == (0.0, 1.0 if value else 0.0)
    assert smallest_difference(found, 3) == 0.0


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (9,), (0, 9)])
def test_one_unit_or_one_row_are_no_sample(shape):
    with pytest.raises(DataError, match="at least 2 units of at least 2 rows, all finite, are needed, got shape"):
        crossed_mean(np.ones(shape))


def test_a_difference_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="all finite"):
        crossed_mean(np.array([[1.0, np.nan], [1.0, 1.0]]))


def test_two_one_sided_tests_agree_with_the_90_per_cent_interval():
    found = crossed_mean(made())
    furthest = max(map(abs, found.interval_90))
    assert equivalence_p(found, furthest) == pytest.approx(0.05)
    assert beyond_p(found, 0.0) == pytest.approx(found.p / 2)
    low = found.interval_90[0]
    assert low > 0
    assert beyond_p(found, low) == pytest.approx(0.05)


def covered(shape, sds, rng, n_studies=1_500):
    """How often the crossed interval, and that over units, contain the true mean of 0."""
    both = []
    for _ in range(n_studies):
        differences = made(rng, shape, sds, mean=0.0)
        intervals = crossed_mean(differences).interval, paired_interval(differences.mean(axis=1))
        both.append([low <= 0 <= high for low, high in intervals])
    return np.mean(both, axis=0)


@pytest.mark.parametrize(
    ("shape", "sds", "over_units"),
    [
        ((5, 100), (0.0, 1.0, 1.0), 0.72),  # only rows have effects of their own
        ((5, 100), (0.1, 0.5, 1.0), 0.91),
        ((5, 20), (0.3, 1.0, 1.0), 0.85),
        ((8, 400), (0.05, 1.0, 0.5), 0.75),
    ],
)
def test_the_interval_covers_the_mean_of_other_units_and_rows(shape, sds, over_units):
    crossed, units = covered(shape, sds, np.random.default_rng(5))
    assert 0.93 <= crossed <= 0.975
    assert units <= over_units


def test_right_and_wrong_answers_are_covered_too():
    """Rows differ in how hard they are for both arms; the truth is the difference over all rows there could be."""
    rng = np.random.default_rng(6)
    hardness = rng.normal(1.5, 1.5, 1_000_000)
    truth = np.mean(stats.norm.cdf(hardness + 0.2) - stats.norm.cdf(hardness))
    found = []
    for _ in range(1_000):
        rows, seeds = rng.normal(1.5, 1.5, 300), rng.normal(0, 0.1, (2, 5, 1))
        right = seeds + rows + rng.normal(size=(2, 5, 300)) + [[[0.2]], [[0.0]]] > 0
        low, high = crossed_mean(right[0].astype(float) - right[1]).interval
        found.append(low <= truth <= high)
    assert 0.93 <= np.mean(found) <= 0.98


@pytest.mark.parametrize("sds", [(0.2, 0.5, 1.0), (0.05, 1.0, 0.5)])
def test_the_smallest_difference_is_found_in_four_of_five_studies(sds):
    rng = np.random.default_rng(8)
    known = dataclasses.replace(
        crossed_mean(made(shape=(8, 200))), **dict(zip(("sd_units", "sd_rows", "sd_interaction"), sds, strict=True))
    )
    smallest = smallest_difference(known, 8)
    found = [crossed_mean(made(rng, (8, 200), sds, smallest)).p <= 0.05 for _ in range(1_000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)
