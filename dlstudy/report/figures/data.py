"""Pictures of a data set before training: class balance, target, box plots, samples, the pixels of one image."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dlstudy.common.text import one_line
from dlstudy.datasets.dataset import Array, Dataset, Description
from dlstudy.datasets.profile import DatasetProfile, labels_of_rows
from dlstudy.datasets.structure import are_pictures, is_table, rows_in
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
_MOST_BOXES = 32  # columns; more are too small to be read
_MOST_PIXELS = 32  # of a side of an image whose pixels are shown one by one
_FAR_OUT = 20  # times the median: beyond it, a linear scale would flatten the box


def draw_profile(data: Dataset, profile: DatasetProfile, folder: Path) -> list[Path]:
    """Draws the pictures that fit a data set, as PNG files in a folder.

    Raises:
        OSError: the folder cannot be written to.
    """
    from matplotlib import rc_context

    paths = []
    with rc_context(STYLE):  # type: ignore[arg-type]  # matplotlib types its keys as literals
        for name, drawing in _drawings(data, profile).items():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.png"
            drawing().savefig(path, dpi=150, format="png", metadata={"Software": None})
            paths.append(path)
    return paths


def _drawings(data: Dataset, profile: DatasetProfile) -> dict[str, Callable[[], Figure]]:
    about, x, y = data.description, data.x_train, data.y_train
    drawings: dict[str, Callable[[], Figure]] = {}
    if profile.balance and len(profile.balance) <= _MOST_CLASSES:
        drawings["balance"] = lambda: balance_figure(about, profile)
    if about.task == "regression" and isinstance(y, np.ndarray) and y.ndim <= 2:
        drawings["target"] = lambda: target_figure(data)
    if are_pictures(x) and x.dtype == np.uint8:
        drawings["samples"] = lambda: sample_figure(data)
        if max(x.shape[1:3]) <= _MOST_PIXELS:
            drawings["pixels"] = lambda: pixel_figure(data)
    elif 0 < len(_number_columns(data)) <= _MOST_BOXES and rows_in(x) >= _FEWEST_ROWS:
        drawings["boxes"] = lambda: box_figure(data)
    return drawings


def balance_figure(about: Description, profile: DatasetProfile) -> Figure:
    """A bar for the rows, or the steps, of each label and part."""
    labels, counts = [one_line(label, 40) for label in profile.balance], list(profile.balance.values())
    parts = ["train", "test"][: len(counts[0])]
    figure, axes = _one_axes(width=max(3.6, 0.62 * len(labels) + 1.6))
    width = 0.8 / len(parts)
    for i, part in enumerate(parts):
        places = np.arange(len(labels)) + (i - (len(parts) - 1) / 2) * width
        axes.bar(places, [of_label[i] for of_label in counts], 0.92 * width, color=PALETTE[i], label=part)
    long = len(labels) * max(map(len, labels)) > _MOST_LETTERS
    slant = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if long else {}
    axes.set_xticks(range(len(labels)), labels, parse_math=False, **slant)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(about.counted)
    told = f": largest / smallest {profile.ratio:.2f}" if profile.ratio and about.classifies else ""
    title = f"{about.shown_name}, {about.counted} of each {about.label_word}{told}"
    axes.set_title(title, fontsize=9, parse_math=False)
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

    about, columns = data.description, _number_columns(data)
    labels: Sequence[str] = ("",)
    rows = [np.ones(rows_in(data.x_train), bool)]
    if about.classifies and about.n_classes <= _MOST_CLASSES:
        labels = about.label_names
        rows = [labels_of_rows(data.y_train) == i for i in range(about.n_classes)]
    n_columns = min(_COLUMNS, len(columns))
    n_rows = -(-len(columns) // n_columns)
    figure = Figure(figsize=(max(2.3 * n_columns, 3.0), 2.3 * n_rows + 0.4), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, (name, column) in zip(grid, columns.items(), strict=False):  # the last row may have empty places
        _boxes(axes, name, [_finite(column[chosen]) for chosen in rows], labels)
    for axes in grid[len(columns) :]:
        axes.set_axis_off()
    title = f"{about.shown_name}, the features in {len(rows[0]):,} rows"
    figure.suptitle(title, fontsize=9, parse_math=False)
    return figure


def _number_columns(data: Dataset) -> dict[str, Array]:
    """(n,) each column of a table that has at least two finite numbers, by name."""
    about, x = data.description, data.x_train
    if is_table(x):
        chosen = x.select_dtypes("number")
        found = {str(name): chosen[name].to_numpy(np.float64, na_value=np.nan) for name in chosen}
    elif isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype.kind in "buif":
        named = len(about.feature_names) == x.shape[1]
        found = dict(zip(about.feature_names if named else [f"x[{i}]" for i in range(x.shape[1])], x.T, strict=True))
    else:
        return {}
    return {name: column for name, column in found.items() if len(_finite(column)) > 1}


def sample_figure(data: Dataset) -> Figure:
    """The first three training images of each class with their labels, class beside class; else the first ten."""
    about, x, scale = data.description, data.x_train, _highest(data.description)
    if not about.classifies or about.n_classes > _MOST_CLASSES:
        return image_grid(x[:_SAMPLES] / scale, [""] * len(x[:_SAMPLES]))
    labels = labels_of_rows(data.y_train)
    found = [np.flatnonzero(labels == i)[:_SAMPLES_A_CLASS] for i in range(about.n_classes)]
    rows = [places[i] for i in range(_SAMPLES_A_CLASS) for places in found if i < len(places)]
    return image_grid(x[rows] / scale, [one_line(about.label_names[labels[row]], 20) for row in rows])


def pixel_figure(data: Dataset) -> Figure:
    """The first training image as a heat map: a grey one with its numbers, a colour one channel by channel."""
    from matplotlib.figure import Figure

    about, image, scale = data.description, data.x_train[0], _highest(data.description)
    image = image[..., 0] if image.shape[-1] == 1 else image
    label = f": {about.label_names[labels_of_rows(data.y_train[:1])[0]]}" if about.classifies else ""
    if image.ndim == 2:
        side = max(4.5, 0.34 * image.shape[1])
        figure = Figure(figsize=(side + 1.2, side), layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel="column", ylabel="row")
        _heat_map(axes, image, "Blues", scale).set_label(about.units, fontsize=9, parse_math=False)
        _write_numbers(axes, image, scale, size=18 * side / image.shape[1])
    else:
        figure = Figure(figsize=(11.5, 2.8), layout="constrained")
        picture, *channels = figure.subplots(1, 4)
        picture.imshow(image, interpolation="nearest")
        picture.grid(visible=False)
        for i, (axes, colour) in enumerate(zip(channels, ("red", "green", "blue"), strict=True)):
            _heat_map(axes, image[..., i], f"{colour.title()}s", scale)
            axes.set_title(f"{colour}, 0 to {scale:g}", fontsize=9)
    figure.suptitle(f"{about.shown_name}, the pixels of the first training image{label}", fontsize=9, parse_math=False)
    return figure


def _highest(about: Description) -> float:
    """The highest value of a pixel; images of one's own are uint8."""
    return 255.0 if about.is_own else about.scale


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
