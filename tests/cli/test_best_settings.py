"""`dlstudy show --best`: the settings that did best, as known points of a later search."""

import json

import pytest

from dlstudy.cli.app import main
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs


def test_the_best_settings_come_first_and_a_study_takes_them_as_they_are_printed(usual_home, tiny, capsys):
    fake_runs.run(tiny, usual_home)
    searched = [t for t in Record.open(usual_home, for_writing=False).trials("tiny", Variant()) if t.phase == "search"]
    of_net = sorted((t for t in searched if t.arm == "net"), key=lambda t: -t.value)
    assert main(["show", str(tiny), "--arm", "net", "--best", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == [{**trial.tuned, "val_accuracy": trial.value} for trial in of_net]
    assert main(["show", str(tiny), "--arm", "net", "--best", "1"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    tiny.write_text(tiny.read_text().replace("space=RATE,", f"space=RATE, {line},", 1))
    (start,) = loader.load(tiny).study.arms[0].start
    assert dict(start) == dict(of_net[0].tuned)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--best", "2"], "--best shows settings of an arm, got --best 2 without --arm"),
        (["--arm", "net", "--best", "0"], "--best must be at least 1, got 0"),
        (["--arm", "net", "--best", "2"], "tiny has no results here"),
        (["--arm", "deep", "--best", "2"], "tiny has no results here"),
    ],
)
def test_what_cannot_be_shown_is_one_line(usual_home, tiny, capsys, words, message):
    assert main(["show", str(tiny), *words]) == 2
    assert message in capsys.readouterr().err
