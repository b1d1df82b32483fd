"""Structures of rows: an array or a table, or a dict, list or tuple of such, as Keras and scikit-learn take them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = [
    "Structure",
    "are_pictures",
    "arrays_in",
    "has_numbers_only",
    "is_table",
    "join",
    "map_arrays",
    "rows_in",
    "shapes_of",
    "take",
    "with_items",
]

Structure = Any
"""An array or a pandas table, or a dict, list or tuple of such: what a model takes for its inputs or its targets."""


def map_arrays(function: Callable[[Any], Any], structure: Structure) -> Structure:
    """The structure with each of its arrays and tables replaced by what the function returns for it."""
    if isinstance(structure, Mapping):
        return {name: map_arrays(function, item) for name, item in structure.items()}
    if isinstance(structure, list | tuple):
        return with_items(structure, [map_arrays(function, item) for item in structure])
    return function(structure)


def with_items(structure: Structure, items: list[Structure]) -> Structure:
    """A list or tuple of the same class, which may be a named tuple."""
    return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)


def arrays_in(structure: Structure) -> list[Any]:  # Any: arrays, tables or tensors
    """The arrays and tables of a structure, in order."""
    found: list[Any] = []
    map_arrays(found.append, structure)
    return found


def rows_in(structure: Structure) -> int:
    """How many rows each array has."""
    return len(arrays_in(structure)[0])


def take(structure: Structure, rows: Any) -> Structure:  # Any: row numbers or a slice
    """Some rows of each array or table."""
    return map_arrays(lambda array: array.iloc[rows] if is_table(array) else array[rows], structure)


def join(first: Structure, *others: Structure) -> Structure:
    """The rows of one structure and then those of others of the same form."""
    if isinstance(first, Mapping):
        return {name: join(item, *(other[name] for other in others)) for name, item in first.items()}
    if isinstance(first, list | tuple):
        return with_items(first, [join(*items) for items in zip(first, *others, strict=True)])
    if is_table(first):
        import pandas

        return pandas.concat([first, *others], ignore_index=True)
    return np.concatenate([first, *others])


def shapes_of(structure: Structure) -> Structure:
    """The shape of one row of each array; of a table, (columns,), or by column where not all are numbers."""
    return map_arrays(_shape_of, structure)


def _shape_of(array: Any) -> Structure:  # Any: an array or a table
    if not is_table(array) or has_numbers_only(array):
        return tuple(array.shape[1:])
    return dict.fromkeys(array.columns, (1,))


def has_numbers_only(table: Any) -> bool:  # Any: a pandas table
    """Whether all columns of a table are numbers or truth values."""
    return all(getattr(kind, "kind", "O") in "buif" for kind in table.dtypes)


def are_pictures(part: Structure) -> bool:
    """Whether it is one array of the form of pictures: (n, height, width), or with 1, 3 or 4 channels."""
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "buif":
        return False
    has_form = part.ndim == 3 or (part.ndim == 4 and part.shape[-1] in (1, 3, 4))
    return has_form and min(part.shape[1:3]) > 3


def is_table(array: object) -> bool:
    """Whether it is a pandas table."""
    return hasattr(array, "iloc") and hasattr(array, "columns")
