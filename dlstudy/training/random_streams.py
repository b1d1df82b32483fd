"""The streams of random numbers that a training draws from, beside those that its model holds."""

import random
from typing import Any

import numpy as np

from dlstudy.training import private_names

__all__ = ["restore_streams", "state_of_streams"]


def state_of_streams() -> dict[str, Any]:  # Any: tuples, numbers and arrays
    """The state of the streams of Python, NumPy, TensorFlow outside of graphs, and Keras.

    Raises:
        AttributeError, ImportError: this version of Keras or TensorFlow does not show its own.
    """
    seeds = private_names.global_seeds(make=False)
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "tensorflow": private_names.eager_seeds().getstate(),
        "keras": None if seeds is None else seeds.state.numpy(),
    }


def restore_streams(state: dict[str, Any]) -> None:  # Any: as above
    """Sets the streams as they were."""
    if state["keras"] is not None:
        private_names.global_seeds(make=True).state.assign(state["keras"])
    private_names.eager_seeds().setstate(state["tensorflow"])
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
