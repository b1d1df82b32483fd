"""How far a run is, from its events: the time left from what trainings of each phase and arm took."""

import dataclasses

import pytest

from dlstudy.study.phases import Phase
from dlstudy.study.run_state import RunFollower, RunState, time_left
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec
from tests.helpers.builders import make_study, make_trial

SPEC = TrialSpec("k", "s.py", "digits", "a", Phase.SEARCH, 0, {}, 1, 10, 32, Split(validation=10))


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


def spec_of(key, arm="a", phase=Phase.SEARCH):
    return dataclasses.replace(SPEC, key=key, arm=arm, phase=phase)


def trained(follower, clock, spec, seconds, totals, state="finished"):
    follower.began(spec, "cpu:0", totals)
    clock.now_s += seconds
    follower.ended(spec, make_trial(make_study(), spec.arm, "search", state=state), totals)


def test_each_training_that_is_left_takes_as_long_as_those_of_its_phase_and_arm():
    clock = Clock()
    follower = RunFollower("default", clock)
    totals = {("search", "a"): (1, 3), ("search", "b"): (1, 2), ("replicate", "a"): (0, 2), ("sweep", "c"): (0, 1)}
    assert follower.seconds_left == 0
    trained(follower, clock, spec_of("1", "a"), 10, totals)
    trained(follower, clock, spec_of("2", "b"), 100, totals)
    # replicates of a as its search; c, of which nothing is known, as the mean of all
    assert follower.seconds_left == 2 * 10 + 1 * 100 + 2 * 10 + 55
    follower.began(spec_of("3", "b"), "cpu:0", totals)
    follower.began(spec_of("4", "a"), "cpu:1", totals)
    clock.now_s += 4
    follower.epoch(spec_of("4", "a"), 5, {"val_accuracy": 0.5})
    # two at once; of b's 100 s 4 are over, of a's ten epochs five
    assert follower.seconds_left == max((195 - 4 - 5) / 2, 96)


def test_before_a_training_ends_its_epochs_tell_and_what_failed_tells_nothing():
    clock = Clock()
    follower, totals = RunFollower("default", clock), {("search", "a"): (0, 4)}
    trained(follower, clock, spec_of("0"), 1, totals, state="failed")
    assert follower.seconds_left is None
    follower.began(spec_of("1"), "cpu:0", totals)
    assert follower.seconds_left is None
    clock.now_s += 20
    follower.epoch(spec_of("1"), 2, {})
    assert follower.seconds_left == 4 * 100 - 20


def test_a_state_survives_json_and_shows_what_trains():
    clock = Clock()
    follower = RunFollower("quick", clock)
    follower.began(spec_of("1"), "cpu:0", {("search", "a"): (0, 4)})
    follower.epoch(spec_of("1"), 3, {"val_accuracy": 0.5})
    follower.epoch(spec_of("unknown"), 3, {})
    state = follower.state
    assert RunState.from_json(state.to_json()) == state
    (trial,) = state.running
    assert (trial.slot, trial.arm, trial.epoch, trial.epochs, trial.metrics) == (
        "cpu:0",
        "a",
        3,
        10,
        {"val_accuracy": 0.5},
    )
    assert state.totals == [("search", "a", 0, 4)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "about 0 s left"),
        (89.4, "about 89 s left"),
        (600, "about 10 min left"),
        (9000, "about 2.5 h left"),
    ],
)
def test_a_time_is_said_in_a_fitting_unit(seconds, text):
    assert time_left(seconds) == text
