"""digits: the 1,797 small images that scikit-learn ships; needs no network."""

import numpy as np

from dlstudy.datasets.dataset import Arrays, Description
from dlstudy.datasets.sources import Definition, Source

__all__ = ["DIGITS"]

N_TRAIN = 1_437


def _sources() -> tuple[Source, ...]:
    return (Source("the copy inside scikit-learn", _read_bundled),)


def _read_bundled() -> Arrays:
    """The rows in their given order: the first 1,437 train, the last 360 test.

    scikit-learn says that 13 people wrote the 1,797 rows, but not who wrote which. The labels repeat nearly the same
    sequence of about 130 numbers 14 times, the last three times from rows 1415, 1545 and 1667, so the file is most
    likely in the order of its writers (inferred; Inria's scikit-learn course reads it so too). Then the test rows are
    mostly of people who wrote no training row, unlike in a shuffled split: only the sequence from row 1415
    is on both sides, 22 of its rows in training and 108 in the test.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    x = loaded.images.astype(np.uint8)
    y = loaded.target.astype(np.uint8)
    return {"x_train": x[:N_TRAIN], "y_train": y[:N_TRAIN], "x_test": x[N_TRAIN:], "y_test": y[N_TRAIN:]}


DIGITS = Definition(
    description=Description(
        name="digits",
        title="Handwritten digits, 8 x 8",
        task="classification",
        input_shape=(8, 8),
        n_classes=10,
        label_names=tuple("0123456789"),
        n_train=N_TRAIN,
        n_test=360,
        units="ink, 0 to 16: how many of the 4 x 4 points of a cell are on",
        scale=16.0,
        source=(
            "Alpaydin, Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository: its "
            "test set, as scikit-learn's load_digits gives it; here the first 1,437 rows train, the last 360 test"
        ),
        licence="CC BY 4.0 (UCI)",
        sha256="6c37b648e5330ecbfa5a6e33ad0e05cbe2def3675f3e33356e3598ae6c1bdbb3",
    ),
    sources=_sources,
    remedy="install a scikit-learn whose load_digits gives the 1,797 images",
    bundled=True,
)
