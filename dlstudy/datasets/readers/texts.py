"""Texts from a folder for each class, or from a column of a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.datasets.readers.fields import (
    check_size,
    columns_as_values,
    encoding_of,
    fields,
    mapping,
    name_of,
    read,
    targets_of,
)
from dlstudy.datasets.readers.parts import as_split, list_classes
from dlstudy.datasets.readers.paths import is_address, label_of, located
from dlstudy.datasets.readers.tables import read_table
from dlstudy.datasets.structure import is_table
from dlstudy.errors import DataError

__all__ = ["read_texts"]

_WHAT = "Data.text"


def read_texts(
    source: Any,  # Any: a path, or a pandas table
    target: str | Sequence[str] | None,
    *,
    text: str = "text",
    sha256: str | None = None,
    options: Mapping[str, Any] | None = None,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.text`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: a text cannot be read or is missing, or a class has none.
    """
    if not is_table(source) and not is_address(source) and located(source).is_dir():
        return _of_folder(located(source), mapping(_WHAT, options), own)
    table = source if is_table(source) else read_table(_WHAT, source, sha256, options)
    y = targets_of(_WHAT, table, target, text, "text")
    x = table[text]
    if not all(isinstance(value, str) for value in x):
        raise DataError(
            f"text must name a column of texts, got {x.dtype} in {text!r}: choose another one, or state "
            f"options={{'dtype': {{{text!r}: 'str'}}}}"
        )
    label, name = ("a table", "texts") if is_table(source) else (label_of(source), name_of(source))
    return fields(_WHAT, columns_as_values(own, table), x=x.to_numpy(object), y=y, name=name, source=label)


def _of_folder(folder: Path, options: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    listed = list_classes(_WHAT, folder, [".txt"])
    check_size(_WHAT, sum(file.stat().st_size for file in listed.files))
    encoding = encoding_of(_WHAT, options)

    def read_one(file: Path) -> str:
        label = file.relative_to(folder).as_posix()
        return read(_WHAT, label, lambda: file.read_text(encoding=encoding), "replace or remove it")

    x = np.array(list(map(read_one, listed.files)), object)
    name = folder.resolve().name
    y = np.array(listed.labels, object)
    return {**as_split(listed.n_rows), **fields(_WHAT, own, x=x, y=y, name=name, source=name)}
