"""What a plan says before a run: trainings, seconds, the smallest difference; rehearsed with a fake engine."""

from dataclasses import replace
from functools import partial

import pytest
from scipy import stats

from dlstudy.analysis.power import PhasePlan, claim_plans, phase_plans
from dlstudy.analysis.sign_flips import smallest_shift
from dlstudy.errors import TrialError
from dlstudy.runner.rehearsal import rehearse, sample_spec
from dlstudy.study import loader
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Sweep
from dlstudy.study.request import Request, resolve
from dlstudy.study.study import Arm
from dlstudy.study.trial import TrialResult, TrialState, make_parameters
from tests.helpers.builders import RATE, make_study, make_trial, runs_of
from tests.helpers.fake_engine import FakeEngine

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
COSTS = {"a": (2.0, 0.5), "b": (1.0, 0.1)}  # 7 and 2 seconds for ten epochs
DEFAULTS = {"rate": 0.2}


def planned(study, trials=(), costs=None):
    """The phases of a plan, by name."""
    return {plan.phase: plan for plan in phase_plans(study, trials, costs or COSTS)}


def test_each_phase_wants_what_a_run_trains():
    study = make_study(trials=3, seeds=7, epochs=10)
    assert planned(study) == {
        "reported": PhasePlan("reported", 14, 0, 7 * (7.0 + 2.0)),
        "search": PhasePlan("search", 6, 0, 3 * (7.0 + 2.0)),
        "replicate": PhasePlan("replicate", 14, 0, 7 * (7.0 + 2.0)),
    }


def test_an_arm_with_nothing_to_tune_is_searched_once_and_trains_its_own_epochs():
    study = make_study(trials=8, seeds=6, epochs=10)
    plain = Arm("b", setting={"epochs": 5})
    plans = planned(replace(study, arms=[study.arms[0], plain]))
    assert plans["search"] == PhasePlan("search", 9, 0, 8 * 7.0 + 1.5)
    assert plans["reported"].n_wanted == 6


def test_epochs_after_the_first_training_count_too():
    study = make_study(seeds=1, trials=1)
    arms = [Arm("a", setting={"more_epochs": 20})]
    plans = planned(replace(study, arms=arms, continue_training=dict))
    assert plans["search"].seconds == 2.0 + 30 * 0.5


def test_further_searches_repeat_search_replicates_and_defaults_alone():
    study = make_study(trials=3, seeds=7, searches=3, sweeps=[Sweep("s", {"rate": [0.1, 0.2]}, seeds=2)])
    study = replace(study, arms=[replace(arm, defaults=DEFAULTS) for arm in study.arms])
    assert {phase: plan.n_wanted for phase, plan in planned(study).items()} == {
        "reported": 16, "defaults": 42, "search": 18, "replicate": 42, "sweep": 8,
    }  # fmt: skip


@pytest.mark.parametrize("state", ["finished", "diverged", "pruned", "failed", "running"])
def test_what_has_ended_for_good_is_not_trained_again(state):
    study = make_study(trials=2, seeds=6)
    trials = [replace(trial, value=None) for trial in runs_of(study, "a", "reported", [0.5, 0.6])]
    results = {"running": None}.get(state, replace(trials[0].result, state=TrialState(state)))
    trials = [replace(trial, result=results) for trial in trials]
    n_done = 0 if state in ("failed", "running") else 2
    assert planned(study, trials)["reported"] == PhasePlan("reported", 12, n_done, 6 * 9.0 - n_done * 7.0)


def test_several_tries_of_a_training_are_one():
    study = make_study(trials=2, seeds=6)
    one = make_trial(study, "a", "search", 0, value=0.5)
    assert planned(study, [one, replace(one, number=1)])["search"].n_done == 1


def test_more_than_is_wanted_leaves_nothing_to_train():
    study = make_study(trials=1, seeds=1)
    trials = runs_of(study, "a", "replicate", [0.5] * 4) + runs_of(study, "b", "replicate", [0.5] * 4)
    assert planned(study, trials)["replicate"] == PhasePlan("replicate", 2, 2, 0.0)


