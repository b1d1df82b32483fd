"""What one training works on: the arrays, the rows, and where its epochs go."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.errors import TrialError
from dlstudy.study.splits import Rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.shared_memory import Source
from dlstudy.training.study_functions import Code

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
    """One training with all it needs; `history` fills as it goes, one value an epoch; `p` is what `build` gets."""

    spec: TrialSpec
    code: Code
    p: Mapping[str, Any]  # JSON scalars, and the shape of the data
    description: Description
    arrays: Arrays
    rows: Rows
    on_epoch: OnEpoch
    history: History

    @property
    def judges_test_each_epoch(self) -> bool:
        """Whether the test rows are judged after every epoch, in place of validation rows."""
        return self.spec.metrics_of == "test each epoch"

    @property
    def judged(self) -> np.ndarray:
        """(m,) int32, the rows judged after every epoch: of the test part where `judges_test_part`."""
        return self.rows.test if self.judges_test_each_epoch else self.rows.validation

    @property
    def judges_test_part(self) -> bool:
        """Whether `judged` counts rows of the test part of the data set."""
        return self.judges_test_each_epoch and not self.rows.test_inside

    def order(self, epoch: int = 0) -> Iterator[np.ndarray]:
        """The training rows in the order of each epoch, without end: (n,) int32, from the seed and the epoch alone."""
        while True:
            yield np.random.default_rng([self.spec.seed, epoch]).permutation(self.rows.train)
            epoch += 1

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
    """Maps the arrays of a data set, and puts them on the device where they take less than half of `memory_gb`."""
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
        part: whatever shape.
        copied: else the tensor is the array's own memory where it can be: workers on one machine share one copy.
    """
    import tensorflow as tf

    if copied or part.dtype == np.float64 or not part.size:
        return tf.constant(part.astype(np.float32) if part.dtype == np.float64 else part)
    return tf.experimental.dlpack.from_dlpack(np.asarray(_Unlocked(part)).__dlpack__())


class _Unlocked:
    """An array's memory as if it could be written to: NumPy exports no other, and a tensor never writes to its own."""

    def __init__(self, part: np.ndarray) -> None:
        self._part = part  # lives as long as what is made of this
        self.__array_interface__ = {**part.__array_interface__, "data": (part.ctypes.data, False)}
