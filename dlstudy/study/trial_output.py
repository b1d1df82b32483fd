"""What a trial printed, warnings and TensorFlow's log included, as a file in the trial's folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from dlstudy.study.trial import TrialSpec

__all__ = ["captured_output", "keep_output", "output_file"]

_FIRST_BYTES, _LAST_BYTES = 50_000, 200_000
"""What is kept of a long output."""


def output_file(folder: Path, key: str) -> Path:
    """The file of what a trial printed; there is none where it printed nothing.

    Args:
        folder: of the trial; later tries of the same training have it too.
        key: of the trial.
    """
    return folder / f"output-{key.rpartition('#')[2]}.txt"


def keep_output(log: Path, spec: TrialSpec) -> None:
    """Copies what a trial printed into its folder: of a long output, its beginning and its end.

    Where that is not possible, as on a full disk, the trial counts all the same.

    Args:
        log: a file that holds what was printed during the trial.
        spec: of the trial; without a folder, nothing is kept.
    """
    if spec.folder is None:
        return
    _flush()
    with suppress(OSError):
        text = _shortened(log)
        if text.strip():
            folder = Path(spec.folder)
            folder.mkdir(parents=True, exist_ok=True)
            output_file(folder, spec.key).write_bytes(text)


@contextmanager
def captured_output(log: Path, spec: TrialSpec) -> Iterator[None]:
    """While active, what this process prints goes to a file, and at the end into the trial's folder.

    Args:
        log: the file; it is removed at the end.
        spec: of the trial.
    """
    _flush()
    before = [os.dup(1), os.dup(2)]
    try:
        with log.open("w", buffering=1, encoding="utf-8", errors="replace") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            with redirect_stdout(file), redirect_stderr(file):  # which need not be those
                yield
    finally:
        _flush()
        for number, saved in enumerate(before, 1):
            os.dup2(saved, number)
            os.close(saved)
        keep_output(log, spec)
        log.unlink(missing_ok=True)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the study's code may have closed or replaced it
            stream.flush()


def _shortened(log: Path) -> bytes:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size <= _FIRST_BYTES + _LAST_BYTES:
            return file.read()
        first = file.read(_FIRST_BYTES)
        file.seek(size - _LAST_BYTES)
        left_out = size - _FIRST_BYTES - _LAST_BYTES
        return first + f"\n... {left_out:,} bytes left out ...\n".encode() + file.read()
