"""The rate of false verdicts among A/A tests."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.aa_tests import false_verdicts
from dlstudy.analysis.summary import summarize
from dlstudy.datasets import registry
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study, runs_of


@pytest.mark.parametrize(("n_false", "n"), [(0, 1), (0, 10), (1, 10), (7, 20), (5, 5)])
def test_the_rate_has_the_interval_of_clopper_and_pearson(n_false, n):
    found = false_verdicts([True] * n_false + [False] * (n - n_false))
    theirs = stats.binomtest(n_false, n).proportion_ci(0.95, method="exact")
    assert (found.n, found.n_false, found.rate) == (n, n_false, n_false / n)
    assert found.interval == pytest.approx((theirs.low, theirs.high))


def test_without_a_test_there_is_no_rate():
    assert false_verdicts([]) is None


def study_with(n_tests):
    about = registry.describe("digits")
    variant = Variant(aa_test=n_tests)
    return replace(variant.apply(make_study(), about, about), variant=variant)


def trials_of(study, rng, ahead=()):
    """Eight replicates of each arm, all alike but for those that are ahead; none of the copies that have no search."""
    return [
        trial
        for arm in study.arms
        for trial in runs_of(study, arm.name, "replicate", list((arm.name in ahead) + 0.01 * rng.standard_normal(8)))
    ]


def test_a_study_counts_its_false_verdicts_in_either_direction():
    study = study_with(4)
    trials = trials_of(study, np.random.default_rng(1), ahead=("a-copy", "a-copy-4"))
    summary = summarize(study, trials)
    assert [claim.verdict for claim in summary.claims] == ["contradicted", "undecided", "supported", "undecided"]
    assert (summary.aa_tests.n, summary.aa_tests.n_false) == (4, 2)
    assert summary.to_json()["aa_tests"]["rate"] == 0.5


def test_tests_that_have_not_run_do_not_count():
    study = study_with(2)
    trials = [trial for trial in trials_of(study, np.random.default_rng(1)) if trial.arm != "a-copy-3"]
    assert summarize(study, trials).aa_tests.n == 1
    assert summarize(study, []).aa_tests is None
    assert summarize(study, []).to_json()["aa_tests"] is None


def test_among_tests_that_share_no_arm_the_interval_covers_and_among_all_pairs_it_would_not():
    """The reason for a pair of its own for each test: 21 arms in 210 pairs say far less than 210 tests."""
    rng, n_studies, n_seeds = np.random.default_rng(2), 400, 12
    limit = stats.t.ppf(0.975, n_seeds - 1)
    apart = (np.arange(0, 20, 2), np.arange(1, 20, 2))
    covered = {"apart": 0, "all": 0}
    for _ in range(n_studies):
        arms = rng.standard_normal((21, n_seeds))
        for how, (ours, theirs) in (("apart", apart), ("all", np.triu_indices(21, 1))):
            differences = arms[ours] - arms[theirs]
            t = differences.mean(1) / (differences.std(1, ddof=1) / np.sqrt(n_seeds))
            low, high = false_verdicts(list(abs(t) > limit)).interval
            covered[how] += low <= 0.05 <= high
    assert covered["apart"] / n_studies >= 0.95
    assert covered["all"] / n_studies < 0.75
