"""Several objectives through whole runs: fronts are trained again, and judged by their hypervolume."""

import dataclasses
import math

import numpy as np
import optuna
import pytest
from optuna._hypervolume import compute_hypervolume

from dlstudy.analysis.reading import read_summary
from dlstudy.errors import UsageError
from dlstudy.report.figures.all_figures import draw
from dlstudy.report.fronts import fronts
from dlstudy.report.outline import document
from dlstudy.report.tables.fronts import fronts_table
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

NETS = """
from dlstudy import Arm, Claim, Objective, Protocol, Split, Study
from optuna.distributions import IntDistribution

UNITS = {"units": IntDistribution(8, 512, log=True)}


def build(p):
    raise NotImplementedError


STUDY = Study(
    question="Which is better for its size?",
    dataset="digits",
    build=build,
    arms=[Arm("a", {"gain": 0.1}, space=UNITS), Arm("b", {"gain": 0.0}, space=UNITS)],
    protocol=Protocol(
        epochs=3, trials=6, seeds=2, searches=3, rounds=1, split=Split(validation=200), front=3,
        objectives=[
            Objective("val_accuracy", worst=0.2, best=1.0), Objective("parameters", worst=10_000, best=10, log=True),
        ],
    ),
    claims=[Claim("a is better", "a", ["b"], "test_hypervolume")],
)
"""
REFERENCE = np.ones(2)


def grows(spec):
    """Larger nets are better, and a is better than b."""
    units = spec.params["units"]
    value = min(1.0, spec.params["gain"] + math.log(units) / 8 + spec.seed % 7 / 500)
    metrics = {**dict.fromkeys(made_up(spec).metrics, value), "parameters": 10 * units}
    return dataclasses.replace(made_up(spec), metrics=metrics)


def trials_of(home, arm, phase, search=1):
    trials = Record.open(home, for_writing=False).trials("nets", Variant())
    return [trial for trial in trials if (trial.arm, trial.phase, trial.search) == (arm, phase, search)]


def summed_up(path, home):
    return read_summary(loader.load(path), Record.open(home, for_writing=False), None)


def losses(trial, part):
    """The two objectives as Optuna has them: from 0 for what is reached whole to 1 for what is worth nothing."""
    accuracy = (1.0 - trial.metrics[f"{part}_accuracy"]) / 0.8
    size = math.log(trial.metrics["parameters"] / 10) / math.log(1_000)
    return np.clip([accuracy, size], 0, 1)


def theirs(trials, part):
    return compute_hypervolume(np.array([losses(trial, part) for trial in trials]), REFERENCE)


def test_what_is_trained_again_is_of_the_pareto_front_of_optuna(path, home):
    fake_runs.run(path, home, engine=FakeEngine(grows))
    for arm in "ab":
        for search in (1, 2, 3):
            tried = trials_of(home, arm, "search", search)
            study = optuna.create_study(directions=["minimize", "minimize"])
            for trial in tried:
                study.add_trial(optuna.trial.create_trial(values=losses(trial, "val").tolist()))
            best = {tuple(trial.values) for trial in study.best_trials}
            again = {trial.setting_key for trial in trials_of(home, arm, "replicate", search)}
            chosen = [trial for trial in tried if trial.setting_key in again]
            assert 1 < len(again) <= 3
            assert {tuple(losses(trial, "val").tolist()) for trial in chosen} <= best
            assert [trial.value for trial in tried] == [
                pytest.approx(compute_hypervolume(losses(trial, "val")[None], REFERENCE)) for trial in tried
            ]


def test_claims_are_judged_by_the_hypervolume_of_each_front(path, home):
    fake_runs.run(path, home, engine=FakeEngine(grows))
    summary = summed_up(path, home)
    assert summary.complete
    for arm in summary.arms:
        values = arm.replicates["test_hypervolume"].values
        expected = []
        for search in (1, 2, 3):
            runs = trials_of(home, arm.name, "replicate", search)
            expected += [theirs([run for run in runs if run.index == i], "test") for i in (0, 1)]
        assert values == pytest.approx(expected)
    [claim] = summary.claims
    assert claim.verdict == "supported"
    means = {arm.name: arm.replicates["test_hypervolume"].mean for arm in summary.arms}
    assert claim.difference == pytest.approx(means["a"] - means["b"])
    assert summary.metric == "val_hypervolume"
    assert all(abs(arm.optimism) < 0.1 for arm in summary.arms), "of the front too, not of the winner alone"


