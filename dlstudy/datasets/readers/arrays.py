"""Arrays from an `.npz` file of NumPy's."""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Array
from dlstudy.datasets.readers.fields import check_size, fields, name_of, names_of, near, read
from dlstudy.datasets.readers.parts import as_split, check_parts
from dlstudy.datasets.readers.paths import content, files_of, label_of
from dlstudy.datasets.structure import Structure
from dlstudy.errors import DataError

__all__ = ["read_npz"]

_WHAT = "Data.npz"
_ENDINGS = {"train": ("_train",), "validation": ("_val", "_valid", "_validation"), "test": ("_test",)}
"""Of the names of arrays, by the part that they are."""

_Names = dict[str, str]
"""The array in the file by the name that the user states."""


def read_npz(
    path: Any,  # Any: checked here
    x: str | Sequence[str],
    y: str | Sequence[str] | None,
    *,
    sha256: str | None = None,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.npz`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: the file cannot be read, or lacks an array, or its arrays have different numbers of rows.
    """
    source, *more = files_of(_WHAT, path)
    if more:
        raise DataError(f"{_WHAT} reads one file, got {len(more) + 1}: join them first")
    inputs, targets = names_of("x", x), names_of("y", y)
    if not inputs:
        raise DataError("x must name an array, got none: state its name")
    file, label = content(_WHAT, source, sha256), label_of(source)
    parts = read(
        _WHAT,
        label,
        lambda: _load(file, label, [*inputs, *targets]),
        "it must be an .npz file of arrays without Python objects",
    )
    n_rows = {part: _rows_in(arrays, label) for part, arrays in parts.items()}
    whole = {name: _joined([arrays[name] for arrays in parts.values()], name, label) for name in [*inputs, *targets]}
    y_found = _structure(whole, y, targets) if targets else None
    found = fields(_WHAT, own, x=_structure(whole, x, inputs), y=y_found, name=name_of(source), source=label)
    return {**as_split(n_rows), **found}


def _load(file: Path | BytesIO, label: str, names: list[str]) -> dict[str, dict[str, Array]]:
    """The arrays by part and name; the only part is "" where the file states none."""
    with zipfile.ZipFile(file) as archive:
        sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
    parts = _places(label, list(sizes), names)
    check_size(_WHAT, sum(sizes[place] for places in parts.values() for place in places.values()))
    with np.load(file, allow_pickle=False) as arrays:
        # asarray: a member without an array header comes as bytes.
        return {part: {name: np.asarray(arrays[p]) for name, p in places.items()} for part, places in parts.items()}


def _places(label: str, known: list[str], names: list[str]) -> dict[str, _Names]:
    """Where the arrays of each part are."""
    if all(name in known for name in names):
        return {"": {name: name for name in names}}
    parts = {}
    for part, ends in _ENDINGS.items():
        for end in ends:
            there = [name for name in names if name + end in known]
            if there and len(there) < len(names):
                lacking = next(name for name in names if name not in there)
                raise DataError(
                    f"{label} must hold {lacking + end!r} beside {there[0] + end!r}, got {', '.join(known)}: add "
                    "it, or leave the other out"
                )
            if there:
                parts[part] = {name: name + end for name in names}
    if "train" not in parts:
        lacking = next(name for name in names if name not in known)
        raise DataError(f"{label} must hold an array {lacking!r}: {near(lacking, known)}")
    check_parts(_WHAT, list(parts), label)
    return parts


def _rows_in(arrays: Mapping[str, Array], label: str) -> int:
    """How many rows the arrays of a part have."""
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    (first, n), *others = lengths.items()
    for name, length in others:
        if length != n:
            raise DataError(
                f"arrays need equally many rows, got {n:,} of {first!r} and {length:,} of {name!r} in {label}: "
                "correct it"
            )
    if n == 0:
        raise DataError(f"{_WHAT} needs rows, got none of {first!r} in {label}: check the file")
    return n


def _joined(arrays: list[Array], name: str, label: str) -> Array:
    shapes = sorted({array.shape[1:] for array in arrays})
    if len(shapes) > 1:
        raise DataError(f"rows of {name!r} need one shape in all parts of {label}, got {shapes[0]} and {shapes[1]}")
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _structure(whole: Mapping[str, Array], stated: object, names: list[str]) -> Structure:
    """One array, or a dict of several."""
    return whole[names[0]] if isinstance(stated, str) else {name: whole[name] for name in names}
