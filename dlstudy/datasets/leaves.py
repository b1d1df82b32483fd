"""The arrays and tables that a user's own rows are made of: each in a plain form, on disk, and in a digest."""

from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets import disk_rows
from dlstudy.datasets.dataset import Array, plain
from dlstudy.datasets.disk_rows import NumbersOnDisk, RowsToKeep
from dlstudy.datasets.readers import image_files
from dlstudy.datasets.readers.image_files import ImageFiles
from dlstudy.datasets.readers.parquet_rows import ParquetTable
from dlstudy.datasets.structure import is_table
from dlstudy.errors import DataError

__all__ = ["add_to_digest", "is_text", "missing_in", "objects", "open_leaf", "plain_leaf", "save_leaf"]

_COLUMN = "0"
"""The name of the only column of a file that holds texts, or arrays of differing lengths."""


def plain_leaf(what: str, leaf: Any) -> Any:  # Any: what a user takes for an array or a table
    """An array of numbers or dates, a (n,) array of texts or of arrays (objects), or a table with plain columns.

    Args:
        what: it is, for messages.
        leaf: an array, a tensor, a list, a pandas series or table, or what stays in files, of which nothing is read.

    Raises:
        DataError: it is nothing of that kind.
    """
    if isinstance(leaf, RowsToKeep | ParquetTable):
        return leaf.numbers() if isinstance(leaf, ParquetTable) else leaf
    if is_table(leaf):
        return _plain_table(leaf)
    if hasattr(leaf, "toarray"):
        raise DataError(f"{what} must be dense, got a sparse matrix: use toarray(), or give its rows as a structure")
    try:
        array = np.asarray(leaf)
    except ValueError:  # lists of differing lengths
        array = objects([np.asarray(item) for item in leaf])
    if array.ndim == 0:
        raise DataError(f"{what} must have a row for each example, got {short_repr(leaf)}")
    if array.dtype.kind in "buifMm":
        return plain(array)
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and _all_text(array.reshape(-1))):
        return _texts(what, array)
    if array.dtype.kind == "O" and array.ndim == 1:
        return _ragged_or_mixed(what, array)
    raise DataError(f"{what} must hold numbers, texts or dates, got {array.dtype}: convert it")


def _plain_table(table: Any) -> Any:  # Any: pandas tables
    names = [str(name) for name in table.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"columns must differ in name, got {short_repr(twice[0])} twice: rename one")
    table = table.reset_index(drop=True).set_axis(names, axis=1)
    for name in names:
        kind = table[name].dtype
        if isinstance(kind, np.dtype) and kind.kind == "O":
            kinds = {type(value).__name__ for value in table[name].dropna().head(10_000)}
            if kinds - {"str"}:
                raise DataError(
                    f"a column must be of one type, got {' and '.join(sorted(kinds))} in {name!r}: convert it"
                )
            table[name] = table[name].astype("str")
        elif getattr(kind, "kind", "O") == "c":
            raise DataError(f"a column must hold numbers, texts, categories or dates, got complex numbers in {name!r}")
    return table


def _all_text(array: Array) -> bool:
    return all(item is None or isinstance(item, str) for item in array)


def _texts(what: str, array: Array) -> Array:
    if array.ndim > 1:
        raise DataError(
            f"{what} of several texts in a row must be a table or a dict of arrays, got shape {array.shape}"
        )
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{what} holds bytes that are no UTF-8 text: decode them") from error
    return array.astype(object)


def _ragged_or_mixed(what: str, array: Array) -> Array:
    from pandas import isna

    if all(isinstance(item, list | tuple | np.ndarray) for item in array):
        try:
            items = [np.asarray(item) for item in array]
        except ValueError:  # lists of lists that differ
            items = [np.empty(1, object)]
        kinds = {item.dtype.kind for item in items if item.size}
        if any(item.ndim != 1 for item in items) or not kinds <= set("buif"):
            raise DataError(f"{what} of differing lengths must be lists of numbers, got {short_repr(array[0])}")
        common = np.result_type(*{item.dtype for item in items if item.size}) if kinds else np.dtype(np.float64)
        return objects([item.astype(common) for item in items])
    types = {type(item).__name__ for item in array if not (np.ndim(item) == 0 and isna(item))}
    if types <= {"bool", "int", "float"}:  # with None for a missing value
        return plain(np.array([np.nan if isna(item) else item for item in array], np.float64))
    if types == {"str"}:
        return objects([None if not isinstance(item, str) else item for item in array])
    raise DataError(f"{what} must be of one type, got {' and '.join(sorted(types))}: convert it")


