"""Several commands in one home at a time: a study runs once, studies run side by side, readers are in nobody's way."""

import json
import os
import re
import signal
import socket
import urllib.request

from tests.helpers.study_process import FULL, Night, await_

LONG = ("--seeds", "40")


def held(night):
    """The file in which a run says who it is."""
    return night.home.root / "locks" / f"{night.name}.json"


def test_a_second_run_of_a_study_says_who_holds_it_and_is_refused(tmp_path):
    night = Night(tmp_path)
    with night.start() as first:
        await_(held(night).exists)
        code, out, err = night.run()
        assert (code, out) == (2, "")
        who = rf"by process {first.pid} on {re.escape(socket.gethostname())} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
        assert re.fullmatch(rf"dlstudy: night is being run {who}: wait for it, or stop it first\n", err)
        _, err = first.communicate(timeout=300)
    assert first.returncode == 0, err
    assert not held(night).exists()
    night.check()


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path):
    night = Night(tmp_path)
    with night.start() as first:
        await_(lambda: night.n_built() > 3)
        first.kill()
    assert json.loads(held(night).read_text())["pid"] == first.pid
    code, _, err = night.run()
    assert code == 0, err
    assert not held(night).exists()
    night.check()


def test_different_studies_run_side_by_side_in_one_home(tmp_path):
    for i in range(10 if FULL else 1):
        nights = [Night(tmp_path / str(i), name) for name in ("night", "eve")]
        with nights[0].start() as one, nights[1].start() as other:
            for process in (one, other):
                _, err = process.communicate(timeout=300)
                assert process.returncode == 0, err
        for night in nights:
            night.check()


def test_readers_work_during_a_run_and_do_not_disturb_it(tmp_path):
    night = Night(tmp_path)
    with night.start(*LONG) as process:
        await_(lambda: night.n_built() > 5 and night.home.mlflow_db.exists())
        seen = [json.loads(read(night))]
        for command in ("ui", "dashboard") if FULL else ("ui",):
            page = page_of(night, command)
            assert "<html" in page.lower()
        assert process.poll() is None, "the run ended before its readers: make it longer"
        while FULL and process.poll() is None:
            seen.append(json.loads(read(night)))
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert any("running" in json.dumps(one) for one in seen)
    night.check(*LONG)


def read(night):
    """What `status` says, after a report."""
    code, out, err = night.run("--format", "md", command="report")
    assert code == 0, err
    assert "Does averaging help?" in out
    code, out, err = night.run("--json", command="status", study=False)
    assert code == 0, err
    return out


def page_of(night, command):
    """What a server of dlstudy shows, started and stopped as a user would."""
    with night.start("--no-open", "--port", "0", command=command, study=False) as server:
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), server.stderr.read() if server.poll() is not None else address
        with urllib.request.urlopen(address.partition("#")[0], timeout=30) as answer:
            page = answer.read().decode()
        os.killpg(server.pid, signal.SIGINT)
        _, err = server.communicate(timeout=60)
        assert server.returncode == 0, err
    return page
