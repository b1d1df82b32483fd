"""Verdicts on claims, on exact methods and on what arithmetic can check; on reported figures with the summary."""

from dataclasses import replace
from functools import partial

import pytest
from scipy import stats

from dlstudy.analysis.inference import equivalence_p
from dlstudy.analysis.results import Check
from dlstudy.analysis.sign_flips import smallest_shift
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims, judge_derived
from dlstudy.study.claims import Claim, Derived, Reported
from dlstudy.study.protocol import Sweep
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
NOT_RUN = Claim("d is better", better="d", than="b", metric="test_accuracy")
ALIKE = partial(Claim, "a is as good as b", better="a", than="b", metric="test_accuracy")
BASE = [0.90, 0.91, 0.92]
CLOSE = [0.901, 0.911, 0.921]  # ahead by 0.001 on every seed
AHEAD = [0.92, 0.931, 0.939]  # ahead by 0.0175 to 0.0225
UNSURE = [0.91, 0.93, 0.95]  # ahead by -0.0048 to 0.0448


@pytest.mark.parametrize(
    ("ours", "margin", "verdict"),
    [
        (CLOSE, 0.01, "supported"),
        (AHEAD, 0.03, "supported"),
        (AHEAD, 0.02, "undecided"),
        (AHEAD, 0.01, "contradicted"),
        (UNSURE, 0.01, "undecided"),
        (UNSURE, 0.05, "supported"),
        ([value - 0.02 for value in BASE], 0.01, "contradicted"),  # as far apart the other way round
        (BASE, 1e-9, "supported"),
    ],
)
def test_equivalence_holds_when_the_whole_interval_is_within_its_bounds(ours, margin, verdict):
    study = make_study(claims=[ALIKE(margin=margin)])
    (found,) = sum_up(study, runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", BASE)).claims
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("third", "verdict", "against"), [(CLOSE, "supported", "b"), (AHEAD, "contradicted", "c"), (None, "not run", "")]
)
def test_a_claim_of_equivalence_to_several_arms_is_one_to_the_most_different(third, verdict, against):
    study = make_study(arms="abc", claims=[ALIKE(than=("b", "c"), margin=0.01)])
    trials = runs_of(study, "a", "replicate", BASE) + runs_of(study, "b", "replicate", CLOSE)
    (found,) = sum_up(study, trials + (runs_of(study, "c", "replicate", third) if third else [])).claims
    assert (found.verdict, found.against) == (verdict, against)


@pytest.mark.parametrize(("reported", "value", "verdict"), [("7.5", 7.46, "right"), ("7.5", 6, "wrong")])
def test_a_derived_figure_is_right_or_wrong(reported, value, verdict):
    found = judge_derived(Derived("a sum", reported, value, why="a slip"))
    assert (found.text, found.reported, found.value, found.verdict, found.why) == (
        "a sum", reported, value, verdict, "a slip",
    )  # fmt: skip


def test_derived_figures_are_judged_without_any_run():
    study = make_study()
    object.__setattr__(study, "derived", (Derived("one and one", 2, 2), Derived("two", "3", 2.0)))
    assert [item.verdict for item in sum_up(study, []).derived] == ["right", "wrong"]


@pytest.mark.parametrize(
    ("reported", "ours", "verdict"),
    [
        ("1.5913559345714653", 1.5913559345714653, "compatible"),
        ("1.5913559345714653", 1.5913559345714653 * (1 + 5e-13), "compatible"),  # sums in another order
        ("1.5913559345714653", 1.5913559345714653 * (1 + 5e-12), "not compatible"),
        ("1.591356", 1.5913559345714653, "compatible"),
        ("1.591355", 1.5913559345714653, "not compatible"),
    ],
)
def test_an_exact_method_gives_every_reported_digit_but_for_rounding(reported, ours, verdict):
    study = make_study(reported=[Reported("a", "train_slope", reported)])
    (found,) = sum_up(study, runs_of(study, "a", "reported", [ours] * 3, "train_slope")).reported
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("reported", "ours", "interval"),
    [
        ("50005100", 50_005_000.0, "50004999.5000 to 50005000.5000"),
        ("0.1234567", 0.123, "0.1229999 to 0.1230000"),
    ],
)
def test_where_runs_fall_is_shown_to_as_many_places_as_were_reported(reported, ours, interval):
    study = make_study(reported=[Reported("a", "train_slope", reported)])
    (found,) = sum_up(study, runs_of(study, "a", "reported", [ours] * 3, "train_slope")).reported
    assert found.why == f"reported {reported}, and 95 % of runs fall in {interval}"


