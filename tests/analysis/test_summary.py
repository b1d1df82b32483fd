"""From trials to winners, replicates, verdicts and the answer; every number is worked out by hand.

AHEAD and BASE differ by 0.02 on the mean of seven seeds, twice by 0.019 and twice by 0.021: three subsets have a mean
as small and three as large, so the 95 % interval is 0.019 to 0.021, and p of the sign-flip test is 2 / 2^7. Of three
runs around 0.95 with standard deviation 0.001 one more falls within 0.95 +- 4.302653 * 0.001 * sqrt(4/3), 0.945032 to
0.954968.
"""

import math
from dataclasses import replace
from functools import partial

import pytest
from optuna.distributions import FloatDistribution

from dlstudy.analysis.answer import rate_warning
from dlstudy.analysis.summary import summarize
from dlstudy.datasets import registry
from dlstudy.study.claims import Claim, Reported
from dlstudy.study.protocol import Protocol, Sweep
from dlstudy.study.split import Split
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrainedBy, TrialState
from dlstudy.study.variant import Variant
from tests.helpers.builders import GOOD, RATE, figure, make_study, make_trial, resolved, runs_of, search_of, sum_up

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
BASE = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96]
AHEAD = [0.92, 0.931, 0.939, 0.95, 0.961, 0.969, 0.98]  # by 0.020, 0.021, 0.019, 0.020, 0.021, 0.019 and 0.020
UNSURE = [0.95, 0.90, 0.97, 0.92, 0.99, 0.94, 0.98]  # ahead by 0.05, -0.01, 0.05, -0.01, 0.05, -0.01 and 0.02
NARROW, WIDE = [0.949, 0.950, 0.951], [0.94, 0.95, 0.96]


@pytest.mark.parametrize(
    ("values", "reported", "verdict"),
    [
        (NARROW, "0.954", "compatible"),
        (NARROW, "0.95500", "not compatible"),  # the interval ends at 0.954968 + 0.000005
        (NARROW, "0.9550", "compatible"),  # ... and here at 0.954968 + 0.00005
        (NARROW, "0.945", "compatible"),
        (NARROW, "0.944", "not compatible"),
        (NARROW, 0.96, "not compatible"),  # ... and here at 0.954968 + 0.005
        (WIDE, "0.95", "undecidable"),  # +- 0.0497 of an error rate of 0.05
        ([0.95], "0.95", "undecidable"),
        ([], "0.95", "not run"),
    ],
)
def test_a_reported_figure_is_compatible_when_one_more_run_could_give_it(values, reported, verdict):
    study = make_study(reported=[figure(reported)])
    found = sum_up(study, runs_of(study, "a", "reported", values)).reported[0]
    assert (found.verdict, found.n, found.reported) == (verdict, len(values), str(reported))


def test_a_figure_that_is_not_compatible_says_where_runs_fall():
    study = make_study(reported=[figure("0.9560")])
    found = sum_up(study, runs_of(study, "a", "reported", NARROW)).reported[0]
    assert found.why == "reported 0.9560, and 95 % of runs fall in 0.9450 to 0.9550"
    assert found.ours == pytest.approx(0.95)
    assert found.interval == pytest.approx((0.945032 - 0.00005, 0.954968 + 0.00005), abs=1e-6)


def test_figures_that_cannot_be_decided_say_why():
    study = make_study(arms="abc", reported=[figure(arm=arm) for arm in "abc"])
    trials = runs_of(study, "a", "reported", WIDE) + runs_of(study, "b", "reported", [0.95])
    found = sum_up(study, trials).reported
    assert [item.why for item in found] == ["runs differ too much to tell", "one run has no spread", ""]
    assert found[1].interval is None


@pytest.mark.parametrize(
    ("values", "verdict"), [([0.299, 0.300, 0.301], "compatible"), ([0.2, 0.3, 0.4], "undecidable")]
)
def test_the_spread_of_a_loss_is_judged_by_the_loss(values, verdict):
    study = make_study(reported=[Reported("a", "test_loss", "0.300")])
    found = sum_up(study, runs_of(study, "a", "reported", values, metric="test_loss")).reported[0]
    assert found.verdict == verdict


def test_a_figure_is_read_at_its_epoch():
    study = make_study(reported=[figure("0.95", epoch=2), figure("0.95", epoch=9)])
    runs = [
        make_trial(
            study, "a", "reported", index, metrics={"test_accuracy": 0.1}, history={"test_accuracy": [0.5, value]}
        )
        for index, value in enumerate(NARROW)
    ]
    at_two, at_nine = sum_up(study, runs).reported
    assert (at_two.ours, at_two.verdict) == (pytest.approx(0.95), "compatible")
    assert (at_nine.ours, at_nine.verdict) == (None, "not run")


