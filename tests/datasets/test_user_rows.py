"""Rows of a user: pictures, tables and arrays that fit, and what is said of those that do not."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from PIL import Image

from dlstudy.datasets import registry, user_rows
from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.datasets.user_rows import read_own_rows, read_rows
from dlstudy.errors import DataError, UsageError

DIGITS, MNIST, GATES, WINE = (registry.describe(name) for name in ("digits", "mnist", "gates", "wine"))
COLOURED = registry.describe("cifar10")


def written(path, content):
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "0,1\n1,1\n",
        "a,b\n0,1\n1,1\n",
        "b,a\n1,0\n1,1\n",
        " a , b ,target\n0,1,7\n1,1,8\n",
        "\ufeffa,b\r\n0,1\r\n\r\n1,1",
        '"a","b"\n"0","1e0"\n1.0,1',
    ],
)
def test_a_table_is_read_with_and_without_names_in_any_order(tmp_path, text):
    rows = read_rows(written(tmp_path / "my rows.csv", text), GATES)
    assert rows.dtype == np.float64
    assert rows.tolist() == [[0.0, 1.0], [1.0, 1.0]]


def test_an_array_holds_rows_or_a_single_one(tmp_path):
    image = np.arange(64.0).reshape(8, 8)
    assert read_rows(written(tmp_path / "one.npy", image), DIGITS).shape == (1, 8, 8)
    many = read_rows(written(tmp_path / "many.NPY.npy", np.stack([image, image + 1])), DIGITS)
    np.testing.assert_array_equal(many[1], image + 1)


@pytest.mark.parametrize("kind", ["png", "PNG", "bmp"])
def test_a_picture_becomes_a_row_in_the_units_of_the_data_set(tmp_path, kind):
    grey = np.zeros((8, 8), np.uint8)
    grey[2, 5], grey[7, 0] = 255, 51
    path = tmp_path / f"a picture of mine.{kind}"
    Image.fromarray(grey).save(path)
    rows = read_rows(path, DIGITS)
    assert (rows.shape, rows[0, 2, 5], rows[0, 0, 0]) == ((1, 8, 8), 16.0, 0.0)  # pixels of digits go from 0 to 16
    assert rows[0, 7, 0] == pytest.approx(51 / 255 * 16)


def test_a_coloured_picture_is_made_grey_and_small_where_the_data_set_is(tmp_path):
    red = np.zeros((100, 40, 3), np.uint8)
    red[..., 0] = 255
    path = tmp_path / "red.png"
    Image.fromarray(red).save(path)
    np.testing.assert_array_equal(read_rows(path, MNIST), np.full((1, 28, 28), 76))  # 0.299 of 255
    coloured = read_rows(path, COLOURED)
    assert coloured.shape == (1, 32, 32, 3)
    assert coloured[0, 5, 5].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("name", "content", "about", "message"),
    [
        ("x.txt", "0,1", GATES, r"--input must be a picture, a \.csv or a \.npy file, got x\.txt"),
        ("x.csv", "0,1,0\n", GATES, r"rows of gates have shape \(2,\), got \(3,\) in x\.csv: correct the file"),
        (
            "x.csv",
            "a\n0\n",
            GATES,
            r"gates has the columns a, b, got none for b in x\.csv: add them, or leave the line",
        ),
        ("x.csv", "a,b\n", GATES, r"rows of gates have shape \(2,\), got \(\)"),
        ("x.csv", "", GATES, r"a table needs at least one row, got none in x\.csv"),
        ("x.csv", "a,b\n0\n", GATES, r"every row needs 2 values, got 1 in row 2 of x\.csv: correct the file"),
        ("x.csv", "a,b\n0,1,2\n", GATES, r"every row needs 2 values, got 3 in row 2 of x\.csv"),
        ("x.csv", "0,1\n0\n", GATES, r"--input .*x\.csv cannot be read \(.*inhomogeneous"),
        (
            "x.csv",
            "a,b\n0,one\n",
            GATES,
            r"cannot be read \(could not convert string to float: 'one'\): check the file",
        ),
        ("x.csv", "0,nan\n", GATES, r"rows must be finite numbers, got others in x\.csv"),
        ("x.csv", b"\xff\xfe0,1", GATES, "cannot be read .*codec can't decode"),
        ("x.csv", "0,1", DIGITS, r"digits holds images, got the table x\.csv: give a picture or a \.npy file"),
        ("x.png", b"no picture", DIGITS, r"x\.png cannot be read \(cannot identify image file"),
        ("x.png", b"no picture", WINE, r"wine is a table, got the picture x\.png: give a \.csv or \.npy file"),
        ("x.npy", np.zeros((2, 4, 4)), DIGITS, r"rows of digits have shape \(8, 8\), got \(4, 4\) in x\.npy"),
        ("x.npy", np.zeros((0, 8, 8)), DIGITS, r"rows of digits have shape \(8, 8\), got \(8, 8\) in x\.npy"),
        ("x.npy", np.array(3.0), DIGITS, r"rows of digits have shape \(8, 8\), got \(\)"),
        ("x.npy", np.full((8, 8), np.inf), DIGITS, r"rows must be finite numbers, got others in x\.npy"),
        ("x.npy", np.full((8, 8), "a"), DIGITS, "rows must be finite numbers, got others"),
        ("x.npy", np.full((8, 8), True), DIGITS, "rows must be finite numbers, got others"),
        ("x.npy", b"", DIGITS, r"x\.npy cannot be read \(No data left in file\)"),
        ("x.npy", b"abc", DIGITS, r"x\.npy cannot be read \("),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, name, content, about, message):
    with pytest.raises(UsageError, match=message) as caught:
        read_rows(written(tmp_path / name, content), about)
    assert "\n" not in str(caught.value)


def test_objects_in_an_array_are_never_unpickled(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(UsageError, match="Object arrays cannot be loaded when allow_pickle=False"):
        read_rows(path, DIGITS)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"x\.csv cannot be read \(No such file or directory\): check the file"):
        read_rows(tmp_path / "x.csv", GATES)
    monkeypatch.setattr(user_rows, "_LIMIT_BYTES", 2)
    with pytest.raises(UsageError, match=r"--input may have 0 MB at most, got .*x\.csv: give fewer rows"):
        read_rows(written(tmp_path / "x.csv", "0,1"), GATES)


def test_a_truncated_picture_is_refused(tmp_path):
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(whole)
    with pytest.raises(UsageError, match=r"half\.png cannot be read"):
        read_rows(written(tmp_path / "half.png", whole.read_bytes()[:1_000]), replace(DIGITS, input_shape=(64, 64)))


TABLE = pandas.DataFrame(
    {
        "age": [20.5, None, 3.0, 4.0],
        "n": [1, 2, 3, 4],
        "plan": pandas.Categorical(["a", "b", "a", "b"]),
        "day": pandas.date_range("2024-01-01", periods=4),
    }
)
HEAD = "age,n,plan,day\n"
WORDS = ["a", "b c", "d", "e"]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that gives the rows of a file as a data set of these inputs has them."""
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))

    def read(path, x):
        data = registry.load(store_own(plain_rows(Data(x, [0, 1, 0, 1]))))
        return read_own_rows(path, data.description, data.x_train)

    return read


