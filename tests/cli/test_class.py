"""`dlstudy class`: a class is graded from its packs, and bad input is told in a line."""

import csv
import json

import pandas
import pytest

from dlstudy.cli.app import main
from dlstudy.runner import packs
from dlstudy.runner.backend import Backend
from dlstudy.runner.packs import pack_study
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.training.study_rows import with_rows
from tests.helpers.fake_engine import Deaf

ASSIGNMENT = '''"""Which rows are large?"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Data, Protocol, Split, Study


def prepare(x, y, train, p):
    return (x - x.iloc[train].mean()) / x.iloc[train].std(), 1 - y


def build(p):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=p["c"])


STUDY = Study(
    question="Which rows are large?",
    data=Data.csv("rows.csv", target="kind"),
    build=build,
    prepare=prepare,
    arms=[Arm("logistic", space={"c": FloatDistribution(0.1, 10.0, log=True)})],
    protocol=Protocol(epochs=1, trials=1, seeds=2, searches=1, rounds=0, split=Split(0.3, test=0.2, random_state=1)),
)
'''


@pytest.fixture
def given(tmp_path):
    """A folder with a space in its name: the assignment, its rows, and rows that are held out."""
    folder = tmp_path / "my class"
    (folder / "handed in").mkdir(parents=True)
    table = pandas.DataFrame({"a": range(80), "b": [i * 7 % 80 for i in range(80)]})
    table["kind"] = ["large" if i % 80 + i * 7 % 80 > 80 else "small" for i in range(80)]
    table.iloc[::2].to_csv(folder / "rows.csv", index=False)
    table.iloc[1::2].to_csv(folder / "held out.csv", index=False)
    (folder / "assignment.py").write_text(ASSIGNMENT)
    return folder


def grade(folder, *more, test="held out.csv"):
    words = ["class", folder / "handed in", "--assignment", folder / "assignment.py", "--test", folder / test]
    return main([*map(str, words), "--output", str(folder / "board"), *map(str, more)])


@pytest.mark.slow
def test_a_class_is_graded_from_its_packs(given, monkeypatch, capsys):
    monkeypatch.setattr(packs, "export", lambda *_: "a report")
    handed, home = given / "handed in", Home.at(given / "home")
    file = with_rows(loader.load(given / "assignment.py"))
    run_study(
        file, Request(), Backend(home, engine="inline", tracking=f"sqlite:///{given}/m.db"), Deaf(), lambda _: None
    )
    pack_study(file, None, home, None, handed / "ann.pack.zip", with_files=True)
    (handed / "broken.zip").write_bytes((handed / "ann.pack.zip").read_bytes()[:2000])
    capsys.readouterr()
    assert grade(given, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    ann, broken = found["hand_ins"]
    assert (ann["name"], ann["place"], ann["deviations"]) == ("ann", [1, 1], [])
    assert ann["score"] > 0.8, "labels that prepare turns round are turned back"
    assert ann["remarks"] == ["the code is the assignment's, as it was given out"]
    assert "no whole pack" in broken["not_scored"]
    with (given / "board/board.csv").open(newline="") as file:
        assert [row["hand_in"] for row in csv.DictReader(file)] == ["ann", "broken"]
    page = (given / "board/feedback/ann.html").read_text()
    assert "Feedback for ann" in page
    assert "<script" not in (given / "board/board.html").read_text() + page


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--free", "build"], "--free must be one of data, epochs, "),
        (["--minutes", "0"], "--minutes must be above 0, got 0"),
        (["--baseline", "none.zip"], "--baseline must be a packed study, got none.zip"),
        ([], "hand-ins are .zip files that `dlstudy pack --files` writes, got none in"),
    ],
)
def test_bad_arguments_are_told_in_a_line(given, capsys, more, message):
    assert grade(given, *more) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_rows_that_do_not_fit_and_hand_ins_of_which_none_can_be_scored(given, capsys):
    (given / "handed in/x.zip").write_text("nothing")
    pandas.DataFrame({"a": [1, 2], "b": [1, 2]}).to_csv(given / "no target.csv", index=False)
    assert grade(given, test="no target.csv") == 2
    assert "--test needs the target 'kind', got none in no target.csv" in capsys.readouterr().err
    assert grade(given) == 2
    assert "none of 1 hand-in could be scored; x: the file is no whole pack" in capsys.readouterr().err
    assert (given / "board/feedback/x.html").is_file()
