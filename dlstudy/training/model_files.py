"""Describes a model in a file of Keras's, for a study of it. Imports Keras: use `ask`."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlstudy.common.text import message_of, one_line
from dlstudy.errors import UsageError
from dlstudy.training.private_names import all_layers

__all__ = ["describe_model_file"]

_SCALERS = ("Rescaling", "Normalization")
_UNKNOWN = re.compile(r"Could not locate (class|function) '[^']*'")


def describe_model_file(path: Path) -> dict[str, Any]:  # Any: JSON
    """What a study of a model needs to know, as JSON.

    Returns:
        `input` and `output` (shapes without the rows, None where a size is free), `dtype` of the input, `scales`
        (whether a layer of it scales its input), `optimizer` (`name`, `settings` as text, `rate` or None), `loss`
        (`name`, `text`) and `metrics` (names and texts). Texts are Python.

    Raises:
        UsageError: it cannot be read, is not compiled, or is no model of one input and one output that can be cloned.
    """
    import keras

    try:
        with warnings.catch_warnings(action="ignore"):  # of an optimizer's state, which no study takes
            model = keras.models.load_model(path)
        keras.models.clone_model(model)
    except Exception as error:  # whatever Keras, h5py and zipfile raise, and classes that are not known here
        text = message_of(error) or type(error).__name__
        unknown = _UNKNOWN.search(text)
        reason = unknown[0] if unknown else one_line(text)
        raise UsageError(
            f"--model {path} cannot be loaded ({reason}): it takes layers and losses of Keras's own, in a .keras file"
        ) from None
    for what, tensors in (("input", model.inputs), ("output", model.outputs)):
        if len(tensors) != 1:
            raise UsageError(f"--model takes a model with one {what}, got {len(tensors)} in {path}: write its study")
    if not model.compiled:
        raise UsageError(f"--model takes a compiled model, got {path} without a loss: compile it and save it again")
    settings = model.get_compile_config()
    losses = _flat(settings["loss"])
    metrics = [*_flat(settings["metrics"]), *_flat(settings["weighted_metrics"])]
    if len(losses) != 1:
        raise UsageError(f"--model takes a model with one loss, got {len(losses)} in {path}: write its study")
    return {
        "input": model.inputs[0].shape[1:],
        "dtype": str(model.inputs[0].dtype),
        "output": model.outputs[0].shape[1:],
        "scales": any(type(layer).__name__ in _SCALERS for layer in all_layers(model)),
        "optimizer": _optimizer(model.optimizer),
        "loss": _called("losses", losses[0]),
        "metrics": [_called("metrics", metric) for metric in metrics],
    }


def _flat(given: Any) -> list[Any]:  # Any: as Keras keeps what `compile` was given
    """Losses or metrics, which may be in lists and dicts by output, one after another."""
    if given is None:
        return []
    if isinstance(given, Mapping) and "class_name" not in given:
        given = list(given.values())
    return [item for part in given for item in _flat(part)] if isinstance(given, list | tuple) else [given]


def _optimizer(optimizer: Any) -> dict[str, Any]:  # Any: of Keras; JSON
    import keras

    name, config = type(optimizer).__name__, optimizer.get_config()
    rate = config.pop("learning_rate")
    if getattr(keras.optimizers, name, None) is not type(optimizer):
        raise UsageError(f"--model takes an optimizer of Keras's own, got {name}: write its study")
    settings = _arguments(config, type(optimizer)().get_config())
    return {"name": name, "settings": settings, "rate": rate if isinstance(rate, float) else None}


def _called(package: str, given: Any) -> dict[str, str]:  # Any: as Keras keeps it
    """The name of a loss or a metric, and the text that makes it."""
    import keras

    if isinstance(given, Mapping) and isinstance(given["config"], str):  # a function
        given = given["config"]
    if isinstance(given, str):
        return {"name": given, "text": f'"{given}"'}
    made = getattr(getattr(keras, package), given["class_name"], None)
    if made is None or not isinstance(given["config"], Mapping):
        raise UsageError(f"--model takes {package} of Keras's own, got {given['class_name']}: write its study")
    config = {name: value for name, value in given["config"].items() if name != "dtype"}
    try:
        usual = made().get_config()
    except TypeError:  # it needs arguments
        usual = {}
    text = f"keras.{package}.{given['class_name']}({_arguments(config, usual)})"
    return {"name": str(config["name"]), "text": text}


def _arguments(config: Mapping[str, Any], usual: Mapping[str, Any]) -> str:  # Any: of Keras's settings
    """The settings that are not the usual ones, as the text of keyword arguments."""
    own = {name: value for name, value in config.items() if name not in usual or usual[name] != value}
    for name, value in own.items():
        if not isinstance(value, int | float | str | None):
            raise UsageError(f"--model takes settings that are numbers or texts, got {name}={value!r}: write its study")
    return ", ".join(f"{name}={_literal(value)}" for name, value in own.items())


def _literal(value: Any) -> str:  # Any: a number or a text
    return '"' + repr(value)[1:-1].replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)
