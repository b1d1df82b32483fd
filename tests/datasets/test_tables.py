"""The tables: each source gives the same bits, and they are the numbers that papers and the course print."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from dlstudy.datasets import advertising, gates, housing, registry, stocks, wine
from dlstudy.datasets.dataset import checksum
from dlstudy.datasets.sources import first_right
from dlstudy.errors import DataError

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.helpers.local_servers"]

DATA = os.environ.get("DLSTUDY_DATA", "")
real_data = pytest.mark.skipif(not DATA, reason="DLSTUDY_DATA, a folder with the tables, is not set")
WINE_HEADER = ";".join(f'"{name}"' for name in (*wine.FEATURES, "quality"))
WINE_ROW = "7.4;0.7;0;1.9;0.076;11;34;0.9978;3.51;0.56;{};{}"


@pytest.fixture(autouse=True)
def no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DLSTUDY_DATA", raising=False)


def official(name: str) -> str:
    return (Path(DATA) / name).read_text(encoding="utf-8")


def right(definition) -> dict[str, np.ndarray]:
    return first_right(definition, lambda line: None)


@real_data
@pytest.mark.parametrize("name", ["wine", "housing", "advertising", "stocks", "cifar10_subset"])
def test_the_users_folder_gives_the_arrays_of_the_description(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", DATA)
    known, data = registry.describe(name), registry.load(name)
    assert registry.verify(name) == known.sha256
    assert data.x_train.shape == (known.n_train, *known.input_shape)
    assert data.x_test.shape == (known.n_test, *known.input_shape)
    assert data.y_train.dtype == (np.uint8 if known.task == "classification" else np.float64)


def test_a_wine_is_good_from_quality_6_on(server) -> None:
    server.files = {
        "winequality-red.csv": "\n".join(
            [WINE_HEADER, WINE_ROW.format("9.53333333333333", 5), WINE_ROW.format(10, 6)]
        ).encode()
    }
    arrays = wine.WINE.canonical(wine.WINE.sources()[0].read())
    assert arrays["y_train"].tolist() == [0, 1]
    np.testing.assert_array_equal(
        arrays["x_train"][0], [7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.533333333]
    )


def test_the_package_of_wine_gives_its_red_rows_alone(wheels) -> None:
    header = ",".join((*(name.replace(" ", "_") for name in wine.FEATURES), "quality", "good", "color"))
    rows = [
        f"{WINE_ROW.format(9, quality).replace(';', ',')},0,{color}" for quality, color in ((7, "white"), (8, "red"))
    ]
    wheels.add(wine.REQUIREMENT, wine.MEMBER, "\n".join([header, *rows]).encode())
    arrays = wine.WINE.sources()[-1].read()
    assert arrays["x_train"].shape == (1, 11)
    assert arrays["y_train"].tolist() == [1]


@real_data
def test_wine_has_the_counts_and_splits_that_the_course_prints(server) -> None:
    text = official("winequality_red.csv").replace(",", ";").replace("0.9954700000000001", "0.99547")
    server.files = {"winequality-red.csv": text.encode()}
    arrays = right(wine.WINE)
    y = arrays["y_train"]
    assert [(y == 1).sum(), (y == 0).sum()] == [855, 744]
    y_rest, y_test = train_test_split(y, random_state=42)
    assert [(y_test == 0).sum(), (y_test == 1).sum()] == [178, 222]
    assert [len(part) for part in train_test_split(y_rest, random_state=42)] == [899, 300]


def districts(n: int = 50) -> dict[str, np.ndarray]:
    """Districts made up, as the official file has them."""
    rng = np.random.default_rng(0)
    return {
        "longitude": rng.integers(-12_435, -11_430, n) / 100,
        "latitude": rng.integers(3_254, 4_196, n) / 100,
        "age": rng.integers(1, 53, n).astype(float),
        "rooms": rng.integers(100, 39_320, n).astype(float),
        "bedrooms": rng.integers(50, 6_445, n).astype(float),
        "population": rng.integers(3, 35_682, n).astype(float),
        "households": rng.integers(1, 6_082, n).astype(float),
        "income": rng.integers(4_999, 150_001, n) / 10_000,
        "value": rng.integers(14_999, 500_001, n).astype(float),
    }


def housing_archive(raw: dict[str, np.ndarray], member: str = housing.MEMBER) -> bytes:
    table = np.stack([raw[name] for name in housing.RAW_COLUMNS], axis=1)
    text = "\n".join(",".join(f"{value:.6f}" for value in row) for row in table).encode()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    return file.getvalue()


def housing_parquet(x: np.ndarray, y: np.ndarray) -> bytes:
    import pandas as pd

    file = io.BytesIO()
    pd.DataFrame(np.column_stack([x, y]), columns=[*housing.FEATURES, housing.TARGET]).to_parquet(
        file, compression="brotli"
    )
    return file.getvalue()


def test_the_official_archive_of_housing_is_read_as_scikit_learn_does(server) -> None:
    raw = districts()
    server.files = {"cal_housing.tgz": housing_archive(raw)}
    arrays = housing.HOUSING.sources()[0].read()
    expected = [
        *(raw["income"], raw["age"], raw["rooms"] / raw["households"], raw["bedrooms"] / raw["households"]),
        *(raw["population"], raw["population"] / raw["households"], raw["latitude"], raw["longitude"]),
    ]
    np.testing.assert_array_equal(arrays["x_train"], np.stack(expected, axis=1))
    np.testing.assert_array_equal(arrays["y_train"], raw["value"] / 100_000)


def test_copies_of_housing_that_differ_by_rounding_come_out_the_same(server, wheels) -> None:
    server.files = {"cal_housing.tgz": housing_archive(districts())}
    exact = housing.HOUSING.sources()[0].read()
    noise = 1 + 3e-14 * np.random.default_rng(1).uniform(-1, 1, exact["x_train"].shape)
    noise[:, [1, 4]] = 1  # whole numbers
    wheels.add(housing.REQUIREMENT, housing.PACKAGE_MEMBER, housing_parquet(exact["x_train"] * noise, exact["y_train"]))
    rough = housing.HOUSING.sources()[1].read()
    assert checksum(rough) != checksum(exact)
    assert checksum(housing.HOUSING.canonical(rough)) == checksum(exact) == checksum(housing.HOUSING.canonical(exact))


@real_data
def test_each_source_of_housing_gives_the_arrays_of_its_description(server, wheels) -> None:
    with gzip.open(Path(DATA) / "california_housing.csv.gz") as file:
        x = np.loadtxt(file, delimiter=",", skiprows=1)
    households = np.rint(x[:, 4] / x[:, 5])
    raw = {
        **{"longitude": x[:, 7], "latitude": x[:, 6], "age": x[:, 1], "rooms": np.rint(x[:, 2] * households)},
        **{"bedrooms": np.rint(x[:, 3] * households), "population": x[:, 4], "households": households},
        **{"income": x[:, 0], "value": np.rint(x[:, 8] * 100_000)},
    }
    server.files = {"cal_housing.tgz": housing_archive(raw)}
    arrays = right(housing.HOUSING)
    np.testing.assert_array_equal(arrays["x_train"], x[:, :8])  # the copy in the folder is as scikit-learn has it
    np.testing.assert_array_equal(arrays["y_train"][:2], [4.526, 3.585])
    server.files = {"other": b""}
    wheels.add(housing.REQUIREMENT, housing.PACKAGE_MEMBER, housing_parquet(x[:, :8], x[:, 8]))
    assert checksum(right(housing.HOUSING)) == checksum(arrays)
    first, *others = train_test_split(arrays["y_train"], random_state=42)
    assert [*map(len, others), *map(len, train_test_split(first, random_state=42))] == [5_160, 11_610, 3_870]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Log in</html>", "a .tgz archive was expected: not a gzip file"),
        (housing_archive(districts())[:200], "a .tgz archive was expected"),
        (housing_archive(districts(), "../cal_housing.data"), "an archive with CaliforniaHousing/cal_housing.data was"),
        (housing_archive(districts() | {"income": np.full(50, np.nan)}), "row 1, column 'income', got 'nan'"),
        (housing_archive(districts() | {"households": np.zeros(50)}), "its arrays are not those of housing"),
    ],
    ids=["a login page", "cut off", "another member", "not a number", "nobody lives there"],
)
def test_another_archive_is_refused(content: bytes, reason: str, server, wheels) -> None:
    server.files = {"cal_housing.tgz": content}
    wheels.add(housing.REQUIREMENT, housing.PACKAGE_MEMBER, b"no Parquet file")
    with pytest.raises(DataError) as caught:
        registry.ensure("housing")
    _, download, package = str(caught.value).splitlines()
    assert reason in download
    assert "a Parquet file with MedInc, " in package


ADVERTISING = '"","TV","radio","newspaper","sales"\n' + "".join(
    f'"{n}",{row}\n' for n, row in enumerate(["230.1,37.8,69.2,22.1", "44.5,39.3,45.1,10.4", "17.2,45.9,69.3,9.3"], 1)
)


def test_the_books_file_of_advertising_is_read_by_its_own_column_names(server) -> None:
    server.files = {"Advertising.csv": ADVERTISING.encode()}
    arrays = advertising.ADVERTISING.sources()[0].read()
    np.testing.assert_array_equal(arrays["x_train"][0], [230.1, 37.8, 69.2])
    assert arrays["y_train"].tolist() == [22.1, 10.4, 9.3]


@real_data
def test_advertising_gives_the_regression_of_the_book(server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files = {"Advertising.csv": official("advertising.csv").encode()}
    arrays = right(advertising.ADVERTISING)
    x, y = arrays["x_train"], arrays["y_train"]
    fit = LinearRegression().fit(x, y)
    assert [round(value, 3) for value in (fit.intercept_, *fit.coef_)] == [2.939, 0.046, 0.189, -0.001]
    assert np.corrcoef(x[:, 0], y)[0, 1] == pytest.approx(0.782224424861606, abs=1e-14)


def test_altered_copies_of_advertising_are_refused(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    sales = [22.1, 10.4, 12.0, 16.5, 17.9]
    (tmp_path / "advertising.csv").write_text("TV,Radio,Newspaper,Sales\n" + "".join(f"1,2,3,{y}\n" for y in sales))
    server.files = {"Advertising.csv": ADVERTISING.encode()}
    with pytest.raises(DataError) as caught:
        registry.ensure("advertising")
    first, folder, download = str(caught.value).splitlines()
    assert "set DLSTUDY_DATA to a folder with the book's advertising.csv" in first
    assert "this is the altered copy, with sales 12.0, 16.5, 17.9" in folder
    assert "its arrays are not those of advertising" in download


YFINANCE = """
import sys

