"""What `dlstudy plan` prints, with an engine that trains nothing."""

import json

import pytest

from dlstudy.api import plans
from dlstudy.cli.plan import show_plan
from dlstudy.runner.backend import Backend
from dlstudy.store.home import Home
from dlstudy.study.request import Request
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers.fake_engine import FakeEngine
from tests.helpers.fake_runs import run


@pytest.fixture
def backend(tmp_path, monkeypatch):
    """A home, and in place of every engine one whose trainings take 3 s each, whatever they train."""
    result = TrialResult(TrialState.FINISHED, cost={"seconds": 3.0})

    def make(n, decide):
        return FakeEngine(lambda spec: result)

    monkeypatch.setattr(plans, "engine_maker", lambda *about: make)
    return Backend(Home.at(tmp_path / "home"))


def train(path, backend, request):
    """Trains what a request asks for, into the record."""
    backend.home.create()
    run(path, backend.home, request)


@pytest.fixture
def facts(tiny, backend, capsys):
    """A function that gives the plan of a request as JSON."""

    def facts(request=None):
        show_plan(str(tiny), request or Request(), backend, json=True)
        return json.loads(capsys.readouterr().out)

    return facts


def test_a_plan_says_what_would_be_trained_how_long_and_what_could_be_shown(facts, backend):
    found = facts()
    assert found["phases"] == [
        {"phase": "reported", "n_wanted": 6, "n_done": 0, "seconds": 18.0},
        {"phase": "search", "n_wanted": 3, "n_done": 0, "seconds": 9.0},
        {"phase": "replicate", "n_wanted": 12, "n_done": 0, "seconds": 36.0},
    ]
    assert (found["study"], found["slots"]) == ("tiny", 2)
    assert found["minutes"] == 0.53  # 63 s in two slots
    (claim,) = found["claims"]
    assert (claim["text"], claim["n"], claim["difference"], found["spread_from"]) == ("the net is better", 6, None, "")
    assert not backend.home.root.exists(), "a plan writes nothing"


def test_a_plan_counts_what_is_there_and_takes_its_spread(facts, tiny, backend):
    train(tiny, backend, Request())
    found = facts()
    assert [(phase["n_wanted"], phase["n_done"], phase["seconds"]) for phase in found["phases"]] == [
        (6, 6, 0.0), (3, 3, 0.0), (12, 12, 0.0),
    ]  # fmt: skip
    assert found["minutes"] == 0
    assert found["spread_from"] == "default"
    assert found["claims"][0]["difference"] > 0


def test_a_plan_takes_the_spread_of_another_variant_where_its_own_has_no_runs(facts, tiny, backend):
    train(tiny, backend, Request(variant=Variant(epochs=1)))
    found = facts()
    assert [phase["n_done"] for phase in found["phases"]] == [0, 0, 0]
    assert found["spread_from"] == "epochs=1"
    assert found["claims"][0]["difference"] > 0


def test_a_plan_follows_the_request(facts):
    found = facts(Request(variant=Variant(aa_test=True), trials=4, seeds=8, searches=3))
    assert {phase["phase"]: phase["n_wanted"] for phase in found["phases"]} == {
        "reported": 8, "search": 3 * (4 + 1 + 4), "replicate": 3 * 3 * 8,
    }  # fmt: skip
    assert [claim["n"] for claim in found["claims"]] == [3]


def test_a_plan_is_shown_as_tables(tiny, backend, capsys):
    show_plan(str(tiny), Request(), backend, json=False)
    shown = capsys.readouterr().out
    assert "Does a softmax net beat logistic regression?" in shown
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    assert lines["replicate"] == ["replicate", "12", "0", "0.6"]
    assert lines["the"] == ["the", "net", "is", "better", "test", "accuracy", "6", "1.8", "–"]
    assert "--quick`." in shown
    assert "--until-decided` goes on as long as it has to: 6, 9, 12, 15, 18, 21, 24 seeds." in " ".join(shown.split())
    assert "About 0.5 minutes on the 2 slots of this machine" in shown


def test_a_plan_that_knows_the_spread_shows_it(tiny, backend, capsys):
    train(tiny, backend, Request())
    show_plan(str(tiny), Request(), backend, json=False)
    shown = capsys.readouterr().out
    assert "with the spread of the runs so far (default)" in " ".join(shown.split())
    (line,) = [line for line in shown.splitlines() if line.strip().startswith("the net is better")]
    assert float(line.split()[-1]) > 0


def test_where_nothing_is_missing_nothing_is_rehearsed(tiny, backend, capsys, monkeypatch):
    train(tiny, backend, Request())
    monkeypatch.setattr(plans, "rehearse", None)
    show_plan(str(tiny), Request(), backend, json=False)
    assert "Nothing is missing: every training is recorded." in capsys.readouterr().out
