"""Pictures of images: a grid of samples, each with a title."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["image_grid"]

_COLUMNS = 10


def image_grid(images: np.ndarray, titles: Sequence[str], marked: Sequence[bool] = ()) -> Any:  # Any: a Figure
    """A matplotlib `Figure` of images in rows of up to ten.

    Args:
        images: (n, height, width) or (n, height, width, 3), in [0, 1].
        titles: (n,) texts above the images.
        marked: (n,) which titles stand out, as those of wrong predictions; empty for none.
    """
    from matplotlib.figure import Figure

    n_columns = min(_COLUMNS, len(images))
    n_rows = -(-len(images) // n_columns)
    n_lines = 1 + max(title.count("\n") for title in titles)
    size = (1.15 * n_columns + 0.2, (1.0 + 0.19 * n_lines) * n_rows + 0.1)
    figure = Figure(figsize=size, layout="constrained")
    for i, axes in enumerate(figure.subplots(n_rows, n_columns, squeeze=False).ravel()):
        axes.set_axis_off()
        if i >= len(images):
            continue
        axes.imshow(images[i].squeeze(), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        stands_out = bool(marked) and marked[i]
        axes.set_title(titles[i], fontsize=8, color="#D55E00" if stands_out else "black", parse_math=False)
    return figure
