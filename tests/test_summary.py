"""From trials to winners, replicates, verdicts and the answer; every number is worked out by hand.

Of three differences around 0.02 with standard deviation 0.001 the 95 % interval is 0.02 +- 4.302653 * 0.001 / sqrt(3),
0.0175 to 0.0225; of three runs around 0.95 with the same deviation one more falls within 0.95 +- 4.302653 * 0.001 *
sqrt(4/3), 0.945032 to 0.954968.
"""

import math
from dataclasses import replace
from functools import partial

import pytest
from builders import GOOD, RATE, figure, make_study, make_trial, runs_of, sum_up

from dlstudy.document import Claim, Printed
from dlstudy.finished import value_at, winner
from dlstudy.protocol import Protocol, Sweep
from dlstudy.study import Arm, Study
from dlstudy.summary import rate_warning
from dlstudy.summary import test_metric as metric_of_test  # a test by its name, were it not renamed

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
BASE, AHEAD, UNSURE = [0.90, 0.91, 0.92], [0.92, 0.931, 0.939], [0.91, 0.93, 0.95]
NARROW, WIDE = [0.949, 0.950, 0.951], [0.94, 0.95, 0.96]


def search_of(study, values, arm="a", **changes):
    tuned = [{"rate": 0.1 + row / 100} for row in range(len(values))]
    return [
        make_trial(study, arm, "search", row, tuned[row], value=value, **changes) for row, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "direction", "row"),
    [
        ([0.8, 0.9, 0.85], "maximize", 1),
        ([0.8, 0.9, 0.85], "minimize", 0),
        ([0.8, 0.9, 0.9], "maximize", 1),
        ([-0.5, -0.1, -0.1], "maximize", 1),
        ([0.0, 0.3], "minimize", 0),
        ([None, 0.1], "maximize", 1),
    ],
)
def test_the_winner_is_the_best_and_of_equals_the_lowest_row(values, direction, row):
    trials = search_of(make_study(), values)
    assert winner(trials, direction) is winner(trials[::-1], direction) is trials[row]


@pytest.mark.parametrize("state", ["pruned", "diverged", "failed", "lost", "killed", "running"])
def test_only_a_finished_trial_can_win(state):
    study = make_study()
    other = make_trial(study, "a", "search", 1, value=0.99, state=state)
    finished = make_trial(study, "a", "search", 0, value=0.5)
    assert winner([other, finished], "maximize") is finished
    assert winner([other], "maximize") is None


def test_no_trials_have_no_winner():
    assert winner([], "maximize") is None


def test_a_value_is_read_at_the_end_or_at_an_epoch():
    trial = make_trial(make_study(), "a", "search", metrics={"val_loss": 0.3}, history={"val_loss": [0.5, None, 0.3]})
    found = [value_at(trial, "val_loss", epoch) for epoch in (None, 1, 2, 3, 4)]
    assert found == [0.3, 0.5, None, 0.3, None]
    assert value_at(trial, "test_loss", None) is value_at(trial, "test_loss", 1) is None
    running = make_trial(make_study(), "a", "search", result=None)
    assert value_at(running, "val_loss", None) is value_at(running, "val_loss", 1) is None


def test_the_test_metric_answers_to_the_metric_of_the_search():
    assert metric_of_test(make_study(metric="val_top_val_accuracy")) == "test_top_val_accuracy"


@pytest.mark.parametrize(
    ("values", "printed", "verdict"),
    [
        (NARROW, "0.954", "reproduced"),
        (NARROW, "0.95500", "not reproduced"),  # the interval ends at 0.954968 + 0.000005
        (NARROW, "0.9550", "reproduced"),  # ... and here at 0.954968 + 0.00005
        (NARROW, "0.945", "reproduced"),
        (NARROW, "0.944", "not reproduced"),
        (NARROW, 0.96, "not reproduced"),  # ... and here at 0.954968 + 0.005
        (WIDE, "0.95", "undecidable"),  # +- 0.0497 of an error rate of 0.05
        ([0.95], "0.95", "undecidable"),
        ([], "0.95", "not run"),
    ],
)
def test_a_printed_figure_is_reproduced_when_one_more_run_could_give_it(values, printed, verdict):
    study = make_study(printed=[figure(printed)])
    found = sum_up(study, runs_of(study, "a", "printed", values)).printed[0]
    assert (found.reproduced, found.n, found.printed) == (verdict, len(values), str(printed))


