"""`dlstudy status`: what is done, what is running, and what a dead run left behind."""

import dataclasses
import json
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from dlstudy.store.home import Home
from dlstudy.study.request import Request
from tests.helpers.fake_engine import FakeEngine, made_up
from tests.helpers.fake_runs import begin_run, run


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.create()
    return home


def train(path, home, request=None, result_of=made_up):
    return run(path, home, request, FakeEngine(result_of))


def leave_open(path, home, n, storage=None):
    """What a run leaves that is killed while it trains n trials."""
    plan, recorder = begin_run(path, home, storage=storage)
    for _ in range(n):
        recorder.begin(plan.next())


@pytest.fixture
def status(home, capsys):
    """The rows of `dlstudy status --json`, by phase and arm."""

    def show(*words):
        assert main(["status", *map(str, words), "--home", str(home.root), "--json"]) == 0
        return {(row["phase"], row["arm"]): row for row in json.loads(capsys.readouterr().out)}

    return show


def test_phases_and_arms_are_counted_in_their_order(tiny, home, status):
    train(tiny, home)
    rows = status()
    assert {part: row["done"] for part, row in rows.items()} == {
        ("reported", "net"): 6,
        ("search", "logistic"): 1,
        ("search", "net"): 2,
        ("replicate", "logistic"): 6,
        ("replicate", "net"): 6,
    }
    assert list(rows) == [
        ("reported", "net"),
        ("search", "logistic"),
        ("search", "net"),
        ("replicate", "logistic"),
        ("replicate", "net"),
    ]
    assert {(row["diverged"], row["failed"], row["running"], row["interrupted"]) for row in rows.values()} == {
        (0, 0, 0, 0)
    }


def test_a_study_is_named_as_run_names_it(tiny, home, status, capsys):
    train(tiny, home)
    assert status(tiny) == status("tiny") == status()
    assert main(["status", "nothing/tiny.py", "--home", str(home.root)]) == 2
    assert "no study file at 'nothing/tiny.py'" in capsys.readouterr().err


def test_the_results_of_a_study_are_shown_when_its_file_is_gone(tiny, home, status):
    train(tiny, home)
    tiny.unlink()
    assert status("tiny")["search", "net"]["done"] == 2


def test_what_trains_is_running_while_its_run_lives_and_interrupted_after(tiny, home, status):
    with home.lock("tiny").held():
        leave_open(tiny, home, 2)
        row = status()["reported", "net"]
        assert (row["done"], row["running"], row["interrupted"]) == (0, 2, 0)
    row = status()["reported", "net"]
    assert (row["done"], row["running"], row["interrupted"]) == (0, 0, 2)


def test_interrupted_trials_are_explained_and_the_next_run_trains_them(tiny, home, status, capsys):
    leave_open(tiny, home, 1)
    main(["status", "--home", str(home.root)])
    shown = capsys.readouterr().out
    assert "running   interrupted" in shown
    assert "Interrupted: the run ended while they trained. The same `dlstudy run` trains them again." in shown
    train(tiny, home)
    assert status()["reported", "net"]["interrupted"] == 0
    main(["status", "--home", str(home.root)])
    assert "Interrupted:" not in capsys.readouterr().out


def test_a_run_of_another_study_does_not_count_as_one_of_this(tiny, home, status):
    leave_open(tiny, home, 1)
    with home.lock("other").held():
        assert status()["reported", "net"]["interrupted"] == 1


def test_trials_of_a_database_may_be_trained_with_another_home(tiny, tmp_path, capsys):
    home, url = Home.at(tmp_path / "home"), f"sqlite:///{tmp_path / 'trials.db'}"
    home.create()
    leave_open(tiny, home, 1, url)
    words = ["status", "--home", str(tmp_path / "elsewhere"), "--storage", url]
    with home.lock("tiny", url).held():
        assert main([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["running"], row["interrupted"]) == (1, 0)
    assert main([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["running"], row["interrupted"]) == (0, 1)
    assert main(words) == 0
    assert f"Trials in {url}" in capsys.readouterr().out


def test_replicates_of_an_earlier_winner_are_not_done(tiny, home, status):
    def later_is_better(spec):
        result = made_up(spec)
        value = spec.index / 100
        history = {name: [value] * spec.epochs for name in result.history}
        return dataclasses.replace(result, metrics=dict.fromkeys(result.metrics, value), history=history)

    train(tiny, home, result_of=later_is_better)
    assert status()["replicate", "net"]["done"] == 6
    train(tiny, home, Request(trials=4, phases=("search",)), later_is_better)
    assert status()["search", "net"]["done"] == 4
    assert status()["replicate", "net"]["done"] == 0
    train(tiny, home, Request(trials=4), later_is_better)
    assert status()["replicate", "net"]["done"] == 6


def test_the_journal_is_read_once_and_nothing_is_written(tiny, home, status, monkeypatch):
    train(tiny, home)
    with home.lock("tiny").held():
        pass  # leaves a lock's file
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*")}
    read = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    status()
    assert read == [home.journal]
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*")} == before
