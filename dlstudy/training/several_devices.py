"""A training on several devices at once: each takes a part of every batch, and they agree on each step."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dlstudy.errors import TrialError

__all__ = ["SEVERAL", "on_devices"]

SEVERAL = "it trains on several devices"
"""Why such a training goes by Keras's own fit, and keeps no checkpoints."""


def on_devices(n: int) -> AbstractContextManager[Any]:  # Any: TensorFlow's
    """While active, what Keras builds and trains is mirrored on the first `n` GPUs of this process, or CPU devices.

    Raises:
        TrialError: the process has fewer.
    """
    if n == 1:
        return nullcontext()
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(names) < n:
        raise TrialError(f"it trains on {n} devices at once (Arm.gpus), and this process has {len(names)} of {kind}")
    scope: AbstractContextManager[Any] = tf.distribute.MirroredStrategy(names[:n]).scope()
    return scope
