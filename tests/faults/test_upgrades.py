"""Homes of other versions of dlstudy. The stored one was made by 0.1.0, when homes had no mark and journals no seal."""

import json
import shutil
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from dlstudy.common.version import __version__
from dlstudy.runner import session
from dlstudy.runner.backend import Where
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from dlstudy.study import loader
from dlstudy.study.request import Request
from tests.helpers.fake_engine import Deaf

STORED = Path(__file__).parents[1] / "data" / "home-1"
COMMANDS = [
    ["run", "STUDY"],
    ["plan", "STUDY"],
    ["show", "STUDY", "--arm", "weak"],
    ["status"],
    ["report", "STUDY"],
    ["report", "--all"],
    ["predict", "STUDY"],
    ["ui", "--no-open"],
    ["dashboard", "--no-open"],
    ["tensorboard", "--no-open"],
    ["data", "show", "digits"],
]


@pytest.fixture
def home(tmp_path):
    shutil.copytree(STORED, tmp_path / "home")
    return Home.at(tmp_path / "home")


def contents(home):
    return {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}


def test_a_home_of_the_first_version_is_read_whole(home, capsys):
    before = contents(home)
    assert main(["status", "--json", "--home", str(home.root)]) == 0
    rows = json.loads(capsys.readouterr().out)
    done = {(row["phase"], row["arm"]): row["done"] for row in rows}
    assert done == {
        ("search", "strong"): 2,
        ("search", "weak"): 1,
        ("replicate", "strong"): 6,
        ("replicate", "weak"): 6,
    }
    assert main(["report", str(STORED / "penalty.py"), "--format", "json", "--home", str(home.root)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [claim["verdict"] for claim in report["claims"]] == ["supported"]
    assert report["answer"].startswith(
        "Each tuned on its own, weak did best: weak reached a mean test accuracy of 0.9139"
    )
    assert len(report["trials"]) == 15
    assert not any("CHANGED" in note for note in report["notes"])
    assert contents(home) == before


def test_a_run_in_a_home_of_the_first_version_repeats_nothing_and_marks_it(home, monkeypatch):
    monkeypatch.setattr(session, "export_all", lambda *arguments: [])
    monkeypatch.setattr(session, "differences_png", lambda summary: None)
    before = home.journal.read_bytes()
    outcome = run_study(loader.load(STORED / "penalty.py"), Request(), Where(home), Deaf(), lambda line: None)
    assert (outcome.n_trained, outcome.remarks) == (0, [])
    assert home.journal.read_bytes().startswith(before)
    assert json.loads(home.mark.read_text()) == {"version": 1, "dlstudy": __version__}
    n_bytes, _ = seal_of(home.journal).read_text().split()
    assert int(n_bytes) == home.journal.stat().st_size > len(before)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_home_of_a_later_version_is_refused_by_every_command_and_left_as_it_is(home, capsys, arguments):
    home.mark.write_text(json.dumps({"version": 2, "dlstudy": "9.9", "more": []}))
    before = contents(home)
    words = [str(STORED / "penalty.py") if word == "STUDY" else word for word in arguments]
    assert main([*words, "--home", str(home.root)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"dlstudy: the home {home.root} must be of version 1 or earlier, got 2, made by dlstudy '9.9' (this is "
        f"{__version__}): install that one, or choose another with --home"
    )
    assert contents(home) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "2", "null", '{"version": null}', '{"version": "new"}', "{}", "\x00"])
def test_a_mark_that_cannot_be_read_is_refused_with_its_remedy(home, capsys, text):
    home.mark.write_text(text)
    before = contents(home)
    for arguments in (["status"], ["run", str(STORED / "penalty.py")]):
        assert main([*arguments, "--home", str(home.root)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"dlstudy: {home.mark} must say the version of the home, got {text!r}: restore it, or ")
    assert contents(home) == before


def test_a_mark_that_is_no_text_is_refused(home, capsys):
    home.mark.write_bytes(b"\xff\xfe")
    assert main(["status", "--home", str(home.root)]) == 2
    assert "must say the version of the home" in capsys.readouterr().err


def test_the_mark_is_written_once(home):
    home.create()
    home.mark.write_text('{"version": 1, "dlstudy": "0.0.9"}')
    home.create()
    assert json.loads(home.mark.read_text())["dlstudy"] == "0.0.9"