def test_runs_on_data_with_a_caveat_are_not_compared_with_what_was_reported():
    study = make_study(dataset="cifar10_subset", reported=[figure("0.91")])
    summary = sum_up(study, runs_of(study, "a", "reported", BASE))
    (found,) = summary.reported
    assert (found.verdict, found.interval) == ("not comparable", None)
    assert found.why.startswith("the data is ")
    assert any(note.startswith("DATA: cifar10_subset is ") for note in summary.notes)


@pytest.mark.parametrize(("epoch", "why"), [(None, "no run gives test_f1"), (3, "no run gives test_f1 at epoch 3")])
def test_a_figure_whose_metric_no_run_gives_says_so(epoch, why):
    study = make_study(reported=[Reported("a", "test_f1", "0.9", epoch=epoch)])
    (found,) = sum_up(study, runs_of(study, "a", "reported", BASE)).reported
    assert (found.verdict, found.why) == ("not run", why)


def gains_of(study, gains, phase="replicate", **changes):
    """Runs of a at 0.5, and of other arms below it by their gains; seven seeds and gains of one sign: p is 2 / 2^7."""
    n = max(map(len, gains.values()))
    trials = runs_of(study, "a", phase, [0.5] * n, **changes)
    for other, of_other in gains.items():
        trials += runs_of(study, other, phase, [0.5 - gain for gain in of_other], **changes)
    return trials


def judge(claims, gains, checks=(), **changes):
    """The verdicts on claims about such runs."""
    claims = [claims] if isinstance(claims, Claim) else claims
    study = make_study(arms="abcd", seeds=12, claims=claims, **changes)
    return judge_claims(study, claims, TrialIndex(study, gains_of(study, gains)), checks)


AHEAD_7 = [0.020, 0.021, 0.019, 0.020, 0.021, 0.019, 0.020]  # mean 0.02, sd 0.000816
BEHIND_7 = [-gain for gain in AHEAD_7]
NOISY_7 = [0.5, 0.6, 0.5, 0.6, 0.5, 0.6, -0.3]  # four of 2^7 patterns reach as far: this, all ahead, both turned
WIDE_7 = [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 1.0]  # all ahead, and yet 0.15 +- 0.35


@pytest.mark.parametrize(("n", "verdict", "p"), [(5, "undecided", 2 / 2**5), (6, "supported", 2 / 2**6)])
def test_no_claim_is_supported_by_fewer_than_six_pairs(n, verdict, p):
    (found,) = judge(BETTER(), {"b": AHEAD_7[:n]})
    assert (found.verdict, found.measured, found.p, found.p_adjusted) == (verdict, verdict, p, p)


def test_where_the_interval_alone_would_decide_the_adjusted_p_does_and_says_so():
    family = [BETTER(), *[replace(NOT_RUN, text=f"claim {i}") for i in range(2)]]
    for sign in (1, -1):
        found, *_ = judge(family, {"b": [sign * gain for gain in NOISY_7]})
        assert found.interval[0] * found.interval[1] > 0
        assert (found.verdict, found.p, found.p_adjusted) == ("undecided", 4 / 2**7, 12 / 2**7)
        assert found.why.startswith("p, adjusted for all claims of the study, does not agree with the interval")


@pytest.mark.parametrize(("n", "others", "smallest"), [(5, 0, "0.062"), (7, 3, "0.062"), (4, 0, "0.12")])
def test_so_few_seeds_that_nothing_can_be_decided_say_so(n, others, smallest):
    family = [BETTER(rope=0.001), *[replace(NOT_RUN, text=f"claim {i}") for i in range(others)]]
    found, *_ = judge(family, {"b": AHEAD_7[:n]})
    assert (found.verdict, found.smallest, found.p) == ("undecided", None, found.p_floor)
    assert found.why == (
        f"{n} seeds cannot show a difference: the smallest p, adjusted for all claims of the study, is {smallest}"
    )
    assert found.n_needed >= 6


