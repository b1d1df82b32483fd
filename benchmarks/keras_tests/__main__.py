"""`python -m benchmarks.keras_tests [FILE ...]`: Keras's own tests, with Keras's training and with ours.

Keras's wheel has its tests. Each FILE is one of them or a folder, as in `callbacks` or `trainers/trainer_test.py`. They
run twice, and the table says how many pass, how many calls of `fit`, `evaluate` and `predict` ours has done, and why
Keras's own has done the others. See README.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.keras_tests.plugin import NOTES, OURS

ROOT = Path(__file__).parents[2]

DEFAULT = ("trainers/trainer_test.py", "models", "callbacks", "losses", "metrics", "optimizers", "layers")

Notes = Mapping[str, Mapping[str, Any]]
"""What the plugin has noted of each test, by its name. Any: JSON."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tests.

    Returns:
        0; 1 where a test passes with Keras alone, or none ran; 2 for a file that Keras does not have.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keras_tests", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", default=DEFAULT, help="below keras/src")
    parser.add_argument(
        "--compare", action="store_true", help="let Keras do again what ours has done without callbacks"
    )
    parser.add_argument("--output", type=Path, help="a folder for the notes of both runs, as JSON lines")
    options = parser.parse_args(arguments)
    spec = find_spec("keras")
    assert spec is not None
    source = Path(str(spec.origin)).parent / "src"
    missing = [file for file in options.files if not (source / file).exists()]
    if missing:
        print(f"keras_tests: no {', '.join(missing)} in {source}: name files or folders below it", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        output = options.output or Path(folder)
        output.mkdir(parents=True, exist_ok=True)
        with_keras = run(source, options.files, output / "keras.jsonl")
        with_ours = run(source, options.files, output / "ours.jsonl", "compare" if options.compare else "trust")
    print("\n".join(lines(with_keras, with_ours)))
    return 0 if with_ours and not differing(with_keras, with_ours) else 1


def run(source: Path, files: Iterable[str], notes: Path, ours: str = "") -> Notes:
    """Runs tests.

    Args:
        source: the folder `keras/src`.
        files: of tests, or folders, in it.
        notes: the file to write; what is in it is deleted.
        ours: see `OURS` of the plugin.
    """
    notes.unlink(missing_ok=True)
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    added = {NOTES: str(notes.resolve()), OURS: ours, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(source), "-W", "ignore"]
    command += ["-p", "benchmarks.keras_tests.plugin", "-p", "no:cacheprovider", "--tb=short", "--timeout=600"]
    command += ["--continue-on-collection-errors", *(str(source / file) for file in files)]
    with tempfile.TemporaryDirectory() as elsewhere, notes.with_suffix(".txt").open("w") as log:
        subprocess.run(
            command, env={**os.environ, **added}, cwd=elsewhere, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    return read(notes)


def read(notes: Path) -> Notes:
    """The notes of a run; none where pytest did not come as far as a test."""
    if not notes.exists():
        return {}
    found = [json.loads(line) for line in notes.read_text().splitlines()]
    return {note["test"]: note for note in found}


def differing(these: Notes, others: Notes) -> list[str]:
    """The tests that pass in one run and not in the other."""
    return [name for name in _passed(these) if _outcome(others, name) != "passed"]


def lines(with_keras: Notes, with_ours: Notes) -> list[str]:
    """The report: a row for each folder, then calls and tests."""
    rows = [("tests of", "pass with Keras", "also with ours", "calls", "done by ours")]
    for folder in [*sorted({_folder(name) for name in with_keras}), ""]:
        passed = [name for name in _passed(with_keras) if folder in ("", _folder(name))]
        calls = [call for name, call in _calls(with_ours) if folder in ("", _folder(name))]
        also = sum(_outcome(with_ours, name) == "passed" for name in passed)
        ours = sum(not reason for _, reason, _ in calls)
        rows.append((folder or "all", *map(str, (len(passed), also, len(calls), ours))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    table += ["", "calls, and why Keras's own method has done them:"]
    done = Counter(f"{method}: {reason or 'done by ours'}" for _, (method, reason, _) in _calls(with_ours))
    table += [f"{count:6} {what}" for what, count in done.most_common()]
    compared = Counter(found.partition(":")[0] for _, (_, _, found) in _calls(with_ours) if found)
    table += ["", "done again by Keras, on the same batches from the same weights:"] if compared else []
    table += [f"{count:6} {what}" for what, count in compared.most_common()]
    table += [f"  {name}: {found}" for name, (_, _, found) in _calls(with_ours) if found.startswith("differs")]
    for title, these, others in (("Keras", with_keras, with_ours), ("ours", with_ours, with_keras)):
        names = differing(these, others)
        table += ["", f"pass with {title} alone: {len(names)}"]
        table += [f"  {name}: {others[name]['reason'] if name in others else 'did not run'}" for name in names]
    absent = [f"  {name}: {note['reason']}" for name, note in with_keras.items() if note["outcome"] == "not collected"]
    return [*table, "", f"not collected: {len(absent)}", *absent]


def _passed(notes: Notes) -> list[str]:
    return [name for name, note in notes.items() if note["outcome"] == "passed"]


def _outcome(notes: Notes, name: str) -> str:
    return str(notes[name]["outcome"]) if name in notes else "did not run"


def _folder(name: str) -> str:
    return name.partition("/")[0]


def _calls(notes: Notes) -> list[tuple[str, tuple[str, str, str]]]:
    """Each call with the name of its test: the method, why it was Keras's, and what a comparison says."""
    return [(name, tuple(call)) for name, note in notes.items() for call in note["calls"]]


if __name__ == "__main__":
    sys.exit(main())
