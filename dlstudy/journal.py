"""Optuna's journal file, opened so that a process killed in mid-write does no harm."""

from pathlib import Path

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
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"the record {path} is damaged ({error}): restore it from a backup, or move it away to begin anew"
        ) from error


def repair(path: Path) -> bool:
    """Cuts off a last line that was not written to its end, and keeps it beside the journal; whether there was one.

    Optuna reads past such a line, but the next append would join it and make the whole journal unreadable. Hold the
    journal's lock.
    """
    if not path.exists():
        return False
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        tail, start = b"", size
        while start > 0 and b"\n" not in tail:
            start = max(0, start - 65_536)
            file.seek(start)
            tail = file.read(size - start)
        whole = start + tail.rfind(b"\n") + 1
        if whole == size:
            return False
        with path.with_name(f"{path.name}.cut").open("ab") as kept:
            kept.write(tail[whole - start :] + b"\n")
        file.truncate(whole)
    return True
