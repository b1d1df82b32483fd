"""Successive halving through whole runs: rungs that are alike for all arms, in any order of ends."""

import dataclasses
import math
from collections import Counter

import pytest

from dlstudy.analysis.halving import rungs, share_of_epochs
from dlstudy.analysis.power import phase_plans
from dlstudy.analysis.reading import read_summary
from dlstudy.errors import UsageError
from dlstudy.report.figures.search import slices
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

NETS = """
from dlstudy import Arm, Protocol, Split, Study
from optuna.distributions import FloatDistribution

RATE = {"rate": FloatDistribution(1e-3, 1e-1, log=True)}


def build(p):
    raise NotImplementedError


STUDY = Study(
    question="Which is better?",
    dataset="digits",
    build=build,
    arms=[Arm("a", space=RATE), Arm("b", space=RATE), Arm("fixed", {"rate": 0.1})],
    protocol=Protocol(epochs=9, searches=1, trials=9, rounds=1, seeds=6, split=Split(validation=200)),
)
"""
HALVING = Variant(pruner="halving")


def curve(spec):
    """Learning curves of which the first epochs say nearly which is best."""
    best = 1 - abs(math.log10(spec.params["rate"] / 0.02)) / 2
    values = [best * (1 - math.exp(-epoch / 3)) for epoch in range(1, spec.epochs + 1)]
    made = made_up(spec)
    history = dict.fromkeys(made.history, values)
    return dataclasses.replace(made, metrics=dict.fromkeys(made.metrics, values[-1]), history=history)


def searched(home, arm):
    trials = Record.open(home, for_writing=False).trials("nets", HALVING)
    return [trial for trial in trials if (trial.phase, trial.arm) == ("search", arm)]


def winner_of(path, home, variant):
    summary = read_summary(loader.load(path), Record.open(home, for_writing=False), str(variant))
    return {arm.name: (arm.best.params, arm.best.value) for arm in summary.arms}