@pytest.mark.parametrize("n_claims", [1, 4])
def test_the_smallest_difference_is_found_in_four_of_five_studies_at_the_level_of_the_family(n_claims):
    claims = [BETTER(), *[replace(BETTER(), text=f"claim {i}") for i in range(1, n_claims)]]
    others = [BETTER(aa_test=True), Claim("it is easy", untestable="no arm")]
    plans = claim_plans(make_study(seeds=9, claims=[*claims, *others]), [])
    assert [plan.text for plan in plans] == [claim.text for claim in claims]
    for plan in plans:
        assert (plan.n, plan.metric, plan.difference) == (9, "test_accuracy", None)
        assert plan.in_sd == smallest_shift(9, 0.05 / n_claims)


def test_between_searches_the_smallest_difference_is_students():
    (plan,) = claim_plans(make_study(seeds=6, searches=4, claims=[BETTER()]), [])
    power = stats.nct.sf(stats.t.ppf(0.975, 3), 3, plan.in_sd * 2)
    assert power == pytest.approx(0.8)


def test_a_claim_of_equivalence_counts_in_the_family_and_has_no_smallest_difference():
    (plan,) = claim_plans(make_study(seeds=9, claims=[BETTER(), BETTER(margin=0.01)]), [])
    assert plan.in_sd == smallest_shift(9, 0.025)


def test_runs_that_are_there_give_the_difference_in_the_metric():
    study = make_study(arms="abc", seeds=9, claims=[BETTER(than=("b", "c"))])
    ours, close, wide = [0.9] * 4, [0.89, 0.87, 0.88, 0.86], [0.7, 0.9, 0.6, 0.8]
    trials = [
        trial for arm, of in (("a", ours), ("b", close), ("c", wide)) for trial in runs_of(study, arm, "replicate", of)
    ]
    (plan,) = claim_plans(study, trials)
    assert plan.n == 9
    assert plan.difference == pytest.approx(plan.in_sd * stats.tstd(wide))  # the harder of its two comparisons


@pytest.mark.parametrize(
    ("fields", "searches", "n"),
    [
        ({}, 1, 9),
        ({}, 4, 4),
        ({"phase": "tuning"}, 4, 4),
        ({"phase": "reported"}, 4, 8),
        ({"phase": "defaults"}, 4, 36),
        ({"phase": "sweep", "sweep": "s"}, 4, 7),
    ],
)
def test_pairs_are_seeds_of_the_protocol_or_of_a_sweep_or_searches(fields, searches, n):
    study = make_study(seeds=9, searches=searches, sweeps=[Sweep("s", {"rate": [0.1]}, seeds=7)])
    study = replace(study, arms=[replace(arm, defaults=DEFAULTS) for arm in study.arms], claims=[BETTER(**fields)])
    (plan,) = claim_plans(study, [])
    assert plan.n == n


def test_without_claims_nothing_is_shown():
    assert claim_plans(make_study(), []) == []


@pytest.fixture
def file(tiny):
    return loader.load(tiny)


def clocked(spec, slow=()):
    """A training that takes 0.25 s an epoch, and 1 s beside; a slow one takes twice as long."""
    factor = 2 if spec.key in slow else 1
    cost = {"seconds": factor * (1.0 + 0.25 * spec.epochs), "seconds_per_epoch": factor * 0.25}
    return TrialResult(TrialState.FINISHED, cost=cost)


def test_a_rehearsal_trains_each_arm_for_two_epochs_and_keeps_the_faster_time(file):
    study = resolve(file, Request())
    asked, engines = [], []

    def make_engine(n):
        asked.append(n)
        engines.append(FakeEngine(partial(clocked, slow=["plan net 0", "plan logistic 1"]), n=3))
        return engines[0]

    costs, n_slots = rehearse(study, make_engine)
    assert (costs, n_slots, asked) == ({"net": (1.0, 0.25), "logistic": (1.0, 0.25)}, 3, [4])
    (engine,) = engines
    assert engine.closed
    assert sorted(spec.arm for spec in engine.trained) == ["logistic", "logistic", "net", "net"]
    assert {(spec.epochs, spec.params["epochs"], spec.read_test) for spec in engine.trained} == {(2, 2, "never")}
    assert {spec.model_folder for spec in engine.trained} == {None}
    assert len({spec.folder for spec in engine.trained}) == 4, "callbacks may write files"