def test_a_figure_with_a_setting_of_its_own_has_runs_of_its_own():
    study = make_study(reported=[figure("0.95"), figure("0.80", setting={"batch_size": 64})])
    at_own = {"rate": 0.1, "batch_size": 64}
    runs = runs_of(study, "a", "reported", NARROW)
    before = sum_up(study, runs).reported
    assert [(item.verdict, item.why) for item in before] == [
        ("compatible", ""),
        ("not run", "--reported-variants trains it"),
    ]
    after = sum_up(study, runs + runs_of(study, "a", "reported", [0.799, 0.8, 0.801], tuned=at_own)).reported
    assert [item.ours for item in after] == pytest.approx([0.95, 0.8])
    assert after[1].setting == {"batch_size": 64}


@pytest.mark.parametrize("variant", ["quick", "epochs=3", "quick~2", "quick+aa-test"])
def test_another_variant_is_not_compared_with_what_was_reported(variant):
    study = make_study(reported=[figure("0.95")])
    summary = sum_up(study, runs_of(study, "a", "reported", NARROW), variant)
    assert (summary.reported[0].verdict, summary.reported[0].interval) == ("not comparable", None)
    assert (
        f"reported figures are not compared: this variant ({variant}) differs from what was reported" in summary.notes
    )


@pytest.mark.parametrize("variant", ["default~2", "aa-test", "aa-test~2"])
def test_a_later_generation_and_a_copy_beside_the_arms_change_nothing_of_what_was_reported(variant):
    study = make_study(reported=[figure("0.95")])
    summary = sum_up(study, runs_of(study, "a", "reported", NARROW), variant)
    assert (summary.reported[0].verdict, summary.notes) == ("compatible", [])


@pytest.mark.parametrize("phase", ["reported", "replicate"])
@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "difference", "interval"),
    [
        (AHEAD, BASE, "supported", 0.02, (0.019, 0.021)),
        (BASE, AHEAD, "contradicted", -0.02, (-0.021, -0.019)),
        (UNSURE, BASE, "undecided", 0.02, (-0.01, 0.05)),  # three subsets at either end
        (BASE, BASE, "undecided", 0.0, (0.0, 0.0)),
        (AHEAD[:2], BASE[:2], "undecided", 0.0205, None),  # two pairs: no p below 2 / 2^2
    ],
)
def test_a_claim_is_judged_by_paired_differences(phase, ours, theirs, verdict, difference, interval):
    study = make_study(claims=[BETTER(phase=phase)])
    found = sum_up(study, runs_of(study, "a", phase, ours) + runs_of(study, "b", phase, theirs)).claims[0]
    assert (found.verdict, found.against, found.n) == (verdict, "b", len(ours))
    assert found.difference == pytest.approx(difference)
    assert found.interval == pytest.approx(interval, abs=1e-6)


