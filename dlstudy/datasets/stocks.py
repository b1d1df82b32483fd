"""stocks: 504 daily closes of two banks' shares, JPM to predict GS."""

import importlib
import importlib.util
import io
import subprocess
import sys
import warnings
from typing import IO

import numpy as np

from dlstudy.common.text import one_line
from dlstudy.datasets.dataset import Arrays, Description, undivided
from dlstudy.datasets.formats import read_table
from dlstudy.datasets.sources import Definition, Source, from_data_folder
from dlstudy.errors import DataError

__all__ = ["STOCKS", "print_closes"]

LIMIT_BYTES = 500_000
N_DAYS = 504
TICKERS = ("JPM", "GS")
YAHOO_TIMEOUT_S = 15.0

# The course's last row is not the close of 2023-08-16 (150.19000244140625, 329.1099853515625): its download was most
# likely made while the market was open (inferred). These two prices were solved from the means that it prints: both
# come out as exact float32 numbers inside that day's range, and with them the course's b1, b0, SST, SSE and R2, which
# were not used to solve for them, come out to about 14 digits.
LAST_ROW = (150.8000030517578, 330.385009765625)

COURSE_TEST_ROWS = (
    7, 8, 10, 27, 47, 52, 54, 59, 67, 69, 73, 77, 78, 79, 88, 89, 93, 97, 100, 102, 104, 105, 108, 114, 116, 124,
    134, 138, 154, 160, 165, 166, 172, 177, 179, 186, 188, 190, 191, 194, 208, 212, 217, 218, 226, 231, 234, 237,
    248, 257, 260, 263, 270, 274, 275, 279, 283, 295, 296, 301, 303, 304, 305, 310, 315, 321, 330, 337, 338, 339,
    341, 343, 344, 347, 351, 352, 354, 359, 369, 374, 377, 392, 401, 403, 409, 415, 419, 422, 432, 446, 457, 463,
    465, 472, 473, 482, 485, 491, 495, 497, 501,
)  # fmt: skip
"""The 101 test rows of the course's scikit-learn fit, whose split was not seeded: they follow from the predictions that
it prints."""


def _sources() -> tuple[Source, ...]:
    return (
        *from_data_folder("stocks_jpm_gs.csv", _read),
        Source("Yahoo Finance through yfinance", _read_yahoo),
    )


def _read(file: IO[bytes]) -> Arrays:
    table = read_table(file, ("JPM_seed", "GS_seed"), LIMIT_BYTES)
    return undivided(table[:, :1], table[:, 1])


def _read_yahoo() -> Arrays:
    """The closes from Yahoo, with the last row replaced by the course's; fetched in a process of its own.

    The process discards what yfinance prints, and limits the total time of its many requests.
    """
    if importlib.util.find_spec("yfinance") is None:
        raise DataError("yfinance is not installed: install dlstudy[stocks]")
    command = [sys.executable, "-c", f"from {__name__} import print_closes; print_closes()"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=YAHOO_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"Yahoo Finance has not answered after {YAHOO_TIMEOUT_S:g} s") from error
    table = read_table(io.BytesIO(done.stdout), TICKERS, LIMIT_BYTES) if done.returncode == 0 else np.empty((0, 2))
    if len(table) != N_DAYS:
        printed = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise DataError(f"{N_DAYS} days were expected, yfinance gave {len(table)}: {one_line(printed[-1])}")
    table[-1] = LAST_ROW
    return undivided(table[:, :1], table[:, 1])


def print_closes() -> None:
    """Prints the daily closes of both shares as a CSV file: Date, JPM, GS, 504 rows; for a process of its own.

    Raises:
        ImportError: yfinance is not installed.
    """
    yfinance = importlib.import_module("yfinance")  # no import statement: an optional extra, which mypy may not find
    warnings.simplefilter("ignore")  # after the import, which turns them on: its last words are to be the reason
    # The end is exclusive. Not adjusted: adjusted closes change with each later dividend.
    prices = yfinance.download(
        list(TICKERS), start="2021-08-16", end="2023-08-17", auto_adjust=False, progress=False, timeout=5
    )
    prices["Close"][list(TICKERS)].to_csv(sys.stdout)


def _canonical(arrays: Arrays) -> Arrays:
    """Each price as the float32 number that Yahoo publishes, however many digits a copy prints."""
    return {name: values.astype(np.float32).astype(np.float64) for name, values in arrays.items()}


STOCKS = Definition(
    description=Description(
        name="stocks",
        title="Daily closes of JPM and GS, August 2021 to August 2023",
        task="regression",
        input_shape=(1,),
        n_classes=0,
        label_names=(),
        n_train=504,
        n_test=0,
        units="close of JPM in $, not adjusted for dividends",
        scale=1.0,
        source=(
            "Yahoo Finance, closes of 2021-08-16 to 2023-08-16; the last row is not a close: its two prices are solved "
            "from the means that the course prints, whose download was most likely made while the market was open"
        ),
        licence="none stated; market prices whose terms limit redistribution: for study only",
        sha256="1ff11f0cc8aa343f61ae707728d99d7758d95e7210c18d0d1c2efc8f17d83bf7",
        feature_names=("JPM",),
        target_name="close of GS in $",
        stated_rows={"course": COURSE_TEST_ROWS},
    ),
    sources=_sources,
    remedy=(
        "install dlstudy[stocks] on a machine with a network, or set DLSTUDY_DATA to a folder with stocks_jpm_gs.csv "
        "(columns JPM_seed, GS_seed)"
    ),
    canonical=_canonical,
)
