"""The look of the pictures that the pages draw: SVG, on white in the dark theme too."""

import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

from dlstudy.toolkit.plots import PALETTE

BLUE, ORANGE, GREEN, PINK = PALETTE[:4]
GREY = "#999999"


def start(width: float = 6.4, height: float = 2.6) -> None:
    """Sets the style of all figures of this page."""
    set_matplotlib_formats("svg")
    plt.rcParams.update(
        {
            "figure.figsize": (width, height), "font.size": 9, "svg.fonttype": "path", "axes.spines.top": False,
            "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left", "legend.frameon": False,
            "figure.constrained_layout.use": True,
        }
    )  # fmt: skip