@pytest.mark.parametrize(("sign", "verdict"), [(1, "supported"), (-1, "contradicted")])
def test_skewed_differences_are_said_to_be(sign, verdict):
    (found,) = judge(BETTER(), {"b": [sign * gain for gain in WIDE_7]})
    assert (found.verdict, found.why) == (verdict, "the differences are skewed, and p holds for symmetric ones")
    assert found.pairs[0].asymmetry_p < 0.05
    assert judge(BETTER(), {"b": AHEAD_7})[0].pairs[0].asymmetry_p > 0.05


@pytest.mark.parametrize(
    ("claim", "gain", "verdict"),
    [
        (BETTER(), 0.1, "supported"),
        (BETTER(), -0.1, "contradicted"),
        (BETTER(), 0.0, "undecided"),
        (BETTER(rope=0.2), 0.1, "equivalent"),
        (BETTER(rope=0.2), 0.0, "equivalent"),
        (BETTER(rope=0.05), -0.1, "contradicted"),
        (ALIKE(margin=0.2), -0.1, "supported"),
        (ALIKE(margin=0.05), -0.1, "contradicted"),
        (ALIKE(margin=1e-9), 1e-14, "supported"),  # but for rounding, no difference
    ],
)
def test_what_is_the_same_on_every_seed_takes_no_p_and_counts_in_no_family(claim, gain, verdict):
    noisy = BETTER(than="c", rope=None)
    exact, other = judge([claim, noisy], {"b": [gain] * 3, "c": AHEAD_7})
    assert (exact.verdict, exact.measured, exact.p, exact.p_adjusted) == (verdict, verdict, None, None)
    assert exact.why == "no chance in this comparison: the same difference on every seed"
    assert exact.interval == pytest.approx((gain, gain), abs=1e-13)
    assert (other.verdict, other.p_adjusted) == ("supported", other.p)


def test_arms_whose_other_metrics_vary_are_left_to_chance_even_where_they_differ_by_the_same():
    study = make_study(seeds=8, claims=[BETTER()])
    trials = [
        make_trial(study, arm, "replicate", i, metrics={"test_accuracy": value, "test_loss": i / 10})
        for arm, value in (("a", 0.75), ("b", 0.5))
        for i in range(7)
    ]
    trials += [make_trial(study, arm, "search", value=0.9) for arm in "ab"]
    (found,) = judge_claims(study, [BETTER()], TrialIndex(study, trials), [])
    assert (found.verdict, found.p, found.why) == ("supported", 2 / 2**7, "")


def test_an_exact_arm_against_one_that_is_and_one_that_is_not_has_the_p_of_the_latter():
    (found,) = judge(BETTER(than=("b", "c")), {"b": [0.1] * 7, "c": AHEAD_7})
    assert (found.verdict, found.p, [pair.by_chance for pair in found.pairs]) == ("supported", 2 / 2**7, [False, True])
    (found,) = judge(BETTER(than=("b", "c")), {"b": [-0.1] * 7, "c": AHEAD_7})
    assert (found.verdict, found.against) == ("contradicted", "b")


def test_p_is_adjusted_for_the_whole_family_in_the_order_of_holm():
    family = [NOT_RUN, BETTER(than="c"), BETTER()]
    not_run, noisy, ahead = judge(family, {"b": AHEAD_7, "c": NOISY_7})
    assert (ahead.p, ahead.p_adjusted) == (2 / 2**7, 3 * 2 / 2**7)
    assert (noisy.p, noisy.p_adjusted) == (4 / 2**7, 2 * 4 / 2**7)
    assert (not_run.verdict, not_run.p, not_run.p_adjusted) == ("not run", None, None)


