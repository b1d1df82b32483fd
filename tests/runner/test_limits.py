"""What ends a run early: its time, and trials that fail in a row. What is left, the next run trains."""

import math

import pytest

from dlstudy.engines.base import TrialOutcome
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.runner import limits
from dlstudy.runner.backend import Backend
from dlstudy.runner.limits import RunLimits
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up

N_ALL = 6 + 2 + 1 + 6 + 6
"""Trainings of the tiny study."""


class Clock:
    """A clock that trials move on."""

    def __init__(self, trial_s=10.0):
        self.now_s, self.trial_s = 0.0, trial_s

    def monotonic(self):
        return self.now_s

    def train(self, spec):
        self.now_s += self.trial_s
        return made_up(spec).__class__(**{**vars(made_up(spec)), "cost": {"seconds": self.trial_s}})


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(limits, "time", made)
    return made


def trials_in(home):
    return Record.open(home).trials("tiny", Variant())


def table(home):
    return sorted((t.phase, t.arm, t.index, t.seed, tuple(t.metrics.items())) for t in trials_in(home) if t.metrics)


def test_no_trial_begins_that_would_not_end_in_time_and_the_next_run_goes_on(tiny, home, tmp_path, clock):
    whole = Home.at(tmp_path / "whole")
    whole.create()
    fake_runs.run(tiny, whole)

    limit = RunLimits(35.0)
    assert fake_runs.run(tiny, home, engine=FakeEngine(clock.train, n=1), limits=limit) == 3  # a fourth would end at 40
    assert limit.have_ended_it
    assert {trial.state for trial in trials_in(home)} == {TrialState.FINISHED}
    rest = RunLimits(math.inf)
    assert fake_runs.run(tiny, home, limits=rest) == N_ALL - 3
    assert not rest.have_ended_it
    assert table(home) == table(whole)


def test_a_run_whose_time_is_over_trains_nothing_and_makes_no_engine(tiny, home, clock):
    limit = RunLimits(0.0)
    plan, recorder = fake_runs.begin_run(tiny, home)
    from dlstudy.runner.loop import train_missing

    assert train_missing(plan, recorder, lambda *_: pytest.fail("an engine"), [], lambda key: "", limit) == 0
    assert limit.have_ended_it
    fake_runs.run(tiny, home)
    done = RunLimits(0.0)
    assert fake_runs.run(tiny, home, limits=done) == 0
    assert not done.have_ended_it, "nothing was left"


def test_what_trains_when_the_time_is_over_is_stopped_and_trained_again(tiny, home, clock):
    class Slow(FakeEngine):
        def wait(self, timeout_s):
            clock.now_s += 30.0
            return []

    engine, limit = Slow(), RunLimits(50.0)
    assert fake_runs.run(tiny, home, engine=engine, limits=limit) == 0
    assert (engine.closed, limit.have_ended_it) == (True, True)
    assert [trial.state for trial in trials_in(home)] == [TrialState.KILLED] * 2
    assert {trial.result.reason for trial in trials_in(home)} == {"the time of the run was over while it trained"}
    assert fake_runs.run(tiny, home) == N_ALL


def test_failures_in_a_row_end_a_run_and_one_that_works_begins_the_count_anew(tiny, home):
    n_tried = 0

    def result_of(spec):
        nonlocal n_tried
        n_tried += 1
        works = n_tried in (1, 4)
        return made_up(spec) if works else TrialResult(TrialState.FAILED, "the disk is gone")

    with pytest.raises(DlstudyError, match=r"^3 trials in a row failed, the last: the disk is gone: correct that, .*"):
        fake_runs.run(tiny, home, engine=FakeEngine(result_of, n=1), limits=RunLimits(failures=3))
    assert n_tried == 7
    assert fake_runs.run(tiny, home) == N_ALL - 2


def test_an_outcome_of_a_lost_worker_counts_as_a_failure(tiny, home):
    class Dying(FakeEngine):
        def wait(self, timeout_s):
            return [TrialOutcome(self._waiting.pop(0), TrialResult(TrialState.LOST, "the worker was killed"))]

    with pytest.raises(DlstudyError, match="2 trials in a row failed, the last: the worker was killed"):
        fake_runs.run(tiny, home, engine=Dying(), limits=RunLimits(failures=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hours": 0.0}, "--hours must be more than 0"),
        ({"hours": math.nan}, "--hours must be more than 0"),
        ({"hours": 1e9}, "at most 100,000"),
        ({"failures": 0}, "--failures must be at least 1, got 0"),
    ],
)
def test_limits_that_are_none_are_refused(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        Backend(Home.at(tmp_path), **options)
