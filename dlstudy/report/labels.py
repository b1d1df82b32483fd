"""Readable words for names in the record, and the moods of verdicts."""

import re
from collections.abc import Iterable, Mapping

from dlstudy.analysis.results import DerivedVerdict, FigureVerdict, Verdict
from dlstudy.report.blocks import Mood
from dlstudy.study.claims import ClaimPhase

__all__ = ["PHASES", "label", "listed", "many", "ranges", "verdict_mood"]

PHASES: Mapping[ClaimPhase, str] = {
    ClaimPhase.REPLICATE: "tuned winners",
    ClaimPhase.REPORTED: "reported settings",
    ClaimPhase.DEFAULTS: "library's defaults",
    ClaimPhase.TUNING: "tuned winners against the library's defaults",
    ClaimPhase.SWEEP: "stated values",
}
"""The runs that a claim compares."""

_ROWS = {"val": "validation ", "train": "training "}

_MOODS: Mapping[Verdict | FigureVerdict | DerivedVerdict | bool, Mood] = {
    Verdict.SUPPORTED: Mood.GOOD,
    Verdict.CONTRADICTED: Mood.BAD,
    Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS: Mood.BAD,
    Verdict.EQUIVALENT: Mood.OPEN,
    Verdict.UNDECIDED: Mood.OPEN,
    Verdict.WITHHELD: Mood.OPEN,
    Verdict.NOT_TESTABLE: Mood.OPEN,
    Verdict.NOT_RUN: Mood.OPEN,
    FigureVerdict.COMPATIBLE: Mood.GOOD,
    FigureVerdict.NOT_COMPATIBLE: Mood.BAD,
    FigureVerdict.UNDECIDABLE: Mood.OPEN,
    FigureVerdict.NOT_COMPARABLE: Mood.OPEN,
    FigureVerdict.NOT_RUN: Mood.OPEN,
    DerivedVerdict.RIGHT: Mood.GOOD,
    DerivedVerdict.WRONG: Mood.BAD,
    True: Mood.GOOD,
    False: Mood.BAD,
}
"""The mood of each verdict and of a check. `not run` is a verdict on claims and on figures: open for both."""


def verdict_mood(verdict: Verdict | FigureVerdict | DerivedVerdict | bool) -> Mood:
    """The mood of a cell that holds this verdict, or that says whether a check passed."""
    return _MOODS[verdict]


def label(metric: str) -> str:
    """A metric's name in words: `val_accuracy` is `validation accuracy`."""
    return re.sub(r"\b(val|train)_", lambda found: _ROWS[found[1]], metric).replace("_", " ")


def many(n: int, thing: str) -> str:
    """A number of things: `1 seed`, `8 searches`."""
    if n == 1:
        return f"1 {thing}"
    return f"{n} {thing}{'es' if thing.endswith(('s', 'x', 'ch')) else 's'}"


def listed(words: Iterable[str]) -> str:
    """Words in a sentence: `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in short: `0 to 3, 7`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
