"""A checkpoint of a training as one file: arrays, plain values, and the files that the study's code has written."""

import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.training.python_state import is_defined_by_keras

__all__ = ["Checkpoint", "NotPlainError", "packed", "read_checkpoint", "unpacked", "write_checkpoint"]

_PLAIN = (type(None), bool, int, float, str)
_CONTENT = "checkpoint.json"


class NotPlainError(Exception):
    """A value is more than numbers, texts, arrays and lists of such; the message names its class."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training between two epochs.

    Args:
        of: what it belongs to: it serves the same training alone.
        epoch: how many epochs were trained.
        spent: what they cost, as `CostMeter.spent` tells.
        content: plain values and arrays, by what they are of.
        files: those in the folder of the trial, by their path in it.
    """

    of: Mapping[str, Any]  # JSON
    epoch: int
    spent: Mapping[str, float]
    content: Mapping[str, Any]  # Any: as `packed` takes
    files: Mapping[str, bytes] = field(default_factory=dict)


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint, in place of an earlier one: the file is complete or as it was.

    Raises:
        NotPlainError: its content cannot be written.
        OSError: of the disk.
    """
    arrays: list[np.ndarray] = []
    content = packed(checkpoint.content, arrays)
    about = {"of": checkpoint.of, "epoch": checkpoint.epoch, "spent": checkpoint.spent, "content": content}
    new = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(new, "w") as file:
        file.writestr(_CONTENT, json.dumps(about))
        for i, array in enumerate(arrays):
            with file.open(f"arrays/{i}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, array, allow_pickle=False)
        for name, data in checkpoint.files.items():
            file.writestr(f"files/{name}", data)
    new.replace(path)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint in a file; None where there is none, or the file is damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            about = json.loads(file.read(_CONTENT))
            n = sum(name.startswith("arrays/") for name in file.namelist())
            arrays = []
            for i in range(n):
                with file.open(f"arrays/{i}.npy") as part:
                    arrays.append(np.lib.format.read_array(part, allow_pickle=False))
            files = {name[6:]: file.read(name) for name in file.namelist() if name.startswith("files/")}
        content = unpacked(about["content"], arrays)
        return Checkpoint(about["of"], about["epoch"], about["spent"], content, files)
    except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile):
        return None


def packed(value: Any, arrays: list[np.ndarray]) -> Any:  # Any: a value; JSON
    """A value as JSON, with its arrays put into a list.

    Raises:
        NotPlainError: it is or holds something else.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (list, tuple, set):
        return [kind.__name__, [packed(item, arrays) for item in value]]
    if isinstance(value, dict):
        return ["dict", [[packed(key, arrays), packed(item, arrays)] for key, item in value.items()]]
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        arrays.append(np.asarray(value))
        return ["array" if isinstance(value, np.ndarray) else "scalar", len(arrays) - 1, value.dtype.name]
    if is_defined_by_keras(value):
        return ["function", value.__module__, value.__qualname__]
    raise NotPlainError(kind.__name__)


def unpacked(value: Any, arrays: Sequence[np.ndarray]) -> Any:  # Any: JSON; a value
    """The value that `packed` gave."""
    if not isinstance(value, list):
        return value
    kind, *rest = value
    if kind in _SEQUENCES:
        return _SEQUENCES[kind](unpacked(item, arrays) for item in rest[0])
    if kind == "dict":
        return {unpacked(key, arrays): unpacked(item, arrays) for key, item in rest[0]}
    if kind == "function":
        found = getattr(sys.modules[rest[0]], rest[1])
        if not is_defined_by_keras(found):
            raise ValueError(f"a function of Keras is wanted, got {rest[1]}")
        return found
    array = arrays[rest[0]]
    array = array if array.dtype.name == rest[1] else array.view(rest[1])  # NumPy's files know no bfloat16
    return array if kind == "array" else array[()]


_SEQUENCES: Mapping[str, type] = {"list": list, "tuple": tuple, "set": set}