def test_a_figure_that_is_not_reproduced_says_where_runs_fall():
    study = make_study(printed=[figure("0.9560")])
    found = sum_up(study, runs_of(study, "a", "printed", NARROW)).printed[0]
    assert found.why == "printed 0.9560, and 95 % of runs fall in 0.9450 to 0.9550"
    assert found.ours == pytest.approx(0.95)
    assert found.interval == pytest.approx((0.945032 - 0.00005, 0.954968 + 0.00005), abs=1e-6)


def test_figures_that_cannot_be_decided_say_why():
    study = make_study(arms="abc", printed=[figure(arm=arm) for arm in "abc"])
    trials = runs_of(study, "a", "printed", WIDE) + runs_of(study, "b", "printed", [0.95])
    found = sum_up(study, trials).printed
    assert [item.why for item in found] == ["runs differ too much to tell", "one run has no spread", ""]
    assert found[1].interval is None


@pytest.mark.parametrize(
    ("values", "verdict"), [([0.299, 0.300, 0.301], "reproduced"), ([0.2, 0.3, 0.4], "undecidable")]
)
def test_the_spread_of_a_loss_is_judged_by_the_loss(values, verdict):
    study = make_study(printed=[Printed("a", "test_loss", "0.300")])
    found = sum_up(study, runs_of(study, "a", "printed", values, metric="test_loss")).printed[0]
    assert found.reproduced == verdict


def test_a_figure_is_read_at_its_epoch():
    study = make_study(printed=[figure("0.95", epoch=2), figure("0.95", epoch=9)])
    runs = [
        make_trial(study, "a", "printed", row, metrics={"test_accuracy": 0.1}, history={"test_accuracy": [0.5, value]})
        for row, value in enumerate(NARROW)
    ]
    at_two, at_nine = sum_up(study, runs).printed
    assert (at_two.ours, at_two.reproduced) == (pytest.approx(0.95), "reproduced")
    assert (at_nine.ours, at_nine.reproduced) == (None, "not run")


def test_a_figure_with_a_setting_of_its_own_has_runs_of_its_own():
    study = make_study(printed=[figure("0.95"), figure("0.80", setting={"batch_size": 64})])
    at_own = {"rate": 0.1, "batch_size": 64}
    runs = runs_of(study, "a", "printed", NARROW)
    before = sum_up(study, runs).printed
    assert [(item.reproduced, item.why) for item in before] == [
        ("reproduced", ""),
        ("not run", "--also trains it"),
    ]
    after = sum_up(study, runs + runs_of(study, "a", "printed", [0.799, 0.8, 0.801], tuned=at_own)).printed
    assert [item.ours for item in after] == pytest.approx([0.95, 0.8])
    assert after[1].setting == {"batch_size": 64}


@pytest.mark.parametrize("variant", ["quick", "epochs=3", "quick~2"])
def test_another_variant_is_not_compared_with_what_was_printed(variant):
    study = make_study(printed=[figure("0.95")])
    summary = sum_up(study, runs_of(study, "a", "printed", NARROW), variant)
    assert (summary.printed[0].reproduced, summary.printed[0].interval) == ("not comparable", None)
    assert f"printed figures are not compared: this variant ({variant}) differs from what was printed" in summary.notes


def test_a_later_generation_of_the_default_is_compared():
    study = make_study(printed=[figure("0.95")])
    assert sum_up(study, runs_of(study, "a", "printed", NARROW), "default~2").printed[0].reproduced == "reproduced"


@pytest.mark.parametrize("phase", ["printed", "replicate"])
@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "difference", "interval"),
    [
        (AHEAD, BASE, "supported", 0.02, (0.017516, 0.022484)),
        (BASE, AHEAD, "contradicted", -0.02, (-0.022484, -0.017516)),
        (UNSURE, BASE, "undecided", 0.02, (-0.004841, 0.044841)),  # 0.01, 0.02, 0.03: +- 4.302653 * 0.01 / sqrt(3)
        (BASE, BASE, "undecided", 0.0, (0.0, 0.0)),
        # Two pairs: 0.0205 +- 12.7062 * 0.000707 / sqrt(2)
        (AHEAD[:2], BASE[:2], "supported", 0.0205, (0.014147, 0.026853)),
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
    theirs = [0.5, 0.7, 0.9]
    ours = [value + gain for value, gain in zip(theirs, (0.02, 0.021, 0.019), strict=True)]
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
                study, arm, "replicate", row, metrics={"val_accuracy": 0.5}, history={"val_accuracy": [value, 0.5]}
            )
            for row, value in enumerate(values)
        ]
    assert sum_up(study, trials).claims[0].difference == pytest.approx(0.02)


