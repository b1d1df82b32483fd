"""A run that is killed or stopped at any moment: no worker outlives it, and the next run finishes what is missing."""

import os
import signal
import time
from collections import Counter

from tests.helpers.full_form import in_full_form
from tests.helpers.study_process import (
    KILL,
    STOP,
    StudyProcess,
    await_,
    dice,
    processes_of,
    send,
    undisturbed,
    workers_of,
)

TERM, INT = signal.SIGTERM, signal.SIGINT
WAYS = {"kill": [KILL], "SIGTERM": [TERM], "Ctrl-C": [INT], "Ctrl-C twice": [INT, INT]}
TIMES = {"kill": 30, "SIGTERM": 10, "Ctrl-C": 10, "Ctrl-C twice": 10}
PATIENCE_S = 8.0
"""How long a run that was stopped waits for MLflow, whose store takes longer to make on a busy machine."""


def stop(process, way, pause_s):
    """Stops a run as a user would; Ctrl-C reaches all of a terminal's processes. False where it had ended before."""
    for number in WAYS[way]:
        if process.poll() is not None:
            return False
        os.killpg(process.pid, number) if number == INT else process.send_signal(number)
        time.sleep(pause_s)
    return True


@in_full_form
def test_runs_that_are_stopped_at_random_moments_end_with_the_same_table(tmp_path):
    chance, left, outcomes, n_homes = dice(6), Counter(TIMES), Counter(), 1
    _, longest_s = undisturbed("averaging")
    study_process = StudyProcess(tmp_path / "1")
    while left.total():
        way, before = chance.choice(sorted(left.elements())), study_process.open()
        with study_process.start() as process:
            time.sleep(chance.uniform(0, longest_s))
            left[way] -= stop(process, way, chance.uniform(0, 0.3))
            stopped_s = time.monotonic()
            process.communicate(timeout=120)
            waited_s = time.monotonic() - stopped_s
            await_(lambda session=process.pid: not processes_of(session), 10)
        outcomes[way, process.returncode] += 1
        if process.returncode == 0:  # it was done, or about to be: continue in a new home
            study_process.check()
            n_homes += 1
            study_process = StudyProcess(tmp_path / str(n_homes))
        elif process.returncode == 130 and way in ("SIGTERM", "Ctrl-C") and waited_s < PATIENCE_S:
            assert study_process.open() <= before  # it may have been stopped before it came to those of a killed one
    code, _, err = study_process.run()
    assert code == 0, err
    study_process.check()
    print(f"\n{n_homes} homes; exits {dict(outcomes)}")


def test_a_worker_that_cannot_run_does_not_outlive_a_killed_run_either(tmp_path):
    study_process = StudyProcess(tmp_path)
    with study_process.start("--workers", "2") as process:
        # One that is stopped before it has asked the kernel to end it with its parent ends when it continues.
        await_(lambda: len(study_process.trainers()) == 2)
        assert study_process.trainers() == set(workers_of(process.pid))
        for pid in workers_of(process.pid):
            send(pid, STOP)
        process.kill()
        process.wait()
        try:
            await_(lambda: not workers_of(process.pid), 10)
        finally:
            for pid in workers_of(process.pid):
                send(pid, KILL)
