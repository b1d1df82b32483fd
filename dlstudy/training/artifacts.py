"""The outputs of a trained model: the study's extra metrics and figures, and the saved model."""

import hashlib
import importlib
import math
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.opened_files import unwatched
from dlstudy.common.text import describe_error, short_repr
from dlstudy.datasets.disk_rows import any_on_disk, chunks
from dlstudy.datasets.structure import Structure, is_table, map_arrays, take
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import figures_beside
from dlstudy.toolkit.logging import metrics_logged_into
from dlstudy.training.arrays import Task, for_keras
from dlstudy.training.predicted import Predicted
from dlstudy.training.prediction_figures import figures_of_predictions

__all__ = ["extra_metrics_of", "for_estimator", "model_digest", "model_file", "save_figures", "save_model"]

_EXTRA_METRIC_ROWS = 20_000
_PACKAGES = {"keras": ("keras", "tensorflow"), "sklearn": ("scikit-learn", "skops")}


def extra_metrics_of(model: Any, task: Task, when: str) -> dict[str, float]:  # Any: a Keras model or an estimator
    """What the study's `extra_metrics` returns for a model, as `train_start_...` or `train_end_...`.

    Raises:
        TrialError: it returns something other than numbers by name.
    """
    if task.functions.extra_metrics is None:
        return {}
    arrays = task.arrays
    rows = task.rows.train[:_EXTRA_METRIC_ROWS]
    if any_on_disk(arrays.x):
        rows = rows[next(chunks((len(rows), *arrays.x.shape[1:]), arrays.x.dtype))]
    x, y = take(arrays.x, rows), None if arrays.y is None else take(arrays.y, rows)
    found = task.functions.extra_metrics(model, x, y, dict(task.p))
    try:
        values = {f"train_{when}_{name}": float(value) for name, value in found.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise TrialError(f"extra_metrics must return numbers by name, got {short_repr(found)}") from error
    return {name: value for name, value in values.items() if math.isfinite(value)}


def save_figures(
    model: Any, task: Task, predict: Callable[[], Predicted], y: Structure = None
) -> list[str]:  # Any: as above
    """Writes the figures of a model that is saved, as PNG files named by their titles, beside it.

    Those that the task of the data calls for come first; the study's own replace them where the title is the same.

    Args:
        model, task: of the training.
        predict: gives what the model predicts for the test rows.
        y: their targets, where they are a stream's.

    Returns:
        Remarks that say why some could not be drawn: the trial counts anyway.
    """
    if task.spec.model_folder is None:
        return []
    folder = figures_beside(Path(task.spec.model_folder))
    shutil.rmtree(folder, ignore_errors=True)
    own = task.functions.figures
    tries: list[Callable[[], Any]] = []
    if task.spec.read_test is not ReadTest.NEVER:
        tries.append(lambda: figures_of_predictions(task.description, *_test_rows(task, y), predict()))
    if own is not None:
        tries.append(lambda: own(model, *task.test_arrays(), dict(task.p)))
    return [remark for draw in tries if (remark := _saved(draw, folder))]


def _test_rows(task: Task, y: Structure) -> tuple[Structure, Structure]:
    """The test rows and their labels; no inputs where they are a stream's or in files, which are not read for this."""
    if task.description.is_stream:
        return None, y
    return (None, task.test_targets()) if any_on_disk(task.arrays.x) else task.test_arrays()


def _saved(draw: Callable[[], Any], folder: Path) -> str:  # Any: figures by title
    try:
        with metrics_logged_into(None), unwatched():  # figures count in no fingerprint, so they may change no result
            drawn = draw()
        for title, figure in drawn.items():
            _require_title(title)
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / f"{title}.png", dpi=150, metadata={"Software": None})
    except Exception as error:  # the study's own code may raise anything
        return f"the pictures could not be drawn: {describe_error(error)}"
    return ""


def _require_title(title: object) -> None:
    """Checks a title, which is also the name of a file."""
    if not isinstance(title, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ,._()-]{0,79}", title):
        raise TrialError(f"a picture's title is 1 to 80 letters, digits, spaces and ,._()-, got {title!r}")


def model_file(folder: Path) -> Path | None:
    """The file in an MLflow model folder that holds the model; None if it is missing."""
    return next((path for kind in ("data/*.keras", "*.skops") for path in folder.glob(kind) if path.is_file()), None)


def model_digest(task: Task) -> str:
    """SHA-256 of the file of the model that was saved; empty where none was."""
    file = model_file(Path(task.spec.model_folder)) if task.spec.model_folder else None
    return hashlib.sha256(file.read_bytes()).hexdigest() if file else ""


def save_model(model: Any, flavour: str, task: Task) -> str:  # Any: a Keras model or an estimator
    """Writes the model as an MLflow model folder where the spec names one, in place of what was there.

    Returns:
        A remark that says why it could not be written, else an empty text: the trial counts anyway.
    """
    if task.spec.model_folder is None:
        return ""
    folder = Path(task.spec.model_folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _write(model, flavour, folder, task.sample())
    except Exception as error:  # an export may fail in as many ways as there are kinds of models
        shutil.rmtree(folder, ignore_errors=True)
        return f"the model could not be saved: {describe_error(error)}"
    return ""


def _write(model: Any, flavour: str, folder: Path, x: Structure) -> None:
    from mlflow.models import infer_signature

    more: dict[str, Any] = {}
    if flavour == "keras":
        x = map_arrays(for_keras, x)
    if flavour == "sklearn":
        import skops.io

        x = for_estimator(x)
        # The model was made in this process, so its own types can be trusted.
        more = {"skops_trusted_types": skops.io.get_untrusted_types(data=skops.io.dumps(model))}
    # `predict_step` is what Keras's `predict` calls, which would trace a graph of it first.
    predicted = _signed(model.predict_step((x,))) if flavour == "keras" else model.predict(x)
    importlib.import_module(f"mlflow.{flavour}").save_model(
        model,
        str(folder),
        signature=infer_signature(x, predicted),
        # Otherwise MLflow would start a process that imports TensorFlow to find them (20 s).
        pip_requirements=[f"{name}=={version(name)}" for name in _PACKAGES[flavour]],
        **more,
    )


def for_estimator(x: Any) -> Any:  # Any: an array or a table
    """Rows as an estimator takes them: an array as one vector a row, a table or texts as they are."""
    return x if is_table(x) or x.dtype.kind == "O" else x.reshape(len(x), -1)


def _signed(outputs: Any) -> Any:  # Any: tensors, alone or in a structure of Keras's; arrays
    """Outputs in a form that a signature can have: one array, or arrays by name."""
    import keras

    arrays = [np.asarray(part) for part in keras.tree.flatten(outputs)]
    return arrays[0] if len(arrays) == 1 else {f"output_{i}": array for i, array in enumerate(arrays)}
