"""The Pareto fronts as a picture: what each setting gives of one objective for what of another."""

from collections.abc import Sequence

from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.results import StudySummary
from dlstudy.report.figures.style import WIDTH, Axes, Drawing, Figure, Pen, heading, legend_below, pens, plain_numbers
from dlstudy.report.fronts import FrontPoint, fronts, objectives_of
from dlstudy.report.labels import label
from dlstudy.study.objectives import Objective
from dlstudy.study.phases import Phase
from dlstudy.study.trial import TrialState

__all__ = ["fronts_drawing"]


def fronts_drawing(summary: StudySummary) -> Drawing | None:
    """What draws the first objective against each of the others; None without objectives or replicates."""
    found = {arm: [point for point in points if all(point.values.values())] for arm, points in fronts(summary).items()}
    return (lambda: _figure(summary, found)) if any(found.values()) else None


def _figure(summary: StudySummary, found: dict[str, list[FrontPoint]]) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    first, *others = objectives_of(summary)
    height = 3.4 if len(others) == 1 else 2.9
    figure = Figure(figsize=(WIDTH, height + 0.5), layout="constrained")
    panels, drawn = figure.subplots(1, len(others), sharey=True, squeeze=False)[0], pens(summary)
    for axes, other in zip(panels, others, strict=True):
        for arm, points in found.items():
            _tried(axes, summary, arm, drawn[arm], other, first)
            _front(axes, points, drawn[arm], other, first)
        _set_axes(axes, other, first)
    panels[0].set_ylabel(_name(first))
    handles = [Line2D([], [], color=drawn[arm].colour, marker=drawn[arm].marker, linestyle="-") for arm in found]
    handles.append(Line2D([], [], color="#777777", marker="o", markersize=3, linestyle="", alpha=0.5))
    legend_below(figure, handles, [*found, "tried in a search (validation rows)"])
    title = "The front of each search: means of its settings over the seeds, on the test rows"
    figure.suptitle(heading(summary, title), fontsize=10)
    return figure


def _tried(axes: Axes, summary: StudySummary, arm: str, pen: Pen, across: Objective, up: Objective) -> None:
    """Small points for all settings that were tried."""
    tried = [
        trial.metrics
        for trial in summary.trials
        if (trial.arm, trial.phase, trial.state) == (arm, Phase.SEARCH, TrialState.FINISHED)
        and {across.metric, up.metric} <= trial.metrics.keys()
    ]
    x, y = ([metrics[each.metric] for metrics in tried] for each in (across, up))
    axes.plot(x, y, linestyle="", marker=pen.marker, markersize=3, color=pen.colour, alpha=0.3, markeredgewidth=0)


def _front(axes: Axes, points: Sequence[FrontPoint], pen: Pen, across: Objective, up: Objective) -> None:
    """A line through the settings of each search's front."""
    for search in sorted({point.found.search for point in points}):
        placed = sorted(
            (mean_and_sd(point.values[across.test_metric])[0], mean_and_sd(point.values[up.test_metric])[0])
            for point in points
            if point.found.search == search
        )
        x, y = zip(*placed, strict=True)
        axes.plot(x, y, color=pen.colour, marker=pen.marker, linestyle=pen.line, markersize=5, linewidth=1)


def _set_axes(axes: Axes, across: Objective, up: Objective) -> None:
    """Sets the scales, and marks the values from which on a setting counts."""
    for objective, scale in ((across, axes.set_xscale), (up, axes.set_yscale)):
        scale("log" if objective.log else "linear")
    limits = axes.get_xlim(), axes.get_ylim()
    for objective, (low, high), line in zip((across, up), limits, (axes.axvline, axes.axhline), strict=True):
        if low < objective.worst < high:
            line(objective.worst, color="#777777", linewidth=0.8, linestyle=":")
    axes.set_xlabel(_name(across))
    plain_numbers(axes.xaxis)
    plain_numbers(axes.yaxis)


def _name(objective: Objective) -> str:
    return label(objective.metric.removeprefix("val_"))  # small points are of validation rows, large ones of test rows
