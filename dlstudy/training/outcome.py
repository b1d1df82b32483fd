"""What a trained model leaves behind: which test rows were right, and the model itself."""

import base64
import importlib
from importlib.metadata import version
from typing import Any

import numpy as np

from dlstudy.training.arrays import Task

__all__ = ["pack_bits", "save_model", "unpack_bits"]

_PACKAGES = {"keras": ("keras", "tensorflow"), "sklearn": ("scikit-learn",)}


def pack_bits(right: np.ndarray) -> str:
    """(n,) bool as base64, one bit a row, most significant first."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack_bits(text: str, n: int) -> np.ndarray:
    """The (n,) bool that `pack_bits` packed."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(bool)


def save_model(model: Any, flavour: str, task: Task) -> None:  # Any: a Keras model or an estimator
    """Writes the model as an MLflow model folder where the spec names one."""
    if task.spec.model_folder is None:
        return
    from mlflow.models import infer_signature

    x = task.arrays.x[:8] if flavour == "keras" else task.arrays.x[:8].reshape(8, -1)
    predicted = model.predict(x, verbose=0) if flavour == "keras" else model.predict(x)
    importlib.import_module(f"mlflow.{flavour}").save_model(
        model,
        task.spec.model_folder,
        signature=infer_signature(x, np.asarray(predicted)),
        # Stated, since MLflow would otherwise start a process that imports TensorFlow to find them (20 s).
        pip_requirements=[f"{name}=={version(name)}" for name in _PACKAGES[flavour]],
    )
