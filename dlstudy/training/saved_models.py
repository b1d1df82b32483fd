"""Loads saved models again, without running code of their files, and says what another program needs for it."""

import hashlib
import importlib
import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import message_of, one_line
from dlstudy.errors import RecordError
from dlstudy.toolkit.logging import metrics_logged_into
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import model_file

__all__ = ["load_model", "remark_on_loading"]

_TRUSTED = ("sklearn.", "dlstudy.scratch.")
_NOT_CODE = ("build_config", "compile_config", "seed", "shared_object_id")
"""Parts of a configuration that may differ between two models of the same code."""

_Model = Any  # a Keras model or an estimator: neither is to be imported here


def load_model(folder: Path, digest: str, build: Callable[[], _Model] | None = None) -> _Model:
    """The model of an MLflow model folder, loaded without running code of the file.

    A Keras model of classes that only the study knows is loaded once `build` has made them; where Keras cannot make it
    of its file even so, the weights of the file go into the model that `build` returns.

    Args:
        folder: where it was saved.
        digest: SHA-256 of its file, as the record has it; empty, in records of earlier versions, checks nothing.
        build: makes an untrained model of the same arm, by the study's code; None where there is no study.

    Raises:
        RecordError: there is none, its file has changed since, or it cannot be loaded; says why.
    """
    file = model_file(folder)
    if file is None:
        raise RecordError(f"no saved model in {folder}: run the study again with --fresh")
    if digest and hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        raise RecordError(
            f"the model in {folder} is not the one that the study saved: put its file back, or run the study again "
            "with --fresh"
        )
    try:
        return _load_keras(file, build) if file.suffix == ".keras" else _load_estimator(file)
    except RecordError:
        raise
    except Exception as error:  # what Keras and skops raise for a damaged file is no fixed list
        raise RecordError(f"the model in {folder} cannot be loaded: {_reason(error)}") from error


def remark_on_loading(task: Task) -> str:
    """What another program needs to load the Keras model that was saved, or why nothing loads it.

    Empty where nothing was saved, and where Keras alone is enough.
    """
    file = model_file(Path(task.spec.model_folder)) if task.spec.model_folder else None
    if file is None:
        return ""
    config = _config(file)
    names = sorted(set(_foreign(config)))
    if not names:
        return ""
    try:
        with metrics_logged_into(None):  # what `build` logs, it has logged
            _load_keras(file, task.build)
    except Exception as error:  # as above, and whatever the study's own code raises
        return f"the model was saved, but cannot be loaded: {_reason(error)}"
    remedy = (
        "define what is named here at the top of a module, under @keras.saving.register_keras_serializable(), and "
        "import that module first"
    )
    if not set(_foreign({**config, "compile_config": None})):
        remedy += ", or pass load_model_kwargs={'compile': False}"
    return (
        f"the model needs {', '.join(names)}: `dlstudy predict` and `dlstudy show` take that from the study; for "
        f"mlflow.keras.load_model, {remedy}"
    )


def _load_keras(file: Path, build: Callable[[], _Model] | None) -> _Model:
    import keras

    def load() -> _Model:
        return keras.saving.load_model(file, compile=False, safe_mode=True)

    if build is None or not zipfile.is_zipfile(file):
        return load()
    try:
        return load()
    except Exception:  # Keras raises what it likes for a class that it does not know
        keras.utils.clear_session()  # so that layers get the names that they had in the trial
        built = build()
    try:
        return load()  # the study registers classes when it makes them
    except Exception as error:
        try:
            return _with_weights(built, file)
        except Exception as again:
            raise ValueError(
                f"{_reason(error)} Nor do its weights fit the model that the study's build makes: {_reason(again)}"
            ) from again


