"""MLflow's server away, full disks, and journals and databases that were cut, garbled or left half-written."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import TINY
from fakes import Deaf, FakeEngine, made_up

from dlstudy import catalog, session
from dlstudy.cli import main
from dlstudy.home import Home
from dlstudy.plan import Plan
from dlstudy.processes import QUIET
from dlstudy.record import Record
from dlstudy.runner import Request, choose, resolve
from dlstudy.runner import run as train
from dlstudy.session import Where, run_study
from dlstudy.ui import free_port

FULL = os.environ.get("DLSTUDY_FAULTS") == "full"
N_TRIALS = 21
"""Of the tiny study: 6 printed, 2 and 1 searched, 12 replicates."""


class Engine(FakeEngine):
    """Tells of each epoch, as a real one does, and calls `at(n)` before the n-th training ends."""

    def __init__(self, decide, at=lambda n: None):
        super().__init__(n=1)
        self._decide, self._at = decide, at

    def wait(self, timeout_s):
        self._at(len(self.trained))
        spec = self._waiting[0]
        for epoch in range(1, spec.epochs + 1):
            self._decide(spec, epoch, made_up(spec).metrics)
        return super().wait(timeout_s)


@pytest.fixture
def run(tiny, monkeypatch):
    """Runs the tiny study with made-up results and no reports; `at(n)` happens before the n-th training ends."""
    monkeypatch.setattr(session, "export_all", lambda *arguments: [])
    monkeypatch.setattr(session, "differences_png", lambda summary: None)

    def run(where, at=lambda n: None):
        monkeypatch.setattr(session, "engine_maker", lambda where, say: lambda data, n, decide: Engine(decide, at))
        return run_study(catalog.load(tiny), Request(), where, Deaf(), lambda line: None)

    return run


def table(home, storage=None):
    """What a run is to end with, whatever happened: the metrics of each training, by part and row."""
    trials = Record.open(home, storage, for_writing=False).trials("tiny", "default")
    done = [trial for trial in trials if trial.ended_for_good]
    found = {(t.phase, t.arm, t.search, t.row, t.setting_key): dict(t.metrics) for t in done}
    assert len(found) == len(done), "a training was repeated"
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The table of a run without faults."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.py").write_text(TINY)
    file, home = catalog.load(folder / "tiny.py"), Home.at(folder / "home")
    home.create()
    record, study = Record.open(home), resolve(file, Request())
    plan = Plan(file, study, choose(file, study, Request(), record), home=home, record=record)
    trained = train(plan, study.dataset, lambda data, n, decide: Engine(decide), [Deaf()], lambda key: "")
    assert trained == N_TRIALS
    return table(home)


class Server:
    """A real MLflow server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        # Of ports that the system gives to clients, one may come to talk to itself while nobody serves it.
        self._folder, self._port = folder, free_port(random.randrange(20_000, 30_000))
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process = None

    def start(self):
        command = ["mlflow", "server", "--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}"]
        command += ["--artifacts-destination", (self._folder / "artifacts").as_uri(), "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        environment = {**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=(self._folder / "log").open("wb"),
        )  # fmt: skip
        end = time.monotonic() + 90
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                return
            time.sleep(0.2)
        raise AssertionError((self._folder / "log").read_text())

    def kill(self):
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def runs(self):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=self.uri)
        experiment = client.get_experiment_by_name("tiny")
        return client, client.search_runs([experiment.experiment_id], max_results=1000) if experiment else []

    def await_runs(self, n):
        end = time.monotonic() + 60
        while len(self.runs()[1]) < n:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder)
    server.start()
    yield server
    server.kill()


def require_all_written(server, home):
    """One run for each trial and one for the study, all ended, with every epoch."""
    client, runs = server.runs()
    trials = {trial.key: trial for trial in Record.open(home, for_writing=False).trials("tiny", "default")}
    children = [run for run in runs if run.data.tags["dlstudy.kind"] == "trial"]
    assert sorted(run.data.tags["dlstudy.key"] for run in children) == sorted(trials)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == len(trials) + 1
    for run in children:
        for name, values in trials[run.data.tags["dlstudy.key"]].result.history.items():
            curve = client.get_metric_history(run.info.run_id, name)
            assert sorted((metric.step, metric.value) for metric in curve) == list(enumerate(values, 1))


