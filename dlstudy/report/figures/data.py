"""Pictures of a data set before training: class balance, target, box plots, samples, the pixels of one image."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dlstudy.common.text import one_line
from dlstudy.datasets.dataset import Array, Dataset
from dlstudy.datasets.own_cache import is_own
from dlstudy.datasets.own_profile import OwnProfile, labels_of_rows
from dlstudy.datasets.profile import DatasetProfile
from dlstudy.datasets.structure import are_pictures
from dlstudy.report.figures.samples import image_grid
from dlstudy.report.figures.style import STYLE
from dlstudy.toolkit.plots import PALETTE

__all__ = ["balance_figure", "box_figure", "draw_profile", "pixel_figure", "sample_figure", "target_figure"]

Figure: TypeAlias = Any  # Any: matplotlib is imported when something is drawn
Axes: TypeAlias = Any  # Any: matplotlib's Axes has no types we follow

_COLUMNS = 4
_MOST_LETTERS = 50  # that labels take side by side
_MOST_CLASSES = 40  # that a picture of all shows
_MOST_TARGETS = 6
_SAMPLES = 10
_SAMPLES_A_CLASS = 3
_FEWEST_ROWS = 20  # of a box plot: fewer rows are clearer as points
_FAR_OUT = 20  # times the median: beyond it, a linear scale would flatten the box


def draw_profile(data: Dataset, profile: DatasetProfile | OwnProfile, folder: Path) -> list[Path]:
    """Draws the pictures that fit a data set, as PNG files in a folder.

    Raises:
        OSError: the folder cannot be written to.
    """
    from matplotlib import rc_context

    drawings = _of_own(data, profile) if isinstance(profile, OwnProfile) else _of_built_in(data, profile)
    paths = []
    with rc_context(STYLE):  # type: ignore[arg-type]  # matplotlib types its keys as literals
        for name, drawing in drawings.items():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.png"
            drawing().savefig(path, dpi=150, format="png", metadata={"Software": None})
            paths.append(path)
    return paths


def _of_built_in(data: Dataset, profile: DatasetProfile) -> dict[str, Callable[[], Figure]]:
    drawings: dict[str, Callable[[], Figure]] = {}
    if profile.balance:
        counts = {count.label: (count.n_train, count.n_test) for count in profile.balance}
        parts = [part.name for part in profile.parts]
        drawings["balance"] = lambda: balance_figure(profile.dataset, counts, parts, ratio=profile.ratio)
    else:
        drawings["target"] = lambda: target_figure(data)
    if data.x_train.ndim > 2:
        drawings |= {"samples": lambda: sample_figure(data), "pixels": lambda: pixel_figure(data)}
    elif len(data.x_train) >= _FEWEST_ROWS:
        drawings["boxes"] = lambda: box_figure(data)
    return drawings


def _of_own(data: Dataset, profile: OwnProfile) -> dict[str, Callable[[], Figure]]:
    about, drawings = data.description, dict[str, Callable[[], Figure]]()
    if profile.balance and len(profile.balance) <= _MOST_CLASSES:
        parts = ["train", "test"][: len(next(iter(profile.balance.values())))]
        drawings["balance"] = lambda: balance_figure(
            about.title, profile.balance, parts, unit=about.counted, word=about.label_word
        )
    if about.task == "regression" and isinstance(data.y_train, np.ndarray) and data.y_train.ndim <= 2:
        drawings["target"] = lambda: target_figure(data)
    if are_pictures(data.x_train) and data.x_train.dtype == np.uint8:
        drawings["samples"] = lambda: sample_figure(data)
    return drawings


def balance_figure(
    name: str,
    counts: Mapping[str, Sequence[int]],
    parts: Sequence[str],
    *,
    ratio: float | None = None,
    unit: str = "rows",
    word: str = "class",
) -> Figure:
    """A bar for the rows of each class and part.

    Args:
        name: of the data set.
        counts: by class, the rows of each part.
        parts: their names.
        ratio: rows of the largest class / rows of the smallest; None where it is not told.
        unit: what is counted.
        word: what a label is called.
    """
    labels = [one_line(label, 40) for label in counts]
    figure, axes = _one_axes(width=max(3.6, 0.62 * len(labels) + 1.6))
    width = 0.8 / len(parts)
    for i, part in enumerate(parts):
        places = np.arange(len(labels)) + (i - (len(parts) - 1) / 2) * width
        axes.bar(places, [of_class[i] for of_class in counts.values()], 0.92 * width, color=PALETTE[i], label=part)
    long = len(labels) * max(map(len, labels)) > _MOST_LETTERS
    slant = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if long else {}
    axes.set_xticks(range(len(labels)), labels, parse_math=False, **slant)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(unit)
    told = "" if ratio is None else f": largest / smallest {ratio:.2f}"
    axes.set_title(f"{name}, {unit} of each {word}{told}", fontsize=9, parse_math=False)
    if len(parts) > 1:
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def target_figure(data: Dataset) -> Figure:
    """A histogram of each target of a regression in the training rows, with its mean and median."""
    from matplotlib.figure import Figure

    about, n = data.description, len(data.y_train)
    columns = np.asarray(data.y_train).reshape(n, -1)[:, :_MOST_TARGETS].T
    figure = Figure(figsize=(5.2, 3.6 * len(columns)), layout="constrained")
    names = about.names_of_targets(data.y_train.size // n)
    for axes, name, column in zip(
        figure.subplots(len(columns), 1, squeeze=False).ravel(), names, columns, strict=False
    ):
        values = _finite(column)
        axes.grid(visible=False, axis="x")
        axes.hist(values, bins="auto", color=PALETTE[0], edgecolor="white", linewidth=0.3)
        axes.axvline(np.mean(values), color=PALETTE[1], label=f"mean {np.mean(values):.4g}")
        axes.axvline(np.median(values), color="black", linestyle="--", label=f"median {np.median(values):.4g}")
        axes.set_xlabel(name, parse_math=False)
        axes.set_ylabel("rows")
        axes.legend()
    figure.suptitle(f"{about.shown_name}, the target in {n:,} rows", fontsize=9, parse_math=False)
    return figure


def box_figure(data: Dataset) -> Figure:
    """Box plots of the columns of a table in the training rows, each on its own scale; one box for each class.

    Boxes go from quartile to quartile, whiskers to the last value within 1.5 times a box's height; points lie beyond.
    Positive values that reach beyond 20 times their median get a logarithmic scale.
    """
    from matplotlib.figure import Figure

    about, x = data.description, data.x_train
    labels = about.label_names or ("",)
    rows = [data.y_train == i for i in range(about.n_classes)] or [np.ones(len(x), bool)]
    n_columns = min(_COLUMNS, x.shape[1])
    n_rows = -(-x.shape[1] // n_columns)
    figure = Figure(figsize=(max(2.3 * n_columns, 3.0), 2.3 * n_rows + 0.4), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, name, column in zip(grid, about.feature_names, x.T, strict=False):  # the last row may have empty places
        _boxes(axes, name, [_finite(column[chosen]) for chosen in rows], labels)
    for axes in grid[x.shape[1] :]:
        axes.set_axis_off()
    figure.suptitle(f"{about.name}, the features in {len(x):,} rows", fontsize=9)
    return figure


def sample_figure(data: Dataset) -> Figure:
    """The first three training images of each class with their labels, class beside class; else the first ten."""
    about, x = data.description, data.x_train
    scale = 255 if is_own(about.name) else about.scale
    if not about.classifies or about.n_classes > _MOST_CLASSES:
        return image_grid(x[:_SAMPLES] / scale, [""] * len(x[:_SAMPLES]))
    labels = labels_of_rows(data.y_train)
    found = [np.flatnonzero(labels == i)[:_SAMPLES_A_CLASS] for i in range(about.n_classes)]
    rows = [places[i] for i in range(_SAMPLES_A_CLASS) for places in found if i < len(places)]
    return image_grid(x[rows] / scale, [one_line(about.label_names[labels[row]], 20) for row in rows])


def pixel_figure(data: Dataset) -> Figure:
    """The first training image as a heat map: a grey one with its numbers, a colour one channel by channel."""
    from matplotlib.figure import Figure

    about, image = data.description, data.x_train[0]
    label = about.label_names[int(data.y_train[0])]
    if image.ndim == 2:
        side = max(4.5, 0.34 * image.shape[1])
        figure = Figure(figsize=(side + 1.2, side), layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel="column", ylabel="row")
        _heat_map(axes, image, "Blues", about.scale).set_label(about.units, fontsize=9, parse_math=False)
        _write_numbers(axes, image, about.scale, size=18 * side / image.shape[1])
    else:
        figure = Figure(figsize=(11.5, 2.8), layout="constrained")
        picture, *channels = figure.subplots(1, 4)
        picture.imshow(image, interpolation="nearest")
        picture.grid(visible=False)
        for i, (axes, colour) in enumerate(zip(channels, ("red", "green", "blue"), strict=True)):
            _heat_map(axes, image[..., i], f"{colour.title()}s", about.scale)
            axes.set_title(f"{colour}, 0 to {about.scale:g}", fontsize=9)
    figure.suptitle(f"{about.name}, the pixels of the first training image: {label}", fontsize=9, parse_math=False)
    return figure


def _one_axes(width: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=False, axis="x")
    return figure, axes


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]


def _boxes(axes: Axes, name: str, columns: list[Array], labels: Sequence[str]) -> None:
    drawn = axes.boxplot(
        columns,
        tick_labels=labels,
        widths=0.55,
        patch_artist=True,
        medianprops={"color": "black"},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": "none", "markerfacecolor": "#888888"},
    )
    for i, box in enumerate(drawn["boxes"]):
        box.set(facecolor=PALETTE[i % len(PALETTE)], alpha=0.6)
    values = np.concatenate(columns)
    logarithmic = np.min(values) > 0 and np.max(values) > _FAR_OUT * np.median(values)
    if logarithmic:
        axes.set_yscale("log")
    axes.set_title(f"{name}, log scale" if logarithmic else name, fontsize=9, parse_math=False)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=0)


def _heat_map(axes: Axes, image: Array, colours: str, highest: float) -> Any:  # Any: a Colorbar
    shown = axes.imshow(image, cmap=colours, vmin=0, vmax=highest, interpolation="nearest")
    axes.grid(visible=False)
    return axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)


def _write_numbers(axes: Axes, image: Array, highest: float, size: float) -> None:
    for (row, column), value in np.ndenumerate(image):
        colour = "white" if value > highest / 2 else "black" if value else "#bbbbbb"
        axes.text(column, row, str(value), ha="center", va="center", fontsize=size, color=colour)
