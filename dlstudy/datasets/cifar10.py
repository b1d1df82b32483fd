"""CIFAR-10: 60,000 small colour photographs of ten kinds of things; and a subset from lossy copies."""

import tarfile
from dataclasses import replace
from functools import partial
from typing import IO

import numpy as np

from dlstudy.datasets.dataset import Array, Arrays, Description, checksum_of_files
from dlstudy.datasets.formats import DAMAGED, read_npz
from dlstudy.datasets.pickles import load_batch
from dlstudy.datasets.sources import Definition, Source, from_data_folder, from_official_files
from dlstudy.errors import DataError

__all__ = ["CIFAR10", "CIFAR10_SUBSET"]

BASE_URL = "https://www.cs.toronto.edu/~kriz"
# As keras.datasets.cifar10 states it.
FILES = {"cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"}
FILE_LIMIT_BYTES = 171_000_000
TRAIN_BATCHES = tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6))
TEST_BATCH = "cifar-10-batches-py/test_batch"
BATCH_LIMIT_BYTES = 33_000_000

SUBSET_LIMIT_BYTES = 62_000_000
LABEL_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CITATION = "Krizhevsky 2009, Learning multiple layers of features from tiny images, University of Toronto"


def _sources() -> tuple[Source, ...]:
    return from_official_files(BASE_URL, FILES, FILE_LIMIT_BYTES, _read)


def _read(files: list[IO[bytes]]) -> Arrays:
    """The batches in the archive, read without writing anything to the disk."""
    batches = {}
    try:
        with tarfile.open(fileobj=files[0], mode="r:gz") as archive:
            for member in archive:  # in the archive's order: going back would decompress it again
                if member.name in (*TRAIN_BATCHES, TEST_BATCH) and (file := archive.extractfile(member)):
                    batches[member.name] = _images_and_labels(file)
        train = [batches[name] for name in TRAIN_BATCHES]
        x_test, y_test = batches[TEST_BATCH]
    except KeyError as error:
        raise DataError(f"an archive with {error.args[0]} was expected") from error
    except DAMAGED as error:
        raise DataError(f"a .tar.gz archive was expected: {error}") from error
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _images_and_labels(file: IO[bytes]) -> tuple[Array, Array]:
    data, labels = load_batch(file, BATCH_LIMIT_BYTES)
    if data.dtype != np.uint8 or data.shape != (len(labels), 3 * 32 * 32) or np.any(labels > 9):
        raise DataError("a batch of images (n, 3072) uint8 and n labels from 0 to 9 was expected, got another")
    # A row holds all its reds, then the greens, then the blues.
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _subset_sources() -> tuple[Source, ...]:
    return from_data_folder("cifar10_subset.npz", partial(read_npz, limit_bytes=SUBSET_LIMIT_BYTES))


CIFAR10 = Definition(
    description=Description(
        name="cifar10",
        title="Small colour photographs of ten kinds of things, 32 x 32",
        task="classification",
        input_shape=(32, 32, 3),
        n_classes=10,
        label_names=LABEL_NAMES,
        n_train=50_000,
        n_test=10_000,
        units="red, green, blue, 0 to 255",
        scale=255.0,
        source=f"{CITATION}; the official batches in their order (as keras.datasets.cifar10 gives them)",
        licence="none stated; research use customary",
        sha256=checksum_of_files(FILES),
        identified_by="files",
    ),
    sources=_sources,
    remedy=(
        "connect this machine to a network, or set DLSTUDY_DATA to a folder with the official cifar-10-python.tar.gz "
        "(a cifar10.npz cannot be verified: the checksum of the official archive is known, that of its arrays is not)"
    ),
)

CIFAR10_SUBSET = Definition(
    description=replace(
        CIFAR10.description,
        name="cifar10_subset",
        title="A third of CIFAR-10, from JPEG copies",
        n_train=16_000,
        n_test=4_000,
        source=(
            f"{CITATION}; 1,600 training and 400 test images of each class, drawn at random, of JPEG copies (quality "
            "near 75: grey levels are off by 4.5 to 8.1 of 255 in the mean)"
        ),
        sha256="68e23629e3cb578b892ad19a829066fbf5a272b0ca407369d34e155857f2856b",
        identified_by="arrays",
        caveat="20,000 of the 60,000 images of CIFAR-10, from lossy JPEG copies: not the canonical data",
        stands_for="cifar10",
    ),
    sources=_subset_sources,
    remedy="set DLSTUDY_DATA to a folder with cifar10_subset.npz",
)
