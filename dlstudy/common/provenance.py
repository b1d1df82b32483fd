"""Where results come from: versions, machine, commit."""

import getpass
import os
import platform
import subprocess
from collections import Counter
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from dlstudy.common.gpus import gpus
from dlstudy.common.processes import QUIET

__all__ = ["git_changes", "git_commit", "hardware", "made_with", "number_settings", "packages", "user", "versions"]

_SETTINGS = ("CUDA_", "JAX_", "KERAS_", "MKL_", "OMP_", "OPENBLAS_", "PYTHONHASHSEED", "TF_", "XLA_")
"""How the names of variables begin that libraries of numbers read."""
_TRACKED = ("--untracked-files=no", ".")
_MOST_CHANGES = 500_000  # characters


def made_with(folder: Path) -> dict[str, str]:
    """Versions, machine, and the commit of a study's folder where it is under git."""
    commit = git_commit(folder)
    return {**versions(), **hardware(), **({"commit": commit} if commit else {})}


def hardware() -> dict[str, str]:
    """The processor, the memory in GiB, and the GPUs if there are any, of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = {"cpu": (named or [platform.processor() or platform.machine()])[0], "memory": f"{memory_gb:.0f} GiB"}
    names = Counter(gpu.name for gpu in gpus())
    return found | ({"gpus": ", ".join(f"{n} x {name}" for name, n in names.items())} if names else {})


@cache  # 0.2 s
def packages() -> tuple[str, ...]:
    """All installed packages, as `name==version`, in order."""
    return tuple(sorted({f"{found.name}=={found.version}" for found in distributions()}, key=str.lower))


def number_settings() -> dict[str, str]:
    """The variables of the environment that libraries of numbers read, without those that dlstudy sets itself."""
    found = {name: value for name, value in sorted(os.environ.items()) if name.startswith(_SETTINGS)}
    return {name: value for name, value in found.items() if QUIET.get(name) != value}


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
        commit, changed = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", *_TRACKED)
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.strip() + ("+" if changed.strip() else "")


def git_changes(folder: Path) -> str:
    """What differs from the commit that is checked out in a folder, as `git diff` shows it; empty outside git."""
    try:
        answer = _git(folder, "diff", "--no-color", "--no-ext-diff", "HEAD", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer if len(answer) <= _MOST_CHANGES else f"({len(answer):,} characters of changes are not kept)\n"


def _git(folder: Path, *words: str) -> str:
    """What git answers in a folder.

    Raises:
        OSError, subprocess.SubprocessError: there is no git, or it refuses.
    """
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=True).stdout


def user() -> str:
    """The user's login name; empty if the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
