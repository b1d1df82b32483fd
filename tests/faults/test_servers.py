"""MLflow's server, killed and started again in mid-study."""

import random

import pytest

from dlstudy.runner import session
from dlstudy.runner.backend import Backend
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant
from dlstudy.tracking.tracker import Tracker
from tests.helpers.full_form import FULL, in_full_form
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.study_process import await_

pytest_plugins = ["tests.helpers.made_up_runs"]


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "server"
    folder.mkdir()
    server = MlflowServer(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def trackers(monkeypatch):
    """Those of the runs of a test, in their order."""
    made = []
    monkeypatch.setattr(session, "Tracker", lambda *about: made.append(Tracker(*about)) or made[-1])
    return made


def require_all_written(server, home):
    """One run for each trial and one for the study, all ended, with every epoch."""
    client, runs = server.runs("tiny")
    trials = {trial.key: trial for trial in Record.open(home, for_writing=False).trials("tiny", Variant())}
    children = [run for run in runs if run.data.tags["dlstudy.kind"] == "trial"]
    assert sorted(run.data.tags["dlstudy.key"] for run in children) == sorted(trials)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == len(trials) + 1
    for run in children:
        for name, values in trials[run.data.tags["dlstudy.key"]].result.history.items():
            curve = client.get_metric_history(run.info.run_id, name)
            assert sorted((metric.step, metric.value) for metric in curve) == list(enumerate(values, 1))


def moments():
    return [random.Random(i).randrange(2, 17) for i in range(30)] if FULL else [5]


@pytest.mark.parametrize("moment", moments())
def test_a_server_that_goes_away_and_comes_back_in_mid_study_has_everything_in_the_end(
    table, run, server, tmp_path, undisturbed, moment, trackers
):
    def at(n):
        if n == moment:
            await_(lambda: len(server.runs("tiny")[1]) >= 2)
            server.kill()
        if n == moment + 3:
            await_(lambda: trackers[0].missed)
            server.start()

    backend = Backend(Home.at(tmp_path / "home"), tracking=server.uri)
    outcome = run(backend, at)
    assert outcome.n_trained == len(undisturbed)
    assert outcome.remarks == ["MLflow was unreachable for a time: what it missed has been written from the record"]
    assert table(backend.home) == undisturbed
    require_all_written(server, backend.home)


@in_full_form
def test_a_server_that_stays_away_costs_no_trial_is_reported_and_is_caught_up_by_the_next_run(
    table, run, server, tmp_path, undisturbed
):
    def at(n):
        if n == 5:
            await_(lambda: len(server.runs("tiny")[1]) >= 2)
            server.kill()

    backend = Backend(Home.at(tmp_path / "home"), tracking=server.uri)
    outcome = run(backend, at)
    assert outcome.n_trained == len(undisturbed)
    (remark,) = outcome.remarks
    assert remark.startswith("MLflow could not be written (")
    assert remark.endswith("): the record is whole; once that is fixed, run again to catch up")
    assert table(backend.home) == undisturbed
    server.start()
    again = run(backend)
    assert (again.n_trained, again.remarks) == (0, [])
    require_all_written(server, backend.home)
