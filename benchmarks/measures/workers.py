"""What a second worker gains, against a second process doing the bare arithmetic; and what dlstudy itself costs.

24 equal trials of 10 epochs with one and with two workers. Start-up does not count: a slot's time runs from the start
of its first trial, which is the trial's end less its own seconds, to the end of its last one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures.trials import STUDIES

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
Trial = Mapping[str, Any]  # Any: JSON of a report's trial


def measure(setup: Setup) -> list[Figure]:
    """The gains, their ratio, and the share of time that is not training."""
    spans: dict[int, list[float]] = {1: [], 2: []}
    epochs: dict[int, list[float]] = {1: [], 2: []}
    idle, parent, later = [], [], []
    for _ in range(setup.rounds):
        for n in (1, 2):
            trials, samples = run_equal(n, setup.short)
            spans[n].append(span(trials))
            epochs[n].append(arithmetic(n, 20 if setup.short else 60))
            if n == 2:
                idle.append(idle_share(trials))
                parent.append(parent_share(trials, samples))
                later.append(parent_share(trials, samples, after=len(trials) // 3))
    ours = median(spans[1]) / median(spans[2])
    theirs = 2 * median(epochs[1]) / median(epochs[2])
    return [
        Figure("gain of a second worker", ours, detail=f"{median(spans[1]):.1f} and {median(spans[2]):.1f} s training"),
        Figure("gain of a second process, arithmetic alone", theirs),
        Figure("gain of workers / gain of processes", 100 * ours / theirs, "%", at_least=95),
        Figure("slots' time outside trainings", 100 * median(idle), "%", at_most=3, detail="two workers"),
        Figure(
            "parent's CPU time / slots' time", 100 * median(parent), "%", at_most=3, detail="with a new MLflow store"
        ),
        Figure(
            "the same after a third of the trials", 100 * median(later), "%", at_most=3, detail="that store is there"
        ),
    ]


def run_equal(workers: int, short: bool) -> tuple[list[Trial], list[tuple[float, float]]]:
    """Runs the study of equal trials; them, and samples of the parent's (Unix time, CPU seconds)."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "dlstudy", "run", str(STUDIES / "equal.py"), "--phase", "search", "--json"]
        command += [
            "--trials",
            "12" if short else "24",
            "--home",
            folder,
            "--workers",
            str(workers),
            *(["--quick"] if short else []),
        ]
        report = Path(folder) / "report.json"
        with report.open("w") as output:
            process = subprocess.Popen(
                command, cwd=children.ROOT, env=children.environment(), stdout=output, stderr=errors
            )
            samples = []
            while process.poll() is None:
                samples.append((time.time(), _cpu_seconds(process.pid)))
                time.sleep(0.05)
        if process.returncode:
            raise children.BenchmarkError(f"dlstudy run equal ended with {process.returncode}")
        return json.loads(report.read_text())["trials"], samples


def starts(trials: Sequence[Trial]) -> dict[str, float]:
    """When each slot began to train, Unix time."""
    first: dict[str, float] = {}
    for trial in trials:
        began = trial["ended_s"] - trial["cost"]["seconds"]
        first[trial["slot"]] = min(began, first.get(trial["slot"], began))
    return first


def span(trials: Sequence[Trial]) -> float:
    """Seconds that training took: to the last end, from the mean of the slots' starts."""
    first = starts(trials)
    return max(trial["ended_s"] for trial in trials) - sum(first.values()) / len(first)


def idle_share(trials: Sequence[Trial]) -> float:
    """The share of the slots' time that is outside their trainings."""
    first = starts(trials)
    last = {slot: max(trial["ended_s"] for trial in trials if trial["slot"] == slot) for slot in first}
    whole = sum(last[slot] - first[slot] for slot in first)
    return 1 - sum(trial["cost"]["seconds"] for trial in trials) / whole


def parent_share(trials: Sequence[Trial], samples: Sequence[tuple[float, float]], after: int = 0) -> float:
    """The parent's CPU seconds as a share of all slots' seconds, from the start, or once `after` trials have ended."""
    ends = sorted(trial["ended_s"] for trial in trials)
    begin = ends[after - 1] if after else min(starts(trials).values())
    within = [(moment, cpu) for moment, cpu in samples if begin <= moment <= ends[-1]]
    (first, before), (last, then) = within[0], within[-1]
    return (then - before) / (len(starts(trials)) * (last - first))


def arithmetic(processes: int, repeats: int) -> float:
    """Seconds for an epoch of bare arithmetic, with this many processes at work at a time."""
    command = [sys.executable, "-m", "benchmarks.measures.floor", str(repeats)]
    started = [
        subprocess.Popen(
            command,
            cwd=children.ROOT,
            env=children.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    answers = [process.communicate("go\n")[0] for process in started] if processes == 1 else _together(started)
    return max(sum(json.loads(answer)) / repeats for answer in answers)


def _together(started: Sequence[subprocess.Popen[str]]) -> list[str]:
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate()[0] for process in started]


def _cpu_seconds(pid: int) -> float:
    """CPU seconds of a process alone, without its children; 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS
