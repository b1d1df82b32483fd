"""The parts that a source itself states, and folders with a folder for each class."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.errors import DataError

__all__ = ["PART_NAMES", "Listed", "as_split", "check_parts", "files_below", "list_classes"]

PART_NAMES = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
"""The part that a folder or a split of that name is."""


@dataclass(frozen=True)
class Listed:
    """The files of a folder, in the order of their classes and names.

    Args:
        files: one for each row.
        labels: (n,) the class of each; empty where there are none.
        n_rows: how many there are in each part, in order; of one part "" where the folder states none.
    """

    files: list[Path]
    labels: list[str]
    n_rows: dict[str, int] = field(default_factory=dict)


def as_split(n_rows: Mapping[str, int]) -> dict[str, Any]:  # Any: fields of `Data`
    """The field `split` for rows in the order of their parts; nothing where there is one part."""
    return {"split": np.repeat(list(n_rows), list(n_rows.values()))} if len(n_rows) > 1 else {}


def check_parts(what: str, parts: Collection[str], where: str) -> None:
    """Checks that parts which a source states can be used.

    Raises:
        DataError: there are rows to train and to validate, and none to test.
    """
    if len(parts) > 1 and "test" not in parts:
        raise DataError(
            f"{what} needs a part test beside train and validation, got none in {where}: add it, or call the other one "
            "test, as a study divides the rest itself"
        )


def list_classes(what: str, folder: Path, endings: Collection[str]) -> Listed:
    """The files in a folder with a folder for each class, or with such folders in `train`, `validation` and `test`.

    Args:
        what: reads them, for messages.
        folder: of the classes or parts. Folders and files whose names begin with `.` or `__` do not count.
        endings: of the names of files, in lower case; others do not count.

    Raises:
        DataError: there are fewer than two classes, or one is empty, or the parts have other classes.
    """
    parts = _part_folders(folder)
    if not parts:
        files, labels = _files_by_class(what, folder, endings)
        return Listed(files, labels, {"": len(files)})
    check_parts(what, list(parts), str(folder))
    all_files: list[Path] = []
    all_labels: list[str] = []
    n_rows = {}
    known: set[str] = set()
    for part, inner in parts.items():
        files, labels = _files_by_class(what, inner, endings)
        known = known or set(labels)
        if others := sorted(set(labels) - known):
            raise DataError(f"{what} needs the classes of train in each part, got {others[0]!r} in {inner} alone")
        all_files, all_labels, n_rows[part] = all_files + files, all_labels + labels, len(files)
    return Listed(all_files, all_labels, n_rows)


def _part_folders(folder: Path) -> dict[str, Path]:
    """The folder of each part; none where there is no folder of rows to train."""
    found: dict[str, Path] = {}
    inner = list(_folders_in(folder))
    for name, part in PART_NAMES.items():
        for path in inner:
            if path.name.lower() == name:
                if part in found:
                    raise DataError(f"{folder} needs one folder for {part}, got {found[part].name} and {path.name}")
                found[part] = path
    if "train" not in found:
        return {}
    if others := [path.name for path in inner if path not in found.values()]:
        raise DataError(
            f"beside train there may be validation and test in {folder}, got {short_repr(others[0])}: move it away"
        )
    return found


def _files_by_class(what: str, folder: Path, endings: Collection[str]) -> tuple[list[Path], list[str]]:
    classes = sorted(_folders_in(folder), key=lambda path: path.name)
    if len(classes) < 2:
        got = f"only {classes[0].name!r}" if classes else "none"
        raise DataError(
            f"{what} needs a folder for each of at least two classes, got {got} in {folder}: make them, or give a "
            "table of files"
        )
    files: list[Path] = []
    labels: list[str] = []
    for inner in classes:
        found = files_below(inner, endings)
        if not found:
            raise DataError(
                f"{what} needs files in each folder of a class, got none that ends in {', '.join(endings)} in "
                f"{inner}: fill it or remove it"
            )
        files, labels = files + found, labels + [inner.name] * len(found)
    return files, labels


def files_below(folder: Path, endings: Collection[str]) -> list[Path]:
    """The files of a kind in a folder and the folders in it, in the order of their paths."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())
    return sorted(path for path in found if not any(map(_is_hidden, path.relative_to(folder).parts)))


def _folders_in(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_dir() and not _is_hidden(path.name))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))
