"""Figures for a study's `figures`: curves, a fitted line, a decision boundary, a confusion matrix, images.

Each function returns a matplotlib `Figure`. Matplotlib is imported inside: importing a study loads none of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "PALETTE",
    "Panel",
    "classification_report",
    "confusion_matrix",
    "curves",
    "decision_boundary",
    "image_rows",
    "images",
    "line_fit",
    "panels",
    "predicted_and_residuals",
    "true_against_predicted",
]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Colours that are distinguishable with any kind of colour vision.

Source: Okabe and Ito 2008, Color Universal Design; a grey in place of their yellow, which no thin line shows on white.
"""

_STYLES = ("-", "--", "-.", ":")
_SMALL = 9
_MANY = 4
"""From this number of columns on, a table of numbers has small letters."""
_TOO_MANY = 25
_LETTERS = 36


@dataclass(frozen=True)
class Panel:
    """One set of axes with curves.

    Args:
        lines: label to (n,) values; an empty label leaves a line out of the legend.
        x: (n,) where the values are; None counts from 1.
        xlabel, ylabel, title: texts.
        ylim: lower and upper end; None for what the values need.
        log: whether the values are on a log scale.
        markers: whether each point has one.
    """

    lines: Mapping[str, Sequence[float] | np.ndarray]
    x: Sequence[float] | np.ndarray | None = None
    xlabel: str = ""
    ylabel: str = ""
    title: str = ""
    ylim: tuple[float | None, float | None] | None = None
    log: bool = False
    markers: bool = False


def curves(
    lines: Mapping[str, Sequence[float] | np.ndarray],
    x: Sequence[float] | np.ndarray | None = None,
    *,
    size: tuple[float, float] = (5.0, 3.6),
    **more: Any,
) -> "Figure":
    """One panel of curves.

    Args:
        lines, x: as `Panel` has them.
        size: width and height, inches.
        more: further arguments of `Panel`.
    """
    return panels([Panel(lines, x, **more)], size=size)


def panels(
    shown: Sequence[Panel], *, columns: int = 1, size: tuple[float, float] = (5.0, 3.6), shared: bool = False
) -> "Figure":
    """Panels of curves, row by row.

    Args:
        shown: at least one.
        columns: in a row.
        size: width and height of the whole, inches.
        shared: whether all have the same axes, and one legend.
    """
    figure, grid = _figure(size, math.ceil(len(shown) / columns), columns, shared)
    for place, (axes, panel) in enumerate(zip(grid, shown, strict=False)):
        for i, (label, values) in enumerate(panel.lines.items()):
            at = np.arange(1, len(values) + 1) if panel.x is None else panel.x
            marker = "o" if panel.markers else ""
            axes.plot(at, values, _STYLES[i % 4], color=PALETTE[i % 8], marker=marker, markersize=3, label=label)
        axes.set(xlabel=panel.xlabel, ylabel=panel.ylabel, yscale="log" if panel.log else "linear")
        axes.set_title(panel.title, fontsize=_SMALL + 1)
        if panel.ylim is not None:
            axes.set_ylim(*panel.ylim)
        if any(panel.lines) and (place == 0 or not shared):
            axes.legend(frameon=False, fontsize=_SMALL - 1)
    return figure


def line_fit(
    x: np.ndarray, y: np.ndarray, predict: Callable[[np.ndarray], np.ndarray], *, label: str, xlabel: str, ylabel: str
) -> "Figure":
    """A fitted line over the points.

    Args:
        x: (n, 1) inputs.
        y: (n,) targets.
        predict: gives the line at (m, 1) inputs.
        label: of the line.
        xlabel, ylabel: of the axes.
    """
    figure, (axes,) = _figure((5.0, 3.6))
    ends = np.array([[x.min()], [x.max()]])
    axes.plot(x[:, 0], y, "o", color=PALETTE[5], markersize=4, label="test rows")
    axes.plot(ends[:, 0], np.asarray(predict(ends)).reshape(2), color=PALETTE[1], label=label)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False)
    return figure