def test_only_seeds_that_both_arms_finished_are_pairs():
    study = make_study(claims=[BETTER()])
    trials = runs_of(study, "a", "replicate", [0.1, *AHEAD]) + runs_of(study, "b", "replicate", [0.9, *BASE])
    unfinished = make_trial(study, "b", "replicate", 0, state="diverged", reason="the loss is not finite")
    found = sum_up(study, [unfinished if (t.arm, t.phase, t.row) == ("b", "replicate", 0) else t for t in trials])
    assert (found.claims[0].verdict, found.claims[0].n) == ("supported", 3)


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
        ([0.91, 0.921, 0.929], "supported", "c", 0.01),
        ([0.91, 0.93, 0.93], "undecided", "c", 0.02 / 3),  # differences 0.01, 0.001, 0.009
        ([0.95, 0.961, 0.969], "contradicted", "c", -0.03),
        ([0.80, 0.811, 0.819], "supported", "b", 0.02),
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
            study, "a", "replicate", row, search[1].tuned, metrics={"val_accuracy": v, "parameters": 7}, seed=row + 5
        )
        for row, v in ((2, 0.86), (0, 0.88), (1, 0.84))
    ]
    arm = sum_up(study, [*search, again, *runs]).arms[0]
    assert arm.best is not None
    assert (arm.best.params, arm.best.value, arm.best.row) == ({"rate": 0.11}, 0.9, 1)
    assert (arm.best.metric, arm.best.n_trials) == ("val_accuracy", 3)
    assert list(arm.replicates) == ["val_accuracy"]
    metric = arm.replicates["val_accuracy"]
    assert (metric.values, metric.seeds, metric.n) == ([0.88, 0.84, 0.86], [5, 6, 7], 3)
    assert (metric.mean, metric.sd) == pytest.approx((0.86, 0.02))
    assert arm.drop == pytest.approx(0.04)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_replicate_whose_test_loss_is_not_finite_does_not_stop_the_summary(loss):
    study = make_study(claims=[BETTER(metric="test_loss")])
    of = partial(runs_of, study, phase="replicate", metric="test_loss")
    summary = sum_up(study, of("a", values=[*BASE, loss]) + of("b", values=[*AHEAD, 0.9]))
    assert (summary.claims[0].verdict, summary.claims[0].n) == ("supported", 3)


def test_a_drop_is_a_loss_that_grew():
    study = make_study(metric="val_loss", direction="minimize")
    search = make_trial(study, "a", "search", value=0.30)
    runs = [make_trial(study, "a", "replicate", row, metrics={"val_loss": 0.32}) for row in range(2)]
    assert sum_up(study, [search, *runs]).arms[0].drop == pytest.approx(0.02)


def test_an_arm_without_trials_has_nothing():
    arm = sum_up(make_study(), []).arms[0]
    assert (arm.best, arm.drop, dict(arm.replicates), dict(arm.printed_runs), list(arm.notes)) == (
        None,
        None,
        {},
        {},
        [],
    )


def test_runs_of_the_printed_setting_stand_beside_the_tuned_ones():
    study = make_study()
    arm = sum_up(study, runs_of(study, "a", "printed", NARROW) + runs_of(study, "a", "replicate", WIDE)).arms[0]
    assert arm.printed_runs["test_accuracy"].values == NARROW
    assert arm.replicates["test_accuracy"].values == WIDE


def test_replicates_of_an_earlier_winner_count_for_nothing_and_are_noted():
    study = make_study(claims=[BETTER()])
    new = {"rate": 0.9}
    trials = runs_of(study, "a", "replicate", [0.1, 0.2, 0.3]) + runs_of(study, "b", "replicate", BASE)
    trials += [make_trial(study, "a", "search", 1, new, value=0.95, started_s=150.0)]
    before = sum_up(study, trials)
    assert before.arms[0].replicates == {}
    assert before.claims[0].verdict == "not run"
    after = sum_up(study, [*trials, *runs_of(study, "a", "replicate", AHEAD, tuned=new)[1:]])
    assert after.arms[0].replicates["test_accuracy"].values == AHEAD
    assert after.claims[0].verdict == "supported"
    assert list(after.arms[0].notes) == ["replicates of earlier winners (1) are kept and count for nothing"]


