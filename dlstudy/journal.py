"""Optuna's journal file, opened so that a process killed in mid-write does no harm."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalFileSymlinkLock

from dlstudy.errors import RecordError

__all__ = ["open_journal", "repair"]

_OF_SAMPLERS = (b'{"op_code":5,', b'{"op_code":7,')
"""How the lines of `JournalOperation.SET_TRIAL_PARAM` and `SET_TRIAL_INTERMEDIATE_VALUE` begin."""


def open_journal(path: Path, for_writing: bool) -> JournalStorage:
    """The storage in that file; repaired first where it is for writing, else as it is now and without parameters.

    Raises:
        RecordError: a line other than the last cannot be read.
    """
    lock = JournalFileSymlinkLock(str(path))
    backend: BaseJournalBackend = _Reader(path)
    if for_writing:
        lock.acquire()
        try:
            repair(path)
        finally:
            lock.release()
        backend = JournalFileBackend(str(path), lock_obj=lock)
    try:
        return JournalStorage(backend)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise RecordError(
            f"the record {path} is damaged ({error}): restore it from a backup, or move it away to begin anew"
        ) from error


class _Reader(BaseJournalBackend):
    """A journal as it is when it is first read, without what samplers and pruners alone look at.

    Where there is a pruner, to replay epochs and distributions takes Optuna half of the time; what a trial trains
    stands in its attributes too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # Any: JSON
        if log_number_from:
            return
        *lines, _ = self._path.read_bytes().split(b"\n")  # what follows the last line feed is still being written
        for i, line in enumerate(lines):
            if line.startswith(_OF_SAMPLERS):
                continue
            try:
                log = json.loads(line)
            except ValueError:
                if i < len(lines) - 1:
                    raise
                return
            if isinstance(log, dict):
                log.pop("distributions", None)
                log.pop("params", None)
            yield log

    def append_logs(self, logs: Sequence[dict[str, Any]]) -> None:  # Any: JSON
        raise io.UnsupportedOperation(f"{self._path} was opened for reading")


def repair(path: Path) -> bool:
    """Cuts off last lines that were not written whole, and keeps them beside the journal; whether there were any.

    Optuna reads past such a line, but the next append would join or follow it, and make the whole journal unreadable.
    Hold the journal's lock.
    """
    if not path.exists():
        return False
    cut = False
    with path.open("r+b") as file:
        while (line := _last_line(file)) and not _is_whole(line):
            with path.with_name(f"{path.name}.cut").open("ab") as kept:
                kept.write(line.rstrip(b"\n") + b"\n")
            file.truncate(file.seek(0, 2) - len(line))
            cut = True
    return cut


def _last_line(file: BinaryIO) -> bytes:
    """The last line with its line feed, if it has one; empty for an empty file."""
    start, tail = file.seek(0, 2), b""
    while start > 0 and b"\n" not in tail[:-1]:
        step = min(start, 65_536)
        start = file.seek(start - step)
        tail = file.read(step) + tail
    return tail[tail[:-1].rfind(b"\n") + 1 :]


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
