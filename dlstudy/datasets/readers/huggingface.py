"""Data sets of the Hugging Face Hub, or a folder in one of its formats, by the package `datasets`."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dlstudy.common.text import describe_error, short_repr, without_secrets
from dlstudy.datasets.readers.fields import check_columns, fields, names_of, read, refuse_missing
from dlstudy.datasets.readers.images import stacked
from dlstudy.datasets.readers.parts import PART_NAMES, as_split
from dlstudy.datasets.readers.paths import is_there, located
from dlstudy.datasets.readers.pixels import Size, check_format, pixels
from dlstudy.errors import DataError

__all__ = ["read_huggingface"]

_WHAT = "Data.huggingface"


def read_huggingface(
    name: Any,  # Any: checked here
    x: Any,  # Any: checked here
    y: Any,  # Any: checked here
    *,
    which: Mapping[str, str | None],
    size: Size,
    color: str,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of `Data.huggingface`, whose arguments these are: revision, config and split in `which`, those of
    `Data` in `own`.

    Raises:
        DataError: the package is not installed; it is not stated which revision; or the data cannot be read, or have
            other columns.
    """
    check_format(size, color)
    datasets = _library()
    loaded, revision = _load(datasets, name, **which), which["revision"]
    rows, n_rows = _in_parts(datasets, loaded, str(name))
    columns = list(rows.column_names)
    targets = names_of("y", y)
    check_columns("y", targets, columns)
    inputs = names_of("x", x) or [column for column in columns if column not in targets]
    check_columns("x", inputs, columns)
    if not inputs or not len(rows):
        raise DataError(f"{_WHAT} needs rows, and a column beside y, got {len(rows)} rows of {', '.join(columns)}")
    values = {column: _values(rows, column, size, color) for column in [*inputs, *targets]}
    for target in targets:
        _check_target(target, values[target], rows.features[target])
    label_names = getattr(rows.features[y], "names", None) if isinstance(y, str) else None
    plain = str(name).rstrip("/").rpartition("/")[2]
    source = f"Hugging Face, {name if '/' not in str(name) or revision else plain}"
    source += f", revision {revision}" if revision else ""
    found = fields(
        _WHAT, own, x=_structure(values, x, inputs), y=_structure(values, y, targets) if targets else None,
        name=plain, source=source,
    )  # fmt: skip
    return {"label_names": label_names, **as_split(n_rows), **found}


def _library() -> Any:  # Any: the module
    # The Hub's library reports its use unless it is told not to.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{_WHAT} needs the package datasets, which is not installed: pip install 'dlstudy[huggingface]'"
        ) from error
    return datasets


def _load(datasets: Any, name: Any, *, revision: Any, config: Any, split: Any) -> Any:
    """What the library reads. A token for private data is taken from HF_TOKEN alone, by the library."""
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{_WHAT} needs the name of a data set, such as user/name, or a folder, got {short_repr(name)}")
    there = located(name)
    if not is_there(there) and (not isinstance(revision, str) or not revision.strip()):
        raise DataError(
            f"{_WHAT} needs the revision of {name!r}, a commit or a tag, got {short_repr(revision)}: state one, since "
            "what a name alone stands for may change"
        )
    place = str(there) if is_there(there) else name
    try:
        return datasets.load_dataset(place, config, split=split, revision=None if is_there(there) else revision)
    except Exception as error:  # of whichever library it downloads and reads with
        reason = without_secrets(describe_error(error))
    raise DataError(f"{_WHAT} cannot read {name} ({reason}): check name, config, split, revision and the connection")


def _in_parts(datasets: Any, loaded: Any, name: str) -> tuple[Any, dict[str, int]]:
    """All rows, and how many are in each part."""
    if not isinstance(loaded, Mapping):
        return loaded, {"": len(loaded)}
    if len(loaded) == 1:
        (rows,) = loaded.values()
        return rows, {"": len(rows)}
    parts: dict[str, Any] = {PART_NAMES.get(key, str(key)): rows for key, rows in loaded.items()}
    if not {"train", "test"} <= set(parts) <= set(PART_NAMES.values()):
        raise DataError(
            f"{_WHAT} takes splits called train, validation and test for what they are, got {', '.join(loaded)} of "
            f"{name}: state those to read, as in split={'+'.join(loaded)!r}"
        )
    parts = {part: parts[part] for part in ("train", "validation", "test") if part in parts}
    if len({str(rows.features) for rows in parts.values()}) > 1:
        raise DataError(f"{_WHAT} needs the same columns in all splits, got others in {name}: state split")
    return datasets.concatenate_datasets(list(parts.values())), {part: len(rows) for part, rows in parts.items()}


def _values(rows: Any, column: str, size: Size, color: str) -> Any:
    """(n, ...) of a column: a series of numbers, texts or dates, or an array of images, sequences or arrays."""
    kind = type(rows.features[column]).__name__
    if kind == "Image":
        names = [f"row {i} of {column!r}" for i in range(len(rows))]
        return stacked(_WHAT, names, len(rows), (_image(rows, i, column, size, color) for i in range(len(rows))))
    if kind in ("Value", "ClassLabel"):
        return rows.select_columns([column]).to_pandas()[column]
    if kind.startswith("Array"):
        return rows.select_columns([column]).with_format("numpy")[:][column]
    if kind in ("List", "LargeList", "Sequence"):
        # Not the library's NumPy format, which makes float32 of float64.
        return _dense(list(rows.select_columns([column]).to_pandas()[column]))
    raise DataError(f"{_WHAT} reads numbers, texts, images and lists, got {kind} in {column!r}: state other columns")


def _dense(items: list[Any]) -> Any:
    """(n, ...) of arrays of one shape, which may hold arrays; those of several shapes as a list."""
    inner = [_dense(list(item)) if len(item) and isinstance(item[0], np.ndarray) else item for item in items]
    is_even = all(isinstance(item, np.ndarray) for item in inner) and len({item.shape for item in inner}) == 1
    return np.stack(inner) if is_even else inner


def _image(rows: Any, i: int, column: str, size: Size, color: str) -> Any:
    def convert() -> Any:
        image = rows[i][column]
        if image is None:
            raise ValueError("it is missing")
        return pixels(image, size, color)

    return read(_WHAT, f"row {i} of {column!r}", convert, "leave it out")


def _check_target(name: str, values: Any, feature: Any) -> None:
    if not hasattr(values, "isna"):
        return
    # The Hub keeps the labels of test rows secret as -1.
    hidden = values.where(values >= 0) if type(feature).__name__ == "ClassLabel" else values
    refuse_missing(f"target {name!r}", hidden)


def _structure(values: Mapping[str, Any], stated: Any, names: list[str]) -> Any:
    if isinstance(stated, str):
        return values[stated]
    if all(hasattr(values[name], "isna") for name in names):
        import pandas

        return pandas.DataFrame({name: values[name] for name in names})
    return {name: values[name] for name in names}
