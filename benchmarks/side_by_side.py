"""The same six trainings in five ways, round after round, each way as one process from start to exit."""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import children
from benchmarks.figures import Way
from benchmarks.options import WAYS
from benchmarks.ways.common import Job

__all__ = ["order_of", "run"]


def run(names: Sequence[str], rounds: int, data: Path, short: bool, say: Callable[[str], None], seed: int) -> list[Way]:
    """Times these ways.

    Args:
        names: keys of `WAYS`.
        rounds: how often each.
        data: the .npz file with the rows.
        short: 2 epochs and 500 validation rows, as `dlstudy run --quick` makes of the study, in place of 10 and 5,000.
        say: hears of each result.
        seed: of the first round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in names}
    accuracy: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    for number in range(rounds):
        for name in order_of(names, number):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                job = Job(str(data), 500 if short else 5_000, 2 if short else 10, seed + number, folder)
                started = time.perf_counter()
                measured = children.python(f"benchmarks.ways.{WAYS[name]}", json.dumps(asdict(job)))
                seconds[name].append(time.perf_counter() - started)
            for setting, value in measured["val_accuracy"].items():
                accuracy[name].setdefault(setting, []).append(value)
            say(f"round {number + 1} of {rounds}: {name} {seconds[name][-1]:.1f} s")
    return [Way(name, seconds[name], accuracy[name]) for name in names]


def order_of(names: Sequence[str], number: int) -> list[str]:
    """The order in a round: every round begins with the next way."""
    first = number % len(names)
    return [*names[first:], *names[:first]]
