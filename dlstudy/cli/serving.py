"""Serves the web pages of other tools on 127.0.0.1 until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence

from dlstudy.common.processes import QUIET, stopping_signals
from dlstudy.common.text import without_passwords
from dlstudy.errors import DlstudyError

__all__ = ["free_port", "own_hosts", "serve_until_stopped", "show_page"]


_START_S = 90


def serve_until_stopped(command: Sequence[str], probe: str, show: Callable[[], None]) -> None:
    """Runs a Python module until Ctrl-C; shows its address once `probe` answers."""
    with stopping_signals():
        server = _start(command)
        try:
            _await(server, command[0].partition(".")[0], probe)
            show()
            print("Press Ctrl-C to stop.", flush=True)
            server.wait()
        except KeyboardInterrupt:
            pass  # the usual way to stop it
        finally:
            try:
                os.killpg(server.pid, signal.SIGTERM)  # MLflow starts processes of its own
            except ProcessLookupError:
                pass  # it has ended by itself
            server.wait()


def free_port(wanted: int) -> int:
    """That port of 127.0.0.1, or another one if it is taken."""
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
    """The allowed `Host` headers of requests for that port of 127.0.0.1.

    A page elsewhere may let its own name point to 127.0.0.1 (DNS rebinding): its requests come with that name.
    """
    names = ("127.0.0.1", "localhost")
    return (*(f"{name}:{port}" for name in names), *(names if port == 80 else ()))  # browsers leave 80 out


def show_page(page: str, open_browser: bool) -> None:
    """Prints an address, and opens it in a browser if requested."""
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
