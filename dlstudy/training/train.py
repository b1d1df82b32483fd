"""One trial from start to end: every outcome is a named state, decided here."""

import dataclasses
import os
import shutil
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import one_line, said, shown
from dlstudy.datasets.dataset import Description
from dlstudy.errors import DivergedError, TrialError
from dlstudy.study.loader import line_in
from dlstudy.study.splits import Rows, divide
from dlstudy.study.trial import TrialResult, TrialSpec
from dlstudy.training.arrays import Arrays, History, OnEpoch, Task
from dlstudy.training.initial_weights import seeds_apart
from dlstudy.training.memory import watch_memory
from dlstudy.training.model_cache import ModelShelf
from dlstudy.training.preparation import key_of, prepare_arrays
from dlstudy.training.study_functions import Code

__all__ = ["Workplace", "parameters_for_build", "prepared", "train"]

_MOST_PREPARED = 4
_IN_STACK = ("File ", "in user code:", "Graph execution error", "Detected at")


@dataclass(frozen=True)
class Workplace:
    """What the trials of one data set share in a process.

    Args:
        description: of the data set.
        arrays: its data.
        shelf: models of earlier trials with their graphs.
        prepared: the places of the same data as studies prepared it, by content; those that were used last.
    """

    description: Description
    arrays: Arrays
    shelf: ModelShelf = field(default_factory=ModelShelf)
    prepared: OrderedDict[str, "Workplace"] = field(default_factory=OrderedDict)


def train(spec: TrialSpec, code: Code, place: Workplace, on_epoch: OnEpoch) -> TrialResult:
    """Trains one trial and says what came of it; whatever its code raises becomes a state with a reason.

    The same spec and arrays on the same kind of slot give the same `metrics`, `history` and `correct`.
    """
    started, most_held = time.perf_counter(), watch_memory()
    history: History = {}
    try:
        with _surroundings():
            result = _train(spec, code, place, on_epoch, history)
    except DivergedError as error:
        result = TrialResult("diverged", str(error))
    except TrialError as error:
        result = TrialResult("failed", str(error))
    except SystemExit as error:
        result = TrialResult(
            "failed", f"the study's own code ended the process, sys.exit({shown(error.code)}){_where(error, spec)}"
        )
    except Exception as error:  # whatever the study's own code raises is this trial's outcome, not the worker's end
        trace = "".join(traceback.format_exc(limit=-20))[-4000:]
        result = TrialResult("failed", f"{_describe(error)}{_where(error, spec)}", traceback=trace)
    cost = {"seconds": round(time.perf_counter() - started, 3), **most_held(), **result.cost}
    return dataclasses.replace(result, history=history, cost=cost)


def _train(spec: TrialSpec, code: Code, place: Workplace, on_epoch: OnEpoch, history: History) -> TrialResult:
    rows = divide(spec.split, len(place.arrays.y), len(place.arrays.y_test), spec.rows)
    place = prepared(spec, code, place, rows)
    p = parameters_for_build(spec, place.description)
    p |= {"folder": spec.folder, "logs": f"{spec.folder}/logs"} if spec.folder else {}
    task = Task(spec, code, p, place.description, place.arrays, rows, on_epoch, history)
    with _folder(spec):
        return _build_and_train(task, place.shelf)


def parameters_for_build(spec: TrialSpec, description: Description) -> dict[str, Any]:  # Any: JSON scalars
    """What `build` gets: the trial's parameters, its seed and the shape of the data."""
    return {
        **spec.params,
        "seed": spec.seed,
        "input_shape": tuple(description.input_shape),
        "n_classes": description.n_classes,
    }


def prepared(spec: TrialSpec, code: Code, place: Workplace, rows: Rows) -> Workplace:
    """The place with its data as the study prepares it for a trial; one place for equal data.

    Raises:
        TrialError: `prepare` gives something else than it should.
    """
    if code.prepare is None:
        return place
    p = parameters_for_build(spec, place.description)
    arrays, description = prepare_arrays(code, place.arrays, place.description, rows.train, p)
    key = key_of(arrays)
    known = place.prepared.pop(key, None) or Workplace(description, arrays)
    place.prepared[key] = known
    while len(place.prepared) > _MOST_PREPARED:
        place.prepared.popitem(last=False)
    return known


@contextmanager
def _surroundings() -> Iterator[None]:
    """The process as a trial finds it, and as the next one will: what the study's code changes there is undone."""
    import keras

    here, environment, float_type = os.open(".", os.O_RDONLY), dict(os.environ), keras.config.floatx()
    try:
        with np.errstate():
            yield
    finally:
        os.fchdir(here)
        os.close(here)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        keras.config.set_floatx(float_type)


@contextmanager
def _folder(spec: TrialSpec) -> Iterator[None]:
    """The folder that a study's callbacks may write to; when the trial has ended, only its logs are left."""
    if spec.folder is None:
        yield
        return
    folder = Path(spec.folder)
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier try left
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        for path in folder.iterdir():
            if path.name != "logs":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def _build_and_train(task: Task, shelf: ModelShelf) -> TrialResult:
    import keras

    from dlstudy.training.keras_training import train_keras
    from dlstudy.training.sklearn_training import train_estimator

    # Here alone the global seed is set: layers and initializers of a study need not carry seeds of their own.
    keras.utils.clear_session()
    keras.utils.set_random_seed(task.spec.seed)
    with seeds_apart(task.spec.seed):
        model = task.code.build(dict(task.p))
        return train_keras(model, task, shelf) if isinstance(model, keras.Model) else train_estimator(model, task)


def _describe(error: Exception) -> str:
    """One line that a user understands."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "out of memory: fewer workers (--workers), a smaller batch or a smaller model need less"
    told, before = [], ""
    for line in map(str.strip, said(error).splitlines()):
        # TensorFlow puts the stack before what went wrong: files, each with a line of it or an empty one.
        in_stack = before.startswith("File ") or line.startswith(_IN_STACK)
        told += [] if in_stack else [line]
        before = line
    name = type(error).__name__
    text = one_line(" ".join(told).strip().removeprefix(f"{name}: "), 300)
    return f"{name}: {text}" if text else name


def _where(error: BaseException, spec: TrialSpec) -> str:
    """The line of the study file that an error came through, if there is one."""
    path = Path(spec.study_path)
    line = line_in(error, path)
    return f" ({path.name}{line})" if line else ""
