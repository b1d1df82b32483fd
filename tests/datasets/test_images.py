"""Images that are known by the checksums of their official files, and a part of them that is not canonical."""

import gzip
import hashlib
import io
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlstudy.datasets import cifar10, fashion_mnist, registry
from dlstudy.datasets.dataset import checksum_of_files
from dlstudy.errors import DataError

pytest_plugins = ["tests.helpers.local_servers"]


@pytest.fixture(autouse=True)
def no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DLSTUDY_DATA", raising=False)


def batch(*labels: int) -> dict[str, object]:
    """Images of which each value says where it is: 3 colours, 32 rows, 32 columns."""
    colour, row, column = np.indices((3, 32, 32))
    image = (colour * 64 + row + column).astype(np.uint8).reshape(1, -1)
    return {
        "batch_label": "made up",
        "labels": list(labels),
        "data": np.concatenate([image + label for label in labels]).astype(np.uint8),
        "filenames": [f"{label}.png" for label in labels],
    }


BATCHES = dict.fromkeys(cifar10.TRAIN_BATCHES, batch(0)) | {
    cifar10.TRAIN_BATCHES[0]: batch(6, 9),
    cifar10.TEST_BATCH: batch(3),
}


def archive(batches: dict[str, object]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in [("cifar-10-batches-py/readme.html", ""), *reversed(batches.items())]:
            data = pickle.dumps(content, protocol=2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch):
    """A function that makes the given files the official ones of a data set."""

    def official(module, definition, contents: dict[str, bytes]) -> None:
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        monkeypatch.setattr(module, "FILES", hashes)
        known = replace(definition.description, sha256=checksum_of_files(hashes))
        monkeypatch.setitem(registry._DEFINITIONS, known.name, replace(definition, description=known))

    return official


def test_cifar10_comes_out_of_its_official_archive(server, take) -> None:
    server.files = {"cifar-10-python.tar.gz": archive(BATCHES)}
    take(cifar10, cifar10.CIFAR10, server.files)
    lines: list[str] = []
    registry.ensure("cifar10", lines.append)
    assert lines[0] == f"cifar10: trying the download {server.url}/cifar-10-python.tar.gz"
    data = registry.load("cifar10")
    assert data.y_train.tolist() == [6, 9, 0, 0, 0, 0]
    assert data.y_test.tolist() == [3]
    assert data.x_train.shape == (6, 32, 32, 3)
    assert data.x_test.dtype == data.y_test.dtype == np.uint8
    assert data.x_test[0, 5, 7].tolist() == [5 + 7 + 3, 64 + 5 + 7 + 3, 128 + 5 + 7 + 3]
    assert registry.verify("cifar10") == registry.describe("cifar10").sha256


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Log in</html>", "a .tar.gz archive was expected: not a gzip file"),
        (archive(BATCHES)[:1000], "Compressed file ended before"),
        (archive(BATCHES | {cifar10.TEST_BATCH: [batch(1)]}), "a pickled dict of data and labels was expected"),
        (archive({"x" + name: content for name, content in BATCHES.items()}), "an archive with cifar-10-batches-py/"),
        (archive(BATCHES | {cifar10.TEST_BATCH: batch(1) | {"labels": [10]}}), "labels from 0 to 9 was expected"),
        (archive(BATCHES | {cifar10.TEST_BATCH: batch(1) | {"labels": [1, 2]}}), "labels from 0 to 9 was expected"),
        (archive(BATCHES | {cifar10.TEST_BATCH: batch(1) | {"data": np.zeros((1, 3072))}}), "uint8 and n labels"),
    ],
    ids=["a login page", "cut off", "a list", "other names", "an eleventh label", "too many labels", "floats"],
)
def test_an_archive_of_another_structure_is_refused(content: bytes, reason: str, server, take) -> None:
    server.files = {"cifar-10-python.tar.gz": content}
    take(cifar10, cifar10.CIFAR10, server.files)
    with pytest.raises(DataError, match=reason):
        registry.ensure("cifar10")


def test_an_archive_that_is_not_the_official_one_is_not_even_opened(server, tmp_path: Path) -> None:
    server.files = {"cifar-10-python.tar.gz": archive(BATCHES)}
    with pytest.raises(DataError) as caught:
        registry.ensure("cifar10")
    first, download = str(caught.value).splitlines()
    assert "set DLSTUDY_DATA to a folder with the official cifar-10-python.tar.gz (a cifar10.npz cannot be" in first
    assert "cifar-10-python.tar.gz is not the official file: expected sha256 6d958be0745778" in download


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def fashion_files() -> dict[str, bytes]:
    arrays = (np.full((3, 28, 28), 7), np.array([9, 0, 1]), np.full((1, 28, 28), 8), np.array([2]))
    return {name: idx(array) for name, array in zip(fashion_mnist.FILES, arrays, strict=True)}


def test_fashion_mnist_comes_out_of_its_four_official_files(server, take) -> None:
    server.files = fashion_files()
    take(fashion_mnist, fashion_mnist.FASHION_MNIST, server.files)
    data = registry.load("fashion_mnist")
    assert data.x_train.shape == (3, 28, 28)
    assert data.y_train.tolist() == [9, 0, 1]
    assert data.x_test[0, 0, 0] == 8
    assert data.y_test.tolist() == [2]


def test_fashion_mnist_comes_from_the_users_folder(take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    files = fashion_files()
    (tmp_path / "fashion-mnist").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    take(fashion_mnist, fashion_mnist.FASHION_MNIST, files)
    lines: list[str] = []
    registry.ensure("fashion_mnist", lines.append)
    assert "train-images-idx3-ubyte.gz and 3 more (DLSTUDY_DATA)" in lines[0]
    assert "verified" in lines[1]


def test_one_altered_file_of_fashion_mnist_is_enough_to_refuse(server, take) -> None:
    files = fashion_files()
    take(fashion_mnist, fashion_mnist.FASHION_MNIST, files)
    last = list(files)[-1]
    server.files = files | {last: idx(np.array([3]))}
    with pytest.raises(DataError, match=f"{last} is not the official file"):
        registry.ensure("fashion_mnist")


def test_an_npz_of_either_is_refused_with_the_reason(tmp_path: Path, server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_DATA", str(tmp_path))
    server.files = {"other": b""}
    for name in ("cifar10", "fashion_mnist"):
        np.savez(tmp_path / f"{name}.npz", x_train=np.zeros(1))
        with pytest.raises(DataError, match=rf"a {name}\.npz cannot be verified: the checksums? of the official"):
            registry.ensure(name)


def test_the_part_of_cifar10_says_that_it_is_not_the_canonical_data() -> None:
    whole, part = registry.describe("cifar10"), registry.describe("cifar10_subset")
    assert part.stands_for == whole.name
    assert part.caveat.endswith("not the canonical data")
    assert whole.caveat == whole.stands_for == ""
    assert part.label_names == whole.label_names
    with pytest.raises(DataError, match=r"set DLSTUDY_DATA to a folder with cifar10_subset\.npz"):
        registry.ensure("cifar10_subset")
