"""A pickle gives arrays of numbers and does nothing else."""

import gzip
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from dlstudy.datasets.mnist import arrays_from_parts
from dlstudy.datasets.pickles import load_arrays, load_batch
from dlstudy.errors import DataError


def load(data: bytes, limit_bytes: int = 10_000):
    return load_arrays(io.BytesIO(data), limit_bytes)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_arrays_come_back_as_they_were(protocol: int) -> None:
    pair = (np.asfortranarray([[0.5, 1.5], [2.5, -3.5]]), np.array([1, 200], dtype=">u2"))
    first, second = load(pickle.dumps(pair, protocol=protocol))
    np.testing.assert_array_equal(first, pair[0])
    np.testing.assert_array_equal(second, pair[1])


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_a_pickle_made_by_python_2_is_read(module: bytes) -> None:
    data = (
        b"\x80\x02c" + module + b"\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02i2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x04\x01\x00\xff\x00tb."
    )
    np.testing.assert_array_equal(load(data), np.array([1, 255], dtype="<i2"))


class Hostile:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_hostile_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    data = pickle.dumps((np.zeros(3), Hostile(tmp_path / "owned")), protocol=2)
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.mkdir: refused"):
        load(data)
    assert not (tmp_path / "owned").exists()
    pickle.loads(data)  # the proof that it would have run
    assert (tmp_path / "owned").exists()


def test_names_of_builtins_are_refused() -> None:
    with pytest.raises(DataError, match=r"asks for builtins\.eval: refused"):
        load(b"cbuiltins\neval\n(S'1'\ntR.")


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(DataError, match="elements of type 'O8'"):
        load(pickle.dumps(np.array([{}, None]), protocol=2))


@pytest.mark.parametrize("value", [{"x": 1}, "text", [[[[np.zeros(1)]]]], [np.zeros(1)] * 101])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(DataError, match="this one holds another"):
        load(pickle.dumps(value, protocol=2))


def test_tuples_that_hold_each_other_twice_end_soon() -> None:
    with pytest.raises(DataError, match="this one holds another tuple"):
        load(b")" + b"2\x86" * 200 + b".")


def test_a_longer_pickle_than_expected_is_refused() -> None:
    data = gzip.compress(pickle.dumps(np.zeros(1_000_000), protocol=2))
    assert len(data) < 20_000
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream, pytest.raises(DataError, match="at most 10,000 bytes"):
        load_arrays(stream, 10_000)


def test_a_claimed_length_allocates_nothing() -> None:
    with pytest.raises(DataError, match="at most 10,000 bytes"):
        load(b"T\xff\xff\xff\x7f.")


@pytest.mark.parametrize("data", [b"", b"garbage", pickle.dumps(np.zeros(9), protocol=2)[:-20]])
def test_damaged_pickles_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="a pickle of arrays was expected"):
        load(data)


def test_parts_of_mnist_are_joined_and_turned_back_into_bytes() -> None:
    levels = np.arange(784) % 256
    part = ((levels / 256).astype(np.float32).reshape(1, 784), np.array([7]))
    arrays = arrays_from_parts((part, part, part))
    assert arrays["x_train"].shape == (2, 28, 28)
    assert arrays["x_train"].dtype == arrays["y_test"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["x_test"].reshape(-1), levels)
    assert arrays["y_train"].tolist() == [7, 7]


@pytest.mark.parametrize("level", [0.001, 1.0, -1 / 256, np.nan])
def test_values_that_are_no_grey_levels_are_refused(level: float) -> None:
    part = (np.full((1, 784), level, dtype=np.float32), np.array([7]))
    with pytest.raises(DataError, match="whole numbers from 0 to 255"):
        arrays_from_parts((part, part, part))


def test_parts_of_another_structure_are_refused() -> None:
    pair = (np.zeros((1, 784)), np.array([0]))
    with pytest.raises(DataError, match="three parts"):
        arrays_from_parts((pair, pair))
    with pytest.raises(DataError, match=r"images \(n, 784\) and labels \(n,\)"):
        arrays_from_parts((pair, pair, (np.zeros((2, 784)), np.array([0]))))


def read_batch(value: object):
    return load_batch(io.BytesIO(pickle.dumps(value, protocol=2)), 10_000)


def test_a_batch_gives_its_images_and_labels_whatever_else_it_holds() -> None:
    data, labels = read_batch({"names": ["a", "b"], "labels": [3, 9], "data": np.eye(2, dtype=np.uint8)})
    np.testing.assert_array_equal(data, np.eye(2))
    np.testing.assert_array_equal(labels, [3, 9])


@pytest.mark.parametrize(
    "value",
    [
        {"labels": [1]},
        {"labels": [1.0], "data": np.zeros(1)},
        {"labels": [True], "data": np.zeros(1)},
        {"labels": ["1"], "data": np.zeros(1)},
        {"labels": 1, "data": np.zeros(1)},
        {"labels": [1], "data": [0]},
        {"labels": [2**70], "data": np.zeros(1)},
        [np.zeros(1), [1]],
    ],
)
def test_another_batch_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="a pickled dict of data and labels was expected"):
        read_batch(value)


def test_a_hostile_entry_of_a_batch_is_refused_and_does_not_run(tmp_path: Path) -> None:
    batch = {"labels": [1], "data": np.zeros(1), "names": Hostile(tmp_path / "owned")}
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.mkdir: refused"):
        read_batch(batch)
    assert not (tmp_path / "owned").exists()
