"""gates: the truth table of two inputs, for gates such as AND, OR and XOR; made in code."""

import numpy as np

from dlstudy.datasets.dataset import Arrays, Description
from dlstudy.datasets.sources import Definition, Source

__all__ = ["GATES"]


def _sources() -> tuple[Source, ...]:
    return (Source("the truth table", _make),)


def _make() -> Arrays:
    """The table twice for training, so that four rows are left for validation, and once for testing; y is AND.

    A study of another gate computes its own y from x.
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.uint8)
    y = x[:, 0] & x[:, 1]
    return {"x_train": np.tile(x, (2, 1)), "y_train": np.tile(y, 2), "x_test": x, "y_test": y}


GATES = Definition(
    description=Description(
        name="gates",
        title="Truth table of two inputs",
        task="classification",
        input_shape=(2,),
        n_classes=2,
        label_names=("0", "1"),
        n_train=8,
        n_test=4,
        units="0 or 1",
        scale=1.0,
        source="made by dlstudy: rows 00, 01, 10, 11 in this order, twice to train and once to test; y is AND",
        licence="CC0",
        sha256="a6bbb349f748d1cd62f2cf31a3f78adb041e466b3785b01c34683807cb708936",
        feature_names=("a", "b"),
    ),
    sources=_sources,
    remedy="report this as a bug in dlstudy",
    bundled=True,
)
