"""All that decides the graphs of a Keras model: what its objects hold, without the values of variables.

A configuration does not tell everything: not what is excluded from weight decay, what a layer was given after it was
made, or what Keras was set to. So every object that a model holds is read, attribute by attribute. One whose content
cannot be read makes the state unknown, and where graphs are to be kept, so does one that is not Keras's own: what its
functions read is not all in objects.
"""

import enum
import functools
import hashlib
import inspect
import io
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from dlstudy.training import global_settings, private_names

__all__ = ["UnknownStateError", "is_defined_by_keras", "read_state", "state_of", "variables_of"]

_STATE_ONLY = ("seed", "_initial_seed")
"""Attributes that decide only values in variables, as do those that end in `initializer`."""

_TOLD_ELSEWHERE = ("_auto_config", "_nodes", "_tracker")
"""Attributes that repeat what others tell: arguments of a constructor, names of nodes, who holds what."""

_OF_A_TRAINING = (
    "_eval_epoch_iterator",
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


class UnknownStateError(Exception):
    """The content of an object is not known; the message names its class."""


def state_of(model: Any) -> str:  # Any: a Keras model, compiled and built
    """A digest of what decides the graphs of a model; empty where that is not known. Equal digests, equal graphs.

    Values of variables do not count, nor do seeds and initializers, which decide those alone; a learning rate is a
    variable. Names and the order of everything count, and so do Keras's and TensorFlow's settings.
    """
    reader = _Reader()
    try:
        reader.read(global_settings.current())
        reader.read(model)
    except (UnknownStateError, RecursionError):
        return ""
    return reader.digest.hexdigest()


def read_state(value: object, apart: Iterable[object] = (), *, values: bool = False) -> str:
    """A digest of what an object holds, in this process: equal where nothing of it has changed.

    Unlike `state_of`, it reads objects of a study's own classes, and what functions hold; not what is in modules.

    Args:
        value: any object.
        apart: objects that are not read.
        values: whether the values of variables count.

    Raises:
        UnknownStateError: it holds something whose content cannot be read, such as an open file.
    """
    reader = _Reader(of_study=True, apart=apart, values=values)
    reader.read(value)
    return reader.digest.hexdigest()


def variables_of(model: Any) -> tuple[list[Any], list[Any]]:  # Any: a Keras model; TensorFlow variables, optimizers
    """The variables that a model holds, without those of metrics and optimizers; and its optimizers.

    Raises:
        UnknownStateError: as `read_state`.
    """
    import keras

    reader = _Reader(of_study=True, unread=(keras.Metric, keras.Optimizer))
    reader.read(model)
    return reader.variables, [item for item in reader.left_out if isinstance(item, keras.Optimizer)]


class _Reader:
    """Reads objects into a digest; what it has met before counts as the number of its first meeting."""

    def __init__(
        self,
        *,
        of_study: bool = False,
        apart: Iterable[object] = (),
        unread: tuple[type, ...] = (),
        values: bool = False,
    ) -> None:
        self.digest = hashlib.blake2b(digest_size=16)
        self.variables: list[Any] = []  # Any: TensorFlow's
        self.left_out: list[Any] = []  # Any: objects of the classes `unread`
        self._of_study, self._unread, self._values = of_study, unread, values
        self._alive: list[object] = list(apart)  # an identity is one only while its object lives
        self._met = {id(item): -1 for item in self._alive}

    def read(self, value: object) -> None:
        """Reads one object.

        Raises:
            UnknownStateError: its content is not known.
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
        if isinstance(value, self._unread):
            self.left_out.append(value)
        elif isinstance(value, Mapping):
            self._read_all((len(value), *(item for pair in value.items() for item in pair)))
        elif isinstance(value, list | tuple):
            self._read_all((len(value), *value))
        elif isinstance(value, set | frozenset):
            self._read_all((len(value), *_sorted(value)))
        elif isinstance(value, np.ndarray | np.generic):
            self._note_array(np.asarray(value))
        elif isinstance(value, tf.Variable | tf.Tensor):
            self._note_tensor(value)
        elif isinstance(value, tf.DType | tf.TensorShape | inspect.Signature):
            self._note(str(value))
        elif isinstance(value, tf.distribute.Strategy):
            self._note_identity(value)
        elif inspect.ismethod(value):
            self._note_identity(value.__func__)
            self.read(value.__self__)
        elif inspect.isroutine(value):
            self._note_function(value)
        elif self._of_study and isinstance(value, functools.partial):
            self._read_all((value.func, value.args, value.keywords))
        elif private_names.is_from_keras(kind) or (self._of_study and _is_in_python(kind)):
            self._note_class(kind)
            self._read_all(_attributes(value))
        else:
            raise UnknownStateError(kind.__name__)

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
            raise UnknownStateError("array of objects")
        self._note(f"{array.dtype} {array.shape}")
        self.digest.update(np.ascontiguousarray(array).tobytes())

    def _note_tensor(self, value: Any) -> None:
        import tensorflow as tf

        if isinstance(value, tf.Variable):
            self._note(f"{value.shape} {value.dtype} {value.trainable}")
            self.variables.append(value)
            if not self._values:
                return
        elif tf.is_symbolic_tensor(value) or value.dtype in (tf.variant, tf.resource):
            raise UnknownStateError(type(value).__name__)
        self._note_array(np.asarray(value.numpy()))  # a text comes as bytes

    def _note_function(self, function: Any) -> None:
        """A function that a module of Keras defines is one object for good; any other may be anything."""
        self._note_identity(function)
        if is_defined_by_keras(function):
            return
        if not self._of_study:
            raise UnknownStateError(getattr(function, "__qualname__", "function"))
        if isinstance(function, types.FunctionType):
            self._read_all((*_cells(function), function.__defaults__, function.__kwdefaults__, vars(function)))

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


def _cells(function: types.FunctionType) -> Iterator[object]:
    """What a function holds of the functions around it."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # nothing yet
            yield cell.cell_contents


def _is_in_python(kind: type) -> bool:
    """Whether a class is written in Python, so that its objects hold nothing but attributes."""
    roots = [base for base in kind.__mro__ if base.__bases__ == (object,)]
    return not issubclass(kind, io.IOBase) and all({"__dict__", "__slots__"} & set(vars(base)) for base in roots)


def is_defined_by_keras(function: Any) -> bool:  # Any: a function
    """Whether a module of Keras defines a function, by the name that the function has."""
    if not str(getattr(function, "__module__", "")).startswith("keras.src.") or getattr(function, "__closure__", None):
        return False
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _sorted(values: Any) -> list[Any]:  # Any: a set
    if not all(isinstance(value, _PLAIN) for value in values):
        raise UnknownStateError("set of objects")
    return sorted(values, key=repr)
