"""The style of all figures, with the same pen for an arm in all of them."""

import io
import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dlstudy.analysis.across import AcrossSummary
from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.search_rounds import winner
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.trial import TrialRecord
from dlstudy.toolkit.plots import PALETTE

__all__ = [
    "STYLE",
    "WIDTH",
    "Array",
    "Axes",
    "Drawing",
    "Figure",
    "Pen",
    "View",
    "elide",
    "figure",
    "heading",
    "legend_below",
    "pens",
    "plain_numbers",
    "png",
    "svg",
    "view",
    "view_of_curves",
    "winners",
]


Figure: TypeAlias = Any  # Any: matplotlib is imported when something is drawn
Drawing: TypeAlias = Callable[[], Figure]
"""Makes a figure, within `png` or `figure`, which see to its style."""


Axes: TypeAlias = Any  # Any: matplotlib's Axes has no types we follow


Array: TypeAlias = npt.NDArray[np.float64]


STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "font.sans-serif": ["DejaVu Sans"],
    "svg.fonttype": "none",
    "svg.hashsalt": "dlstudy",
}
"""The style of every picture: settings of matplotlib."""


WIDTH = 6.6
"""The width of a picture in inches: scaled down to a phone, its letters can still be read."""


_LETTERS = 82  # of STYLE's size, side by side in WIDTH


_MARKERS, _LINES = "os^D", ("-", "--", ":", "-.")


_DECADES = 1.5  # that values above zero span before their axis is logarithmic


_FAR = 3  # times the range of the settled values: values further out would flatten them


@dataclass(frozen=True)
class Pen:
    """How an arm is drawn: colour, marker, line style."""

    colour: str
    marker: str
    line: str


@dataclass(frozen=True)
class View:
    """The part of an axis that a picture shows; `clipped` says whether values lie outside."""

    low: float
    high: float
    log: bool = False
    clipped: bool = False

    def apply(self, axes: Axes) -> None:
        """Sets the vertical axis."""
        axes.set_yscale("log" if self.log else "linear")
        axes.set_ylim(self.low, self.high)
        plain_numbers(axes.yaxis)


def pens(summary: StudySummary) -> dict[str, Pen]:
    """The pen of each arm, the same in every picture; from the ninth arm on, marker and line differ too."""
    made = {}
    for i, arm in enumerate(summary.arms):
        lap = i // len(PALETTE) % len(_LINES)
        made[arm.name] = Pen(PALETTE[i % len(PALETTE)], _MARKERS[lap], _LINES[lap])
    return made


def winners(summary: StudySummary, arm: str) -> set[tuple[int, str]]:
    """The winners of an arm's searches: number of the search, and key of the setting."""
    searched: dict[int, list[TrialRecord]] = {}
    for trial in summary.trials:
        if (trial.phase, trial.arm) == (Phase.SEARCH, arm):
            searched.setdefault(trial.search, []).append(trial)
    direction = Direction(summary.protocol["direction"])
    found = {search: winner(trials, direction) for search, trials in searched.items()}
    return {(search, best.setting_key) for search, best in found.items() if best}


def elide(text: str, most: int) -> str:
    """Text in one line of at most this many letters. What is too long loses its middle, as names differ at the end."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    end = (most - 1) // 3
    return f"{line[: most - 1 - end]}…{line[len(line) - end :]}"


def view(settled: Sequence[float] | Array, everything: Sequence[float] | Array) -> View:
    """The part of an axis that shows what values settle to, and all of them where that does not flatten the rest.

    The axis is logarithmic where the settled values ask for it. Values further from them than three times their range
    are left out, where that makes the rest twice as large at least.

    Args:
        settled: (n,) finite, at least one: those that must be distinguishable.
        everything: (m,) finite, `settled` among them.
    """
    values, kept = np.asarray(everything, np.float64), np.asarray(settled, np.float64)
    log = _spans_decades(kept) and bool(values.min() > 0)
    if log:
        values, kept = np.log10(values), np.log10(kept)
    low, high = float(values.min()), float(values.max())
    far = _FAR * (float(np.ptp(kept)) or abs(float(kept[0])) * 0.01)
    near = max(low, float(kept.min()) - far), min(high, float(kept.max()) + far)
    clipped = high - low > 2 * (near[1] - near[0])  # leaving out a little would hide more than it shows
    low, high = near if clipped else (low, high)
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = (10 ** (low - pad), 10 ** (high + pad)) if log else (low - pad, high + pad)
    return View(low, high, log, clipped)


def view_of_curves(settled: Sequence[float] | Array, everything: Sequence[float] | Array, upward: bool) -> View:
    """The same for curves: those that fall through decades are shown whole, on a logarithmic axis."""
    return view(everything if not upward and _spans_decades(everything) else settled, everything)


def _spans_decades(values: Sequence[float] | Array) -> bool:
    """Whether values are all above zero and span a decade and a half: then a logarithmic axis shows them best."""
    low, high = float(np.min(values)), float(np.max(values))
    return low > 0 and math.log10(high) - math.log10(low) > _DECADES


def png(draw: Drawing) -> bytes:
    """A picture as PNG, 150 points an inch: the same picture, the same bytes.

    Args:
        draw: makes matplotlib's `Figure`. No text in it is read as mathematics, whatever a study file says.
    """
    buffer = io.BytesIO()
    with _styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # shown as a box, as in a browser
        draw().savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def svg(draw: Drawing) -> bytes:
    """A picture as SVG with a transparent ground, its letters as text: a page sets them in its own font.

    Matplotlib lays it out in DejaVu Sans, which is wider than the fonts of most pages, so that nothing collides there.

    Args:
        draw: as of `png`; the same picture, the same bytes.
    """
    buffer = io.BytesIO()
    with _styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        about = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        draw().savefig(buffer, format="svg", transparent=True, metadata=about)
    return buffer.getvalue()


def figure(draw: Drawing) -> Figure:
    """The picture that `png` would write, as matplotlib's `Figure`, to be changed or saved."""
    with _styled():
        return draw()


def _styled() -> AbstractContextManager[None]:
    from matplotlib import rc_context

    style: dict[Any, Any] = {**STYLE, "text.parse_math": False}  # Any: matplotlib types its keys as literals
    return rc_context(style)


def plain_numbers(axis: Any) -> None:  # Any: matplotlib's Axis has no types we follow
    """Labels ticks with plain, complete numbers: matplotlib's own may use math text, or an offset at the axis's end.

    Call it when the axis has its limits and its scale.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, ScalarFormatter

    shown = FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "−"))
    low, high = axis.get_view_interval()
    if axis.get_scale() == "log":
        few = high < 10**_DECADES * low  # where powers of ten are too few
        axis.set_minor_locator(LogLocator(subs=(2, 5) if few else "auto"))
        axis.set_minor_formatter(shown if few else NullFormatter())
    usual = axis.get_scale() == "linear" and 1e-3 < max(abs(low), abs(high)) < 1e6
    axis.set_major_formatter(ScalarFormatter(useOffset=False) if usual else shown)


def heading(summary: StudySummary | AcrossSummary, text: str) -> str:
    """A picture's title, which marks a quick run."""
    return f"QUICK RUN, a first look\n{text}" if summary.variant.quick else text


def legend_below(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:  # Any: matplotlib's Artists
    """A legend for all panels beneath them, in as many columns as fit."""
    columns = max(1, min(len(names), _LETTERS // (max(map(len, names), default=0) + 7)))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)
