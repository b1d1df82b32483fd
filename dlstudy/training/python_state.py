"""All that decides the graphs of a Keras model: what its objects hold, without the values of variables.

A configuration does not tell everything: not what is excluded from weight decay, what a layer was given after it was
made, or what Keras was set to. So every object that a model holds is read, attribute by attribute. One that is not
Keras's own, or whose content cannot be read, makes the state unknown.
"""

import enum
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dlstudy.training import global_settings, private_names

__all__ = ["state_of"]

_STATE_ONLY = ("seed", "_initial_seed")
"""Attributes that decide only values in variables, as do those that end in `initializer`."""

_TOLD_ELSEWHERE = ("_auto_config", "_nodes", "_tracker")
"""Attributes that repeat what others tell: arguments of a constructor, names of nodes, who holds what."""

_OF_A_TRAINING = (
    "history",
    "predict_function",
    "stop_evaluating",
    "stop_predicting",
    "stop_training",
    "test_function",
    "train_function",
)
"""Attributes of a model in which a training leaves something that decides no graph."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class _UnknownError(Exception):
    """An object whose content is not known."""


def state_of(model: Any) -> str:  # Any: a Keras model, compiled and built
    """A digest of what decides the graphs of a model; empty where that is not known. Equal digests, equal graphs.

    Values of variables do not count, nor do seeds and initializers, which decide those alone; a learning rate is a
    variable. Names and the order of everything count, and so do Keras's and TensorFlow's settings.
    """
    reader = _Reader()
    try:
        reader.read(global_settings.current())
        reader.read(model)
    except (_UnknownError, RecursionError):
        return ""
    return reader.digest.hexdigest()


class _Reader:
    """Reads objects into a digest; what it has met before counts as the number of its first meeting."""

    def __init__(self) -> None:
        self.digest = hashlib.blake2b(digest_size=16)
        self._met: dict[int, int] = {}
        self._alive: list[object] = []  # an identity is one only while its object lives

    def read(self, value: object) -> None:
        """Reads one object.

        Raises:
            _UnknownError: its content is not known.
        """
        if isinstance(value, _PLAIN):
            self._note(f"{type(value).__name__} {value!r}")
        elif isinstance(value, type | types.ModuleType | enum.Enum):
            self._note_identity(value)
        elif id(value) in self._met:
            self._note(f"again {self._met[id(value)]}")
        else:
            self._met[id(value)] = len(self._met)
            self._alive.append(value)
            self._read_new(value)

    def _read_new(self, value: Any) -> None:
        import tensorflow as tf

        kind = type(value)
        self._note(f"{kind.__module__}.{kind.__qualname__}")
        if isinstance(value, Mapping):
            self._read_all((len(value), *(item for pair in value.items() for item in pair)))
        elif isinstance(value, list | tuple):
            self._read_all((len(value), *value))
        elif isinstance(value, set | frozenset):
            self._read_all((len(value), *_sorted(value)))
        elif isinstance(value, np.ndarray | np.generic):
            self._note_array(np.asarray(value))
        elif isinstance(value, tf.Variable):
            self._note(f"{value.shape} {value.dtype} {value.trainable}")
        elif isinstance(value, tf.Tensor):
            if tf.is_symbolic_tensor(value):
                raise _UnknownError
            self._note_array(np.asarray(value.numpy()))  # a text comes as bytes
        elif isinstance(value, tf.DType | tf.TensorShape | inspect.Signature):
            self._note(str(value))
        elif isinstance(value, tf.distribute.Strategy):
            self._note_identity(value)
        elif inspect.ismethod(value):
            self._note_identity(value.__func__)
            self.read(value.__self__)
        elif inspect.isroutine(value):
            self._note_function(value)
        elif private_names.is_from_keras(kind):
            self._note_class(kind)
            self._read_all(_attributes(value))
        else:
            raise _UnknownError

    def _read_all(self, values: Any) -> None:  # Any: an iterable of objects
        for value in values:
            self.read(value)

    def _note(self, text: str) -> None:
        self.digest.update(text.encode())
        self.digest.update(b"\0")

    def _note_identity(self, value: object) -> None:
        self._alive.append(value)
        self._note(f"{getattr(value, '__name__', value)} {id(value)}")

    def _note_array(self, array: np.ndarray) -> None:
        if array.dtype.hasobject:
            raise _UnknownError
        self._note(f"{array.dtype} {array.shape}")
        self.digest.update(np.ascontiguousarray(array).tobytes())

    def _note_function(self, function: Any) -> None:
        """A function that a module of Keras defines is one object for good; any other may be anything."""
        if not _is_defined_by_keras(function):
            raise _UnknownError
        self._note_identity(function)

    def _note_class(self, kind: type) -> None:
        """A class with the functions that it has now: a study may have replaced one."""
        for base in kind.__mro__:
            for value in vars(base).values():
                if inspect.isroutine(value):
                    self._note(str(id(value)))


def _attributes(value: Any) -> Iterator[object]:  # Any: an object of Keras's
    """Names and values of what an object holds, but for what decides no graph."""
    held = dict(vars(value)) if hasattr(value, "__dict__") else {}
    held |= {
        name: getattr(value, name) for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name)
    }
    for name, item in held.items():
        if name.endswith("initializer") or name in _STATE_ONLY or name in _OF_A_TRAINING:
            continue
        if name.startswith("_self_") or name in _TOLD_ELSEWHERE:
            continue
        if name in ("build", "quantize") and _is_wrapped(value, name, item):
            continue
        yield name
        yield item


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    return [slots] if isinstance(slots, str) else [name for name in slots if not name.startswith("__")]


def _is_wrapped(value: Any, name: str, item: Any) -> bool:
    """Whether an attribute is the method of that name, as Keras wraps it for each layer."""
    wrapped = getattr(item, "__wrapped__", None)
    return getattr(wrapped, "__func__", None) is getattr(type(value), name, None)


def _is_defined_by_keras(function: Any) -> bool:
    if not str(getattr(function, "__module__", "")).startswith("keras.src.") or getattr(function, "__closure__", None):
        return False
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _sorted(values: Any) -> list[Any]:  # Any: a set
    if not all(isinstance(value, _PLAIN) for value in values):
        raise _UnknownError
    return sorted(values, key=repr)
