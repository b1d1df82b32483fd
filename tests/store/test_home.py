"""The results folder and who is at work in it."""

import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from dlstudy.common.version import __version__
from dlstudy.errors import RecordError, UsageError
from dlstudy.store.home import Home
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study, make_trial

HOLDER = """
import sys
from dlstudy.store.home import Home
with Home.at(sys.argv[1]).lock("s").held():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "a home with 'quotes' and \"more\" and ñä字")
    home.create()
    return home


@pytest.fixture
def holder(home):
    """Another process that holds the study `s` of the home until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate()


def test_a_home_is_at_the_given_path_else_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLSTUDY_HOME", raising=False)
    assert Home.at().root == tmp_path.resolve() / "mlruns"
    monkeypatch.setenv("DLSTUDY_HOME", "elsewhere")
    assert Home.at().root == tmp_path.resolve() / "elsewhere"
    assert Home.at("here").root == tmp_path.resolve() / "here"
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert Home.at("~/results").root == tmp_path.resolve() / "me" / "results"
    assert list(tmp_path.iterdir()) == []


def test_files_have_fixed_places_in_a_home():
    home = Home(Path("/h"))
    assert home.journal == Path("/h/optuna.journal")
    assert home.mlflow_db == Path("/h/mlflow.db")
    assert home.artifacts == Path("/h/artifacts")
    assert home.reports("s") == Path("/h/reports/s")
    trial = make_trial(make_study(), "a", "search", 3)
    name = f"search-3-{trial.setting_key}"
    assert home.trial_files("s", "quick~2", trial) == Path("/h/files/s/quick~2/a", name)
    assert home.trial_files("s", "quick~2", replace(trial, search=2)).name == name.replace("search-", "search-2-")
    assert home.model("s", Variant(), "a", "0f") == Path("/h/models/s/default/a-0f")


def test_folders_of_arms_without_files_are_removed(tmp_path):
    home = Home.at(tmp_path)
    for name in ("s/default/a", "s/default/b/search-0-0f/logs", "s/quick/a", "t/default/a"):
        (home.files / name).mkdir(parents=True)
    home.drop_empty_files("s")
    home.drop_empty_files("none")
    left = sorted(path.relative_to(home.files).as_posix() for path in home.files.rglob("*"))
    assert [name for name in left if name.startswith("s/")] == [
        "s/default", "s/default/b", "s/default/b/search-0-0f", "s/default/b/search-0-0f/logs",
    ]  # fmt: skip
    assert "t/default/a" in left


def test_create_makes_the_folder_and_leaves_nothing_but_its_mark_in_it(tmp_path):
    home = Home.at(tmp_path / "new" / "home")
    home.create()
    home.create()
    assert list(home.root.iterdir()) == [home.mark]


EARLIER = '{"version": 1, "dlstudy": "0.1.0"}\n'


def test_the_mark_of_an_earlier_version_is_replaced_by_who_writes_and_kept_by_who_reads(home):
    home.mark.write_text(EARLIER)
    assert Home.at(home.root).version == 1
    assert home.mark.read_text() == EARLIER
    home.create()
    mark = json.loads(home.mark.read_text())
    assert (mark, home.version) == ({"version": 2, "dlstudy": __version__}, 2)
    assert list(home.root.iterdir()) == [home.mark]


def test_a_home_without_a_mark_gets_one_from_who_writes_alone(home):
    home.mark.unlink()
    assert Home.at(home.root).version is None
    assert not home.mark.exists()
    home.create()
    assert home.version == 2


def test_the_mark_of_this_version_is_left_as_it_is(home):
    mark = '{"version": 2, "dlstudy": "0.1.0.dev7"}\n'
    home.mark.write_text(mark)
    home.create()
    assert home.mark.read_text() == mark


