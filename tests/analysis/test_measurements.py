"""What a claim compares, worked out by hand on a few made-up runs."""

from dataclasses import replace
from functools import partial

import pytest

from dlstudy.analysis.measurements import ClaimMeasurements, how_measured
from dlstudy.analysis.summary import summarize
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Sweep
from dlstudy.study.study import Arm
from tests.helpers.builders import RATE, make_study, make_trial, runs_of

BETTER = partial(Claim, "a is better", better="a", than="b", metric="val_accuracy")
SWEPT = partial(BETTER, phase="sweep", sweep="s")
DEFAULTS = {"rate": 0.3}


def measurements_of(study, claim, trials):
    return ClaimMeasurements(study, claim, TrialIndex(study, trials))


def curves(study, arm, histories, metric="val_accuracy"):
    """Reported runs, one a history."""
    return [
        make_trial(study, arm, "reported", index, metrics={metric: values[-1] or 0.0}, history={metric: values})
        for index, values in enumerate(histories)
    ]


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (BETTER(), "val_accuracy"),
        (BETTER(epoch=3), "val_accuracy, epoch 3"),
        (BETTER(target=0.9), "epochs until val_accuracy reaches 0.9"),
        (BETTER(margin=0.01), "val_accuracy"),
        (BETTER(phase="tuning"), "what tuning gains in val_accuracy"),
        (SWEPT(), "mean of val_accuracy over sweep s (all its values)"),
        (
            SWEPT(over="worst", at={"rate": 0.1, "kind": "a"}, epoch=2),
            "worst of val_accuracy, epoch 2 over sweep s (rate 0.1, kind a)",
        ),
        (Claim("it is easy", untestable="no arm"), ""),
    ],
)
def test_what_a_claim_compares_in_words(claim, words):
    assert how_measured(claim) == words


def test_a_target_is_reached_at_the_first_epoch_that_has_it():
    study = make_study(claims=[BETTER(phase="reported", target=0.9)])
    trials = curves(study, "a", [[0.5, 0.9, 0.8], [0.95, 0.1, 0.2], [0.1, None, 0.91]])
    trials += curves(study, "b", [[0.1, 0.2, 0.3]] * 3)
    found = measurements_of(study, study.claims[0], trials)
    assert found.values("a") == {0: 2.0, 1: 1.0, 2: 3.0}
    assert found.values("b") == {0: 4.0, 1: 4.0, 2: 4.0}
    assert found.remark() == "3 of 3 runs of b never reached the target"


def test_a_run_that_never_reaches_a_target_counts_one_more_than_the_longest_of_all():
    claim = BETTER(phase="reported", target=0.1, metric="val_loss")
    study = make_study(claims=[claim])
    trials = curves(study, "a", [[0.5, 0.4]], "val_loss") + curves(study, "b", [[0.3, 0.2, 0.2, 0.1, 0.0]], "val_loss")
    found = measurements_of(study, claim, trials)
    assert found.values("a") == {0: 6.0}
    assert found.values("b") == {0: 4.0}


def test_a_metric_that_stops_before_the_training_is_not_reached_in_any_of_its_epochs():
    claim = BETTER(phase="reported", target=0.9)
    study = make_study(claims=[claim])
    history = {"val_accuracy": [0.5, None, 0.6], "train_loss": [0.3, 0.2, 0.1, 0.1, 0.1]}
    trials = [make_trial(study, "a", "reported", 0, history=history), *curves(study, "b", [[0.9]])]
    assert measurements_of(study, claim, trials).values("a") == {0: 6.0}


def test_fewer_epochs_to_a_target_support_a_claim():
    study = make_study(claims=[BETTER(phase="reported", target=0.9)])
    trials = curves(study, "a", [[0.9, 0.9], [0.9, 0.9], [0.9, 0.9]])
    trials += curves(study, "b", [[0.1, 0.9], [0.1, 0.9], [0.1, 0.1]])
    (claim,) = summarize(study, trials).claims
    assert claim.difference == pytest.approx(4 / 3)  # 1, 1 and 2 epochs
    assert (claim.verdict, claim.interval) == ("undecided", None)
    assert claim.why == (
        "3 seeds cannot show a difference: the smallest p, adjusted for all claims of the study, is 0.25; 1 of 3 runs "
        "of b never reached the target"
    )


def test_a_run_without_that_history_gives_no_number_of_epochs():
    study = make_study()
    claim = BETTER(phase="reported", target=0.9)
    assert measurements_of(study, claim, runs_of(study, "a", "reported", [0.9])).values("a") == {}


