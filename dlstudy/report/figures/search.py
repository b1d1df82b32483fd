"""Pictures of the search: results by budget, the effect of each tuned parameter, and its importance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from optuna.distributions import BaseDistribution

from dlstudy.analysis.cost_results import BudgetCurve
from dlstudy.analysis.halving import without_earlier_rungs
from dlstudy.analysis.results import StudySummary
from dlstudy.report.figures.style import (
    WIDTH,
    Axes,
    Drawing,
    Figure,
    Pen,
    View,
    elide,
    heading,
    legend_below,
    pens,
    plain_numbers,
    png,
    view,
    view_of_curves,
    winners,
)
from dlstudy.report.labels import label
from dlstudy.report.spaces import spaces
from dlstudy.study.axes import reaching
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = [
    "Slice",
    "Tried",
    "budget_drawing",
    "budget_png",
    "importance_drawing",
    "importance_png",
    "importances",
    "slices",
    "slices_drawing",
    "slices_png",
]

Scalar: TypeAlias = Any  # Any: JSON scalars

_TOP = 5  # best trials that importances are about
_FEWEST, _ENOUGH = 4, 50  # finished trials: from which importances are estimated, and from which they are steady


@dataclass(frozen=True)
class Tried:
    """A trial of a search: its value of the parameter, of the metric (None where it gave none), whether it won."""

    at: Scalar
    value: float | None
    won: bool


@dataclass(frozen=True)
class Slice:
    """The trials of an arm's searches along one parameter; `alone` says that the arm tunes nothing else."""

    arm: str
    trials: Sequence[Tried]
    alone: bool

    @property
    def values(self) -> list[float]:
        """Those that its trials gave."""
        return [trial.value for trial in self.trials if trial.value is not None]


def budget_png(summary: StudySummary) -> bytes | None:
    """The best validation value so far against trials and against seconds; None where no search has two trials."""
    drawing = budget_drawing(summary)
    return None if drawing is None else png(drawing)


def budget_drawing(summary: StudySummary) -> Drawing | None:
    """What draws that; None likewise."""
    curves = [curve for curve in summary.budget_curves if any(value is not None for value in curve.best)]
    return (lambda: _budget_figure(summary, curves)) if any(len(curve.best) > 1 for curve in curves) else None


def slices(summary: StudySummary) -> dict[str, list[Slice]]:
    """For each tuned parameter, the trials of every arm that tunes it, all searches together."""
    found: dict[str, list[Slice]] = {}
    for arm in summary.arms:
        trials, best = _searched(summary, arm.name), winners(summary, arm.name)
        names = list(dict.fromkeys(name for trial in trials for name in trial.tuned))
        for name in names:
            tried = [
                Tried(trial.tuned[name], value, value is not None and (trial.search, trial.setting_key) in best)
                for trial in trials
                if name in trial.tuned
                for value in [_value(trial)]
            ]
            found.setdefault(name, []).append(Slice(arm.name, tried, alone=len(names) == 1))
    return found


def slices_png(summary: StudySummary) -> bytes | None:
    """The validation value along each tuned parameter; None where nothing was tuned."""
    drawing = slices_drawing(summary)
    return None if drawing is None else png(drawing)


def slices_drawing(summary: StudySummary) -> Drawing | None:
    """What draws that; None likewise."""
    found = {name: parts for name, parts in slices(summary).items() if any(part.values for part in parts)}
    return (lambda: _slices_figure(summary, found)) if found else None


def importances(summary: StudySummary) -> dict[str, dict[str, float]]:
    """For each arm that tunes several parameters, how much of the difference between its trials each explains.

    Shares from 0 to 1 that add up to 1, largest first. Arms with fewer than four finished trials, or with trials that
    are all equally good, are left out: there is nothing to explain.

    Source: Watanabe, Bansal and Hutter 2023, arXiv:2304.10255 (PED-ANOVA), as in Optuna.
    """
    found = {}
    direction = Direction(summary.protocol["direction"])
    for arm, space in spaces(summary).items():
        trials = [trial for trial in _searched(summary, arm) if _value(trial) is not None]
        differ = len({trial.value for trial in trials}) > 1
        if differ and len(space) > 1 and len(trials) >= _FEWEST:
            found[arm] = _importances(space, trials, direction)
    return found