def test_a_home_of_a_later_version_is_refused_by_all(home):
    home.mark.write_text('{"version": 3, "dlstudy": "9.9"}')
    message = r"the results folder .* must be of version 2 or earlier, got 3, made by dlstudy '9\.9'"
    with pytest.raises(RecordError, match=message):
        Home.at(home.root)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": "new"}', "null", "\x00"])
def test_a_mark_that_says_no_version_is_refused(home, text):
    home.mark.write_text(text)
    with pytest.raises(RecordError, match=r"must say the version of the results folder, got .*: restore it"):
        Home.at(home.root)


def test_a_home_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(
            UsageError, match=r"the results folder .*file.* cannot be written to \(.*\): choose another with --home"
        ):
            Home.at(path).create()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_to_is_refused(home):
    home.root.chmod(0o500)
    try:
        with pytest.raises(UsageError, match=r"cannot be written to \(Permission denied\): choose another with --home"):
            home.create()
    finally:
        home.root.chmod(0o700)


def test_a_study_is_held_by_one_process(home, holder):
    message = (
        f"s is being run by process {holder.pid} on {socket.gethostname()} since 20..-.*: wait for it, or stop it first"
    )
    with pytest.raises(RecordError, match=message), home.lock("s").held():
        pass


def test_another_study_of_the_same_home_is_free(home, holder):
    with home.lock("t").held():
        assert holder.poll() is None


def test_a_study_is_free_when_its_process_is_done(home, holder):
    holder.communicate()
    with home.lock("s").held():
        assert f'"pid": {os.getpid()}' in (home.root / "locks" / "s.json").read_text()


def test_what_a_killed_process_left_does_not_hold_a_study(home, holder):
    holder.kill()
    holder.wait()
    left = home.root / "locks" / "s.json"
    assert f'"pid": {holder.pid}' in left.read_text()
    with home.lock("s").held():
        assert f'"pid": {os.getpid()}' in left.read_text()
    assert not left.exists()


@pytest.mark.parametrize("text", [None, "", "{}", "not json"])
def test_a_holder_that_did_not_say_who_it_is_is_another_process(home, holder, text):
    left = home.root / "locks" / "s.json"
    left.unlink() if text is None else left.write_text(text)
    with pytest.raises(RecordError, match="s is being run by another process: wait for it"), home.lock("s").held():
        pass


def test_a_study_is_held_once_within_a_process_too(home):
    with (
        home.lock("s").held(),
        pytest.raises(RecordError, match=f"by process {os.getpid()} on "),
        home.lock("s").held(),
    ):
        pass
    with home.lock("s").held():
        pass


def test_whether_a_study_is_held_can_be_asked(home, holder):
    assert home.lock("s").is_held()
    assert not home.lock("t").is_held()
    holder.communicate()
    assert not home.lock("s").is_held()


def test_a_killed_process_holds_nothing(home, holder):
    holder.kill()
    holder.wait()
    assert (home.root / "locks" / "s.json").exists()
    assert not home.lock("s").is_held()


def test_asking_makes_nothing(home):
    assert not home.lock("s").is_held()
    assert list(home.root.iterdir()) == [home.mark]


def test_a_run_waits_for_who_only_asks(home):
    with home.lock("s").held():
        pass
    lock = FileLock(home.root / "locks" / "s.lock", thread_local=False)  # as `is_held` has it for a moment
    lock.acquire()
    threading.Timer(0.1, lock.release).start()
    with home.lock("s").held():
        assert home.lock("s").is_held()


@pytest.mark.parametrize("named", [True, False])
def test_in_a_home_that_one_may_only_read_a_holder_s_name_counts(home, monkeypatch, named):
    with home.lock("s").held():
        left = (home.root / "locks" / "s.json").read_text()
    if named:
        (home.root / "locks" / "s.json").write_text(left)

    def refuse(lock):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert home.lock("s").is_held() is named


def test_an_error_while_held_frees_the_study(home):
    with pytest.raises(ZeroDivisionError), home.lock("s").held():
        _ = 1 / 0
    with home.lock("s").held():
        pass