@pytest.mark.parametrize(("started_s", "noted"), [(150.0, False), (250.0, True)])
def test_a_search_that_went_on_after_the_test_set_was_read_is_noted(started_s, noted):
    study = make_study()
    trials = runs_of(study, "a", "replicate", BASE)  # they end at 200
    late = make_trial(study, "a", "search", 1, {"rate": 0.2}, value=0.1, started_s=started_s)
    notes = sum_up(study, [*trials, late]).arms[0].notes
    assert ("the search went on after the test set was read" in notes) is noted


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
        make_trial(study, "a", "search", row, state=state, reason="it broke" if row == len(states) - 1 else "before")
        for row, state in enumerate(states)
    ]
    assert list(sum_up(study, trials).arms[0].notes) == ([note] if note else [])


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_a_failure_that_a_second_try_mended_is_not_noted(state):
    study = make_study()
    trials = [make_trial(study, "a", "search", state=state, reason="x"), make_trial(study, "a", "search", value=0.5)]
    assert list(sum_up(study, trials).arms[0].notes) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [
        ([], [], "No answer yet: no winner has been replicated."),
        (BASE, [], "a reached a mean test accuracy of 0.9100 over 3 seeds."),
        (
            AHEAD[:1], BASE[:1],
            "a reached a mean test accuracy of 0.9200 over 1 seeds; too few paired runs to compare it.",
        ),
        (
            AHEAD, BASE,
            "Each tuned on its own, a did best: a reached a mean test accuracy of 0.9300 over 3 seeds, "
            "ahead of b by 0.0200 (95 % interval +0.0175 to +0.0225).",
        ),
        (
            BASE, UNSURE,
            "Each tuned on its own, b leads, but not clearly: b reached a mean test accuracy of 0.9300 over 3 seeds, "
            "ahead of a by 0.0200 (95 % interval -0.0048 to +0.0448).",
        ),
    ],
)  # fmt: skip
def test_the_answer_is_one_sentence(ours, theirs, answer):
    study = make_study()
    trials = runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", theirs)
    assert sum_up(study, trials).answer == answer


def test_the_answer_of_a_loss_is_the_lowest():
    study = make_study(metric="val_loss", direction="minimize")
    of = partial(runs_of, study, phase="replicate", metric="test_loss")
    assert (
        "a did best: a reached a mean test loss of 0.9100"
        in sum_up(study, of("a", values=BASE) + of("b", values=AHEAD)).answer
    )


def test_the_answer_takes_the_protocols_direction():
    study = make_study(metric="val_kappa", direction="maximize")
    of = partial(runs_of, study, phase="replicate", metric="test_kappa")
    assert "a did best" in sum_up(study, of("a", values=AHEAD) + of("b", values=BASE)).answer


def test_a_study_is_complete_when_every_arm_has_all_its_seeds_in_both_phases():
    study = make_study(seeds=3)
    trials = [
        trial for arm in "ab" for phase in ("printed", "replicate") for trial in runs_of(study, arm, phase, BASE)
    ]  # fmt: skip
    assert sum_up(study, trials).complete
    for i, trial in enumerate(trials):
        assert not sum_up(study, trials[:i] + trials[i + 1 :]).complete, trial.key


def test_an_arm_without_a_printed_setting_is_complete_without_printed_runs():
    study = Study("Is it?", "digits", dict, [Arm("a")], Protocol(seeds=2))
    trials = [make_trial(study, "a", "search", tuned={"none": 0}, value=0.9)]
    trials += [make_trial(study, "a", "replicate", row, {"none": 0}) for row in range(2)]
    assert sum_up(study, trials).complete


