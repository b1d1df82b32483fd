"""Workers that are killed, hang or never start: the study ends with the table of an undisturbed run."""

import time
from contextlib import closing

import pytest

from dlstudy.engines import local
from dlstudy.engines.local import LocalEngine
from dlstudy.errors import DlstudyError
from dlstudy.study.phases import Phase
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec
from tests.helpers.fake_worker import FakeWorkerSlot
from tests.helpers.full_form import FULL, in_full_form
from tests.helpers.study_process import KILL, STOP, StudyProcess, await_, dice, send, workers_of

N_KILLS = 30 if FULL else 5
SEEDS = ("--seeds", "40" if FULL else "16")

STUCK = '''"""An arm that never ends, and one that does."""
import ctypes
import os
import time

from dlstudy import Arm, Protocol, Split, Study


def build(p):
    if p["kind"] == "asleep":
        time.sleep(3600)
    if p["kind"] == "deaf":
        ctypes.PyDLL(None).sleep(3600)  # no other thread of Python runs meanwhile
    if os.environ.get("STUDY_PROCESS_FAKE"):
        return None
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier()


STUDY = Study(
    question="What if an arm never ends?",
    dataset="digits",
    build=build,
    arms=[Arm(kind, setting={"kind": kind}) for kind in ("quick", "asleep", "deaf")],
    protocol=Protocol(searches=1, trials=1, seeds=6, split=Split(validation=200), rows=400, silence_s=SILENCE),
)
'''


@in_full_form  # that of engines kills one worker, test_checkpoints the whole run
def test_a_study_whose_workers_are_killed_at_random_ends_with_the_same_table(tmp_path):
    study_process, chance = StudyProcess(tmp_path), dice(6)
    n_kills = n_built = 0
    with study_process.start(*SEEDS, "--workers", "2") as process:
        while n_kills < N_KILLS and process.poll() is None:
            time.sleep(chance.uniform(0, 0.3))
            workers, n = workers_of(process.pid), study_process.n_built()
            if workers and n > n_built:  # something was trained since
                n_kills, n_built = n_kills + send(chance.choice(workers), KILL), n
        _, err = process.communicate(timeout=300)
    assert n_kills == N_KILLS, err
    n_twice = sum(states == ["lost", "failed"] for states in study_process.tries().values())
    assert process.returncode == (1 if n_twice else 0), err
    if n_twice:  # two kills hit the two tries of one training
        assert study_process.run(*SEEDS)[0] == 0
    n_lost = sum(len(states) - 1 for states in study_process.tries().values())
    assert n_lost <= N_KILLS
    print(f"\n{n_kills} kills: {n_lost} tries lost, {n_twice} trainings hit twice")
    study_process.check(*SEEDS)


def test_an_arm_that_hangs_fails_with_that_reason_and_the_others_finish(tmp_path):
    silence_s = 20 if FULL else 3
    study_process = StudyProcess(tmp_path, "stuck", STUCK.replace("SILENCE", str(silence_s)))
    code, out, err = study_process.run("--phase", "search")
    assert code == 1, err
    states = {arm: states for (_, arm, _, _), states in study_process.tries().items()}
    assert states == {"quick": ["finished"], "asleep": ["lost", "failed"], "deaf": ["lost", "failed"]}
    reason = f"was ended: no message for {silence_s} s (Protocol.silence_s)"
    assert sum(trial.result.reason.endswith(reason) for trial in study_process.trials()) == 4
    for arm in ("asleep", "deaf"):
        assert f"search {arm} #0: failed: worker " in out
    assert sorted(status for key, status, _ in study_process.statuses() if key) == ["FAILED"] * 4 + ["FINISHED"]