def test_a_claim_that_is_run_later_changes_no_verdict_that_was_there():
    family = [BETTER(), replace(NOT_RUN, better="a", than=("d",))]
    before, after = judge(family, {"b": AHEAD_7}), judge(family, {"b": AHEAD_7, "d": [0.01, -0.01] * 3 + [0.0]})
    assert [claim.verdict for claim in before] == ["supported", "not run"]
    assert [claim.verdict for claim in after] == ["supported", "undecided"]
    assert before[0] == after[0]


def test_aa_tests_and_what_cannot_be_tested_are_not_in_the_family():
    others = [Claim(f"claim {i}", untestable="no arm") for i in range(9)] + [BETTER(aa_test=True)] * 2
    found = judge([BETTER(), *others], {"b": AHEAD_7})
    assert (found[0].verdict, found[0].p_adjusted, found[0].aa_test) == ("supported", 2 / 2**7, False)
    assert [(claim.verdict, claim.p_adjusted, claim.aa_test) for claim in found[-2:]] == [
        ("supported", 2 / 2**7, True)
    ] * 2


def test_an_aa_test_is_not_adjusted_for_the_family():
    family = [BETTER(metric="test_loss"), BETTER(metric="test_mae"), BETTER(metric="test_mse")]
    *_, aa_test = judge([*family, BETTER(aa_test=True)], {"b": AHEAD_7})
    assert (aa_test.verdict, aa_test.p_adjusted) == ("supported", 2 / 2**7)
    assert aa_test.smallest == pytest.approx(judge(BETTER(), {"b": AHEAD_7})[0].smallest)


def test_a_claim_against_several_arms_has_the_largest_p_and_shows_the_smallest_lead():
    (found,) = judge(BETTER(than=("b", "c")), {"b": AHEAD_7, "c": NOISY_7})
    assert (found.verdict, found.p, found.p_adjusted) == ("supported", 4 / 2**7, 4 / 2**7)
    assert (found.against, found.difference) == ("b", pytest.approx(0.02))
    assert [pair.against for pair in found.pairs] == ["b", "c"]


@pytest.mark.parametrize(("n", "verdict", "p"), [(6, "undecided", 4 / 2**6), (7, "contradicted", 4 / 2**7)])
def test_a_claim_against_two_arms_is_contradicted_by_one_at_twice_its_p(n, verdict, p):
    (found,) = judge(BETTER(than=("b", "c")), {"b": AHEAD_7[:n], "c": BEHIND_7[:n]})
    assert (found.verdict, found.against, found.p) == (verdict, "c", p)


def test_a_claim_is_contradicted_by_the_arm_that_is_clearly_ahead_and_not_by_the_one_that_is_far_ahead():
    far = [-1.0, 0.5, -1.0, 0.5, -1.0, 0.5, 0.0]
    (found,) = judge(BETTER(than=("b", "c", "d")), {"b": far, "c": BEHIND_7, "d": AHEAD_7})
    assert (found.verdict, found.against, found.p) == ("contradicted", "c", 3 * 2 / 2**7)


@pytest.mark.parametrize(
    ("gains", "rope", "verdict"),
    [
        (AHEAD_7, 0.0207, "equivalent"),  # the 90 % interval ends at 0.02 + 1.943180 * 0.000816 / sqrt(7) = 0.0206
        (AHEAD_7, 0.0205, "supported"),
        (BEHIND_7, 0.0207, "equivalent"),
        (BEHIND_7, 0.0205, "contradicted"),
        (NOISY_7, 2.0, "equivalent"),
        ([0.02, -0.02] * 3, 0.01, "undecided"),
    ],
)
def test_differences_that_do_not_matter_are_equivalent_whatever_their_sign(gains, rope, verdict):
    (found,) = judge(BETTER(rope=rope), {"b": gains})
    assert (found.verdict, found.rope) == (verdict, rope)


def test_an_arm_is_equivalent_to_several_where_it_is_to_each():
    claim = BETTER(than=("b", "c"), rope=0.03)
    assert judge(claim, {"b": AHEAD_7, "c": BEHIND_7})[0].verdict == "equivalent"
    assert judge(claim, {"b": AHEAD_7, "c": [0.1] * 7})[0].verdict == "supported"


