"""The data sets of scikit-learn: those that come with it, and those that it downloads."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlstudy.common.text import short_repr
from dlstudy.datasets.readers.fields import fields, mapping, near, read
from dlstudy.errors import DataError

__all__ = ["read_sklearn"]

_WHAT = "Data.sklearn"
_OTHERS = (
    *("fetch_file", "fetch_openml", "load_files", "load_svmlight_file", "load_svmlight_files"),
    *("load_sample_image", "load_sample_images", "fetch_species_distributions"),  # no rows with targets
    *("fetch_20newsgroups_vectorized", "fetch_rcv1"),  # sparse
)
"""Functions of `sklearn.datasets` that give no rows to train with."""


def read_sklearn(name: Any, options: Any, own: Mapping[str, Any]) -> dict[str, Any]:  # Any: checked here
    """The fields of `Data.sklearn`, whose arguments these are; `own` holds those of `Data`.

    Raises:
        DataError: there is no such data set, or it cannot be loaded.
    """
    import sklearn

    function = _function(name)
    known, given = inspect.signature(function).parameters, mapping(_WHAT, options)
    if "as_frame" in known:
        given = {"as_frame": True, **given}
    if "scaled" in known:  # by the mean and deviation of all rows, test rows too
        given = {"scaled": False, **given}
    name = function.__name__.partition("_")[2]
    call = f"sklearn.datasets.{function.__name__}"
    split: dict[str, Any] = {}

    def load(**part: str) -> tuple[Any, Any, Any]:
        found = read(_WHAT, name, lambda: function(**given, **part), "check the options and the connection")
        return _rows(found, call)

    if "subset" in known and known["subset"].default == "train" and "subset" not in given:
        parts = {part: load(subset=part) for part in ("train", "test")}
        x, y = (np.concatenate([np.asarray(rows[i]) for rows in parts.values()]) for i in (0, 1))
        label_names = parts["train"][2]
        split = {"split": np.repeat(list(parts), [len(rows[1]) for rows in parts.values()])}
    else:
        x, y, label_names = load()
    source = f"scikit-learn {sklearn.__version__}, {call}"
    x = x if hasattr(x, "columns") or hasattr(x, "toarray") else _plain(x)
    return {"label_names": label_names, **split, **fields(_WHAT, own, x=x, y=y, name=name, source=source)}


def _function(name: Any) -> Callable[..., Any]:
    import sklearn.datasets

    found = {
        key.partition("_")[2]: getattr(sklearn.datasets, key)
        for key in dir(sklearn.datasets)
        if key.startswith(("load_", "fetch_")) and key not in _OTHERS
    }
    if not isinstance(name, str):
        raise DataError(f"{_WHAT} needs the name of a data set, got {short_repr(name)}: there are {', '.join(found)}")
    plain = name.removeprefix("load_").removeprefix("fetch_")
    if plain not in found:
        raise DataError(f"{_WHAT} needs a data set of scikit-learn, got {short_repr(name)}: {near(plain, list(found))}")
    function: Callable[..., Any] = found[plain]
    return function


def _rows(found: Any, call: str) -> tuple[Any, Any, Any]:  # Any: scikit-learn's Bunch, tables and arrays
    """The inputs, the targets or the names of their columns, and the names of the labels."""
    if not hasattr(found, "data") or not hasattr(found, "target"):
        raise DataError(f"{_WHAT} reads data and target of {call}, got options that give others: leave them out")
    frame, target = getattr(found, "frame", None), found.target
    label_names = _label_names(found, np.asarray(target))
    if frame is None:
        return found.data, target, label_names
    return frame, target.name if target.ndim == 1 else list(target.columns), label_names


def _label_names(found: Any, target: Any) -> list[str] | None:
    """What each label is called; None where the names are those of columns."""
    names = [str(name) for name in getattr(found, "target_names", [])]
    is_labels = target.ndim == 1 and target.dtype.kind in "iu" and len(names) > 1
    return names if is_labels and len(names) == len(np.unique(target)) else None


def _plain(x: Any) -> Any:
    return np.array(x, object) if isinstance(x, list) else np.asarray(x)
