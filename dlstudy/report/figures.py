"""Pictures of a study: one quiet style, the same pen for an arm in all of them; and the training curves."""

import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dlstudy.finished import winner
from dlstudy.report.words import label
from dlstudy.results import StudySummary, TrialRecord
from dlstudy.training.estimators import MOST_POINTS

__all__ = [
    "COLOURS", "STYLE", "WIDTH", "Axes", "Figure", "Pen", "View", "curves", "curves_png", "elide", "heading", "label",
    "legend_below", "pens", "plain_numbers", "png", "view", "view_of_curves", "winners",
]  # fmt: skip

Figure: TypeAlias = Any  # Any: matplotlib is imported when something is drawn
Axes: TypeAlias = Any  # Any: matplotlib's Axes has no types we follow
Array: TypeAlias = npt.NDArray[np.float64]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Told apart by colour-blind readers too. Source: Okabe and Ito 2008, Color Universal Design; a grey in place of their
yellow, which no thin line shows on white."""

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "dlstudy",
}
"""How every picture looks: settings of matplotlib."""

WIDTH = 6.6
"""Inches that a picture is wide: scaled down to a phone its letters can still be read."""

_LETTERS = 82  # of STYLE's size, side by side in WIDTH
_MARKERS, _LINES = "os^D", ("-", "--", ":", "-.")
_MARKED = 25  # epochs from which on markers would hide the line
_DECADES = 1.5  # that values above zero span before their axis is logarithmic
_FAR = 3  # times the range of the settled values: what lies further out would flatten them


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
    """The pen of each arm, the same in every picture; from the ninth arm on marker and line tell colours apart."""
    made = {}
    for i, arm in enumerate(summary.arms):
        lap = i // len(COLOURS) % len(_LINES)
        made[arm.name] = Pen(COLOURS[i % len(COLOURS)], _MARKERS[lap], _LINES[lap])
    return made


def winners(summary: StudySummary, arm: str) -> set[tuple[int, str]]:
    """The winners of an arm's searches: number of the search, and key of the setting."""
    searched: dict[int, list[TrialRecord]] = {}
    for trial in summary.trials:
        if (trial.phase, trial.arm) == ("search", arm):
            searched.setdefault(trial.search, []).append(trial)
    found = {search: winner(trials, summary.protocol["direction"]) for search, trials in searched.items()}
    return {(search, best.setting_key) for search, best in found.items() if best}


def elide(text: str, most: int) -> str:
    """Text in one line of so many letters at most; what is too long loses its middle, for names differ at the end."""
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
        settled: (n,) finite, at least one: those to be told apart.
        everything: (m,) finite, `settled` among them.
    """
    values, kept = np.asarray(everything, np.float64), np.asarray(settled, np.float64)
    log = _spans_decades(kept) and bool(values.min() > 0)
    if log:
        values, kept = np.log10(values), np.log10(kept)
    low, high = float(values.min()), float(values.max())
    far = _FAR * (float(np.ptp(kept)) or abs(float(kept[0])) * 0.01)
    near = max(low, float(kept.min()) - far), min(high, float(kept.max()) + far)
    clipped = high - low > 2 * (near[1] - near[0])  # to leave out a little would hide more than it shows
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


def png(draw: Callable[[], Figure]) -> bytes:
    """A picture as PNG, 150 points an inch: the same picture, the same bytes.

    Args:
        draw: makes matplotlib's `Figure`. No text in it is read as mathematics, whatever a study file says.
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    style: dict[Any, Any] = {**STYLE, "text.parse_math": False}  # Any: matplotlib types its keys as literals
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # shown as a box, as in a browser
        draw().savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def plain_numbers(axis: Any) -> None:  # Any: matplotlib's Axis has no types we follow
    """Numbers as one writes them, each whole: matplotlib's own may be mathematics, or leave a part to the axis's end.

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


def heading(summary: StudySummary, text: str) -> str:
    """A picture's title; of a quick run it says so."""
    return f"QUICK RUN, a first look\n{text}" if summary.quick else text


