"""A cache of models with their graphs: a trial whose model differs from an earlier one only in numbers traces nothing.

`build` is called for every trial all the same. Where its model has the same graphs as a kept one, the new model's
state (weights, seeds of dropout, the optimizer's variables with the learning rate) is copied into the kept one, which
then trains. All that a graph reads and a trial changes is in that state, so nothing of earlier trials is left.
"""

import inspect
import json
import warnings
from collections import OrderedDict
from typing import Any

from dlstudy.training import private_names
from dlstudy.training.arrays import Arrays
from dlstudy.training.epoch_graph import EpochGraphs, is_stock

__all__ = ["ModelCache", "fingerprint"]

_MOST_MODELS = 8
_MOST_PARAMETERS = 2_000_000  # larger models take so much time to compute that tracing them does not matter


class ModelCache:
    """The models that this process keeps: the most recently used."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, EpochGraphs] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, model: Any, arrays: Arrays) -> EpochGraphs:  # Any: a Keras model; not to be imported here
        """A kept model, taken out of the cache and put into the state of `model`; else `model` with new graphs."""
        key = fingerprint(model)
        kept = self._kept.pop(key, None)
        if kept is None:
            return EpochGraphs(model, arrays, key)
        _copy_state(model, kept)
        return kept

    def put(self, graphs: EpochGraphs) -> None:
        """Keeps a model for later trials, if its configuration decides its graphs."""
        if graphs.key and graphs.model.count_params() <= _MOST_PARAMETERS:
            self._kept[graphs.key] = graphs
            while len(self._kept) > _MOST_MODELS:
                self._kept.popitem(last=False)


def fingerprint(model: Any) -> str:  # Any: as above
    """Everything that determines the graphs of a compiled, built model, as text; empty if that is not known.

    It is known where everything in the model is Keras's own and has a configuration. Seeds, initializers and the
    learning rate do not count: they determine state, not graphs.
    """
    import keras

    try:
        is_known = is_stock(model) and all(map(_is_known, private_names.all_layers(model)))
    except private_names.MISSING:
        is_known = False
    if not is_known:
        return ""
    serialize = keras.saving.serialize_keras_object
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a lambda cannot be loaded again, which is never done
            weights = [
                (v.path, tuple(v.shape), str(v.dtype), v.trainable, serialize(v.regularizer), serialize(v.constraint))
                for v in model.variables
            ]
            return json.dumps([_plain(serialize(model)), _plain(weights)], sort_keys=True)
    except (TypeError, ValueError):  # something in it is not Keras's own, or has no configuration
        return ""


def _is_known(layer: Any) -> bool:
    """Whether a layer and every function that it holds are Keras's own, and all its state is in variables.

    Preprocessing layers may hold tables; a function is written into a configuration by its name alone.
    """
    is_own = any(private_names.is_from_keras(type(layer), part) for part in ("layers", "models"))
    if not is_own or ".preprocessing." in type(layer).__module__:
        return False
    functions = [value for value in vars(layer).values() if inspect.isroutine(value)]
    return "call" not in vars(layer) and all(str(value.__module__).startswith("keras.") for value in functions)


def _plain(config: Any) -> Any:  # Any: JSON in, JSON out
    """A configuration without the parts that determine only state.

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
