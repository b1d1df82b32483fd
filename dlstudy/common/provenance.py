"""Where results come from: versions, machine, commit."""

import getpass
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["git_commit", "made_with", "user", "versions"]


def made_with(folder: Path) -> dict[str, str]:
    """Versions, machine, and the commit of a study's folder where it is under git."""
    commit = git_commit(folder)
    return {**versions(), **({"commit": commit} if commit else {})}


def versions() -> dict[str, str]:
    """Versions of what results depend on, and the machine."""
    found = {"python": platform.python_version(), "platform": platform.platform(), "cores": str(os.cpu_count())}
    for package in ("dlstudy", "tensorflow", "keras", "optuna", "mlflow", "numpy", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def git_commit(folder: Path) -> str:
    """The commit checked out in a folder, with `+` if its files have changed since; empty outside git."""
    try:
        answers = [
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=True)
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "."])
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return answers[0].stdout.strip() + ("+" if answers[1].stdout.strip() else "")


def user() -> str:
    """The user's login name; empty if the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
