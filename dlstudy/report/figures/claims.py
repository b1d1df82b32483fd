"""The picture of the answer: for each claim the paired differences by seed, their mean and its interval."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.inference import Interval
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.results import ClaimSummary, StudySummary, Unit, Verdict
from dlstudy.report.figures.style import WIDTH, Axes, Drawing, Figure, elide, heading, pens, plain_numbers, png, svg
from dlstudy.report.labels import label

__all__ = [
    "MARKS",
    "Entry",
    "Panel",
    "Row",
    "axis_label",
    "by_scale",
    "differences_drawing",
    "differences_png",
    "limits",
    "panels",
    "panels_svg",
    "panels_title",
    "row_of",
]

_GOOD, _BAD, _OPEN, _LIKE = "#00694a", "#a33c00", "#444444", "#0072B2"

MARKS: Mapping[Verdict, tuple[str, str, str]] = {
    Verdict.SUPPORTED: ("^", "▲", _GOOD),
    Verdict.CONTRADICTED: ("v", "▼", _BAD),
    Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS: ("X", "×", _BAD),
    Verdict.EQUIVALENT: ("D", "◆", _LIKE),
    Verdict.UNDECIDED: ("o", "●", _OPEN),
    Verdict.WITHHELD: ("s", "■", _OPEN),
    Verdict.NOT_TESTABLE: ("H", "⬢", _OPEN),
    Verdict.NOT_RUN: ("p", "⬟", _OPEN),
}
"""Marker, the same as a letter, and colour of each verdict: the shape identifies the verdict without colour."""

_NO_MARK = ("o", "", _OPEN)  # where no claim was compared
_SCALES = 15  # rows whose values are this many times smaller than the largest get a panel of their own
_MOST_ROWS = 4  # of a single claim; of several, only the one that decides
_MANY_SEEDS = 20

_LEFT, _RIGHT, _TOP, _AXIS, _GAP = 1.8, 0.2, 0.42, 0.5, 0.12  # inches: margins, below an axis, between claims
_LINE, _ROW = 0.18, 0.27  # inches: heights of a line of text and of a row of dots
_CLAIM_LETTERS, _VERDICT_LETTERS, _ARM_LETTERS, _AXIS_LETTERS, _TITLE_LETTERS = 70, 18, 18, 74, 82


@dataclass(frozen=True)
class Row:
    """A row of dots: its label, a value for each seed, their mean, its interval, and that for other test rows.

    `faint` rows accompany the one that decides; `colour` is empty if the row has that of the verdict.
    """

    name: str
    values: Sequence[float]
    mean: float
    interval: Interval | None = None
    on_other_rows: Interval | None = None
    faint: bool = False
    colour: str = ""

    @property
    def extent(self) -> float:
        """How far from zero it reaches."""
        return max(map(abs, self.places), default=0.0)

    @property
    def places(self) -> list[float]:
        """All that it shows on its axis."""
        return [*self.values, *(self.interval or ()), *(self.on_other_rows or ())]


@dataclass(frozen=True)
class Entry:
    """A claim with its verdict, its rows, how far its shaded region reaches, and the verdict of our runs alone.

    `verdict` is None where no claim was compared and the rows are the winners. `shaded` is the margin of a claim of
    equivalence, or the differences that do not matter.
    """

    text: str
    verdict: Verdict | None
    rows: Sequence[Row]
    shaded: float | None = None
    measured: Verdict | None = None

    @property
    def extent(self) -> float:
        """How far from zero its rows and its region reach."""
        return max([row.extent for row in self.rows] + [self.shaded or 0.0])


@dataclass(frozen=True)
class Panel:
    """Entries that share an axis, what it shows, and whether zero means something on it."""

    label: str
    entries: Sequence[Entry]
    zero: bool = True


def panels(summary: StudySummary) -> list[Panel]:
    """The panels of the picture of the answer: one for each quantity that claims compare, and for each scale of it.

    Where no claim was compared: the winners' test metric, a dot for each seed. Where there is none either: nothing.
    """
    compared: dict[str, list[Entry]] = {}
    for claim in summary.claims:
        if claim.pairs:
            compared.setdefault(axis_label(claim), []).append(_entry(claim))
    made = [Panel(name, group) for name, entries in compared.items() for group in by_scale(entries)]
    return made or _winners(summary)


def differences_png(summary: StudySummary) -> bytes | None:
    """The picture of the answer as PNG; None where nothing was compared and no winner was replicated."""
    drawing = differences_drawing(summary)
    return None if drawing is None else png(drawing)


def differences_drawing(summary: StudySummary) -> Drawing | None:
    """What draws that picture; None likewise."""
    found = panels(summary)
    unit = "seed or search" if any(claim.unit is Unit.SEARCH for claim in summary.claims) else "seed"
    title = heading(summary, panels_title(found, unit)) if found else ""
    return (lambda: _figure(found, title)) if found else None


def panels_svg(found: Sequence[Panel], title: str) -> bytes:
    """Panels below each other, as SVG."""
    return svg(lambda: _figure(found, title))


def panels_title(found: Sequence[Panel], unit: str) -> str:
    """How to read panels; `unit` is what a dot stands for."""
    has_interval = any(row.interval for panel in found for entry in panel.entries for row in entry.rows)
    has_region = any(entry.shaded for panel in found for entry in panel.entries)
    by_rows = any(row.on_other_rows for panel in found for entry in panel.entries for row in entry.rows)
    title = f"Dots: one {unit} each; mark: mean" + ("; line: 95 % interval" if has_interval else "")
    return title + (", thin: other rows" if by_rows else "") + ("; shaded: does not matter" if has_region else "")


def axis_label(claim: ClaimSummary) -> str:
    """What an axis shows, and which side of zero the claim is about."""
    sense = "positive: as claimed" if claim.margin is None else "shaded: alike, as claimed"
    return f"difference in {label(claim.how or claim.metric)} ({sense})"


def _entry(claim: ClaimSummary) -> Entry:
    pairs = list(claim.pairs)
    if len(pairs) > _MOST_ROWS:
        pairs = [pair for pair in pairs if pair.against == claim.against] or pairs[:1]
    rows = [row_of(pair, faint=len(pairs) > 1 and pair.against != claim.against) for pair in pairs]
    more = f" (the hardest of the {len(claim.pairs)} arms it names is shown)" if len(pairs) < len(claim.pairs) else ""
    shaded = claim.rope if claim.margin is None else claim.margin
    return Entry(title_of(claim) + more, claim.verdict, rows, shaded, claim.measured)


def row_of(pair: Pair, faint: bool = False) -> Row:
    """The differences of a pair."""
    name, rows = f"against {elide(pair.against, _ARM_LETTERS)}", pair.rows
    return Row(name, pair.differences, pair.mean, pair.interval, rows.interval if rows else None, faint)


def by_scale(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries in groups that an axis can show together, each in the order of the claims."""
    left, groups = list(entries), []
    while left:
        largest = max(entry.extent for entry in left)
        groups.append([entry for entry in left if entry.extent * _SCALES >= largest])
        left = [entry for entry in left if entry.extent * _SCALES < largest]
    return groups


