"""Conditional parameters through whole runs: they are drawn, tried, widened and reported only where they exist."""

import math

import pytest
from optuna.distributions import CategoricalDistribution as Choice

from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.search_rounds import open_ends
from dlstudy.report.figures.search import importances, slices
from dlstudy.runner.rehearsal import sample_spec
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.conditions import applicable, frozen_conditions, in_order
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

NETS = """
from dlstudy import Arm, Protocol, Split, Study, Sweep
from optuna.distributions import CategoricalDistribution, FloatDistribution

RATE = FloatDistribution(1e-3, 1e-1, log=True)


def build(p):
    raise NotImplementedError


STUDY = Study(
    question="Which optimizer?",
    dataset="digits",
    build=build,
    arms=[
        Arm(
            "any",
            space={
                "momentum": FloatDistribution(0.0, 0.9),
                "optimizer": CategoricalDistribution(["sgd", "adam", "rmsprop"]),
                "nesterov": CategoricalDistribution([True, False]),
                "lookahead": FloatDistribution(0.1, 0.5),
                "rate": RATE,
            },
            conditions={
                "momentum": {"optimizer": ["sgd", "rmsprop"]},
                "nesterov": {"optimizer": "sgd"},
                "lookahead": {"nesterov": True},
            },
            defaults={"optimizer": "adam", "rate": 1e-3},
        ),
        Arm("adam", {"optimizer": "adam"}, space={"rate": RATE}),
    ],
    protocol=Protocol(epochs=2, searches=1, trials=16, seeds=6, split=Split(validation=200)),
)
"""
NAMES = {
    "adam": {"optimizer", "rate"},
    "rmsprop": {"optimizer", "rate", "momentum"},
    ("sgd", False): {"optimizer", "rate", "momentum", "nesterov"},
    ("sgd", True): {"optimizer", "rate", "momentum", "nesterov", "lookahead"},
}


def names_at(tuned):
    of_sgd = tuned["optimizer"] == "sgd"
    return NAMES[(tuned["optimizer"], tuned["nesterov"]) if of_sgd else tuned["optimizer"]]


def searched(home, arm="any", variant=None):
    trials = Record.open(home, for_writing=False).trials("nets", variant or Variant())
    return [trial for trial in trials if (trial.phase, trial.arm) == ("search", arm)]


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}),
        ({"a": 0, "b": 2, "c": 3}, {"a": 0}),  # without its parent, c does not exist either
        ({"a": 1, "b": 1, "c": 3}, {"a": 1, "b": 1}),
        ({"b": 2, "c": 3}, {}),
    ],
)
def test_a_parameter_exists_where_its_parents_do_and_have_that_value(values, left):
    assert applicable({"b": {"a": (1,)}, "c": {"b": (2, 3)}}, values) == left


def test_parents_come_before_what_depends_on_them():
    space = {name: Choice([1, 2]) for name in "cabd"}
    conditions = frozen_conditions("conditions", {"c": {"b": 1}, "b": {"a": [1, 2], "d": 2}}, space)
    assert in_order(space, conditions) == ["a", "d", "b", "c"]


@pytest.mark.parametrize("options", [{}, {"sampler": "tpe"}, {"sampler": "random"}, {"sampler": "GPSampler"}])
def test_each_trial_has_the_parameters_that_exist(path, home, options):
    if options.get("sampler") == "GPSampler":
        pytest.importorskip("torch")
    engine = FakeEngine()
    fake_runs.run(path, home, Request(Variant(**options)), engine)
    trained = [spec for spec in engine.trained if (spec.phase, spec.arm) == ("search", "any")]
    assert len({tuple(sorted(names_at(spec.params))) for spec in trained}) > 1, "more than one kind was tried"
    for spec in trained:
        assert set(spec.params) - {"epochs", "batch_size"} == names_at(spec.params)
    [variant] = Record.open(home, for_writing=False).variants("nets")
    kept = searched(home, variant=variant)
    assert all(set(trial.tuned) == names_at(trial.tuned) for trial in kept)
    assert fake_runs.run(path, home, Request(Variant(**options))) == 0, "and nothing of it is trained again"


@pytest.mark.parametrize("best", ["adam", "rmsprop", "sgd"])
def test_a_search_goes_on_around_a_winner_in_what_it_has(path, home, best):
    def result_of(spec):
        result = made_up(spec)
        params, is_best = spec.params, spec.params["optimizer"] == best
        value = 10 * is_best - abs(math.log10(params["rate"] / 0.2)) - abs(params.get("momentum", 0.5) - 0.5) / 10
        return type(result)(result.state, metrics=dict.fromkeys(result.metrics, value), cost=result.cost)

    fake_runs.run(path, home, engine=FakeEngine(result_of))
    study = resolve(loader.load(path), Request())
    arm, trials = study.arm("any"), searched(home)
    in_rounds = [trial for trial in trials if trial.round]
    assert in_rounds
    assert {trial.tuned["optimizer"] for trial in in_rounds} == {best}
    assert all(set(trial.tuned) == names_at(trial.tuned) for trial in trials)
    assert open_ends(study, arm, trials) == []
    assert max(trial.tuned["rate"] for trial in trials) > 0.1, "widened to where the best is"


def test_a_round_without_a_winner_has_what_exists_too(path, home):
    def diverges(spec):
        is_first = spec.phase == "search" and spec.index < 16
        return TrialResult(TrialState.DIVERGED, "no", cost={"seconds": 1.0}) if is_first else made_up(spec)

    fake_runs.run(path, home, engine=FakeEngine(diverges))
    in_round = [trial for trial in searched(home) if trial.round == 1]
    assert len({frozenset(trial.tuned) for trial in in_round}) > 1
    assert all(set(trial.tuned) == names_at(trial.tuned) for trial in in_round)


def test_figures_take_trials_without_the_parameter(path, home):
    fake_runs.run(path, home)
    summary = read_summary(loader.load(path), Record.open(home, for_writing=False), None)
    along = next(part for part in slices(summary)["momentum"] if part.arm == "any")
    assert len(along.trials) == sum("momentum" in trial.tuned for trial in searched(home))
    assert set(importances(summary)["any"]) == {"optimizer", "rate"}


def test_what_shows_a_study_before_it_runs_has_what_exists(path):
    study = resolve(loader.load(path), Request())
    assert set(sample_spec(study, study.arm("any"), "k").params) == {"optimizer", "rate", "epochs", "batch_size"}


def test_other_conditions_are_another_definition(path, home):
    fake_runs.run(path, home)
    path.write_text(NETS.replace('"lookahead": {"nesterov": True}', '"lookahead": {"nesterov": False}'))
    with pytest.raises(Exception, match="conditions is"):
        fake_runs.run(path, home)


def test_a_sweep_takes_from_the_defaults_what_exists(path):
    swept = NETS.replace("    protocol=", '    sweeps=[Sweep("rates", {"rate": [0.1, 0.2]})],\n    protocol=')
    path.write_text(swept)
    study = loader.load(path).study
    settings = study.sweep_settings(study.sweep("rates"), study.arm("any"))
    assert settings == [{"optimizer": "adam", "rate": 0.1}, {"optimizer": "adam", "rate": 0.2}]
    path.write_text(swept.replace('"rate": [0.1, 0.2]', '"momentum": [0.1, 0.2]'))
    with pytest.raises(Exception, match="sweep rates gives arm any momentum, which does not exist"):
        loader.load(path)
