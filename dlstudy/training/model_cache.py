"""Models kept with their graphs: a trial whose model differs from an earlier one in its numbers alone traces nothing.

`build` is called for every trial all the same. Where its model has the same graphs as a kept one, the new model's
state (weights, seeds of dropout, the optimizer's variables with the learning rate) is copied into the kept one, which
then trains. All that a graph can read and a trial can change lies in that state, so nothing of earlier trials is left.
"""

import inspect
import json
import warnings
from collections import OrderedDict
from typing import Any

from dlstudy.training.arrays import Arrays
from dlstudy.training.epoch_graph import EpochGraphs, is_stock

__all__ = ["ModelShelf", "fingerprint"]

_MOST_MODELS = 8
_MOST_PARAMETERS = 2_000_000  # larger models compute for so long that tracing them does not matter


class ModelShelf:
    """The models that this process keeps; those that were used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, EpochGraphs] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, model: Any, arrays: Arrays) -> EpochGraphs:  # Any: a Keras model; not to be imported here
        """Takes a kept model off the shelf, in the state of `model`; else `model` itself with new graphs."""
        key = fingerprint(model)
        kept = self._kept.pop(key, None)
        if kept is None:
            return EpochGraphs(model, arrays, key)
        _copy_state(model, kept)
        return kept

    def put(self, graphs: EpochGraphs) -> None:
        """Keeps a model for later trials, if it is one whose graphs can be told from its configuration."""
        if graphs.key and graphs.model.count_params() <= _MOST_PARAMETERS:
            self._kept[graphs.key] = graphs
            while len(self._kept) > _MOST_MODELS:
                self._kept.popitem(last=False)


def fingerprint(model: Any) -> str:  # Any: as above
    """All that decides the graphs of a compiled, built model, as text; empty where that cannot be told.

    It can be told where everything in the model is Keras's own and says in its configuration what it is. Seeds,
    initializers and the learning rate do not count: they decide state, not graphs.
    """
    import keras

    if not is_stock(model) or not all(map(_is_known, model._flatten_layers(include_self=False))):
        return ""
    serialize = keras.saving.serialize_keras_object
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a lambda cannot be loaded again, which nobody will try
            weights = [
                (v.path, tuple(v.shape), str(v.dtype), v.trainable, serialize(v.regularizer), serialize(v.constraint))
                for v in model.variables
            ]
            return json.dumps([_plain(serialize(model)), _plain(weights)], sort_keys=True)
    except (TypeError, ValueError):  # something in it is not Keras's own, or has no configuration
        return ""


def _is_known(layer: Any) -> bool:
    """Whether a layer and every function that it holds are Keras's own, and all its state is in variables.

    Layers of preprocessing may hold tables; a function is written into a configuration by its name alone.
    """
    own = ("keras.src.layers.", "keras.src.models.")
    if not type(layer).__module__.startswith(own) or ".preprocessing." in type(layer).__module__:
        return False
    functions = [value for value in vars(layer).values() if inspect.isroutine(value)]
    return "call" not in vars(layer) and all(str(value.__module__).startswith("keras.") for value in functions)


def _plain(config: Any) -> Any:  # Any: JSON in, JSON out
    """A configuration without what decides state alone.

    Raises:
        ValueError: it names something that is not Keras's own.
    """
    if isinstance(config, list | tuple):
        return [_plain(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config and config["class_name"] != "__keras_tensor__":
        module, registered = str(config.get("module")), config.get("registered_name")
        if not (module == "keras" or module.startswith("keras.")) or (registered and ">" in registered):
            raise ValueError(f"{config['class_name']} of {module} is not Keras's own")
    return {name: _plain(value) for name, value in config.items() if not _decides_state(name, value)}


def _decides_state(name: str, value: object) -> bool:
    rate = name == "learning_rate" and isinstance(value, float)  # a schedule is part of the graph
    return rate or name == "seed" or name.endswith("_initializer")


def _copy_state(model: Any, kept: EpochGraphs) -> None:
    import tensorflow as tf

    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    old = [*kept.model.variables, *kept.model.optimizer.variables]
    for variable, new in zip(old, [*model.variables, *optimizer.variables], strict=True):
        variable.assign(new.value)
    for variable in kept.scratch:
        variable.assign(tf.zeros_like(variable))
