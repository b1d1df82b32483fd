"""Try the oldest and the newest versions that pyproject.toml allows, and print a table of what works.

    python scripts/matrix.py [PYTHON ...]           # by default python3.11, python3.12 and python3.13, where they are
    python scripts/matrix.py --only oldest PYTHON   # or newest

uv makes an environment with the lowest version of each direct dependency on the first Python (the oldest libraries have
no wheels for the newest Python), and one with the newest on each. In each: the fast tests, then a quick study from
another folder. It takes tens of minutes, and some 4 GB of disk, one environment at a time. Logs stay in build/matrix.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "matrix"
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
SHOWN = ("tensorflow", "keras", "numpy", "scikit-learn", "mlflow", "optuna")
# Of the extra `test`, what the fast tests cannot do without; they skip where the rest is missing, which is large.
TOOLS = ("hypothesis", "pytest", "pytest-timeout", "pytest-xdist", "autorank", "baycomp", "statsmodels", "ipykernel",
         "nbclient", "playwright")  # fmt: skip


def version_of(python: str) -> str:
    """3.11, or nothing where that is no Python that runs."""
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    try:
        return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def try_versions(uv: str, python: str, kind: str, folder: Path) -> list[str]:
    """A row of the table: what the environment has, and whether each step in it passed."""
    name, env = f"{kind}-{version_of(python)}", folder / "environment"
    inside = env / "bin" / "python"
    elsewhere = folder / "another folder"
    elsewhere.mkdir(exist_ok=True)
    started = time.monotonic()
    log = (LOGS / f"{name}.log").open("w", encoding="utf-8")

    def passes(*command: str | Path, cwd: Path = ROOT) -> bool:
        print(f"\n$ {' '.join(map(str, command))}", file=log, flush=True)
        return not subprocess.run(command, cwd=cwd, stdout=log, stderr=subprocess.STDOUT, check=False).returncode

    install = (uv, "pip", "install", "--quiet", "--python", inside)
    tests = ("-m", "pytest", "--fast", "--numprocesses", "2", "--dist", "loadfile", "-p", "no:cacheprovider")
    run = ("-m", "dlstudy", "run", "optimizers", "--quick", "--dataset", "digits", "--home", elsewhere / "home")
    with log:
        is_ready = (
            passes(uv, "venv", "--quiet", "--clear", "--python", python, env)
            and passes(*install, "--resolution", RESOLUTIONS[kind], "--editable", ".[pdf]")
            and passes(*install, *TOOLS)
        )
        # Old libraries warn of what newer ones changed: warnings are no errors here.
        is_tested = is_ready and passes(inside, *tests, "-W", "default")
        has_run = is_ready and passes(inside, *run, cwd=elsewhere)
    results = ["ok" if step else "FAIL" for step in (is_ready, is_tested, has_run)]
    return [name, *installed(uv, inside), *results, f"{(time.monotonic() - started) / 60:.0f}"]


def installed(uv: str, python: Path) -> list[str]:
    """The versions of the packages that are shown."""
    given = subprocess.run([uv, "pip", "freeze", "--python", python], capture_output=True, text=True, check=False)
    versions = dict(line.split("==") for line in given.stdout.splitlines() if line.count("==") == 1)
    return [versions.get(name, "-") for name in SHOWN]


def with_uv(folder: Path) -> str:
    """The path of uv: the one that is here, or one that is installed into a folder."""
    if here := shutil.which("uv"):
        return here
    subprocess.run([sys.executable, "-m", "venv", folder / "uv"], check=True)
    subprocess.run([folder / "uv" / "bin" / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(folder / "uv" / "bin" / "uv")


def main() -> int:
    """Tries what is asked for; 1 if anything fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters to try")
    parser.add_argument("--only", choices=RESOLUTIONS, help="the oldest or the newest versions alone")
    given = parser.parse_args()
    named = given.pythons or ["python3.11", "python3.12", "python3.13"]
    pythons = [python for python in named if version_of(python)]
    if not pythons or (given.pythons and len(pythons) < len(named)):
        parser.error(f"these must be interpreters of Python 3.11 to 3.13, got {', '.join(named)}")
    for name in ("PYTHONPATH", "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    LOGS.mkdir(parents=True, exist_ok=True)
    rows = [["versions", *SHOWN, "install", "fast tests", "study", "minutes"]]
    with tempfile.TemporaryDirectory(prefix="dlstudy-matrix-") as folder:
        uv = with_uv(Path(folder))
        for python, kind in ((pythons[0], "oldest"), *((python, "newest") for python in pythons)):
            if given.only in (None, kind):
                rows.append(try_versions(uv, python, kind, Path(folder)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return int(any("FAIL" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
