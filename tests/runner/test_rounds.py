"""How a search goes on around its winners: which trials it adds, and that nothing but their results decides it."""

import contextlib
import math

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from benchmarks.truth.simulated import build, resolved, trials_of
from dlstudy import Arm, Protocol, Study
from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.search_checks import search_checks
from dlstudy.analysis.summary import summarize
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.runner.plan import Plan, Selection
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

RATE = {"rate": FloatDistribution(1e-4, 1e-1, log=True)}


def peak(best):
    """A quality that is best at one rate, and falls with the square of the decades from it."""
    return lambda training, seed: {
        "val_accuracy": 1 - 0.1 * math.log10(training.tuned["rate"] / best[training.arm.name]) ** 2
    }


def searched(best, protocol=None, arms=("a", "b"), space=RATE):
    made = [Arm(name, {"kind": name}, space) for name in arms]
    study = resolved(Study("Is it?", "digits", build, made, protocol or Protocol(searches=1, seeds=1)), "s")
    return study, trials_of(study, peak(best))


def counts(study, trials, rounds=None):
    index = TrialIndex(study, trials)
    found = {arm.name: index.searched(arm.name) for arm in study.arms}
    return {arm: sum(rounds is None or trial.round in rounds for trial in tried) for arm, tried in found.items()}


def test_the_first_search_finds_the_ranges_and_the_others_begin_in_them():
    study, trials = searched({"a": 1.0, "b": 1e-2}, Protocol(searches=3, seeds=1))
    index = TrialIndex(study, trials)
    first = [trial.tuned["rate"] for trial in index.searched("a", 1)]
    assert max(first) > 0.5
    for search in (2, 3):
        begun = [trial for trial in index.searched("a", search) if not trial.round]
        assert len(begun) == 5
        assert max(trial.tuned["rate"] for trial in begun) > 0.1, "the stated range ends there"
        assert max(trial.tuned["rate"] for trial in begun) <= max(first)
        assert {trial.round for trial in index.searched("a", search)} == {0, 1}
        assert len(index.searched("a", search)) == len(index.searched("b", search)) == 5 + 3
    assert all(check.passed for check in search_checks(study, index, trials))
    order = [(trial.phase, trial.search) for trial in trials]
    assert order.index((Phase.SEARCH, 2)) > max(i for i, at in enumerate(order) if at == (Phase.SEARCH, 1))


def test_searches_without_rounds_wait_for_no_other():
    _, trials = searched({"a": 1e-2, "b": 1e-2}, Protocol(searches=3, seeds=1, rounds=0))
    assert [trial.search for trial in trials if trial.phase is Phase.SEARCH] == [1] * 10 + [2] * 10 + [3] * 10


def test_where_every_winner_is_bracketed_there_is_one_round_near_it():
    study, trials = searched({"a": 3e-3, "b": 1e-2})
    assert counts(study, trials, {0}) == {"a": 8, "b": 8}
    assert counts(study, trials) == {"a": 12, "b": 12}
    assert all(check.passed for check in search_checks(study, TrialIndex(study, trials), trials))
    for arm in study.arms:
        tried = [trial for trial in trials if (trial.arm, trial.phase) == (arm.name, Phase.SEARCH)]
        first = max((trial for trial in tried if not trial.round), key=lambda trial: trial.value)
        for trial in tried[8:]:
            assert abs(math.log10(trial.tuned["rate"] / first.tuned["rate"])) <= 0.75 + 1e-9, "a quarter of 3 decades"


def test_a_range_that_stops_too_early_is_widened_and_every_arm_gets_as_many_trials():
    study, trials = searched({"a": 1.0, "b": 1e-2})
    n = counts(study, trials)
    assert n["a"] == n["b"] > 12
    best = TrialIndex(study, trials).winner("a").tuned["rate"]
    assert 0.5 < best < 2
    assert max(trial.tuned["rate"] for trial in trials if trial.arm == "b") <= 0.1
    assert all(check.passed for check in search_checks(study, TrialIndex(study, trials), trials))
    (arm, *_) = summarize(study, trials).arms
    (note,) = arm.notes
    assert note.startswith("rate was searched from 0.0001")
    assert note.endswith("; the study states 0.0001 to 0.1")


def test_replicates_wait_for_the_last_round_of_every_arm():
    study, trials = searched({"a": 1.0, "b": 1e-2})
    phases = [trial.phase for trial in trials]
    assert phases == sorted(phases, key=[Phase.SEARCH, Phase.REPLICATE].index)
    winners = {arm: TrialIndex(study, trials).winner(arm).setting_key for arm in "ab"}
    assert {(t.arm, t.setting_key) for t in trials if t.phase is Phase.REPLICATE} == set(winners.items())


@pytest.mark.parametrize(("rounds", "n"), [(0, 8), (1, 12), (2, 16), (7, 36)])
def test_an_optimum_out_of_reach_ends_with_the_rounds_and_fails_the_check(rounds, n):
    study, trials = searched({"a": 1e30, "b": 1e-2}, Protocol(searches=1, seeds=1, rounds=rounds))
    assert counts(study, trials) == {"a": n, "b": n}
    failed = [check for check in search_checks(study, TrialIndex(study, trials), trials) if not check.passed]
    assert [(check.arm, check.name) for check in failed] == [("a", "bracket")]


def test_at_a_stated_limit_the_rounds_end_and_the_check_fails():
    arms = [Arm("a", {"kind": "a"}, RATE, limits={"rate": (1e-5, 0.2)}), Arm("b", {"kind": "b"}, RATE)]
    study = resolved(Study("Is it?", "digits", build, arms, Protocol(searches=1, seeds=1)), "s")
    trials = trials_of(study, peak({"a": 1e30, "b": 1e-2}))
    assert max(trial.tuned["rate"] for trial in trials if trial.arm == "a") <= 0.2
    assert counts(study, trials)["a"] < 24
    failed = [check for check in search_checks(study, TrialIndex(study, trials), trials) if not check.passed]
    assert [(check.arm, check.name) for check in failed] == [("a", "bracket")]


