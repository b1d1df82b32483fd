"""The losses of single rows, from a model's outputs for them: what its own loss and metrics are means of."""

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from dlstudy.study.row_values import MOST_ROWS
from dlstudy.training.outputs import metric_objects
from dlstudy.training.private_names import is_from_keras

__all__ = ["losses_of_rows"]

_Loss = Callable[[Any, Any], Any]
"""Targets and outputs to (n, ...) losses. Any: tensors, whose type this module must not import."""


def losses_of_rows(
    model: Any, y: Any, scores: Mapping[str, float], predict: Callable[[], Any]
) -> dict[str, np.ndarray]:  # Any: a Keras model; a structure of arrays
    """The losses of single rows, for the loss and the metrics of a model that are Keras's own and means over rows.

    They are candidates: a model may compute its metrics in another way. Penalties count in each row.

    Args:
        model: compiled, and evaluated on these rows.
        y: (n, ...) the targets of the rows, or a structure of such arrays, of which nothing is told.
        scores: what Keras's `evaluate` returned for them.
        predict: gives the outputs for them.

    Returns:
        (n,) float64, by names of `scores`.
    """
    if not isinstance(y, np.ndarray) or len(y) > MOST_ROWS:
        return {}
    try:
        losses = [(name, loss) for name, loss in _losses(model) if name in scores]
        outputs = predict() if losses else None
        if not isinstance(outputs, np.ndarray) or len(outputs) != len(y):
            return {}
        penalty = math.fsum(map(float, model.losses))
        return {
            name: _closest(_ways(loss, y, outputs), scores[name] - (penalty if name == "loss" else 0.0))
            + (penalty if name == "loss" else 0.0)
            for name, loss in losses
        }
    except Exception:  # a model may train by steps of its own, and then Keras's losses need not fit its outputs
        return {}


def _losses(model: Any) -> Iterator[tuple[str, Any]]:  # Any: a loss of Keras's, an object or a function
    """The loss of a model, and the losses that its metrics are means of, where Keras defines them."""
    import keras

    given = keras.tree.flatten(model.loss)
    if len(given) == 1 and given[0] is not None and str(given[0]).lower() not in ("crossentropy", "ce"):
        loss: Any = keras.losses.get(given[0])  # Any: as above
        if is_from_keras(type(loss) if isinstance(loss, keras.losses.Loss) else loss, "losses"):
            yield "loss", loss
    for metric in metric_objects(model):
        name = type(metric).__name__
        kind = getattr(keras.losses, name, None)
        if kind is not None and type(metric) is getattr(keras.metrics, name, None):
            stated = metric.get_config()
            yield metric.name, kind(**{key: stated[key] for key in stated if key not in ("name", "dtype")})


def _ways(loss: Any, y: np.ndarray, outputs: np.ndarray) -> Iterator[np.ndarray]:  # Any: as above
    """The losses as Keras computes them of outputs, and as it computes them in a graph, of the logits behind those.

    Outputs that are clipped to 1e-7 bound the loss of a row by 16; a graph finds the logits before the activation.
    """
    yield _by_row(getattr(loss, "call", loss), y, outputs)
    if inspect.isfunction(loss):
        by_logits: _Loss = functools.partial(loss, from_logits=True)
        known = "from_logits" in inspect.signature(loss).parameters
    else:
        known = loss.get_config().get("from_logits") is False
        by_logits = type(loss).from_config({**loss.get_config(), "from_logits": True}).call if known else loss.call
    if known and bool(((outputs >= 0) & (outputs <= 1)).all()):
        tiny, one = np.finfo(outputs.dtype).tiny, 1 - np.finfo(outputs.dtype).epsneg
        logits = np.log(np.maximum(outputs, tiny))
        yield _by_row(by_logits, y, logits)
        yield _by_row(by_logits, y, logits - np.log1p(-np.minimum(outputs, one)))  # of a sigmoid


def _by_row(loss: _Loss, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """(n,) float64, the mean over whatever a row has several losses of."""
    import keras

    shaped = y.reshape(outputs.shape) if y.size == outputs.size else y
    target, output = (keras.ops.convert_to_tensor(array, outputs.dtype.name) for array in (shaped, outputs))
    values = keras.ops.convert_to_numpy(loss(target, output)).astype(np.float64)
    means: np.ndarray = values.reshape(len(y), -1).mean(axis=1)
    return means


def _closest(candidates: Iterator[np.ndarray], score: float) -> np.ndarray:
    def distance(of_rows: np.ndarray) -> float:
        return abs(float(of_rows.mean()) - score)

    return min(candidates, key=distance)
