"""A Keras training that goes on after an interruption: what is kept of it between two epochs, and put back.

A checkpoint has the values of all variables, the streams of random numbers, the record of the epochs, the attributes
of callbacks that have changed since the training began, and the files of the trial. All else is as `build` and
`callbacks` make it anew. Where that would not be all, as the study's code changes the model while it trains or holds
something that cannot be kept, there is no checkpoint.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.files import read_files, write_files
from dlstudy.training import private_names
from dlstudy.training.arrays import Task
from dlstudy.training.checkpoint_file import NotPlainError, packed
from dlstudy.training.checkpoints import CheckpointError, Checkpoints
from dlstudy.training.epoch_recorder import EpochRecorder
from dlstudy.training.mlflow_capture import mlflow_was_used
from dlstudy.training.python_state import UnknownStateError, read_state, variables_of
from dlstudy.training.random_streams import restore_streams, state_of_streams

__all__ = ["Resuming"]

_DRAWS = ("TruncatedNormal", "ParameterizedTruncatedNormal", "Multinomial")
"""Operations that draw numbers from a state of their own, beside those whose name begins with `Random`."""
_CHANGES = "the study's code changes the model while it trains"


class _NotKeptError(Exception):
    """The state of a training cannot be kept; the message says why."""


class Resuming:
    """Writes the checkpoints of one training, and restores one."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        task: Task,
        recorder: EpochRecorder,
        callbacks: Sequence[Any],  # Any: Keras's
        graphs: Callable[[], Iterable[Any]],  # Any: TensorFlow's
        way: str,
    ) -> None:
        """Prepares a training.

        Args:
            checkpoints: of the trial.
            task, recorder: of the training.
            callbacks: of the study.
            graphs: those that train and judge, once they are traced.
            way: what trains; a checkpoint of another way does not serve.
        """
        self._checkpoints, self._task, self._recorder = checkpoints, task, recorder
        self._callbacks, self._graphs, self._way = callbacks, graphs, way
        self._folder = Path(task.spec.folder) if task.spec.folder else None
        found = checkpoints.found
        if found is not None and found.content["way"] != way:
            raise CheckpointError(f"it was trained by {found.content['way']}")
        self.first_epoch = found.epoch if found else 0
        self._begun: list[str] = []
        self._held: list[dict[str, str]] = []

    def around(self, callbacks: Sequence[Any]) -> list[Any]:  # Any: Keras's
        """The callbacks of the training, with those that write checkpoints around them."""
        import keras

        first: Any = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: self._epoch_begins(epoch, first.model),
            on_epoch_end=lambda epoch, _: self._watch(epoch, first.model),
        )
        last: Any = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: self._epoch_begun(epoch, last.model))
        return [first, *callbacks, last]

    def _epoch_begins(self, epoch: int, model: Any) -> None:
        found = self._checkpoints.found
        if epoch == self.first_epoch:
            self._held = [_held_by(callback, self._apart(model)) for callback in self._callbacks]
            if found is not None:
                _restore(found.content, model, self._recorder, self._callbacks)
                if self._folder is not None:
                    write_files(found.files, self._folder)
                self._checkpoints.remarks.append(f"went on after an interruption, from epoch {epoch + 1}")
            self._watch(epoch, model)
        elif self._checkpoints.is_due:
            try:
                self._keep(epoch, model)
            except _NotKeptError as error:
                self._checkpoints.give_up(str(error))
            except UnknownStateError as error:
                self._checkpoints.give_up(f"it is not known what the model's {error} holds")
            except private_names.MISSING as error:
                self._checkpoints.give_up(f"this version of Keras or TensorFlow does not show it: {error}")

    def _epoch_begun(self, epoch: int, model: Any) -> None:
        self._watch(epoch, model)
        if epoch == self.first_epoch > 0 and len(set(self._begun)) > 1:  # the graphs were traced before that change
            raise CheckpointError(_CHANGES)

    def _watch(self, epoch: int, model: Any) -> None:
        """Notes what the model is in Python around the callbacks of the first epoch; later, `_keep` compares."""
        if epoch == self.first_epoch:
            try:
                self._begun.append(read_state(model, self._callbacks))
            except (UnknownStateError, RecursionError) as error:
                self._checkpoints.give_up(f"it is not known what the model's {error} holds")

    def _apart(self, model: Any) -> list[Any]:
        """What callbacks may hold without it being theirs."""
        return [model, *self._callbacks, *model.variables, *(variable.value for variable in model.variables)]

    def _keep(self, epoch: int, model: Any) -> None:
        begins, begun, ends = self._begun
        if begins != begun or read_state(model, self._callbacks) != ends:
            raise _NotKeptError(_CHANGES)
        if mlflow_was_used():
            raise _NotKeptError("the study's code logs to MLflow")
        if drawn := {name for graph in self._graphs() for name in _drawing(graph)}:
            raise _NotKeptError(
                f"tf.random draws in the model ({min(drawn)}): keras.random with a SeedGenerator can go on"
            )
        content = {
            "way": self._way,
            "reason": self._task.graph_fault,
            "variables": _values_in(model),
            "callbacks": [
                (type(callback).__name__, _changed(callback, held, self._apart(model)))
                for callback, held in zip(self._callbacks, self._held, strict=True)
            ],
            "recorder": self._recorder.state(),
            "history": (list(model.history.epoch), dict(model.history.history)),
            "streams": state_of_streams(),
        }
        self._checkpoints.write(epoch, content, read_files(self._folder) if self._folder else {})