def _winners(summary: StudySummary) -> list[Panel]:
    metric, drawn = summary.test_metric, pens(summary)
    rows = [
        Row(elide(arm.name, _ARM_LETTERS + 4), found.values, found.mean, colour=drawn[arm.name].colour)
        for arm in summary.arms
        if (found := arm.replicates.get(metric))
    ]
    if not rows:
        return []
    return [Panel(f"{label(metric)} of the winners on fresh seeds", [Entry("", None, rows)], zero=False)]


def _figure(found: Sequence[Panel], title: str) -> Figure:
    from matplotlib.figure import Figure

    heights = [sum(map(_height, panel.entries)) for panel in found]
    below = [_AXIS + _LINE * len(_wrapped(panel.label, _AXIS_LETTERS)) for panel in found]
    lines = [line for given in title.splitlines() for line in _wrapped(given, _TITLE_LETTERS)]
    top = _TOP + _LINE * max(0, len(lines) - 2)  # which has room for two
    total = top + sum(heights) + sum(below)
    figure = Figure(figsize=(WIDTH, total))
    figure.text(0.1 / WIDTH, 1 - 0.1 / total, "\n".join(lines), va="top", fontsize=9, color=_OPEN)
    for panel, height, room in zip(found, heights, below, strict=True):
        place = (_LEFT / WIDTH, 1 - (top + height) / total, 1 - (_LEFT + _RIGHT) / WIDTH, height / total)
        _draw(figure.add_axes(place), panel, height)
        top += height + room
    return figure


def _height(entry: Entry) -> float:
    """Inches that an entry takes."""
    return _LINE * _n_lines(entry) + _ROW * len(entry.rows) + _GAP


