"""An arm against another: paired differences, by seed and by search, held against SciPy and numbers made by hand."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.comparison import Comparison
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.sign_flips import asymmetry_p, sign_flip_interval
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Split
from dlstudy.study.trial import pack_bits
from tests.helpers.builders import make_study, make_trial, runs_of

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
    assert (pair.sd_seeds, pair.sd_searches, pair.test_noise) == (None, None, None)


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


RIGHT = {"a": ["1100", "1110", "0000"], "b": ["1000", "0010"]}
STATED = Split(10, test=[0, 1, 2, 3])


def judged_rows(study, right=None, phase="replicate"):
    """Runs with right and wrong answers for each test row; the third seed of a has no counterpart."""
    return [
        make_trial(study, arm, phase, row, value=0.5, metrics={"test_accuracy": 0.5, "val_accuracy": 0.5}, correct=bits)
        for arm, rows in (right or RIGHT).items()
        for row, text in enumerate(rows)
        for bits in [pack_bits(np.array([letter == "1" for letter in text])) if text else ""]
    ] + [make_trial(study, arm, "search", value=0.5) for arm in "ab"]


@pytest.mark.parametrize("phase", ["replicate", "reported"])
def test_what_another_test_set_would_change_comes_from_the_rows_that_were_right(phase):
    study = make_study(split=STATED)
    pair = compare(study, judged_rows(study, phase=phase), BETTER(phase=phase)).pair("b")
    # By row the mean differences of two seeds are 0.5, 1, 0 and 0.
    assert pair.test_noise == pytest.approx(np.std([0.5, 1, 0, 0], ddof=1) / 2)


def test_with_several_searches_the_noise_of_the_test_set_is_that_of_all_their_runs():
    study = make_study(split=STATED, searches=3)
    a, b = ["1100", "1010", "0001"], ["1000", "0010", "0001"]
    trials = []
    for search in (1, 2, 3):
        texts = {"a": a[search - 1 : search], "b": b[search - 1 : search]}
        trials += [
            replace(trial, search=search, key=f"{trial.key} of search {search}") for trial in judged_rows(study, texts)
        ]
    pair = compare(study, trials, BETTER()).pair("b")
    assert len(pair.units) == 3
    # By row the mean differences of three runs are 1/3, 1/3, 0 and 0.
    assert pair.test_noise == pytest.approx(np.std([1 / 3, 1 / 3, 0, 0], ddof=1) / 2)


def test_the_rows_of_a_test_set_that_fill_no_byte_are_counted_exactly():
    study = make_study()  # digits: 360 test rows
    texts = {"a": ["1" * 360] * 2, "b": ["1" * 359 + "0"] * 2}
    noise = compare(study, judged_rows(study, texts)).pair("b").test_noise
    assert noise == pytest.approx(np.std([0] * 359 + [1], ddof=1) / np.sqrt(360))


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"metric": "val_accuracy"}, RIGHT),
        ({"metric": "test_accuracy", "epoch": 1}, RIGHT),
        ({"metric": "test_accuracy", "target": 0.4}, RIGHT),
        ({}, {"a": ["1100", ""], "b": ["1000", "0010"]}),
        ({}, {"a": ["", ""], "b": ["", ""]}),
    ],
)
def test_without_right_and_wrong_answers_of_the_metric_the_noise_of_the_test_set_is_unknown(fields, right):
    study = make_study(split=STATED)
    trials = [
        replace(trial, result=replace(trial.result, history={"test_accuracy": [0.5], "val_accuracy": [0.5]}))
        for trial in judged_rows(study, right)
    ]
    pair = compare(study, trials, BETTER(**fields)).pair("b")
    assert len(pair.units) == 2
    assert pair.test_noise is None


def test_arms_that_were_judged_on_other_rows_have_no_noise_in_common():
    study = make_study(split=STATED)
    other = [replace(study.arms[0], reported_split=Split(0, test=[4, 5, 6, 7])), study.arms[1]]
    trials = judged_rows(study, phase="reported")
    claim = BETTER(phase="reported")
    assert compare(study, trials, claim).pair("b").test_noise is not None
    assert compare(replace(study, arms=other), trials, claim).pair("b").test_noise is None
