"""A cache of models with their graphs: a trial whose model differs from an earlier one only in numbers traces nothing.

`build` is called for every trial all the same. Where all that Python holds of its model is as it was in a kept one, the
values of its variables (weights, seeds of dropout, the optimizer's variables with the learning rate) are copied into
the kept one, which then trains. All that a graph reads and a trial changes is in those, so nothing of earlier trials is
left.
"""

import gc
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from dlstudy.datasets.dataset import Array
from dlstudy.training import private_names
from dlstudy.training.epoch_graph import EpochGraphs, is_stock
from dlstudy.training.python_state import state_of

__all__ = ["KeptModelError", "ModelCache", "Slot"]

_MOST_MODELS = 8
_MOST_PARAMETERS = 2_000_000  # larger models take so much time to compute that tracing them does not matter


class KeptModelError(Exception):
    """A kept model cannot take the place of a new one, which has to be built again."""


class Slot:
    """Holds the model of a training. While it is the only one that does, another may take the model's place."""

    def __init__(self, model: Any) -> None:  # Any: a Keras model; not to be imported here
        self.model = model


class ModelCache:
    """The models that this process keeps: the most recently used."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, EpochGraphs] = OrderedDict()
        self._held: set[str] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, slot: Slot) -> EpochGraphs:
        """A kept model, taken out of the cache and put into the state of the slot's model, whose place it takes.

        Where none is the same, the slot's model with new graphs.

        Raises:
            KeptModelError: the study's code still holds the slot's model or a part of it, or its optimizer begins
                with more than constants. No model of that kind is kept from now on.
        """
        key, parts = _key_of(slot.model), _parts_of(slot.model)
        if key in self._held or not parts:
            key = ""
        kept = self._kept.pop(key, None)
        if kept is None:
            return EpochGraphs(slot.model, key)
        if not _copied(slot.model, kept):
            self._held.add(key)
            raise KeptModelError
        # A study may look at the model that it built, such as at an encoder that shares its layers.
        new = list(map(weakref.ref, parts))
        del parts
        slot.model = kept.model
        gc.collect()  # a model is in circles of references
        if any(part() is not None for part in new):
            self._held.add(key)
            raise KeptModelError
        return kept

    def put(self, graphs: EpochGraphs, was_seen: bool = True) -> None:
        """Keeps a model for later trials, if all that decides its graphs is as it was when they were made.

        Args:
            graphs: of the model.
            was_seen: whether code of the study's own has seen the model, and may have changed it.
        """
        if not graphs.state or graphs.model.count_params() > _MOST_PARAMETERS:
            return
        if was_seen and state_of(graphs.model) != graphs.state:
            return
        self._kept[graphs.key] = graphs
        while len(self._kept) > _MOST_MODELS:
            self._kept.popitem(last=False)


def _key_of(model: Any) -> str:  # Any: as above
    """What decides the graphs of a model; empty where that is not known, or the model has steps of its own."""
    return state_of(model) if model.built and is_stock(model) else ""


def _parts_of(model: Any) -> list[Any]:  # Any: as above
    """The model, its layers and its optimizer; none where its layers are not known."""
    try:
        return [model, model.optimizer, *private_names.all_layers(model)]
    except private_names.MISSING:
        return []


def _copied(model: Any, kept: EpochGraphs) -> bool:
    """Copies the values of all variables into a kept model; False where the optimizer's could be others in `fit`.

    Keras makes those of an optimizer within the first step, where what its `build` assigns is lost.
    """
    import tensorflow as tf

    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    if not all(_is_constant(variable.numpy(), model.trainable_variables) for variable in optimizer.variables):
        return False
    old = [*kept.model.variables, *kept.model.optimizer.variables]
    for variable, new in zip(old, [*model.variables, *optimizer.variables], strict=True):
        variable.assign(new.value)
    for variable in kept.scratch:
        variable.assign(tf.zeros_like(variable))
    return True


def _is_constant(values: Array, weights: Sequence[Any]) -> bool:  # Any: Keras's variables
    """Whether an optimizer's variable begins with one number that no weight gave it, as a single weight could."""
    first = values.flat[0] if values.size else 0
    if not (values == first).all():
        return False
    return not first or not any(values.shape == weight.shape and (values == weight.numpy()).all() for weight in weights)