@pytest.mark.parametrize("others", [0, 1])
def test_what_could_have_been_shown_and_what_would_be_needed_follow_from_the_spread_and_the_family(others):
    gains, alpha = [0.01, -0.03, 0.02, 0.04, -0.02, 0.0, 0.01], 0.05 / (1 + others)
    family = [BETTER(rope=0.02), *[replace(NOT_RUN, text=f"claim {i}") for i in range(others)]]
    found, *_ = judge(family, {"b": gains})
    sd = float(stats.tstd(gains))
    assert found.smallest == pytest.approx(sd * smallest_shift(7, alpha))
    assert sd * smallest_shift(found.n_needed, alpha) <= 0.02 < sd * smallest_shift(found.n_needed - 1, alpha)


def test_between_searches_what_could_have_been_shown_is_students():
    study = make_study(claims=[BETTER()])
    (found,) = sum_up(study, searched(study, [[gain + shift for gain in AHEAD_7] for shift in (0.0, 0.1, -0.1)])).claims
    sd = float(stats.tstd([0.0, 0.1, -0.1]))
    power = stats.nct.sf(stats.t.ppf(0.975, 2), 2, found.smallest * 3**0.5 / sd)
    assert (power, found.p_floor) == (pytest.approx(0.8), None)


@pytest.mark.parametrize(("others", "verdict"), [(0, "equivalent"), (1, "undecided")])
def test_equivalence_is_adjusted_for_the_family_too(others, verdict):
    gains = [0.01, -0.01, 0.02, 0.0, -0.02, 0.01, 0.02]  # p is 0.0262 within 0.017
    found, *_ = judge([BETTER(rope=0.017), *[NOT_RUN] * others], {"b": gains})
    assert found.p_equivalent == pytest.approx(equivalence_p(gains, 0.017))
    assert (found.verdict, found.p_equivalent_adjusted) == (verdict, pytest.approx((1 + others) * found.p_equivalent))


def test_against_several_arms_a_claim_may_be_wrong_in_two_ways_and_counts_twice():
    (found,) = judge(BETTER(than=("b", "c"), rope=0.0209), {"b": AHEAD_7, "c": AHEAD_7})
    assert found.p_equivalent == pytest.approx(equivalence_p(AHEAD_7, 0.0209))
    assert found.p == 2 / 2**7 > found.p_equivalent
    assert found.p_adjusted == found.p_equivalent_adjusted == pytest.approx(2 * found.p_equivalent)


def test_without_a_rope_no_number_of_pairs_is_needed_and_a_claim_of_equivalence_has_no_smallest_difference():
    assert judge(BETTER(), {"b": AHEAD_7})[0].n_needed is None
    (found,) = judge(ALIKE(margin=0.03), {"b": AHEAD_7})
    assert (found.smallest, found.n_needed) == (None, None)


def test_the_p_of_a_claim_of_equivalence_is_the_larger_of_two_one_sided_tests():
    close, noisy = [0.010, 0.011, 0.009, 0.010, 0.011, 0.009, 0.010], [0.02, -0.02, 0.02, -0.02, 0.02, -0.02, 0.0]
    (found,) = judge(ALIKE(than=("b", "c"), margin=0.02), {"b": close, "c": noisy})
    ps = [
        stats.ttest_1samp(of, bound, alternative=side).pvalue
        for of in (close, noisy)
        for bound, side in ((-0.02, "greater"), (0.02, "less"))
    ]
    assert found.p == pytest.approx(max(ps))
    assert (found.verdict, found.against) == ("supported", "b")


def test_the_p_that_a_claim_of_equivalence_fails_is_that_of_a_difference_beyond_its_margin_for_each_arm():
    gains = [0.03, 0.05, 0.04, 0.06, 0.05, 0.04, 0.03]
    (found,) = judge(ALIKE(than=("b", "c"), margin=0.02), {"b": gains, "c": [0.0] * 7})
    assert found.p == pytest.approx(2 * stats.ttest_1samp(gains, 0.02, alternative="greater").pvalue)
    assert (found.verdict, found.against) == ("contradicted", "b")


