"""Names of the record in words that a reader would say."""

from collections.abc import Iterable

__all__ = ["PHASES", "label", "listed", "many", "ranges"]

PHASES = {
    "replicate": "tuned winners",
    "printed": "printed settings",
    "defaults": "library's defaults",
    "tuning": "tuned winners against the library's defaults",
    "sweep": "stated values",
}
"""What a phase trains, or what a claim compares."""


def label(metric: str) -> str:
    """A metric's name in words: `val_accuracy` is `validation accuracy`."""
    return metric.replace("val_", "validation ").replace("train_", "training ").replace("_", " ")


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
