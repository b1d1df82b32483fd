"""Optuna's journal file, opened so that a process killed in mid-write does no harm."""

import json
from pathlib import Path
from typing import BinaryIO

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from dlstudy.errors import RecordError

__all__ = ["open_journal", "repair"]


def open_journal(path: Path, for_writing: bool) -> JournalStorage:
    """The storage in that file; repaired first where it is for writing.

    Raises:
        RecordError: a line other than the last cannot be read.
    """
    lock = JournalFileSymlinkLock(str(path))
    if for_writing:
        lock.acquire()
        try:
            repair(path)
        finally:
            lock.release()
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise RecordError(
            f"the record {path} is damaged ({error}): restore it from a backup, or move it away to begin anew"
        ) from error


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
