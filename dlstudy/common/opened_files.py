"""The files that code is seen to open for reading, by Python's audit events.

What a library opens in C is not seen: h5py, `tf.io`, pyarrow and drivers of databases do so.
"""

import os
import sys
import sysconfig
import tempfile
import threading
import time
import tokenize
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["OpenedFiles", "opened_files", "unwatched"]

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/bin", "/lib", "/lib64", "/usr/lib", "/usr/share", "/usr/local/lib")
_NO_INPUT = frozenset({"site-packages", "dist-packages", "__pycache__"})
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
_IMPORTERS = ("<frozen importlib._bootstrap_external>", tokenize.__file__)
"""The code that opens a module to run it, or to quote its lines."""

_lock = threading.Lock()
_watching: tuple["OpenedFiles", ...] = ()
_is_hooked = False
_unwatched = threading.local()


class OpenedFiles:
    """What was opened while `opened_files` was active; it fills meanwhile."""

    def __init__(self, folder: Path, excluding: Iterable[Path] = ()) -> None:
        """Begins with nothing; see `opened_files`."""
        self._folder = folder.resolve()
        self._excluded = [path.resolve() for path in excluding]
        self._began_ns = time.time_ns()
        self._other_threads = {thread.native_id for thread in threading.enumerate()} - {threading.get_native_id()}
        self._read: dict[Path, None] = {}
        self._written: set[Path] = set()
        self.connected = False
        self.started_process = False

    @property
    def asked_elsewhere(self) -> bool:
        """Whether a host was connected to, or a program started: what was read may have come from there."""
        return self.connected or self.started_process

    @property
    def paths(self) -> list[Path]:
        """The files that may be an input, absolute and in order; a symbolic link by its own name.

        What the same code wrote is none, nor is what has gone by now.
        """
        written = {_located(path) for path in self._written.copy()}
        found = {_located(path) for path in self._read.copy()}
        return sorted(path for path in found - written if self._is_input(path))

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:  # Any: as Python gives them to an audit hook
        """Takes notice of an event of the code that is watched."""
        if threading.get_native_id() in self._other_threads:
            return
        if event == "open":
            self._note_open(*arguments)
        elif event == "sqlite3.connect":
            path = _database(arguments[0])
            self._read |= {path: None} if path else {}
        elif event == "socket.connect":
            self.connected = self.connected or isinstance(arguments[1], tuple)  # else a socket of this machine
        else:
            self.started_process = True

    def _note_open(self, name: object, mode: object, flags: int) -> None:
        path, access = _absolute(name), flags & os.O_ACCMODE
        if path is None:
            return
        if access == os.O_RDONLY or (access == os.O_RDWR and not flags & (os.O_CREAT | os.O_TRUNC)):
            self._read[path] = None
        else:
            self._written.add(path)

    def _is_input(self, path: Path) -> bool:
        real = Path(os.path.realpath(path))  # `resolve` raises for a loop of links
        if any(one.is_relative_to(out) for one in (path, real) for out in self._excluded):
            return False
        if _NO_INPUT & {*path.parts} or any(part.startswith(".") for part in self._apart(path.parent)):
            return False
        if any(path.is_relative_to(folder) and not self._are_together(path, folder) for folder in _system_folders()):
            return False
        try:
            return path.is_file() and path.stat().st_ctime_ns < self._began_ns
        except OSError:
            return False

    def _apart(self, folder: Path) -> tuple[str, ...]:
        """The parts of a path that are not those of the folder that is watched."""
        n_shared = 0
        for one, other in zip(folder.parts, self._folder.parts, strict=False):
            if one != other:
                break
            n_shared += 1
        return folder.parts[n_shared:]

    def _are_together(self, path: Path, system: Path) -> bool:
        """Whether the folder that is watched is in that folder of the system too, and the path close to it."""
        if not self._folder.is_relative_to(system):
            return False
        return path.is_relative_to(system.joinpath(*self._folder.relative_to(system).parts[:1]))


@contextmanager
def opened_files(folder: Path, excluding: Iterable[Path] = ()) -> Iterator[OpenedFiles]:
    """While active, collects the files that this process opens for reading.

    Left out are Python's library and installed packages, modules as they are imported, the system's own folders and the
    one for temporary files, hidden folders such as `~/.cache`, and what threads open that were there before.

    Args:
        folder: of the code that is watched; what is beside it counts, wherever that is.
        excluding: files, and folders with all that is in them, that do not count.
    """
    global _watching
    found = OpenedFiles(folder, excluding)
    with _lock:
        _hook()
        _watching = (*_watching, found)
    try:
        yield found
    finally:
        with _lock:
            _watching = tuple(other for other in _watching if other is not found)


@contextmanager
def unwatched() -> Iterator[None]:
    """While active, nothing that this thread opens is collected."""
    before = getattr(_unwatched, "is_on", False)
    _unwatched.is_on = True
    try:
        yield
    finally:
        _unwatched.is_on = before


def _hook() -> None:
    """Adds the one audit hook of this process: it cannot be removed, and does next to nothing while none watches."""
    global _is_hooked
    if not _is_hooked:
        sys.addaudithook(_on_event)
        _is_hooked = True


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:  # Any: as above
    if not _watching or event not in _EVENTS or getattr(_unwatched, "is_on", False):
        return
    is_code = event == "open" and isinstance(arguments[0], str) and arguments[0].endswith((".py", ".pyc"))
    if is_code and sys._getframe(1).f_code.co_filename in _IMPORTERS:
        return
    for found in _watching:
        found.note(event, arguments)


_EVENTS = frozenset({"open", "sqlite3.connect", "socket.connect", *_STARTS})


def _absolute(name: Any) -> Path | None:  # Any: whatever `open` was given
    """A path as it was given to `open`; None for a file descriptor, and for what is no path."""
    try:
        return None if isinstance(name, int) else Path(os.fsdecode(name)).absolute()
    except (TypeError, ValueError, OSError):  # which `open` says better; or there is no current folder any more
        return None


def _database(name: object) -> Path | None:
    """The file of an SQLite database; None for one in memory."""
    text = name if isinstance(name, str) else ""
    if text.startswith("file:"):
        text = unquote(urlsplit(text).path)
    return None if text.startswith(":memory:") or name in ("", b"") else _absolute(text or name)


def _located(path: Path) -> Path:
    """The path with the links of its folder followed, but not its own: a link may come to mean another file."""
    return Path(os.path.realpath(path.parent), path.name)


def _system_folders() -> list[Path]:
    """Folders of the system, of Python and of temporary files."""
    of_python = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    return [Path(folder) for folder in (*_SYSTEM, *of_python, os.path.realpath(tempfile.gettempdir()))]
