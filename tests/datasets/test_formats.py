"""Each file format gives its numbers, or says why it is refused."""

import gzip
import io

import numpy as np
import pytest

from dlstudy.datasets.formats import read_idx, read_npz, read_table
from dlstudy.errors import DataError

TINY = {"x_train": np.zeros((2, 3)), "y_train": np.ones(2), "x_test": np.zeros((1, 3)), "y_test": np.ones(1)}


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_npz_gives_the_four_arrays() -> None:
    arrays = read_npz(io.BytesIO(npz(**TINY, more=np.zeros(1))), 10_000)
    assert list(arrays) == ["x_train", "y_train", "x_test", "y_test"]
    np.testing.assert_array_equal(arrays["y_train"], [1, 1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Log in to this network</html>", "not a zip file"),
        (npz(**TINY)[:-30], "not a zip file"),
        (npz(**TINY).replace(b"x_train", b"x_tarin"), "x_train"),
        (npz(**TINY | {"x_train": np.array([{}])}), "Object arrays cannot be loaded"),
        (npz(**TINY | {"x_train": np.zeros(1_000_000)}), "at most 10,000 bytes was expected, this one unpacks to 8,"),
    ],
    ids=["a login page", "cut off", "an array is missing", "objects", "unpacks to too much"],
)
def test_another_npz_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_npz(io.BytesIO(content), 10_000)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    header = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def test_idx_gives_the_bytes_in_their_shape() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    received = read_idx(io.BytesIO(gzip.compress(idx(array))), 100)
    assert received.dtype == np.uint8
    np.testing.assert_array_equal(received, array)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (idx(np.zeros(3, np.uint8)), "a compressed IDX file was expected: Not a gzipped file"),
        (gzip.compress(idx(np.zeros(3, np.uint8)))[:-9], "a compressed IDX file was expected"),
        (gzip.compress(idx(np.zeros(3, np.uint8))[:-1]), "is cut off"),
        (gzip.compress(idx(np.zeros(3, np.uint8), kind=9)), "begins with '00 00 09 01'"),
        (gzip.compress(b""), "begins with ''"),
        (gzip.compress(b"\0\0\x08\x03\xff"), "is cut off"),
        (gzip.compress(idx(np.zeros(1000, np.uint8))), "at most 100 bytes was expected, this one is longer"),
    ],
    ids=["not compressed", "cut off", "rows missing", "signed bytes", "empty", "no lengths", "unpacks to too much"],
)
def test_another_idx_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_idx(io.BytesIO(content), 100)


def table(text: str | bytes, columns: tuple[str, ...] = ("a b", "C"), **options):
    return read_table(io.BytesIO(text if isinstance(text, bytes) else text.encode()), columns, 200, **options)


def test_columns_come_in_the_order_asked_for_whatever_else_the_table_holds() -> None:
    received = table('"",c,note,A_b\r\n"1",.5,=1+1,-2e3\r\n"2",7.,"x,y",+0\r\n\r\n')
    assert received.dtype == np.float64
    np.testing.assert_array_equal(received, [[-2000.0, 0.5], [0.0, 7.0]])


def test_a_mark_that_spreadsheets_put_first_is_no_part_of_a_name() -> None:
    np.testing.assert_array_equal(table("\ufeffa b,C\n1,2\n"), [[1, 2]])


def test_other_delimiters_and_chosen_rows_and_tables_without_header() -> None:
    np.testing.assert_array_equal(table("a b;C\n1;2\n", delimiter=";"), [[1, 2]])
    np.testing.assert_array_equal(table("k,a b,C\nred,1,2\nwhite,?,3\nred,4,5\n", where=("k", "red")), [[1, 2], [4, 5]])
    np.testing.assert_array_equal(table("1,2\n3,4\n", has_header=False), [[1, 2], [3, 4]])


def test_a_table_without_rows_has_its_columns() -> None:
    assert table("a b,C\n").shape == (0, 2)


@pytest.mark.parametrize("cell", ["=1+1", "nan", "inf", "1e999", "1_000", "", "0x10", "１", "1,5", "@SUM(A1)"])
def test_a_cell_that_is_no_finite_number_is_refused(cell: str) -> None:
    with pytest.raises(DataError, match=r"a finite number was expected in row 2, column 'C', got '"):
        table(f'a b,C\n1,2\n3,"{cell}"\n')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<html>Log in</html>", "one column 'a b' was expected, this one has 0: '<html>log in</html>'"),
        ("a b,C,c\n1,2,3\n", "one column 'C' was expected, this one has 2"),
        ("a b,C\n1,2\n1\n", "row 2 has 1 cells where 2 were expected"),
        ("a b,C\n" + "1,2\n" * 100, "at most 200 bytes was expected, this one is longer"),
        (b"a b,C\n\xff\xfe", "a CSV file was expected: 'utf-8' codec"),
        ('a b,C\n"1"2,3\n', "a CSV file was expected: ',' expected after"),
        ("", "one column 'a b' was expected, this one has 0"),
    ],
    ids=["a login page", "a name twice", "a short row", "too long", "no text", "quotes", "empty"],
)
def test_another_table_is_refused(content: str | bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        table(content)


def test_a_compressed_table_that_unpacks_to_too_much_is_refused() -> None:
    data = gzip.compress(b"a b,C\n" + b"1,2\n" * 1_000_000)
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file, pytest.raises(DataError, match="at most 200 bytes"):
        read_table(file, ("a b", "C"), 200)