def test_rungs_are_those_of_scikit_learn():
    """9 candidates at 1, 3 at 3 and 1 at 9 epochs, as `HalvingGridSearchCV(factor=3)` says of max_resources=9."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import HalvingGridSearchCV

    search = HalvingGridSearchCV(
        SGDClassifier(tol=None), {"alpha": [10.0**-i for i in range(9)]}, factor=3, resource="max_iter",
        max_resources=9, min_resources=1, cv=2,
    )  # fmt: skip
    search.fit([[i % 7, i % 5] for i in range(40)], [i % 2 for i in range(40)])
    theirs = list(zip(search.n_candidates_, search.n_resources_, strict=True))
    assert [(n, 9 // divisor) for n, divisor in rungs(9, 9)] == theirs


@pytest.mark.parametrize(
    ("n", "epochs", "expected"),
    [(1, 10, [(1, 1)]), (2, 27, [(2, 1)]), (5, 10, [(5, 3), (2, 1)]), (27, 4, [(27, 3), (9, 1)]), (9, 1, [(9, 1)])],
)
def test_there_are_as_many_rungs_as_settings_and_epochs_allow(n, epochs, expected):
    assert rungs(n, epochs) == expected


def test_the_share_of_epochs_counts_each_rung_from_the_start():
    assert share_of_epochs(9, 9) == (9 * 1 + 3 * 3 + 1 * 9) / 81


@pytest.mark.parametrize("options", [{"n": 1}, {"n": 2, "newest_first": True}, {"n": 16}])
def test_every_arm_goes_through_the_same_rungs_in_any_order(path, home, options):
    engine = FakeEngine(curve, **options)
    fake_runs.run(path, home, Request(HALVING), engine)
    for arm in "ab":
        tried = searched(home, arm)
        design, in_round = ([t for t in tried if (t.round > 0) == later] for later in (False, True))
        assert Counter(t.n_epochs for t in design) == {1: 9, 3: 3, 9: 1}
        assert Counter(t.n_epochs for t in in_round) == {3: 5, 9: 2}
        best_at_first = sorted((t for t in design if t.n_epochs == 1), key=lambda t: -t.history["val_accuracy"][0])[:3]
        assert {t.index for t in design if t.n_epochs == 3} == {t.index for t in best_at_first}
        assert {t.state for t in tried if t.n_epochs < 9} == {"pruned"}
    replicates = Counter(spec.arm for spec in engine.trained if spec.phase == "replicate")
    assert replicates == {"a": 6, "b": 6, "fixed": 6}
    assert fake_runs.run(path, home, Request(HALVING), FakeEngine(curve)) == 0, "nothing is missing then"


def test_it_finds_what_the_whole_search_finds_where_early_epochs_tell(path, home):
    fake_runs.run(path, home, Request(HALVING), FakeEngine(curve))
    fake_runs.run(path, home, Request(), FakeEngine(curve))
    assert winner_of(path, home, HALVING) == winner_of(path, home, Variant())


@pytest.mark.parametrize("stop", [0, 5, 9, 17, 20, 25, 28, 31])
def test_a_run_that_was_stopped_goes_on_at_its_rung(path, home, stop, tmp_path):
    def ends_of(home, engines):
        for engine in engines:
            try:
                fake_runs.run(path, home, Request(HALVING), engine)
            except KeyboardInterrupt:
                continue
        final = [t for arm in "ab" for t in searched(home, arm) if t.state.is_final]
        return Counter((t.arm, t.index, t.n_epochs, t.state, t.value) for t in final)

    stopped, count = FakeEngine(curve), iter(range(1000))

    def wait(timeout_s, go_on=stopped.wait):
        if next(count) == stop:
            raise KeyboardInterrupt
        return go_on(timeout_s)

    stopped.wait = wait
    other = Home.at(tmp_path / "other")
    other.create()
    assert ends_of(home, [stopped, FakeEngine(curve)]) == ends_of(other, [FakeEngine(curve)])


def test_what_diverges_or_fails_leaves_its_place_to_the_next_best(path, home):
    def result_of(spec):
        result, is_best = curve(spec), abs(math.log10(spec.params["rate"] / 0.02)) < 0.2
        is_first = spec.phase == "search" and spec.arm == "a" and is_best
        return TrialResult(TrialState.DIVERGED, "no", cost={"seconds": 1.0}) if is_first else result

    fake_runs.run(path, home, Request(HALVING), FakeEngine(result_of))
    tried = [trial for trial in searched(home, "a") if not trial.round]
    assert Counter(t.n_epochs for t in tried if t.n_epochs) == {1: 9 - tried_diverged(tried), 3: 3, 9: 1}


def tried_diverged(tried):
    n = sum(trial.state is TrialState.DIVERGED for trial in tried)
    assert n, "some diverge"
    return n


def test_a_trial_that_fails_is_tried_again_by_the_next_run(path, home):
    def failing(spec):
        fails = (spec.phase, spec.arm, spec.index) == ("search", "a", 4)
        return TrialResult(TrialState.FAILED, "no", cost={"seconds": 1.0}) if fails else curve(spec)

    fake_runs.run(path, home, Request(HALVING), FakeEngine(failing))
    assert 4 not in {t.index for t in searched(home, "a") if t.state.is_final}
    fake_runs.run(path, home, Request(HALVING), FakeEngine(curve))
    assert 4 in {t.index for t in searched(home, "a") if t.state.is_final}


def test_an_estimator_has_no_epochs_and_is_trained_once(path, home):
    def fitted(spec):
        return dataclasses.replace(curve(spec), history={})

    engine = FakeEngine(fitted)
    fake_runs.run(path, home, Request(HALVING), engine)
    assert Counter(trial.index for trial in searched(home, "a")) == dict.fromkeys(range(9 + 5), 1)


def test_pictures_have_each_setting_once(path, home):
    fake_runs.run(path, home, Request(HALVING), FakeEngine(curve))
    summary = read_summary(loader.load(path), Record.open(home, for_writing=False), str(HALVING))
    assert [len(part.trials) for part in slices(summary)["rate"]] == [14, 14]
    assert summary.complete


def test_a_plan_counts_what_rungs_save(path):
    seconds = {}
    for variant in (Variant(), HALVING):
        study = resolve(loader.load(path), Request(variant))
        costs = {arm.name: (0.0, 1.0) for arm in study.arms}
        plans = {plan.phase: plan for plan in phase_plans(study, [], costs)}
        seconds[variant] = plans[Phase.SEARCH].seconds
    assert seconds[HALVING] < 0.5 * seconds[Variant()]


def test_a_budget_in_time_has_no_rungs(path):
    path.write_text(NETS.replace("trials=9, rounds=1", "budget_seconds=10"))
    with pytest.raises(UsageError, match="successive halving needs a number of trials, got a budget of 10 s"):
        resolve(loader.load(path), Request(HALVING))