def legend_below(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:  # Any: matplotlib's Artists
    """A legend for all panels beneath them, in as many columns as fit."""
    columns = max(1, min(len(names), _LETTERS // (max(map(len, names), default=0) + 7)))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def curves(summary: StudySummary) -> dict[str, dict[str, Array]]:
    """Metric -> arm -> (runs, epochs) of the validation metric of the search and the loss, over the epochs.

    Where no arm was validated while it trained, as exact methods and the descents of `scratch` are not: of the training
    rows. Runs are the replicates of the winners of the arm's searches; NaN where a run has no value. An arm has a curve
    where half of its runs got to a second epoch; of metrics with the same numbers, such as a loss that is the mean
    squared error, the first is kept.
    """
    metric = summary.protocol["metric"]
    validated = _drawable(summary, (metric, "val_loss"))
    return validated or _drawable(summary, (metric.replace("val_", "train_", 1), "train_loss", "train_cost"))


def curves_png(summary: StudySummary) -> bytes | None:
    """Training curves of every arm's winner on fresh seeds, as PNG; None where no run has two epochs."""
    found = curves(summary)
    return png(lambda: _curves_figure(summary, found)) if found else None


def _drawable(summary: StudySummary, metrics: Sequence[str]) -> dict[str, dict[str, Array]]:
    found: dict[str, dict[str, Array]] = {}
    for metric in dict.fromkeys(metrics):
        of_arms = {arm.name: _runs(summary, arm.name, metric) for arm in summary.arms}
        drawn = {
            name: runs
            for name, runs in of_arms.items()
            if len(_common(runs)) > 1 and (np.isfinite(runs).sum(axis=1) > 1).any()
        }
        if drawn and not any(_alike(drawn, other) for other in found.values()):
            found[metric] = drawn
    return found


def _runs(summary: StudySummary, arm: str, metric: str) -> Array:
    best = winners(summary, arm)
    series = [
        trial.result.history.get(metric, [])
        for trial in summary.trials
        if (trial.phase, trial.arm, trial.state) == ("replicate", arm, "finished")
        and (trial.search, trial.setting_key) in best
        and trial.result
    ]
    length = max((len(values) for values in series), default=0)
    padded = [[*values, *[None] * (length - len(values))] for values in series]
    return np.array(padded, dtype=np.float64).reshape(len(series), length)


def _common(runs: Array) -> npt.NDArray[np.intp]:
    """Places of the epochs that at least half of the runs got to: a mean over the last few to stop would mislead."""
    return np.flatnonzero(2 * np.isfinite(runs).sum(axis=0) >= max(len(runs), 1))


def _alike(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(np.allclose(one[arm], other[arm], equal_nan=True) for arm in one)


def _curves_figure(summary: StudySummary, found: dict[str, dict[str, Array]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3.6 + 0.1 * len(summary.arms)), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    clipped = [_draw_curves(axes, summary, *item) for axes, item in zip(panels, found.items(), strict=True)]
    lines = {line.get_label(): line for axes in panels for line in axes.get_lines()}  # an arm may be in one panel alone
    legend_below(figure, list(lines.values()), list(lines))
    title = "Winners on fresh seeds. Line: mean; band: lowest to highest seed"
    title += "\nValues far from where the curves end lie outside" if any(clipped) else ""
    figure.suptitle(heading(summary, title), fontsize=10)
    return figure


def _epochs(summary: StudySummary, arm: str, n: int) -> npt.NDArray[np.intp]:
    """(n,) the epochs that values of a history are of: of a long one, an estimator keeps points spread evenly."""
    planned = [
        int(trial.params["epochs"])
        for trial in summary.trials
        if trial.arm == arm and trial.phase == "replicate" and trial.result and trial.result.way.startswith("estimator")
    ]
    last = max(planned, default=n) if n == MOST_POINTS else n
    return np.linspace(0, last - 1, n).astype(np.intp) + 1


def _draw_curves(axes: Axes, summary: StudySummary, metric: str, of_arms: dict[str, Array]) -> bool:
    """Draws a panel; says whether values lie outside of it."""
    drawn = pens(summary)
    settled, everything = [], []
    few = max(runs.shape[1] for runs in of_arms.values()) < _MARKED
    for arm, runs in of_arms.items():
        common = _common(runs)
        runs, epochs = runs[:, common], _epochs(summary, arm, runs.shape[1])[common]
        mean, pen = np.nanmean(runs, axis=0), drawn[arm]
        low, high = np.nanmin(runs, axis=0), np.nanmax(runs, axis=0)
        axes.fill_between(epochs, low, high, color=pen.colour, alpha=0.16 if len(of_arms) < 5 else 0.08, linewidth=0)
        marker = {"marker": pen.marker, "markersize": 3} if few else {}
        axes.plot(epochs, mean, color=pen.colour, linestyle=pen.line, linewidth=1.4, label=elide(arm, 30), **marker)
        settled += [*mean[len(mean) // 2 :]]
        everything += [*low, *high]
    upward = summary.protocol["direction"] == "maximize" and not metric.endswith(("loss", "cost"))
    shown = view_of_curves(settled, everything, upward)
    shown.apply(axes)
    axes.set(xlabel="epoch", ylabel=label(metric))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return shown.clipped