@pytest.mark.parametrize(("others", "verdict"), [(0, "supported"), (1, "undecided")])
def test_a_claim_of_equivalence_is_adjusted_for_the_family_too(others, verdict):
    gains = [0.01, -0.01, 0.02, 0.0, -0.02, 0.01, 0.02]  # p is 0.0262 within 0.017
    found, *_ = judge([ALIKE(margin=0.017), *[NOT_RUN] * others], {"b": gains})
    assert max(map(abs, found.pairs[0].interval_90)) < 0.017
    assert (found.verdict, found.p_adjusted) == (verdict, pytest.approx((1 + others) * found.p))


def failed(*arms, name="edge"):
    return [Check(arm, name, False, f"the search of {arm} is poor") for arm in arms]


@pytest.mark.parametrize(
    ("claim", "gains", "verdict", "undermined_by"),
    [
        (BETTER(), {"b": AHEAD_7}, "supported", "b"),
        (BETTER(), {"b": BEHIND_7}, "contradicted", "a"),
        (BETTER(), {"b": [0.02, -0.02] * 3}, "undecided", ""),
        (BETTER(rope=0.03), {"b": AHEAD_7}, "equivalent", "ab"),
        (ALIKE(margin=0.03), {"b": AHEAD_7}, "supported", "ab"),
        (ALIKE(margin=0.01), {"b": AHEAD_7}, "contradicted", "ab"),
        (BETTER(than=("b", "c")), {"b": AHEAD_7, "c": AHEAD_7}, "supported", "bc"),
        (BETTER(than=("b", "c")), {"b": AHEAD_7, "c": BEHIND_7}, "contradicted", "a"),
        (BETTER(aa_test=True), {"b": AHEAD_7}, "supported", "b"),
    ],
)
def test_a_failed_check_withholds_a_verdict_in_which_its_arm_loses_and_no_other(claim, gains, verdict, undermined_by):
    for arm in "abcd":
        (found,) = judge(claim, gains, failed(arm))
        if arm in undermined_by:
            assert (found.verdict, found.measured) == ("withheld", "withheld"), arm
            assert found.why == f"would be {verdict}, but: the search of {arm} is poor"
        else:
            assert (found.verdict, found.measured, found.why) == (verdict, verdict, ""), arm


@pytest.mark.parametrize("name", ["edge", "failures", "budget", "contains"])
def test_each_check_withholds_and_one_that_passed_does_not(name):
    checks = failed("b", name=name)
    assert judge(BETTER(), {"b": AHEAD_7}, checks)[0].verdict == "withheld"
    passed = [replace(check, passed=True) for check in checks]
    assert judge(BETTER(), {"b": AHEAD_7}, passed)[0].verdict == "supported"


def with_stated_settings(claim):
    """A study whose arms have defaults too, and a sweep over one rate."""
    study = make_study(seeds=8)
    arms = [replace(arm, defaults={"rate": 0.3}) for arm in study.arms]
    return replace(study, arms=arms, sweeps=[Sweep("s", {"rate": [0.2]}, seeds=7)], claims=[claim])


STATED = {"reported": {"rate": 0.1}, "defaults": {"rate": 0.3}, "sweep": {"rate": 0.2}}


@pytest.mark.parametrize(
    ("phase", "scope"),
    [
        ("reported", "at the reported settings"),
        ("defaults", "at the library's defaults"),
        ("sweep", "at the stated values"),
    ],
)
def test_a_verdict_on_stated_settings_rests_on_no_search(phase, scope):
    claim = BETTER(phase=phase, sweep="s" if phase == "sweep" else "")
    study = with_stated_settings(claim)
    trials = gains_of(study, {"b": AHEAD_7}, phase, tuned=STATED[phase])
    (found,) = judge_claims(study, [claim], TrialIndex(study, trials), failed("a", "b"))
    assert (found.verdict, found.scope) == ("supported", scope)


