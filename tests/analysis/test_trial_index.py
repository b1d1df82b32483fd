"""Which trials count: winners, and the runs of each winner, setting and sweep."""

from dataclasses import replace

import pytest

from dlstudy.analysis.trial_index import TrialIndex, epochs_to, unrecovered, value_at, winner
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.protocol import Sweep
from dlstudy.study.trial import TrialState
from tests.helpers.builders import make_study, make_trial, runs_of, search_of


@pytest.mark.parametrize(
    ("values", "direction", "index"),
    [
        ([0.8, 0.9, 0.85], Direction.MAXIMIZE, 1),
        ([0.8, 0.9, 0.85], Direction.MINIMIZE, 0),
        ([0.8, 0.9, 0.9], Direction.MAXIMIZE, 1),
        ([-0.5, -0.1, -0.1], Direction.MAXIMIZE, 1),
        ([0.0, 0.3], Direction.MINIMIZE, 0),
        ([None, 0.1], Direction.MAXIMIZE, 1),
    ],
)
def test_the_winner_is_the_best_and_of_equals_the_lowest_index(values, direction, index):
    trials = search_of(make_study(), values)
    assert winner(trials, direction) is winner(trials[::-1], direction) is trials[index]


@pytest.mark.parametrize("state", ["pruned", "diverged", "failed", "lost", "killed", "running"])
def test_only_a_finished_trial_can_win(state):
    study = make_study()
    other = make_trial(study, "a", "search", 1, value=0.99, state=state)
    finished = make_trial(study, "a", "search", 0, value=0.5)
    assert winner([other, finished], Direction.MAXIMIZE) is finished
    assert winner([other], Direction.MAXIMIZE) is None


def test_no_trials_have_no_winner():
    assert winner([], Direction.MAXIMIZE) is None


def test_a_value_is_read_at_the_end_or_at_an_epoch():
    trial = make_trial(make_study(), "a", "search", metrics={"val_loss": 0.3}, history={"val_loss": [0.5, None, 0.3]})
    found = [value_at(trial, "val_loss", epoch) for epoch in (None, 1, 2, 3, 4)]
    assert found == [0.3, 0.5, None, 0.3, None]
    assert value_at(trial, "test_loss", None) is value_at(trial, "test_loss", 1) is None
    running = make_trial(make_study(), "a", "search", result=None)
    assert value_at(running, "val_loss", None) is value_at(running, "val_loss", 1) is None


def searched_twice():
    """Two searches of an arm: the first one's winner is at 0.11, the second one's at 0.1."""
    study = make_study()
    first, second = search_of(study, [0.5, 0.6]), search_of(study, [0.9, 0.7], search=2)
    return study, first, second


def test_each_search_has_a_winner_of_its_own():
    study, first, second = searched_twice()
    trial_index = TrialIndex(study, [*second, *first])
    assert trial_index.n_searches == 2
    assert (trial_index.winner("a"), trial_index.winner("a", 2)) == (first[1], second[0])
    assert trial_index.winner("a", 3) is trial_index.winner("b") is None


def test_replicates_are_those_of_the_winner_of_their_search():
    study, first, second = searched_twice()
    at = {search: trials[index].tuned for search, trials, index in ((1, first, 1), (2, second, 0))}
    ours = {k: runs_of(study, "a", "replicate", [0.8, 0.9], tuned=at[k], search=k)[1:] for k in (1, 2)}
    swapped = {k: runs_of(study, "a", "replicate", [0.1], tuned=at[3 - k], search=k)[1:] for k in (1, 2)}
    trial_index = TrialIndex(study, [*first, *second, *ours[2][::-1], *ours[1][::-1], *swapped[1], *swapped[2]])
    for search in (1, 2):
        assert trial_index.replicates("a", search) == dict(enumerate(ours[search]))
    assert trial_index.all_replicates("a") == [*ours[1], *ours[2]]
    assert trial_index.replicates("b") == trial_index.replicates("a", 3) == {}