def test_pairing_takes_out_what_a_seed_does_to_both_arms():
    study = make_study(claims=[BETTER()])
    theirs = [0.5, 0.7, 0.9, 0.4, 0.8, 0.6]
    ours = [value + gain for value, gain in zip(theirs, (0.02, 0.021, 0.019, 0.02, 0.021, 0.019), strict=True)]
    found = sum_up(study, runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", theirs)).claims[0]
    assert found.verdict == "supported"


def test_of_a_loss_less_is_better():
    study = make_study(claims=[BETTER(metric="test_loss")])
    of = partial(runs_of, study, phase="replicate", metric="test_loss")
    found = sum_up(study, of("a", values=BASE) + of("b", values=AHEAD)).claims[0]
    assert (found.verdict, found.difference) == ("supported", pytest.approx(0.02))


def test_a_claim_is_judged_at_its_epoch():
    study = make_study(claims=[BETTER(metric="val_accuracy", epoch=1)])
    trials = []
    for arm, values in (("a", AHEAD), ("b", BASE)):
        trials += [make_trial(study, arm, "search", value=0.9)]
        trials += [
            make_trial(
                study, arm, "replicate", index, metrics={"val_accuracy": 0.5}, history={"val_accuracy": [value, 0.5]}
            )
            for index, value in enumerate(values)
        ]
    assert sum_up(study, trials).claims[0].difference == pytest.approx(0.02)


def test_only_seeds_that_both_arms_ended_are_pairs():
    study = make_study(claims=[BETTER()])
    trials = runs_of(study, "a", "replicate", [0.1, *AHEAD]) + runs_of(study, "b", "replicate", [0.9, *BASE])
    unfinished = make_trial(study, "b", "replicate", 0, state="failed", reason="out of memory")
    found = sum_up(study, [unfinished if (t.arm, t.phase, t.index) == ("b", "replicate", 0) else t for t in trials])
    assert (found.claims[0].verdict, found.claims[0].n) == ("supported", 7)


@pytest.mark.parametrize(("n_ours", "n_theirs"), [(0, 0), (3, 0), (1, 3), (1, 1)])
def test_a_claim_without_two_pairs_was_not_run(n_ours, n_theirs):
    study = make_study(claims=[BETTER()])
    trials = runs_of(study, "a", "replicate", AHEAD[:n_ours]) + runs_of(study, "b", "replicate", BASE[:n_theirs])
    found = sum_up(study, trials).claims[0]
    assert (found.verdict, found.why, found.difference, found.n) == ("not run", "runs are missing", None, 0)


def test_an_untestable_claim_says_why():
    study = make_study(claims=[Claim("it needs no tuning", untestable="no arm tunes nothing")])
    found = sum_up(study, []).claims[0]
    assert (found.verdict, found.why, found.interval) == ("not testable", "no arm tunes nothing", None)


@pytest.mark.parametrize(
    ("third", "verdict", "against", "difference"),
    [
        ([value - 0.01 for value in AHEAD], "supported", "c", 0.01),
        ([value - 0.01 for value in UNSURE], "undecided", "c", 0.01),
        ([value + 0.03 for value in AHEAD], "contradicted", "c", -0.03),
        ([value - 0.12 for value in AHEAD], "supported", "b", 0.02),
        (None, "not run", "", None),
    ],
)
def test_a_claim_against_several_arms_is_as_good_as_against_the_hardest(third, verdict, against, difference):
    study = make_study(arms="abc", claims=[BETTER(than=("b", "c"))])
    trials = runs_of(study, "a", "replicate", AHEAD) + runs_of(study, "b", "replicate", BASE)
    found = sum_up(study, trials + (runs_of(study, "c", "replicate", third) if third else [])).claims[0]
    assert (found.verdict, found.against) == (verdict, against)
    assert found.difference == (None if difference is None else pytest.approx(difference))


def test_an_arm_has_its_winner_and_the_metrics_of_its_replicates():
    study = make_study()
    search = search_of(study, [0.8, 0.9, 0.7])
    again = make_trial(study, "a", "search", 2, state="lost", number=3)
    runs = [
        make_trial(
            study,
            "a",
            "replicate",
            index,
            search[1].tuned,
            metrics={"val_accuracy": v, "parameters": 7},
            seed=index + 5,
        )
        for index, v in ((2, 0.86), (0, 0.88), (1, 0.84))
    ]
    arm = sum_up(study, [*search, again, *runs]).arms[0]
    assert arm.best is not None
    assert (arm.best.params, arm.best.value, arm.best.index) == ({"rate": 0.11}, 0.9, 1)
    assert (arm.best.metric, arm.best.n_trials) == ("val_accuracy", 3)
    assert list(arm.replicates) == ["val_accuracy"]
    metric = arm.replicates["val_accuracy"]
    assert (metric.values, metric.seeds, metric.n) == ([0.88, 0.84, 0.86], [5, 6, 7], 3)
    assert (metric.mean, metric.sd) == pytest.approx((0.86, 0.02))
    assert arm.optimism == pytest.approx(0.04)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_replicate_whose_test_loss_is_not_finite_does_not_stop_the_summary(loss):
    study = make_study(claims=[BETTER(metric="test_loss")])
    of = partial(runs_of, study, phase="replicate", metric="test_loss")
    summary = sum_up(study, of("a", values=[*BASE, loss]) + of("b", values=[*AHEAD, 0.9]))
    assert (summary.claims[0].verdict, summary.claims[0].n) == ("supported", 7)


def test_the_optimism_is_a_loss_that_grew():
    study = make_study(metric="val_loss", direction="minimize")
    search = make_trial(study, "a", "search", value=0.30)
    runs = [make_trial(study, "a", "replicate", index, metrics={"val_loss": 0.32}) for index in range(2)]
    assert sum_up(study, [search, *runs]).arms[0].optimism == pytest.approx(0.02)


def test_the_optimism_over_several_searches_is_the_mean_of_theirs():
    study = make_study(searches=3)
    trials = []
    for search, (value, again) in enumerate([(0.90, 0.86), (0.80, 0.79), (0.70, 0.69)], 1):
        trials.append(make_trial(study, "a", "search", value=value, search=search))
        n = 4 - search  # a search counts once, however many replicates it has
        trials += [
            make_trial(study, "a", "replicate", index, metrics={"val_accuracy": again}, search=search)
            for index in range(n)
        ]
    assert sum_up(study, trials).arms[0].optimism == pytest.approx(0.02)


def test_an_arm_without_trials_has_nothing():
    arm = sum_up(make_study(), []).arms[0]
    assert (arm.best, arm.optimism, dict(arm.replicates), dict(arm.reported_runs), list(arm.notes)) == (
        None,
        None,
        {},
        {},
        [],
    )


def test_runs_of_the_reported_setting_are_beside_the_tuned_ones():
    study = make_study()
    arm = sum_up(study, runs_of(study, "a", "reported", NARROW) + runs_of(study, "a", "replicate", WIDE)).arms[0]
    assert arm.reported_runs["test_accuracy"].values == NARROW
    assert arm.replicates["test_accuracy"].values == WIDE


def test_replicates_of_an_earlier_winner_count_for_nothing_and_are_noted():
    study = make_study(claims=[BETTER()])
    new = {"rate": 0.9}
    trials = runs_of(study, "a", "replicate", [0.1, 0.2, 0.3]) + runs_of(study, "b", "replicate", BASE)
    trials += [make_trial(study, "a", "search", 1, new, value=0.95, started_s=150.0)]
    trials += [make_trial(study, "b", "search", 1, new, value=0.85, started_s=150.0)]
    before = sum_up(study, trials)
    assert before.arms[0].replicates == {}
    assert before.claims[0].verdict == "not run"
    after = sum_up(study, [*trials, *runs_of(study, "a", "replicate", AHEAD, tuned=new)[1:]])
    assert after.arms[0].replicates["test_accuracy"].values == AHEAD
    assert after.claims[0].verdict == "supported"
    assert list(after.arms[0].notes) == ["replicates of earlier winners (1) are kept but do not count"]


@pytest.mark.parametrize(("started_s", "noted"), [(150.0, False), (250.0, True)])
def test_a_search_that_continued_after_the_test_set_was_read_is_noted(started_s, noted):
    study = make_study()
    trials = runs_of(study, "a", "replicate", BASE)  # they end at 200
    late = make_trial(study, "a", "search", 1, {"rate": 0.2}, value=0.1, started_s=started_s)
    notes = sum_up(study, [*trials, late]).arms[0].notes
    assert ("the search continued after the test set was read" in notes) is noted


@pytest.mark.parametrize(
    ("states", "note"),
    [
        (["diverged", "diverged"], "2 trials diverged: it broke"),
        (["failed"], "1 trial failed: it broke"),
        (["lost", "lost"], "2 trials lost: it broke"),
        (["killed"], None),
    ],
)
def test_trials_that_did_not_finish_are_noted_with_the_last_reason(states, note):
    study = make_study()
    trials = [
        make_trial(
            study, "a", "search", index, state=state, reason="it broke" if index == len(states) - 1 else "before"
        )
        for index, state in enumerate(states)
    ]
    assert list(sum_up(study, trials).arms[0].notes) == ([note] if note else [])


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_a_failure_that_a_second_try_mended_is_not_noted(state):
    study = make_study()
    trials = [make_trial(study, "a", "search", state=state, reason="x"), make_trial(study, "a", "search", value=0.5)]
    assert list(sum_up(study, trials).arms[0].notes) == []


def test_a_failure_in_one_search_is_not_mended_by_another():
    study = make_study(searches=3)
    good = runs_of(study, "a", "replicate", [0.9])
    failed = make_trial(study, "a", "replicate", search=2, state="failed", reason="x")
    summary = sum_up(study, [*good, failed])
    assert summary.n_failed == 1
    assert "1 trial failed: x" in summary.arms[0].notes


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [
        ([], [], "No answer yet: no winner has been replicated."),
        (BASE, [], "a reached a mean test accuracy of 0.930 over 7 seeds, on digits."),
        (
            AHEAD[:1], BASE[:1],
            "a reached a mean test accuracy of 0.9200 over 1 seed, on digits; too few paired runs to compare it.",
        ),
        (
            AHEAD, BASE,
            "Each tuned on its own, a did best: a reached a mean test accuracy of 0.950 over 7 seeds, "
            "ahead of b by 0.0200 (95 % interval +0.0190 to +0.0210), on digits, "
            "for the settings found (exploratory: one search).",
        ),
        (
            BASE, UNSURE,
            "Each tuned on its own, b leads, but not clearly: b reached a mean test accuracy of 0.950 over 7 seeds, "
            "ahead of a by 0.020 (95 % interval -0.010 to +0.050), on digits, "
            "for the settings found (exploratory: one search).",
        ),
        (
            [1.0] * 7, [1.0] * 7,
            "Each tuned on its own, a and b are level: a reached a mean test accuracy of 1.0000 over 7 seeds, "
            "ahead of b by 0.0000 (95 % interval +0.0000 to +0.0000), on digits, "
            "for the settings found (exploratory: one search).",
        ),
    ],
)  # fmt: skip
def test_the_answer_is_one_sentence(ours, theirs, answer):
    study = make_study()
    trials = runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", theirs)
    assert sum_up(study, trials).answer == answer


