"""Fashion-MNIST: 70,000 pictures of clothes and shoes, 28 x 28 grey levels."""

from typing import IO

from dlstudy.datasets.dataset import ARRAY_NAMES, Arrays, Description, checksum_of_files
from dlstudy.datasets.formats import read_idx
from dlstudy.datasets.sources import Definition, Source, from_official_files

__all__ = ["FASHION_MNIST"]

BASE_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"  # what keras.datasets.fashion_mnist reads
# In the order of ARRAY_NAMES. The folder is named as in Keras's cache, since MNIST's files have the same names.
FILES = {
    "fashion-mnist/train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "fashion-mnist/train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "fashion-mnist/t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "fashion-mnist/t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
FILE_LIMIT_BYTES = 27_000_000
ARRAY_LIMIT_BYTES = 48_000_000


def _sources() -> tuple[Source, ...]:
    return from_official_files(BASE_URL, FILES, FILE_LIMIT_BYTES, _read)


def _read(files: list[IO[bytes]]) -> Arrays:
    return {name: read_idx(file, ARRAY_LIMIT_BYTES) for name, file in zip(ARRAY_NAMES, files, strict=True)}


FASHION_MNIST = Definition(
    description=Description(
        name="fashion_mnist",
        title="Clothes and shoes, 28 x 28",
        task="classification",
        input_shape=(28, 28),
        n_classes=10,
        label_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        n_train=60_000,
        n_test=10_000,
        units="grey level, 0 (background) to 255",
        scale=255.0,
        source="Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; Zalando's four files, as Keras serves them",
        licence="MIT",
        sha256=checksum_of_files(FILES),
        identified_by="files",
    ),
    sources=_sources,
    remedy=(
        "connect this machine to a network, or set DLSTUDY_DATA to a folder with Zalando's four files in "
        "fashion-mnist/ (a fashion_mnist.npz cannot be verified: the checksums of the official files are known, those "
        "of their arrays are not)"
    ),
)
