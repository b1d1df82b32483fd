"""The inputs of one training: the arrays, the rows, and where its metrics go."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.splits import Rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.shared_memory import Source
from dlstudy.training.study_functions import StudyFunctions

__all__ = ["Arrays", "History", "OnEpoch", "Task", "prepare", "to_device"]

OnEpoch = Callable[[int, Mapping[str, float]], bool]
"""Called after each epoch, counted from 1, with its finite metrics; False ends the training as pruned."""

History = dict[str, list[float | None]]


@dataclass(frozen=True)
class Arrays:
    """A data set as a model sees it.

    Args:
        x: (n, *input_shape) float32, the training part, divided by the data set's scale; float64 for tables.
        y: (n,) int32 labels or float64 targets.
        x_test, y_test: likewise, the test part.
        on_device: x, y, x_test and y_test as tensors of float32 and int32; None where they do not fit beside a model.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    on_device: tuple[Any, ...] | None  # Any: tensors, whose type this module must not import


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

    def test_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The test rows and their labels.

        Raises:
            TrialError: the data set has none.
        """
        rows, arrays = self.test_rows(), self.arrays
        if self.rows.test_inside:
            return arrays.x[rows], arrays.y[rows]
        return arrays.x_test, arrays.y_test


def prepare(source: Source, memory_gb: float) -> Arrays:
    """Maps the arrays of a data set, and puts them on the device if they take no more than half of `memory_gb`."""
    arrays = Arrays(**source.open(), on_device=None)
    parts = (arrays.x, arrays.y, arrays.x_test, arrays.y_test)
    if sum(part.nbytes for part in parts) / 2**30 > memory_gb / 2:
        return arrays
    import tensorflow as tf

    copied = bool(tf.config.list_physical_devices("GPU"))
    return dataclasses.replace(arrays, on_device=tuple(to_device(part, copied) for part in parts))


def to_device(part: np.ndarray, copied: bool = True) -> Any:  # Any: a tensor, whose type this module must not import
    """An array as a tensor, of float32 where it is of floats.

    Args:
        part: of any shape.
        copied: False lets the tensor be the array's own memory where possible: workers on one machine share one copy.
    """
    import tensorflow as tf

    if copied or part.dtype == np.float64 or not part.size:
        return tf.constant(part.astype(np.float32) if part.dtype == np.float64 else part)
    return tf.experimental.dlpack.from_dlpack(np.asarray(_Unlocked(part)).__dlpack__())


class _Unlocked:
    """An array's memory, presented as writable: NumPy exports only such memory, and a tensor never writes to it."""

    def __init__(self, part: np.ndarray) -> None:
        self._part = part  # kept alive by whatever is made of this
        self.__array_interface__ = {**part.__array_interface__, "data": (part.ctypes.data, False)}
