"""The predictions of a saved winner, for test rows or for a user's rows. Imports Keras: use `ask`."""

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import message_of, one_line
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset
from dlstudy.errors import DataError, RecordError
from dlstudy.study import loader
from dlstudy.study.splits import split_rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.arrays import Arrays
from dlstudy.training.artifacts import model_file
from dlstudy.training.preparation import prepare_arrays
from dlstudy.training.shared_memory import scaled
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import parameters_for_build

__all__ = ["load_model", "predict_rows"]

_TRUSTED = ("sklearn.", "dlstudy.scratch.")


def predict_rows(
    spec_json: dict[str, Any], folder: str, digest: str, given: np.ndarray | None
) -> dict[str, Any]:  # Any: JSON
    """The predictions of a saved model, with the data prepared as for its training.

    Args:
        spec_json: the spec of the training whose model it is.
        folder: its MLflow model folder.
        digest: of the model, as the record has it; empty if it has none.
        given: (n, *input_shape), rows in the data set's own units; None for the test rows.

    Returns:
        `x`, the rows (as in the data set, raw), `actual` (as the study prepares it; absent for given rows), and for a
        classification `probabilities` (n, n_classes) and `labels`, for a regression `values`; arrays.

    Raises:
        DataError: the given rows do not fit.
        RecordError: the model cannot be loaded.
    """
    spec = TrialSpec.from_json(spec_json)
    file = loader.load(Path(spec.study_path))
    functions = StudyFunctions.of(file.study)
    description = registry.describe(spec.dataset)
    if given is not None and given.shape[1:] != description.input_shape:
        raise DataError(f"rows of shape {description.input_shape} are expected, got {given.shape[1:]}: fix the input")
    with file.modules.importable():
        if given is not None and functions.prepare is None:  # the data itself is not needed
            x, rows = scaled(given, description), {"x": given}
        else:
            x, rows = _rows_of_data(spec, functions, given)
        return {**rows, **_predict(load_model(Path(folder), digest), x, description.task == "classification")}


def _rows_of_data(
    spec: TrialSpec, functions: StudyFunctions, given: np.ndarray | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The test rows, or the given ones, as the model sees them; and what `predict_rows` returns of them."""
    dataset = registry.load(spec.dataset)
    description = dataset.description
    arrays = _arrays(dataset, given)
    rows = split_rows(spec.split, description.n_train, description.n_test, spec.rows)
    if functions.prepare is not None:
        p = parameters_for_build(spec, description)
        arrays, _ = prepare_arrays(functions, arrays, description, rows.train, p)
    if given is not None:
        return arrays.x_test[-len(given) :], {"x": given}
    x, y, raw = arrays.x_test, arrays.y_test, dataset.x_test
    if rows.test_inside:
        x, y, raw = arrays.x, arrays.y, dataset.x_train
    return x[rows.test], {"x": np.asarray(raw[rows.test]), "actual": y[rows.test]}


def load_model(folder: Path, digest: str) -> Any:  # Any: a Keras model or an estimator
    """The model of an MLflow model folder, loaded without running code of the file.

    Args:
        folder: where it was saved.
        digest: SHA-256 of its file, as the record has it; empty, in records of earlier versions, checks nothing.

    Raises:
        RecordError: there is none, its file has changed since, or it needs a class that is neither scikit-learn's nor
            dlstudy's.
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
        return _load_keras(file) if file.suffix == ".keras" else _load_estimator(file)
    except RecordError:
        raise
    except Exception as error:  # what Keras and skops raise for a damaged file is no fixed list
        raise RecordError(f"the model in {folder} cannot be loaded: {one_line(message_of(error))}") from error


def _load_keras(file: Path) -> Any:  # Any: a Keras model
    import keras

    return keras.saving.load_model(file, compile=False, safe_mode=True)


def _load_estimator(file: Path) -> Any:  # Any: an estimator
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


def _arrays(dataset: Dataset, given: np.ndarray | None) -> Arrays:
    """The data as a model sees it, with the given rows as the last of the test part."""
    x, x_test = (scaled(part, dataset.description) for part in (dataset.x_train, dataset.x_test))
    y, y_test = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
    if given is not None:
        x_test = np.concatenate([x_test, scaled(given, dataset.description)])
        y_test = np.concatenate([y_test, np.repeat(y[:1], len(given))])
    return Arrays(x, y, x_test, y_test)


def _predict(model: Any, x: np.ndarray, classifies: bool) -> dict[str, np.ndarray]:
    if not hasattr(model, "get_params"):  # Keras's
        predicted = np.asarray(model.predict(x, batch_size=1_000, verbose=0))
        if not classifies:
            return {"values": predicted.reshape(len(x))}
        if predicted.shape[1] == 1:
            predicted = np.concatenate([1 - predicted, predicted], axis=1)
        return {"probabilities": predicted, "labels": predicted.argmax(axis=1)}
    flat = x.reshape(len(x), -1)
    if not classifies:
        return {"values": np.asarray(model.predict(flat)).reshape(len(x))}
    found = {"labels": np.asarray(model.predict(flat))}
    return {**found, "probabilities": model.predict_proba(flat)} if hasattr(model, "predict_proba") else found
