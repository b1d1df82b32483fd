"""advertising: advertising budgets for three media, and the sales, in 200 markets."""

from typing import IO

import numpy as np

from dlstudy.datasets.dataset import Arrays, Description, undivided
from dlstudy.datasets.formats import read_table
from dlstudy.datasets.sources import Definition, Source, from_data_folder, from_url
from dlstudy.errors import DataError

__all__ = ["ADVERTISING"]

OFFICIAL_URL = "https://www.statlearning.com/s/Advertising.csv"
LIMIT_BYTES = 100_000
FEATURES = ("TV", "Radio", "Newspaper")
ALTERED_SALES = (22.1, 10.4, 12.0, 16.5, 17.9)


def _sources() -> tuple[Source, ...]:
    return (
        *from_data_folder("advertising.csv", _read),
        from_url(OFFICIAL_URL, "Advertising.csv", LIMIT_BYTES, _read),
    )


def _read(file: IO[bytes]) -> Arrays:
    table = read_table(file, (*FEATURES, "Sales"), LIMIT_BYTES)
    # Refused by its checksum too; this says which file it is, since it goes by the same name.
    if np.array_equal(table[:5, -1], ALTERED_SALES):
        raise DataError("this is the altered copy, with sales 12.0, 16.5, 17.9 where the book has 9.3, 18.5, 12.9")
    return undivided(table[:, :-1], table[:, -1])


ADVERTISING = Definition(
    description=Description(
        name="advertising",
        title="Advertising budgets and sales",
        task="regression",
        input_shape=(3,),
        n_classes=0,
        label_names=(),
        n_train=200,
        n_test=0,
        units="spent on TV, radio, newspaper in $1,000",
        scale=1.0,
        source=(
            "James, Witten, Hastie, Tibshirani 2013, An Introduction to Statistical Learning, its file Advertising.csv "
            "(sales 22.1, 10.4, 9.3, ...); a widespread altered copy (22.1, 10.4, 12.0, ...) is refused"
        ),
        licence="none stated; published for teaching with the book",
        sha256="33e5e7bb58ec81cc35bc1bccf7ceaa895675f43240b184b5a55b2d10e46cfa2c",
        feature_names=FEATURES,
        target_name="sales in 1,000 units",
    ),
    sources=_sources,
    remedy="connect this machine to a network, or set DLSTUDY_DATA to a folder with the book's advertising.csv",
)
