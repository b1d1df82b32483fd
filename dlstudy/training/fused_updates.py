"""Optimizer updates as one kernel for each weight, in place of Keras's five to ten operations.

TensorFlow has kernels for the update rules of SGD, Adam, RMSprop and Adadelta that compute what Keras's formulas say,
up to float32 rounding. The largest such difference is of Adam: its kernel subtracts beta_2 from 1 in float32, which
changes 1 - beta_2 = 0.001 by 1.3e-5 of itself, and a step by half as much. Small models spend much of their time there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dlstudy.training import private_names

__all__ = ["fused"]

_Update = Callable[[Any, Any, Any], Any]
"""Applies a gradient to a variable at a learning rate. Any: TensorFlow's types, which this module must not import."""


@contextmanager
def fused(model: Any, scratch: list[Any]) -> Iterator[None]:  # Any: a Keras model; TensorFlow variables
    """While active, a trace of the model's training has fused updates where a kernel knows its optimizer's rule.

    Gradients that are not dense keep Keras's own update, and so do an optimizer whose slots this version of Keras calls
    by other names and a model with a step of its own, which may train with any optimizer and any variables.

    Args:
        model: compiled.
        scratch: receives variables that the kernels write to and that belong to no optimizer: set them to zero before
            another training.
    """
    import keras

    optimizer = model.optimizer
    keras_step = type(model).train_step is keras.Model.train_step and "train_step" not in vars(model)
    keras_update = isinstance(optimizer, keras.Optimizer) and "update_step" not in vars(optimizer)
    can_fuse = model.built and keras_step and keras_update
    update = _fused_update(optimizer, model, scratch) if can_fuse else None
    if update is None:
        yield
        return
    optimizer.update_step = update
    try:
        yield
    finally:
        del optimizer.update_step


def _fused_update(optimizer: Any, model: Any, scratch: list[Any]) -> _Update | None:
    """The optimizer's update, by a kernel where the gradient allows; None where no kernel knows the rule."""
    import keras
    import tensorflow as tf

    makers = {
        keras.optimizers.SGD: _sgd,
        keras.optimizers.Adam: _adam,
        keras.optimizers.AdamW: _adam,
        keras.optimizers.RMSprop: _rmsprop,
        keras.optimizers.Adadelta: _adadelta,
        keras.optimizers.Adagrad: None,
        keras.optimizers.Adamax: None,
        keras.optimizers.Nadam: None,
        keras.optimizers.Lion: None,
    }
    if type(optimizer) not in makers:  # not isinstance: a subclass may have another rule
        return None
    if not optimizer.built:  # else its variables would be made in the trace, which TensorFlow then does twice
        optimizer.build(model.trainable_variables)
    maker = makers[type(optimizer)]
    try:
        by_kernel = maker(optimizer, scratch) if maker else None
    except private_names.MISSING:
        by_kernel = None
    if by_kernel is None:
        return None
    own = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        dense = isinstance(gradient, tf.Tensor) and gradient.dtype == variable.dtype == tf.float32
        if dense:
            by_kernel(gradient, variable, tf.cast(learning_rate, variable.dtype))  # as Keras does
        else:
            own(gradient, variable, learning_rate)

    return update_step


def _sgd(optimizer: Any, _: list[Any]) -> _Update:
    import tensorflow as tf

    def plain(gradient: Any, variable: Any, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyGradientDescent(var=_handle(variable), alpha=learning_rate, delta=gradient)

    def with_momentum(gradient: Any, variable: Any, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=_handle(variable),
            accum=_handle(momentums[index(variable)]),
            lr=learning_rate,
            grad=gradient,
            momentum=optimizer.momentum,
            use_nesterov=optimizer.nesterov,
        )

    if not optimizer.momentum:
        return plain
    momentums, index = optimizer.momentums, private_names.slot_index(optimizer)
    return with_momentum


def _adam(optimizer: Any, _: list[Any]) -> _Update | None:
    import tensorflow as tf

    if optimizer.amsgrad:
        return None
    (momentums, velocities), index = private_names.adam_slots(optimizer), private_names.slot_index(optimizer)

    def update(gradient: Any, variable: Any, learning_rate: Any) -> None:
        i = index(variable)
        step = tf.cast(optimizer.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(momentums[i]),
            v=_handle(velocities[i]),
            beta1_power=tf.pow(optimizer.beta_1, step),
            beta2_power=tf.pow(optimizer.beta_2, step),
            lr=learning_rate,
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )

    return update


def _rmsprop(optimizer: Any, scratch: list[Any]) -> _Update | None:
    import tensorflow as tf

    if optimizer.centered:
        return None
    (velocities, momentums), index = private_names.rmsprop_slots(optimizer), private_names.slot_index(optimizer)
    if not optimizer.momentum:  # the kernel needs such variables all the same
        scratch[:] = scratch or [tf.Variable(tf.zeros(velocity.shape)) for velocity in velocities]
        momentums = scratch

    def update(gradient: Any, variable: Any, learning_rate: Any) -> None:
        i = index(variable)
        tf.raw_ops.ResourceApplyRMSProp(
            var=_handle(variable),
            ms=_handle(velocities[i]),
            mom=_handle(momentums[i]),
            lr=learning_rate,
            rho=optimizer.rho,
            momentum=optimizer.momentum,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )

    return update


def _adadelta(optimizer: Any, _: list[Any]) -> _Update:
    import tensorflow as tf

    (gradients, deltas), index = private_names.adadelta_slots(optimizer), private_names.slot_index(optimizer)

    def update(gradient: Any, variable: Any, learning_rate: Any) -> None:
        i = index(variable)
        tf.raw_ops.ResourceApplyAdadelta(
            var=_handle(variable),
            accum=_handle(gradients[i]),
            accum_update=_handle(deltas[i]),
            lr=learning_rate,
            rho=optimizer.rho,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )

    return update


def _handle(variable: Any) -> Any:
    """The handle that a kernel takes for a variable, whether Keras's or TensorFlow's."""
    import keras

    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
