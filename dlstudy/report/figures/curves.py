"""Training curves of the winners over their seeds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dlstudy.analysis.results import StudySummary
from dlstudy.report.figures.style import (
    WIDTH,
    Array,
    Axes,
    Drawing,
    Figure,
    elide,
    heading,
    legend_below,
    pens,
    png,
    view_of_curves,
    winners,
)
from dlstudy.report.labels import label
from dlstudy.study.metrics import train_metric_of
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.trial import MOST_POINTS, TrainedBy, TrialState

__all__ = ["curves", "curves_drawing", "curves_png"]

_MARKED = 25  # epochs from which on markers would hide the line


def curves(summary: StudySummary) -> dict[str, dict[str, Array]]:
    """Metric -> arm -> (runs, epochs) of the validation metric of the search and the loss, over the epochs.

    Where no arm was validated while it trained, as exact methods and the descents of `scratch` are not: of the training
    rows. Runs are the replicates of the winners of the arm's searches; NaN where a run has no value. An arm has a curve
    where half of its runs reached a second epoch; of metrics with the same numbers, such as a loss that is the mean
    squared error, the first is kept.
    """
    metric = summary.metric
    validated = _drawable(summary, (metric, "val_loss"))
    return validated or _drawable(summary, (train_metric_of(metric), "train_loss", "train_cost"))


def curves_png(summary: StudySummary) -> bytes | None:
    """Training curves of every arm's winner on fresh seeds, as PNG; None where no run has two epochs."""
    drawing = curves_drawing(summary)
    return None if drawing is None else png(drawing)


def curves_drawing(summary: StudySummary) -> Drawing | None:
    """What draws these; None likewise."""
    found = curves(summary)
    return (lambda: _curves_figure(summary, found)) if found else None


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
        trial.history.get(metric, [])
        for trial in summary.trials
        if (trial.phase, trial.arm, trial.state) == (Phase.REPLICATE, arm, TrialState.FINISHED)
        and (trial.search, trial.setting_key) in best
    ]
    length = max((len(values) for values in series), default=0)
    padded = [[*values, *[None] * (length - len(values))] for values in series]
    return np.array(padded, dtype=np.float64).reshape(len(series), length)


def _common(runs: Array) -> npt.NDArray[np.intp]:
    """Indices of the epochs that at least half of the runs reached: a mean over the last few runs would mislead."""
    return np.flatnonzero(2 * np.isfinite(runs).sum(axis=0) >= max(len(runs), 1))


def _alike(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(
        one[arm].shape == other[arm].shape and np.allclose(one[arm], other[arm], equal_nan=True) for arm in one
    )


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
        if (trial.arm, trial.phase) == (arm, Phase.REPLICATE)
        and trial.result
        and trial.result.trained_by is TrainedBy.ESTIMATOR
    ]
    last = max(planned, default=n) if n == MOST_POINTS else n
    return np.linspace(0, last - 1, n).astype(np.intp) + 1


def _alone(values: Array) -> npt.NDArray[np.intp]:
    """Indices of the values between two gaps: a line through them shows nothing."""
    padded = np.isfinite([np.nan, *values, np.nan])
    return np.flatnonzero(padded[1:-1] & ~padded[:-2] & ~padded[2:])


def _draw_curves(axes: Axes, summary: StudySummary, metric: str, of_arms: dict[str, Array]) -> bool:
    """Draws a panel; says whether values lie outside of it."""
    drawn = pens(summary)
    settled, everything = [], []
    few = max(runs.shape[1] for runs in of_arms.values()) < _MARKED
    for arm, runs in of_arms.items():
        common, epochs, pen = _common(runs), _epochs(summary, arm, runs.shape[1]), drawn[arm]
        low, mean, high = np.full((3, len(epochs)), np.nan)  # where few runs have a value, the line has a gap
        mean[common] = np.nanmean(runs[:, common], axis=0)
        low[common], high[common] = np.nanmin(runs[:, common], axis=0), np.nanmax(runs[:, common], axis=0)
        axes.fill_between(epochs, low, high, color=pen.colour, alpha=0.16 if len(of_arms) < 5 else 0.08, linewidth=0)
        marked = np.arange(len(epochs)) if few else _alone(mean)
        marker = {"marker": pen.marker, "markersize": 3, "markevery": marked} if len(marked) else {}
        axes.plot(epochs, mean, color=pen.colour, linestyle=pen.line, linewidth=1.4, label=elide(arm, 30), **marker)
        settled += [*mean[common[len(common) // 2 :]]]
        everything += [*low[common], *high[common]]
    of_search = metric in (summary.metric, train_metric_of(summary.metric))
    upward = of_search and summary.protocol["direction"] == Direction.MAXIMIZE  # the other curves are of losses
    shown = view_of_curves(settled, everything, upward)
    shown.apply(axes)
    axes.set(xlabel="epoch", ylabel=label(metric))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return shown.clipped