def _with_weights(model: _Model, file: Path) -> _Model:
    """The model with the weights of a file, if it is of the same configuration and takes all of them.

    Raises:
        ValueError: it differs from the saved one.
    """
    saved = _config(file)
    if not model.built:
        model.build_from_config(saved["build_config"])
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # that the optimizer has no state, and what was said when the model was saved
        again = Path(folder, "model.keras")
        model.load_weights(file)
        model.save(again)
        if _code_of(_config(again)) != _code_of(saved):
            raise ValueError("it has another configuration: the study was changed since, undo that or run it again")
        theirs, ours = (_weights_in(path, _optimizers(model)) for path in (file, again))
    if theirs.keys() != ours.keys() or not all(np.array_equal(theirs[name], ours[name]) for name in theirs):
        raise ValueError("not every weight came back")
    return model


def _optimizers(model: _Model) -> tuple[str, ...]:
    """Under which names a file holds the state of optimizers, which predictions do not need."""
    import keras

    return ("optimizer/", *(f"{name}/" for name, part in vars(model).items() if isinstance(part, keras.Optimizer)))


def _weights_in(file: Path, without: tuple[str, ...]) -> dict[str, np.ndarray]:
    """All arrays of a `.keras` file by path, but for those whose path begins so."""
    import h5py

    found: dict[str, np.ndarray] = {}

    def keep(name: str, item: Any) -> None:  # Any: h5py's
        if isinstance(item, h5py.Dataset) and not name.startswith(without):
            found[name] = item[()]

    with zipfile.ZipFile(file) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(keep)
    return found


def _config(file: Path) -> dict[str, Any]:  # Any: JSON
    """The configuration in a `.keras` file."""
    with zipfile.ZipFile(file) as archive:
        config: dict[str, Any] = json.loads(archive.read("config.json"))
        return config


def _code_of(config: Any) -> Any:  # Any: JSON
    """The part of a configuration that code determines; a lambda is compiled with the path of its file."""
    if isinstance(config, list):
        return [_code_of(item) for item in config]
    if not isinstance(config, dict) or config.get("class_name") == "__lambda__":
        return config if not isinstance(config, dict) else "a lambda"
    return {name: _code_of(value) for name, value in config.items() if name not in _NOT_CODE}


def _foreign(config: Any) -> Iterator[str]:  # Any: JSON
    """The names of classes and functions in a configuration that Keras does not have."""
    if isinstance(config, list):
        for item in config:
            yield from _foreign(item)
    if not isinstance(config, dict):
        return
    kind, module = config.get("class_name"), str(config.get("module"))
    if kind == "__lambda__":
        yield "a lambda"
    elif kind == "function":
        yield from [] if _has_function(str(config["config"])) else [str(config["config"])]
    elif isinstance(kind, str) and "config" in config and not kind.startswith("__"):
        yield from [] if module.split(".")[0] == "keras" else [kind]
    for value in config.values():
        yield from _foreign(value)


def _has_function(name: str) -> bool:
    import keras

    parts = (keras.activations, keras.constraints, keras.initializers, keras.losses, keras.metrics, keras.regularizers)
    return any(hasattr(part, name) for part in parts)


def _reason(error: BaseException) -> str:
    """An error's message; of Keras's, which quote the model's configuration before and after it, the part between."""
    text = message_of(error).rpartition("Exception encountered: ")[2]
    return one_line(text.partition(" Full object config")[0], 1000)


def _load_estimator(file: Path) -> _Model:
    import skops.io

    types = skops.io.get_untrusted_types(file=file)
    foreign = [name for name in types if not _is_trusted_class(name)]
    if foreign:
        raise RecordError(
            f"the model in {file.parent} needs {', '.join(foreign)}: only classes of scikit-learn are loaded"
        )
    return skops.io.load(file, trusted=types)


def _is_trusted_class(name: str) -> bool:
    """Whether the name is that of a class in the module that defines it: skops would also call a function.

    `sklearn.datasets._base`, for one, has functions that download a file and that delete a folder.
    """
    module, _, attribute = name.rpartition(".")
    if not module.startswith(_TRUSTED):
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and (found.__module__, found.__qualname__) == (module, attribute)
