"""Which trials count: winners, and the runs of each winner, setting and sweep."""

from dataclasses import replace

import pytest

from dlstudy.analysis.trial_index import Finished, value_at, winner
from tests.helpers.builders import make_study, make_trial, runs_of, search_of


@pytest.mark.parametrize(
    ("values", "direction", "row"),
    [
        ([0.8, 0.9, 0.85], "maximize", 1),
        ([0.8, 0.9, 0.85], "minimize", 0),
        ([0.8, 0.9, 0.9], "maximize", 1),
        ([-0.5, -0.1, -0.1], "maximize", 1),
        ([0.0, 0.3], "minimize", 0),
        ([None, 0.1], "maximize", 1),
    ],
)
def test_the_winner_is_the_best_and_of_equals_the_lowest_row(values, direction, row):
    trials = search_of(make_study(), values)
    assert winner(trials, direction) is winner(trials[::-1], direction) is trials[row]


@pytest.mark.parametrize("state", ["pruned", "diverged", "failed", "lost", "killed", "running"])
def test_only_a_finished_trial_can_win(state):
    study = make_study()
    other = make_trial(study, "a", "search", 1, value=0.99, state=state)
    finished = make_trial(study, "a", "search", 0, value=0.5)
    assert winner([other, finished], "maximize") is finished
    assert winner([other], "maximize") is None


def test_no_trials_have_no_winner():
    assert winner([], "maximize") is None


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
    finished = Finished(study, [*second, *first])
    assert finished.n_searches == 2
    assert (finished.winner("a"), finished.winner("a", 2)) == (first[1], second[0])
    assert finished.winner("a", 3) is finished.winner("b") is None


def test_replicates_are_those_of_the_winner_of_their_search():
    study, first, second = searched_twice()
    at = {search: trials[row].tuned for search, trials, row in ((1, first, 1), (2, second, 0))}
    ours = {k: runs_of(study, "a", "replicate", [0.8, 0.9], tuned=at[k], search=k)[1:] for k in (1, 2)}
    swapped = {k: runs_of(study, "a", "replicate", [0.1], tuned=at[3 - k], search=k)[1:] for k in (1, 2)}
    finished = Finished(study, [*first, *second, *ours[2][::-1], *ours[1][::-1], *swapped[1], *swapped[2]])
    for search in (1, 2):
        assert finished.replicates("a", search) == dict(enumerate(ours[search]))
    assert finished.all_replicates("a") == [*ours[1], *ours[2]]
    assert finished.replicates("b") == finished.replicates("a", 3) == {}


def test_without_a_search_there_is_one_and_it_has_no_winner():
    study = make_study()
    finished = Finished(study, runs_of(study, "a", "replicate", [0.8], search=2)[1:])
    assert (finished.n_searches, finished.winner("a"), finished.all_replicates("a")) == (1, None, [])


def test_runs_at_the_defaults_belong_to_a_search():
    study = make_study()
    study = replace(study, arms=[replace(arm, defaults={"rate": 0.2}) for arm in study.arms])
    of = {k: runs_of(study, "a", "defaults", [0.6, 0.7], tuned={"rate": 0.2}, search=k) for k in (1, 2)}
    finished = Finished(study, [*of[1], *of[2]])
    for search in (1, 2):
        assert finished.defaults(study.arm("a"), search) == dict(enumerate(of[search]))


@pytest.mark.parametrize("state", ["diverged", "pruned", "failed", "running"])
def test_only_finished_runs_are_replicates(state):
    study = make_study()
    searched, first, second = runs_of(study, "a", "replicate", [0.8, 0.9])
    broken = replace(first, result=None if state == "running" else replace(first.result, state=state))
    assert Finished(study, [searched, broken, second]).replicates("a") == {1: second}
