import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from fakes import Deaf

from dlstudy import catalog
from dlstudy.home import Home
from dlstudy.runner import Request
from dlstudy.session import Where, run_study
from dlstudy.ui import free_port


def test_a_taken_port_gives_way_to_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)


def test_ui_serves_the_store_at_the_study_s_runs_and_leaves_no_process(tiny, tmp_path):
    home = Home.at(tmp_path / "my runs")
    request = Request(phases=("search",), arms=("logistic",))
    run_study(catalog.load(tiny), request, Where(home, engine="inline"), Deaf(), lambda line: None)
    command = [sys.executable, "-m", "dlstudy", "ui", "tiny", "--home", str(home.root), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        page = server.stdout.readline().strip()
        address, _, path = page.partition("/#/experiments/")
        experiment = path.removesuffix("/runs")
        body = json.dumps({"experiment_ids": [experiment]}).encode()
        search, kind = f"{address}/api/2.0/mlflow/runs/search", {"Content-Type": "application/json"}
        ask = urllib.request.Request(search, body, kind)
        with urllib.request.urlopen(ask, timeout=30) as answer:
            names = {run["info"]["run_name"] for run in json.load(answer)["runs"]}
        os.kill(server.pid, signal.SIGTERM)
        server.wait(30)
    assert names == {"tiny · default", "search · logistic · #0"}
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
        except OSError:
            return
        time.sleep(0.2)
    pytest.fail("the MLflow server outlived `dlstudy ui`")
