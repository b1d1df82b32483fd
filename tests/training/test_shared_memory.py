"""One copy of the data for all workers."""

import dataclasses
import multiprocessing
import os

import numpy as np
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset
from dlstudy.errors import DataError
from dlstudy.training import shared_memory as module
from dlstudy.training.arrays import prepare
from dlstudy.training.shared_memory import SharedArrays


@pytest.fixture(scope="module")
def digits():
    return registry.load("digits")


def test_models_see_scaled_values_and_whole_labels(digits):
    arrays = SharedArrays.of(digits).open()
    assert {name: (array.shape, array.dtype.name) for name, array in arrays.items()} == {
        "x": ((1437, 8, 8), "float32"),
        "y": ((1437,), "int32"),
        "x_test": ((360, 8, 8), "float32"),
        "y_test": ((360,), "int32"),
    }
    assert (arrays["x"] == digits.x_train.astype(np.float32) / np.float32(16)).all()
    assert (arrays["y_test"] == digits.y_test).all()


def test_targets_of_a_regression_stay_numbers_and_a_test_part_may_be_missing(digits):
    description = dataclasses.replace(digits.description, task="regression", scale=1.0, input_shape=(2,), n_test=0)
    description = dataclasses.replace(description, n_train=3)
    x, y = np.arange(6.0).reshape(3, 2), np.array([0.5, 1.5, 2.5])
    arrays = SharedArrays.of(Dataset(description, x, y, x[:0], y[:0])).open()
    assert arrays["y"].tolist() == [0.5, 1.5, 2.5]
    assert arrays["x"].tolist() == x.tolist()
    assert len(arrays["x_test"]) == len(arrays["y_test"]) == 0


def test_who_writes_changes_a_copy_of_his_own(digits):
    shared = SharedArrays.of(digits)
    first, second = shared.open(), shared.open()
    before = second["x"][0].copy()
    first["x"][...] = -1
    assert (second["x"][0] == before).all()


def read(shared, connection):
    arrays = shared.open()
    connection.send((float(arrays["x"].sum()), arrays["y"][:5].tolist()))


def test_a_spawned_process_reads_what_is_filled_in_after_its_start(digits):
    shared = SharedArrays(digits.description)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=wait_and_read, args=(shared, theirs))
    process.start()
    shared.fill()
    ours.send("filled")
    total, labels = ours.recv()
    process.join()
    assert total == pytest.approx(float(shared.open()["x"].sum()))
    assert labels == digits.y_train[:5].tolist()


def wait_and_read(shared, connection):
    connection.recv()
    read(shared, connection)


def test_the_file_has_no_name_and_is_closed_with_its_owner(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shared = SharedArrays.of(digits)
    assert list(tmp_path.iterdir()) == []
    fd = shared._fd
    del shared
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_no_room_is_said_at_once(digits, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"digits needs 0 MB in .* \(No space left on device\): make room there"):
        SharedArrays(digits.description)


def tensors_of(arrays):
    return [*arrays.on_device(False, "float32"), *arrays.on_device(True, "float32")]


def test_tensors_are_the_shared_memory_itself(digits):
    arrays = prepare(SharedArrays.of(digits), memory_gb=4)
    for array, tensor in zip((arrays.x, arrays.y, arrays.x_test, arrays.y_test), tensors_of(arrays), strict=True):
        assert np.asarray(memoryview(tensor)).ctypes.data == array.ctypes.data


def test_what_takes_more_than_half_of_the_memory_stays_off_the_device(digits):
    assert prepare(SharedArrays.of(digits), memory_gb=0.0005).fits is False


def test_on_a_gpu_the_tensors_are_copies_on_the_device(digits, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"] if kind == "GPU" else [])
    arrays = prepare(SharedArrays.of(digits), memory_gb=4)
    for array, tensor in zip((arrays.x, arrays.y, arrays.x_test, arrays.y_test), tensors_of(arrays), strict=True):
        assert np.asarray(memoryview(tensor)).ctypes.data != array.ctypes.data
        assert (tensor.numpy() == array).all()
