"""A machine that vanishes from the network without a word while it runs a study, and one that comes back."""

import os
import shutil
import subprocess
import time
from contextlib import closing

import pytest
from nights import FULL, Night, await_, undisturbed

from dlstudy.home import Home
from dlstudy.record import Record

pytest_plugins = ["servers"]
OURS, THEIRS = "10.231.77.1", "10.231.77.2"
SOON = "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_user_timeout=4000"
"""How soon the server of the short form gives a session up."""


class Machine:
    """Another machine, played by a network namespace with a cable to this one."""

    def __init__(self):
        self.name = f"dls{os.getpid()}"  # at most 15 characters with what follows
        self.on = ["ip", "netns", "exec", self.name]
        port, bridge = f"{self.name}p", f"{self.name}b"
        self._made = [["link", "del", port], ["link", "del", bridge], ["netns", "del", self.name]]
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
        self._ip("link", "set", f"{self.name}p", "down")

    def come_back(self):
        self._ip("link", "set", f"{self.name}p", "up")

    def close(self):
        for words in self._made:
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


def trials_of(night, storage):
    return Record.open(night.home, storage, for_writing=False).trials(night.name, "default")


def test_a_study_goes_on_elsewhere_and_the_machine_that_comes_back_stops(machine, storage, tmp_path):
    first, second = Night(tmp_path / "first"), Night(tmp_path / "second")
    with first.start("--storage", storage, on=machine.on) as lost:
        await_(lambda: first.n_built() >= 3)
        machine.vanish()
        began = time.monotonic()
        code, _, err = second.run("--storage", storage)
        assert code == 2
        assert "night is being run by process" in err
        lock = Home.at("nowhere").lock("night", storage)
        await_(lambda: not lock.is_held())
        print(f"free {time.monotonic() - began:.0f} s after the machine vanished")
        code, _, err = second.run("--storage", storage)
        assert code == 0, err
        machine.come_back()
        _, err = lost.communicate(timeout=120)
    print(f"the one that came back: exit code {lost.returncode}, {err.splitlines()[-1:]}")
    assert lost.returncode in (1, 2)
    assert "another run of night began meanwhile" in err or "run the same command again" in err
    trials = trials_of(second, storage)
    assert {trial.state for trial in trials} <= {"finished", "killed", "lost"}
    finished = sorted(
        (t.phase, t.arm, t.row, t.seed, tuple(t.params.items()), tuple(t.metrics.items()), t.result.correct)
        for t in trials
        if t.state == "finished"
    )
    assert finished == undisturbed("night")[0]