@pytest.mark.parametrize("arm", ["a", "b"])
def test_what_tuning_gains_rests_on_the_searches_of_both_arms(arm):
    claim = BETTER(phase="tuning")  # the arm that gains less is better
    study = with_stated_settings(claim)
    trials = gains_of(study, {"b": BEHIND_7}) + gains_of(study, {"b": [0.0] * 7}, "defaults", tuned=STATED["defaults"])
    trial_index = TrialIndex(study, trials)
    (sound,), (poor,) = (judge_claims(study, [claim], trial_index, checks) for checks in ([], failed(arm)))
    assert (sound.verdict, sound.difference, sound.scope) == (
        "supported", pytest.approx(0.02), "for the settings found (exploratory: one search)",
    )  # fmt: skip
    assert poor.verdict == "withheld"


def searched(study, gains):
    """Runs in one search for each list of gains."""
    return [trial for search, of in enumerate(gains, 1) for trial in gains_of(study, {"b": of}, search=search)]


@pytest.mark.parametrize(
    ("shifts", "verdict", "unit", "n", "scope"),
    [
        ([0.0], "supported", "seed", 7, "for the settings found (exploratory: one search)"),
        ([0.0, 0.1], "supported", "seed", 7, "for the settings found (exploratory: one search)"),
        ([0.0, 0.001, -0.001], "supported", "search", 3, "for the methods, over 3 searches"),
        ([0.0, 0.1, -0.1], "undecided", "search", 3, "for the methods, over 3 searches"),
    ],
)
def test_what_holds_for_one_search_holds_for_the_methods_only_if_searches_agree(shifts, verdict, unit, n, scope):
    study = make_study(claims=[BETTER()])
    trials = searched(study, [[gain + shift for gain in AHEAD_7] for shift in shifts])
    (found,) = sum_up(study, trials).claims
    assert (found.verdict, found.unit, found.n, found.scope) == (verdict, unit, n, scope)


def reports(**of_arms):
    """A study that reports figures: of each arm a list of `figure`'s values and fields."""
    figures = [figure(value, arm, **fields) for arm, given in of_arms.items() for value, fields in given]
    return partial(make_study, arms="abc", seeds=8, reported=figures)


LOWER, HIGHER = [("0.95", {})], [("0.96", {})]


def own_numbers(make, claim, gains=None):
    """What the document's own figures say of a claim."""
    study = make(claims=[claim])
    trials = gains_of(study, gains, claim.phase) if gains else []
    (found,) = judge_claims(study, [claim], TrialIndex(study, trials), [])
    return found


def test_what_a_document_reports_goes_over_what_it_claims_and_ours_is_beside():
    found = own_numbers(reports(a=LOWER, b=HIGHER), BETTER(phase="reported"), {"b": AHEAD_7})
    assert (found.verdict, found.measured) == ("contradicted by its own numbers", "supported")
    assert found.own_numbers == "it reports 0.96 of b against 0.95 of a"
    assert (found.p_adjusted, found.n) == (2 / 2**7, 7)


def test_own_numbers_need_no_run_and_go_over_an_equivalence():
    assert own_numbers(reports(a=LOWER, b=HIGHER), BETTER(phase="reported")).measured is None
    found = own_numbers(reports(a=LOWER, b=HIGHER), BETTER(phase="reported", rope=0.5), {"b": AHEAD_7})
    assert (found.verdict, found.measured) == ("contradicted by its own numbers", "equivalent")


