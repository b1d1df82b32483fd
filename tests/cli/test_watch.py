"""`dlstudy watch`: what another process sees of a run."""

import json
import time
from contextlib import closing

import pytest

from dlstudy.cli.app import main
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.loop import train_missing
from dlstudy.runner.state_writer import StateWriter
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up


@pytest.fixture
def home(tmp_path):
    made = Home.at(tmp_path / "my home")
    made.create()
    return made


@pytest.fixture(params=["journal", "database"])
def storage(request, home):
    return None if request.param == "journal" else f"sqlite:///{home.root}/record.db"


def on(home, storage):
    return ["--home", str(home.root), *(["--storage", storage] if storage else [])]


def test_a_run_is_seen_from_elsewhere_with_its_trials_and_provisional_verdicts(
    tiny, home, storage, capsys, monkeypatch
):
    monkeypatch.setattr("dlstudy.runner.state_writer._EVERY_S", {False: 0.01, True: 0.01})
    study = resolve(loader.load(tiny), Request())
    shown = []

    def result_of(spec):
        writer.epoch(spec, 2, {"val_accuracy": 0.75, "val_loss": 0.1})
        if not shown and spec.phase == "replicate":
            time.sleep(0.3)
            for options in ([], ["--json"]):
                assert main(["watch", str(tiny), *options, *on(home, storage)]) == 0
                shown.append(capsys.readouterr().out)
        return made_up(spec)

    lock = home.lock("tiny", storage)
    with lock.held():
        record = Record.open(home, storage, guard=lock.require)
        with closing(StateWriter(study, record, home, in_database=storage is not None)) as writer:
            plan, recorder = fake_runs.begin_run(tiny, home, storage=storage)
            engine = FakeEngine(result_of)
            train_missing(plan, recorder, lambda *_: engine, [writer], lambda key: "", RunLimits())
    text, state = shown[0], json.loads(shown[1])
    assert "tiny, default: process " in text
    assert "fake:0   replicate net #0" in text
    assert "2 of " in text
    assert "val_accuracy 0.75" in text
    assert "6 of 6" in text
    assert "provisional: " in text
    assert state["running"][0]["metrics"] == {"val_accuracy": 0.75, "val_loss": 0.1}
    assert main(["watch", str(tiny), *on(home, storage)]) == 0
    text = capsys.readouterr().out
    assert "tiny: no run goes on; `dlstudy status tiny` shows what there is" in text
    assert "provisional" not in text
    assert main(["watch", str(tiny), "--json", *on(home, storage)]) == 0
    assert json.loads(capsys.readouterr().out) is None


def test_a_run_that_trains_nothing_yet_and_a_study_without_results(tiny, home, capsys):
    assert main(["watch", str(tiny), *on(home, None)]) == 2
    assert "no results of 'tiny'" in capsys.readouterr().err
    with home.lock("tiny").held():
        for content in (None, "{", "[]", '{"of": "another version"}'):
            if content is not None:
                home.run_state("tiny").parent.mkdir(exist_ok=True)
                home.run_state("tiny").write_text(content)
            assert main(["watch", str(tiny), *on(home, None)]) == 0
            assert "tiny: the run has begun, and trains nothing yet" in capsys.readouterr().out