def test_the_answer_calls_rows_of_ones_own_by_their_title():
    study = make_study()
    study = replace(study, about=replace(study.about, name="churn-0123456789ab", title="Who leaves?"))
    answer = sum_up(study, runs_of(study, "a", "replicate", BASE)).answer
    assert answer == "a reached a mean test accuracy of 0.930 over 7 seeds, on Who leaves?."


def test_an_arm_is_not_called_the_best_where_another_was_searched_badly():
    study = make_study()
    space = {"rate": FloatDistribution(0.01, 0.5)}
    arms = [study.arm("a"), Arm("b", {"kind": "b"}, space)]
    study = replace(study, arms=arms)
    trials = runs_of(study, "a", "replicate", AHEAD) + runs_of(study, "b", "replicate", BASE, tuned={"rate": 0.4})
    trials += [make_trial(study, arm, "search", 1, {"rate": 0.3}, value=0.8) for arm in "ab"]
    summary = sum_up(study, trials)
    assert summary.answer == (
        "Each tuned on its own, a leads: a reached a mean test accuracy of 0.950 over 7 seeds, ahead of b by 0.0200 "
        "(95 % interval +0.0190 to +0.0210), on digits, for the settings found (exploratory: one search); "
        "would be supported, but: the best setting of b may lie further out: no rate above 0.4 was tried near it."
    )
    assert [(check.arm, check.name) for check in summary.checks if not check.passed] == [("b", "bracket")]


