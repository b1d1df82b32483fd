"""MLflow's and TensorBoard's pages, served until the command is stopped."""

import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from dlstudy.cli import mlflow_ui, serving, tensorboard
from dlstudy.cli.serving import free_port
from dlstudy.cli.tensorboard import serve_tensorboard
from dlstudy.errors import DlstudyError, RecordError, UsageError
from dlstudy.runner.backend import Backend
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.request import Request
from tests.helpers.fake_engine import Deaf


def test_a_taken_port_gives_way_to_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)


@pytest.mark.slow
def test_ui_serves_the_store_at_the_study_s_runs_and_leaves_no_process(tiny, tmp_path):
    home = Home.at(tmp_path / "my runs")
    request = Request(phases=("search",), arms=("logistic",))
    run_study(loader.load(tiny), request, Backend(home, engine="inline"), Deaf(), lambda line: None)
    command = [sys.executable, "-m", "dlstudy", "ui", "tiny", "--home", str(home.root), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        page, answer = server.stdout.readline().strip(), server.stdout.readline().strip()
        address, _, path = page.partition("/#/experiments/")
        experiment, _, view = path.partition("/runs?viewStateShareKey=dlstudy-")
        body = json.dumps({"experiment_ids": [experiment]}).encode()
        search, kind = f"{address}/api/2.0/mlflow/runs/search", {"Content-Type": "application/json"}
        ask = urllib.request.Request(search, body, kind)
        with urllib.request.urlopen(ask, timeout=30) as found:
            names = {run["info"]["run_name"]: run["info"]["run_id"] for run in json.load(found)["runs"]}
        os.kill(server.pid, signal.SIGTERM)
        server.wait(30)
    assert set(names) == {"tiny · default", "search · logistic · #0"}
    parent = names["tiny · default"]
    assert view == f"{parent}&workflowType=machine_learning"
    assert answer == f"The answer: {address}/#/experiments/{experiment}/runs/{parent}?workflowType=machine_learning"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
        except OSError:
            return
        time.sleep(0.2)
    pytest.fail("the MLflow server outlived `dlstudy ui`")


@pytest.fixture
def installed(monkeypatch):
    """Makes TensorBoard look installed, or not."""
    find = importlib.util.find_spec

    def installed(answer):
        spec = find("json") if answer else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "tensorboard" else find(name))

    return installed


def test_tensorboard_that_is_not_installed_is_asked_for(installed, tmp_path):
    installed(False)
    with pytest.raises(UsageError, match=r"TensorBoard is not installed here: pip install 'dlstudy\[tensorboard\]'"):
        serve_tensorboard(None, Home.at(tmp_path), 6006, open_browser=False)


@pytest.mark.parametrize("study", [None, "tiny"])
def test_without_logs_tensorboard_is_not_started(installed, tmp_path, study):
    installed(True)
    home = Home.at(tmp_path / "my runs")
    (home.files / ("another" if study else "tiny") / "default" / "net" / "search-0-x").mkdir(parents=True)
    with pytest.raises(RecordError, match=r"no logs for TensorBoard in .*my runs/files.*: a study logs when"):
        serve_tensorboard(study, home, 6006, open_browser=False)


def test_tensorboard_is_started_over_the_logs_of_a_study_on_this_machine_alone(
    installed, tmp_path, monkeypatch, capsys
):
    installed(True)
    home, started = Home.at(tmp_path / "my runs"), []
    (home.files / "tiny" / "default" / "net" / "search-0-x" / "logs").mkdir(parents=True)

    def serve(command, probe, show):
        started.append((list(command), probe))
        show()

    monkeypatch.setattr(tensorboard, "serve_until_stopped", serve)
    monkeypatch.setattr(serving.webbrowser, "open", lambda address: pytest.fail("opened"))
    port = free_port(0)
    serve_tensorboard("tiny", home, port, open_browser=False)
    address = f"http://127.0.0.1:{port}"
    folder = str(home.root / "files" / "tiny")
    command = ["tensorboard.main", "--logdir", folder, "--host", "127.0.0.1", "--port", str(port)]
    assert started == [(command, address)]
    assert capsys.readouterr().out == f"{address}\n"


def test_a_server_that_ends_at_once_is_named(installed, tmp_path, monkeypatch):
    installed(True)
    home = Home.at(tmp_path)
    (home.files / "tiny" / "logs").mkdir(parents=True)
    monkeypatch.setattr(
        serving,
        "_start",
        lambda command: subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], start_new_session=True),
    )
    with pytest.raises(DlstudyError, match="the server of tensorboard ended with exit code 3"):
        serve_tensorboard(None, home, free_port(0), open_browser=False)


def test_the_pages_of_a_study_without_a_saved_view_are_the_runs_alone(monkeypatch, capsys):
    def answer(url, timeout):
        assert url.endswith("/api/2.0/mlflow/experiments/get-by-name?experiment_name=tiny")
        return io.BytesIO(b'{"experiment": {"experiment_id": "3"}}')

    monkeypatch.setattr(mlflow_ui.urllib.request, "urlopen", answer)
    monkeypatch.setattr(serving.webbrowser, "open", lambda page: print("opened", page))
    mlflow_ui.serve_mlflow("tiny", Home.at("none"), "http://server:5000/", 5000, open_browser=True)
    page = "http://server:5000/#/experiments/3/runs"
    assert capsys.readouterr().out == f"{page}\nopened {page}\n"