@pytest.mark.parametrize(
    ("variant", "quick", "words"),
    [
        ("default", False, None),
        ("quick~2", True, "QUICK: fewer epochs, rows and trials"),
        ("quick+epochs=3", True, "QUICK: fewer epochs, rows and trials"),
        ("sampler=tpe", False, "the search depends on the order in which trials ended"),
        ("epochs=3+pruner=median", False, "the search depends on the order in which trials ended"),
        ("sampler=random", False, None),
    ],
)
def test_what_a_variant_means_for_its_results_is_noted(variant, quick, words):
    summary = sum_up(make_study(), [], variant)
    assert summary.quick is quick
    assert [note[: len(words or "")] for note in summary.notes] == ([words] if words else [])


def test_intervals_of_several_claims_are_said_not_to_be_adjusted():
    assert (
        "intervals are 95 % each, not adjusted for the number of claims"
        in sum_up(make_study(claims=[BETTER()]), []).notes
    )


def test_a_summary_holds_the_protocol_and_every_trial():
    study = make_study(seeds=3, trials=2, rows=100)
    trials = runs_of(study, "a", "replicate", BASE)
    summary = sum_up(study, trials)
    assert list(summary.trials) == trials
    assert (summary.protocol["seeds"], summary.protocol["trials"], summary.protocol["rows"]) == (3, 2, 100)
    assert list(summary.protocol["spaces"]) == ["a", "b"]
    assert trials[0].params == {"batch_size": 32, "epochs": 10, "kind": "a", **GOOD}


def with_defaults_and_sweep(**changes):
    """A study whose arms have defaults too, and are trained at two stated rates."""
    study = make_study(seeds=2, **changes)
    arms = [replace(arm, defaults={"rate": 0.01}) for arm in study.arms]
    return replace(study, arms=arms, sweeps=[Sweep("s", {"rate": [0.2, 0.3]}, seeds=3)])


def everything(study):
    """Every run that such a study asks for."""
    trials = []
    for arm in "ab":
        trials += runs_of(study, arm, "printed", [0.7, 0.8]) + runs_of(study, arm, "replicate", [0.8, 0.9])
        trials += runs_of(study, arm, "defaults", [0.6, 0.8], tuned={"rate": 0.01})
        for rate in (0.2, 0.3):
            trials += runs_of(study, arm, "sweep", [0.5, 0.6, 0.7], "val_accuracy", tuned={"rate": rate})
    return trials


def test_runs_at_the_library_s_defaults_stand_beside_the_others():
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
        replace(trial, result=replace(trial.result, state=state)) if (trial.phase, trial.row) == ("sweep", 2) else trial
        for trial in everything(study)
    ]
    assert sum_up(study, trials).complete is complete


def test_the_seeds_of_a_sweep_are_not_those_of_the_protocol():
    study = with_defaults_and_sweep()
    assert sum_up(study, everything(study)).protocol["seeds"] == 2


GRAPH, PLAIN, ESTIMATOR = "epoch graph", "fit: the model runs eagerly", "estimator"


@pytest.mark.parametrize(
    ("settings", "space", "way", "warned"),
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
def test_arms_at_one_rate_that_nobody_tuned_are_warned_of(settings, space, way, warned):
    arms = [
        Arm(name, setting={"kind": name, **setting}, space=space) for name, setting in zip("ab", settings, strict=False)
    ]
    study = Study("Is it?", "digits", dict, arms)
    trials = [make_trial(study, "a", "search", 0, {"k": 0}, way=way)]
    assert ("was not tuned" in rate_warning(study, trials)) is warned
    assert any("was not tuned" in note for note in sum_up(study, trials).notes) is warned


def test_remarks_of_a_study_go_into_its_summary():
    assert sum_up(replace(make_study(), remarks=["the document errs"]), []).remarks == ["the document errs"]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ([BASE], "a is better: supported."),
        ([BASE, [0.95, 0.96, 0.97]], "a is better: supported. Of all 2 claims tested: 1 supported, 1 contradicted."),
    ],
)
def test_a_study_that_ranks_no_arms_answers_by_its_claims(values, answer):
    others = [f"x{i}" for i in range(len(values))]
    study = make_study(["a", *others], seeds=8, claims=[BETTER(than=other) for other in others], ranks=False)
    runs = runs_of(study, "a", "replicate", AHEAD)
    for other, of_other in zip(others, values, strict=True):
        runs += runs_of(study, other, "replicate", of_other)
    assert sum_up(study, runs).answer == answer
    assert sum_up(study, []).answer == "No answer yet: no claim has been tested."
