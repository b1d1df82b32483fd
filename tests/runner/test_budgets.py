"""Searches with a budget in time or energy: as many trials as end in it, one after another, for every arm alike."""

import dataclasses
import json

import pytest

from dlstudy.analysis.power import phase_plans
from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.search_budget import BUDGET_SPENT
from dlstudy.errors import StudyError
from dlstudy.runner.check import check_arms
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.protocol import Protocol
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

NETS = """
import dlstudy
from dlstudy import Arm, Claim, Protocol, Split, Study
from optuna.distributions import FloatDistribution

RATE = {"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)}


def build(p):
    raise NotImplementedError


STUDY = Study(
    question="Which is better at equal cost?",
    dataset="digits",
    build=build,
    arms=[Arm("fast", space=RATE), Arm("slow", space=RATE), Arm("fixed", {"learning_rate": 0.1})],
    protocol=Protocol(epochs=2, searches=3, seeds=2, budget_seconds=10, split=Split(validation=200)),
    claims=[Claim("fast is better", "fast", ["slow"], "test_accuracy")],
)
"""
SECONDS = {"fast": 1.0, "slow": 3.5, "fixed": 50.0}


def costs(spec):
    return dataclasses.replace(made_up(spec), cost={"seconds": SECONDS[spec.arm]})


def searched(home, arm, search=1):
    trials = Record.open(home, for_writing=False).trials("nets", Variant())
    return [t for t in trials if (t.phase, t.arm, t.search) == ("search", arm, search)]


def states(trials):
    return [str(trial.state) for trial in trials]


@pytest.mark.parametrize("n_slots", [1, 2, 16])
def test_each_arm_tries_as_many_settings_as_end_in_its_budget(path, home, n_slots):
    engine = FakeEngine(costs, n=n_slots)
    fake_runs.run(path, home, engine=engine)
    for search in (1, 2, 3):
        assert states(searched(home, "fast", search)) == ["finished"] * 10
        assert states(searched(home, "slow", search)) == ["finished", "finished", "over time"]
        assert states(searched(home, "fixed", search)) == ["finished"]
        assert [t.index for t in searched(home, "fast", search)] == [*range(10)]
    late = searched(home, "slow")[-1]
    assert late.result.reason == f"{BUDGET_SPENT} (10 s of slot time)"
    assert late.value is None
    n_search = 3 * (10 + 3 + 1)
    assert len(engine.trained) == n_search + 3 * 3 * 2, "and then the replicates of each winner"
    assert fake_runs.run(path, home) == 0


def test_a_trial_that_ends_too_late_is_no_winner_however_good(path, home):
    def tempting(spec):
        result = costs(spec)
        is_last = spec.arm == "slow" and spec.phase == "search" and spec.index == 2
        return dataclasses.replace(result, metrics={**result.metrics, "val_accuracy": 1.0}) if is_last else result

    fake_runs.run(path, home, engine=FakeEngine(tempting))
    summary = read_summary(loader.load(path), Record.open(home, for_writing=False), None)
    of_slow = next(arm for arm in summary.arms if arm.name == "slow")
    assert of_slow.best.value < 1.0


def test_a_run_that_was_stopped_goes_on_with_what_is_left_of_the_budget(path, home):
    engine, count = FakeEngine(costs, n=1), iter(range(100))

    def stopping(timeout_s, wait=engine.wait):
        if next(count) == 14:
            raise KeyboardInterrupt
        return wait(timeout_s)

    engine.wait = stopping
    with pytest.raises(KeyboardInterrupt):
        fake_runs.run(path, home, engine=engine)
    fake_runs.run(path, home, engine=FakeEngine(costs))
    for search in (1, 2, 3):
        done = [t for t in searched(home, "fast", search) if t.state.is_final]
        assert [t.index for t in done] == [*range(10)]