def test_a_rehearsal_trains_no_longer_than_the_arm_does(file):
    study = resolve(file, Request())
    arms = [replace(study.arms[0], setting={"epochs": 1, "more_epochs": 9}), study.arms[1]]
    engine = FakeEngine(clocked)
    rehearse(replace(study, arms=arms, continue_training=dict), lambda n: engine)
    epochs = {spec.arm: (spec.epochs, spec.params.get("more_epochs")) for spec in engine.trained}
    assert epochs == {"net": (1, 2), "logistic": (2, None)}


def test_a_training_that_knows_no_epochs_costs_its_seconds(file):
    result = TrialResult(TrialState.FINISHED, cost={"seconds": 1.5})
    costs, _ = rehearse(resolve(file, Request()), lambda n: FakeEngine(lambda spec: result))
    assert costs["logistic"] == (1.5, 0.0)


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_an_arm_that_cannot_be_trained_ends_the_rehearsal(file, state):
    def result_of(spec):
        return TrialResult(TrialState(state), "no such layer") if spec.arm == "logistic" else clocked(spec)

    engine = FakeEngine(result_of)
    with pytest.raises(TrialError, match="arm logistic cannot be trained: no such layer"):
        rehearse(resolve(file, Request()), lambda n: engine)
    assert engine.closed


def test_a_rehearsal_of_a_diverged_arm_has_its_time(file):
    result = TrialResult(TrialState.DIVERGED, "the loss is nan", cost={"seconds": 2.5, "seconds_per_epoch": 1.0})
    costs, _ = rehearse(resolve(file, Request()), lambda n: FakeEngine(lambda spec: result))
    assert costs["net"] == (0.5, 1.0)


@pytest.mark.parametrize(
    ("fields", "rate"),
    [
        ({"reported": {"rate": 0.3}, "defaults": DEFAULTS}, 0.3),
        ({"reported": None, "defaults": DEFAULTS}, 0.2),
    ],
)
def test_a_sample_is_at_a_setting_that_the_study_names(fields, rate):
    study = make_study()
    arm = replace(study.arms[0], **fields)
    spec = sample_spec(study, arm, "k")
    assert (spec.key, spec.arm, spec.params["rate"], spec.params["kind"]) == ("k", "a", rate, "a")
    assert (spec.epochs, spec.batch_size, spec.split) == (10, 32, study.protocol.split)


def test_a_sample_of_an_arm_without_one_is_in_its_space_and_a_given_setting_is_taken():
    study = make_study()
    arm = replace(study.arms[0], reported=None)
    assert RATE["rate"]._contains(sample_spec(study, arm, "k").params["rate"])
    given = make_parameters(arm, study.protocol, {"rate": 0.7, "epochs": 3})
    spec = sample_spec(study, arm, "k", given)
    assert (dict(spec.params), spec.epochs) == (given, 3)


def test_trials_beyond_those_that_are_wanted_and_runs_of_earlier_winners_are_not_done():
    study = make_study(trials=8, seeds=6, searches=3)
    surplus = [make_trial(study, "a", "search", index, value=0.5) for index in range(20)]
    assert planned(study, surplus)["search"].n_done == 8
    old = [make_trial(study, "a", "replicate", index, tuned={"rate": 0.9}) for index in range(6)]
    assert planned(study, [*surplus, *old])["replicate"].n_done == 0
    now = [make_trial(study, "a", "replicate", index) for index in range(6)]
    assert planned(study, [*surplus, *old, *now])["replicate"].n_done == 6


def test_the_spread_of_seeds_is_not_that_of_searches():
    study = make_study(seeds=6, claims=[BETTER()])
    ours, theirs = [0.9, 0.91, 0.92, 0.93, 0.9, 0.91], [0.9, 0.9, 0.91, 0.9, 0.89, 0.9]
    trials = runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", theirs)
    (of_seeds,) = claim_plans(study, trials)
    assert of_seeds.difference is not None
    (of_searches,) = claim_plans(replace(study, protocol=replace(study.protocol, searches=3)), trials)
    assert (of_searches.n, of_searches.difference) == (3, None)
