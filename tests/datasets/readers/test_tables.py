"""Tables by `Data.csv` and `Data.parquet`: types are pandas's, and several files are one table."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from pandas.testing import assert_frame_equal

from dlstudy.datasets.data import Data
from dlstudy.datasets.readers import tables
from dlstudy.datasets.readers.paths import base_folder
from dlstudy.errors import DataError

pytest_plugins = ["tests.helpers.local_servers"]

TABLE = pandas.DataFrame(
    {
        "age": [31, 42, 27, 58],
        "income": [1.5, np.nan, 2.25, 3.0],
        "city": ["Ulm", "Köln", None, "Ulm"],
        "seen": pandas.to_datetime(["2024-01-05", "2024-01-02", "2024-03-01", "2024-03-02"]),
        "member": [True, False, True, True],
        "ill": ["yes", "no", "no", "yes"],
    }
)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "my data.csv"
    TABLE.to_csv(path, index=False)
    return path


def test_types_of_columns_are_those_that_pandas_reads_and_text_stays_text(csv: Path) -> None:
    data = Data.csv(csv, target="ill", parse_dates="seen")
    assert_frame_equal(data.x, pandas.read_csv(csv, parse_dates=["seen"]))
    assert data.x["seen"].dtype.kind == "M"
    assert not isinstance(data.x["city"].dtype, pandas.CategoricalDtype)
    assert (data.y, data.name, data.source) == ("ill", "my-data", "my data.csv")


def test_categories_are_stated(csv: Path) -> None:
    data = Data.csv(csv, target="ill", dtypes={"city": "category", "age": "float32"})
    assert list(data.x["city"].cat.categories) == ["Köln", "Ulm"]
    assert data.x["age"].dtype == np.float32


def test_arguments_of_data_are_passed_on_and_win(csv: Path) -> None:
    data = Data.csv(csv, ["ill", "member"], drop="income", name="own", title="Mine", groups="city", licence="CC0")
    assert (data.name, data.title, data.groups, data.licence) == ("own", "Mine", "city", "CC0")
    assert data.y == ["ill", "member"]
    assert list(data.x.columns) == ["age", "city", "seen", "member", "ill"]


def test_no_target_is_stated_by_none(csv: Path) -> None:
    assert Data.csv(csv, None).y is None


def test_a_column_that_numbers_the_rows_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "numbered.csv"
    TABLE.to_csv(path)
    assert list(Data.csv(path, "ill", index=True).x.columns) == list(TABLE.columns)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_compressed_files_are_unpacked(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"packed.csv.{ending}"
    TABLE.to_csv(path, index=False)
    data = Data.csv(path, "ill", parse_dates=["seen"])
    np.testing.assert_array_equal(data.x["age"], TABLE["age"])
    assert data.name == "packed"


def test_options_of_pandas_are_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "german.csv"
    path.write_text("größe;ja\n1,5;0\n2,5;1\n", encoding="latin-1")
    data = Data.csv(path, "ja", sep=";", options={"encoding": "latin-1", "decimal": ","})
    np.testing.assert_array_equal(data.x["größe"], [1.5, 2.5])
    data = Data.csv(path, "ja", sep=";", options={"encoding": "latin-1", "index_col": "größe"})
    assert list(data.x.columns) == ["größe", "ja"]


def test_files_of_a_pattern_follow_each_other_by_name(tmp_path: Path) -> None:
    for number, part in ((2, TABLE[2:]), (1, TABLE[:2])):
        part.to_csv(tmp_path / f"part{number}.csv", index=False)
    data = Data.csv(str(tmp_path / "part*.csv"), "ill", parse_dates=["seen"])
    whole = tmp_path / "whole.csv"
    TABLE.to_csv(whole, index=False)
    assert_frame_equal(data.x, pandas.read_csv(whole, parse_dates=["seen"]))
    assert data.source == "part1.csv, part2.csv"


def test_files_of_a_list_follow_each_other_as_listed(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.csv").write_text(f"x,y\n{value},0\n")
    assert list(Data.csv([tmp_path / "b.csv", tmp_path / "a.csv"], "y").x["x"]) == [2, 1]


def test_categories_of_several_files_are_joined(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("city,y\nUlm,0\nBonn,1\n")
    (tmp_path / "2.csv").write_text("y,city\n1,Aachen\n")
    x = Data.csv(tmp_path / "*.csv", "y", dtypes={"city": "category"}).x
    assert list(x["city"]) == ["Ulm", "Bonn", "Aachen"]
    assert list(x["city"].cat.categories) == ["Aachen", "Bonn", "Ulm"]
    assert list(x["y"]) == [0, 1, 1]


def test_a_column_that_is_empty_in_one_file_has_the_type_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("city,seen,y\n,,0\n")
    (tmp_path / "2.csv").write_text("city,seen,y\nUlm,2024-01-01,1\n")
    x = Data.csv(tmp_path / "*.csv", "y", parse_dates=["seen"], sep=",").x
    assert pandas.api.types.is_string_dtype(x["city"].dropna())
    assert list(x["city"].isna()) == [True, False]
    assert x["seen"].dtype.kind == "M"


def test_parquet_keeps_types_and_makes_a_column_of_a_named_index(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    TABLE.assign(city=TABLE["city"].astype("category")).set_index("seen").to_parquet(path)
    data = Data.parquet(path, "ill")
    assert isinstance(data.x["city"].dtype, pandas.CategoricalDtype)
    assert list(data.x["seen"]) == list(TABLE["seen"])
    assert list(data.x["member"]) == list(TABLE["member"])
    assert list(Data.parquet(path, "ill", options={"columns": ["age", "ill"]}).x.columns)[-2:] == ["age", "ill"]


def test_a_path_is_relative_to_the_study_file_and_then_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("study", "current"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "both.csv").write_text(f"x,y\n{folder},0\n")
    (tmp_path / "current" / "one.csv").write_text("x,y\ncurrent,0\n")
    monkeypatch.chdir(tmp_path / "current")
    assert list(Data.csv("both.csv", "y").x["x"]) == ["current"]
    token = base_folder.set(tmp_path / "study")
    try:
        assert list(Data.csv("both.csv", "y").x["x"]) == ["study"]
        assert list(Data.csv("b*.csv", "y").x["x"]) == ["study"]
        assert list(Data.csv("one.csv", "y").x["x"]) == ["current"]
    finally:
        base_folder.reset(token)


def test_a_folder_with_brackets_in_its_name_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "[new] *").mkdir()
    (tmp_path / "[new] *" / "a[1].csv").write_text("x,y\n1,0\n")
    monkeypatch.chdir(tmp_path / "[new] *")
    assert len(Data.csv("a[1].csv", "y").x) == len(Data.csv("a*.csv", "y").x) == 1


def test_an_address_is_read_and_its_secrets_are_kept_nowhere(server) -> None:
    server.files = {"up/churn.csv.gz?token=s3cret": gzip.compress(b"x,y\n1,0\n2,1\n")}
    address = server.url.replace("://", "://me:passw0rd@") + "/up/churn.csv.gz?token=s3cret"
    data = Data.csv(address, "y")
    assert list(data.x["x"]) == [1, 2]
    assert (data.name, data.source) == ("churn", f"{server.url}/up/churn.csv.gz")
    with pytest.raises(DataError, match=r"/up/gone\.csv \(the download failed: 404") as caught:
        Data.csv(address.replace("churn.csv.gz", "gone.csv"), "y")
    assert caught.value.__cause__ is caught.value.__context__ is None  # whose text would have the whole address
    assert "passw0rd" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_content_can_be_pinned(csv: Path, server) -> None:
    server.files = {"t.csv": csv.read_bytes()}
    right = hashlib.sha256(csv.read_bytes()).hexdigest()
    for source in (csv, f"{server.url}/t.csv"):
        assert len(Data.csv(source, "ill", sha256=right).x) == len(TABLE)
        with pytest.raises(DataError, match=f"must have the sha256 000000000000..., got {right}: it has changed"):
            Data.csv(source, "ill", sha256="0" * 64)


NUMBERS = pandas.DataFrame(
    {"a": np.arange(7) / 3, "b": [1, 2, 3, None, 5, 6, 7], "c": [True, False, True] * 2 + [False]}
)


def read_whole(table: Any) -> np.ndarray:
    return np.concatenate(list(table.numbers().table.parts(table.numbers().dtype)))


def test_a_parquet_table_that_stays_in_files_has_the_numbers_that_pandas_reads(tmp_path: Path) -> None:
    for i, part in enumerate((NUMBERS[:4], NUMBERS[4:])):
        part.assign(ill=["y", "n"] * 2 if i == 0 else ["n"] * 3).set_index("a").to_parquet(
            tmp_path / f"{i}.parquet", row_group_size=2
        )
    held = Data.parquet(str(tmp_path / "*.parquet"), "ill").x
    kept = Data.parquet(str(tmp_path / "*.parquet"), "ill", stream=True).x
    assert list(kept.columns) == list(held.columns) == ["a", "b", "c", "ill"]
    assert list(kept["ill"]) == list(held["ill"])
    numbers = kept.drop(columns=["ill"])
    np.testing.assert_array_equal(read_whole(numbers), held.drop(columns="ill").to_numpy(float))


@pytest.mark.parametrize(
    ("table", "dtype"),
    [
        (pandas.DataFrame({"a": np.arange(4, dtype=np.int8), "b": np.arange(4, dtype=np.float32)}), "float32"),
        (pandas.DataFrame({"a": np.arange(4), "b": [True] * 4}), "int64"),
        (pandas.DataFrame({"a": pandas.array([1, None, 3, 4], "Int64")}), "float64"),
    ],
)
def test_columns_together_have_the_type_that_holds_them_all(
    tmp_path: Path, table: pandas.DataFrame, dtype: str
) -> None:
    path = tmp_path / "t.parquet"
    table.assign(y=1.5).to_parquet(path)
    kept = Data.parquet(path, "y", drop=[], stream=True).x.drop(columns=["y"])
    assert kept.numbers().dtype == dtype
    np.testing.assert_array_equal(
        read_whole(kept), table.to_numpy(dtype, na_value=np.nan) if dtype == "float64" else table
    )


def test_a_table_of_numbers_stays_in_its_files_where_it_would_take_more_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    NUMBERS.to_parquet(path)
    for bound, is_held in ((7 * 3 * 8, True), (7 * 3 * 8 - 1, False)):
        monkeypatch.setattr(tables, "MEMORY_BOUND", bound)
        assert isinstance(Data.parquet(path, "a").x, pandas.DataFrame) is is_held
        assert isinstance(Data.parquet(path, "a", stream=False).x, pandas.DataFrame)
    NUMBERS.assign(city="Ulm").to_parquet(path)  # text is held in memory whatever it takes
    assert isinstance(Data.parquet(path, "a").x, pandas.DataFrame)
