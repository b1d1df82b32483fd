"""What a worker holds after many trials, and whether workers share one copy of the data."""

import json
import multiprocessing
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures.trials import cpu_slots, prune_nothing, spec, train
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec

FEW = 10
DATA_MB = 70_000 * 28 * 28 * 4 / 2**20
"""MNIST as float32, training and test part."""


def measure(setup: Setup) -> list[Figure]:
    """Growth over trials, in two series; and what each of two workers holds of the data for itself."""
    many = 30 if setup.short else 300
    figures = []
    for series, name in (("rates", "same nets, other rates"), ("graphs", "every trial another net")):
        held = children.python("benchmarks.measures.memory", series, str(many))
        detail = f"{held[FEW - 1]:.0f} MB after {FEW}, {held[-1]:.0f} MB after {many}"
        figures.append(Figure(f"memory of a worker, {name}", held[-1] / held[FEW - 1], at_most=1.3, detail=detail))
    large, small = (children.python("benchmarks.measures.memory", "sharing", name) for name in ("mnist", "digits"))
    own = sum(large["private"]) / 2 - sum(small["private"]) / 2
    detail = (
        f"of {DATA_MB:.0f} MB as float32; two workers on MNIST: Rss {sum(large['rss']):.0f} MB, "
        f"Pss {sum(large['pss']):.0f} MB; on digits: {sum(small['rss']):.0f} and {sum(small['pss']):.0f} MB"
    )
    figures.append(Figure("data that each worker holds for itself", own, "MB", at_most=DATA_MB / 10, detail=detail))
    return figures


def main() -> None:
    if sys.argv[1] == "sharing":
        print(json.dumps(sharing(sys.argv[2])))
    else:
        print(json.dumps(grow(sys.argv[1], int(sys.argv[2]))))


def grow(series: str, n: int) -> list[float]:
    """Resident MB of one worker after each of n trials."""
    from dlstudy.engines.local import LocalEngine

    with closing(LocalEngine(cpu_slots(1), "mnist", prune_nothing)) as engine:
        return [result.cost["memory_mb"] for result in train(engine, [_small(series, i) for i in range(n)])]


def sharing(dataset: str) -> dict[str, list[float]]:
    """MB of two workers that both hold a data set and have trained: resident, proportional and private."""
    from dlstudy.engines.local import LocalEngine

    with closing(LocalEngine(cpu_slots(2), dataset, prune_nothing)) as engine:
        train(engine, [_small("rates", i, dataset=dataset) for i in range(6)])
        return _held([process.pid for process in multiprocessing.active_children()])


def _small(series: str, i: int, dataset: str = "mnist") -> TrialSpec:
    optimizer = ("SGD", "Adam", "RMSprop")[i % 3]
    dropout_rate = 0.2 if series == "rates" else 0.1 + 0.001 * i
    params = {"optimizer": optimizer, "learning_rate": 0.001 * (1 + i), "dropout_rate": dropout_rate}
    return spec("small_nets", i, params=params, rows=640, split=Split(64), dataset=dataset)


def _held(pids: Sequence[int | None]) -> dict[str, list[float]]:
    """From the kernel's account of each process, in MB."""
    held: dict[str, list[float]] = {"rss": [], "pss": [], "private": []}
    for pid in pids:
        kb: dict[str, int] = {}
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value = line.split()[:2]
            kb[name.rstrip(":")] = int(value)
        held["rss"].append(kb["Rss"] / 1024)
        held["pss"].append(kb["Pss"] / 1024)
        held["private"].append((kb["Private_Clean"] + kb["Private_Dirty"]) / 1024)
    return held


if __name__ == "__main__":
    main()
