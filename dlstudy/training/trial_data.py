"""The data of one training outside of a run: for a winner's predictions, and for a model that is only looked at."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.disk_rows import any_on_disk
from dlstudy.datasets.own_cache import is_own
from dlstudy.datasets.readers.fields import check_size
from dlstudy.datasets.structure import Structure, arrays_in, is_table, join, map_arrays, rows_in, take
from dlstudy.study.loader import StudyFile
from dlstudy.study.row_facts import facts_in, facts_known
from dlstudy.study.splits import Rows, split_rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.arrays import Arrays
from dlstudy.training.building import TrainingData, takes_data
from dlstudy.training.preparation import prepare_arrays
from dlstudy.training.shared_memory import scaled
from dlstudy.training.streams import Streams, as_array, rows_of_stream, sizes_of_parts, stream_of
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import parameters_for_build

__all__ = ["TrialData", "data_for_model", "data_of"]


@dataclass(frozen=True)
class TrialData:
    """The data that a training sees.

    Args:
        dataset: as it is.
        arrays, description: as the study prepares it.
        rows: which of them train, validate and test.
        streams: where rows come one after another; arrays then hold a few that train, and those that test.
    """

    dataset: Dataset
    arrays: Arrays
    description: Description
    rows: Rows
    streams: Streams | None = None

    def training(self) -> TrainingData:
        """The rows that train."""
        if self.streams is not None:
            return self.streams.training()
        return self.arrays.training(self.rows.train)

    def tested(self) -> tuple[Structure, dict[str, Any]]:  # Any: structures of arrays
        """The test rows as the model sees them; `x`, as in the data set, and `actual`, their targets as prepared.

        Targets of which there are several have no `actual`.
        """
        arrays, raw, numbers = self.arrays, self.dataset.x_test, self.rows.test
        x, y = arrays.x_test, arrays.y_test
        if self.rows.test_inside:
            x, y, raw = arrays.x, arrays.y, self.dataset.x_train
        if any_on_disk(x):
            check_size("the table of predictions", len(numbers) * math.prod(x.shape[1:]) * x.dtype.itemsize)
        rows = {"x": take(raw, numbers)}
        if isinstance(y, np.ndarray):
            rows["actual"] = y[numbers]
        return take(x, numbers), rows


def data_of(spec: TrialSpec, file: StudyFile, given: Structure = None) -> TrialData:
    """The data of a spec's training, with rows of a user's as the last of the test part, if some are given.

    Args:
        spec: of the training.
        file: of its study.
        given: the rows.

    Raises:
        DataError: it is not available.
        TrialError: the study's `prepare` fails.
    """
    about, functions = registry.describe(spec.dataset), StudyFunctions.of(file.study)
    if about.is_stream:
        return _of_stream(spec, file, about, given)
    if given is not None and not _needs_rows(spec, functions):
        return _of_given(spec, about, given)
    dataset = registry.load(spec.dataset)
    about, arrays = dataset.description, _arrays(dataset, given)
    rows = split_rows(spec.split, facts_in(spec.split, dataset), spec.rows, number=spec.split_number)
    if functions.prepare is not None:
        p = parameters_for_build(spec, about, len(rows.train))
        arrays, about = prepare_arrays(functions, arrays, about, rows.train, p)
    return TrialData(dataset, arrays, about, rows)


def data_for_model(spec: TrialSpec, file: StudyFile) -> TrialData:
    """The data that a model of a spec is built for; without rows where `build` can do without them.

    Raises:
        DataError: it is needed, and not available.
        TrialError: the study's `prepare` fails.
    """
    about = registry.describe(spec.dataset)
    if about.is_stream:
        return _of_stream(spec, file, about, tests=False)
    if _needs_rows(spec, StudyFunctions.of(file.study)):
        return data_of(spec, file)
    return _of_given(spec, about, np.zeros((0, *about.input_shape)))


def _needs_rows(spec: TrialSpec, functions: StudyFunctions) -> bool:
    """Whether the rows of the data decide how a model is built, or how other rows are given to it."""
    decide = functions.prepare or takes_data(functions.build) or spec.split.groups  # which says how many rows train
    return bool(decide) or is_own(spec.dataset)


def _of_given(spec: TrialSpec, about: Description, given: Structure) -> TrialData:
    """The given rows alone: where a study prepares nothing, the data itself is not needed, and may not be here."""
    split = dataclasses.replace(spec.split, stratify=False)  # which changes no size
    facts = facts_known(split, about)
    assert facts is not None, "the sizes of the parts are known"
    nothing = np.zeros((0, *given.shape[1:]))
    arrays = Arrays(nothing, nothing, scaled(given, about), nothing)
    rows = split_rows(split, facts, spec.rows, number=spec.split_number)
    return TrialData(Dataset(about, nothing, nothing, given, nothing), arrays, about, rows)


def _of_stream(
    spec: TrialSpec, file: StudyFile, about: Description, given: Structure = None, *, tests: bool = True
) -> TrialData:
    """A stream, with the given rows to test, or with those of its test part where it is to be tested."""
    streams = Streams(stream_of(file), spec.seed, spec.batch_size, sizes_of_parts(about))
    rows, few = rows_of_stream(spec.split, about), streams.sample()
    if given is None:
        x, y = _test_rows(streams, about) if tests else (take(few, slice(0)), None)
    else:
        x, y = given, None
    rows = dataclasses.replace(rows, test=np.arange(rows_in(x)))
    return TrialData(Dataset(about, few, None, x, y), Arrays(few, None, x, y), about, rows, streams)


def _test_rows(streams: Streams, about: Description) -> tuple[Structure, Structure]:
    """The inputs and the targets of the test part."""
    x: list[Structure] = []
    y: list[Structure] = []
    for inputs, *more in streams.batches("test"):
        if not x:
            n_bytes = sum(array.nbytes for array in arrays_in(map_arrays(np.asarray, inputs)))
            check_size("the table of predictions", about.n_test * n_bytes // max(1, rows_in(inputs)))
        x.append(map_arrays(as_array, inputs))
        y.append(map_arrays(np.asarray, more[0]) if more else None)
    return join(*x), None if y[0] is None else join(*y)


def _arrays(dataset: Dataset, given: Structure) -> Arrays:
    about, y = dataset.description, dataset.y_train

    def seen(x: Structure) -> Structure:
        return x if is_own(about.name) else scaled(x, about)

    x_test, y_test = seen(dataset.x_test), dataset.y_test
    if given is not None and any_on_disk(x_test):
        x_test, y_test = given, None if y is None else take(y, np.zeros(rows_in(given), int))
    elif given is not None:
        if is_table(x_test):
            given = given.astype(dict(dataset.x_train.dtypes))
        x_test = join(x_test, seen(given))
        y_test = None if y is None else join(y_test, take(y, np.zeros(rows_in(given), int)))
    return Arrays(
        seen(dataset.x_train), y, x_test, y_test, groups=dataset.groups, validation_rows=dataset.validation_rows
    )
