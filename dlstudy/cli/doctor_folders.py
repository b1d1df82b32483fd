"""Checks of `dlstudy doctor`: the results folder, data, the file of options, and variables of the environment."""

import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

from dlstudy.cli.doctor_findings import Check, Finding
from dlstudy.errors import DlstudyError

__all__ = [
    "CHECKS", "OF_HOME", "check_cache", "check_data_folder", "check_environment", "check_home", "check_locks",
    "check_servers", "check_settings",
]  # fmt: skip

_LITTLE_GB = 1.0
_PATIENCE_S = 5.0
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_BREAKING = {
    "TF_USE_LEGACY_KERAS": "unset it: dlstudy needs Keras 3",
    "TF_XLA_FLAGS": "unset it, unless it is meant: it changes speed and numbers",
    "XLA_FLAGS": "unset it, unless it is meant: it changes speed and numbers",
    "TF_DETERMINISTIC_OPS": "unset it, unless it is meant: some layers fail under it, and GPUs are slower",
    "NVIDIA_TF32_OVERRIDE": "unset it, unless it is meant: it changes numbers on GPUs",
}
"""Variables that break trainings or change their numbers, and what to do."""


def check_home(given: Path | None) -> Iterator[Finding]:
    """Whether the results folder is there, can be written, is of this version and has room."""
    from dlstudy.store.home import Home

    try:
        home = Home.at(given)
    except DlstudyError as error:
        yield Finding.problem("results folder", str(error), "choose another with --home or DLSTUDY_HOME")
        return
    there = _ancestor(home.root)
    if reason := _not_writable(there):
        text = f"{home.root} cannot be written ({reason})"
        yield Finding.problem("results folder", text, "choose another with --home or DLSTUDY_HOME")
        return
    version = "not there yet, the first run makes it" if not home.root.exists() else f"version {home.version or 1}"
    room = shutil.disk_usage(there).free / 2**30
    if room < _LITTLE_GB:
        remedy = "make room (`dlstudy gc`), or choose another with --home"
        yield Finding.warning("results folder", f"{home.root}: {room:.2f} GiB free on its disk", remedy)
    else:
        yield Finding("results folder", f"{home.root}: {version}, {room:.0f} GiB free")
    if fault := _lock_fault(there):
        yield Finding.warning("file locks", fault, "choose --home on a local disk")


def _ancestor(path: Path) -> Path:
    """The nearest path above that exists, or itself."""
    return next(each for each in (path, *path.parents) if each.exists())


def _not_writable(folder: Path) -> str:
    """Why no file can be made in a folder; empty where one can."""
    try:
        with TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return str(error.strerror or error)


def _lock_fault(folder: Path) -> str:
    """Why locks on files do not work in a folder; empty where they do."""
    from filelock import FileLock, Timeout

    path = folder / f".doctor-{uuid.uuid4().hex}.lock"
    try:
        with FileLock(path, timeout=_PATIENCE_S), suppress(Timeout), FileLock(path, timeout=0):
            return f"a lock in {folder} does not keep others out: two runs could write at once"
    except (OSError, Timeout) as error:
        return f"a file in {folder} cannot be locked ({error}): its file system may not know locks"
    finally:
        path.unlink(missing_ok=True)
    return ""


def check_locks(given: Path | None) -> Iterator[Finding]:
    """Which studies run, and whether those that hold a lock are alive."""
    from dlstudy.store.home import Home

    home = Home.at(given)
    for path in sorted((home.root / "locks").glob("*.lock")):
        if not home.lock(path.stem).is_held():
            continue
        about: Mapping[str, object] = {}
        with suppress(OSError, ValueError):
            about = json.loads(path.with_suffix(".json").read_text())
        pid, host = about.get("pid"), about.get("host")
        who = f"process {pid} on {host} since {about.get('since')}" if about else "a process"
        if host == socket.gethostname() and isinstance(pid, int) and not Path(f"/proc/{pid}").exists():
            text = f"{path.stem} is locked for {who}, which has ended: a process that it started has the file open"
            yield Finding.warning("locks", text, f"end that process: fuser -v {path}")
        else:
            yield Finding("locks", f"{path.stem} is run by {who}")


def check_cache() -> Iterator[Finding]:
    """Whether the cache of data can be written, and what is in it is right."""
    from dlstudy.datasets import cache, registry

    folder = cache.cache_folder()
    if reason := _not_writable(_ancestor(folder)):
        text = f"{folder} cannot be written ({reason})"
        yield Finding.problem("data cache", text, "set DLSTUDY_CACHE to a folder that can be")
        return
    cached = [name for name in registry.names() if registry.state(name) == "cached"]
    damaged = [name for name in cached if cache.fault(registry.describe(name)) is not None]
    for name in damaged:
        yield Finding.warning("data", f"{name} in {folder} is damaged", f"dlstudy data fetch {name}")
    right = [name for name in cached if name not in damaged]
    yield Finding("data cache", f"{folder}: {', '.join(right) or 'nothing yet, a run fetches what it needs'}")


def check_data_folder(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Whether the folder of a user's own copies is there."""
    given = environment.get("DLSTUDY_DATA", "")
    if given and not Path(given).expanduser().is_dir():
        remedy = "correct it, or unset it"
        yield Finding.problem("DLSTUDY_DATA", f"must be a folder, got {given!r}, and none is there", remedy)
    elif given:
        yield Finding("DLSTUDY_DATA", given)


def check_settings(read: Callable[[], Mapping[str, object]]) -> Iterator[Finding]:
    """Whether the options of this folder can be read.

    Args:
        read: gives them by command.
    """
    try:
        options = read()
    except DlstudyError as error:
        yield Finding.problem("options", str(error), "correct that file")
        return
    if options:
        yield Finding("options", "dlstudy.toml or [tool.dlstudy] of pyproject.toml, valid")


def check_environment(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Whether a variable breaks trainings, or changes their numbers."""
    backend = environment.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        text = f"KERAS_BACKEND is {backend!r}, and dlstudy trains with Keras on tensorflow"
        yield Finding.problem("environment", text, "unset it")
    found = [name for name in _BREAKING if environment.get(name, "") not in ("", "0")]
    yield from (Finding.warning("environment", f"{name}={environment[name]}", _BREAKING[name]) for name in found)
    if backend == "tensorflow" and not found:
        yield Finding("environment", "no variable that changes results is set")


def check_servers(
    environment: Mapping[str, str] = os.environ,
    connect: Callable[[tuple[str, int], float], object] = socket.create_connection,
) -> Iterator[Finding]:
    """Whether the servers that variables name can be reached."""
    names = {"MLFLOW_TRACKING_URI": "MLflow", "DLSTUDY_STORAGE": "record", "DLSTUDY_DATA_URL": "data mirror"}
    for name, what in names.items():
        url = urlsplit(environment.get(name, ""))
        port = url.port or _PORTS.get(url.scheme.partition("+")[0])
        if not url.hostname or not port:
            continue
        where = f"{name}: {url.hostname}:{port}"
        try:
            connection = connect((url.hostname, port), 3.0)
            getattr(connection, "close", lambda: None)()
        except OSError as error:
            text = f"{where} does not answer ({error.strerror or error})"
            yield Finding.warning(what, text, f"start it, correct {name}, or unset it")
        else:
            yield Finding(what, f"{where} answers")


OF_HOME: Sequence[Callable[[Path | None], Iterator[Finding]]] = (check_home, check_locks)
CHECKS: Sequence[Check] = (check_cache, check_data_folder, check_environment, check_servers)
