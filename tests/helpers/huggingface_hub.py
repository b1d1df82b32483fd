"""A local server that answers as the Hugging Face Hub does for one data set, `someone/reviews`, at its tag `v1.0`."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "a" * 40
NAME = "someone/reviews"
FILES = {"data/train.csv": b"text,label\ngood,1\nbad,0\nfair,1\n", "data/test.csv": b"text,label\nfine,1\n"}


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.tokens: set[str | None] = set()


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        path, api = self.path.partition("?")[0], f"/api/datasets/{NAME}"
        files, at = f"/datasets/{NAME}/resolve/", f"{api}/revision/"
        self.server.tokens.add(self.headers.get("Authorization"))
        if path.startswith(files):
            revision, _, name = path.removeprefix(files).partition("/")
            self._file(name if revision in (COMMIT, "v1.0") else "")
        elif path in (f"{at}v1.0", f"{at}{COMMIT}"):
            self._json({"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]})
        elif path.startswith(f"{api}/tree/"):
            there = [{"type": "file", "path": name, "oid": oid(name), "size": len(FILES[name])} for name in FILES]
            self._json([{"type": "directory", "path": "data", "oid": "b" * 40, "size": 0}, *there])
        else:
            self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound" if path.startswith(at) else "RepoNotFound"})

    def do_GET(self) -> None:
        self.do_HEAD()

    def _file(self, name: str) -> None:
        if name in FILES:
            self._answer(200, FILES[name], {"ETag": f'"{oid(name)}"', "X-Repo-Commit": COMMIT})
        else:
            self._answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})

    def _json(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def oid(name: str) -> str:
    return hashlib.sha1(FILES[name]).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