def tuned_study(metric="test_accuracy", **changes):
    arms = [Arm(name, {"kind": name}, RATE, defaults=DEFAULTS) for name in "ab"]
    return replace(make_study(claims=()), arms=arms, claims=[BETTER(phase="tuning", metric=metric, **changes)])


def tuned_and_plain(study, arm, tuned, plain, metric="test_accuracy"):
    trials = runs_of(study, arm, "replicate", tuned, metric)
    return trials + runs_of(study, arm, "defaults", plain, metric, tuned=DEFAULTS)


def test_what_tuning_gains_is_paired_and_the_arm_that_gains_less_is_better():
    study = tuned_study()
    trials = tuned_and_plain(study, "a", [0.92, 0.93, 0.94], [0.92, 0.92, 0.94])  # gains 0, 0.01, 0
    trials += tuned_and_plain(study, "b", [0.92, 0.93, 0.94], [0.82, 0.84, 0.82])  # gains 0.10, 0.09, 0.12
    found = measurements_of(study, study.claims[0], trials)
    assert found.values("a") == pytest.approx({0: 0.0, 1: 0.01, 2: 0.0})
    assert found.values("b") == pytest.approx({0: 0.10, 1: 0.09, 2: 0.12})
    twice = [replace(trial, index=trial.index + 3) for trial in trials if trial.phase != "search"]
    (claim,) = summarize(study, trials + twice).claims
    assert (claim.verdict, claim.n, claim.phase) == ("supported", 6, "tuning")
    assert claim.difference == pytest.approx(0.1)


def test_what_tuning_gains_in_a_loss_is_how_far_it_falls():
    study = tuned_study("test_loss")
    trials = tuned_and_plain(study, "a", [0.2, 0.3], [0.5, 0.5], "test_loss")
    assert measurements_of(study, study.claims[0], trials).values("a") == pytest.approx({0: 0.3, 1: 0.2})


def test_only_seeds_with_both_runs_show_what_tuning_gains():
    study = tuned_study()
    trials = tuned_and_plain(study, "a", [0.9, 0.9, 0.9], [0.8])
    assert set(measurements_of(study, study.claims[0], trials).values("a")) == {0}


RATES = (0.1, 1.0, 10.0)


def swept_study(claim):
    return replace(make_study(), sweeps=[Sweep("s", {"rate": RATES}, seeds=7)], claims=[claim])


def swept(study, arm, table, metric="val_accuracy"):
    """Runs of a sweep from a table of a row for each rate, a column for each seed; None diverged, ... is missing."""
    return [
        make_trial(study, arm, "sweep", index, {"rate": rate}, state="diverged", reason="loss")
        if value is None
        else make_trial(study, arm, "sweep", index, {"rate": rate}, metrics={metric: value})
        for rate, values in zip(RATES, table, strict=True)
        for index, value in enumerate(values)
        if value is not ...
    ]


TABLE = [[0.9, 0.8], [0.6, 0.8], [0.3, 0.5]]


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({}, {0: 0.6, 1: 0.7}),
        ({"over": "worst"}, {0: 0.3, 1: 0.5}),
        ({"over": "spread"}, {0: 0.06**0.5, 1: 0.02**0.5}),  # of 0.9, 0.6, 0.3 and of 0.8, 0.8, 0.5, by n
        ({"at": {"rate": 1.0}}, {0: 0.6, 1: 0.8}),
        ({"at": {"rate": 10}, "over": "worst"}, {0: 0.3, 1: 0.5}),
        ({"over": "worst", "direction": "minimize"}, {0: 0.9, 1: 0.8}),
    ],
)
def test_a_seed_s_runs_over_a_sweep_become_one_number(fields, values):
    study = swept_study(SWEPT(**fields))
    trials = swept(study, "a", TABLE)
    assert measurements_of(study, study.claims[0], trials).values("a") == pytest.approx(values)


def test_a_diverged_run_counts_as_the_worst_value_that_any_arm_gave_in_the_sweep():
    study = swept_study(SWEPT())
    trials = swept(study, "a", [[0.9], [0.6], [None]]) + swept(study, "b", [[0.2], [0.9], [0.4]])
    found = measurements_of(study, study.claims[0], trials)
    assert found.values("a") == pytest.approx({0: (0.9 + 0.6 + 0.2) / 3})
    assert found.values("b") == pytest.approx({0: 0.5})
    assert found.remark() == "1 of 3 runs of a diverged"


def test_the_worst_of_a_loss_is_the_highest_even_outside_the_values_that_the_claim_is_about():
    study = swept_study(SWEPT(metric="val_loss", at={"rate": 0.1}))
    trials = swept(study, "a", [[None], [0.6], [0.5]], "val_loss") + swept(
        study, "b", [[0.2], [2.5], [0.4]], "val_loss"
    )
    assert measurements_of(study, study.claims[0], trials).values("a") == {0: 2.5}


