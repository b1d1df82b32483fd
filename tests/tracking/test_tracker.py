"""What goes to MLflow waits for nothing, takes bounded memory, and is whole in the end."""

import threading
import time

import pytest

from dlstudy.store.home import Home
from dlstudy.tracking import background
from dlstudy.tracking import tracker as tracking
from dlstudy.tracking.tracker import Tracker
from tests.helpers.builders import make_study, make_trial

STUDY = make_study()
TRIALS = [make_trial(STUDY, "a", "search", index) for index in range(10)]


class Runs:
    """MLflow that answers when it is let."""

    def __init__(self):
        self.answers, self.fails = threading.Event(), False
        self.answers.set()
        self.notes, self.refused = [], {}
        self.run_ids, self.begun, self.ended, self.epochs = {}, [], [], {}

    def answer(self):
        self.answers.wait(30)
        if self.fails:
            raise ConnectionError("away")

    def begin(self, spec, slot, now):
        self.answer()
        self.begun.append(spec.key)

    def log_epochs(self, key, epochs):
        self.answer()
        self.epochs.setdefault(key, []).extend(epochs)

    def end(self, trial):
        self.answer()
        self.ended.append(trial.key)

    def catch_up(self, trials, moved):
        for i, trial in enumerate(trials):
            self.answer()
            moved(i, len(trials))
            if trial.key not in self.ended:
                self.ended.append(trial.key)


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(tracking, "open_runs", lambda *_: runs)
    return runs


@pytest.fixture
def lines():
    return []


@pytest.fixture
def tracker(runs, lines):
    tracker = Tracker("http://nowhere", Home.at("nowhere"), None, [], lines.append)
    yield tracker
    runs.answers.set()
    tracker.close()


def hear(tracker, trials):
    for trial in trials:
        tracker.began(trial, "cpu:0", {})
        tracker.epoch(trial, 1, {"val_accuracy": 0.5})
        tracker.ended(trial, trial, {})


def keys(trials):
    return [trial.key for trial in trials]


def test_trials_are_written_in_their_order(tracker, runs):
    hear(tracker, TRIALS)
    tracker.publish(lambda runs: None)
    assert runs.begun == runs.ended == list(runs.epochs) == keys(TRIALS)
    assert not tracker.missed


def test_more_than_may_wait_is_left_to_the_record(tracker, runs, monkeypatch):
    monkeypatch.setattr(background, "_MOST_WAITING", 6)
    runs.answers.clear()
    hear(tracker, TRIALS)
    assert tracker._writer._queue.qsize() <= 7
    runs.answers.set()
    tracker.settle(TRIALS)
    assert sorted(runs.ended) == keys(TRIALS)
    assert tracker.missed
    assert tracker.problem == ""


def test_a_trial_that_mlflow_has_not_whole_is_not_ended_before_it_is_caught_up_and_later_ones_are(
    tracker, runs, monkeypatch
):
    monkeypatch.setattr(background, "_RETRY_S", 0.0)
    hear(tracker, TRIALS[:1])
    tracker.publish(lambda runs: None)
    runs.fails = True
    tracker.began(TRIALS[1], "cpu:0", {})
    tracker.publish(lambda runs: None)
    assert tracker.missed
    runs.fails = False
    tracker.ended(TRIALS[1], TRIALS[1], {})
    hear(tracker, TRIALS[2:3])
    tracker.publish(lambda runs: None)
    assert runs.ended == [TRIALS[0].key, TRIALS[2].key]
    tracker.settle(TRIALS[:3])
    assert sorted(runs.ended) == keys(TRIALS[:3])


def test_a_hung_server_is_waited_for_once_and_no_longer_than_asked(tracker, runs):
    runs.answers.clear()
    began = time.monotonic()
    tracker.settle(TRIALS, patience_s=0.3)
    for _ in range(5):
        tracker.publish(lambda runs: None, patience_s=0.3)
    assert time.monotonic() - began < 5
    assert tracker.problem.startswith("MLflow did not answer within")


def test_catching_up_continues_while_there_is_progress_and_reports_it(tracker, runs, lines, monkeypatch):
    monkeypatch.setattr(tracking, "_SAY_S", 0.2)
    monkeypatch.setattr(runs, "answer", lambda: time.sleep(0.1))
    tracker.settle(TRIALS, patience_s=0.4)
    assert sorted(runs.ended) == keys(TRIALS)
    assert lines
    assert lines[0].startswith("MLflow is behind: ")
    assert lines[0].endswith(" of 10 trials written from the record")


def test_a_run_that_is_stopped_waits_no_longer_than_its_limit(tracker, runs, monkeypatch):
    monkeypatch.setattr(runs, "answer", lambda: time.sleep(0.2))
    tracker.settle(TRIALS, limit_s=0.5)
    assert 0 < len(runs.ended) < len(TRIALS)


def test_what_mlflow_did_not_take_and_what_was_restored_is_said(tracker, runs):
    assert tracker.notes == []
    runs.notes = ["restored", "restored"]
    runs.refused = {("s/a#0", "metric m"): "not this one", ("s/a#1", "metric m"): "nor this"}
    tracker.settle([])
    assert tracker.notes == [
        "restored",
        "MLflow did not take 2 of what it was given, first metric m of s/a#0 (not this one): nothing is lost here, and "
        "the tag dlstudy.refused of a run names what the run lacks",
    ]
