"""Optimizer updates as one kernel for each weight, in place of Keras's five to ten operations.

TensorFlow has kernels for the update rules of SGD, Adam, RMSprop and Adadelta that compute what Keras's formulas say,
up to float32 rounding. Small models spend much of their time there.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["fuse"]

_Update = Callable[[Any, Any, Any], Any]
"""Applies a gradient to a variable at a learning rate. Any: TensorFlow's types, which this module must not import."""


def fuse(optimizer: Any) -> list[Any]:  # Any: a Keras optimizer; TensorFlow variables
    """Gives a built optimizer fused updates, where it is one that has them; gradients that are not dense keep Keras's.

    Returns:
        Variables that the kernels write to and that belong to no optimizer: set them to zero before another training.
    """
    import keras

    makers = {
        keras.optimizers.SGD: _sgd,
        keras.optimizers.Adam: _adam,
        keras.optimizers.AdamW: _adam,
        keras.optimizers.RMSprop: _rmsprop,
        keras.optimizers.Adadelta: _adadelta,
    }
    maker = makers.get(type(optimizer))  # not isinstance: a subclass may have another rule
    scratch: list[Any] = []
    fused = maker(optimizer, scratch) if maker and "update_step" not in vars(optimizer) else None
    if fused is None:
        return scratch
    import tensorflow as tf

    own = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        dense = isinstance(gradient, tf.Tensor) and gradient.dtype == variable.dtype == tf.float32
        (fused if dense else own)(gradient, variable, learning_rate)

    optimizer.update_step = update_step
    return scratch


def _sgd(optimizer: Any, _: list[Any]) -> _Update:
    import tensorflow as tf

    def plain(gradient: Any, variable: Any, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyGradientDescent(var=_handle(variable), alpha=learning_rate, delta=gradient)

    def with_momentum(gradient: Any, variable: Any, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=_handle(variable),
            accum=_handle(optimizer.momentums[optimizer._get_variable_index(variable)]),
            lr=learning_rate,
            grad=gradient,
            momentum=optimizer.momentum,
            use_nesterov=optimizer.nesterov,
        )

    return with_momentum if optimizer.momentum else plain


def _adam(optimizer: Any, _: list[Any]) -> _Update | None:
    import tensorflow as tf

    if optimizer.amsgrad:
        return None

    def update(gradient: Any, variable: Any, learning_rate: Any) -> None:
        i = optimizer._get_variable_index(variable)
        step = tf.cast(optimizer.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(optimizer._momentums[i]),
            v=_handle(optimizer._velocities[i]),
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
    if not optimizer.momentum:  # the kernel wants such variables all the same
        scratch += [tf.Variable(tf.zeros(velocity.shape)) for velocity in optimizer._velocities]
    momentums = optimizer._momentums if optimizer.momentum else scratch

    def update(gradient: Any, variable: Any, learning_rate: Any) -> None:
        i = optimizer._get_variable_index(variable)
        tf.raw_ops.ResourceApplyRMSProp(
            var=_handle(variable),
            ms=_handle(optimizer._velocities[i]),
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

    def update(gradient: Any, variable: Any, learning_rate: Any) -> None:
        i = optimizer._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdadelta(
            var=_handle(variable),
            accum=_handle(optimizer._accumulated_grads[i]),
            accum_update=_handle(optimizer._accumulated_delta_vars[i]),
            lr=learning_rate,
            rho=optimizer.rho,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )

    return update


def _handle(variable: Any) -> Any:
    """What a kernel knows a variable by, be it Keras's or TensorFlow's."""
    import keras

    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
