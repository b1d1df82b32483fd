"""Pictures of a study, drawn by matplotlib in one quiet style; the same colour for an arm everywhere."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.results import ArmSummary, StudySummary, TrialRecord

__all__ = ["COLOURS", "STYLE", "curves_png"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Told apart by colour-blind readers too. Source: Okabe and Ito 2008, Color Universal Design."""

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


def curves_png(summary: StudySummary, path: Path | None = None) -> bytes:
    """Training curves of every arm's winner over its replicates: mean, and the range over seeds, by epoch.

    Args:
        summary: with at least one finished replicate, else the picture says that there is none.
        path: written there too.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    metric = summary.protocol["metric"].removeprefix("val_")
    panels = [f"val_{metric}"] if metric == "loss" else [f"val_{metric}", "val_loss"]
    with rc_context(STYLE):  # type: ignore[arg-type]  # matplotlib types its keys as literals
        figure = Figure(figsize=(4.6 * len(panels), 3.6), layout="constrained")
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
            _draw(axes, summary, name)
        figure.suptitle("QUICK RUN: a first look" if summary.quick else "")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    if path is not None:
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def _draw(axes: Any, summary: StudySummary, name: str) -> None:  # Any: matplotlib's Axes has no types we follow
    for i, arm in enumerate(summary.arms):
        runs = _curves(summary.trials, arm, name)
        epochs = np.flatnonzero(np.isfinite(runs).any(axis=0))
        if not len(epochs):
            continue
        runs, epochs = runs[:, epochs], epochs + 1
        colour = COLOURS[i % len(COLOURS)]
        axes.fill_between(
            epochs, np.nanmin(runs, axis=0), np.nanmax(runs, axis=0), color=colour, alpha=0.18, linewidth=0
        )
        marker = "o" if len(epochs) < 25 else None
        axes.plot(epochs, np.nanmean(runs, axis=0), color=colour, label=arm.name, marker=marker, markersize=3)
    label = name.replace("val_", "validation ").replace("_", " ")
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(f"{label}, winners on fresh seeds (mean and range)", fontsize=9)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "no replicates yet", ha="center", transform=axes.transAxes)


def _curves(trials: Sequence[TrialRecord], arm: ArmSummary, name: str) -> np.ndarray:
    """(runs, epochs) float64 of the replicates of an arm's winner; NaN where a run has no value."""
    key = arm.best.setting_key if arm.best else ""
    runs = [trial for trial in trials if (trial.phase, trial.arm, trial.setting_key) == ("replicate", arm.name, key)]
    series = [trial.result.history.get(name, []) for trial in runs if trial.result and trial.state == "finished"]
    length = max((len(values) for values in series), default=0)
    padded = [[*values, *[None] * (length - len(values))] for values in series]
    return np.array(padded, dtype=np.float64).reshape(len(series), length)