def test_a_bad_search_of_the_best_arm_does_not_cost_it_its_place():
    study = make_study()
    arms = [Arm("a", {"kind": "a"}, {"rate": FloatDistribution(0.01, 0.5)}), study.arm("b")]
    study = replace(study, arms=arms)
    trials = runs_of(study, "a", "replicate", AHEAD, tuned={"rate": 0.4}) + runs_of(study, "b", "replicate", BASE)
    assert "a did best: " in sum_up(study, trials).answer


def some_lost(study, arm, values, n, state=TrialState.DIVERGED):
    """Replicates of which the last n gave no value."""
    runs = runs_of(study, arm, "replicate", values)
    return [
        *runs[:-n],
        *(replace(run, result=replace(run.result, state=state, metrics={})) for run in runs[-n:]),
    ]


def test_a_replicate_that_ran_over_time_counts_as_one_that_diverged():
    study = make_study(claims=[Claim("a is better", "a", "b", "test_accuracy")], seeds=20)
    good, plain = [0.99 + i / 10_000 for i in range(20)], [0.97 + i / 10_000 for i in range(20)]
    everyone = runs_of(study, "b", "replicate", plain)
    diverged, late = (
        sum_up(study, [*some_lost(study, "a", good, 8, state), *everyone])
        for state in (TrialState.DIVERGED, TrialState.OVER_TIME)
    )
    assert late.claims[0].deciding == diverged.claims[0].deciding
    assert late.claims[0].why.startswith("8 of 20 runs of a ran over time; ")
    assert "over 12 seeds and ran over time with 8 more, ahead" in late.answer


def test_an_arm_whose_replicates_diverge_is_not_called_the_best():
    study = make_study(claims=[Claim("a is better", "a", "b", "test_accuracy")], seeds=20)
    good, plain = [0.99 + i / 10_000 for i in range(20)], [0.97 + i / 10_000 for i in range(20)]
    everyone = runs_of(study, "b", "replicate", plain)
    summary = sum_up(study, [*some_lost(study, "a", good, 8), *everyone])
    (claim,) = summary.claims
    # Of what did not diverge the best is 0.9911, the worst 0.97: a run that did counts as 0.97 - 0.0211.
    assert claim.deciding.differences == pytest.approx([0.02] * 12 + [0.9489 - value for value in plain[12:]])
    assert (claim.verdict, claim.n) == ("undecided", 20)
    assert claim.why == "8 of 20 runs of a diverged; the differences are skewed, and p holds for symmetric ones"
    assert "a reached a mean test accuracy of 0.99055 over 12 seeds and diverged with 8 more, ahead" in summary.answer
    assert "a leads, but not clearly: " in summary.answer

    summary = sum_up(study, [*some_lost(study, "a", good, 18), *everyone])
    assert summary.claims[0].verdict == "contradicted"
    assert summary.answer.startswith("Each tuned on its own, b did best: ")


def test_an_epoch_before_a_run_diverged_is_measured_and_an_unknown_metric_is_not():
    claims = [Claim("a starts better", "a", "b", "val_accuracy", epoch=1), Claim("c", "a", "b", "test_auc")]
    study = make_study(claims=claims, seeds=7)
    trials = []
    for arm, start in (("a", 0.5), ("b", 0.4)):
        for run in some_lost(study, arm, [0.9] * 7, 2) if arm == "a" else runs_of(study, arm, "replicate", [0.9] * 7):
            trials.append(
                replace(run, result=replace(run.result, history={"val_accuracy": [start + run.index / 1000]}))
            )
    first, second = sum_up(study, trials).claims
    assert first.deciding.differences == pytest.approx([0.1] * 7)
    assert second.verdict == "not run"


def with_copy(**changes):
    """A study of two arms, and of a copy of the first."""
    about = registry.describe("digits")
    return Variant(aa_test=True).apply(make_study(**changes), about, about)


def test_a_copy_is_no_alternative_to_rank():
    study = with_copy()
    trials = runs_of(study, "a", "replicate", BASE) + runs_of(study, "b", "replicate", AHEAD)
    trials += runs_of(study, "a-copy", "replicate", [value + 0.01 for value in AHEAD])
    summary = sum_up(study, trials, "aa-test")
    assert summary.answer.startswith("Each tuned on its own, b did best: ")
    assert "copy" not in summary.answer
    assert [(claim.verdict, claim.against) for claim in summary.claims] == [("contradicted", "a-copy")]


def test_a_study_that_ranks_no_arms_does_not_answer_by_its_aa_test():
    study = with_copy(rank_arms=False)
    trials = [trial for arm in ("a", "a-copy") for trial in runs_of(study, arm, "replicate", BASE)]
    assert sum_up(study, trials, "aa-test").answer == "No answer yet: no claim has been tested."


