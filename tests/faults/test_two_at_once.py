"""Several commands in one home at a time: a study runs once, studies run side by side, readers disturb nobody."""

import json
import os
import re
import signal
import socket
import urllib.request

from tests.helpers.full_form import FULL, in_full_form
from tests.helpers.study_process import StudyProcess, await_

LONG = ("--seeds", "40")


def held(study_process):
    """The file in which a run says who it is."""
    return study_process.home.root / "locks" / f"{study_process.name}.json"


@in_full_form
def test_a_second_run_is_refused_and_told_who_holds_the_study_and_a_killed_one_holds_it_no_longer(tmp_path):
    study_process = StudyProcess(tmp_path)
    with study_process.start() as first:
        await_(held(study_process).exists)
        code, out, err = study_process.run()
        assert (code, out) == (2, "")
        who = rf"by process {first.pid} on {re.escape(socket.gethostname())} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
        assert re.fullmatch(rf"dlstudy: averaging is being run {who}: wait for it, or stop it first\n", err)
        await_(lambda: study_process.n_built() > 3)
        first.kill()
    assert json.loads(held(study_process).read_text())["pid"] == first.pid
    code, _, err = study_process.run()
    assert code == 0, err
    assert not held(study_process).exists()
    study_process.check()


@in_full_form
def test_different_studies_run_side_by_side_in_one_home(tmp_path):
    for i in range(10 if FULL else 1):
        study_processes = [StudyProcess(tmp_path / str(i), name) for name in ("averaging", "other")]
        with study_processes[0].start() as one, study_processes[1].start() as other:
            for process in (one, other):
                _, err = process.communicate(timeout=300)
                assert process.returncode == 0, err
        for study_process in study_processes:
            study_process.check()


@in_full_form
def test_readers_work_during_a_run_and_do_not_disturb_it(tmp_path):
    study_process = StudyProcess(tmp_path)
    with study_process.start(*LONG) as process:
        await_(lambda: study_process.n_built() > 5 and study_process.home.mlflow_db.exists())
        seen = [json.loads(read(study_process))]
        for command in ("ui", "dashboard") if FULL else ("ui",):
            page = page_of(study_process, command)
            assert "<html" in page.lower()
        assert process.poll() is None, "the run ended before its readers: make it longer"
        while FULL and process.poll() is None:
            seen.append(json.loads(read(study_process)))
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert any("running" in json.dumps(one) for one in seen)
    study_process.check(*LONG)


def read(study_process):
    """What `status` says, after a report."""
    code, out, err = study_process.run("--format", "md", command="report")
    assert code == 0, err
    assert "Does averaging help?" in out
    code, out, err = study_process.run("--json", command="status", study=False)
    assert code == 0, err
    return out


def page_of(study_process, command):
    """What a server of dlstudy shows, started and stopped as a user would."""
    with study_process.start("--no-open", "--port", "0", command=command, study=False) as server:
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), server.stderr.read() if server.poll() is not None else address
        with urllib.request.urlopen(address.partition("#")[0], timeout=30) as answer:
            page = answer.read().decode()
        os.killpg(server.pid, signal.SIGINT)
        _, err = server.communicate(timeout=60)
        assert server.returncode == 0, err
    return page
