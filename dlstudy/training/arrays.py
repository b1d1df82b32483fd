"""The inputs of one training: the arrays, the rows, and where its metrics go."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlstudy.datasets.dataset import Description
from dlstudy.datasets.disk_rows import any_on_disk
from dlstudy.datasets.leaves import is_text
from dlstudy.datasets.structure import Structure, arrays_in, has_numbers_only, is_table, map_arrays, take, with_items
from dlstudy.errors import TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.splits import Rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.batches import in_batches
from dlstudy.training.building import TrainingData, build_model
from dlstudy.training.checkpoints import Checkpoints
from dlstudy.training.shared_memory import Source
from dlstudy.training.streams import Streams
from dlstudy.training.study_functions import StudyFunctions

__all__ = [
    "Arrays",
    "History",
    "OnEpoch",
    "Task",
    "as_in_fit",
    "for_keras",
    "prepare",
    "to_device",
]

OnEpoch = Callable[[int, Mapping[str, float]], bool]
"""Called after each epoch, counted from 1, with its finite metrics; False ends the training as pruned."""

_BATCH = 32
"""Rows in a batch that `build` gets."""

_ALIGNMENT = 64
"""Bytes: TensorFlow's operations end the process at an array that begins elsewhere."""

History = dict[str, list[float | None]]


@dataclass(frozen=True)
class Arrays:
    """A data set as a model sees it. Each part has as many rows in all of its arrays.

    Args:
        x: (n, *input_shape) float32, the training part, divided by the data set's scale; float64 for tables. A study's
            own data, and what it prepares, is of any type, one array or table or a structure of several.
        y: (n,) int32 labels or float64 targets; of a study's own data, and as it prepares it, likewise. None for none.
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
        """`(x, y)` or `(x, y, weight)`, of the training part or of the test part; `(x,)` without targets."""
        x, y, weight = (self.x_test, self.y_test, self.weight_test) if of_test_part else (self.x, self.y, self.weight)
        if y is None and weight is None:
            return (x,)
        return (x, y) if weight is None else (x, y, weight)

    def training(self, rows: np.ndarray) -> TrainingData:
        """Some rows of the training part, as `build` gets those that train; in files, as batches in `x`."""
        if any_on_disk(self.x):
            return TrainingData(in_batches(self.part(False), _BATCH, rows)["x"], None, None)
        return TrainingData(*(None if part is None else take(part, rows) for part in (self.x, self.y, self.weight)))

    def require_memory(self, what: str) -> None:
        """Checks that what needs all rows at once can have them.

        Raises:
            TrialError: the rows stay in files.
        """
        if any_on_disk(self.x):
            raise TrialError(
                f"{what} needs all rows in memory, but these stay in files: leave it out, or state stream=False in "
                "Data if they fit"
            )

    def in_memory(self, of_test_part: bool, floatx: str) -> Structure:
        """A part as Keras's `fit` hands it on: floats are of the type `floatx`, and lists are tuples."""
        key = False, of_test_part, floatx
        if key not in self._made:
            part = map_arrays(for_keras, self.part(of_test_part))
            self._made[key] = _tuples(map_arrays(lambda array: as_in_fit(array, floatx), part))
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


def for_keras(part: Any) -> Structure:  # Any: an array or a table, or None
    """A table as Keras takes it: (n, columns) of its numbers, or, where it holds anything else, (n, 1) by column.

    Raises:
        TrialError: a column holds dates, or rows are of differing lengths.
    """
    if part is None or (not is_table(part) and part.dtype.kind != "O"):
        return part
    if not is_table(part):
        if not is_text(part):
            raise TrialError("rows of differing lengths must be made equally long for Keras: pad them in prepare")
        return np.array([text or "" for text in part.flat], object).reshape(part.shape)
    columns = {name: _column(name, part[name]) for name in part.columns}
    if has_numbers_only(part):
        return np.column_stack(list(columns.values()))
    return {name: column.reshape(-1, 1) for name, column in columns.items()}


def _column(name: str, column: Any) -> np.ndarray:  # Any: a pandas series
    """(n,) numbers, or texts; a missing text is empty."""
    kind = column.dtype
    if getattr(kind, "kind", "O") in "Mm":
        raise TrialError(f"Keras takes no dates, got some in column {name!r}: turn them into numbers in prepare")
    if isinstance(kind, np.dtype) and kind.kind in "buif":
        return np.asarray(column)
    if getattr(kind, "kind", "O") in "buif":  # with a mask for what is missing
        numbers: np.ndarray = column.to_numpy(np.float64, na_value=np.nan)
        return numbers
    texts: np.ndarray = column.astype(object).where(column.notna(), "").map(str).to_numpy(object)
    return texts


def as_in_fit(array: np.ndarray, floatx: str) -> np.ndarray:
    """The array as Keras's `fit` takes it: floats become `floatx`, everything else keeps its type."""
    return array.astype(floatx, copy=False) if array is not None and array.dtype.kind == "f" else array


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
        streams: the parts of the data where it is a stream; `arrays` has none then.
        checkpoints: of the trial; None where none are kept.
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
    streams: Streams | None = None
    checkpoints: Checkpoints | None = None

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

    def build(self) -> Any:  # Any: a Keras model or an estimator
        """What the study's `build` returns."""
        return build_model(self.functions.build, dict(self.p), self._training)

    def _training(self) -> TrainingData:
        if self.streams is not None:
            return self.streams.training()
        return self.arrays.training(self.rows.train)

    def sample(self) -> Structure:
        """The inputs of a few training rows."""
        return take(self.arrays.x if self.streams is None else self.streams.sample(), slice(8))

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
        x = take(self.arrays.x, self.test_rows()) if self.rows.test_inside else self.arrays.x_test
        return x, self.test_targets()

    def test_targets(self) -> Structure:
        """The labels of the test rows, for which no input is read.

        Raises:
            TrialError: as `test_arrays`.
        """
        rows, arrays = self.test_rows(), self.arrays
        if not self.rows.test_inside:
            return arrays.y_test
        return None if arrays.y is None else take(arrays.y, rows)


def prepare(source: Source, memory_gb: float) -> Arrays:
    """Maps the arrays of a data set; they fit on the device if they take no more than half of `memory_gb`."""
    arrays = Arrays(**source.open())
    parts = arrays_in([arrays.x, arrays.y, arrays.x_test, arrays.y_test])
    if any_on_disk(parts):
        return arrays
    if sum(_n_bytes(part) for part in parts) / 2**30 > memory_gb / 2:
        return arrays
    import tensorflow as tf

    return dataclasses.replace(arrays, fits=True, shares=not tf.config.list_physical_devices("GPU"))


def _n_bytes(part: Any) -> int:  # Any: an array or a table, or None
    return 0 if part is None else int(part.memory_usage().sum() if is_table(part) else part.nbytes)


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
