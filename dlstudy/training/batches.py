"""Rows as Keras's `fit`, `evaluate` and `predict` take them when no graph does."""

from typing import Any

from dlstudy.datasets.structure import Structure, arrays_in, map_arrays

__all__ = ["has_text", "in_batches"]


def has_text(part: Structure) -> bool:
    """Whether any of the arrays holds texts, which Keras takes as tensors only."""
    return any(array is not None and array.dtype.kind == "O" for array in arrays_in(part))


def in_batches(part: Structure, batch_size: int) -> dict[str, Any]:  # Any: arrays, or a `tf.data.Dataset`
    """The arguments for `evaluate`: `x`, `y`, `sample_weight` and `batch_size`, or a data set of batches as `x`.

    Args:
        part: `(x,)`, `(x, y)` or `(x, y, weight)`.
        batch_size: rows in a batch.
    """
    if not has_text(part):
        named = dict(zip(("x", "y", "sample_weight"), part, strict=False))
        return {**named, "batch_size": batch_size}
    import tensorflow as tf

    tensors = map_arrays(lambda array: tf.constant(array) if array is not None else None, part)
    return {"x": tf.data.Dataset.from_tensor_slices(tensors).batch(batch_size)}