def _restore(
    content: Mapping[str, Any], model: Any, recorder: EpochRecorder, callbacks: Sequence[Any]
) -> None:  # Any: as a checkpoint holds it; Keras's types
    names = [type(callback).__name__ for callback in callbacks]
    if names != [name for name, _ in content["callbacks"]]:
        raise CheckpointError(f"the callbacks are others: {', '.join(names)}")
    _set_values(model, *content["variables"])
    for callback, (_, changed) in zip(callbacks, content["callbacks"], strict=True):
        for name, value in changed.items():
            setattr(callback, name, value)
    model.history.epoch, model.history.history = content["history"]
    recorder.restore(content["recorder"])
    restore_streams(content["streams"])


def _values_in(model: Any) -> tuple[list[np.ndarray], list[tuple[list[int], list[np.ndarray]]]]:
    """The values of a model's variables; and of each optimizer, the numbers of those that it trains, and its own."""
    variables, optimizers = variables_of(model)
    numbers = {id(variable): i for i, variable in enumerate(variables)}
    of_optimizers = []
    for optimizer in optimizers:
        trained = [id(variable.value) for variable in private_names.trained_by(optimizer)]
        if not set(trained) <= set(numbers):
            raise _NotKeptError("an optimizer trains what the model does not hold")
        of_optimizers.append(([numbers[key] for key in trained], [item.numpy() for item in optimizer.variables]))
    return [variable.numpy() for variable in variables], of_optimizers


def _set_values(
    model: Any, values: Sequence[np.ndarray], of_optimizers: Sequence[tuple[Sequence[int], Sequence[np.ndarray]]]
) -> None:
    try:
        variables, optimizers = variables_of(model)
    except UnknownStateError as error:
        raise CheckpointError(f"it is not known what the model's {error} holds") from error
    if len(optimizers) != len(of_optimizers):
        raise CheckpointError("the model has other optimizers before it trains")
    _assign(variables, values)
    wrapped = {id(variable.value): variable for variable in model.variables}
    for optimizer, (trained, own) in zip(optimizers, of_optimizers, strict=True):
        if not optimizer.built and trained:
            keys = [id(variables[i]) for i in trained]
            if not set(keys) <= set(wrapped):
                raise CheckpointError("an optimizer trains what is no variable of the model")
            optimizer.build([wrapped[key] for key in keys])
        _assign(optimizer.variables, own)


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    shapes = [(tuple(variable.shape), variable.numpy().dtype) for variable in variables]
    if shapes != [(value.shape, value.dtype) for value in values]:
        raise CheckpointError("the model has other variables before it trains")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _held_by(callback: Any, apart: Sequence[Any]) -> dict[str, str]:
    """A digest of each attribute of a callback, by its name; empty where what it holds is not known."""
    return {name: _digest(value, apart) for name, value in _attributes(callback)}


def _changed(callback: Any, before: Mapping[str, str], apart: Sequence[Any]) -> dict[str, Any]:
    """The attributes that are not as they were."""
    changed = {}
    for name, value in _attributes(callback):
        digest = _digest(value, apart)
        if digest and digest == before.get(name):
            continue
        try:
            packed(value, [])
        except NotPlainError as error:
            what = f"{type(callback).__name__}.{name}"
            raise _NotKeptError(f"{what}, which holds a {error}, cannot be put back") from None
        changed[name] = value
    return changed


def _attributes(callback: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(callback).items() if name not in ("model", "_model", "params")]


def _digest(value: Any, apart: Sequence[Any]) -> str:
    try:
        return read_state(value, apart, values=True)
    except (UnknownStateError, RecursionError):
        return ""


def _drawing(graph: Any) -> set[str]:
    """The operations of a graph that draw random numbers from a state that cannot be read."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return {node.op for node in nodes if node.op.startswith("Random") or node.op in _DRAWS}
