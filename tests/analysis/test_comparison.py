"""An arm against another: paired differences, by seed and by search, held against SciPy and numbers made by hand."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.comparison import Comparison
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.sign_flips import asymmetry_p, sign_flip_interval
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.claims import Claim
from tests.helpers.builders import make_study, runs_of

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
GAINS = [0.02, 0.03, -0.01, 0.05, 0.0, 0.04, 0.01, 0.03]


def compare(study, trials, claim=None):
    """The comparison that a claim makes."""
    return Comparison(study, ClaimMeasurements(study, claim or BETTER(), TrialIndex(study, trials)))


def paired(study, gains, phase="replicate", metric="test_accuracy", **changes):
    """Runs of b at 0.5, and of a above it by the gains."""
    ours, theirs = [0.5 + gain for gain in gains], [0.5] * len(gains)
    return runs_of(study, "a", phase, ours, metric, **changes) + runs_of(study, "b", phase, theirs, metric, **changes)


def test_all_that_is_known_of_paired_seeds():
    study = make_study()
    found = compare(study, paired(study, GAINS))
    pair = found.pair("b")
    assert (found.unit, found.by_search, pair.against, pair.units) == ("seed", False, "b", list(range(8)))
    assert pair.differences == pytest.approx(GAINS)
    assert (pair.mean, pair.median) == pytest.approx((0.17 / 8, 0.025))
    assert pair.interval == pytest.approx(sign_flip_interval(GAINS, 0.95))
    assert pair.interval_90 == pytest.approx(stats.t.interval(0.90, 7, np.mean(GAINS), stats.sem(GAINS)))
    assert (pair.by_chance, pair.asymmetry_p) == (True, pytest.approx(asymmetry_p(GAINS)))
    exact = stats.permutation_test((np.array(GAINS),), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert pair.p == pytest.approx(exact.pvalue)
    assert pair.effect_size == pytest.approx(np.mean(GAINS) / np.std(GAINS, ddof=1) * (1 - 3 / 27))
    assert (pair.sd_seeds, pair.sd_searches, pair.rows) == (None, None, None)


def test_a_tie_is_half_a_win():
    study = make_study()
    pair = compare(study, paired(study, [0.25, 0.25, 0.25, -0.25, 0.25, 0.25, 0.0, 0.0])).pair("b")
    assert pair.wins == 6 / 8  # five and two halves
    exact = stats.binomtest(6, 8).proportion_ci(method="exact")
    assert pair.wins_interval == pytest.approx((exact.low, exact.high))


def test_of_a_loss_less_is_ahead():
    study = make_study()
    pair = compare(study, paired(study, GAINS, metric="test_loss"), BETTER(metric="test_loss")).pair("b")
    assert pair.differences == pytest.approx([-gain for gain in GAINS])


def test_units_are_the_seeds_that_both_arms_have():
    study = make_study(arms="abc")
    trials = paired(study, GAINS) + runs_of(study, "c", "replicate", [0.4, 0.4, 0.4])
    without = [trial for trial in trials if (trial.arm, trial.phase, trial.index) != ("b", "replicate", 1)]
    found = compare(study, without, BETTER(than=("b", "c")))
    assert found.pair("b").units == [0, 2, 3, 4, 5, 6, 7]
    assert found.pair("c").units == [0, 1, 2]


@pytest.mark.parametrize("gains", [[], [0.1]])
def test_fewer_than_two_units_are_no_pair(gains):
    study = make_study()
    assert compare(study, paired(study, gains)).pair("b") is None


def searched(study, gains_of, phase="replicate"):
    """Runs in several searches: for each its gains."""
    return [trial for search, gains in gains_of.items() for trial in paired(study, gains, phase, search=search)]


THREE = {1: [0.01, 0.03], 2: [0.05, 0.07], 3: [0.03, 0.05]}  # means 0.02, 0.06, 0.04


def test_with_three_searches_a_search_is_the_unit():
    study = make_study()
    found = compare(study, searched(study, THREE))
    pair = found.pair("b")
    assert (found.unit, found.n_searches, pair.units) == ("search", 3, [1, 2, 3])
    assert pair.differences == pytest.approx([0.02, 0.06, 0.04])
    assert (pair.mean, pair.wins) == (pytest.approx(0.04), 1.0)
    assert pair.p == pytest.approx(stats.ttest_1samp([0.02, 0.06, 0.04], 0).pvalue)
    assert pair.interval == pytest.approx(stats.t.interval(0.95, 2, 0.04, 0.02 / np.sqrt(3)))


def test_the_spread_between_seeds_and_that_between_searches_are_separated():
    study = make_study()
    pair = compare(study, searched(study, THREE)).pair("b")
    # Mean squares: within searches 6 * 0.01^2 / 3, between them 2 * (0.02^2 + 0.02^2) / 2.
    assert pair.sd_seeds == pytest.approx(0.0002**0.5)
    assert pair.sd_searches == pytest.approx(((0.0008 - 0.0002) / 2) ** 0.5)


def test_searches_that_differ_as_seeds_do_have_no_spread_of_their_own():
    study = make_study()
    pair = compare(study, searched(study, {k: [0.01, 0.03] for k in (1, 2, 3)})).pair("b")
    assert (pair.sd_seeds, pair.sd_searches) == (pytest.approx(0.0002**0.5), 0.0)


def test_searches_of_one_seed_each_do_not_tell_seeds_from_searches():
    study = make_study(seeds=1)
    pair = compare(study, searched(study, {1: [0.02], 2: [0.06], 3: [0.04]})).pair("b")
    assert (pair.mean, pair.sd_seeds, pair.sd_searches) == (pytest.approx(0.04), None, None)


@pytest.mark.parametrize(("present", "units"), [((1, 2, 3), [1, 2, 3]), ((2, 3, 4), [2, 3, 4]), ((1, 2), None)])
def test_only_searches_that_every_arm_of_the_claim_has_are_units(present, units):
    study = make_study(arms="abc")
    trials = searched(study, {**THREE, 4: [0.1, 0.2]})
    for search in present:
        trials += runs_of(study, "c", "replicate", [0.3, 0.3], search=search)
    found = compare(study, trials, BETTER(than=("b", "c")))
    assert found.n_searches == len(present)
    if units:
        assert [found.pair(other).units for other in "bc"] == [units, units]
    assert compare(study, trials).pair("b").units == [1, 2, 3, 4]  # the other arm is none of this claim's


def test_a_search_without_a_seed_in_common_is_none():
    study = make_study()
    trials = searched(study, THREE)
    left = [t for t in trials if t.search != 3 or t.phase == "search" or (t.arm, t.index) in (("a", 0), ("b", 1))]
    assert compare(study, left).n_searches == 2


def test_with_two_whole_searches_the_seeds_of_the_first_are_compared():
    study = make_study()
    found = compare(study, searched(study, {1: [0.01, 0.03, 0.02], 2: [0.5, 0.6, 0.7]}))
    pair = found.pair("b")
    assert (found.unit, pair.units) == ("seed", [0, 1, 2])
    assert pair.differences == pytest.approx([0.01, 0.03, 0.02])
    assert (pair.sd_seeds, pair.sd_searches) == (None, None)


def test_runs_of_stated_settings_have_no_search():
    study = make_study()
    found = compare(study, searched(study, THREE) + paired(study, [0.1, 0.2], "reported"), BETTER(phase="reported"))
    assert (found.unit, found.n_searches) == ("seed", 1)
    assert found.pair("b").differences == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize("n", [8, 25])
def test_the_same_trials_give_the_same_numbers_in_whatever_order(n):
    study = make_study()
    trials = paired(study, list(np.random.default_rng(0).normal(0.01, 0.02, n)))
    once, again, turned = (compare(study, order).pair("b") for order in (trials, trials, trials[::-1]))
    assert once == again == turned
