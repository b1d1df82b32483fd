"""What a user asked of the benchmark."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

__all__ = ["MEASURES", "WAYS", "Options", "parse"]

WAYS = {
    "keras": "plain_keras",
    "optuna": "optuna_mlflow",
    "keras-tuner": "keras_tuner_search",
    "ray": "ray_tune",
    "dlstudy": "dlstudy_run",
}
"""The ways of the side-by-side, by name, and their scripts in `benchmarks/ways/`."""

MEASURES = ("epoch", "plain", "workers", "startup", "memory", "scale", "slots", "stream")
"""The other measurements, each a file in `benchmarks/measures/`."""

IN_SHORT = ("epoch", "startup", "scale")
"""Those that `--short` does unasked: all would take more than its two minutes."""


@dataclass(frozen=True)
class Options:
    """As `--help` tells them; `ways` and `measures` are what is to be done, `skipped` what a short run leaves out."""

    short: bool
    rounds: int
    ways: Sequence[str]
    measures: Sequence[str]
    skipped: Sequence[str]
    output: Path | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, exit code 2."""
        self.exit(2, f"benchmarks: {message}: see --help\n")


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Reads the command line; ends with one line and exit code 2 where it is wrong."""
    parser = _Parser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("--short", action="store_true", help="few rows and epochs, one round: does it work? No speed.")
    parser.add_argument("--rounds", type=_count, help="how often everything is measured, alternating (3; short: 1)")
    names = ", ".join(("ways", *WAYS, *MEASURES))
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {names}; ways are the first five together")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="default: a new file in benchmarks/results/")
    given = parser.parse_args(arguments)
    chosen = given.only or ["ways", *(IN_SHORT if given.short else MEASURES)]
    unknown = [name for name in chosen if name not in ("ways", *WAYS, *MEASURES)]
    if unknown:
        parser.error(f"--only must name some of {names}, got {unknown[0]!r}")
    if given.output is not None and (given.output.suffix != ".json" or not given.output.absolute().parent.is_dir()):
        parser.error(f"--output must be a .json file in a folder that is there, got {str(given.output)!r}")
    return Options(
        given.short,
        given.rounds or (1 if given.short else 3),
        [name for name in WAYS if name in chosen or "ways" in chosen],
        [name for name in MEASURES if name in chosen],
        [] if given.only else [name for name in MEASURES if name not in chosen],
        given.output,
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 100, got {text!r}")
    return int(text)