@pytest.mark.parametrize(
    ("of_a", "of_b", "fields", "contradicted"),
    [
        (HIGHER, LOWER, {}, False),
        (HIGHER, [("0.960", {})], {}, False),  # a tie says nothing of the reverse
        (HIGHER, [], {}, False),
        ([], HIGHER, {}, False),
        ([("0.95", {"epoch": 5})], [("0.96", {"epoch": 5})], {"epoch": 5}, True),
        ([("0.95", {"epoch": 5})], [("0.96", {"epoch": 6})], {"epoch": 5}, False),
        ([("0.95", {"epoch": 5})], [("0.96", {"epoch": 5})], {"epoch": 6}, False),
        ([("0.95", {"epoch": 5}), ("0.97", {"epoch": 10})], [("0.96", {"epoch": e}) for e in (5, 10)], {}, False),
        ([("0.97", {"epoch": 5}), ("0.95", {"epoch": 10})], [("0.96", {"epoch": e}) for e in (5, 10)], {}, True),
        (
            [("0.95", {}), ("0.97", {"epoch": 10})],
            [("0.96", {}), ("0.96", {"epoch": 10})],
            {},
            True,
        ),  # the end is latest
        (LOWER, [("0.96", {"setting": {"batch_size": 8}})], {}, False),
        ([*HIGHER, ("0.90", {"setting": {"batch_size": 8}})], [("0.95", {})], {}, False),
        (LOWER, HIGHER, {"target": 0.9}, False),
        (HIGHER, LOWER, {"target": 0.9}, False),
        (LOWER, HIGHER, {"margin": 0.1}, False),
        (LOWER, HIGHER, {"metric": "test_f1"}, False),
        (LOWER, HIGHER, {"direction": "minimize"}, False),
        (HIGHER, LOWER, {"direction": "minimize"}, True),
    ],
)
def test_own_numbers_are_those_of_the_same_metric_and_epoch_at_the_arms_own_setting(of_a, of_b, fields, contradicted):
    found = own_numbers(reports(a=of_a, b=of_b), BETTER(phase="reported", **fields))
    assert found.verdict == ("contradicted by its own numbers" if contradicted else "not run")
    assert bool(found.own_numbers) is contradicted


def test_a_document_s_figures_say_nothing_of_settings_that_it_did_not_train():
    found = own_numbers(reports(a=LOWER, b=HIGHER), BETTER(), {"b": AHEAD_7})
    assert (found.verdict, found.own_numbers) == ("supported", "")


def test_each_arm_that_is_reported_as_better_is_named():
    claim = BETTER(phase="reported", than=("b", "c"))
    assert own_numbers(reports(a=LOWER, b=HIGHER, c=HIGHER), claim).own_numbers == (
        "it reports 0.96 of b against 0.95 of a; 0.96 of c against 0.95 of a"
    )
    assert own_numbers(reports(a=LOWER, b=[("0.94", {})], c=HIGHER), claim).own_numbers == (
        "it reports 0.96 of c against 0.95 of a"
    )


def test_what_cannot_be_tested_goes_before_anything_else():
    claim = BETTER(phase="reported", untestable="no such data")
    (found,) = judge_claims(
        study := reports(a=LOWER, b=HIGHER)(claims=[claim]), [claim],
        TrialIndex(study, gains_of(study, {"b": AHEAD_7}, "reported")), failed("a", "b"),
    )  # fmt: skip
    assert (found.verdict, found.measured, found.why, found.own_numbers) == ("not testable", None, "no such data", "")


def test_the_same_trials_give_the_same_verdicts_in_whatever_order():
    claims = [BETTER(), BETTER(than=("b", "c"), rope=0.001), ALIKE(margin=0.5)]
    study = make_study(arms="abc", claims=claims)
    gains = {"b": [((7 * i) % 11 - 4) / 100 for i in range(24)], "c": [((5 * i) % 13 - 5) / 100 for i in range(24)]}
    trials = gains_of(study, gains)
    first, again, turned = (
        judge_claims(study, claims, TrialIndex(study, t), []) for t in (trials, trials, trials[::-1])
    )
    assert first == again == turned
    alone = judge_claims(study, claims[:1], TrialIndex(study, trials), [])[0]
    assert alone.pairs == first[0].pairs


def test_own_numbers_are_compared_at_the_latest_epoch_that_both_report():
    claim = Claim("a is best", better="a", than="b", metric="test_accuracy", phase="reported")
    figures = [figure("0.95", epoch=5), figure("0.96", "b", epoch=10)]
    study = make_study(claims=[claim], reported=figures)
    assert sum_up(study, []).claims[0].own_numbers == ""
    study = make_study(claims=[claim], reported=[*figures, figure("0.94", "b", epoch=5)])
    assert sum_up(study, []).claims[0].own_numbers == ""
    study = make_study(claims=[claim], reported=[*figures, figure("0.96", "b", epoch=5)])
    assert sum_up(study, []).claims[0].own_numbers == "it reports 0.96 of b against 0.95 of a"
