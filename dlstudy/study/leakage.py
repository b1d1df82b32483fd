"""Test rows of a study's split that are equal to rows that train."""

import functools

import numpy as np

from dlstudy.datasets import registry
from dlstudy.datasets.structure import take
from dlstudy.datasets.twins import Twins, count_twins, row_digests
from dlstudy.errors import DataError
from dlstudy.study.row_facts import facts_in
from dlstudy.study.split import Split
from dlstudy.study.splits import split_rows
from dlstudy.study.trial import TrialSpec

__all__ = ["twins_of", "twins_of_trial"]


def twins_of_trial(spec: TrialSpec) -> Twins | None:
    """The twins of the split that a trial has had; None where the data is gone by now: it is not fetched for that."""
    if registry.state(spec.dataset) != "cached" or registry.describe(spec.dataset).is_stream:
        return None
    try:
        return twins_of(spec.dataset, spec.split, spec.split_number, spec.rows)
    except DataError:
        return None


@functools.lru_cache(maxsize=1_000)
def twins_of(dataset: str, split: Split, number: int = 0, rows: int | None = None) -> Twins:
    """The twins of a split; the rows of a data set are compared once in a process.

    Args:
        dataset: its name.
        split, number, rows: as of `split_rows`.

    Raises:
        DataError: the data is not available.
        StudyError: the split does not fit to it.
    """
    data = registry.load(dataset)
    parts = split_rows(split, facts_in(split, data), rows, number=number)
    digests, test_digests = _digests(dataset)
    y, y_test = data.y_train, data.y_test
    if parts.test_inside:
        y_test, test_digests = y, digests
    y, y_test = (None if part is None else take(part, of) for part, of in ((y, parts.train), (y_test, parts.test)))
    return count_twins(digests[parts.train], y, test_digests[parts.test], y_test)


@functools.lru_cache(maxsize=8)
def _digests(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    data = registry.load(dataset)
    return row_digests(data.x_train), row_digests(data.x_test)
