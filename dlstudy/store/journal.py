"""Optuna's journal file, opened so that no kill, full disk or garbled byte does harm unnoticed.

A file beside it is its seal: the number of bytes that were written, and their checksum. It is renewed after each
append, so it may be behind the journal but never ahead of it.
"""

import fcntl
import io
import json
import os
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend

from dlstudy.common.text import one_line
from dlstudy.errors import RecordError, StoreError

__all__ = ["journal_lines", "open_journal", "repair", "rewrite_journal", "seal_of"]

_OF_SAMPLERS = (b'{"op_code":5,', b'{"op_code":7,')
"""How the lines of `JournalOperation.SET_TRIAL_PARAM` and `SET_TRIAL_INTERMEDIATE_VALUE` begin."""


def open_journal(path: Path, for_writing: bool, *, whole: bool = False) -> JournalStorage:
    """The storage in that file: repaired first if it is for writing, else as it is now.

    Args:
        path: of the file.
        for_writing: whether something will be written.
        whole: whether to read what only samplers and pruners use too, where it is not for writing.

    Raises:
        RecordError: it is not what was written, or a line other than the last cannot be read.
        StoreError: the file cannot be read or written.
    """
    try:
        return JournalStorage(_Writer(path) if for_writing else _Reader(path, whole))
    except (RecordError, StoreError):
        raise
    except OSError as error:
        raise StoreError.of(error, path) from error
    except Exception as error:  # what garbled lines make of Optuna's replay can be anything
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def seal_of(path: Path) -> Path:
    """The file of a journal's seal."""
    return path.with_name(f"{path.name}.seal")


def journal_lines(logs: Sequence[dict[str, Any]]) -> bytes:  # Any: JSON
    """Entries as a journal has them."""
    return "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()


def rewrite_journal(path: Path, content: bytes, n_bytes: int) -> None:
    """Replaces all that a journal says, or nothing of it. Hold the locks of its studies.

    Args:
        path: of the journal.
        content: what it will say.
        n_bytes: how long it was when that was made of it.

    Raises:
        RecordError: it has grown since.
        StoreError: it cannot be written; the journal is as it was.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb", buffering=0) as file:
            _write_through(file, content)
        with _locked(path) as file:
            if file.seek(0, io.SEEK_END) != n_bytes:
                raise RecordError(f"a run began to write to {path} meanwhile: wait for it, or stop it first")
            seal_of(path).unlink(missing_ok=True)  # without one, what is there holds: before the next step and after
            new.replace(path)
        with _locked(path) as file:
            _renew_seal(path, file)
    except OSError as error:
        raise StoreError.of(error, path) from error
    finally:
        new.unlink(missing_ok=True)


class _Writer(JournalFileBackend):
    """A journal whose appends are atomic, even with other writers.

    Optuna's own lock is a link that outlives a killed process, for half a minute.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():  # moved away, to start again
            seal_of(path).unlink(missing_ok=True)
        super().__init__(str(path))
        self._path = path
        with _locked(path) as file:
            _require_whole(path, file.read(), _read_seal(path))
            repair(path)

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:  # Any: JSON
        try:
            yield from super().read_logs(log_number_from)
        except OSError as error:
            raise StoreError.of(error, self._path) from error

    def append_logs(self, logs: Sequence[dict[str, Any]]) -> None:  # Any: JSON
        try:
            self._append(journal_lines(logs))
        except OSError as error:
            raise StoreError.of(error, self._path) from error

    def _append(self, lines: bytes) -> None:
        with _locked(self._path) as file:
            end, (n_bytes, _) = file.seek(0, io.SEEK_END), _read_seal(self._path)
            if end < n_bytes:
                raise _shortened(self._path, end, n_bytes)
            if end and _last_byte(file) != b"\n":  # another writer was killed
                repair(self._path)
                end = file.seek(0, io.SEEK_END)
            try:
                _write_through(file, lines)
            except OSError:
                with suppress(OSError):  # the next writer then cuts off what is left of the line
                    file.truncate(end)
                raise
            _renew_seal(self._path, file)


class _Reader(BaseJournalBackend):
    """A snapshot of a journal at its first read, if not whole without the entries that only samplers and pruners use.

    With a pruner, replaying epochs and distributions takes Optuna half of the time; what a trial trains is in its
    attributes too.
    """

    def __init__(self, path: Path, whole: bool) -> None:
        self._path, self._whole = path, whole

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # Any: JSON
        if log_number_from:
            return
        seal = _read_seal(self._path)  # first: the journal may grow meanwhile
        content = self._path.read_bytes()
        _require_whole(self._path, content, seal)
        *lines, _ = content.split(b"\n")  # what follows the last line feed is still being written
        for i, line in enumerate(lines):
            if line.startswith(_OF_SAMPLERS) and not self._whole:
                continue
            try:
                log = json.loads(line)
            except ValueError:
                if i < len(lines) - 1:
                    raise
                return
            if isinstance(log, dict) and not self._whole:
                log.pop("distributions", None)
                log.pop("params", None)
            yield log

    def append_logs(self, logs: Sequence[dict[str, Any]]) -> None:  # Any: JSON
        raise io.UnsupportedOperation(f"{self._path} was opened for reading")


def repair(path: Path) -> bool:
    """Cuts off last lines that were not written whole, and keeps them beside the journal; returns whether any were.

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


@contextmanager
def _locked(path: Path) -> Iterator[io.FileIO]:
    """The journal, unbuffered, locked until it is closed: the system does that when a process dies."""
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _write_through(file: io.FileIO, data: bytes) -> None:
    while data:
        data = data[file.write(data) :]
    os.fsync(file.fileno())


def _last_byte(file: io.FileIO) -> bytes:
    file.seek(-1, io.SEEK_END)
    return file.read(1)


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


def _read_seal(path: Path) -> tuple[int, int]:
    """The number of bytes that were written, and their CRC-32; (0, 0) if there is no readable seal."""
    try:
        n_bytes, checksum = seal_of(path).read_text(encoding="ascii").split()
        return int(n_bytes), int(checksum, 16)
    except (FileNotFoundError, ValueError):  # of an earlier version, or garbled itself
        return 0, 0


def _renew_seal(path: Path, file: io.FileIO) -> None:
    n_bytes, checksum = _read_seal(path)
    file.seek(n_bytes)
    added = file.read()
    text = f"{n_bytes + len(added):020d} {zlib.crc32(added, checksum):08x}\n"  # always as long: written over in place
    seal = seal_of(path)
    with suppress(OSError), seal.open("r+b" if seal.exists() else "xb", buffering=0) as sealed:
        sealed.write(text.encode())  # if that fails, the old one still holds for the bytes before


def _require_whole(path: Path, content: bytes, seal: tuple[int, int]) -> None:
    n_bytes, checksum = seal
    if len(content) < n_bytes:
        raise _shortened(path, len(content), n_bytes)
    if zlib.crc32(memoryview(content)[:n_bytes]) != checksum:
        raise _damaged(path, f"its first {n_bytes:,} bytes are not those that were written", sealed=True)


def _shortened(path: Path, n_bytes: int, sealed: int) -> RecordError:
    return _damaged(path, f"{n_bytes:,} bytes are left of {sealed:,} that were written", sealed=True)


def _damaged(path: Path, reason: str, sealed: bool = False) -> RecordError:
    more = f", or remove {seal_of(path).name} to continue with what can be read" if sealed else ""
    return RecordError(
        f"the record {path} is damaged ({one_line(reason)}): restore it from a backup, or move it away "
        f"to start again{more}"
    )
