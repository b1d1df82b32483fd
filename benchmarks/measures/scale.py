"""What a large record costs: resume, `status` and a report of a home with 10,000 trials, made by simulation."""

import tempfile
import time
from pathlib import Path

from benchmarks import children, simulated_store
from benchmarks.children import Setup
from benchmarks.figures import Figure


def measure(setup: Setup) -> list[Figure]:
    """Seconds of each command. The first run finds nothing that an earlier one may have derived from the record."""
    n = 400 if setup.short else 10_000
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        study = str(simulated_store.STUDY)
        options = simulated_store.make(home, n)
        where = ["--home", str(home)]
        report = ["report", study, *where, "--format", "html", "--output", str(Path(folder) / "report.html")]
        detail = f"{n:,} trials"
        return [
            _timed("resume with nothing to do, for the first time", 8, detail, "run", study, *options),
            _timed("resume with nothing to do", 8, detail, "run", study, *options),
            _timed("status", 2, detail, "status", *where),
            _timed("report as HTML", 60, detail, *report),
        ]


def _timed(name: str, at_most: float, detail: str, *arguments: str) -> Figure:
    started = time.perf_counter()
    children.dlstudy(*arguments)
    return Figure(name, time.perf_counter() - started, "s", at_most=at_most, detail=detail)