def _n_lines(entry: Entry) -> int:
    return max(len(_wrapped(entry.text, _CLAIM_LETTERS)), len(_verdict_lines(entry)))


def _verdict_lines(entry: Entry) -> list[str]:
    lines = _verdict_words(entry.verdict)
    if entry.measured in (None, entry.verdict):
        return lines
    return [*lines, "our runs:", *_verdict_words(entry.measured)]


def _verdict_words(verdict: Verdict | None) -> list[str]:
    return [] if verdict is None else _wrapped(f"{MARKS[verdict][1]} {verdict}", _VERDICT_LETTERS)


def _wrapped(text: str, letters: int) -> list[str]:
    return textwrap.wrap(elide(text, 4 * letters), letters)


def _draw(axes: Axes, panel: Panel, height: float) -> None:
    """Draws a panel; its vertical axis counts inches from the top."""
    axes.set(ylim=(height, 0), yticks=[], xlim=limits(panel))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("\n".join(_wrapped(panel.label, _AXIS_LETTERS)), fontsize=9)
    axes.xaxis.get_major_locator().set_params(nbins=5)
    plain_numbers(axes.xaxis)
    place = 0.0
    for entry in panel.entries:
        mark, _, colour = _mark(entry.measured or entry.verdict)
        _write(axes, entry, place)
        top = place + _LINE * _n_lines(entry)
        bottom = top + _ROW * len(entry.rows)
        if entry.shaded:
            axes.fill_betweenx([top, bottom], -entry.shaded, entry.shaded, color="#e3e3e3", linewidth=0)
        if panel.zero:
            axes.plot([0, 0], [top, bottom], color="#777777", linewidth=0.9, zorder=1)
        for i, row in enumerate(entry.rows):
            _draw_row(axes, row, top + _ROW * (i + 0.5), mark, row.colour or colour)
        place = bottom + _GAP


def _mark(verdict: Verdict | None) -> tuple[str, str, str]:
    return _NO_MARK if verdict is None else MARKS[verdict]


def _write(axes: Axes, entry: Entry, place: float) -> None:
    """Writes the claim above its rows, over the whole width, and its verdict at the right."""
    from matplotlib.transforms import blended_transform_factory

    across = blended_transform_factory(axes.figure.transFigure, axes.transData)
    text, verdict = _wrapped(entry.text, _CLAIM_LETTERS), _verdict_lines(entry)
    axes.text(0.1 / WIDTH, place, "\n".join(text), transform=across, va="top", linespacing=1.25)
    axes.text(
        1 - 0.1 / WIDTH, place, "\n".join(verdict), transform=across, va="top", ha="right", fontsize=9,
        fontweight="bold", color=_mark(entry.verdict)[2], linespacing=1.25,
    )  # fmt: skip


def _draw_row(axes: Axes, row: Row, y: float, mark: str, colour: str) -> None:
    from matplotlib.transforms import blended_transform_factory

    beside = blended_transform_factory(axes.figure.transFigure, axes.transData)
    grey = "#777777" if row.faint else "black"
    axes.text((_LEFT - 0.08) / WIDTH, y, row.name, transform=beside, ha="right", va="center", fontsize=9, color=grey)
    strength = 0.35 if row.faint else 1.0
    scatter = (np.arange(len(row.values)) * 0.618 % 1 - 0.5) * 0.6 * _ROW  # the golden ratio keeps neighbours apart
    axes.scatter(
        row.values, y + scatter, s=9, color=colour, linewidth=0, zorder=2,
        alpha=strength * (0.5 if len(row.values) < _MANY_SEEDS else 0.25),
    )  # fmt: skip
    if row.on_other_rows:
        axes.plot(row.on_other_rows, [y, y], color=colour, linewidth=0.9, alpha=strength, zorder=3)
    if row.interval:
        axes.plot(row.interval, [y, y], color=colour, linewidth=2.6, alpha=strength, solid_capstyle="butt", zorder=3)
    axes.scatter([row.mean], [y], s=42, marker=mark, color=colour, edgecolor="white", linewidth=0.8, zorder=4,
                 alpha=strength)  # fmt: skip


def limits(panel: Panel) -> Interval:
    """The range of a panel's horizontal axis: all dots, intervals and regions, and zero where differences are shown."""
    values = [value for entry in panel.entries for row in entry.rows for value in row.places]
    values += [side for entry in panel.entries if entry.shaded for side in (-entry.shaded, entry.shaded)]
    values += [0.0] if panel.zero else []
    low, high = min(values), max(values)
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - pad, high + pad