def moments():
    return [random.Random(i).randrange(2, N_TRIALS - 4) for i in range(30)] if FULL else [5]


@pytest.mark.parametrize("moment", moments())
def test_a_server_that_goes_away_and_comes_back_in_mid_study_has_everything_in_the_end(
    run, server, tmp_path, undisturbed, moment
):
    def at(n):
        if n == moment:
            server.await_runs(2)
            server.kill()
        if n == moment + 3:
            server.start()

    where = Where(Home.at(tmp_path / "home"), tracking=server.uri)
    outcome = run(where, at)
    assert outcome.n_trained == N_TRIALS
    assert outcome.remarks == ["MLflow was away for a time: what it missed has been written from the record"]
    assert table(where.home) == undisturbed
    require_all_written(server, where.home)


def test_a_server_that_stays_away_costs_no_trial_is_told_and_is_caught_up_by_the_next_run(
    run, server, tmp_path, undisturbed
):
    def at(n):
        if n == 5:
            server.await_runs(2)
            server.kill()

    where = Where(Home.at(tmp_path / "home"), tracking=server.uri)
    outcome = run(where, at)
    assert outcome.n_trained == N_TRIALS
    (remark,) = outcome.remarks
    assert remark.startswith("MLflow could not be written (")
    assert remark.endswith("): the record is whole; run again to catch up")
    assert table(where.home) == undisturbed
    server.start()
    again = run(where)
    assert (again.n_trained, again.remarks) == (0, [])
    require_all_written(server, where.home)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte, and a function that fills it but for some bytes."""
    disk = tmp_path / "small disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")

    def fill(left):
        with (disk / "ballast").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 65_536) == 65_536:
                pass
        os.truncate(disk / "ballast", (disk / "ballast").stat().st_size - left)

    yield disk, fill
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def whole_lines(path):
    return path.read_bytes().endswith(b"\n")


FILLED = [(n, 4096 * n_pages) for n in (0, 3, 12) for n_pages in (0, 1)]


@pytest.mark.parametrize(("moment", "left"), FILLED if not FULL else [(n, 4096 * k) for n in range(15) for k in (0, 1)])
def test_a_full_disk_ends_a_run_with_one_line_and_the_next_run_finishes_it(
    tiny, command, tmp_path, small_disk, undisturbed, capsys, moment, left
):
    disk, fill = small_disk
    home = Home.at(disk / "home")
    arguments = ["run", str(tiny), "--home", str(home.root), "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    assert command(arguments, lambda n: fill(left) if n == moment else None) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("dlstudy: ")
    assert "could not be read or written (No space left on device): make room there, then run the same" in said
    assert whole_lines(home.journal)
    n_done = len(table(home))
    assert moment <= n_done < N_TRIALS
    (disk / "ballast").unlink()
    assert command(arguments) == 0
    assert table(home) == undisturbed
    assert Record.open(home, for_writing=False).trials("tiny", "default")


def test_a_disk_that_is_full_from_the_start_is_told(tiny, command, small_disk, capsys):
    disk, fill = small_disk
    fill(0)
    home = disk / "home"
    assert command(["run", str(tiny), "--home", str(home)]) == 1
    assert "No space left on device): make room there" in capsys.readouterr().err
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_disk_too_small_for_mlflow_s_store_costs_no_trial_and_is_caught_up_when_there_is_room(
    tiny, command, small_disk, undisturbed, capsys
):
    disk, fill = small_disk
    home = Home.at(disk / "home")
    arguments = ["run", str(tiny), "--home", str(home.root)]
    command(arguments, lambda n: fill(200_000) if n == 0 else None)
    assert "MLflow could not be written (" in " ".join(capsys.readouterr().out.split())
    assert table(home) == undisturbed
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert command(arguments) == 0
    assert "MLflow could not" not in capsys.readouterr().out
    with contextlib.closing(sqlite3.connect(home.mlflow_db)) as database:
        assert database.execute("select status, count(*) from runs group by status").fetchall() == [
            ("FINISHED", N_TRIALS + 1)
        ]


@pytest.fixture
def command(run, monkeypatch):
    """The command line, whose trainings are made up."""

    def command(arguments, at=lambda n: None):
        monkeypatch.setattr(session, "engine_maker", lambda where, say: lambda data, n, decide: Engine(decide, at))
        return main(arguments)

    return command
