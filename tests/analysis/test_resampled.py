"""The corrected resampled t test: published figures, and how often it errs where the truth is known."""

import dataclasses

import numpy as np
import pytest
from optuna.distributions import FloatDistribution

from dlstudy.analysis.comparison import Comparison
from dlstudy.analysis.inference import beyond_p, equivalence_p, paired_interval, smallest_difference, t_test_p
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.power import claim_plans
from dlstudy.analysis.resampled import overlap_of, widened
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Protocol
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.split import Split
from dlstudy.study.splits import split_rows
from dlstudy.study.study import Arm, Study
from tests.helpers.builders import resolved, runs_of, sum_up

FOLDS, RANDOM = Split(0.25, 0.2, 1, "folds"), Split(0.25, 0.25, 1, "random")
GAINS = [0.02, 0.03, -0.01, 0.05, 0.0, 0.04, 0.01, 0.03]
BETTER = Claim("a is better", better="a", than="b", metric="test_accuracy")


@pytest.mark.slow
def test_the_figures_of_scikit_learns_example_of_the_corrected_test():
    """Its text says: corrected t 0.750, p 0.227 (one-sided); without correction 2.611 and 0.005.

    Source: scikit-learn, Statistical comparison of models using grid search.
    """
    from sklearn.datasets import make_moons
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(kernel=kernel, random_state=0), x, y, scoring="roc_auc", cv=folds)
        for kernel in ("rbf", "linear")
    )
    plain = (rbf - linear).tolist()
    corrected = widened(plain, overlap=10 / 90)
    for differences, t, p in ((corrected, 0.750, 0.227), (plain, 2.611, 0.005)):
        assert np.mean(differences) / (np.std(differences, ddof=1) / 10) == pytest.approx(t, abs=5e-4)
        assert beyond_p(differences, 0.0) == pytest.approx(p, abs=5e-4)


def test_an_interval_and_the_ps_follow_from_the_corrected_standard_error():
    from scipy import stats

    n, overlap = len(GAINS), 0.25
    error = np.std(GAINS, ddof=1) * np.sqrt(1 / n + overlap)
    wide = widened(GAINS, overlap)
    assert paired_interval(wide, 0.95) == pytest.approx(stats.t.interval(0.95, n - 1, np.mean(GAINS), error))
    assert t_test_p(wide) == pytest.approx(2 * stats.t.sf(np.mean(GAINS) / error, n - 1))
    assert equivalence_p(wide, 0.1) == pytest.approx(stats.t.sf((0.1 - np.mean(GAINS)) / error, n - 1))
    assert widened(GAINS, 0.0) == GAINS
    assert t_test_p(widened([0.1] * 3, overlap)) == 0.0


def untuned(split=RANDOM, **changes):
    return resolved(
        Study("Is it?", "digits", print, [Arm("a"), Arm("b")], Protocol(split=split, **{"searches": 1, **changes}))
    )


def tuned(split=RANDOM, **changes):
    arms = [Arm(name, space={"rate": FloatDistribution(0.0, 1.0)}) for name in "ab"]
    return resolved(
        Study("Is it?", "digits", print, arms, Protocol(split=split, rounds=0, **{"searches": 1, **changes}))
    )


def paired(study, gains, **changes):
    pairs = (("a", [0.5 + gain for gain in gains]), ("b", [0.5] * len(gains)))
    return [run for arm, values in pairs for run in runs_of(study, arm, "replicate", values, **changes)]


def compare(study, trials):
    return Comparison(study, ClaimMeasurements(study, BETTER, TrialIndex(study, trials)))


@pytest.mark.parametrize(
    ("split", "metric", "overlap"),
    [
        (RANDOM, "test_accuracy", 0.25 / 0.75),
        (FOLDS, "test_accuracy", 0.2 / 0.8),
        (FOLDS, "val_accuracy", 0.2 / 0.8),  # a quarter of the other four fifths
        (FOLDS, "train_accuracy", 0.6 / 0.4),
        (Split(0.25, 0.2, resample="time"), "test_accuracy", 0.2 / 0.5),
        (Split(0.25, 0.2, 1), "test_accuracy", 0.0),
    ],
)
def test_the_overlap_is_rows_judged_over_all_others(split, metric, overlap):
    claim = dataclasses.replace(BETTER, metric=metric)
    assert overlap_of(untuned(split), claim, by_search=False) == pytest.approx(overlap)