def test_the_answer_of_a_loss_is_the_lowest():
    study = make_study(metric="val_loss", direction="minimize")
    of = partial(runs_of, study, phase="replicate", metric="test_loss")
    assert (
        "a did best: a reached a mean test loss of 0.930"
        in sum_up(study, of("a", values=BASE) + of("b", values=AHEAD)).answer
    )


def test_the_answer_takes_the_protocols_direction():
    study = make_study(metric="val_kappa", direction="maximize")
    of = partial(runs_of, study, phase="replicate", metric="test_kappa")
    assert "a did best" in sum_up(study, of("a", values=AHEAD) + of("b", values=BASE)).answer


def test_a_study_is_complete_when_every_arm_has_all_its_seeds_in_both_phases():
    study = make_study(seeds=7)
    trials = [
        trial for arm in "ab" for phase in ("reported", "replicate") for trial in runs_of(study, arm, phase, BASE)
    ]  # fmt: skip
    assert sum_up(study, trials).complete
    for i, trial in enumerate(trials):
        assert not sum_up(study, trials[:i] + trials[i + 1 :]).complete, trial.key


def test_an_arm_without_a_reported_setting_is_complete_without_reported_runs():
    study = resolved(Study("Is it?", "digits", dict, [Arm("a")], Protocol(searches=1, seeds=2)))
    trials = [make_trial(study, "a", "search", tuned={"none": 0}, value=0.9)]
    trials += [make_trial(study, "a", "replicate", index, {"none": 0}) for index in range(2)]
    assert sum_up(study, trials).complete


@pytest.mark.parametrize(
    ("variant", "quick", "words"),
    [
        ("default", False, None),
        ("quick~2", True, "QUICK: fewer trials than the study a"),
        ("quick+epochs=3", True, "QUICK: fewer trials than the study a"),
        ("sampler=tpe", False, "the search depends on the order in which trials ended"),
        ("epochs=3+pruner=median", False, "the search depends on the order in which trials ended"),
        ("sampler=random", False, None),
    ],
)
def test_what_a_variant_means_for_its_results_is_noted(variant, quick, words):
    summary = sum_up(make_study(), [], variant)
    assert summary.variant.quick is quick
    assert [note[: len(words or "")] for note in summary.notes] == ([words] if words else [])


def test_a_summary_holds_the_protocol_and_every_trial():
    study = make_study(seeds=3, trials=2, searches=3, rows=100)
    trials = runs_of(study, "a", "replicate", BASE)
    summary = sum_up(study, trials)
    assert list(summary.trials) == trials
    assert [summary.protocol[name] for name in ("seeds", "trials", "searches", "rows")] == [3, 2, 3, 100]
    assert list(summary.protocol["spaces"]) == ["a", "b"]
    assert trials[0].params == {"batch_size": 32, "epochs": 10, "kind": "a", **GOOD}


def searched_three_times(study, arm, gain=0.0):
    """Three searches of an arm, with two replicates of each winner; each search found another rate."""
    return [
        trial
        for search, (rate, value) in enumerate([(0.3, 0.70), (0.4, 0.80), (0.512345, 0.90)], 1)
        for trial in runs_of(
            study, arm, "replicate", [value + gain, value + gain + 0.01], tuned={"rate": rate}, search=search
        )
    ]


def test_the_replicates_of_all_searches_are_together_and_the_further_winners_in_words():
    study = make_study(searches=3, seeds=2)
    trials = searched_three_times(study, "a")
    arm = sum_up(study, trials[::-1]).arms[0]
    metric = arm.replicates["test_accuracy"]
    assert (metric.values, metric.n) == ([0.70, 0.71, 0.80, 0.81, 0.90, 0.91], 6)
    assert metric.seeds == [trial.seed for trial in trials if trial.phase == "replicate"]
    assert len(set(metric.seeds)) == 6
    assert arm.best.params == {"rate": 0.3}
    assert arm.notes == ["winners of the other searches: rate 0.4; rate 0.512"]


def test_further_searches_are_no_search_that_continued_after_the_test_set_was_read():
    study = make_study(searches=3)
    late = {"started_s": 300.0, "ended_s": 400.0, "search": 2}
    trials = runs_of(study, "a", "replicate", BASE) + runs_of(study, "a", "replicate", BASE, **late)
    continued = "the search continued after the test set was read"
    assert continued not in sum_up(study, trials).arms[0].notes
    again = make_trial(study, "a", "search", 1, {"rate": 0.2}, value=0.1, search=2, started_s=500.0)
    assert continued in sum_up(study, [*trials, again]).arms[0].notes


