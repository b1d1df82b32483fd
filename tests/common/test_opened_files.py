"""Which files count as read by code, whatever library opened them."""

import importlib.resources
import json
import mmap
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dlstudy.common.opened_files import opened_files, unwatched


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of several kinds, and a space in its name; it is the current one."""
    folder = tmp_path / "my study"
    folder.mkdir()
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "notes.txt").write_text("notes")
    np.save(folder / "array.npy", np.arange(3))
    np.savez(folder / "arrays.npz", x=np.arange(3))
    with sqlite3.connect(folder / "rows.db") as database:
        database.execute("create table t (a)")
    database.close()
    with zipfile.ZipFile(folder / "packed.zip", "w") as packed:
        packed.writestr("a", "b")
    (folder / "rules.py").write_text("RATE = 1")
    monkeypatch.chdir(folder)
    return folder


def read_database(path):
    with sqlite3.connect(path) as database:
        database.execute("select * from t")
    database.close()


def map_memory(path):
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content[:]


READERS = {
    "open": ("notes.txt", lambda path: open(path).close()),  # noqa: PTH123
    "bytes": ("notes.txt", lambda path: open(os.fsencode(path)).close()),  # noqa: PTH123
    "os.open": ("notes.txt", lambda path: os.close(os.open(path, os.O_RDONLY))),
    "pathlib": ("notes.txt", lambda path: Path(path).read_text()),
    "pandas": ("table.csv", pd.read_csv),
    "numpy.load": ("array.npy", np.load),
    "numpy.load, npz": ("arrays.npz", lambda path: np.load(path)["x"]),
    "numpy.memmap": ("array.npy", lambda path: np.memmap(path, np.uint8, "r+")),
    "numpy.loadtxt": ("table.csv", lambda path: np.loadtxt(path, delimiter=",", skiprows=1)),
    "zipfile": ("packed.zip", lambda path: zipfile.ZipFile(path).read("a")),
    "mmap": ("notes.txt", map_memory),
    "sqlite3": ("rows.db", read_database),
    "sqlite3, URI": ("rows.db", lambda path: sqlite3.connect(f"file:{path}?mode=ro", uri=True).close()),
    "exec": ("rules.py", lambda path: exec(Path(path).read_text())),
}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("is_absolute", [False, True])
@pytest.mark.parametrize(("name", "read"), READERS.values(), ids=list(READERS))
def test_a_file_that_is_read_counts_whoever_opens_it(folder, name, read, is_absolute):
    with opened_files(folder) as opened:
        read(str(folder / name) if is_absolute else name)
    assert opened.paths == [folder / name]
    assert not opened.asked_elsewhere


def test_it_counts_by_the_path_from_the_folder_that_was_current_then(folder, monkeypatch):
    with opened_files(folder) as opened:
        monkeypatch.chdir("/")
        Path(os.path.relpath(folder / "notes.txt")).read_text()
        monkeypatch.chdir(folder)
        Path("../my study/table.csv").read_text()
    assert opened.paths == [folder / "notes.txt", folder / "table.csv"]


@pytest.mark.parametrize("mode", ["w", "a", "x", "w+", "a+"])
def test_a_file_that_is_only_written_does_not_count(folder, mode):
    with opened_files(folder) as opened, Path(f"new-{mode}").open(mode) as file:
        file.write("x")
    assert opened.paths == []


def test_a_file_that_the_code_writes_and_reads_does_not_count_in_either_order(folder):
    with opened_files(folder) as opened:
        Path("made.txt").write_text("x")
        Path("made.txt").read_text()
        text = Path("notes.txt").read_text()
        Path("notes.txt").write_text(text)
        Path("moved.txt").write_text("x")
        Path("moved.txt").rename("kept.txt")
        Path("kept.txt").read_text()
    assert opened.paths == []


def test_a_file_that_a_library_writes_unseen_does_not_count(folder):
    with opened_files(folder) as opened:
        subprocess.run([sys.executable, "-c", "open('made.txt', 'w').write('x')"], check=True)
        Path("made.txt").read_text()
    assert opened.paths == []


def test_what_is_not_there_and_what_is_no_file_does_not_count(folder):
    (folder / "loop").symlink_to("loop")
    with opened_files(folder) as opened:
        for name in ("nothing.txt", "loop", "a\0b", "x" * 300, b"\xff"):
            with pytest.raises((OSError, ValueError)):
                open(name)  # noqa: PTH123, SIM115
        with pytest.raises(TypeError):
            open(None)  # noqa: PTH123, SIM115
        os.close(os.open(folder, os.O_RDONLY))
        Path("gone.txt").write_text("x")
        Path("/dev/null").read_text()
        Path("/proc/self/status").read_text()
        sqlite3.connect(":memory:").close()
    assert opened.paths == []


def test_python_s_library_packages_and_modules_do_not_count(folder):
    (folder / "mine.py").write_text("import json\nVALUE = 1\nraise ValueError")
    with opened_files(folder) as opened:
        importlib.resources.files("numpy").joinpath("version.py").read_text()
        Path(json.__file__).read_text()
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(folder)
            with pytest.raises(ValueError), warnings.catch_warnings():  # noqa: PT011
                __import__("mine")
    assert opened.paths == []


def test_data_of_a_package_that_is_not_installed_counts(folder):
    import pkgutil

    (folder / "own_package").mkdir()
    (folder / "own_package" / "__init__.py").touch()
    (folder / "own_package" / "data.json").write_text("{}")
    with opened_files(folder) as opened, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        assert pkgutil.get_data("own_package", "data.json") == b"{}"
    assert opened.paths == [folder / "own_package" / "data.json"]


def test_hidden_and_temporary_files_do_not_count_but_those_beside_the_study_do(folder):
    others = [folder / ".git" / "HEAD", folder / "x" / ".cache" / "y" / "z", folder / "__pycache__" / "n.nbi"]
    own = [folder / ".env", folder / "data" / "x.csv", folder.parent / "data" / "x.csv"]
    for path in (*others, *own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    with tempfile.NamedTemporaryFile("w") as temporary, opened_files(folder) as opened:
        for path in (*others, *own, Path(temporary.name)):
            path.read_text()
    assert opened.paths == sorted(own)


def test_a_study_in_a_hidden_folder_has_its_files(folder):
    hidden = folder / ".work" / "study"
    hidden.mkdir(parents=True)
    paths = [hidden / "x.csv", hidden.parent / "y.csv", folder / ".other" / "z.csv"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    with opened_files(hidden) as opened:
        for path in paths:
            path.read_text()
    assert opened.paths == [hidden / "x.csv", hidden.parent / "y.csv"]


def test_what_is_excluded_does_not_count_by_any_name(folder):
    (folder / "out").mkdir()
    (folder / "out" / "x.txt").write_text("x")
    (folder / "link").symlink_to(folder / "out")
    (folder / "x.txt").symlink_to(folder / "out" / "x.txt")
    with opened_files(folder, [folder / "out", folder / "notes.txt"]) as opened:
        for name in ("out/x.txt", "link/x.txt", "x.txt", "notes.txt", "table.csv"):
            Path(name).read_text()
    assert opened.paths == [folder / "table.csv"]


def test_a_link_counts_by_its_own_name_and_a_linked_folder_by_that_of_its_target(folder):
    (folder / "current.csv").symlink_to("table.csv")
    (folder.parent / "other name").symlink_to(folder)
    with opened_files(folder.parent / "other name") as opened:
        Path("current.csv").read_text()
        (folder.parent / "other name" / "notes.txt").read_text()
    assert opened.paths == [folder / "current.csv", folder / "notes.txt"]


def test_only_what_is_opened_inside_counts_each_to_its_own(folder):
    with opened_files(folder) as outer:
        Path("notes.txt").read_text()
        with opened_files(folder) as inner:
            Path("table.csv").read_text()
            with unwatched():
                Path("array.npy").read_bytes()
                with unwatched():
                    pass
                Path("arrays.npz").read_bytes()
        assert inner.paths == [folder / "table.csv"], "live, or after the end"
    Path("packed.zip").read_bytes()
    assert outer.paths == [folder / "notes.txt", folder / "table.csv"]


def test_an_error_inside_ends_it(folder):
    with pytest.raises(KeyError), opened_files(folder) as opened:  # noqa: PT012
        Path("notes.txt").read_text()
        raise KeyError
    Path("table.csv").read_text()
    assert opened.paths == [folder / "notes.txt"]


def test_threads_that_are_started_inside_count_and_others_do_not(folder):
    begin, done = threading.Event(), threading.Event()

    def other():
        begin.wait(10)
        Path("table.csv").read_text()
        done.set()

    before = threading.Thread(target=other)
    before.start()
    with opened_files(folder) as opened:
        begin.set()
        assert done.wait(10)
        own = threading.Thread(target=Path("notes.txt").read_text)
        own.start()
        own.join()
    before.join()
    assert opened.paths == [folder / "notes.txt"]


def test_many_threads_at_once_lose_nothing(folder):
    for i in range(200):
        (folder / f"{i:03}.txt").touch()

    def read(first):
        for i in range(first, 200, 8):
            (folder / f"{i:03}.txt").read_text()

    with opened_files(folder) as opened:
        threads = [threading.Thread(target=read, args=[i]) for i in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            opened.paths  # noqa: B018 - while it fills
        for thread in threads:
            thread.join()
    assert len(opened.paths) == 200


def test_a_host_that_is_asked_is_noticed(folder):
    with socket.create_server(("127.0.0.1", 0)) as server, opened_files(folder) as opened:
        socket.create_connection(server.getsockname()).close()
    assert (opened.connected, opened.started_process, opened.asked_elsewhere) == (True, False, True)


def test_a_socket_of_this_machine_asks_nobody_elsewhere(folder):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        with opened_files(folder) as opened:
            client.connect("s")
    assert not opened.asked_elsewhere


@pytest.mark.parametrize("start", [lambda: subprocess.run(["true"], check=True), lambda: os.system("true")])
def test_a_program_that_is_started_is_noticed(folder, start):
    with opened_files(folder) as opened:
        start()
    assert (opened.connected, opened.started_process, opened.asked_elsewhere) == (False, True, True)
