"""The data as a study's `prepare` returns it."""

import dataclasses
import hashlib
from functools import partial
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.leaves import add_to_digest, missing_in, plain_leaf
from dlstudy.datasets.structure import Structure, arrays_in, is_table, join, map_arrays, rows_in, shapes_of, take
from dlstudy.errors import DataError, TrialError
from dlstudy.training.arrays import Arrays
from dlstudy.training.study_functions import StudyFunctions

__all__ = ["key_of", "prepare_arrays", "refuse_leak"]


def prepare_arrays(
    functions: StudyFunctions, arrays: Arrays, description: Description, train: np.ndarray, p: dict[str, Any]
) -> tuple[Arrays, Description]:  # Any: JSON scalars, and the shape of the data
    """The arrays that an arm sees, of the types that `prepare` gives them, and their description.

    Args:
        functions: with `prepare`.
        arrays: of the data set.
        description: of the data set.
        train: (n,) int32, the rows that train.
        p: what `build` gets.

    Raises:
        TrialError: `prepare` returns something other than x and y, and perhaps weights, of as many rows, or numbers
            that are not finite where those of the data are.
    """
    assert functions.prepare is not None
    n, n_test = rows_in(arrays.x), rows_in(arrays.x_test)
    y = None if arrays.y is None else join(arrays.y, arrays.y_test)
    given = functions.prepare(join(arrays.x, arrays.x_test), y, train, dict(p))
    if not isinstance(given, list | tuple) or len(given) not in (2, 3):
        raise TrialError(f"prepare must return x and y, or x, y and weights of the rows, got {short_repr(given)}")
    x = _checked("x", given[0], n + n_test, arrays.x)
    y = None if given[1] is None else x if given[1] is given[0] else _checked("y", given[1], n + n_test)
    weight = None if arrays.weight is None else np.concatenate([arrays.weight, np.asarray(arrays.weight_test)])
    if len(given) == 3:
        weight = _checked("weights", given[2], n + n_test)
        if not isinstance(weight, np.ndarray) or weight.ndim != 1:
            raise TrialError(f"prepare must return one weight for each row, got {short_repr(given[2])}")
    parts = [
        None if part is None else take(part, rows) for rows in (slice(n), slice(n, None)) for part in (x, y, weight)
    ]
    described = dataclasses.replace(description, input_shape=shapes_of(x))
    changed: Any = dict(zip(("x", "y", "weight", "x_test", "y_test", "weight_test"), parts, strict=True))
    return dataclasses.replace(arrays, **changed), described


def refuse_leak(
    functions: StudyFunctions, arrays: Arrays, description: Description, train: np.ndarray, p: dict[str, Any]
) -> None:  # Any: as above
    """Checks that what `prepare` makes of the rows that train depends on no other row, as a scaler of all rows would.

    Every other row is replaced by one that trains, and what comes out for those that train must stay. A `prepare` that
    gives something else each time cannot be checked.

    Args:
        functions, arrays, description, train, p: as of `prepare_arrays`.

    Raises:
        TrialError: it does depend on others.
    """
    n = rows_in(arrays.x)
    others = np.setdiff1d(np.arange(n + rows_in(arrays.x_test)), train)
    numbers = np.arange(n + rows_in(arrays.x_test))
    numbers[others] = train[np.arange(len(others)) % len(train)]
    changed = _with_rows(arrays, numbers)

    def digest(given: Arrays) -> bytes:
        return _digest_of_rows(prepare_arrays(functions, given, description, train, p)[0], train)

    first = digest(arrays)
    if first != digest(changed) and first == digest(arrays):
        raise TrialError(
            "prepare lets rows that validate or test into those that train: fit what it fits to the rows `train` "
            "alone, or state Study.prepare_sees_all_rows"
        )


def _with_rows(arrays: Arrays, numbers: np.ndarray) -> Arrays:
    """The arrays with rows of the given numbers in place of all rows, the training part first."""
    n = rows_in(arrays.x)

    def chosen(part: Structure, test_part: Structure) -> tuple[Structure, Structure]:
        if part is None:
            return None, None
        whole = take(join(part, test_part), numbers)
        return take(whole, slice(n)), take(whole, slice(n, None))

    x, x_test = chosen(arrays.x, arrays.x_test)
    y, y_test = chosen(arrays.y, arrays.y_test)
    return dataclasses.replace(arrays, x=x, y=y, x_test=x_test, y_test=y_test)


def _digest_of_rows(arrays: Arrays, rows: np.ndarray) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    map_arrays(partial(add_to_digest, digest, ""), take(arrays.part(of_test_part=False)[:2], rows))
    return digest.digest()


def _checked(name: str, part: object, n: int, data: Structure = ()) -> Structure:
    """The arrays that `prepare` returns for x or y.

    Args:
        name: what they are.
        part: what it returned.
        n: rows that there are.
        data: what it was made of; where values are missing there, they may be missing in it too.

    Raises:
        TrialError: they are not arrays or tables of n rows, or hold numbers that are not finite.
    """
    try:
        structure = map_arrays(partial(plain_leaf, name), part)
    except DataError as error:
        raise TrialError(f"prepare must return x and y: {error}") from error
    for array in arrays_in(structure):
        if len(array) != n:
            raise TrialError(f"prepare must return x and y of {n} rows, got {name} of shape {array.shape}")
        if name != "x" and not is_table(array) and array.dtype.kind not in "buif":
            raise TrialError(f"prepare must return numbers, got {name} of texts or dates")
        if not is_table(array) and array.dtype.kind == "f" and not np.isfinite(array).all():
            if any(map(missing_in, arrays_in(data))):
                continue
            raise TrialError("prepare returned numbers that are not finite: fix it, or the data")
    if not arrays_in(structure):
        raise TrialError(f"prepare must return x and y, got no array for {name}")
    return structure


def key_of(arrays: Arrays) -> str:
    """A name for the content of arrays: equal content, equal names."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (arrays.part(False), arrays.part(True)):
        digest.update(repr(map_arrays(lambda _: 0, part)).encode())
        map_arrays(partial(add_to_digest, digest, ""), part)
    return digest.hexdigest()
