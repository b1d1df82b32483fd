"""A real MLflow server that can be killed and started again."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from dlstudy.cli.serving import free_port
from dlstudy.common.processes import QUIET

__all__ = ["MlflowServer"]


class MlflowServer:
    """On a port of its own, with its artifacts in a folder; its store is there too, or at the URL given."""

    def __init__(self, folder: Path, store: str = "") -> None:
        # Of ports that the system gives to clients, one may come to talk to itself while nobody serves it.
        self._folder, self._port = folder, free_port(random.randrange(20_000, 30_000))
        self._store = store or f"sqlite:///{folder / 'server.db'}"
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process = None

    def start(self):
        command = ["mlflow", "server", "--backend-store-uri", self._store]
        command += ["--artifacts-destination", (self._folder / "artifacts").as_uri(), "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        environment = {**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command], env=environment, start_new_session=True, stdout=log, stderr=log
            )
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

    def runs(self, study):
        """A client, and all runs of a study."""
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=self.uri)
        experiment = client.get_experiment_by_name(study)
        return client, client.search_runs([experiment.experiment_id], max_results=1000) if experiment else []