def test_a_seed_that_misses_a_point_of_a_sweep_gives_no_number():
    study = swept_study(SWEPT())
    trials = swept(study, "a", [[0.9, 0.8], [..., 0.8], [0.3, 0.5]])
    assert measurements_of(study, study.claims[0], trials).values("a") == pytest.approx({1: 0.7})


def test_a_sweep_in_which_every_run_diverged_gives_nothing():
    study = swept_study(SWEPT())
    assert measurements_of(study, study.claims[0], swept(study, "a", [[None], [None], [None]])).values("a") == {}
    assert measurements_of(study, study.claims[0], []).values("a") == {}


def test_less_spread_over_a_sweep_supports_a_claim():
    study = swept_study(SWEPT(over="spread"))
    steady, wild = [[0.8] * 6, [0.8, 0.81] * 3, [0.8] * 6], [[0.9] * 6, [0.5] * 6, [0.1, 0.11] * 3]
    (claim,) = summarize(study, swept(study, "a", steady) + swept(study, "b", wild)).claims
    assert (claim.verdict, claim.n, claim.how) == (
        "supported", 6, "spread of val_accuracy over sweep s (all its values)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trials_of", "why"),
    [
        (lambda study: [], "runs are missing"),
        (lambda study: runs_of(study, "a", "reported", [0.9], "val_accuracy"), "runs are missing"),
        (
            lambda study: (
                runs_of(study, "a", "reported", [0.9], "val_mae") + runs_of(study, "b", "reported", [0.9], "x")
            ),
            "no run gives val_accuracy: they give val_mae, x",
        ),
    ],
)
def test_why_there_is_nothing_to_compare(trials_of, why):
    study = make_study()
    claim = BETTER(phase="reported")
    assert measurements_of(study, claim, trials_of(study)).why_missing() == why


def test_runs_at_the_library_s_defaults_are_compared_as_they_are():
    study = tuned_study()
    claim = BETTER(phase="defaults", metric="test_accuracy")
    trials = tuned_and_plain(study, "a", [0.9], [0.8]) + tuned_and_plain(study, "b", [0.9], [0.7])
    found = measurements_of(study, claim, trials)
    assert (found.values("a"), found.values("b")) == ({0: 0.8}, {0: 0.7})


def test_each_search_has_values_of_its_own():
    study = make_study()
    claim = BETTER(metric="test_accuracy")
    trials = runs_of(study, "a", "replicate", [0.5, 0.6]) + runs_of(study, "a", "replicate", [0.9], search=3)
    found = measurements_of(study, claim, trials)
    assert list(found.searches) == [1, 2, 3]
    assert [found.values("a", search) for search in found.searches] == [{0: 0.5, 1: 0.6}, {}, {0: 0.9}]
    assert list(measurements_of(study, BETTER(phase="reported"), trials).searches) == [1]


def test_what_tuning_gains_in_a_search_is_held_against_the_defaults_on_its_own_seeds():
    study = tuned_study()
    trials = tuned_and_plain(study, "a", [0.9], [0.8])
    trials += runs_of(study, "a", "replicate", [0.95, 0.96], search=2)
    trials += runs_of(study, "a", "defaults", [0.7, 0.7], tuned=DEFAULTS, search=2)
    found = measurements_of(study, study.claims[0], trials)
    assert found.values("a", 1) == pytest.approx({0: 0.1})
    assert found.values("a", 2) == pytest.approx({0: 0.25, 1: 0.26})


def test_runs_of_all_searches_are_remarked_on():
    study = make_study()
    claim = BETTER(metric="val_accuracy", target=0.9)
    runs = [
        make_trial(study, "a", phase, search=k, value=0.5, history={"val_accuracy": [0.5]})
        for k in (1, 2)
        for phase in ("search", "replicate")
    ]
    assert measurements_of(study, claim, runs).remark() == "2 of 2 runs of a never reached the target"


def test_right_and_wrong_answers_are_those_of_runs_at_one_setting():
    study = tuned_study()
    trials = tuned_and_plain(study, "a", [0.9], [0.8])
    phases = {
        phase: measurements_of(study, BETTER(phase=phase), trials).runs("a", 1) for phase in ("replicate", "defaults")
    }
    assert {phase: [run.phase for run in runs.values()] for phase, runs in phases.items()} == {
        "replicate": ["replicate"], "defaults": ["defaults"],
    }  # fmt: skip
    assert measurements_of(study, BETTER(phase="tuning"), trials).runs("a", 1) == {}
