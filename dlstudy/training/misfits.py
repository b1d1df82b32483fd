"""What does not fit together in a compiled model and its rows: outputs, loss, targets and metrics."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.datasets.disk_rows import any_on_disk
from dlstudy.datasets.structure import arrays_in, is_table, take
from dlstudy.study.outputs import Scale
from dlstudy.training.arrays import Task
from dlstudy.training.outputs import loss_family

__all__ = ["doubts", "misfit", "misplaced_metrics", "not_finite"]

_Model = Any  # a compiled Keras model: Keras is not to be imported here
_MOST_ROWS = 20_000
"""Rows in which numbers are looked for that are not finite."""


def misplaced_metrics(model: _Model) -> str:
    """Says that metrics are in the place of the weights of losses; empty where they are not."""
    given: Any = None
    with suppress(Exception):  # of a model that is compiled in a way of its own
        given = (model.get_compile_config() or {}).get("loss_weights")
    weights = given if isinstance(given, list | tuple) else [given]
    if not any(isinstance(weight, str) for weight in weights):
        return ""
    return f"the third argument of compile is loss_weights, got {given!r}: write model.compile(..., metrics={given!r})"


def misfit(model: _Model, y: Any, outputs: Any) -> str:
    """Why no training can work, in one line with its remedy; empty where nothing is known to be wrong.

    Args:
        model: compiled.
        y: (n, ...) the targets that train, or a structure of such.
        outputs: (m, ...) what the model gives for some rows, or a structure of such.
    """
    if not (isinstance(y, np.ndarray) and isinstance(outputs, np.ndarray)) or outputs.ndim < 2:
        return ""
    columns, loss = outputs.shape[-1], _name(model)
    if loss_family(model, columns) is None:
        return ""
    are_numbers = y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)
    if are_numbers and outputs.ndim > 2:
        return (
            f"a row has outputs of shape {outputs.shape[1:]}, and one target: add keras.layers.Flatten(), or another "
            "layer that leaves one row of numbers"
        )
    if "sparse" not in loss.lower():
        if not are_numbers or columns == 1:
            return ""
        return (
            f"the loss {loss} takes a column of targets for each of the {columns} outputs, got class numbers: compile "
            "sparse_categorical_crossentropy"
        )
    if y.shape[1:] == outputs.shape[1:] and columns > 1:
        return (
            f"the loss {loss} takes class numbers, got targets of {columns} columns: compile categorical_crossentropy, "
            "or leave the class numbers as they are"
        )
    return _of_labels(y, columns, loss)


def _of_labels(y: np.ndarray, columns: int, loss: str) -> str:
    """Class numbers that the outputs do not have."""
    if y.dtype.kind not in "iufb" or not y.size or not np.isfinite(y).all():
        return ""
    low, high = y.min(), y.max()
    if low < 0:
        return f"the loss {loss} takes class numbers from 0 on, got {low:g}: number the classes from 0 in prepare"
    if high < columns:
        return ""
    binary = ", or one with a sigmoid and the loss binary_crossentropy" if high == 1 else ""
    return (
        f"the model has {columns} output{'s'[: columns != 1]}, and the targets are classes 0 to {high:g}: give its "
        f'last layer p["n_classes"] units, {high + 1:g}{binary}'
    )


def doubts(model: _Model, about: Description, y: Any, outputs: Any, metrics: Mapping[str, float]) -> Iterator[str]:
    """What a training does not fail of, and is probably meant otherwise.

    Args:
        model, y, outputs: as of `misfit`.
        about: the description of the data set.
        metrics: those of one step, by the names that a trial gives them.
    """
    if not (isinstance(y, np.ndarray) and isinstance(outputs, np.ndarray)) or outputs.ndim != 2:
        return
    columns, loss = outputs.shape[1], _name(model)
    family = loss_family(model, columns)
    if about.task == "regression" and family is None and (found := {"val_accuracy", "val_acc"} & set(metrics)):
        yield (
            f"{min(found)} is the share of values that are met exactly, and the targets are numbers: compile "
            'metrics=["mae"], and state Protocol(metric="val_mae")'
        )
    if family not in (Scale.PROBABILITIES, Scale.PROBABILITY):
        return
    activation = "softmax" if family is Scale.PROBABILITIES else "sigmoid"
    if columns == 1 and bool((outputs == 1).all()):
        yield 'the model gives 1 for every row, as a softmax of one unit does: write activation="sigmoid"'
    elif bool(((outputs < 0) | (outputs > 1 + 1e-3)).any()):
        yield (
            f'the loss {loss} takes probabilities, and the outputs are none: write activation="{activation}" in the '
            f"last layer, or give the loss from_logits=True"
        )
    if "sparse" in loss.lower() and about.classifies and columns > about.n_classes > 1 and y.max() < about.n_classes:
        yield f'the model has {columns} outputs for {about.n_classes} classes: give its last layer p["n_classes"] units'
    if family is Scale.PROBABILITY and y.dtype.kind in "iuf" and y.size and y.max() > 1:
        yield f"the loss {loss} takes targets from 0 to 1, got {y.max():g}: give each class an output, with a softmax"


def not_finite(task: Task) -> str:
    """Says which rows that train have numbers that are not finite; empty where none has.

    Rows that stay in files are not read for it.
    """
    for what, part in (("inputs", task.arrays.x), ("targets", task.arrays.y)):
        for array in () if part is None or any_on_disk(part) else arrays_in(part):
            wrong, names = _not_finite_in(take(array, task.rows.train[:_MOST_ROWS]), task.description.feature_names)
            if wrong.any():
                n, found = wrong.any(axis=1).sum(), [name for i, name in enumerate(names) if wrong[:, i].any()]
                where = f" ({', '.join(found[:3])}{', ...' if len(found) > 3 else ''})" if found else ""
                return f"{n} of {len(wrong)} rows have {what} that are not finite numbers{where}"
    return ""


def _not_finite_in(rows: Any, names: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:  # Any: an array or a table
    """(n, columns) bool, and the names of the columns where they have some."""
    if is_table(rows):
        rows = rows.select_dtypes("float")
        names, rows = list(rows.columns), rows.to_numpy()
    if rows.dtype.kind != "f":
        return np.zeros((len(rows), 0), bool), ()
    wrong = ~np.isfinite(np.asarray(rows)).reshape(len(rows), -1)
    return wrong, names if len(names) == wrong.shape[1] else ()


def _name(model: _Model) -> str:
    """The loss, as a reader would write it."""
    loss = model.loss
    if isinstance(loss, str):
        return loss
    return str(getattr(loss, "__name__", type(loss).__name__))
