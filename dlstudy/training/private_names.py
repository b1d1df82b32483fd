"""Every private name of Keras and TensorFlow that dlstudy uses, each behind one function.

An upgrade may take any of them away. A function then raises one of `MISSING` when it is called, and its caller
works without it: trials cost more time or memory, and their numbers stay within float32 rounding, but for
`default_seeds_from`. All names were seen in Keras 3.10, 3.12 and 3.15 and in TensorFlow 2.21.
"""

import random
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = [
    "MISSING",
    "adadelta_slots",
    "adam_slots",
    "all_layers",
    "default_seeds_from",
    "eager_seeds",
    "global_seeds",
    "initial_epoch",
    "is_from_keras",
    "registered_gradients",
    "rmsprop_slots",
    "slot_index",
    "traced_graphs",
    "trained_by",
]

MISSING = (AttributeError, ImportError)
"""What a function below raises where a version does not have its name."""

_Slots = Sequence[Any]
"""Variables of an optimizer, one for each variable that it trains. Any: Keras's, which is not to be imported here."""


@contextmanager
def default_seeds_from(draw: Callable[[], int]) -> Iterator[None]:
    """While active, a `SeedGenerator` that is made without a seed, such as a dropout layer's, takes it from `draw`.

    The name: `make_default_seed` of `keras.src.random.seed_generator`, which `SeedGenerator` looks up in its own
    module. Random initializers find the same function as `keras.src.random.make_default_seed` and keep it.

    Public alternatives: none separates the two. `keras.utils.set_random_seed` seeds Python's `random`, from which both
    draw; `Dropout(seed=...)` is up to the study.

    Without it: a layer that draws numbers changes the initial weights of all layers after it, so that arms with and
    without dropout start from different weights; the digests in the record say so.
    """
    from keras.src.random import seed_generator

    original = seed_generator.make_default_seed
    seed_generator.make_default_seed = draw
    try:
        yield
    finally:
        seed_generator.make_default_seed = original


def slot_index(optimizer: Any) -> Callable[[Any], int]:  # Any: a built Keras optimizer; its variables
    """A function that returns the index of a trained variable in the slots of its optimizer.

    The name: `_get_variable_index` of `keras.Optimizer`.

    Public alternatives: none. `optimizer.variables` lists the slots, but only their names say whose they are.

    Without it: no fused update; the optimizer's own `update_step` trains.
    """
    index: Callable[[Any], int] = optimizer._get_variable_index
    return index


def adam_slots(optimizer: Any) -> tuple[_Slots, _Slots]:  # Any: a built Adam or AdamW
    """The first and second moments.

    The names: `_momentums` and `_velocities`. (`SGD.momentums` is public.)

    Public alternatives: as for `slot_index`.

    Without them: no fused update; the optimizer's own `update_step` trains.
    """
    return optimizer._momentums, optimizer._velocities


def rmsprop_slots(optimizer: Any) -> tuple[_Slots, _Slots]:  # Any: a built RMSprop
    """The means of squared gradients, and the momentums, which are empty where it has no momentum.

    The names: `_velocities` and `_momentums`.

    Public alternatives: as for `slot_index`.

    Without them: no fused update; the optimizer's own `update_step` trains.
    """
    return optimizer._velocities, optimizer._momentums


def adadelta_slots(optimizer: Any) -> tuple[_Slots, _Slots]:  # Any: a built Adadelta
    """The means of squared gradients and of squared updates.

    The names: `_accumulated_grads` and `_accumulated_delta_vars`.

    Public alternatives: as for `slot_index`.

    Without them: no fused update; the optimizer's own `update_step` trains.
    """
    return optimizer._accumulated_grads, optimizer._accumulated_delta_vars


def initial_epoch(model: Any) -> int:  # Any: a Keras model
    """The epoch that `fit` begins with, which `BackupAndRestore` sets as its training begins.

    The name: `_initial_epoch` of `keras.Model`.

    Public alternatives: none; `fit` reads it itself.

    Without it: where that callback restores an interrupted training, all epochs are trained once more.
    """
    return model._initial_epoch or 0


