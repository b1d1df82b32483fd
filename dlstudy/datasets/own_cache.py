"""The cache of users' own rows: a folder for each content, named by it.

::

    <cache folder>/own/churn-a1b2c3d4e5f6/about.json   the description, and which file holds which array
    <cache folder>/own/churn-a1b2c3d4e5f6/x_train-0.npy ...

What is in a folder never changes but for the paths of images that stay in their files, as its name is the name of its
content. `registry` knows the name as that of a data set.
"""

import dataclasses
import functools
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from dlstudy.datasets.cache import cache_folder
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.disk_rows import RowsToKeep
from dlstudy.datasets.formats import DAMAGED
from dlstudy.datasets.leaves import add_to_digest, open_leaf, save_leaf
from dlstudy.datasets.own_rows import PARTS, OwnRows
from dlstudy.datasets.readers.image_files import ImageFiles
from dlstudy.datasets.structure import Structure, arrays_in, map_arrays, rows_in, shapes_of, take
from dlstudy.errors import DataError

__all__ = ["describe_own", "difference", "is_own", "load_own", "own_folder", "store_own", "store_stream"]

_ABOUT = "about.json"
_VERSION = 1


def own_folder(name: str) -> Path:
    """The folder of the rows of that name, whether there is one or not."""
    return cache_folder() / "own" / name


def is_own(name: str) -> bool:
    """Whether the rows of that name are in the cache."""
    return bool(name) and "/" not in name and (own_folder(name) / _ABOUT).is_file()


def store_own(rows: OwnRows) -> str:
    """Writes rows into the cache, unless they are there already; returns their name.

    Raises:
        DataError: the cache cannot be written.
    """
    parts = _parts_of(rows)
    digests = {name: _digest_of(name, part) for name, part in parts.items()}
    facts = [digests, rows.task, rows.label_names, rows.target_name, rows.group_name, rows.has_times]
    whole = json.dumps([*facts, *rows.target_names])
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
    name = f"{rows.data.name}-{sha256[:12]}"
    _write(_describe(rows, name, sha256, parts), parts, digests)
    return name


