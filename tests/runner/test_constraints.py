"""Constraints through whole runs: what breaks one cannot win, and the replicates are held to them too."""

import dataclasses
import math

import pytest

from dlstudy.analysis.reading import read_summary
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.constraints import Constraint
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

NETS = """
from dlstudy import Arm, Claim, Constraint, Protocol, Split, Study
from optuna.distributions import IntDistribution

UNITS = {"units": IntDistribution(8, 512, log=True)}


def build(p):
    raise NotImplementedError


STUDY = Study(
    question="Which is better, small?",
    dataset="digits",
    build=build,
    arms=[Arm("a", {"layers": 1}, space=UNITS), Arm("b", {"layers": 2}, space=UNITS)],
    protocol=Protocol(
        epochs=3, searches=1, trials=8, seeds=6, split=Split(validation=200),
        constraints=[Constraint("parameters", at_most=2_000), Constraint("val_recall", at_least=0.5)],
    ),
    claims=[Claim("a is better", "a", ["b"], "test_accuracy")],
)
"""


def larger_is_better(spec):
    made = made_up(spec)
    units = spec.params["units"]
    value = math.log(units) / 10 + spec.seed % 7 / 1000
    metrics = {**dict.fromkeys(made.metrics, value), "parameters": 10 * units * spec.params["layers"]}
    return dataclasses.replace(made, metrics={**metrics, "val_recall": 0.9})


def searched(home, arm, variant=None):
    trials = Record.open(home, for_writing=False).trials("nets", variant or Variant())
    return [trial for trial in trials if (trial.phase, trial.arm) == ("search", arm)]


def summed_up(path, home):
    return read_summary(loader.load(path), Record.open(home, for_writing=False), None)


@pytest.mark.parametrize(
    ("bounds", "value", "holds"),
    [
        ({"at_most": 5}, 5, True),
        ({"at_most": 5}, 5.1, False),
        ({"at_least": 5}, 5, True),
        ({"at_least": 5}, 4.9, False),
        ({"at_least": 1, "at_most": 2}, 1.5, True),
        ({"at_least": 1, "at_most": 2}, 3, False),
        ({"at_most": 5}, math.nan, False),
    ],
)
def test_bounds_belong_to_what_is_allowed(bounds, value, holds):
    constraint = Constraint("val_loss", **bounds)
    assert constraint.holds({"val_loss": value}) is holds
    assert not constraint.holds({}), "a metric that is not there keeps nothing"


@pytest.mark.parametrize("options", [{}, {"pruner": "halving"}, {"sampler": "tpe"}])
def test_the_winner_is_the_best_that_keeps_them(path, home, options):
    variant = Variant(**options)
    fake_runs.run(path, home, Request(variant), FakeEngine(larger_is_better))
    for arm, most in (("a", 200), ("b", 100)):
        tried = searched(home, arm, variant)
        ended = [trial for trial in tried if trial.state != "pruned"]
        assert {t.state for t in ended if t.tuned["units"] > most} <= {"infeasible"}
        assert {t.state for t in ended if t.tuned["units"] <= most} == {"finished"}
        assert all(t.value is None for t in tried if t.state == "infeasible")
    assert fake_runs.run(path, home, Request(variant), FakeEngine(larger_is_better)) == 0
    [reason] = {t.result.reason for t in searched(home, "a", variant) if t.tuned["units"] == 512} or {None}
    assert reason in (None, "parameters at most 2,000, and it has 5,120")


def test_the_report_says_how_many_are_infeasible(path, home):
    fake_runs.run(path, home, engine=FakeEngine(larger_is_better))
    summary = summed_up(path, home)
    assert summary.complete
    check = next(check for check in summary.checks if (check.arm, check.name) == ("a", "constraints"))
    n_out, n = sum(t.state == "infeasible" for t in searched(home, "a")), len(searched(home, "a"))
    assert 0 < n_out < n
    assert check.passed
    assert check.text == (
        f"{n_out} of {n} search trials of a are infeasible (parameters at most 2,000, val_recall at least 0.5)"
    )
    assert summary.protocol["constraints"] == ["parameters at most 2,000", "val_recall at least 0.5"]


def test_replicates_that_break_them_on_average_withhold_the_verdict(path, home):
    def lucky(spec):
        result = larger_is_better(spec)
        recall = 0.6 if spec.phase == "search" else 0.45
        return dataclasses.replace(result, metrics={**result.metrics, "val_recall": recall})

    fake_runs.run(path, home, engine=FakeEngine(lucky))
    summary = summed_up(path, home)
    checks = {check.arm: check for check in summary.checks if check.name == "constraints"}
    assert not checks["a"].passed
    assert checks["a"].text.endswith("; the replicates of its winners have val_recall 0.45 on average")
    assert summary.claims[0].verdict == "withheld"


def test_where_nothing_is_feasible_there_is_no_winner(path, home):
    path.write_text(NETS.replace("at_most=2_000", "at_most=2"))
    fake_runs.run(path, home, engine=FakeEngine(larger_is_better))
    summary = summed_up(path, home)
    assert [arm.best for arm in summary.arms] == [None, None]
    assert [check.passed for check in summary.checks if check.name == "constraints"] == [False, False]
    assert summary.claims[0].verdict == "not run"


def test_a_constraint_on_what_the_model_does_not_give_fails(path, home):
    path.write_text(NETS.replace("val_recall", "val_precision"))
    fake_runs.run(path, home, engine=FakeEngine(larger_is_better))
    reasons = {trial.result.reason for trial in searched(home, "a")}
    [reason] = reasons
    assert reason.startswith("the model gives no metric val_precision for Protocol.constraints: it gives parameters, ")


def test_other_constraints_are_another_definition(path, home):
    fake_runs.run(path, home, engine=FakeEngine(larger_is_better))
    path.write_text(NETS.replace("2_000", "3_000"))
    with pytest.raises(Exception, match="constraints is"):
        fake_runs.run(path, home)
