"""What a trained model leaves behind: which test rows were right, and the model itself."""

import base64
import importlib
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.training.arrays import Task

__all__ = ["pack_bits", "save_model", "unpack_bits"]

_PACKAGES = {"keras": ("keras", "tensorflow"), "sklearn": ("scikit-learn", "skops")}


def pack_bits(right: np.ndarray) -> str:
    """(n,) bool as base64, one bit a row, most significant first."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack_bits(text: str, n: int) -> np.ndarray:
    """The (n,) bool that `pack_bits` packed."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(bool)


def save_model(model: Any, flavour: str, task: Task) -> str:  # Any: a Keras model or an estimator
    """Writes the model as an MLflow model folder where the spec names one, in place of what was there.

    Returns:
        Why it could not be written, else an empty text: the training counts all the same.
    """
    if task.spec.model_folder is None:
        return ""
    folder = Path(task.spec.model_folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _write(model, flavour, folder, task.arrays.x[:8])
    except Exception as error:  # an export may fail in as many ways as there are kinds of models
        shutil.rmtree(folder, ignore_errors=True)
        return f"; the model could not be saved: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""


def _write(model: Any, flavour: str, folder: Path, x: np.ndarray) -> None:
    from mlflow.models import infer_signature

    more: dict[str, Any] = {}
    if flavour == "sklearn":
        import skops.io

        x = x.reshape(len(x), -1)
        # The model was made here, a moment ago: its own types are what a reader is asked to trust.
        more = {"skops_trusted_types": skops.io.get_untrusted_types(data=skops.io.dumps(model))}
    predicted = model.predict(x, verbose=0) if flavour == "keras" else model.predict(x)
    importlib.import_module(f"mlflow.{flavour}").save_model(
        model,
        str(folder),
        signature=infer_signature(x, np.asarray(predicted)),
        # Stated, since MLflow would otherwise start a process that imports TensorFlow to find them (20 s).
        pip_requirements=[f"{name}=={version(name)}" for name in _PACKAGES[flavour]],
        **more,
    )