def test_a_study_is_complete_when_every_search_has_its_replicates_and_defaults():
    study = make_study(searches=3, seeds=2)
    study = replace(study, arms=[replace(arm, reported=None, defaults={"rate": 0.01}) for arm in study.arms])
    trials = [trial for arm in "ab" for trial in searched_three_times(study, arm)]
    for arm in "ab":
        for search in (1, 2, 3):
            trials += runs_of(study, arm, "defaults", [0.6, 0.7], tuned={"rate": 0.01}, search=search)
    assert sum_up(study, trials).complete
    for i, trial in enumerate(trials):
        assert not sum_up(study, trials[:i] + trials[i + 1 :]).complete, trial.key


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        (
            {"trials": 1, "seeds": 7, "epochs": 1},
            "data: Handwritten digits, 8 x 8; models: 7 to 2,410 parameters; budget: 1 search trial and 7 seeds for "
            "each arm, 1 epoch; tensorflow 2.21, keras 3.15.",
        ),
        (
            {"trials": 8, "seeds": 9, "searches": 3, "rows": 1_000},
            "data: Handwritten digits, 8 x 8, of which 900 rows train; models: 7 to 2,410 parameters; budget: 8 "
            "search trials and 9 seeds for each arm in each of 3 searches, 10 epochs; tensorflow 2.21, keras 3.15.",
        ),
    ],
)
def test_the_scope_is_what_the_answer_holds_for(changes, scope):
    study = make_study(**changes)
    trials = [
        trial
        for arm, size in (("a", 2_410), ("b", 7))
        for search in (make_trial(study, arm, "search", value=0.9),)
        for trial in (search, make_trial(study, arm, "replicate", metrics={"parameters": size}))
    ]
    made_with = {"tensorflow": "2.21", "keras": "3.15", "numpy": "2.4"}
    summary = summarize(study, trials, made_with)
    assert (summary.scope, summary.made_with) == (scope, made_with)


@pytest.mark.parametrize(
    ("rows", "split", "n_train"),
    [
        (600, Split(validation=200), 400),
        (600, Split(validation=0.25), 450),
        (1_400, Split(validation=0.1, test=0.2, random_state=1), 1_034),  # 1,149 are left by the test rows
        (600, Split(validation=100, test=range(1_000)), 337),
    ],
)
def test_rows_that_validate_or_test_do_not_train(rows, split, n_train):
    scope = sum_up(make_study(rows=rows, split=split), []).scope
    assert scope.startswith(f"data: Handwritten digits, 8 x 8, of which {n_train:,} rows train; ")


def test_a_direction_that_the_name_of_the_metric_contradicts_is_noted():
    note = "Protocol.direction is maximize, though val_loss says minimize"
    assert note in sum_up(make_study(metric="val_loss", direction="maximize"), []).notes
    for fields in ({"metric": "val_loss"}, {"metric": "val_kappa", "direction": "minimize"}):
        assert not any("Protocol.direction" in text for text in sum_up(make_study(**fields), []).notes)


def test_what_is_not_known_is_left_out_of_the_scope():
    assert sum_up(make_study(), []).scope == (
        "data: Handwritten digits, 8 x 8; budget: 8 search trials and 9 seeds for each arm, 10 epochs."
    )


def with_defaults_and_sweep(**changes):
    """A study whose arms have defaults too, and are trained at two stated rates."""
    study = make_study(seeds=2, **changes)
    arms = [replace(arm, defaults={"rate": 0.01}) for arm in study.arms]
    return replace(study, arms=arms, sweeps=[Sweep("s", {"rate": [0.2, 0.3]}, seeds=3)])


def everything(study):
    """Every run that such a study asks for."""
    trials = []
    for arm in "ab":
        trials += runs_of(study, arm, "reported", [0.7, 0.8]) + runs_of(study, arm, "replicate", [0.8, 0.9])
        trials += runs_of(study, arm, "defaults", [0.6, 0.8], tuned={"rate": 0.01})
        for rate in (0.2, 0.3):
            trials += runs_of(study, arm, "sweep", [0.5, 0.6, 0.7], "val_accuracy", tuned={"rate": rate})
    return trials


def test_runs_at_the_library_s_defaults_are_beside_the_others():
    study = with_defaults_and_sweep()
    arm = sum_up(study, everything(study)).arms[0]
    assert arm.defaults["test_accuracy"].values == [0.6, 0.8]
    assert arm.defaults["test_accuracy"].mean == pytest.approx(0.7)
    assert sum_up(study, []).arms[0].defaults == {}
    assert sum_up(make_study(), runs_of(study, "a", "defaults", [0.6])).arms[0].defaults == {}


def test_a_study_is_complete_when_every_run_of_defaults_and_sweeps_is_there_too():
    study = with_defaults_and_sweep()
    trials = everything(study)
    assert sum_up(study, trials).complete
    for i, trial in enumerate(trials):
        if trial.phase in ("defaults", "sweep"):
            assert not sum_up(study, trials[:i] + trials[i + 1 :]).complete, trial.key


@pytest.mark.parametrize(("state", "complete"), [("diverged", True), ("failed", False)])
def test_a_diverged_run_of_a_sweep_need_not_be_trained_again(state, complete):
    study = with_defaults_and_sweep()
    trials = [
        replace(trial, result=replace(trial.result, state=TrialState(state)))
        if (trial.phase, trial.index) == ("sweep", 2)
        else trial
        for trial in everything(study)
    ]
    assert sum_up(study, trials).complete is complete


