"""The predictions of a saved winner, for test rows or for a user's rows. Imports Keras: use `ask`."""

from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.structure import Structure, take
from dlstudy.errors import DataError
from dlstudy.study import loader
from dlstudy.study.outputs import OutputReading, Scale
from dlstudy.study.row_facts import facts_in
from dlstudy.study.splits import split_rows
from dlstudy.study.trial import TrialResult, TrialSpec
from dlstudy.training.arrays import Arrays
from dlstudy.training.outputs import labels_of, probabilities_of, proved_reading
from dlstudy.training.preparation import prepare_arrays
from dlstudy.training.saved_models import load_model
from dlstudy.training.shared_memory import scaled
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import building_apart, parameters_for_build

__all__ = ["predict_rows"]


def predict_rows(
    spec_json: dict[str, Any], folder: str, result: dict[str, Any], given: np.ndarray | None
) -> dict[str, Any]:  # Any: JSON; arrays and text
    """The predictions of a saved model, with the data prepared as for its training.

    Args:
        spec_json: the spec of the training whose model it is.
        folder: its MLflow model folder.
        result: of that training, as JSON: it has the digest of the model, and how its outputs are read.
        given: (n, *input_shape), rows in the data set's own units; None for the test rows.

    Returns:
        `x`, the rows (as in the data set, raw), `actual` (as the study prepares it; absent for given rows), and what
        the model's own loss and metrics read its outputs as: `labels` (n,), or (n, columns) of 0 and 1, and
        `probabilities` (n, columns) of a classification, `values` (n,) of a regression; arrays. Where that does not
        say all, `outputs`, a list of arrays as the model gives them, and `why`, a text.

    Raises:
        DataError: the given rows do not fit.
        RecordError: the model cannot be loaded.
    """
    spec, trained = TrialSpec.from_json(spec_json), TrialResult.from_json(result)
    file = loader.load(Path(spec.study_path))
    functions = StudyFunctions.of(file.study)
    description = registry.describe(spec.dataset)
    if given is not None and given.shape[1:] != description.input_shape:
        raise DataError(f"rows of shape {description.input_shape} are expected, got {given.shape[1:]}: fix the input")
    with file.modules.importable(), building_apart(spec, functions.build) as build:
        if given is not None and functions.prepare is None:  # the data itself is not needed
            x, rows, seen = scaled(given, description), {"x": given}, description
        else:
            x, rows, seen = _rows_of_data(spec, functions, given)
        model = load_model(Path(folder), trained.model, lambda: build(seen))
        return {**rows, **_predict(model, x, description.task == "classification", trained.outputs)}


def _rows_of_data(
    spec: TrialSpec, functions: StudyFunctions, given: np.ndarray | None
) -> tuple[Structure, dict[str, Any], Description]:
    """The test rows, or the given ones, as the model sees them; what `predict_rows` returns of them; their data."""
    dataset = registry.load(spec.dataset)
    description = dataset.description
    arrays = _arrays(dataset, given)
    rows = split_rows(spec.split, facts_in(spec.split, dataset), spec.rows, number=spec.split_number)
    if functions.prepare is not None:
        p = parameters_for_build(spec, description)
        arrays, description = prepare_arrays(functions, arrays, description, rows.train, p)
    if given is not None:
        return take(arrays.x_test, slice(-len(given), None)), {"x": given}, description
    x, y, raw = arrays.x_test, arrays.y_test, dataset.x_test
    if rows.test_inside:
        x, y, raw = arrays.x, arrays.y, dataset.x_train
    return take(x, rows.test), {"x": np.asarray(raw[rows.test]), "actual": take(y, rows.test)}, description


def _arrays(dataset: Dataset, given: np.ndarray | None) -> Arrays:
    """The data as a model sees it, with the given rows as the last of the test part."""
    x, x_test = (scaled(part, dataset.description) for part in (dataset.x_train, dataset.x_test))
    y, y_test = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
    if given is not None:
        x_test = np.concatenate([x_test, scaled(given, dataset.description)])
        y_test = np.concatenate([y_test, np.repeat(y[:1], len(given))])
    return Arrays(x, y, x_test, y_test)


def _predict(model: Any, x: Structure, classifies: bool, reading: OutputReading | None) -> dict[str, Any]:
    if not hasattr(model, "get_params"):  # Keras's
        predicted = model.predict(x, batch_size=1_000, verbose=0)
        return _as_read(predicted, reading or (None if classifies else OutputReading(Scale.VALUE)))
    flat = x.reshape(len(x), -1)
    if not classifies:
        return {"values": np.asarray(model.predict(flat)).reshape(len(x))}
    found = {"labels": np.asarray(model.predict(flat))}
    return {**found, "probabilities": model.predict_proba(flat)} if hasattr(model, "predict_proba") else found


def _as_read(predicted: Any, reading: OutputReading | None) -> dict[str, Any]:  # Any: one array, or a structure of them
    """What the outputs of a Keras model are, with the outputs themselves where that leaves a question."""
    import keras

    outputs = [np.asarray(part) for part in keras.tree.flatten(predicted)]
    if len(outputs) > 1:
        return {"outputs": outputs, "why": "the model has several outputs"}
    (only,) = outputs
    reading = reading or proved_reading(only)
    if reading.scale is Scale.VALUE and only.size == len(only):
        return {"values": only.reshape(len(only))}
    if reading.scale is Scale.VALUE or only.ndim != 2:
        return {"outputs": outputs, "why": reading.why or f"the model gives {only.shape[1:]} numbers for a row"}
    labels, probabilities = labels_of(reading, only), probabilities_of(reading, only)
    if labels is None:
        return {"outputs": outputs, "why": reading.why}
    if probabilities is None:
        return {"labels": labels, "outputs": outputs, "why": "the outputs are not probabilities"}
    return {"labels": labels, "probabilities": probabilities}
