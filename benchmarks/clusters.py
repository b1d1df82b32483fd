"""A small Ray cluster of this machine: nodes as processes of their own, which come, leave and are killed."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

__all__ = ["Cluster"]


class Cluster:
    """Ends what it started, by process group: other clusters of this machine continue."""

    def __init__(self, folder: Path, store_mb: int = 80, modules: str = "") -> None:
        """Starts the head, which trains nothing.

        Args:
            folder: an empty one, for what Ray writes.
            store_mb: of a node's object store: the data set has to fit.
            modules: a folder whose modules the nodes may import too.
        """
        self._path = os.pathsep.join([modules, os.environ.get("PYTHONPATH", "")])
        self._store = f"--object-store-memory={store_mb}000000"
        self._venv = folder / "venv"
        self._venv.symlink_to(sys.prefix)  # Ray does not start from a path with spaces
        port, client_port = _free_ports(2)
        self.address = f"127.0.0.1:{port}"
        self._nodes: list[subprocess.Popen] = []
        ports = [f"--port={port}", f"--ray-client-server-port={client_port}"]
        self._start("--head", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}", "--num-cpus=0", *ports)

    def add(self, *, cpus: int = 1, gpus: int = 0, hidden: Sequence[Path] = ()) -> subprocess.Popen:
        """Adds a node.

        Args:
            cpus, gpus: labels for Ray, which does not check whether they are there.
            hidden: folders in whose place the node has empty ones of its own, as a machine apart has; for root alone.
        """
        return self._start(f"--address={self.address}", f"--num-cpus={cpus}", f"--num-gpus={gpus}", hidden=hidden)

    def kill(self, node: subprocess.Popen) -> None:
        """Ends a node as a power cut does."""
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def end(self, node: subprocess.Popen) -> None:
        """Ends a node as `ray stop` does, if it still runs."""
        node.terminate()  # `ray start --block` then ends its own processes
        try:
            node.wait(5)  # it takes longer where an actor trains
        except subprocess.TimeoutExpired:
            self.kill(node)
        assert node.stdout is not None
        node.stdout.close()

    def close(self) -> None:
        """Ends all nodes, the head last."""
        for node in reversed(self._nodes):
            self.end(node)

    def _start(self, *words: str, hidden: Sequence[Path] = ()) -> subprocess.Popen:
        options = ["--block", "--node-ip-address=127.0.0.1", self._store]
        node = subprocess.Popen(
            [
                *_without(hidden),
                str(self._venv / "bin" / "python"),
                "-m",
                "ray.scripts.scripts",
                "start",
                *options,
                *words,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": self._path, "RAY_DISABLE_USAGE_STATS": "1"},
        )
        self._nodes.append(node)
        lines = []
        assert node.stdout is not None
        for line in node.stdout:
            lines.append(line)
            if "--block" in line:  # it runs, and says that it will block
                return node
        raise AssertionError("Ray does not start: " + "".join(lines[-5:]))


def _without(folders: Sequence[Path]) -> list[str]:
    """The words before a command that let it see empty folders in place of these."""
    if not folders:
        return []
    hide = " && ".join(f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in folders)
    return ["unshare", "--mount", "sh", "-c", f'{hide} && exec "$@"', "sh"]


def _free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