def test_a_setting_that_fails_is_passed_over_and_tried_again_by_the_next_run(path, home):
    def failing(spec):
        fails = spec.arm == "fast" and spec.phase == "search" and spec.index == 4
        return TrialResult(TrialState.FAILED, "no", cost={"seconds": 1.0}) if fails else costs(spec)

    fake_runs.run(path, home, engine=FakeEngine(failing))
    assert sorted(t.index for t in searched(home, "fast") if t.state.is_final) == [0, 1, 2, 3, *range(5, 11)]
    assert fake_runs.run(path, home, engine=FakeEngine(costs)) == 0, "the budget is spent"


def test_the_most_settings_can_be_stated_too(path, home):
    path.write_text(NETS.replace("budget_seconds=10", "budget_seconds=10, trials=4"))
    fake_runs.run(path, home, engine=FakeEngine(costs))
    assert len(searched(home, "fast")) == 4
    assert len(searched(home, "slow")) == 3


def test_the_report_says_at_equal_cost(path, home):
    fake_runs.run(path, home, engine=FakeEngine(costs))
    summary = read_summary(loader.load(path), Record.open(home, for_writing=False), None)
    assert summary.complete
    assert any(note.startswith("at equal cost: each search of an arm had 10 s of slot time") for note in summary.notes)
    assert "budget: 10 s of slot time (10 search trials) and 2 seeds for each arm" in summary.scope
    budgets = {check.arm: check for check in summary.checks if check.name == "budget"}
    assert budgets["slow"].passed
    assert budgets["slow"].text == "slow had 9 search trials at 9 settings, in 10 s of slot time for each search"
    assert all(check.passed for check in summary.checks if check.name == "failures")
    data = json.loads(json.dumps(summary.to_json()))
    assert data["protocol"]["budget"] == "10 s of slot time"


def test_a_plan_takes_as_long_as_the_budget(path, home):
    study = resolve(loader.load(path), Request())
    costs_of = {name: (0.5, (seconds - 0.5) / 2) for name, seconds in SECONDS.items()}  # and its 2 epochs
    plans = {plan.phase: plan for plan in phase_plans(study, [], costs_of)}
    assert (plans["search"].n_wanted, plans["search"].n_done) == (3 * (10 + 3 + 1), 0)
    assert plans["search"].seconds == pytest.approx(3 * (10 + 3 * 3.5 + 50))
    fake_runs.run(path, home, engine=FakeEngine(costs))
    known = Record.open(home, for_writing=False).trials("nets", Variant())
    assert all(plan.n_done == plan.n_wanted for plan in phase_plans(study, known, costs_of))


def test_joules_need_a_gpu_that_tells_them(path):
    path.write_text(NETS.replace("budget_seconds", "budget_joules"))
    study = resolve(loader.load(path), Request())
    checks = check_arms(study, study.arms, FakeEngine(lambda spec: TrialResult(TrialState.FINISHED)))
    assert all(check.fault.startswith("Protocol.budget_joules needs an NVIDIA GPU") for check in checks)


def test_joules_are_counted_as_seconds_are(path, home):
    path.write_text(NETS.replace("budget_seconds", "budget_joules"))

    def drawing(spec):
        return dataclasses.replace(made_up(spec), cost={"seconds": 1.0, "gpu_energy_j": 4.0})

    fake_runs.run(path, home, engine=FakeEngine(drawing))
    assert states(searched(home, "fast")) == ["finished", "finished", "over time"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget_seconds": 0}, "budget_seconds must be None or a number above 0, got 0"),
        ({"budget_joules": "5 kJ"}, "budget_joules must be None or a number above 0, got '5 kJ'"),
        ({"budget_seconds": 5, "budget_joules": 5}, "a search has one budget, got both budget_seconds=5 and"),
        (
            {"budget_seconds": 5, "rounds": 2},
            "rounds need a fixed number of trials, and a budget has none, got rounds=2",
        ),
    ],
)
def test_a_budget_that_cannot_be_is_refused(given, message):
    with pytest.raises(StudyError, match=message):
        Protocol(**given)
