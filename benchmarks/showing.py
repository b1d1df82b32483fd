"""The tables, and the JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Accuracy, Figure, Way

__all__ = ["as_json", "show_accuracy", "show_figures", "show_ways", "targets"]

_ROUND = {"x": "{:.2f}x", "s": "{:.2f} s", "ms": "{:.1f} ms", "%": "{:.1f} %", "MB": "{:.0f} MB"}


def show_ways(console: Console, ways: Sequence[Way], base: Way | None) -> None:
    """The side-by-side as a table."""
    table = Table(title="Six trainings, whole process")
    for head in ("way", "min s", "median s", "max s", "trials/min", "x plain Keras", "val accuracy"):
        table.add_column(head, justify="left" if head == "way" else "right")
    for way in ways:
        seconds = [f"{value:.1f}" for value in (min(way.seconds), median(way.seconds), max(way.seconds))]
        faster = f"{way.times_faster_than(base):.2f}" if base else "–"
        table.add_row(way.name, *seconds, f"{way.trials_a_minute:.1f}", faster, f"{way.mean_accuracy:.4f}")
    console.print(table)


def show_accuracy(console: Console, found: Accuracy, judged: bool) -> None:
    """Whether dlstudy's accuracy is plain Keras's."""
    interval = f"95 % interval {found.low:+.4f} to {found.high:+.4f}"
    console.print(f"Validation accuracy, dlstudy less plain Keras: {found.difference:+.4f}, {interval}.")
    each = ", ".join(f"{name} {value:+.4f}" for name, value in found.by_setting.items())
    tolerance = "" if found.tolerance is None else f" (chance alone: ±{found.tolerance:.4f})"
    console.print(f"By setting{tolerance}: {each}.")
    verdict = found.verdict if judged else "not judged: a short run is too noisy"
    if found.worse and judged:
        verdict += f" in {', '.join(found.worse)}"
    console.print(f"Same accuracy: {verdict}", style="bold")


def targets(ways: Sequence[Way]) -> list[Figure]:
    """dlstudy's ratios to the other ways, with the targets."""
    by_name = {way.name: way for way in ways}
    ours = by_name.pop("dlstudy", None)
    if ours is None or not by_name:
        return []
    figures = [
        Figure(f"dlstudy / {name}", ours.times_faster_than(by_name[name]), at_least=at_least, detail="trials a minute")
        for name, at_least in (("keras", 5.0), ("ray", 3.5))
        if name in by_name
    ]
    fastest = min(by_name.values(), key=lambda way: median(way.seconds))
    ahead = Figure("dlstudy / fastest other way", ours.times_faster_than(fastest), at_least=1.0, detail=fastest.name)
    return [*figures, ahead]


def show_figures(console: Console, title: str, figures: Sequence[Figure], judged: bool) -> None:
    """Figures with their targets as a table; `judged` says whether they are held against them."""
    table = Table(title=title, title_justify="left")
    for head in ("figure", "value", "target", "", "how"):
        table.add_column(head, justify="right" if head in ("value", "target") else "left")
    for figure in figures:
        shown = _ROUND[figure.unit]
        target = ""
        if figure.at_most is not None:
            target = f"<= {shown.format(figure.at_most)}"
        elif figure.at_least is not None:
            target = f">= {shown.format(figure.at_least)}"
        met = {True: "met", False: "NOT MET", None: ""}[figure.met if judged else None]
        table.add_row(figure.name, shown.format(figure.value), target, met, figure.detail)
    console.print(table)


def as_json(ways: Sequence[Way], accuracy: Accuracy | None, figures: Mapping[str, Sequence[Figure]]) -> dict[str, Any]:
    """Everything that was measured, for a file. Any: JSON."""
    return {
        "ways": [{**asdict(way), "median_s": median(way.seconds), "mean_accuracy": way.mean_accuracy} for way in ways],
        "accuracy": {**asdict(accuracy), "verdict": accuracy.verdict} if accuracy else None,
        "figures": {
            name: [{**asdict(figure), "met": figure.met} for figure in found] for name, found in figures.items()
        },
    }
