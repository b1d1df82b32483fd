"""What Keras and TensorFlow are set to in a process: of a study, from what it sets while it is imported.

Such settings hold in the trainings of that study, and in no other. What a trial sets holds until its end.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["Settings", "clear_session", "current", "restored", "set_all"]

Settings = Mapping[str, Any]  # Any: plain values
"""Values by name; a policy of None is the one that follows from the float type."""


def current() -> dict[str, Any]:  # Any: as above
    """The settings of this process."""
    found = {name: read() for name, (read, _) in _settings().items()}
    found["dtype_policy"] = _policy(found["floatx"])
    return found


def set_all(settings: Settings) -> None:
    """Sets what differs from the settings of this process."""
    import keras

    for name, (read, write) in _settings().items():
        if read() != settings[name]:
            write(settings[name])
    if settings["dtype_policy"] is not None:
        keras.config.set_dtype_policy(settings["dtype_policy"])
    elif _policy(settings["floatx"]) is not None:
        keras.config.set_dtype_policy(settings["floatx"])


def clear_session() -> None:
    """Keras's `clear_session`, which would forget a precision policy that a study has set."""
    import keras

    policy = _policy(keras.config.floatx())
    keras.utils.clear_session()
    if policy is not None:  # else it follows from the float type, which `build` may set
        keras.config.set_dtype_policy(policy)


@contextmanager
def restored() -> Iterator[None]:
    """Afterwards sets what has changed meanwhile as it was."""
    before = current()
    try:
        yield
    finally:
        set_all(before)


def _policy(floatx: str) -> str | None:
    import keras

    name: str = keras.config.dtype_policy().name
    return None if name == floatx else name


def _settings() -> dict[str, tuple[Callable[[], Any], Callable[[Any], None]]]:
    """How each setting is read and written."""
    import keras
    import tensorflow as tf

    config, on_device = keras.config, tf.config.experimental
    return {
        "floatx": (config.floatx, config.set_floatx),
        "epsilon": (config.epsilon, config.set_epsilon),
        "image_data_format": (config.image_data_format, config.set_image_data_format),
        "max_epochs": (config.max_epochs, config.set_max_epochs),
        "max_steps_per_epoch": (config.max_steps_per_epoch, config.set_max_steps_per_epoch),
        "functions_run_eagerly": (tf.config.functions_run_eagerly, tf.config.run_functions_eagerly),
        "tensor_float_32": (on_device.tensor_float_32_execution_enabled, on_device.enable_tensor_float_32_execution),
        "soft_device_placement": (tf.config.get_soft_device_placement, tf.config.set_soft_device_placement),
        "jit": (lambda: tf.config.optimizer.get_jit() or False, tf.config.optimizer.set_jit),
        "optimizer_options": (
            tf.config.optimizer.get_experimental_options,
            tf.config.optimizer.set_experimental_options,
        ),
    }