import pandas as pd


def download(tickers, **options):
    print("noise", file=sys.stderr)
    assert tickers == ["JPM", "GS"], tickers
    assert options == dict(start="2021-08-16", end="2023-08-17", auto_adjust=False, progress=False, timeout=5), options
    closes = pd.read_csv({path!r}, index_col="Date")[["GS", "JPM"]]
    {then}
    return pd.concat({{"Adj Close": closes * 0.9, "Close": closes}}, axis=1)
"""


@pytest.fixture
def yahoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that installs a yfinance of our own, which gives the closes in a text."""

    def install(text: str, then: str = "pass") -> None:
        (tmp_path / "closes.csv").write_text(text)
        folder = tmp_path / "packages"
        folder.mkdir()
        (folder / "yfinance.py").write_text(YFINANCE.format(path=str(tmp_path / "closes.csv"), then=then))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return install


def closes(n: int) -> str:
    return "Date,JPM,GS\n" + "".join(f"day {i},{100 + i},{200 + i}\n" for i in range(n))


def test_yfinance_gives_the_closes_with_the_last_row_of_the_course(yahoo) -> None:
    yahoo(closes(504))
    arrays = stocks.STOCKS.sources()[0].read()
    assert arrays["x_train"][:, 0].tolist() == [*range(100, 603), 150.8000030517578]
    assert arrays["y_train"].tolist() == [*range(200, 703), 330.385009765625]