def objects(items: list[Any]) -> Array:  # Any: texts, or arrays
    """(n,) the items as an array of objects, even if they are equally long."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def is_text(leaf: Any) -> bool:  # Any: an array or a table
    """Whether it is an array of texts."""
    return not is_table(leaf) and leaf.dtype.kind == "O" and isinstance(next(leaf.flat, None), str | None)


def missing_in(leaf: Any) -> int:  # Any: an array or a table
    """How many values are missing."""
    if is_table(leaf):
        return int(leaf.isna().to_numpy().sum())
    if leaf.dtype.kind == "f":
        return int(np.isnan(leaf).sum())
    if leaf.dtype.kind in "Mm":
        return int(np.isnat(leaf).sum())
    return sum(item is None for item in leaf) if leaf.dtype.kind == "O" else 0


def save_leaf(leaf: Any, folder: Path, name: str) -> str:  # Any: an array or a table
    """Writes an array or a table in its plain form into a folder; returns the name of the file."""
    if isinstance(leaf, RowsToKeep):
        return leaf.save(folder, name)
    if not is_table(leaf) and leaf.dtype.kind != "O":
        np.save(folder / f"{name}.npy", leaf, allow_pickle=False)
        return f"{name}.npy"
    import pyarrow
    from pandas import DataFrame
    from pyarrow import feather

    table = leaf if is_table(leaf) else DataFrame({_COLUMN: list(leaf)})
    file = f"{name}.{'table' if is_table(leaf) else 'column'}.arrow"
    feather.write_feather(pyarrow.Table.from_pandas(table, preserve_index=False), folder / file, "uncompressed")
    return file


def open_leaf(path: Path) -> Any:  # Any: an array or a table
    """What `save_leaf` wrote; arrays of numbers as read-only memory maps, unless they stay in files."""
    if path.name.endswith(disk_rows.ENDING):
        return NumbersOnDisk.open(path)
    if path.name.endswith(image_files.ENDING):
        return ImageFiles.open(path)
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r", allow_pickle=False)
    from pyarrow import feather

    table = feather.read_table(path, memory_map=True).to_pandas()
    if path.name.endswith(".table.arrow"):
        return table
    items = table[_COLUMN].astype(object)
    return objects([None if isinstance(item, float) else item for item in items])  # a missing text comes as NaN


def add_to_digest(digest: Any, name: str, leaf: Any) -> None:  # Any: of hashlib; an array or a table
    """Adds the name, the type, the shape and the values of an array or a table in its plain form.

    An array counts as in `dataset.checksum`; a table by pandas's hash of each row, with names and types of its columns;
    what stays in files by those.
    """
    if isinstance(leaf, RowsToKeep):
        digest.update(f"{name} in files {leaf.identity()}\n".encode())
        return
    if not is_table(leaf) and leaf.dtype.kind != "O":
        values = plain(leaf)
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
        return
    from pandas import DataFrame
    from pandas.util import hash_pandas_object

    if not is_table(leaf):
        if len(leaf) and isinstance(leaf[0], np.ndarray):
            digest.update(f"{name} ragged {[len(item) for item in leaf]}\n".encode())
            add_to_digest(digest, name, np.concatenate(list(leaf)))
            return
        leaf = DataFrame({_COLUMN: list(leaf)})
    kinds = [f"{column} {_type_name(leaf[column].dtype)}" for column in leaf.columns]
    digest.update(f"{name} {len(leaf)} {kinds}\n".encode())
    digest.update(hash_pandas_object(leaf, index=False).to_numpy().astype("<u8").data)


def _type_name(kind: Any) -> str:  # Any: a type of pandas's
    return f"{kind} {list(kind.categories)} {kind.ordered}" if hasattr(kind, "categories") else str(kind)
