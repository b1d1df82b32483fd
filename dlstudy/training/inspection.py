"""Describes a model: layers, shapes, parameter counts, statistics of trained weights. Imports Keras: use `ask`."""

from functools import partial
from pathlib import Path
from typing import Any

from dlstudy.errors import StudyError
from dlstudy.study import loader
from dlstudy.study.trial import TrialSpec
from dlstudy.training.building import build_model
from dlstudy.training.keras_training import symbols_of
from dlstudy.training.saved_models import load_model
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import building_apart, parameters_for_build
from dlstudy.training.trial_data import TrialData, data_for_model

__all__ = ["describe_model"]


def describe_model(spec_json: dict[str, Any], folder: str | None, digest: str) -> dict[str, Any]:  # Any: JSON both ways
    """The model that a spec builds, as JSON; with the weights in an MLflow model folder, if one is given.

    Args:
        spec_json: the spec.
        folder: of the saved model.
        digest: of the saved model, as the record has it; empty where it has none.

    Returns:
        `model` (its class), `parameters`, `trainable`, and `layers` (name, kind, output shape, parameters) for a Keras
        model; `weights` (name, shape, mean, standard deviation, minimum, maximum) for a trained one.

    Raises:
        StudyError: `build` fails.
        RecordError: the saved model cannot be loaded.
    """
    import keras

    spec = TrialSpec.from_json(spec_json)
    file = loader.load(Path(spec.study_path))
    functions = StudyFunctions.of(file.study)
    with file.modules.importable(), building_apart() as folders:
        try:
            data = data_for_model(spec, file)
            p = {**parameters_for_build(spec, data.description, len(data.rows.train)), **folders}
            build = partial(build_model, functions.build, p, data.training)
            model = build()
        except Exception as error:
            raise StudyError(f"build fails for arm {spec.arm}: {type(error).__name__}: {error}") from None
        if not isinstance(model, keras.Model):
            return {"model": type(model).__name__, "description": str(model)}
        weights = _weights(load_model(Path(folder), digest, build)) if folder else []
        return {**_described(model, data), "weights": weights}


def _described(model: Any, data: TrialData) -> dict[str, Any]:  # Any: a Keras model; JSON
    if not model.built:
        model(symbols_of(data.arrays))
    layers = [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "output": str(getattr(getattr(layer, "output", None), "shape", "")),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]
    return {
        "model": type(model).__name__,
        "parameters": model.count_params(),
        "trainable": sum(int(weight.numpy().size) for weight in model.trainable_weights),
        "layers": layers,
    }


def _weights(model: Any) -> list[dict[str, Any]]:  # Any: a Keras model; JSON
    return [
        {
            "name": weight.path,
            "shape": str(tuple(weight.shape)),
            **{name: float(getattr(weight.numpy(), name)()) for name in ("mean", "std", "min", "max")},
        }
        for weight in model.weights
    ]