def importance_png(summary: StudySummary) -> bytes | None:
    """Which tuned parameters matter, as bars; None where no arm has two of them and four finished trials."""
    drawing = importance_drawing(summary)
    return None if drawing is None else png(drawing)


def importance_drawing(summary: StudySummary) -> Drawing | None:
    """What draws that; None likewise."""
    found = importances(summary)
    return (lambda: _importance_figure(summary, found)) if found else None


def _searched(summary: StudySummary, arm: str) -> list[TrialRecord]:
    tried = [trial for trial in summary.trials if (trial.phase, trial.arm) == (Phase.SEARCH, arm)]
    return without_earlier_rungs([trial for trial in tried if trial.state.is_final])


def _value(trial: TrialRecord) -> float | None:
    good = trial.state is TrialState.FINISHED and trial.value is not None and math.isfinite(trial.value)
    return trial.value if good else None


def _budget_figure(summary: StudySummary, curves: Sequence[BudgetCurve]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3.5 + 0.1 * len(curves)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    drawn = pens(summary)
    settled: list[float] = []
    everything: list[float] = []
    for curve in curves:
        values = [value for value in (*curve.best, *curve.low, *curve.high) if value is not None]
        reached = [value for value in curve.best if value is not None]
        settled, everything = [*settled, *reached[len(reached) // 2 :]], [*everything, *values]
        _draw_budget(left, curve, range(1, len(curve.best) + 1), drawn[curve.arm])
        _draw_budget(right, curve, curve.seconds, drawn[curve.arm])
    metric = label(summary.metric)
    shown = view_of_curves(settled, everything, upward=summary.protocol["direction"] == Direction.MAXIMIZE)
    shown.apply(left)
    left.set(xlabel="trials tried", ylabel=f"best {metric} so far")
    left.xaxis.get_major_locator().set_params(integer=True)
    right.set_xlabel("seconds of one slot")
    _spread_seconds(right, curves)
    plain_numbers(right.xaxis)
    legend_below(figure, *left.get_legend_handles_labels())
    figure.suptitle(heading(summary, _budget_title(curves, shown.clipped)), fontsize=10)
    return figure


def _budget_title(curves: Sequence[BudgetCurve], clipped: bool) -> str:
    n = max(curve.n_searches for curve in curves)
    title = "The best result of the search so far, by its budget"
    if any(curve.kind == "expected best" for curve in curves):
        title = "The best that a budget of random trials finds, on average"
    title += f"\nLine: mean; band: range of {n} searches" if n > 1 else ""
    return title + ("\nValues far from those in the end lie outside" if clipped else "")


def _draw_budget(axes: Axes, curve: BudgetCurve, spent: Sequence[float], pen: Pen) -> None:
    known = [i for i, value in enumerate(curve.best[: len(spent)]) if value is not None]
    x, y = [spent[i] for i in known], [curve.best[i] for i in known]
    axes.plot(
        x, y, color=pen.colour, linestyle=pen.line, linewidth=1.3, drawstyle="steps-post", marker=pen.marker,
        markersize=3.5, label=elide(curve.arm, 30),
    )  # fmt: skip
    if curve.low and curve.high:
        low, high = (np.array([ends[i] for i in known], np.float64) for ends in (curve.low, curve.high))
        axes.fill_between(x, low, high, step="post", color=pen.colour, alpha=0.14, linewidth=0)


def _spread_seconds(axes: Axes, curves: Sequence[BudgetCurve]) -> None:
    """Uses a logarithmic axis if one arm's trials take so much longer that those of others would coincide."""
    totals = [curve.seconds[-1] for curve in curves if len(curve.seconds)]
    if totals and min(totals) > 0 and max(totals) > 10 * min(totals):
        axes.set_xscale("log")


def _slices_figure(summary: StudySummary, found: Mapping[str, Sequence[Slice]]) -> Figure:
    from matplotlib.figure import Figure

    n_columns = min(2, len(found))
    n_rows = -(-len(found) // n_columns)
    figure = Figure(figsize=(WIDTH, 2.9 * n_rows + 0.6 + 0.08 * len(summary.arms)), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    upward, drawn = summary.protocol["direction"] == Direction.MAXIMIZE, pens(summary)
    values = sorted((value for parts in found.values() for part in parts for value in part.values), reverse=upward)
    won = [t.value for parts in found.values() for part in parts for t in part.trials if t.won and t.value is not None]
    shown = view([*values[: (len(values) + 1) // 2], *won], values)
    for axes, (name, parts) in zip(grid, found.items(), strict=False):  # the last row may have an empty place
        places = _scale(axes, summary, name, parts)
        for i, part in enumerate(parts):
            beside = 0.6 * ((i + 0.5) / len(parts) - 0.5)
            x = [places[str(trial.at)] + beside if places else trial.at for trial in part.trials]
            _draw_slice(axes, part, x, drawn[part.arm], shown, upward=upward)
        axes.set_xlabel(elide(name, 40))
        if not places:
            plain_numbers(axes.xaxis)
    shown.apply(grid[0])
    for axes in grid[::n_columns]:
        axes.set_ylabel(label(summary.metric))
    for axes in grid[len(found) :]:
        axes.set_axis_off()
    _key(figure, found, drawn, shown)
    figure.suptitle(heading(summary, "Every trial of the search, by the parameters it was given"), fontsize=10)
    return figure


def _scale(axes: Axes, summary: StudySummary, name: str, parts: Sequence[Slice]) -> dict[str, int]:
    """Sets the horizontal axis for the distribution; returns the position of each category, if any."""
    distributions = [space[name] for space in spaces(summary).values() if name in space]
    if any(getattr(distribution, "log", False) for distribution in distributions):
        axes.set_xscale("log")
    tried = [trial.at for part in parts for trial in part.trials]
    numbers = all(isinstance(at, int | float) and not isinstance(at, bool) for at in tried)
    if numbers and not any(hasattr(distribution, "choices") for distribution in distributions):
        return {}
    choices = [choice for each in distributions for choice in getattr(each, "choices", ())]
    places = {text: i for i, text in enumerate(dict.fromkeys(map(str, [*choices, *tried])))}
    axes.set_xticks(range(len(places)), [elide(text, 12) for text in places])
    axes.set_xlim(-0.5, len(places) - 0.5)
    return places


def _draw_slice(axes: Axes, part: Slice, x: Sequence[float], pen: Pen, shown: View, *, upward: bool) -> None:
    """Draws an arm's trials: those outside the view hollow at its edge, those without a value at the worst ones."""
    placed = list(zip(x, part.trials, strict=True))
    known = sorted((place, trial.value) for place, trial in placed if trial.value is not None)
    won = [(place, trial.value) for place, trial in placed if trial.won]
    lost = [(place, shown.low if upward else shown.high) for place, trial in placed if trial.value is None]
    inside = [(place, value) for place, value in known if shown.low < value < shown.high]
    far = [(place, value) for place, value in known if not shown.low < value < shown.high]
    outside = [(place, min(max(value, shown.low), shown.high)) for place, value in far]
    if part.alone:
        axes.plot(*_xy(known), color=pen.colour, linestyle=pen.line, linewidth=0.9, alpha=0.5)
    dots = {"s": 20, "marker": pen.marker, "edgecolor": pen.colour, "clip_on": False, "zorder": 3}
    axes.scatter(*_xy(inside), facecolor=pen.colour, **dots)
    axes.scatter(*_xy(outside), facecolor="white", **dots)
    axes.scatter(*_xy(won), s=110, facecolor="none", edgecolor=pen.colour, linewidth=1.4, zorder=4)
    axes.scatter(*_xy(lost), s=34, marker="x", color=pen.colour, clip_on=False, zorder=4)


def _xy(points: Sequence[tuple[float, float | None]]) -> tuple[list[float], list[float | None]]:
    return [x for x, _ in points], [y for _, y in points]


def _key(figure: Figure, found: Mapping[str, Sequence[Slice]], drawn: Mapping[str, Pen], shown: View) -> None:
    """The legend: the arms that tune something, and the marks that were used."""
    from matplotlib.lines import Line2D

    parts = [part for group in found.values() for part in group]
    looks: list[tuple[str, dict[str, Any]]] = [  # Any: options of Line2D
        (elide(arm, 30), {"color": pen.colour, "marker": pen.marker, "linestyle": pen.line, "markersize": 4.5})
        for arm, pen in drawn.items()
        if any(part.arm == arm for part in parts)
    ]
    mark = {"linestyle": "none", "color": "#444444"}
    if any(trial.won for part in parts for trial in part.trials):
        looks.append(("winner", {**mark, "marker": "o", "fillstyle": "none", "markersize": 9}))
    if any(trial.value is None for part in parts for trial in part.trials):
        looks.append(("without a value", {**mark, "marker": "x"}))
    if shown.clipped:
        looks.append(("further out", {**mark, "marker": "o", "fillstyle": "none", "markersize": 4.5}))
    legend_below(figure, [Line2D([], [], linewidth=0.9, **look) for _, look in looks], [name for name, _ in looks])


def _importance_figure(summary: StudySummary, found: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars beneath the name of each arm, largest first."""
    from matplotlib.figure import Figure

    rows = [(arm, name) for arm, shares in found.items() for name in ("", *shares)]
    figure = Figure(figsize=(WIDTH, 0.9 + 0.28 * len(rows)), layout="constrained")
    axes, drawn = figure.subplots(), pens(summary)
    bars = [(place, arm, name) for place, (arm, name) in enumerate(rows) if name]
    shares = [found[arm][name] for _, arm, name in bars]
    axes.barh([place for place, _, _ in bars], shares, 0.68, color=[drawn[arm].colour for _, arm, _ in bars])
    for (place, _, _), share in zip(bars, shares, strict=True):
        axes.text(share + 0.01, place, f"{share:.2f}", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [elide(name or arm, 28) for arm, name in rows])
    axes.tick_params(axis="y", length=0)
    for tick, (_, name) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("normal" if name else "bold")
    axes.set(
        xlim=(0, 1.08), ylim=(len(rows) - 0.4, -0.6), xlabel="share in what makes a trial one of the best (PED-ANOVA)"
    )
    axes.grid(visible=False, axis="y")
    counts = sorted({sum(_value(trial) is not None for trial in _searched(summary, arm)) for arm in found})
    n = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    guide = ": a rough guide" if counts[0] < _ENOUGH else ""
    figure.suptitle(heading(summary, f"What matters among the tuned parameters ({n} trials{guide})"), fontsize=10)
    return figure


def _importances(
    space: Mapping[str, BaseDistribution], trials: Sequence[TrialRecord], direction: Direction
) -> dict[str, float]:
    """For a place among the best five trials, or the better half of fewer than ten: Optuna advises at least five."""
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=direction.value)
    in_all = [name for name in space if all(name in trial.tuned for trial in trials)]  # the others are conditional
    tried = {name: reaching(space[name], [trial.tuned[name] for trial in trials]) for name in in_all}
    for trial in trials:
        params = {name: trial.tuned[name] for name in in_all}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=tried, value=trial.value))
    share = min(0.5, max(0.1, _TOP / len(trials)))
    shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=share))
    return {name: float(share) for name, share in shares.items()}
