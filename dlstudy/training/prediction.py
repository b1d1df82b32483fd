"""The predictions of a saved winner, for test rows or for a user's rows. Imports Keras: use `ask`."""

from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import Structure, map_arrays, rows_in, shapes_of, take
from dlstudy.errors import DataError
from dlstudy.study import loader
from dlstudy.study.outputs import OutputReading
from dlstudy.study.trial import TrialResult, TrialSpec
from dlstudy.training.arrays import for_keras
from dlstudy.training.artifacts import for_estimator
from dlstudy.training.batches import in_batches
from dlstudy.training.building import build_model
from dlstudy.training.predicted import Predicted, actual_as, of_estimator, of_outputs
from dlstudy.training.saved_models import load_model
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import building_apart, parameters_for_build
from dlstudy.training.trial_data import TrialData, data_of
from dlstudy.training.untouched import undone

__all__ = ["predict_rows", "predict_untouched"]


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
        `x`, the rows (as in the data set, raw), `actual` (as the study prepares it, in the form of the predictions;
        absent for given rows, and where targets are several), and the entries of `Predicted`.

    Raises:
        DataError: the given rows do not fit.
        RecordError: the model cannot be loaded.
    """
    return _predicted(spec_json, folder, result, given)[0]


def predict_untouched(
    spec_json: dict[str, Any], folder: str, result: dict[str, Any], given: Structure
) -> Predicted:  # Any: JSON
    """The predictions for given rows, with labels and values as the data has them, not as the study prepares them.

    Args:
        spec_json, folder, result, given: as of `predict_rows`.

    Raises:
        DataError, RecordError: as `predict_rows`.
        TrialError: what the study makes of targets cannot be undone.
    """
    found, data = _predicted(spec_json, folder, result, given)
    before, after = data.dataset.y_train, data.arrays.y
    if not isinstance(before, np.ndarray) or not isinstance(after, np.ndarray) or not len(before):
        return found
    return undone(found, before, after, len(data.dataset.description.label_names))


def _predicted(
    spec_json: dict[str, Any], folder: str, result: dict[str, Any], given: Structure
) -> tuple[dict[str, Any], TrialData]:  # Any: as of `predict_rows`
    spec, trained = TrialSpec.from_json(spec_json), TrialResult.from_json(result)
    file = loader.load(Path(spec.study_path))
    functions = StudyFunctions.of(file.study)
    about = registry.describe(spec.dataset)
    if given is not None and shapes_of(given) != about.input_shape:
        raise DataError(f"rows of shape {about.input_shape} are expected, got {shapes_of(given)}: fix the input")
    with file.modules.importable(), building_apart() as folders:
        data = data_of(spec, file, given)
        if given is None:
            x, rows = data.tested()
        else:
            x, rows = take(data.arrays.x_test, slice(-rows_in(given), None)), {"x": given}
        p = {**parameters_for_build(spec, data.description, len(data.rows.train)), **folders}
        model = load_model(Path(folder), trained.model, lambda: build_model(functions.build, p, data.training))
        found = _predict(model, x, data.description, trained.outputs)
        if "actual" in rows:
            rows["actual"] = actual_as(found, rows["actual"])
        return {**rows, **found}, data


def _predict(model: Any, x: Structure, about: Description, reading: OutputReading | None) -> Predicted:
    if hasattr(model, "get_params"):  # an estimator
        return of_estimator(model, for_estimator(x), about)
    outputs = model.predict(**in_batches((map_arrays(for_keras, x),), 1_000), verbose=0)
    return of_outputs(outputs, reading, about)
