"""The model of a trial: a call of the study's `build`, with the rows that train where it asks for them."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dlstudy.datasets.structure import Structure
from dlstudy.training.study_functions import Build

__all__ = ["TrainingData", "build_model", "takes_data"]


class TrainingData(NamedTuple):
    """The rows that train, as a study's `prepare` returns them, else as in its data: for `adapt` and vocabularies."""

    x: Structure
    y: Structure
    weight: np.ndarray | None


def takes_data(build: Build) -> bool:
    """Whether a study's `build` has a second parameter, for the rows that train."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):  # of a callable that does not say
        return False
    return sum(one.kind in kinds and one.default is one.empty for one in parameters) > 1


def build_model(build: Build, p: dict[str, Any], training: Callable[[], TrainingData]) -> Any:  # Any: as of `Build`
    """What `build` returns."""
    return build(p, training()) if takes_data(build) else build(p)