def true_against_predicted(
    y: np.ndarray, predicted: np.ndarray, *, what: str, stated: Sequence[float] = (), title: str = ""
) -> "Figure":
    """Predictions of a regression against the truth, on the diagonal where they are right.

    Args:
        y, predicted: (n,) numbers.
        what: the predicted quantity, with its unit.
        stated: a document's predictions for the first rows, marked beside ours.
        title: over the figure.
    """
    figure, (axes,) = _figure((5.0, 5.0))
    axes.plot(y, predicted, ".", markersize=2, color=PALETTE[5], alpha=0.5)
    axes.axline((0, 0), slope=1, color="black", linewidth=1)
    if stated:
        first = slice(len(stated))
        axes.plot(y[first], predicted[first], "o", fillstyle="none", color=PALETTE[1], label="ours")
        axes.plot(y[first], stated, "x", color="black", label="the document's")
        axes.legend(frameon=False, fontsize=_SMALL, title=f"first {len(stated)} test rows", title_fontsize=_SMALL)
    axes.set(xlabel=f"true {what}", ylabel=f"predicted {what}")
    axes.set_title(title, fontsize=_SMALL + 1)
    return figure


def predicted_and_residuals(y: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> "Figure":
    """Predictions of each target against the truth, and beside them what is left: predicted less true.

    Args:
        y, predicted: (n, targets) numbers.
        names: of the targets, in order.
    """
    figure, grid = _figure((5.6, 2.6 * len(names)), len(names), 2)
    for i, name in enumerate(names):
        left, right = grid[2 * i : 2 * i + 2]
        left.plot(y[:, i], predicted[:, i], ".", markersize=3, color=PALETTE[0], alpha=0.5)
        left.axline((y[0, i], y[0, i]), slope=1, color="black", linewidth=1)
        right.plot(predicted[:, i], predicted[:, i] - y[:, i], ".", markersize=3, color=PALETTE[0], alpha=0.5)
        right.axhline(0, color="black", linewidth=1)
        left.set(xlabel="true", ylabel="predicted")
        right.set(xlabel="predicted", ylabel="predicted - true")
        left.set_title(name, loc="left", fontsize=_SMALL + 1, parse_math=False)
    return figure


def decision_boundary(
    x: np.ndarray, y: np.ndarray, predict: Callable[[np.ndarray], np.ndarray], *, title: str = "", name: str = "label"
) -> "Figure":
    """Predictions of a model with two inputs for every point around the rows.

    Args:
        x: (n, 2) inputs.
        y: (n,) labels 0 and 1.
        predict: gives for (m, 2) inputs the probability of label 1, or the label.
        title: over the figure.
        name: the quantity that is 0 or 1.
    """
    figure, (axes,) = _figure((4.8, 4.0))
    ends = [np.linspace(column.min() - 0.5, column.max() + 0.5, 201) for column in x.T]
    a, b = np.meshgrid(*ends)
    says = np.asarray(predict(np.column_stack([a.ravel(), b.ravel()])), np.float64).reshape(a.shape)
    shades = axes.contourf(a, b, says, levels=np.linspace(0, 1, 11), cmap="cividis", vmin=0, vmax=1)
    axes.contour(a, b, says, levels=[0.5], colors="white")
    for label, marker in ((0, "o"), (1, "s")):
        rows = x[y == label]
        axes.plot(
            rows[:, 0], rows[:, 1], marker, color=PALETTE[1], markeredgecolor="white", markersize=10,
            label=f"{name} is {label}", linestyle="none",
        )  # fmt: skip
    axes.set(xlabel="first input", ylabel="second input", xticks=[0, 1], yticks=[0, 1])
    axes.set_title(title, fontsize=_SMALL)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False, fontsize=_SMALL)
    figure.colorbar(shades, label="output", ticks=[0, 0.5, 1])
    return figure


def confusion_matrix(y: np.ndarray, predicted: np.ndarray, labels: Sequence[str], *, unit: str = "rows") -> "Figure":
    """A confusion matrix: the rows of each class by predicted class, and the accuracy.

    Args:
        y, predicted: (n,) labels, counted from 0.
        labels: their names.
        unit: what is counted.
    """
    from sklearn import metrics

    counts = metrics.confusion_matrix(y, predicted, labels=range(len(labels)))
    rows = [f"{label} ({n} {unit})" for label, n in zip(labels, counts.sum(axis=1), strict=True)]
    columns = [f"predicted {label}" for label in labels]
    fits = _fit(columns)
    title = f"accuracy {np.mean(y == predicted):.4f}"
    figure = _grid_of_numbers(counts, rows, columns if fits else labels, "{:.0f}", title)
    figure.axes[0].set_xlabel("" if fits else "predicted")
    return figure


