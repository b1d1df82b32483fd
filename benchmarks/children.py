"""Everything that is timed runs in processes of its own, from the project's folder."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["QUIET", "ROOT", "BenchmarkError", "Setup", "busy", "dlstudy", "environment", "python"]

ROOT = Path(__file__).parents[1]

QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PYTHONWARNINGS": "ignore",
    "PYTHONPATH": str(ROOT),
}
_ELSEWHERE = ("DLSTUDY_HOME", "MLFLOW_TRACKING_URI")  # a user's own stores must not be measured, nor written to


@dataclass(frozen=True)
class Setup:
    """What a measurement is given.

    Args:
        short: few rows and epochs.
        rounds: how often to measure, alternating.
        data: the .npz file with x_train and y_train, uint8; 6,000 rows where `short`.
    """

    short: bool
    rounds: int
    data: Path


class BenchmarkError(Exception):
    """A process that should have measured something failed; its text says which and how."""


def environment() -> dict[str, str]:
    """What every process gets."""
    return {name: text for name, text in os.environ.items() if name not in _ELSEWHERE} | QUIET


def python(module: str, *arguments: str) -> Any:
    """Runs `python -m module`; the last line that it prints, from JSON.

    Raises:
        BenchmarkError: it failed.
    """
    lines = _output([sys.executable, "-m", module, *arguments]).strip().splitlines()
    return json.loads(lines[-1])


def dlstudy(*arguments: str) -> str:
    """Runs `dlstudy`; what it prints.

    Raises:
        BenchmarkError: it failed.
    """
    return _output([sys.executable, "-m", "dlstudy", *arguments])


def busy(seconds: float = 1.0) -> float:
    """The share of all cores' time that other processes take now; 0 where the system does not say."""
    before = _clocks()
    time.sleep(seconds)
    passed = [new - old for old, new in zip(before, _clocks(), strict=True)]
    return 1 - (passed[3] + passed[4]) / sum(passed) if sum(passed) else 0.0


def _clocks() -> list[int]:
    """The kernel's clocks of all cores: user, nice, system, idle, waiting for disks, and more."""
    account = Path("/proc/stat")
    return [int(word) for word in account.read_text().split()[1:9]] if account.exists() else [0] * 8


def _output(command: list[str]) -> str:
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True, check=False
        )
        if done.returncode:
            errors.seek(0)
            tail = [line for line in errors.read().splitlines() if line.strip()][-8:]
            raise BenchmarkError("\n".join([f"{' '.join(command[1:4])} ended with {done.returncode}:", *tail]))
    return done.stdout
