"""Undoes in predictions what a study's `prepare` does to the targets, from the rows that train."""

from typing import Any

import numpy as np

from dlstudy.errors import TrialError
from dlstudy.training.own_metrics import one_dimension
from dlstudy.training.predicted import Predicted

__all__ = ["undone"]

_CLOSE = 1e-5


def undone(found: Predicted, before: np.ndarray, after: np.ndarray, n_labels: int) -> Predicted:
    """Predictions with labels and values as they were before.

    Args:
        found: labels, with probabilities perhaps, or values, as of the prepared targets.
        before, after: (n, ...) targets of the same rows, as in the data and as prepared.
        n_labels: that the data has.

    Raises:
        TrialError: labels were joined, or values changed in another way than by a scale and an offset.
    """
    if "values" in found:
        return {**found, "values": _values(found["values"], one_dimension(before), one_dimension(after))}
    if "labels" not in found or found["labels"].ndim != 1:
        return found
    numbers = after.argmax(axis=1) if after.size > len(after) else one_dimension(after)
    if np.array_equal(numbers, before):
        return found
    pairs = set(zip(numbers.tolist(), before.tolist(), strict=True))
    known: dict[Any, Any] = dict(pairs)
    if len(known) < len(pairs) or not set(found["labels"].tolist()) <= set(known):
        raise TrialError("prepare joins classes, and its predictions cannot be taken apart again")
    labels = np.array([known[label] for label in found["labels"].tolist()])
    return {"labels": labels, **_probabilities(found, known, n_labels)}


def _values(values: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if np.array_equal(before, after):
        return values
    if before.shape != after.shape or values.shape[1:] != after.shape[1:]:
        raise TrialError("prepare gives the targets another form, and its predictions cannot be undone")
    y, x = after.astype(np.float64), before.astype(np.float64)
    spread = ((x - x.mean(axis=0)) ** 2).mean(axis=0)
    slope = ((x - x.mean(axis=0)) * (y - y.mean(axis=0))).mean(axis=0) / np.where(spread, spread, 1.0)
    offset = y.mean(axis=0) - slope * x.mean(axis=0)
    if not np.all(slope) or not np.allclose(slope * x + offset, y, rtol=_CLOSE, atol=_CLOSE * float(np.ptp(y))):
        raise TrialError("prepare changes the targets by more than a scale and an offset, and this cannot be undone")
    undone: np.ndarray = (values.astype(np.float64) - offset) / slope
    return undone


def _probabilities(found: Predicted, known: dict[Any, Any], n_labels: int) -> Predicted:
    given = found.get("probabilities")
    if given is None:
        return {}
    whole = np.zeros((len(given), n_labels))
    for prepared, label in known.items():
        if int(prepared) < given.shape[1]:
            whole[:, int(label)] = given[:, int(prepared)]
    return {"probabilities": whole}