def classification_report(y: np.ndarray, predicted: np.ndarray, labels: Sequence[str], title: str = "") -> "Figure":
    """Precision, recall and F1 of each class, or of each label where a row may have several.

    Args:
        y, predicted: (n,) labels, counted from 0; (n, labels) of 0 and 1 for several labels a row.
        labels: their names.
        title: over the figure.
    """
    from sklearn.metrics import precision_recall_fscore_support

    *scores, rows = precision_recall_fscore_support(y, predicted, labels=range(len(labels)), zero_division=0)
    names = [f"{label} ({n} rows)" for label, n in zip(labels, rows, strict=True)]
    return _grid_of_numbers(np.transpose(scores), names, ("precision", "recall", "F1"), "{:.2f}", title)


def images(x: np.ndarray, titles: Sequence[str]) -> "Figure":
    """Images side by side.

    Args:
        x: (n, height, width) or (n, height, width, 3), in [0, 1].
        titles: one for each image that is shown.
    """
    figure, grid = _figure((2.0 * len(titles), 2.4), 1, len(titles))
    for axes, image, title in zip(grid, x, titles, strict=False):
        axes.imshow(image, cmap="gray_r")
        axes.set_axis_off()
        axes.set_title(title, fontsize=_SMALL)
    return figure


def image_rows(rows: Mapping[str, np.ndarray]) -> "Figure":
    """Rows of images, one below another: what belongs together is in one column.

    Args:
        rows: by label, (n, height, width) or (n, height, width, 1, 3 or 4), all in the same range as the first.
    """
    first = next(iter(rows.values()))
    lowest, highest = float(np.min(first)), max(float(np.max(first)), float(np.min(first)) + 1e-12)
    figure, grid = _figure((1.0 * len(first) + 1.0, 1.1 * len(rows) + 0.1), len(rows), len(first))
    for i, (label, pictures) in enumerate(rows.items()):
        for axes, picture in zip(grid[i * len(first) :], pictures, strict=False):
            seen = np.clip((picture.astype(np.float64) - lowest) / (highest - lowest), 0, 1)
            axes.imshow(seen, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
        grid[i * len(first)].set_ylabel(label, fontsize=_SMALL, parse_math=False)
    return figure


def _figure(
    size: tuple[float, float], rows: int = 1, columns: int = 1, shared: bool = False
) -> tuple["Figure", Sequence["Axes"]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    grid: Sequence[Axes] = list(figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).flat)
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid


def _fit(columns: Sequence[str]) -> bool:
    """Whether the heads of columns go side by side in a figure of five inches."""
    return len(columns) < _MANY and sum(map(len, columns)) <= _LETTERS


def _grid_of_numbers(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], form: str, title: str
) -> "Figure":
    """Numbers in a grid, the darker the larger; from `_TOO_MANY` a side on, shades alone."""
    many = len(columns) >= _MANY
    side = max(0.16, 0.7 - 0.03 * len(rows))
    upright = max(map(len, columns)) < 3 if many else _fit(columns)
    figure, (axes,) = _figure((max(5.0, 1.6 + side * len(columns)) if many else 5.0, 1.2 + side * len(rows)))
    axes.imshow(values, cmap="Blues", vmin=0, vmax=2 * max(float(values.max()), 1e-12), aspect="auto")
    small = _SMALL if many else None
    axes.set_xticks(range(len(columns)), columns, parse_math=False, fontsize=small, rotation=0 if upright else 90)
    axes.set_yticks(range(len(rows)), rows, parse_math=False, fontsize=small)
    for (i, j), number in np.ndenumerate(values if len(columns) < _TOO_MANY else values[:0]):
        if number or not many:  # many zeros would hide the rest, and take long to draw
            axes.text(j, i, form.format(number), ha="center", va="center", fontsize=small)
    axes.set_title(title, fontsize=_SMALL + 1)
    return figure