def test_nothing_is_trained_twice_and_a_stopped_run_goes_on(path, home):
    engine, count = FakeEngine(grows), iter(range(1000))

    def wait(timeout_s, go_on=engine.wait):
        if next(count) == 70:
            raise KeyboardInterrupt
        return go_on(timeout_s)

    engine.wait = wait
    with pytest.raises(KeyboardInterrupt):
        fake_runs.run(path, home, engine=engine)
    assert not summed_up(path, home).complete
    again = FakeEngine(grows)
    fake_runs.run(path, home, engine=again)
    assert fake_runs.run(path, home, engine=FakeEngine(grows)) == 0
    finished = [t for arm in "ab" for k in (1, 2, 3) for t in trials_of(home, arm, "replicate", k)]
    finished = [t.training for t in finished if t.state == "finished"]
    assert len(finished) == len(set(finished))


def test_a_setting_that_diverges_on_a_seed_dominates_nothing_there(path, home):
    def result_of(spec):
        is_large = spec.params["units"] > 100
        if spec.phase == "replicate" and spec.index == 1 and is_large:
            return TrialResult(TrialState.DIVERGED, "no", cost={"seconds": 1.0})
        return grows(spec)

    fake_runs.run(path, home, engine=FakeEngine(result_of))
    for arm in summed_up(path, home).arms:
        known = arm.replicates["test_hypervolume"]
        by_seed = dict(zip(known.seeds, known.values, strict=True))
        for search in (1, 2, 3):
            runs = [t for t in trials_of(home, arm.name, "replicate", search) if t.index == 1]
            left = [t for t in runs if t.state == "finished"]
            winner_ended = next((by_seed[t.seed] for t in left if t.seed in by_seed), None)
            assert winner_ended is None or winner_ended == pytest.approx(theirs(left, "test"))


def test_the_report_shows_each_front(path, home):
    fake_runs.run(path, home, engine=FakeEngine(grows))
    summary = summed_up(path, home)
    points = fronts(summary)
    table = fronts_table(summary)
    assert len(table.rows) == sum(map(len, points.values()))
    assert table.heads[3:] == ["test accuracy", "parameters", "n"]
    best = points["a"][0]
    assert table.rows[0][4:] == [f"{best.found.metrics['parameters']:,}", "2"]
    pictures = draw(summary)
    assert pictures["fronts"].startswith(b"<?xml")
    titles = [block.text for block in document(summary, pictures).blocks if hasattr(block, "text")]
    assert "Fronts" in titles


def test_a_study_with_one_metric_has_no_fronts(path, home):
    one = NETS.replace('"test_hypervolume"', '"test_accuracy"')
    path.write_text(one[: one.index("        objectives=[")] + one[one.index("    ),\n    claims") :])
    fake_runs.run(path, home, engine=FakeEngine(grows))
    summary = summed_up(path, home)
    assert fronts(summary) == {}
    assert "fronts" not in draw(summary)


def test_a_model_that_lacks_an_objective_is_told(path, home):
    path.write_text(NETS.replace('Objective("val_accuracy"', 'Objective("val_auc"'))
    fake_runs.run(path, home, engine=FakeEngine(grows))
    reasons = {trial.result.reason for trial in trials_of(home, "a", "search")}
    assert reasons == {"the model gives no metric val_auc: it gives parameters, train_accuracy, val_accuracy"}


def test_pruning_needs_one_metric_of_each_epoch(path):
    with pytest.raises(UsageError, match="--pruner needs a metric after each epoch, got val_hypervolume"):
        resolve(loader.load(path), Request(Variant(pruner="halving")))