def _write(about: Description, parts: Mapping[str, Structure], digests: Mapping[str, str]) -> None:
    """Writes a folder, unless it is there already: of that, only where images are may have changed."""
    if is_own(about.name):
        for name, part in parts.items():
            for i, leaf in enumerate(arrays_in(part)):
                if isinstance(leaf, ImageFiles):
                    leaf.save(own_folder(about.name), f"{name}-{i}")
        return
    folder, partial = own_folder(about.name), own_folder(f"{about.name}.{uuid4().hex[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        files = {part: _saved(parts[part], partial, part) for part in parts}
        text = {"version": _VERSION, "description": dataclasses.asdict(about), "files": files, "digests": digests}
        (partial / _ABOUT).write_text(json.dumps(text, indent=1), encoding="utf-8")
        try:
            partial.rename(folder)
        except OSError:
            if not is_own(about.name):  # else another process has just written the same
                raise
    except OSError as error:
        raise DataError(
            f"the cache folder {cache_folder()} cannot be written ({error.strerror or error}): make room there, or set "
            "DLSTUDY_CACHE to another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def store_stream(about: Description) -> None:
    """Notes a stream, whose rows are not kept.

    Raises:
        DataError: the cache cannot be written.
    """
    _write(about, {}, {})


def describe_own(name: str) -> Description:
    """The description of rows in the cache.

    Raises:
        DataError: they are not there, or a later version wrote them.
    """
    found = dict(_about(name)["description"])
    for field in ("label_names", "feature_names", "target_names"):
        found[field] = tuple(found.get(field, ()))
    return Description(**{**found, "input_shape": _shapes(found["input_shape"])})


def load_own(name: str) -> Dataset:
    """The rows as memory maps, tables and texts in memory.

    Raises:
        DataError: they are not there, or cannot be read.
    """
    folder, files = own_folder(name), _about(name)["files"]
    if not files:
        raise DataError(f"the rows of {name} come one after another, as a stream: they can only be trained on")
    try:
        found = {part: _opened(files[part], folder) for part in files}
    except DAMAGED as error:
        raise DataError(
            f"the cached rows in {folder} cannot be read ({error}): delete that folder and run the study again"
        ) from error
    for end in ("train", "test"):
        found.setdefault(f"y_{end}", None)
        if found.get("y_is_x") is not None:
            found[f"y_{end}"] = found[f"x_{end}"]
    found.pop("y_is_x", None)
    return Dataset(describe_own(name), **found)


def difference(old: str, new: str) -> str:
    """What differs between two cached contents, as a phrase; empty where one is not in the cache."""
    if not (is_own(old) and is_own(new)):
        return ""
    before, after = _about(old), _about(new)
    found = []
    for part in ("train", "test"):
        n_before, n_after = (about["description"][f"n_{part}"] for about in (before, after))
        if n_before != n_after:
            found.append(f"{n_after:,} {part} rows and not {n_before:,}")
    names = sorted({*before["digests"], *after["digests"]})
    if not found:
        found = [
            f"other values in {name}" for name in names if before["digests"].get(name) != after["digests"].get(name)
        ]
    for what in ("task", "label_names", "feature_names", "target_name", "target_names", "group_name"):
        if before["description"].get(what) != after["description"].get(what):
            found.append(f"another {what}")
    return ", ".join(found)


def _parts_of(rows: OwnRows) -> dict[str, Structure]:
    """Everything that is kept, by name; the test rows apart."""
    n = rows_in(rows.x)
    part = np.zeros(n, np.int8) if rows.part is None else rows.part
    train, test = np.flatnonzero(part != PARTS.index("test")), np.flatnonzero(part == PARTS.index("test"))
    whole = rows.part is None
    found: dict[str, Structure] = {}
    for end, numbers in (("train", slice(None) if whole else train), ("test", slice(0) if whole else test)):
        found[f"x_{end}"] = map_arrays(functools.partial(_only, numbers), rows.x)
        if rows.y is not None and not rows.is_x:
            found[f"y_{end}"] = take(rows.y, numbers)
        if rows.weight is not None:
            found[f"weight_{end}"] = rows.weight[numbers]
    if rows.is_x:
        found["y_is_x"] = np.ones(1, bool)
    if rows.groups is not None:
        found["groups"] = rows.groups if whole else rows.groups[train]
    if not whole and (part == PARTS.index("validation")).any():
        found["validation_rows"] = np.flatnonzero(part[train] == PARTS.index("validation")).astype(np.int32)
    return found


def _only(numbers: Any, leaf: Any) -> Any:  # Any: numbers or a slice; an array, a table or what stays in files
    """Some rows of a leaf."""
    if isinstance(leaf, RowsToKeep):
        return leaf.only(np.arange(len(leaf))[numbers])
    return take(leaf, numbers)


def _describe(rows: OwnRows, name: str, sha256: str, parts: dict[str, Structure]) -> Description:
    data, x = rows.data, rows.x
    columns = tuple(x.columns) if hasattr(x, "columns") else tuple(map(str, data.feature_names))
    return Description(
        name=name,
        title=data.title or data.name,
        task=rows.task,
        input_shape=shapes_of(x),
        n_classes=len(rows.label_names),
        label_names=rows.label_names,
        n_train=rows_in(parts["x_train"]),
        n_test=rows_in(parts["x_test"]),
        units=data.units,
        scale=1.0,
        source=data.source,
        licence=data.licence,
        sha256=sha256,
        feature_names=columns,
        target_name=rows.target_name,
        target_names=rows.target_names,
        n_validation=len(parts.get("validation_rows", ())),
        group_name=rows.group_name,
        has_times=rows.has_times,
    )


def _digest_of(name: str, part: Structure) -> str:
    digest = hashlib.sha256(json.dumps(_form(part)).encode())
    for i, leaf in enumerate(arrays_in(part)):
        add_to_digest(digest, f"{name} {i}", leaf)
    return digest.hexdigest()


def _form(structure: Structure) -> Any:  # Any: JSON
    """The form of a structure, with 0 in place of its arrays; a tuple is told from a list."""
    if isinstance(structure, dict):
        return {name: _form(item) for name, item in structure.items()}
    if isinstance(structure, list | tuple):
        return [type(structure).__name__, *map(_form, structure)]
    return 0


def _saved(part: Structure, folder: Path, name: str) -> Any:  # Any: JSON
    """Writes a structure; returns its form with names of files in place of its arrays."""
    number = iter(range(10**6))

    def save(item: Structure) -> Any:
        if isinstance(item, dict):
            return {key: save(value) for key, value in item.items()}
        if isinstance(item, list | tuple):
            return ["list" if isinstance(item, list) else "tuple", *map(save, item)]
        return save_leaf(item, folder, f"{name}-{next(number)}")

    return save(part)


def _opened(form: Any, folder: Path) -> Structure:  # Any: JSON
    if isinstance(form, dict):
        return {name: _opened(item, folder) for name, item in form.items()}
    if isinstance(form, list):
        items = [_opened(item, folder) for item in form[1:]]
        return items if form[0] == "list" else tuple(items)
    return open_leaf(folder / form)


def _shapes(form: Any) -> Any:  # Any: a shape, or a structure of shapes, from JSON
    if isinstance(form, dict):
        return {name: _shapes(item) for name, item in form.items()}
    if all(isinstance(size, int) for size in form):
        return tuple(form)
    return [_shapes(item) for item in form]


def _about(name: str) -> dict[str, Any]:  # Any: JSON
    path = own_folder(name) / _ABOUT
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"the rows {name} are not in the cache {cache_folder()}: run the study, or `dlstudy check` it, to read "
            "them again"
        ) from error
    if found.get("version") != _VERSION:
        raise DataError(f"the cached rows {name} are of another version of dlstudy: delete {path.parent}")
    return found
