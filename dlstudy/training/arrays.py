"""The inputs of one training: the arrays, the rows, and where its metrics go."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.datasets.structure import Structure, map_arrays, take, with_items
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.splits import Rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.shared_memory import Source
from dlstudy.training.study_functions import StudyFunctions

__all__ = [
    "Arrays",
    "History",
    "OnEpoch",
    "Task",
    "as_in_fit",
    "prepare",
    "to_device",
]

OnEpoch = Callable[[int, Mapping[str, float]], bool]
"""Called after each epoch, counted from 1, with its finite metrics; False ends the training as pruned."""

_ALIGNMENT = 64
"""Bytes: TensorFlow's operations end the process at an array that begins elsewhere."""

History = dict[str, list[float | None]]


@dataclass(frozen=True)
class Arrays:
    """A data set as a model sees it. Each part has as many rows in all of its arrays.

    Args:
        x: (n, *input_shape) float32, the training part, divided by the data set's scale; float64 for tables. As a study
            prepares it: of any type of number, one array or a structure of several.
        y: (n,) int32 labels or float64 targets; as a study prepares it, likewise.
        x_test, y_test: likewise, the test part.
        weight, weight_test: (n,), the weights of the rows; None for equal ones.
        groups, validation_rows: as of `Dataset`.
        fits: whether all of it fits on the device, beside a model.
        shares: whether a tensor may use an array's own memory, as on CPUs.
    """

    x: Structure
    y: Structure
    x_test: Structure
    y_test: Structure
    weight: np.ndarray | None = None
    weight_test: np.ndarray | None = None
    groups: np.ndarray | None = None
    validation_rows: np.ndarray | None = None
    fits: bool = False
    shares: bool = False
    _made: dict[tuple[bool, bool, str], Structure] = field(default_factory=dict, init=False, repr=False, compare=False)

    def part(self, of_test_part: bool) -> Structure:
        """`(x, y)` or `(x, y, weight)`, of the training part or of the test part."""
        x, y, weight = (self.x_test, self.y_test, self.weight_test) if of_test_part else (self.x, self.y, self.weight)
        return (x, y) if weight is None else (x, y, weight)

    def in_memory(self, of_test_part: bool, floatx: str) -> Structure:
        """A part as Keras's `fit` hands it on: floats are of the type `floatx`, and lists are tuples."""
        key = False, of_test_part, floatx
        if key not in self._made:
            self._made[key] = _tuples(map_arrays(lambda array: as_in_fit(array, floatx), self.part(of_test_part)))
        return self._made[key]

    def on_device(self, of_test_part: bool, floatx: str) -> Structure:
        """What `in_memory` returns as tensors, made when they are first asked for."""
        key = True, of_test_part, floatx
        if key not in self._made:
            part = self.in_memory(of_test_part, floatx)
            self._made[key] = map_arrays(lambda array: to_device(array, self.shares), part)
        return self._made[key]


def _tuples(structure: Structure) -> Structure:
    """The structure with its lists as tuples: `tf.data` takes a list for one tensor."""
    if isinstance(structure, Mapping):
        return {name: _tuples(item) for name, item in structure.items()}
    if isinstance(structure, tuple):
        return with_items(structure, list(map(_tuples, structure)))
    return tuple(map(_tuples, structure)) if isinstance(structure, list) else structure


def as_in_fit(array: np.ndarray, floatx: str) -> np.ndarray:
    """The array as Keras's `fit` takes it: floats become `floatx`, everything else keeps its type."""
    return array.astype(floatx, copy=False) if array.dtype.kind == "f" else array