def all_layers(model: Any) -> list[Any]:  # Any: a Keras model; its layers
    """The layers of a model, and those inside of layers, such as the one that a `Bidirectional` wraps.

    The name: `_flatten_layers` of `keras.Layer`.

    Public alternatives: none. `model.layers` has the outermost layers, and a layer names no others that it holds.

    Without it: no model is kept for later trials, since it is not known whether all of it is Keras's own.
    """
    return list(model._flatten_layers(include_self=False))


def is_from_keras(kind: type, part: str = "") -> bool:
    """Whether Keras itself defines a class, all in all or among its `callbacks`, `layers`, `losses` or `models`.

    The name: `keras.src`, the package in which Keras defines everything.

    Public alternatives: none. `keras.layers` has the classes, but does not say whether a given class is one of them.

    Without it: the answer is False. Keras's classes then count as a study's own: metrics are updated in every batch, no
    model is kept, and with a callback such as `ModelCheckpoint`, which could look at batches, plain `fit` trains.
    """
    return f"{kind.__module__}.".startswith(f"keras.src.{part}." if part else "keras.src.")


def registered_gradients() -> MutableMapping[str, Any]:  # Any: TensorFlow's own records
    """TensorFlow's gradient functions by name, among them those that it registers while it traces a graph.

    The name: `gradient_registry._registry` of `tensorflow.python.framework.ops`.

    Public alternatives: `tf.RegisterGradient` adds to it; nothing removes.

    Without it: they stay, with their graphs, for as long as the process lives: some 6 MB for each small net.
    """
    from tensorflow.python.framework import ops

    registry: MutableMapping[str, Any] = ops.gradient_registry._registry
    return registry


def eager_seeds() -> random.Random:
    """The source of TensorFlow's seeds for operations that draw numbers outside of graphs.

    The name: `_rng` of TensorFlow's `context.context()`.

    Public alternatives: none. `tf.random.set_seed` sets it anew.

    Without it: no checkpoints.
    """
    from tensorflow.python.eager import context

    seeds: random.Random = context.context()._rng
    return seeds


def global_seeds(*, make: bool) -> Any:  # Any: Keras's `SeedGenerator`, or None
    """The generator from which `keras.random` takes its seeds where it is given none; None where there is none.

    The names: `global_seed_generator` and `GLOBAL_SEED_GENERATOR` of `keras.src.random.seed_generator`, and Keras's
    `global_state`.

    Public alternatives: none. `keras.utils.set_random_seed` sets the seed of the next one.

    Without them: no checkpoints.

    Args:
        make: whether to make one where there is none.
    """
    from keras.src.backend.common import global_state
    from keras.src.random import seed_generator

    if make:
        return seed_generator.global_seed_generator()
    return global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)


def traced_graphs(function: Any) -> list[Any]:  # Any: the `train_function` of a Keras model; TensorFlow's graphs
    """The graphs that `fit` has traced.

    The names: `_list_all_concrete_functions` of a `tf.function`, which Keras's function holds in its closure.

    Public alternatives: `get_concrete_function` gives one of them, for arguments that are known.

    Without it: no checkpoints of trainings by `fit`.
    """
    import tensorflow as tf

    held = [cell.cell_contents for cell in function.__closure__]
    traced = [item for item in held if isinstance(item, tf.types.experimental.PolymorphicFunction)]
    return [concrete.graph for item in traced for concrete in item._list_all_concrete_functions()]


def trained_by(optimizer: Any) -> _Slots:  # Any: a built Keras optimizer
    """The variables that an optimizer trains, in the order of its own.

    The name: `_trainable_variables` of `keras.Optimizer`.

    Public alternatives: none. `model.trainable_variables` has them for the optimizer of a model.

    Without it: no checkpoints.
    """
    found: _Slots = optimizer._trainable_variables
    return found