def test_the_seeds_of_a_sweep_are_not_those_of_the_protocol():
    study = with_defaults_and_sweep()
    assert sum_up(study, everything(study)).protocol["seeds"] == 2


GRAPH, PLAIN, ESTIMATOR = TrainedBy.EPOCH_GRAPH, TrainedBy.FIT, TrainedBy.ESTIMATOR


@pytest.mark.parametrize(
    ("settings", "space", "trained_by", "warned"),
    [
        (({}, {}), {}, GRAPH, True),
        (({}, {}), {}, PLAIN, True),
        (({}, {}), {}, ESTIMATOR, False),  # nothing says that it has a rate
        (({"learning_rate": 0.1}, {"learning_rate": 0.1}), {}, ESTIMATOR, True),
        (({"learning_rate": 0.1}, {"learning_rate": 0.2}), {}, GRAPH, False),  # the rate is the question
        (({"learning_rate": 0.1}, {}), {}, GRAPH, False),
        (({}, {}), {"learning_rate": RATE["rate"]}, GRAPH, False),
        (({}, {}), {"adam_learning_rate": RATE["rate"]}, GRAPH, False),
        (({}, {}), {"rate": RATE["rate"]}, GRAPH, False),
        (({}, {}), {"drop_rate": RATE["rate"]}, GRAPH, True),
        (({},), {}, GRAPH, False),  # one arm is not compared
    ],
)
def test_arms_at_one_rate_that_nobody_tuned_are_warned_of(settings, space, trained_by, warned):
    arms = [
        Arm(name, setting={"kind": name, **setting}, space=space) for name, setting in zip("ab", settings, strict=False)
    ]
    study = resolved(Study("Is it?", "digits", dict, arms))
    trials = [make_trial(study, "a", "search", 0, {"k": 0}, trained_by=trained_by)]
    assert ("was not tuned" in rate_warning(study, trials)) is warned
    assert any("was not tuned" in note for note in sum_up(study, trials).notes) is warned


def test_remarks_of_a_study_go_into_its_summary():
    assert sum_up(replace(make_study(), remarks=["the document errs"]), []).remarks == ["the document errs"]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ([BASE], "a is better: supported, on digits, for the settings found (exploratory: one search)."),
        (
            [BASE, [value + 0.01 for value in AHEAD]],
            "a is better: supported, on digits, for the settings found (exploratory: one search). "
            "Of all 2 claims tested: 1 supported, 1 contradicted.",
        ),
    ],
)
def test_a_study_that_ranks_no_arms_answers_by_its_claims(values, answer):
    others = [f"x{i}" for i in range(len(values))]
    study = make_study(["a", *others], seeds=8, claims=[BETTER(than=other) for other in others], rank_arms=False)
    runs = runs_of(study, "a", "replicate", AHEAD)
    for other, of_other in zip(others, values, strict=True):
        runs += runs_of(study, other, "replicate", of_other)
    assert sum_up(study, runs).answer == answer
    assert sum_up(study, []).answer == "No answer yet: no claim has been tested."


def test_two_whole_searches_of_three_rank_by_the_first_which_is_compared():
    study = make_study(searches=3)
    trials = [
        *runs_of(study, "a", "replicate", [0.8, 0.81, 0.8, 0.82, 0.8, 0.81]),
        *runs_of(study, "b", "replicate", [0.9, 0.91, 0.9, 0.9, 0.92, 0.91]),
        *runs_of(study, "a", "replicate", [0.99] * 6, search=2),
        *runs_of(study, "b", "replicate", [0.7] * 6, search=2),
    ]
    assert sum_up(study, trials).answer.startswith(
        "Each tuned on its own, b did best: b reached a mean test accuracy of 0.9067"
    )


def test_a_copy_is_no_second_arm_that_shares_an_untuned_rate():
    study = make_study(arms="a")
    arm = replace(study.arms[0], space={}, reported={})
    copy = replace(arm, name="a-copy", copy_of="a", reported=None)
    runs = [make_trial(study, "a", "search")]  # by gradient
    assert rate_warning(replace(study, arms=[arm, copy]), runs) == ""
    assert rate_warning(replace(study, arms=[arm, replace(copy, copy_of="")]), runs) != ""


def test_arms_with_nothing_to_tune_are_not_called_tuned():
    made = make_study()
    study = replace(made, arms=[replace(arm, space={}) for arm in made.arms])
    ours, theirs = [0.9, 0.91, 0.92, 0.93, 0.94, 0.95], [0.8, 0.82, 0.81, 0.83, 0.84, 0.86]
    summary = sum_up(study, runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", theirs))
    assert summary.answer.startswith("a did best: a reached")
    assert "search trial" not in summary.scope


def test_without_spread_no_smallest_difference_is_given():
    study = make_study(claims=[Claim("a is better", better="a", than="b", metric="test_accuracy")])
    trials = runs_of(study, "a", "replicate", [0.9] * 6) + runs_of(study, "b", "replicate", [0.9] * 6)
    (claim,) = sum_up(study, trials).claims
    assert (claim.verdict, claim.smallest) == ("undecided", None)