@dataclass(frozen=True)
class Task:
    """One training with everything that it needs.

    Args:
        spec: what to train.
        functions: of the study.
        p: what `build` gets.
        description: of the data set, as the study prepares it.
        arrays: its data, likewise.
        rows: which of them train, validate and test.
        on_epoch: is called after each epoch.
        history: is filled during the training, one value per epoch.
        logged: what the study's code has logged since the last epoch, by the name of the metric.
        graph_fault: why no epoch of this process may be one graph; empty where that works.
    """

    spec: TrialSpec
    functions: StudyFunctions
    p: Mapping[str, Any]  # JSON scalars, and the shape of the data
    description: Description
    arrays: Arrays
    rows: Rows
    on_epoch: OnEpoch
    history: History
    logged: dict[str, float] = field(default_factory=dict)
    graph_fault: str = ""

    @property
    def judges_test_each_epoch(self) -> bool:
        """Whether the test rows are judged after every epoch, in place of validation rows."""
        return self.spec.read_test is ReadTest.EACH_EPOCH

    @property
    def judged(self) -> np.ndarray:
        """(m,) int32, the numbers of the rows judged after every epoch: of the test part where `judges_test_part`."""
        return self.rows.test if self.judges_test_each_epoch else self.rows.validation

    @property
    def judges_test_part(self) -> bool:
        """Whether `judged` are rows of the test part of the data set."""
        return self.judges_test_each_epoch and not self.rows.test_inside

    def order(self, epoch: int = 0) -> Iterator[np.ndarray]:
        """(n,) int32 for each epoch, without end: its training rows in order, which depend on seed and epoch only."""
        while True:
            yield np.random.default_rng([self.spec.seed, epoch]).permutation(self.rows.train)
            epoch += 1

    def take_logged(self) -> dict[str, float]:
        """What the study's code has logged since this was last called."""
        taken = dict(self.logged)
        self.logged.clear()
        return taken

    def take_finite_logged(self) -> dict[str, float]:
        """What `take_logged` returns, without what is not a finite number."""
        return {name: value for name, value in self.take_logged().items() if math.isfinite(value)}

    def test_rows(self) -> np.ndarray:
        """(n,) int32, the numbers of the test rows.

        Raises:
            TrialError: the data set has none.
        """
        if not len(self.rows.test):
            raise TrialError("this data set has no test rows of its own: state Split.test")
        return self.rows.test

    def test_arrays(self) -> tuple[Structure, Structure]:
        """The test rows and their labels.

        Raises:
            TrialError: the data set has none.
        """
        rows, arrays = self.test_rows(), self.arrays
        if self.rows.test_inside:
            return take(arrays.x, rows), take(arrays.y, rows)
        return arrays.x_test, arrays.y_test


def prepare(source: Source, memory_gb: float) -> Arrays:
    """Maps the arrays of a data set; they fit on the device if they take no more than half of `memory_gb`."""
    found = source.open()
    arrays = Arrays(found["x"], found["y"], found["x_test"], found["y_test"])
    parts = (arrays.x, arrays.y, arrays.x_test, arrays.y_test)
    if sum(part.nbytes for part in parts) / 2**30 > memory_gb / 2:
        return arrays
    import tensorflow as tf

    return dataclasses.replace(arrays, fits=True, shares=not tf.config.list_physical_devices("GPU"))


def to_device(array: np.ndarray, shares: bool = False) -> Any:  # Any: a tensor, whose type this module must not import
    """An array as a tensor.

    Args:
        array: of any shape.
        shares: lets the tensor be the array's own memory where possible: workers on one machine share one copy.
    """
    import tensorflow as tf

    is_aligned = array.flags.c_contiguous and array.ctypes.data % _ALIGNMENT == 0
    if shares and array.size and array.dtype.kind in "fiu" and is_aligned:
        return tf.experimental.dlpack.from_dlpack(np.asarray(_Unlocked(array)).__dlpack__())
    return tf.constant(array)


class _Unlocked:
    """An array's memory, presented as writable: NumPy exports only such memory, and a tensor never writes to it."""

    def __init__(self, part: np.ndarray) -> None:
        self._part = part  # kept alive by whatever is made of this
        self.__array_interface__ = {**part.__array_interface__, "data": (part.ctypes.data, False)}
