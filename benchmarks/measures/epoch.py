"""One worker's epoch without validation, against the arithmetic alone: both in one process, alternating.

And the same on arrays of one's own, which hold what the built-in set holds.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures import floor
from benchmarks.measures.trials import cpu_slots, prune_nothing, spec, train

OWN = "arrays of one's own"
TARGETS = {"SGD": 2.0, "Adam": 2.2, "RMSprop": None}


def measure(setup: Setup) -> list[Figure]:
    """Ratios of dlstudy's epoch to the floor, for each optimizer."""
    rows, times = (6_400, 1) if setup.short else (55_000, max(5, setup.rounds))
    measured = children.python("benchmarks.measures.epoch", str(rows), str(times))
    base, own = median(measured.pop("floor")), measured.pop(OWN)
    figures = [Figure("the five matrix products of an epoch", base, "s", detail=f"{rows:,} rows, one thread")]
    for name, seconds in measured.items():
        detail = f"{median(seconds):.3f} s an epoch, {min(seconds):.3f} to {max(seconds):.3f}"
        figures.append(
            Figure(f"epoch with {name} / floor", median(seconds) / base, at_most=TARGETS[name], detail=detail)
        )
    built_in = median(measured["SGD"])
    detail = f"{median(own):.3f} s an epoch, {min(own):.3f} to {max(own):.3f}; {built_in:.3f} s on the built-in set"
    figures.append(
        Figure(f"epoch with SGD on {OWN} / on the built-in set", median(own) / built_in, at_most=1.1, detail=detail)
    )
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        print(json.dumps(_measured(*map(int, sys.argv[1:]), _own_mnist(Path(folder)))))


def _own_mnist(folder: Path) -> str:
    """The name of MNIST's training rows as arrays of one's own, in a cache for this process."""
    from dlstudy.datasets import registry
    from dlstudy.datasets.data import Data
    from dlstudy.datasets.own_cache import store_own
    from dlstudy.datasets.own_rows import plain_rows

    known = registry.ensure("mnist")
    (folder / known.name).symlink_to(known)
    os.environ["DLSTUDY_CACHE"] = str(folder)
    built_in = registry.load("mnist")
    return store_own(plain_rows(Data((built_in.x_train / 255).astype("float32"), built_in.y_train)))


def _measured(rows: int, times: int, own: str) -> dict[str, list[float]]:
    """Seconds of each epoch, by what trained it."""
    from dlstudy.engines.inline import InlineEngine
    from dlstudy.study.split import Split

    engine = InlineEngine(cpu_slots(1)[0], prune_nothing)
    arithmetic = floor.make_epoch(-(-rows // 32))
    seconds: dict[str, list[float]] = {name: [] for name in ("floor", *TARGETS, OWN)}
    for number in range(times):
        seconds["floor"] += [floor.seconds(arithmetic) for _ in range(3)]
        for name, dataset in (*((name, "mnist") for name in TARGETS), (OWN, own)):
            params = {"optimizer": "SGD" if name == OWN else name, "learning_rate": 0.001}
            one = spec("six_settings", number, dataset=dataset, params=params, epochs=3, rows=rows, split=Split())
            (result,) = train(engine, [one])
            seconds[name].append(result.cost["seconds_per_epoch"])
    return seconds


if __name__ == "__main__":
    main()