def test_a_training_that_takes_too_long_is_ended_and_counts(tmp_path, built):
    study_process = StudyProcess(tmp_path, "stuck", STUCK.replace("SILENCE", "600"))
    with closing(engine_of(2)) as engine:
        for i, kind in enumerate(("asleep", "quick")):
            engine.submit(make_spec(study_process.file, i, kind=kind, trial_minutes=0.02))
        ended = []
        await_(lambda: ended.extend(engine.wait(0.1)) or len(ended) >= 2)
        found = {one.spec.index: (one.result.state, one.result.reason) for one in ended}
        assert found == {
            0: ("over time", "took longer than 0.02 minutes (Protocol.trial_minutes)"),
            1: ("finished", ""),
        }
        engine.submit(make_spec(study_process.file, 2))
        assert all_of(engine, 1) == [("t#2", "finished")]


@in_full_form
def test_a_worker_that_is_stopped_in_a_training_costs_it_one_try(tmp_path):
    study_process = StudyProcess(tmp_path)
    study_process.file.write_text(
        study_process.file.read_text().replace("silence_s=60", f"silence_s={10 if FULL else 3}")
    )
    with study_process.start("--workers", "1") as process:
        await_(lambda: study_process.n_built() == 3)
        assert send(workers_of(process.pid)[0], STOP)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    *others, last = sorted(map(len, study_process.tries().values()))
    assert (set(others), last) == ({1}, 2)
    study_process.check()


def make_spec(path, index, kind="quick", **changes):
    fields = {"epochs": 2, "batch_size": 32, "split": Split(validation=100), **changes}
    params = {"average": False, "alpha": 0.1, "kind": kind}
    return TrialSpec(f"t#{index}", str(path), "digits", "plain", Phase.SEARCH, index, params, 7 + index, **fields)


@pytest.fixture
def built(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_PROCESS_BUILT", str(tmp_path / "built"))
    monkeypatch.setenv("STUDY_PROCESS_FAKE", "1")
    return tmp_path / "built"


def engine_of(n):
    return LocalEngine([FakeWorkerSlot(f"cpu:{i}", {}) for i in range(n)], "digits", lambda *_: True)


def all_of(engine, n):
    ended = []
    await_(lambda: ended.extend(engine.wait(0.1)) or len(ended) >= n)
    return [(one.spec.key, one.result.state) for one in ended]


def test_a_worker_that_dies_before_it_is_ready_costs_no_try(tmp_path, built):
    study_process = StudyProcess(tmp_path)
    with closing(engine_of(1)) as engine:
        engine.submit(make_spec(study_process.file, 0))
        engine._workers[0].process.kill()
        assert all_of(engine, 1) == [("t#0", "finished")]
    assert len(built.read_text().splitlines()) == 1


def test_a_start_that_never_ends_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_START_S", 0.05)
    monkeypatch.setattr(local, "STARTS_ALLOWED", 1)
    with closing(engine_of(1)) as engine:
        engine.submit(make_spec(tmp_path / "none.py", 0))
        with pytest.raises(DlstudyError, match=r"do not start, the last: worker cpu:0 was not ready after 0.05 s"):
            all_of(engine, 1)


def test_a_worker_that_is_replaced_since_it_has_grown_is_replaced_once(tmp_path, built, monkeypatch):
    monkeypatch.setattr(local, "GROWTH_MB", -1e9)
    study_process, started = StudyProcess(tmp_path), []
    start = LocalEngine._start
    monkeypatch.setattr(LocalEngine, "_start", lambda self, slot: started.append(slot) or start(self, slot))
    with closing(engine_of(1)) as engine:
        for i in range(3):
            engine.submit(make_spec(study_process.file, i))
            assert all_of(engine, 1) == [(f"t#{i}", "finished")]
        assert len(started) == 4


def test_an_error_of_the_parent_s_own_is_not_taken_for_a_worker_s_death(tmp_path, built):
    study_process = StudyProcess(tmp_path)

    def no_room(*_):
        raise OSError(28, "No space left on device")

    with closing(LocalEngine([FakeWorkerSlot("cpu:0", {})], "digits", no_room)) as engine:
        engine.submit(make_spec(study_process.file, 0))
        with pytest.raises(OSError, match="No space left"):
            all_of(engine, 1)
