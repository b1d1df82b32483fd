"""Rows as Keras's `fit`, `evaluate` and `predict` take them when no graph does."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from dlstudy.datasets.disk_rows import any_on_disk
from dlstudy.datasets.structure import Structure, arrays_in, map_arrays, rows_in, take

__all__ = ["batches_of", "has_text", "in_batches"]

_MOST_THREADS = 8


def has_text(part: Structure) -> bool:
    """Whether any of the arrays holds texts, which Keras takes as tensors only."""
    return any(array is not None and array.dtype.kind == "O" for array in arrays_in(part))


def in_batches(
    part: Structure, batch_size: int, rows: np.ndarray | None = None
) -> dict[str, Any]:  # Any: arrays, or a `tf.data.Dataset`
    """The arguments for `evaluate`: `x`, `y`, `sample_weight` and `batch_size`, or a data set of batches as `x`.

    Args:
        part: `(x,)`, `(x, y)` or `(x, y, weight)`.
        batch_size: rows in a batch.
        rows: (n,) the numbers of those that are meant; None for all.
    """
    if any_on_disk(part):
        numbers = np.arange(rows_in(part)) if rows is None else rows
        starts = range(0, len(numbers), batch_size)
        return {"x": batches_of(part, lambda: (numbers[i : i + batch_size] for i in starts), len(starts))}
    part = part if rows is None else take(part, rows)
    if not has_text(part):
        named = dict(zip(("x", "y", "sample_weight"), part, strict=False))
        return {**named, "batch_size": batch_size}
    import tensorflow as tf

    tensors = map_arrays(lambda array: tf.constant(array) if array is not None else None, part)
    return {"x": tf.data.Dataset.from_tensor_slices(tensors).batch(batch_size)}


def batches_of(
    part: Structure, numbers: Callable[[], Iterable[np.ndarray]], n: int
) -> Any:  # Any: a `tf.data.Dataset`, whose type this module must not import
    """Batches of rows, in order; those of files are read ahead while Keras trains on the last ones.

    Args:
        part: as of `in_batches`.
        numbers: gives the row numbers of each batch; is called anew for each epoch.
        n: how many batches it gives.
    """
    import tensorflow as tf

    def batches() -> Iterator[Structure]:
        read = _read_ahead if any_on_disk(part) else map
        return iter(read(lambda rows: take(part, rows), numbers()))

    def spec(array: Any) -> Any:
        return tf.TensorSpec((None, *array.shape[1:]), tf.string if array.dtype.kind == "O" else array.dtype)

    found = tf.data.Dataset.from_generator(batches, output_signature=map_arrays(spec, part))
    found = found.apply(tf.data.experimental.assert_cardinality(n))
    return found.prefetch(2) if any_on_disk(part) else found


def _read_ahead(read: Callable[[np.ndarray], Structure], numbers: Iterable[np.ndarray]) -> Iterator[Structure]:
    """What `read` gives for each, in order, by as many threads as the slot has."""
    n_threads = int(os.environ.get("DLSTUDY_THREADS", "0")) or min(_MOST_THREADS, os.cpu_count() or 1)
    waiting: deque[Future[Structure]] = deque()
    with ThreadPoolExecutor(n_threads) as threads:
        try:
            for rows in numbers:
                waiting.append(threads.submit(read, rows))
                if len(waiting) > 2 * n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)