def test_seeds_on_splits_of_their_own_are_compared_with_the_correction():
    study = untuned()
    found = compare(study, paired(study, GAINS))
    pair, wide = found.pair("b"), widened(GAINS, 1 / 3)
    assert pair.overlap == pytest.approx(1 / 3)
    assert pair.p == pytest.approx(t_test_p(wide))
    assert pair.interval == pytest.approx(paired_interval(wide, 0.95))
    assert pair.interval_90 == pytest.approx(paired_interval(wide, 0.90))
    assert (pair.wins_interval, pair.rows, pair.why_no_rows) == (None, None, "each unit has test rows of its own")
    assert found.over_splits == ", on 8 splits"


def test_seeds_of_one_search_share_its_split_and_need_no_correction():
    study = tuned()
    found = compare(study, paired(study, GAINS))
    assert (found.pair("b").overlap, found.over_splits) == (0.0, ", on one split")


def test_searches_are_compared_with_the_correction():
    study = tuned(searches=4)
    trials = [run for search in range(1, 5) for run in paired(study, [gain * search for gain in GAINS], search=search)]
    found, means = compare(study, trials), [0.02125 * search for search in range(1, 5)]
    assert found.pair("b").p == pytest.approx(t_test_p(widened(means, 1 / 3)))
    assert found.over_splits == ", on 4 splits"


def test_a_verdict_says_how_many_splits_it_is_over():
    study = untuned()
    study = dataclasses.replace(study, claims=(BETTER,))
    (claim,) = sum_up(study, paired(study, [0.03, 0.02, 0.03, 0.02, 0.03, 0.02, 0.03, 0.02])).claims
    assert (claim.verdict, claim.scope) == ("supported", "at the stated settings, on 8 splits")


def test_a_plan_expects_less_of_resampled_splits():
    (plan,) = claim_plans(dataclasses.replace(untuned(RANDOM), claims=(BETTER,)), [])
    assert plan.in_sd == pytest.approx(smallest_difference(1.0, plan.n, 0.8 * 0.05) * np.sqrt(1 + plan.n / 3))


def test_a_small_region_of_equivalence_names_no_number_of_splits():
    study = untuned()
    study = dataclasses.replace(study, claims=(dataclasses.replace(BETTER, rope=0.001),))
    (claim,) = sum_up(study, paired(study, GAINS)).claims
    assert (claim.verdict, claim.n_needed) == ("undecided", None)
    assert claim.smallest > 0.03


def nearest_mean(x, y, rows):
    """The test accuracy of the nearest class mean, of which the training rows are all that matters."""
    means = np.array([x[rows.train][y[rows.train] == label].mean(axis=0) for label in (0, 1)])
    found = ((x[rows.test][:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return float(np.mean(found == y[rows.test]))


@pytest.mark.slow
@pytest.mark.parametrize("split", [RANDOM, FOLDS], ids=str)
def test_equal_learners_are_rarely_told_apart_but_often_without_the_correction(split):
    """Two learners that see five columns each of the same kind: on new data sets their expected accuracy is equal."""
    naive, corrected, n_studies = 0, 0, 300
    overlap = split.test / (1 - split.test)
    for seed in range(n_studies):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 120)
        x = rng.standard_normal((120, 10)) + 0.4 * y[:, None]
        of_splits = [split_rows(split, RowFacts(120, 0), number=number) for number in range(10)]
        differences = [nearest_mean(x[:, :5], y, rows) - nearest_mean(x[:, 5:], y, rows) for rows in of_splits]
        naive += t_test_p(differences) <= 0.05
        corrected += t_test_p(widened(differences, overlap)) <= 0.05
    assert corrected <= 0.08 * n_studies  # 5 % and 2.4 standard errors
    assert naive >= 0.10 * n_studies