def test_choices_alone_have_nothing_to_widen():
    arms = [Arm("a", space={"k": CategoricalDistribution([1, 2, 3])})]
    study = resolved(Study("Is it?", "digits", build, arms, Protocol(searches=1, seeds=1, trials=4)), "s")
    trials = trials_of(study, lambda training, seed: {"val_accuracy": 0.5})
    assert counts(study, trials) == {"a": 4}


def test_an_arm_of_choices_gets_as_many_trials_as_one_whose_range_is_widened():
    arms = [Arm("a", {"kind": "a"}, RATE), Arm("b", {"kind": "b", "rate": 1.0}, {"k": CategoricalDistribution([1, 2])})]
    study = resolved(Study("Is it?", "digits", build, arms, Protocol(searches=1, seeds=1)), "s")

    def truth(training, seed):
        return peak({"a": 1.0})(training, seed) if training.arm.name == "a" else {"val_accuracy": 0.5}

    n = counts(study, trials_of(study, truth))
    assert n["a"] == n["b"] > 12


def test_a_search_that_diverges_everywhere_ends():
    study = resolved(Study("Is it?", "digits", build, [Arm("a", space=RATE)], Protocol(searches=1, seeds=1)), "s")
    assert counts(study, trials_of(study, lambda training, seed: {})) == {"a": 12}


def result_of(spec):
    """As `made_up`, but the higher the rate the better."""
    result = made_up(spec)
    rate = spec.params.get("learning_rate")
    if spec.phase is not Phase.SEARCH or rate is None:
        return result
    return TrialResult(TrialState.FINISHED, metrics={**result.metrics, "val_accuracy": rate}, history=result.history)


def stops_at_the_second():
    n_begun = 0

    def stopping(spec):
        nonlocal n_begun
        n_begun += 1
        if n_begun > 1:
            raise KeyboardInterrupt
        return result_of(spec)

    return stopping


@pytest.fixture
def study(tiny):
    tiny.write_text(tiny.read_text().replace("rounds=0", "rounds=2"))
    return tiny


def table(home):
    trials = Record.open(home).trials("tiny", Variant())
    return sorted(
        (t.phase, t.arm, t.index, t.round, t.seed, tuple(t.params.items()), t.value) for t in trials if t.state.is_final
    )


def made(folder):
    home = Home.at(folder)
    home.create()
    return home


def test_workers_resumes_and_parts_do_not_change_the_table(study, tmp_path):
    homes = [made(tmp_path / str(i)) for i in range(4)]
    assert fake_runs.run(study, homes[0], engine=FakeEngine(result_of)) == 6 + 2 + 4 + 1 + 12
    assert {(t[3]) for t in table(homes[0]) if t[:2] == (Phase.SEARCH, "net")} == {0, 1, 2}
    assert fake_runs.run(study, homes[0], engine=FakeEngine(result_of)) == 0

    fake_runs.run(study, homes[1], engine=FakeEngine(result_of, newest_first=True, n=5))
    assert table(homes[1]) == table(homes[0])

    n_runs = 0
    while len(table(homes[2])) < len(table(homes[0])):
        n_runs += 1
        with contextlib.suppress(KeyboardInterrupt):
            fake_runs.run(study, homes[2], engine=FakeEngine(stops_at_the_second(), n=1))
    assert n_runs == 25, "each run trained one"
    assert table(homes[2]) == table(homes[0])

    for request in (Request(phases=("search",), arms=("net",)), Request(phases=("search",)), Request()):
        fake_runs.run(study, homes[3], request, FakeEngine(result_of))
    assert table(homes[3]) == table(homes[0])


def test_a_report_of_a_widened_search_knows_how_many_trials_it_began_with(study, tmp_path):
    home = made(tmp_path / "home")
    fake_runs.run(study, home, Request(trials=3), FakeEngine(result_of))
    summary = read_summary(loader.load(study), Record.open(home, for_writing=False), None)
    assert (summary.protocol["trials"], summary.protocol["rounds"]) == (3, 2)
    assert "budget: 7 search trials and 6 seeds" in summary.scope
    assert summary.complete


def test_what_cannot_be_built_outside_of_the_stated_range_is_no_fault_of_the_arm(study, tmp_path):
    def failing(spec):
        if spec.params.get("learning_rate", 0) > 0.1:
            return TrialResult(TrialState.FAILED, "ValueError: too fast")
        return result_of(spec)

    home = made(tmp_path / "home")
    fake_runs.run(study, home, engine=FakeEngine(failing))
    outside = [t for t in Record.open(home).trials("tiny", Variant()) if t.params.get("learning_rate", 0) > 0.1]
    assert outside
    assert {trial.state for trial in outside} == {TrialState.DIVERGED}
    reason = outside[0].result.reason
    assert reason.startswith("it cannot be trained at learning_rate ")
    assert reason.endswith(", outside of its stated range: ValueError: too fast")
    assert fake_runs.run(study, home, engine=FakeEngine(failing)) == 0


def test_the_totals_know_of_the_first_round_from_the_start(study, tmp_path):
    resolved_study = resolve(loader.load(study), Request())
    plan = Plan(resolved_study, Selection.of(resolved_study, Request()), [])
    assert plan.totals[Phase.SEARCH, "net"] == (0, 4)
    assert plan.totals[Phase.SEARCH, "logistic"] == (0, 1)
