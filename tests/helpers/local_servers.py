"""Local servers that data sets come from: a web server, and a folder of wheels that is pip's only index."""

import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Server(ThreadingHTTPServer):
    """Answers each request with `body`, or with the file of that path where `files` has any.

    `missing` bytes of the answer never come; `silent` answers nothing at all.
    """

    daemon_threads = True
    body = b""
    missing = 0
    silent = False
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ended = threading.Event()
        self.files: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.silent:
            self.server.ended.wait(timeout=30)
            return
        name = self.path.lstrip("/")
        body = self.server.files.get(name, b"") if self.server.files else self.server.body
        self.send_response(404 if self.server.files and name not in self.server.files else self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - self.server.missing])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local web server in place of the official addresses, without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        monkeypatch.setenv("DLSTUDY_DATA_URL", f"{server.url}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Wheels":
    """A folder that is pip's only package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    return Wheels(folder)


class Wheels:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, requirement: str, member: str, content: bytes) -> None:
        """Put a wheel with one file into the folder."""
        project, version = requirement.split("==")
        name = project.replace("-", "_")
        with zipfile.ZipFile(self.folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            archive.writestr(member, content)
            info = f"{name}-{version}.dist-info"
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
            archive.writestr(f"{info}/RECORD", "")
