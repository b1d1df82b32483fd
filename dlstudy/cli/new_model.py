"""`dlstudy new --model`: a study of a model in a file, as it is, with new weights, and with another optimizer."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlstudy.cli.own_data import own_name
from dlstudy.cli.study_text import as_text, path_text, table_text
from dlstudy.common.processes import ask
from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import UsageError
from dlstudy.study.metrics import told_direction
from dlstudy.training.model_files import describe_model_file

__all__ = ["model_values"]

Facts = Mapping[str, Any]  # Any: JSON, of `describe_model_file`

_DATA = '''

def data() -> Data:
    """The rows. A relative path is looked up beside this file first."""
    return {}
'''
_PREPARE = '''

def prepare(x: Any, y: Any, train: Any, p: dict[str, Any]) -> Any:
    """The rows as the model takes them."""
    return {}, {}
'''
_KINDS = (".keras", ".h5", ".hdf5")
_RATES = {"Adam": ("1e-4", "3e-2"), "SGD": ("1e-3", "1.0")}


def model_values(path: Path, rows: Path | None, target: str | None) -> tuple[Description, dict[str, str]]:
    """The rows of a study of a model, and what to put into its template, but for their split.

    Args:
        path: of the model.
        rows, target: as of `write_study`; None for rows of a data set of dlstudy's that fit the model.

    Raises:
        UsageError: the model cannot be studied so, or does not fit the rows.
    """
    if not path.exists():
        raise UsageError(f"no file at {path}: check --model")
    if path.is_dir() or path.suffix.lower() not in _KINDS:
        raise UsageError(f"--model takes a .keras or .h5 file, got {path}: load it in Keras 3, and save it as .keras")
    facts = ask(describe_model_file, path)
    name, values = (_built_in(facts, path), {}) if rows is None else _own(rows, target, facts)
    about = registry.describe(name)
    if misfit := _misfit(facts, about):
        raise UsageError(f"--model {path} takes {misfit} in {about.title}: give rows that fit it")
    return about, {"file": path_text(path), **_compiled(facts), **_rows(facts, about, values.get("data", ""))}


def _built_in(facts: Facts, path: Path) -> str:
    """The first data set of dlstudy's that fits, best in its shape too."""
    fit = [name for name in registry.names() if not _misfit(facts, registry.describe(name))]
    if not fit:
        raise UsageError(
            f"no data set of dlstudy's fits {path}, which takes {_shape(facts['input'])} and gives "
            f"{_shape(facts['output'])}: name your rows with --data"
        )
    same = [name for name in fit if registry.describe(name).input_shape == tuple(facts["input"])]
    return (same or fit)[0]


def _own(rows: Path, target: str | None, facts: Facts) -> tuple[str, dict[str, str]]:
    """The name of a user's rows in the cache, and the text that reads them; pictures in the size that the model has."""
    where = path_text(rows)
    if rows.is_file() and rows.suffix == ".npz":
        return own_name(str(rows), target), {"data": f"Data.npz({where})"}
    if rows.is_file():
        return own_name(str(rows), target), {"data": table_text(rows, target)}
    if facts["dtype"] == "string" or len(facts["input"]) not in (2, 3):
        return own_name(str(rows), target), {"data": f"Data.text({where})"}
    size = tuple(facts["input"][:2])
    color = "rgb" if facts["input"][2:] == [3] else "grayscale"
    options: dict[str, Any] = {"color": color, **({"size": size} if None not in size else {})}
    given = "".join(f", {name}={as_text(v) if isinstance(v, str) else v}" for name, v in options.items())
    return store_own(plain_rows(Data.images(rows, **options))), {"data": f"Data.images({where}{given})"}


def _misfit(facts: Facts, about: Description) -> str:
    """Why a model cannot learn from rows, as `10 classes, got 3`; empty where it can."""
    shape: Any = about.input_shape  # Any: of several inputs, a structure of shapes
    outputs, loss = facts["output"], facts["loss"]["name"]
    if not isinstance(shape, tuple):  # as it is of a table with columns of text
        return f"numbers of the shape {_shape(facts['input'])}, got the columns {', '.join(shape)}, not all numbers,"
    if not _fits(shape, facts["input"]) or (shape == ()) != (facts["dtype"] == "string"):
        return f"inputs of the shape {_shape(facts['input'])}, got {_shape(shape) if shape else 'texts'}"
    is_crossentropy = "crossentropy" in loss
    n = about.n_classes if about.classifies and loss.startswith(("sparse", "categorical")) else 1
    what = f"{loss} of {_shape(outputs)}, got"
    if about.classifies != is_crossentropy:
        return f"{what} the task {about.task}"
    if math.prod(size or 0 for size in outputs) != n or (n == 1 and about.n_classes > 2):
        return f"{what} {about.n_classes or 'no'} classes"
    return "" if about.classifies or about.task == "regression" else f"{what} the task {about.task}"


def _fits(shape: tuple[int, ...], wanted: list[int | None]) -> bool:
    """Whether rows have the shape of a model's inputs, or as many numbers."""
    if len(shape) == len(wanted):
        return all(b in (a, None) for a, b in zip(shape, wanted, strict=True))
    return None not in wanted and math.prod(shape) == math.prod(size or 0 for size in wanted)


def _shape(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _compiled(facts: Facts) -> dict[str, str]:
    """How the model is compiled, and how else."""
    optimizer, metrics = facts["optimizer"], facts["metrics"]
    known = [metric["name"] for metric in metrics if told_direction(f"val_{metric['name']}")]
    other = "SGD" if optimizer["name"].startswith("Adam") else "Adam"
    rate = optimizer["rate"] or 1e-3
    low, high = (str(float(f"{value:.0e}")) for value in (rate / 30, rate * 30))
    return {
        "optimizer": optimizer["name"],
        "settings": f", {optimizer['settings']}" if optimizer["settings"] else "",
        "loss": facts["loss"]["text"],
        "metrics": ", ".join(metric["text"] for metric in metrics),
        "metric": (known or ["loss"])[0],
        "low": low,
        "high": high,
        "other": other,
        "arm": other.lower(),
        "other_low": _RATES[other][0],
        "other_high": _RATES[other][1],
    }


def _rows(facts: Facts, about: Description, data: str) -> dict[str, str]:
    """Where the rows come from, and what is made of them where the model takes them otherwise."""
    x, wanted = "x", facts["input"]
    is_other = len(about.input_shape) != len(wanted)
    is_picture = bool(data) and len(about.input_shape) > 1 and facts["dtype"] != "string"
    if is_other or (is_picture and not facts["scales"]):
        x = 'np.asarray(x, "float32")'
        x += f".reshape(-1, {', '.join(map(str, wanted))})" if is_other else ""
        x += " / 255" if is_picture and not facts["scales"] else ""
    is_one_hot = facts["loss"]["name"].startswith("categorical")
    y = f'np.eye({about.n_classes}, dtype="float32")[y]' if is_one_hot else "y"
    prepared = (x, y) != ("x", "y")
    return {
        "imports": "import numpy as np\n" if prepared else "",
        "names": "Data, " if data else "",
        "functions": (_DATA.format(data) if data else "") + (_PREPARE.format(x, y) if prepared else ""),
        "rows": "data=data" if data else f'dataset="{about.name}"',
        "prepare": "\n    prepare=prepare," if prepared else "",
    }
