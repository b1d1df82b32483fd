"""Who runs a study: the same contract for a file and for each kind of database."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dlstudy.errors import RecordError, StoreError
from dlstudy.store import locks
from dlstudy.store.home import Home

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.helpers.database_servers"]

HOLDER = """
import sys
from pathlib import Path
from dlstudy.store.home import Home
with Home(Path(sys.argv[1])).lock("s", sys.argv[2] or None).held():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["home", "sqlite", "postgres", "mariadb"])
def place(request, tmp_path):
    """A home and the URL of a storage."""
    home = Home.at(tmp_path / "home")
    home.create()
    urls = {"home": lambda: None, "sqlite": lambda: f"sqlite:///{tmp_path / 'trials.db'}"}
    url = urls[request.param]() if request.param in urls else request.getfixturevalue(request.param).fresh()
    return home, url


@pytest.fixture
def lock(place):
    """Makes locks on that place, as other processes would."""
    home, url = place
    return lambda study="s": home.lock(study, url)


@pytest.fixture
def holder(place):
    home, url = place
    command = [sys.executable, "-c", HOLDER, str(home.root), url or ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def await_(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_study_is_held_by_one_run_and_the_error_of_another_names_it(lock, holder):
    refused = pytest.raises(
        RecordError, match=rf"^s is being run by process {holder.pid} on \S+ since 2\d\d\d-.*: wait"
    )
    with refused, lock().held():
        pass
    assert lock().is_held()
    with lock("t").held():
        assert lock("t").is_held()


def test_it_is_free_before_and_after(lock):
    assert not lock().is_held()
    for _ in range(2):
        mine = lock()
        with mine.held():
            assert lock().is_held()
            mine.require()
        assert not lock().is_held()


def test_a_process_that_is_killed_holds_nothing(lock, holder):
    holder.send_signal(signal.SIGKILL)
    await_(lambda: not lock().is_held())
    with lock().held():
        pass


def test_the_same_study_in_another_database_is_another(database):
    home = Home.at("nowhere")
    with home.lock("s", database.fresh()).held():
        assert not home.lock("s", database.fresh()).is_held()


def test_a_lock_whose_connection_breaks_is_taken_again(database, monkeypatch):
    monkeypatch.setattr(locks, "_PING_S", 0.1)
    url = database.fresh()
    mine = Home.at("nowhere").lock("s", url)
    with mine.held():
        database.drop_sessions()
        await_(lambda: not mine._sure.is_set())
        mine.require()
        assert Home.at("nowhere").lock("s", url).is_held()
    assert not Home.at("nowhere").lock("s", url).is_held()


def test_a_run_ends_when_another_took_its_lock_while_the_connection_was_broken(database, monkeypatch):
    monkeypatch.setattr(locks, "_PING_S", 0.1)
    url = database.fresh()
    mine, other = (Home.at("nowhere").lock("s", url) for _ in range(2))
    with mine.held():
        monkeypatch.setattr(mine, "_try", lambda connection: False)  # it is slower to come back
        database.drop_sessions()
        await_(lambda: not mine._sure.is_set())
        with other.held(), pytest.raises(RecordError, match="another run of s began meanwhile: this one has ended"):
            mine.require()


def test_a_lock_that_stays_in_doubt_stops_the_run(database, monkeypatch):
    for name, value in {"_PING_S": 0.1, "_UNSURE_S": 0.5}.items():
        monkeypatch.setattr(locks, name, value)
    mine = Home.at("nowhere").lock("s", database.fresh())
    with mine.held():
        monkeypatch.setattr(mine, "_try", lambda connection: False)
        database.drop_sessions()
        await_(lambda: not mine._sure.is_set())
        with pytest.raises(StoreError, match="could not be taken again"):
            mine.require()


def test_the_server_ends_the_session_of_a_machine_that_went_away(database):
    mine = Home.at("nowhere").lock("s", database.fresh())
    with mine.held():
        if mine._database.kind == "mysql":
            assert 0 < int(mine._ask(mine._connection, "SELECT @@session.wait_timeout")) <= 60
        else:
            assert 0 < int(mine._ask(mine._connection, "SHOW tcp_keepalives_idle")) <= 60
            assert 0 < int(mine._ask(mine._connection, "SHOW tcp_user_timeout")) <= 60_000


def test_the_holder_of_a_file_is_named_beside_it(tmp_path):
    home = Home.at(tmp_path / "home")
    home.create()
    with home.lock("s").held():
        assert json.loads((home.root / "locks" / "s.json").read_text())["pid"] == os.getpid()
    assert not (home.root / "locks" / "s.json").exists()
