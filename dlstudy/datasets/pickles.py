"""Reads NumPy arrays from a pickle without letting the pickle do anything else.

A pickle is a program. This reader resolves the few names that a pickled array of numbers needs, and even those not to
NumPy's own functions but to the small stand-ins below, so that only the elements themselves reach NumPy's C
code. Any other name is refused.
"""

import pickle
from typing import IO, TypeAlias

import numpy as np

from dlstudy.datasets.dataset import Array
from dlstudy.datasets.formats import DAMAGED
from dlstudy.errors import DataError

__all__ = ["Tree", "load_arrays", "load_batch"]

Tree: TypeAlias = Array | tuple["Tree", ...]

_ELEMENT_TYPES = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)) | {"f4", "f8"}

# A few bytes can hold a tuple that holds one tuple twice that holds one tuple twice ...: unbounded, it never ends.
_LARGEST_DEPTH = 3
_LARGEST_LENGTH = 100


def load_arrays(stream: IO[bytes], limit_bytes: int) -> Tree:
    """The arrays of a pickle (protocol 0 to 4): one array, or short tuples and lists of them.

    Args:
        stream: the pickle, opened for reading.
        limit_bytes: the most that is read from the stream, which may decompress as it goes.

    Raises:
        DataError: the pickle holds something other than arrays of numbers, is longer than the limit, or is damaged.
    """
    return _finished(_load(stream, limit_bytes))


def load_batch(stream: IO[bytes], limit_bytes: int) -> tuple[Array, Array]:
    """The images and labels of a batch of CIFAR-10, which is a pickled dict; its other entries are ignored.

    Returns:
        `data`: an array of numbers. `labels`: (n,) uint8, from a list of whole numbers.

    Raises:
        DataError: as `load_arrays`; or it is not such a dict.
    """
    batch = _load(stream, limit_bytes)
    match batch:
        case {"data": _Array() as data, "labels": [*labels]} if all(_is_byte(label) for label in labels):
            return data.values, np.array(labels, dtype=np.uint8)
    raise DataError(f"a pickled dict of data and labels was expected, this one holds another {type(batch).__name__}")


def _is_byte(value: object) -> bool:
    return type(value) is int and 0 <= value <= 255


def _load(stream: IO[bytes], limit_bytes: int) -> object:
    # latin1 is for pickles made by Python 2, whose byte strings come as text: it maps each byte to one character.
    reader = _ArrayUnpickler(_Bounded(stream, limit_bytes), encoding="latin1")
    try:
        return reader.load()
    except DataError:
        raise
    # Everything that the reader, the stand-ins or the decompression raise for a damaged or hostile pickle.
    except (*DAMAGED, pickle.UnpicklingError, AttributeError, ImportError) as error:
        raise DataError(f"a pickle of arrays was expected: {error}") from error


class _Bounded:
    """The part of a stream that the unpickler sees; it ends with an error where the limit is passed."""

    def __init__(self, stream: IO[bytes], limit_bytes: int) -> None:
        self._stream = stream
        self._left = limit_bytes
        self._limit_bytes = limit_bytes

    def read(self, size: int = -1, /) -> bytes:
        # Refused before reading, so that a pickle that only claims a huge length allocates nothing.
        if size < 0 or size > self._left:
            raise DataError(f"a pickle of at most {self._limit_bytes:,} bytes was expected, this one is longer")
        return self._count(self._stream.read(size))

    def readline(self) -> bytes:
        return self._count(self._stream.readline(self._left + 1))

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"a pickle of at most {self._limit_bytes:,} bytes was expected, this one is longer")
        return data


class _Dtype:
    """Stands in for `numpy.dtype`: a number type and its byte order."""

    def __init__(self, code: str, _align: object = False, _copy: object = True) -> None:
        if code not in _ELEMENT_TYPES:
            raise DataError(f"a pickle of arrays of numbers was expected, this one has elements of type {code!r:.40}")
        self.code = code
        self.order = "|"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise DataError(f"a byte order <, >, | or = was expected, got {state[1]!r:.40}")
        self.order = str(state[1])


class _Array:
    """Stands in for `numpy.ndarray`; NumPy's `_reconstruct` makes an empty one that gets its state afterwards."""

    values: Array = np.empty(0)

    def __init__(self, _subtype: object, _shape: object, _code: object) -> None: ...

    def __setstate__(self, state: tuple[object, tuple[int, ...], _Dtype, bool, bytes | str]) -> None:
        _version, shape, dtype, is_fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        values = np.frombuffer(data, dtype=dtype.order + dtype.code)
        self.values = values.reshape(shape, order="F" if is_fortran else "C")


class _Encode:
    """Stands in for `_codecs.encode`, through which Python 3 puts bytes into a pickle of protocol 2."""

    __slots__ = ()  # a pickle may set what an object lets it set: a function's defaults, for one

    def __call__(self, text: str, encoding: str = "latin1") -> bytes:
        if encoding != "latin1":
            raise DataError(f"bytes of a pickle are encoded as latin1, this one says {encoding!r:.40}")
        return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], object] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): None,  # only an argument of _reconstruct
    ("numpy.core.multiarray", "_reconstruct"): _Array,  # NumPy 1
    ("numpy._core.multiarray", "_reconstruct"): _Array,  # NumPy 2
    ("_codecs", "encode"): _Encode(),
}


# The reader in Python: that in C takes as much memory as a pickle's memo claims to need, 8 GB for 7 bytes (measured).
class _ArrayUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str, /) -> object:
        if (module, name) not in _STAND_INS:
            raise DataError(f"a pickle of arrays was expected, this one asks for {module}.{name}: refused")
        return _STAND_INS[module, name]


def _finished(value: object, depth: int = 0) -> Tree:
    if isinstance(value, _Array):
        return value.values
    if isinstance(value, tuple | list) and len(value) <= _LARGEST_LENGTH and depth < _LARGEST_DEPTH:
        return tuple(_finished(item, depth + 1) for item in value)
    raise DataError(f"a pickle of arrays was expected, this one holds another {type(value).__name__}")
