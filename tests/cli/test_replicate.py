"""`dlstudy replicate`: runs what is missing of each replication, and compares them."""

import json

import pytest

from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant

pytest_plugins = ["tests.helpers.made_up_runs"]


@pytest.mark.slow
def test_replications_are_ordinary_runs_that_resume_and_are_compared(command, tiny, tmp_path, capsys):
    home, trained = Home.at(tmp_path / "home"), []
    typed = [str(tiny), "--home", str(home.root)]
    assert command(["run", *typed], trained.append) == 0
    assert len(trained) == 21
    capsys.readouterr()
    assert command(["replicate", *typed, "--json"], trained.append) == 0
    assert len(trained) == 2 * 21  # the first replication is the run before
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["variants"] == ["default", "replication=2"]
    assert data["complete"] == [True, True]
    assert "replication 2 of 2: " in err
    assert command(["replicate", *typed, "--times", "3"], trained.append) == 0
    assert len(trained) == 3 * 21
    out, _ = capsys.readouterr()
    page = home.reports("tiny") / "tiny-default-replications.html"
    assert page.is_file()
    assert str(page) in out
    assert "3 independent replications give the same verdict" in out
    record = Record.open(home, for_writing=False)
    assert set(record.variants("tiny")) == {Variant(), Variant(replication=2), Variant(replication=3)}
    assert command(["report", *typed, "--variant", "replication=2"]) == 0
    assert "--replication 2" in capsys.readouterr().out
