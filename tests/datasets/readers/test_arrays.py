"""Arrays by `Data.npz`."""

from pathlib import Path

import numpy as np

from dlstudy.datasets.data import Data

X, Y = np.arange(12, dtype=np.uint8).reshape(6, 2), np.array([0, 1, 0, 1, 1, 0], np.int16)


def test_arrays_keep_their_types(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y, other=np.zeros(3))
    data = Data.npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    assert (data.x.dtype, data.y.dtype, data.name, data.split) == (X.dtype, Y.dtype, "a", None)


def test_arrays_of_other_names_and_several_inputs_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=X, table=X[:, 0], target=Y)
    data = Data.npz(tmp_path / "a.npz", ["image", "table"], "target", groups=[1, 1, 2, 2, 3, 3])
    assert list(data.x) == ["image", "table"]
    np.testing.assert_array_equal(data.x["table"], X[:, 0])
    assert data.groups == [1, 1, 2, 2, 3, 3]
    assert Data.npz(tmp_path / "a.npz", "image", None).y is None


def test_arrays_of_parts_are_the_datas_own_parts(tmp_path: Path) -> None:
    parts = {"x_test": X[5:], "y_test": Y[5:], "x_train": X[:3], "y_train": Y[:3], "x_val": X[3:5], "y_val": Y[3:5]}
    np.savez_compressed(tmp_path / "parts.npz", **parts)
    data = Data.npz(tmp_path / "parts.npz")
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    assert list(data.split) == ["train"] * 3 + ["validation"] * 2 + ["test"]


def test_training_arrays_alone_are_undivided(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y)
    assert Data.npz(tmp_path / "a.npz").split is None