def test_without_a_search_there_is_one_and_it_has_no_winner():
    study = make_study()
    trial_index = TrialIndex(study, runs_of(study, "a", "replicate", [0.8], search=2)[1:])
    assert (trial_index.n_searches, trial_index.winner("a"), trial_index.all_replicates("a")) == (1, None, [])


def test_runs_at_the_defaults_belong_to_a_search():
    study = make_study()
    study = replace(study, arms=[replace(arm, defaults={"rate": 0.2}) for arm in study.arms])
    of = {k: runs_of(study, "a", "defaults", [0.6, 0.7], tuned={"rate": 0.2}, search=k) for k in (1, 2)}
    trial_index = TrialIndex(study, [*of[1], *of[2]])
    for search in (1, 2):
        assert trial_index.defaults(study.arm("a"), search) == dict(enumerate(of[search]))


@pytest.mark.parametrize("state", ["diverged", "pruned", "failed", "running"])
def test_only_finished_runs_are_replicates(state):
    study = make_study()
    searched, first, second = runs_of(study, "a", "replicate", [0.8, 0.9])
    broken = replace(first, result=None if state == "running" else replace(first.result, state=TrialState(state)))
    assert TrialIndex(study, [searched, broken, second]).replicates("a") == {1: second}


@pytest.mark.parametrize(
    ("history", "target", "direction", "epoch"),
    [
        ([0.5, 0.9, 0.8], 0.9, Direction.MAXIMIZE, 2),
        ([0.5, 0.9, 0.8], 0.5, Direction.MAXIMIZE, 1),
        ([0.5, 0.9, 0.8], 0.91, Direction.MAXIMIZE, None),
        ([None, 0.4, 0.1], 0.4, Direction.MINIMIZE, 2),
        ([0.5, None, 0.3], 0.2, Direction.MINIMIZE, None),
        ([], 0.0, Direction.MAXIMIZE, None),
    ],
)
def test_a_target_is_reached_after_the_first_epoch_that_is_as_good(history, target, direction, epoch):
    trial = make_trial(make_study(), "a", "search", history={"val_loss": history})
    assert epochs_to(trial, "val_loss", target, direction) == epoch
    assert epochs_to(trial, "val_accuracy", target, direction) is None
    running = make_trial(make_study(), "a", "search", result=None)
    assert epochs_to(running, "val_loss", target, direction) is None


def test_a_training_is_unrecovered_where_no_try_of_it_is_final():
    study = make_study()
    tries = {
        0: ["failed", "finished"], 1: ["lost", "failed"], 2: ["diverged"], 3: ["killed"], 4: ["finished", "lost"],
        5: ["running"], 6: ["failed"],
    }  # fmt: skip
    trials = [
        make_trial(study, "a", "replicate", index, state=state, number=number, reason=f"{state} {index}")
        for index, states in tries.items()
        for number, state in enumerate(states)
    ]
    assert [trial.result.reason for trial in unrecovered(trials)] == ["failed 1", "failed 6"]


def test_an_arm_s_own_values_of_a_sweep_are_found_by_the_values_of_the_grid():
    sweep = Sweep("s", {"rate": [1, 2]}, seeds=1, own={"b": {"rate": [10, 20]}})
    study = make_study(seeds=1, sweeps=[sweep])
    runs = {
        (arm, rate): make_trial(study, arm, "sweep", 0, {"rate": rate})
        for arm, rates in (("a", (1, 2)), ("b", (10, 20)))
        for rate in rates
    }
    trial_index = TrialIndex(study, [*runs.values()])
    for arm, rates in (("a", (1, 2)), ("b", (10, 20))):
        found = [trial_index.sweep("s", study.arm(arm), at) for at in ({"rate": 1}, {"rate": 2}, {})]
        of = [{0: runs[arm, rate]} for rate in rates]
        assert found == [[of[0]], [of[1]], of]
        assert trial_index.progress(study.arm(arm))[Phase.SWEEP] == (2, 2)
