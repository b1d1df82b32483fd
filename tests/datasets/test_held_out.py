"""Held-out rows in the form of a data set, and what is said of others."""

import numpy as np
import pandas
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.held_out import read_held_out
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import DlstudyError

TABLE = pandas.DataFrame({"size": [1, 2, 3, 4], "colour": list("abab"), "kind": ["no", "yes", "no", "yes"]})


@pytest.fixture
def about(tmp_path):
    TABLE.to_csv(tmp_path / "rows.csv", index=False)
    return registry.describe(store_own(plain_rows(Data.csv(tmp_path / "rows.csv", target="kind"))))


def test_a_table_has_its_columns_in_the_types_of_the_data_and_labels_as_numbers(about, tmp_path):
    TABLE[["kind", "colour", "size"]].iloc[1:].to_csv(tmp_path / "held out.csv", index=False)
    x, y = read_held_out(tmp_path / "held out.csv", about)
    assert list(x.columns) == ["size", "colour"]
    assert x["size"].dtype == np.int64
    assert y.tolist() == [1, 0, 1]


def test_arrays_are_read_from_npz(tmp_path):
    about = registry.describe("digits")
    np.savez(tmp_path / "a.npz", x=np.ones((3, *about.input_shape), int), y=np.array([0, 9, 3]))
    x, y = read_held_out(tmp_path / "a.npz", about)
    assert (x.shape, x.dtype) == ((3, *about.input_shape), registry.load("digits").x_train.dtype)
    assert y.tolist() == [0, 9, 3]


def test_values_are_numbers(tmp_path):
    table = TABLE.assign(price=[1.5, 2.0, 3.25, 4.0])[["size", "price"]]
    table.to_csv(tmp_path / "prices.csv", index=False)
    about = registry.describe(store_own(plain_rows(Data.csv(tmp_path / "prices.csv", target="price"))))
    assert read_held_out(tmp_path / "prices.csv", about)[1].tolist() == [1.5, 2.0, 3.25, 4.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="kind"), "--test needs the target 'kind', got none in x.csv"),
        (lambda table: table.drop(columns="colour"), "got none for colour in x.csv"),
        (lambda table: table.assign(kind="maybe"), "--test must have the targets no, yes, got 'maybe' in x.csv"),
        (
            lambda table: table.assign(kind=[None, "no", "no", "yes"]),
            "--test needs a target in each row, got none in 1",
        ),
        (lambda table: table.iloc[:1], "--test needs at least 2 rows"),
        (lambda table: table.iloc[:0], "needs rows"),
    ],
)
def test_other_tables_are_refused_in_a_line(about, tmp_path, change, message):
    change(TABLE).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DlstudyError, match=message) as found:
        read_held_out(tmp_path / "x.csv", about)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 5)), "y": np.zeros(3, int)}, r"rows of digits have shape \(8, 8\), got \(5,\) in x.npz"),
        ({"x": np.zeros((3, 8, 8))}, "needs the arrays x and y, got x in x.npz"),
        ({"x": np.zeros((3, 8, 8)), "y": np.zeros(2, int)}, "got 3 rows and 2 targets"),
        ({"x": np.full((3, 8, 8), 0.5), "y": np.zeros(3, int)}, "rows of digits are uint8, got other numbers"),
        ({"x": np.full((3, 8, 8), np.nan), "y": np.zeros(3, int)}, "finite numbers"),
        ({"x": np.zeros((3, 8, 8)), "y": np.array([0, 1, 17])}, "got '17'"),
    ],
)
def test_other_arrays_are_refused_in_a_line(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DlstudyError, match=message):
        read_held_out(tmp_path / "x.npz", registry.describe("digits"))


def test_a_file_that_is_none_is_refused(about, tmp_path):
    (tmp_path / "x.npz").write_text("nothing")
    for name in ("x.npz", "missing.csv", "missing.npz"):
        with pytest.raises(DlstudyError, match="--test"):
            read_held_out(tmp_path / name, about)
