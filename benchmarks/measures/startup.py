"""From `dlstudy run` to the first training step, against importing Keras and loading the arrays, alternating.

The first step itself cannot be seen from outside. The study here trains one step and judges 32 rows, so the step lies
between two moments that the record knows: when the worker began the trial, and when the trial had ended. The target is
held against the later one, which counts building, tracing and judging to dlstudy's cost.
"""

import json
import subprocess
import sys
import tempfile
import time
from statistics import median

from benchmarks import children
from benchmarks.children import Setup
from benchmarks.figures import Figure
from benchmarks.measures.trials import STUDIES

_REFERENCE = """
import sys, time
import keras
import numpy as np
with np.load(sys.argv[1]) as arrays:
    x, y = arrays["x_train"].astype("float32") / 255, arrays["y_train"]
print(time.time())
"""


def measure(setup: Setup) -> list[Figure]:
    """The ratio, and the seconds behind it."""
    began, ended, reference = [], [], []
    for _ in range(setup.rounds if setup.short else max(3, setup.rounds)):
        first, last = dlstudy_start()
        began.append(first)
        ended.append(last)
        reference.append(reference_start(setup))
    base = median(reference)
    return [
        Figure("importing Keras and loading the arrays", base, "s"),
        Figure("to the first trial's start / that", median(began) / base, detail=f"{median(began):.2f} s"),
        Figure(
            "to the end of a trial of one step / that",
            median(ended) / base,
            at_most=1.5,
            detail=f"{median(ended):.2f} s; the first step lies between the two",
        ),
    ]


def dlstudy_start() -> tuple[float, float]:
    """Seconds from the command to the start and to the end of its first trial."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        started = time.time()
        report = children.dlstudy("run", str(STUDIES / "first_step.py"), "--phase", "search", "--home", home, "--json")
    (trial,) = json.loads(report)["trials"]
    return trial["ended_s"] - trial["cost"]["seconds"] - started, trial["ended_s"] - started


def reference_start(setup: Setup) -> float:
    """Seconds until another process has imported Keras and loaded the arrays."""
    started = time.time()
    command = [sys.executable, "-c", _REFERENCE, str(setup.data)]
    done = subprocess.run(
        command, env=children.environment(), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return float(done.stdout) - started
