"""One contract for every engine, and what only worker processes can do."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from dlstudy.datasets import registry
from dlstudy.engines.devices import Slot
from dlstudy.engines.inline import InlineEngine
from dlstudy.engines.local import LocalEngine
from dlstudy.engines.ray_engine import ClusterRequest, RayEngine
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec

pytest_plugins = ["tests.helpers.ray_clusters"]

CPU = {"CUDA_VISIBLE_DEVICES": "-1", "DLSTUDY_THREADS": "1"}
SLOTS = (Slot("cpu:0", CPU), Slot("cpu:1", CPU))


def make_spec(tiny: Path, index: int, **changes: object) -> TrialSpec:
    fields = {
        "key": f"t#{index}",
        "study_path": str(tiny),
        "dataset": "digits",
        "arm": "net",
        "phase": Phase.SEARCH,
        "index": index,
        "params": {"kind": "net", "learning_rate": 0.05},
        "seed": 100 + index,
        "epochs": 2,
        "batch_size": 32,
        "split": Split(validation=100),
        "rows": 600,
    }
    return TrialSpec(**{**fields, **changes})


class Heard:
    """Keeps the epochs that an engine reports; answers from a list of (key, epoch) to prune at."""

    def __init__(self) -> None:
        self.epochs: list[tuple[str, int]] = []
        self.prune_at: set[tuple[str, int]] = set()

    def __call__(self, spec, epoch, metrics):
        self.epochs.append((spec.key, epoch))
        return (spec.key, epoch) not in self.prune_at


def wait_all(engine, n: int):
    ended = []
    end = time.monotonic() + 120
    while len(ended) < n and time.monotonic() < end:
        ended += engine.wait(1.0)
    return {one.spec.key: one.result for one in ended}


@pytest.fixture(scope="module")
def heard():
    return Heard()


THREADS = '''"""A study that says how many threads NumPy's linear algebra has."""
from dlstudy import Arm, Protocol, Split, Study


def build(p):
    from threadpoolctl import threadpool_info

    raise RuntimeError(sorted({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}))


STUDY = Study(
    question="How many threads?",
    dataset="digits",
    build=build,
    arms=[Arm("net")],
    protocol=Protocol(searches=1, split=Split(validation=0.2)),
)
'''


@pytest.fixture(scope="module")
def numbers():
    return {}


LOUD = """
import dataclasses

_quiet = STUDY.build


def build(p):
    print("it builds")
    return _quiet(p)


STUDY = dataclasses.replace(STUDY, build=build)
"""


@pytest.fixture(scope="module", params=["inline", "local", "ray"])
def engine(request, heard):
    registry.ensure("digits")
    if request.param == "ray":
        cluster = request.getfixturevalue("cluster")
        node = cluster.add(cpus=2)
        with closing(RayEngine(ClusterRequest(cluster.address, 2), "digits", heard, print)) as made:
            while len(made.slots) < 2:
                made.wait(1.0)
            yield made
        cluster.end(node)
        return
    made = InlineEngine(SLOTS[0], heard) if request.param == "inline" else LocalEngine(SLOTS, "digits", heard)
    with closing(made):
        yield made


def test_a_trial_trains_in_a_slot_and_ends_once(engine, heard, tiny):
    heard.epochs.clear()
    slot = engine.submit(make_spec(tiny, 0))
    result = wait_all(engine, 1)["t#0"]
    assert result.state == "finished", result.traceback
    assert result.slot == slot
    assert slot in [one.name for one in engine.slots]
    assert heard.epochs == [("t#0", 1), ("t#0", 2)]
    assert engine.wait(0.1) == []


def test_as_many_trials_as_slots_train_side_by_side(engine, tiny):
    specs = [make_spec(tiny, index) for index in range(len(engine.slots))]
    slots = {engine.submit(spec) for spec in specs}
    assert len(slots) == len(specs)
    assert set(wait_all(engine, len(specs))) == {spec.key for spec in specs}


def test_an_error_in_build_fails_the_trial_and_the_next_one_trains(engine, tiny):
    engine.submit(make_spec(tiny, 1, params={"kind": "broken"}))
    assert wait_all(engine, 1)["t#1"].state == "failed"
    engine.submit(make_spec(tiny, 2))
    assert wait_all(engine, 1)["t#2"].state == "finished"


def test_only_a_prunable_trial_is_pruned(engine, heard, tiny):
    heard.prune_at = {("t#3", 1), ("t#4", 1)}
    engine.submit(make_spec(tiny, 3, prunable=True))
    assert wait_all(engine, 1)["t#3"].state == "pruned"
    engine.submit(make_spec(tiny, 4))
    assert wait_all(engine, 1)["t#4"].state == "finished"


def test_every_engine_gives_the_same_numbers(engine, numbers, tiny):
    engine.submit(make_spec(tiny, 5, read_test=ReadTest.AT_END))
    result = wait_all(engine, 1)["t#5"]
    first = numbers.setdefault("of the first engine", result)
    assert result.metrics == pytest.approx(first.metrics, abs=1e-6)
    assert result.correct == first.correct


def test_linear_algebra_has_one_thread_in_every_slot(engine, tmp_path):
    path = tmp_path / "threads.py"
    path.write_text(THREADS)
    engine.submit(make_spec(path, 6))
    assert wait_all(engine, 1)["t#6"].reason.startswith("RuntimeError: [1]")


def test_a_killed_worker_loses_its_trial_and_is_replaced_and_what_it_printed_is_kept(tiny, tmp_path):
    heard = Heard()
    with closing(LocalEngine(SLOTS[:1], "digits", heard)) as engine:
        path = tmp_path / "loud.py"
        path.write_text(f"{tiny.read_text()}\n{LOUD}")
        engine.submit(make_spec(path, 0, epochs=100_000, folder=str(tmp_path / "files")))
        while not heard.epochs:
            engine.wait(1.0)
        os.kill(engine._workers[0].process.pid, signal.SIGKILL)
        result = wait_all(engine, 1)["t#0"]
        assert result.state == "lost"
        assert "killed by SIGKILL" in result.reason
        assert (tmp_path / "files" / "output-0.txt").read_text() == "it builds\n"
        engine.submit(make_spec(tiny, 1))
        assert wait_all(engine, 1)["t#1"].state == "finished"


def test_a_closed_engine_leaves_no_process(tiny):
    engine = LocalEngine(SLOTS[:1], "digits", Heard())
    engine.submit(make_spec(tiny, 0, epochs=100_000))
    process = engine._workers[0].process
    engine.close()
    assert process.exitcode is not None


ORPHAN = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.engines.test_engines import SLOTS, Heard, make_spec
from dlstudy.engines.local import LocalEngine

if __name__ == "__main__":
    engine = LocalEngine(SLOTS[:1], "digits", Heard())
    engine.submit(make_spec(Path({tiny!r}), 0, epochs=100_000))
    engine.wait(60)
    print(engine._workers[0].process.pid, flush=True)
    time.sleep(600)
"""


def test_no_worker_outlives_a_killed_parent(tiny, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(ORPHAN.format(tests=str(Path(__file__).parents[2]), tiny=str(tiny)))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 30
    while time.monotonic() < end and _lives(worker):
        time.sleep(0.05)
    assert not _lives(worker)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False
