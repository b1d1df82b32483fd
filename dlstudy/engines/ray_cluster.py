"""A Ray cluster: joining it within seconds or not at all, its nodes' resources, and why an actor died."""

import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dlstudy.common.text import describe_error, message_of, one_line
from dlstudy.errors import UsageError
from dlstudy.study.trial import NODE_WITHOUT_MEMORY

__all__ = ["Node", "connect", "nodes", "why_it_died"]

_PACKAGE = str(Path(__file__).parents[1])
_LISTEN_S = 5
_ANSWER_S = 30
_START = "start one with `ray start --head` and join it from other machines with `ray start --address=HOST:6379`"
_PROBE = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR'); ray.shutdown()"
_QUIET = {
    # Ray would report a worker's death on standard output, where `--json` prints; dlstudy reports it itself.
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_USAGE_STATS": "1",
}


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, with the resources that Ray schedules on it."""

    id: str
    host: str
    n_cpus: int
    n_gpus: float
    memory_gb: float


def connect(address: str | None) -> str:
    """Joins a running cluster as the one driver of this process; starts none. Returns the address that was used.

    Args:
        address: HOST:PORT, or `auto` for the cluster that this machine is a node of; None for RAY_ADDRESS, else auto.

    Raises:
        UsageError: Ray is not installed, or no cluster can be joined at that address.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "auto"
    if address == "local" or "://" in address:
        raise UsageError(f"--ray-address is the HOST:PORT of a running cluster, or auto, got {address}: {_START}")
    os.environ.update(_QUIET)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError('--engine ray needs Ray, which is not installed: pip install "dlstudy[ray]"') from error
    _refuse_unreachable(address)
    handler = signal.getsignal(signal.SIGTERM)
    with TemporaryDirectory() as empty:  # otherwise nodes would import from their own folder at this folder's path
        ray.init(
            address,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"py_modules": [_PACKAGE], "working_dir": empty, "excludes": ["**/__pycache__/**"]},
        )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end the process without a message
    return address


def nodes() -> dict[str, Node]:
    """The nodes that are alive, by their ids."""
    import ray

    found = [node for node in ray.nodes() if node["Alive"]]
    return {node["NodeID"]: _node(node["NodeID"], node["NodeManagerHostname"], node["Resources"]) for node in found}


def why_it_died(error: BaseException) -> str:
    """Why an actor died, according to Ray, as the predicate of a sentence."""
    text = message_of(error)
    if "running low on memory" in text:
        return f"was ended by Ray: {NODE_WITHOUT_MEMORY}, and fewer workers (--workers) need less"
    if "node has died" in text or "node was terminated" in text or "node died" in text:
        return "is gone: its node left the cluster"
    if type(error).__name__ == "ActorUnavailableError":
        return "is gone: its node or its process does not answer any more"
    if "connection error code" in text:
        return "died: killed, out of memory or crashed; Ray's logs on its node may say more"
    return f"died: {one_line(text.strip().splitlines()[-1] if text.strip() else type(error).__name__)}"


def _node(identity: str, host: str, resources: dict[str, float]) -> Node:
    cpus, gpus, memory = (resources.get(name, 0.0) for name in ("CPU", "GPU", "memory"))
    return Node(identity, host, int(cpus), gpus, memory / 2**30)


def _refuse_unreachable(address: str) -> None:
    """Tries it in another process first: if no cluster answers, Ray prints for two minutes and ends the process."""
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_LISTEN_S).close()
        except (OSError, ValueError) as error:
            raise UsageError(f"no Ray cluster listens at {address} ({describe_error(error)}): {_START}") from error
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, address], capture_output=True, text=True, timeout=_ANSWER_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"no Ray cluster answers at {address} within {_ANSWER_S} s: {_START}") from error
    if not done.returncode:
        return
    if "AuthenticationError" in done.stderr:
        raise UsageError(
            f"the Ray cluster at {address} asks for its token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here to what "
            "its nodes have"
        )
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["Ray gave no reason"]
    raise UsageError(f"the Ray cluster at {address} cannot be joined ({one_line(last[0])}): {_START}")
