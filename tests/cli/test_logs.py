"""`dlstudy logs`: what trials printed, chosen by what they are."""

import json

import pytest

from dlstudy.cli.app import main
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.trial_output import output_file
from dlstudy.study.variant import Variant
from tests.helpers.fake_engine import FakeEngine, made_up
from tests.helpers.fake_runs import run


@pytest.fixture
def home(tiny, tmp_path):
    """The results of a study of whose trials two printed something; one of them failed."""
    made = Home.at(tmp_path / "my home")
    made.create()

    def result_of(spec):
        is_bad = (spec.arm, spec.phase, spec.index) == ("net", "replicate", 2)
        return TrialResult(TrialState.FAILED, "the disk is gone") if is_bad else made_up(spec)

    run(tiny, made, engine=FakeEngine(result_of))
    for trial in Record.open(made).trials("tiny", Variant()):
        if (trial.arm, trial.index) == ("net", 2) and trial.phase in ("replicate", "reported"):
            path = output_file(made.trial_files("tiny", "default", trial), trial.key)
            path.parent.mkdir(parents=True)
            path.write_text(f"one\ntwo\n\x1b[31mthe end of {trial.phase}\n")
    return made


@pytest.fixture
def logs(home, capsys):
    def show(*words):
        code = main(["logs", *words, "--home", str(home.root)])
        out, err = capsys.readouterr()
        return out if code == 0 else f"{code}: {err}"

    return show


def test_trials_that_printed_something_are_listed_with_their_last_line(logs):
    out = logs("tiny")
    assert "Output of tiny, default: 2 of 21 trials printed something" in out
    rows = [line.split() for line in out.splitlines() if "the end of" in line]
    assert [row[:6] for row in rows] == [
        ["reported", "net", "1", "2", "finished", "3"],
        ["replicate", "net", "1", "2", "failed", "3"],
    ]


def test_one_that_is_chosen_is_shown_as_it_printed_without_colours(logs):
    out = logs("tiny", "--phase", "reported", "--index", "2")
    assert out.startswith("--- reported net 1 2 finished: ")
    assert out.endswith("one\ntwo\nthe end of reported\n\n")
    assert logs("tiny", "--failed").endswith("the end of replicate\n\n")
    assert logs("tiny", "--index", "2").count("---") == 2


def test_json_has_the_whole_text_and_nothing_else_where_nothing_was_printed(logs):
    (one,) = json.loads(logs("tiny", "--failed", "--json"))
    assert (one["arm"], one["index"], one["output"]) == ("net", 2, "one\ntwo\nthe end of replicate\n")
    assert json.loads(logs("tiny", "--arm", "logistic", "--json")) == []
    assert "0 of 7 trials printed something" in logs("tiny", "--arm", "logistic")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tiny", "--arm", "nett"], "--arm must be one that has results, got 'nett': "),
        (["tiny", "--phase", "search "], "--phase must be one that has results, got 'search ': "),
        (["tony"], "no results of 'tony' in "),
        (["tiny", "--variant", "fast"], "fast"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(logs, words, message):
    found = logs(*words)
    assert found.startswith("2: ")
    assert message in found
    assert len(found.strip().splitlines()) == 1
