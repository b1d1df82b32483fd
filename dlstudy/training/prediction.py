"""The predictions of a saved winner, for test rows or for a user's rows. Imports Keras: use `ask`."""

from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.datasets import registry
from dlstudy.datasets.structure import Structure, map_arrays, rows_in, shapes_of, take
from dlstudy.errors import DataError
from dlstudy.study import loader
from dlstudy.study.outputs import OutputReading, Scale
from dlstudy.study.trial import TrialResult, TrialSpec
from dlstudy.training.arrays import for_keras
from dlstudy.training.artifacts import for_estimator
from dlstudy.training.batches import in_batches
from dlstudy.training.building import build_model
from dlstudy.training.outputs import labels_of, probabilities_of, proved_reading
from dlstudy.training.saved_models import load_model
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import building_apart, parameters_for_build
from dlstudy.training.trial_data import data_of

__all__ = ["predict_rows"]


def predict_rows(
    spec_json: dict[str, Any], folder: str, result: dict[str, Any], given: Structure
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
    about = registry.describe(spec.dataset)
    if given is not None and shapes_of(given) != about.input_shape:
        raise DataError(f"rows of shape {about.input_shape} are expected, got {shapes_of(given)}: fix the input")
    with file.modules.importable(), building_apart() as folders:
        data = data_of(spec, functions, given)
        if given is None:
            x, rows = data.tested()
        else:
            x, rows = take(data.arrays.x_test, slice(-rows_in(given), None)), {"x": given}
        p = {**parameters_for_build(spec, data.description, len(data.rows.train)), **folders}
        model = load_model(Path(folder), trained.model, lambda: build_model(functions.build, p, data.training))
        return {**rows, **_predict(model, x, about.classifies, trained.outputs)}


def _predict(model: Any, x: Structure, classifies: bool, reading: OutputReading | None) -> dict[str, Any]:
    if not hasattr(model, "get_params"):  # Keras's
        predicted = model.predict(**in_batches((map_arrays(for_keras, x),), 1_000), verbose=0)
        return _as_read(predicted, reading or (None if classifies else OutputReading(Scale.VALUE)))
    flat = for_estimator(x)
    if not classifies:
        return {"values": np.asarray(model.predict(flat)).reshape(len(flat))}
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