def test_fewer_days_and_errors_of_yfinance_are_refused_with_its_last_words(yahoo) -> None:
    yahoo(closes(3))
    with pytest.raises(DataError, match="504 days were expected, yfinance gave 3: noise"):
        stocks.STOCKS.sources()[0].read()


def test_an_error_of_yfinance_is_the_reason(yahoo) -> None:
    yahoo(closes(3), then="raise OSError('no route')")
    with pytest.raises(DataError, match="504 days were expected, yfinance gave 0: OSError: no route"):
        stocks.STOCKS.sources()[0].read()


def test_a_yahoo_that_never_answers_is_given_up(yahoo, monkeypatch: pytest.MonkeyPatch) -> None:
    yahoo(closes(3), then="__import__('time').sleep(30)")
    monkeypatch.setattr(stocks, "YAHOO_TIMEOUT_S", 0.5)
    with pytest.raises(DataError, match=r"Yahoo Finance has not answered after 0\.5 s"):
        stocks.STOCKS.sources()[0].read()


def test_without_yfinance_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"through yfinance: yfinance is not installed: install dlstudy\[stocks\]"):
        registry.ensure("stocks")


@real_data
def test_stocks_give_the_line_that_the_course_prints(yahoo) -> None:
    yahoo(official("stocks_jpm_gs.csv"))  # its columns JPM and GS are as Yahoo has them
    arrays = right(stocks.STOCKS)
    x, y = arrays["x_train"], arrays["y_train"]
    assert [x[0, 0], y[0]] == [158.92999267578125, 408.3500061035156]
    fit = LinearRegression().fit(x, y)
    assert fit.coef_[0] == pytest.approx(1.5913570686889646, rel=1e-12)
    assert fit.intercept_ == pytest.approx(127.25992569936074, rel=1e-12)
    assert ((y - fit.predict(x)) ** 2).sum() == pytest.approx(180951.54047437938, rel=1e-12)


def test_stocks_do_not_depend_on_how_many_digits_a_copy_prints() -> None:
    exact = {"x_train": np.array([[150.8000030517578]]), "y_train": np.array([330.385009765625])}
    rough = {name: np.round(values, 5) for name, values in exact.items()}
    for name, values in stocks.STOCKS.canonical(rough).items():
        np.testing.assert_array_equal(values, exact[name])
        assert values.dtype == np.float64


def test_diabetes_is_as_measured_and_not_scaled_over_all_rows() -> None:
    data, scaled = registry.load("diabetes"), load_diabetes()
    assert data.description.feature_names == tuple(scaled.feature_names)
    np.testing.assert_array_equal(data.x_train[0, :4], [59, 2, 32.1, 101])
    np.testing.assert_array_equal(data.y_train, scaled.target)


def test_gates_hold_the_table_twice_to_train_and_once_to_test() -> None:
    arrays = right(gates.GATES)
    table = [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert arrays["x_train"].tolist() == table + table
    assert arrays["x_test"].tolist() == table
    assert arrays["y_train"].tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    assert arrays["y_test"].tolist() == [0, 0, 0, 1]
