"""`dlstudy rm`, `rename`, `merge` and `gc` as they are typed."""

import io

import pytest

from dlstudy.cli.app import main
from tests.helpers import fake_runs


@pytest.fixture
def home(tiny, usual_home):
    """The usual results folder, with the tiny study."""
    fake_runs.run(tiny, usual_home)
    return usual_home


def test_removing_asks_and_where_nobody_can_be_asked_is_refused(home, capsys):
    assert main(["rm", "tiny"]) == 2
    said = capsys.readouterr()
    assert said.out == "would remove 21 trials of tiny, default, in the record\n"
    assert said.err == "dlstudy: nobody can be asked here: add --yes, or --dry-run to see what would be removed\n"
    assert main(["rm", "tiny", "--yes"]) == 0
    assert capsys.readouterr().out == "remove 21 trials of tiny, default, in the record\n"
    assert main(["status"]) == 0
    assert "no results" in capsys.readouterr().out


def test_a_no_removes_nothing(home, capsys, monkeypatch):
    terminal = io.StringIO("n\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(["rm", "tiny"]) == 130
    capsys.readouterr()
    assert main(["rm", "tiny", "--dry-run"]) == 0
    assert "21 trials" in capsys.readouterr().out


def test_merging_renaming_and_collecting_say_what_they_do(home, capsys):
    assert main(["merge", str(home.root), "--home", "two", "--as", "later"]) == 0
    assert main(["merge", str(home.root), "--home", "two", "--as", "later"]) == 0
    assert main(["rename", "later", "last", "--home", "two"]) == 0
    assert main(["gc", "--home", "two"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "copy 21 of 21 trials of tiny as later",
        "copy 0 of 21 trials of tiny as later",
        "move 21 trials of later in the record, as last",
    ]
    assert lines[-2].startswith("next: rename the study file to last.py")
    assert "optuna.journal, about what was removed" in lines[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rm", "nets", "--yes"], "no results of 'nets' here: known are tiny"),
        (
            ["merge", "nowhere"],
            "merge takes another results folder or a packed study, got nowhere: name one that is there",
        ),
        (["merge", "mlruns"], "merge takes another results folder than the one that it writes to, got mlruns for both"),
        (["rename", "tiny", "a b"], "the new name of a study must be 1 to 64 letters"),
    ],
)
def test_what_cannot_be_is_one_line(home, capsys, words, message):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
