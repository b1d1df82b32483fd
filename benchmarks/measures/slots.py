"""How many slots one parent can feed: trials that only sleep, in the slots of four simulated Ray nodes.

Everything but the training is real: plan, record, MLflow, Ray's actors. What is timed begins when every slot has had
its first trial, and ends when there is no longer a trial for each. All slots share this machine's cores, so that the
work of sixty-four machines is done here too: the figures are a bound from below.
"""

import json
import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.clusters import Cluster
from benchmarks.figures import Figure
from benchmarks.simulated_store import STUDY, made_up
from dlstudy.engines.devices import Slot
from dlstudy.runner import session
from dlstudy.runner.backend import Backend
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.events import Listener
from dlstudy.study.request import Request
from dlstudy.study.trial import TrialRecord, TrialResult, TrialSpec
from dlstudy.study.variant import Variant

CASES = (
    (1, 1.0, 80), (4, 1.0, 320), (16, 1.0, 2_000),
    (64, 5.0, 2_000), (64, 1.0, 2_000), (64, 0.5, 2_000), (64, 0.2, 2_000),
)  # fmt: skip
"""Slots, seconds a trial, trials."""
IN_SHORT = ((4, 0.5, 80),)
N_NODES = 4
EPOCHS = 10


def measure(setup: Setup) -> list[Figure]:
    """How busy the slots are, and what a trial costs the parent."""
    figures = []
    for slots, seconds, trials in IN_SHORT if setup.short else CASES:
        measured = children.python("benchmarks.measures.slots", str(slots), str(seconds), str(trials))
        case = f"{slots} slots, {trials:,} trials of {seconds:g} s"
        target = 90 if (slots, seconds) == (64, 5.0) else None
        detail = (
            f"{measured['per_s']:.1f} trials a second; MLflow and report took {measured['rest_s']:.0f} s after the last"
        )
        figures += [
            Figure(f"{case}: slots' time in trials", 100 * measured["busy"], "%", at_least=target, detail=detail),
            Figure(
                "parent's CPU time for each trial", 1000 * measured["cpu_s"], "ms",
                detail=f"{1000 * measured['thread_s']:.1f} ms in the thread that feeds the slots, the rest for MLflow",
            ),
        ]  # fmt: skip
    return figures


class Sleeper:
    """Plays `dlstudy.engines.trainer.Trainer`: sleeps through its epochs and makes a result up."""

    def __init__(self, seconds: float, slot: Slot) -> None:
        self._seconds = seconds

    def use(self, source: object) -> None:
        """Takes no data."""

    def train(self, spec: TrialSpec, on_epoch: Callable[[int, Mapping[str, float]], bool]) -> TrialResult:
        """Sleeps for the trial's time, which includes reporting its epochs."""
        result, began = made_up(spec), time.monotonic()
        for epoch in range(1, spec.epochs + 1):
            time.sleep(max(0.0, began + self._seconds * epoch / spec.epochs - time.monotonic()))
            on_epoch(epoch, {name: series[epoch - 1] for name, series in result.history.items()})
        return result


class Clock(Listener):
    """Notes when trials begin and end, and what the parent has used by then: its CPU time, and that of this thread."""

    def __init__(self, n_slots: int) -> None:
        self._n_slots, self._slots = n_slots, set[str]()
        self.full: tuple[float, float, float] | None = None
        self.ends: list[tuple[float, float, float]] = []

    def began(self, spec: TrialSpec, slot: str, totals: object) -> None:
        self._slots.add(slot)
        if self.full is None and len(self._slots) == self._n_slots:
            self.full = _now()

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        pass

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: object) -> None:
        self.ends.append(_now())

    def figures(self, seconds: float) -> dict[str, float]:
        """Figures of the time in which all slots had work."""
        if self.full is None:
            raise SystemExit("not every slot had a trial: raise the number of trials")
        ends = [end for end in self.ends if end > self.full][: -self._n_slots]
        passed, cpu_s, thread_s = (b - a for a, b in zip(self.full, ends[-1], strict=True))
        n = len(ends)
        busy = n * seconds / (self._n_slots * passed)
        return {"busy": busy, "per_s": n / passed, "cpu_s": cpu_s / n, "thread_s": thread_s / n}


def _now() -> tuple[float, float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), used.ru_utime + used.ru_stime, time.thread_time()


@contextmanager
def cluster(n_slots: int) -> Iterator[str]:
    """Ray nodes with this many CPUs in all, on this machine; the address of the first, which trains nothing."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        closing(Cluster(Path(folder), store_mb=300)) as made,
    ):
        n_nodes = min(N_NODES, n_slots)
        for _ in range(n_nodes):
            made.add(cpus=n_slots // n_nodes)
        yield made.address


def main() -> None:
    slots, seconds, trials = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    from dlstudy.engines.ray_engine import ClusterRequest, RayEngine

    file = loader.load(STUDY)
    n_arms, seeds = len(file.study.arms), 8
    request = Request(Variant(epochs=EPOCHS), trials=trials // n_arms - seeds, seeds=seeds)
    clock = Clock(slots)
    make = partial(Sleeper, seconds)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, cluster(slots) as address:
        session.engine_maker = lambda _backend, dataset, say, _file: (
            lambda n, decide: RayEngine(ClusterRequest(address, n, slots), dataset, decide, say, make)
        )
        backend = Backend(Home.at(folder))
        session.run_study(file, request, backend, clock, lambda line: print(line, file=sys.stderr))
        rest_s = time.monotonic() - clock.ends[-1][0]
    print(json.dumps({**clock.figures(seconds), "rest_s": rest_s}))


if __name__ == "__main__":
    main()
