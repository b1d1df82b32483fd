"""The command line and the record, as the tests of clusters use them."""

import subprocess
import sys
from typing import Any

from dlstudy.store.record import Record
from dlstudy.study.variant import Variant


def start(*words: str) -> subprocess.Popen[str]:
    """Begin a command of dlstudy."""
    command = [sys.executable, "-m", "dlstudy", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """What a command prints, once it has ended with that code."""
    out, err = process.communicate(timeout=900)
    assert process.returncode == code, err + out
    return out


def table(record: Record, study: str, variant: Variant) -> list[tuple[Any, ...]]:
    """The metrics of every finished training, in an order that does not depend on when and where it was trained."""
    return sorted(
        (t.phase, t.arm, t.index, t.seed, sorted(t.params.items()), sorted(t.metrics.items()), t.result.correct)
        for t in record.trials(study, variant)
        if t.state == "finished" and t.result is not None
    )
