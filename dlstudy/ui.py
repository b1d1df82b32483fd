"""MLflow's own pages on 127.0.0.1, opened where a study's runs are."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from dlstudy.checks import require_name
from dlstudy.errors import DlstudyError, RecordError, UsageError
from dlstudy.home import Home
from dlstudy.mlflow_pages import TRAINING, newest_view
from dlstudy.processes import QUIET, stopping_signals
from dlstudy.texts import without_passwords
from dlstudy.tracking import tracking_uri

__all__ = ["free_port", "own_hosts", "serve", "serve_tensorboard", "show_page"]

_START_S = 90


def serve(study: str | None, home: Home, uri: str | None, port: int, open_browser: bool) -> None:
    """Serves until Ctrl-C; a tracking server that already runs is opened instead.

    Raises:
        RecordError: the home has no MLflow store.
        DlstudyError: the server does not start.
    """
    store = tracking_uri(home, uri)
    if store.startswith("http"):
        _show(store.rstrip("/"), study, open_browser)
        return
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).exists():
        raise RecordError(f"no runs in {home.root} yet: run a study first, or name another --home")
    free = free_port(port)
    address = f"http://127.0.0.1:{free}"
    command = [
        "mlflow", "server", "--backend-store-uri", store, "--artifacts-destination", home.artifacts.as_uri(),
        "--host", "127.0.0.1", "--port", str(free), "--workers", "1", "--allowed-hosts", ",".join(own_hosts(free)),
    ]  # fmt: skip
    _serve_until_stopped(command, f"{address}/health", lambda: _show(address, study, open_browser))


def serve_tensorboard(study: str | None, home: Home, port: int, open_browser: bool) -> None:
    """Serves TensorBoard over what trials logged, until Ctrl-C.

    Raises:
        StudyError: what is given is no study's name.
        UsageError: TensorBoard is not installed.
        RecordError: no trial has logged anything.
        DlstudyError: it does not start.
    """
    if study is not None:
        require_name("a study's name", study)
    folder = home.files / study if study else home.files
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("TensorBoard is not installed here: pip install 'dlstudy[tensorboard]'")
    if not any(folder.glob("**/logs")):
        raise RecordError(
            f"no logs for TensorBoard in {folder}: a study logs when its callbacks ask for it and TensorBoard is "
            "installed (`dlstudy run callbacks` does)"
        )
    free = free_port(port)
    address = f"http://127.0.0.1:{free}"
    command = ["tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", str(free)]

    _serve_until_stopped(command, address, lambda: show_page(address, open_browser))


def _serve_until_stopped(command: Sequence[str], probe: str, show: Callable[[], None]) -> None:
    """Runs a module of Python's until Ctrl-C; shows where it is once `probe` answers."""
    with stopping_signals():
        server = _start(command)
        try:
            _await(server, command[0].partition(".")[0], probe)
            show()
            print("Ctrl-C ends it.", flush=True)
            server.wait()
        except KeyboardInterrupt:
            pass  # how one ends it
        finally:
            try:
                os.killpg(server.pid, signal.SIGTERM)  # MLflow starts processes of its own
            except ProcessLookupError:
                pass  # it has ended by itself
            server.wait()


def free_port(wanted: int) -> int:
    """That port of 127.0.0.1, or another where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that just ended does not count
            try:
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise DlstudyError("127.0.0.1 has no free port")


def own_hosts(port: int) -> tuple[str, ...]:
    """What the `Host` header of a request for that port of 127.0.0.1 may say.

    A page elsewhere may let its own name point to 127.0.0.1 (DNS rebinding): its requests come with that name.
    """
    names = ("127.0.0.1", "localhost")
    return (*(f"{name}:{port}" for name in names), *(names if port == 80 else ()))  # browsers leave 80 out


def show_page(page: str, open_browser: bool) -> None:
    """Prints an address, and opens it in a browser if that is wanted."""
    print(without_passwords(page), flush=True)
    if open_browser:
        webbrowser.open(page)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _await(server: subprocess.Popen[bytes], name: str, probe: str) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise DlstudyError(f"the server of {name} ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(probe, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise DlstudyError(f"the server of {name} did not answer within {_START_S} s")


def _show(address: str, study: str | None, open_browser: bool) -> None:
    page, answer = f"{address}/#/experiments", ""
    if study is not None:
        page, answer = _pages_of(address, study)
    show_page(page, open_browser)
    if answer:
        print(f"The answer: {answer}", flush=True)


def _pages_of(address: str, study: str) -> tuple[str, str]:
    """The page with the runs of the study's newest variant, and that of its answer, if there is one."""
    query = urllib.parse.urlencode({"experiment_name": study})
    try:
        with urllib.request.urlopen(f"{address}/api/2.0/mlflow/experiments/get-by-name?{query}", timeout=10) as answer:
            experiment = json.load(answer)["experiment"]
    except urllib.error.HTTPError as error:
        raise RecordError(f"MLflow knows no experiment {study!r}: run `dlstudy run {study}` first") from error
    runs = f"{address}/#/experiments/{experiment['experiment_id']}/runs"
    found = newest_view({tag["key"]: tag["value"] for tag in experiment.get("tags", [])})
    if found is None:  # the last run was one of an earlier version
        return runs, ""
    view, run = found
    return f"{runs}?viewStateShareKey={view}&{TRAINING}", f"{runs}/{run}?{TRAINING}"
