"""A machine that vanishes from the network without notice while it runs a study, and one that comes back."""

import os
import shutil
import subprocess
import time
from contextlib import closing

import pytest

from dlstudy.store.home import Home
from tests.helpers.full_form import FULL, in_full_form
from tests.helpers.study_process import StudyProcess, await_, undisturbed

pytest_plugins = ["tests.helpers.database_servers"]
OURS, THEIRS = "10.231.77.1", "10.231.77.2"
SOON = "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_user_timeout=8000"
"""Makes the server give a lost session up soon, in the short form."""


class Machine:
    """Another machine, played by a network namespace with a cable to this one."""

    def __init__(self):
        self.name = f"dls{os.getpid()}"  # at most 15 characters with what follows
        self.on = ["ip", "netns", "exec", self.name]
        self._port, self._bridge = f"{self.name}p", f"{self.name}b"
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        port, bridge = self._port, self._bridge
        for words in (
            ["netns", "add", self.name],
            ["link", "add", bridge, "type", "bridge"],
            ["addr", "add", f"{OURS}/24", "dev", bridge],
            ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.name],
            ["link", "set", port, "master", bridge, "up"],
            ["link", "set", bridge, "up"],
        ):
            self._ip(*words)
        for words in (f"addr add {THEIRS}/24 dev eth0", "link set eth0 up", "link set lo up"):
            subprocess.run([*self.on, "ip", *words.split()], check=True, capture_output=True)

    def vanish(self):
        """From now on no packet arrives, in either direction."""
        self._ip("link", "set", self._port, "down")

    def come_back(self):
        self._ip("link", "set", self._port, "up")

    def close(self):
        for words in (["link", "del", self._port], ["link", "del", self._bridge], ["netns", "del", self.name]):
            subprocess.run(["ip", *words], check=False, capture_output=True)

    def _ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def machine():
    if not shutil.which("ip") or os.getuid() != 0:
        pytest.skip("plays a machine with network namespaces: needs iproute2 and root")
    try:
        made = Machine()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"plays a machine with network namespaces, which there are not: {error.stderr.decode().strip()}")
    with closing(made):
        yield made


@pytest.fixture(params=["Postgres", "MariaDB"] if FULL else ["Postgres"])
def storage(request, machine, server_at):
    """The URL of a new database on this machine, which the other one reaches."""
    url = server_at(request.param, OURS).fresh()
    return url if FULL else f"{url}?options={SOON.replace(' ', '%20')}"


@in_full_form
def test_a_study_continues_elsewhere_and_the_machine_that_comes_back_stops(machine, storage, tmp_path):
    first, second = StudyProcess(tmp_path / "first"), StudyProcess(tmp_path / "second")
    with first.start("--storage", storage, on=machine.on) as lost:
        await_(lambda: first.n_built() >= 3)
        machine.vanish()
        began = time.monotonic()
        code, _, err = second.run("--storage", storage)
        assert code == 2
        assert "averaging is being run by process" in err
        lock = Home.at("nowhere").lock("averaging", storage)
        await_(lambda: not lock.is_held())
        print(f"free {time.monotonic() - began:.0f} s after the machine vanished")
        code, _, err = second.run("--storage", storage)
        assert code == 0, err
        machine.come_back()
        _, err = lost.communicate(timeout=120)
    print(f"the one that came back: exit code {lost.returncode}, {err.splitlines()[-1:]}")
    assert lost.returncode in (1, 2)
    assert "another run of averaging began meanwhile" in err or "run the same command again" in err
    assert {trial.state for trial in second.trials(storage)} <= {"finished", "killed", "lost"}
    assert second.table(storage) == undisturbed("averaging")[0]