def test_a_table_of_ones_own_has_its_columns_and_types_in_any_order(own, tmp_path):
    text = "left,plan,day,n,age\n1,b,2024-03-01,7,\n0,a,2024-03-02,8,2\n"
    rows = own(written(tmp_path / "new.csv", text), TABLE)
    assert list(rows.columns) == ["age", "n", "plan", "day"]
    assert rows["n"].tolist() == [7, 8]
    assert rows["age"].isna().tolist() == [True, False]
    assert rows["plan"].cat.categories.tolist() == ["a", "b"]
    assert rows["day"].dt.month.tolist() == [3, 3]


def test_a_text_of_ones_own_is_a_row_and_a_picture_has_its_pixels(own, tmp_path):
    assert own(written(tmp_path / "new.txt", "\ufeffgood and\nshort"), WORDS).tolist() == ["good and\nshort"]
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "new.png")
    rows = own(tmp_path / "new.png", np.zeros((4, 5, 6, 3), np.uint8))
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, pixels[None])


@pytest.mark.parametrize(
    ("name", "content", "x", "message"),
    [
        ("x.csv", "age,n,day\n1,2,2024-01-01\n", TABLE, r"columns age, n, plan, day, got none for plan in x\.csv"),
        ("x.csv", HEAD + "1,2,c,2024-01-01\n", TABLE, r"column plan has other values .*, got 'c' in x\.csv"),
        ("x.csv", HEAD + "1,two,a,2024-01-01\n", TABLE, r"column n must be int64, got str in x\.csv: invalid lit"),
        ("x.csv", HEAD + "1,,a,2024-01-01\n1,1,a,2024-01-01\n", TABLE, "column n must be int64, got float64"),
        ("x.csv", HEAD + "1,1,a,soon\n", TABLE, r"column day must be datetime64\[\w+\], got str"),
        ("x.csv", HEAD, TABLE, "rows"),
        ("x.csv", "", TABLE, "x.csv"),
        ("x.csv", "a\n", WORDS, r"--input of a study of texts must be a \.txt file, got x\.csv"),
        ("x.txt", b"\xff\xfe", WORDS, r"cannot be read \(it is no text in UTF-8\)"),
        ("x.png", b"", np.ones((4, 5, 6)), r"may be a picture where the data are, got x\.png"),
        ("x.npy", np.ones((1, 3)) / 2, np.ones((4, 3), int), r"are int64, got other numbers in x\.npy"),
        ("x.npy", np.ones((1, 3)), {"a": np.ones((4, 3)), "b": np.ones(4)}, "cannot give rows of several parts"),
    ],
)  # fmt: skip
def test_what_does_not_fit_rows_of_ones_own_is_refused_in_one_line(own, tmp_path, name, content, x, message):
    with pytest.raises((UsageError, DataError), match=message) as caught:
        own(written(tmp_path / name, content), x)
    assert "\n" not in str(caught.value)


def test_a_file_of_ones_own_that_is_not_there_is_said(own, tmp_path):
    for name, x in (("x.csv", TABLE), ("x.txt", WORDS), ("x.npy", np.ones((4, 2)))):
        with pytest.raises((UsageError, DataError), match=name):
            own(tmp_path / name, x)
