"""One worker's epoch without validation, against the arithmetic alone: both in one process, alternating."""

import json
import sys
from statistics import median

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures import floor
from benchmarks.measures.trials import cpu_slots, prune_nothing, spec, train

TARGETS = {"SGD": 2.0, "Adam": 2.2, "RMSprop": None}


def measure(setup: Setup) -> list[Figure]:
    """Ratios of dlstudy's epoch to the floor, for each optimizer."""
    rows, times = (6_400, 1) if setup.short else (55_000, max(5, setup.rounds))
    measured = children.python("benchmarks.measures.epoch", str(rows), str(times))
    base = median(measured.pop("floor"))
    figures = [Figure("the five matrix products of an epoch", base, "s", detail=f"{rows:,} rows, one thread")]
    for name, seconds in measured.items():
        detail = f"{median(seconds):.3f} s an epoch, {min(seconds):.3f} to {max(seconds):.3f}"
        figures.append(
            Figure(f"epoch with {name} / floor", median(seconds) / base, at_most=TARGETS[name], detail=detail)
        )
    return figures


def main() -> None:
    rows, times = map(int, sys.argv[1:])
    from dlstudy.engines.inline import InlineEngine
    from dlstudy.study.split import Split

    engine = InlineEngine(cpu_slots(1)[0], prune_nothing)
    arithmetic = floor.make_epoch(-(-rows // 32))
    seconds: dict[str, list[float]] = {name: [] for name in ("floor", *TARGETS)}
    for number in range(times):
        seconds["floor"] += [floor.seconds(arithmetic) for _ in range(3)]
        for name in TARGETS:
            params = {"optimizer": name, "learning_rate": 0.001}
            one = spec("six_settings", number, params=params, epochs=3, rows=rows, split=Split())
            (result,) = train(engine, [one])
            seconds[name].append(result.cost["seconds_per_epoch"])
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
