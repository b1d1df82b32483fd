"""Trains one trial from start to end; every outcome is a named state, decided here."""

import dataclasses
import os
import re
import shutil
import traceback
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dlstudy.common.text import message_of, one_line, short_repr
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.stream import Stream
from dlstudy.errors import DivergedError, TrialError
from dlstudy.study.loader import line_in
from dlstudy.study.own_log import ARTIFACTS
from dlstudy.study.row_facts import RowFacts, facts_of
from dlstudy.study.split import Split
from dlstudy.study.splits import Rows, split_rows
from dlstudy.study.trial import OUT_OF_MEMORY, TrialResult, TrialSpec, TrialState
from dlstudy.toolkit.logging import metrics_logged_into
from dlstudy.training import global_settings
from dlstudy.training.advice import advice_on
from dlstudy.training.arrays import Arrays, History, OnEpoch, Task
from dlstudy.training.checkpoints import CheckpointError, Checkpoints, OnCheckpoint
from dlstudy.training.costs import CostMeter
from dlstudy.training.epoch_graph import GraphError
from dlstudy.training.initial_weights import seeds_apart
from dlstudy.training.mlflow_capture import mlflow_apart, mlflow_begun_anew, mlflow_captured
from dlstudy.training.model_cache import KeptModelError, ModelCache, Slot
from dlstudy.training.preparation import key_of, prepare_arrays, refuse_leak
from dlstudy.training.reads import noting_reads, unread_warnings
from dlstudy.training.restarts import train_best_of
from dlstudy.training.several_devices import SEVERAL, on_devices
from dlstudy.training.streams import Streams, rows_of_stream, sizes_of_parts
from dlstudy.training.study_functions import StudyFunctions

__all__ = ["DatasetContext", "building_apart", "parameters_for_build", "prepared", "train"]

_MOST_PREPARED = 4
_LONGEST_TRACEBACK = 20_000  # characters: a message with the configuration of a model in it has thousands
_TRACEBACK = "Traceback (most recent call last)"
_NODES = re.compile(r"\{\{function_node [^}]*\}\} | \[Op:\w+\]( name:)?")
_IN_STACK = ("File ", "in user code:", "Graph execution error", "Detected at")


@dataclass(frozen=True)
class DatasetContext:
    """The data and models that the trials of one data set share in a process.

    Args:
        description: of the data set.
        arrays: its data.
        cache: models of earlier trials with their graphs.
        prepared: contexts of the same data as studies have prepared it, by content; the last used ones.
        graph_fault: why no epoch may be one graph in this process; empty where that works.
        without_graphs: why the models of an arm cannot train by graphs, by study file and arm.
        stream: of the study, where its rows are in no arrays.
        facts: what each split needs to know of the rows; groups of equal rows of MNIST take half a second.
    """

    description: Description
    arrays: Arrays
    cache: ModelCache = field(default_factory=ModelCache)
    prepared: OrderedDict[str, "DatasetContext"] = field(default_factory=OrderedDict)
    graph_fault: str = ""
    without_graphs: dict[tuple[str, str], str] = field(default_factory=dict)
    facts: dict[Split, RowFacts] = field(default_factory=dict)
    stream: Stream | None = None


def train(
    spec: TrialSpec,
    functions: StudyFunctions,
    context: DatasetContext,
    on_epoch: OnEpoch,
    on_checkpoint: OnCheckpoint = lambda _: None,
) -> TrialResult:
    """Trains one trial; whatever its code raises becomes a state with a reason.

    The same spec and arrays on the same kind of slot give the same `metrics`, `history` and `correct`.

    Args:
        spec: what to train.
        functions: of its study.
        context: of its data set.
        on_epoch: is called after each epoch.
        on_checkpoint: is called after each checkpoint.
    """
    meter = CostMeter()
    history: History = {}
    remarks: list[str] = []
    checkpoints = None if spec.checkpoint is None or spec.check else Checkpoints(spec, on_checkpoint, meter)
    functions, read = noting_reads(functions) if spec.check else (functions, set(spec.params))
    try:
        with _process_restored(), mlflow_captured(spec, remarks):
            result = _train(spec, functions, context, on_epoch, history, checkpoints)
        warned = [*result.warnings, *unread_warnings(functions, spec.params, read)]
        result = dataclasses.replace(result, warnings=warned)
    except DivergedError as error:
        result = TrialResult(TrialState.DIVERGED, str(error))
    except TrialError as error:
        result = TrialResult(TrialState.FAILED, str(error))
    except SystemExit as error:
        result = TrialResult(
            TrialState.FAILED,
            f"the study's own code ended the process, sys.exit({short_repr(error.code)}){_where(error, spec)}",
        )
    except Exception as error:  # whatever the study's own code raises is this trial's outcome, not the worker's end
        trace = "".join(traceback.format_exc(limit=-20))[-_LONGEST_TRACEBACK:]
        advice = advice_on(error, spec.params)
        reason = f"{_describe(error)}{_where(error, spec)}{advice and f': {advice}'}"
        result = TrialResult(TrialState.FAILED, reason, traceback=trace)
    cost = {**meter.stop(checkpoints.spent_before if checkpoints else {}), **result.cost}
    remarks += checkpoints.remarks if checkpoints else []
    return dataclasses.replace(result, history=history, cost=cost, remarks=[*result.remarks, *remarks])


def _train(
    spec: TrialSpec,
    functions: StudyFunctions,
    context: DatasetContext,
    on_epoch: OnEpoch,
    history: History,
    checkpoints: Checkpoints | None,
) -> TrialResult:
    rows = _rows_of(spec, context)
    logged: dict[str, float] = {}
    for name in ("prepare", "figures"):
        if getattr(functions, name):
            context.arrays.require_memory(name)
    with metrics_logged_into(logged):
        if spec.check and functions.prepare and not functions.prepare_sees_all_rows and not context.stream:
            p = parameters_for_build(spec, context.description, len(rows.train))
            refuse_leak(functions, context.arrays, context.description, rows.train, p)
        context = prepared(spec, functions, context, rows)
    p = parameters_for_build(spec, context.description, len(rows.train))
    p |= _folders_in(spec.folder) if spec.folder else {}
    arrays, description, fault = context.arrays, context.description, context.graph_fault
    tell = _each_once(on_epoch)
    task = Task(spec, functions, p, description, arrays, rows, tell, history, logged, fault, checkpoints=checkpoints)
    if context.stream is not None:
        if checkpoints is not None:
            checkpoints.give_up("its rows are a stream")
        streams = Streams(context.stream, spec.seed, spec.batch_size, sizes_of_parts(description))
        return _build_and_train(dataclasses.replace(task, streams=streams), context)
    if spec.restarts == 1 or spec.check:
        return _build_and_train(task, context)
    return train_best_of(task, lambda start: _build_and_train(start, context))


def _each_once(on_epoch: OnEpoch) -> OnEpoch:
    """Tells each epoch once, where a trial begins anew."""
    told = 0

    def tell(epoch: int, metrics: Mapping[str, float]) -> bool:
        nonlocal told
        if epoch <= told:
            return True
        told = epoch
        return on_epoch(epoch, metrics)

    return tell


def _rows_of(spec: TrialSpec, context: DatasetContext) -> Rows:
    if context.stream is not None:
        return rows_of_stream(spec.split, context.description)
    split, arrays = spec.split, context.arrays
    if split not in context.facts:
        context.facts[split] = facts_of(
            split, context.description, arrays.x, arrays.y, arrays.groups, arrays.validation_rows
        )
    return split_rows(split, context.facts[split], spec.rows, number=spec.split_number)


def parameters_for_build(
    spec: TrialSpec, description: Description, n_train: int
) -> dict[str, Any]:  # Any: JSON scalars
    """What `build` gets: the trial's parameters, its seed, how many rows train, and the shape and columns of them."""
    return {
        **spec.params,
        "seed": spec.seed,
        "input_shape": _shape_of(description),
        "n_classes": description.n_classes,
        "n_train": n_train,
        "feature_names": tuple(description.feature_names),
    }


@contextmanager
def building_apart() -> Iterator[dict[str, str]]:
    """While active, a model can be built outside of a trial: what `build` logs to MLflow is dropped.

    Yields:
        The empty folders that it gets in `p`.
    """
    with TemporaryDirectory() as folder, mlflow_apart():
        (Path(folder) / ARTIFACTS).mkdir()
        yield _folders_in(folder)


def _folders_in(folder: str) -> dict[str, str]:
    """The folders that a study's functions get in `p`, within that of a trial."""
    return {"folder": folder, "logs": f"{folder}/logs", ARTIFACTS: f"{folder}/{ARTIFACTS}"}


def _shape_of(description: Description) -> Any:  # Any: a shape, or a structure of shapes
    shape: Any = description.input_shape
    return tuple(shape) if isinstance(shape, list) and all(isinstance(size, int) for size in shape) else shape


def prepared(spec: TrialSpec, functions: StudyFunctions, context: DatasetContext, rows: Rows) -> DatasetContext:
    """The context with its data as the study prepares it for a trial; one context for equal data.

    Raises:
        TrialError: `prepare` returns something other than it should.
    """
    if functions.prepare is None or context.stream is not None:  # a stream has none: see `stream_training`
        return context
    p = parameters_for_build(spec, context.description, len(rows.train))
    arrays, description = prepare_arrays(functions, context.arrays, context.description, rows.train, p)
    key = key_of(arrays)
    known = context.prepared.pop(key, None) or dataclasses.replace(context, description=description, arrays=arrays)
    context.prepared[key] = known
    while len(context.prepared) > _MOST_PREPARED:
        context.prepared.popitem(last=False)
    return known


@contextmanager
def _process_restored() -> Iterator[None]:
    """Undoes what a trial changes in the process: working folder, environment, NumPy's errors, Keras's settings."""
    here, environment = os.open(".", os.O_RDONLY), dict(os.environ)
    try:
        with np.errstate(), global_settings.restored():
            yield
    finally:
        os.fchdir(here)
        os.close(here)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


@contextmanager
def _folder(spec: TrialSpec) -> Iterator[None]:
    """An empty folder that a study's code may write to; after the training, its logs and artifacts are left."""
    if spec.folder is None:
        yield
        return
    folder = Path(spec.folder)
    shutil.rmtree(folder, ignore_errors=True)  # left by an earlier start
    (folder / ARTIFACTS).mkdir(parents=True)
    try:
        yield
    finally:
        for path in folder.iterdir():
            if path.name not in ("logs", ARTIFACTS):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (*sorted((folder / ARTIFACTS).rglob("*"), reverse=True), folder / ARTIFACTS, folder):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _build_and_train(task: Task, context: DatasetContext) -> TrialResult:
    """Builds and trains; anew from the start, once each, where a kept model or an epoch graph cannot be used."""
    arm, logged = (task.spec.study_path, task.spec.arm), dict(task.logged)
    checkpoints = task.checkpoints
    fault = task.graph_fault or context.without_graphs.get(arm, "")
    if task.spec.gpus > 1:
        fault = fault or SEVERAL
        if checkpoints is not None:
            checkpoints.give_up(SEVERAL)
    if checkpoints is not None and checkpoints.found is not None:
        fault = fault or checkpoints.found.content["reason"]
    task = dataclasses.replace(task, graph_fault=fault)
    while True:
        try:
            result = _train_once(task, context.cache)
        except KeptModelError:
            pass  # its kind of model is kept no more
        except GraphError as error:
            task = dataclasses.replace(task, graph_fault=f"the epoch graph does not work for this model: {error}")
            if checkpoints is not None:
                checkpoints.forget(str(error))
        except CheckpointError as error:
            assert checkpoints is not None
            checkpoints.forget(str(error))
        else:
            if task.graph_fault != context.graph_fault:
                context.without_graphs[arm] = task.graph_fault
            return result
        mlflow_begun_anew()
        task.history.clear()
        task.logged.clear()
        task.logged.update(logged)


def _train_once(task: Task, cache: ModelCache) -> TrialResult:
    import keras

    from dlstudy.training.keras_training import train_keras
    from dlstudy.training.sklearn_training import train_estimator
    from dlstudy.training.stream_training import check_stream, train_stream
    from dlstudy.training.trial_check import check_estimator, check_keras

    global_settings.clear_session()
    # The global seed is set here only: layers and initializers of a study need no seeds of their own.
    keras.utils.set_random_seed(task.spec.seed)
    gpus = on_devices(task.spec.gpus)
    with _folder(task.spec), metrics_logged_into(task.logged), seeds_apart(task.spec.seed), gpus:
        slot = Slot(task.build())
        if task.streams is not None:
            return (check_stream if task.spec.check else train_stream)(slot.model, task, task.streams)
        is_keras = isinstance(slot.model, keras.Model)
        if task.spec.check:
            return check_keras(slot.model, task) if is_keras else check_estimator(slot.model, task)
        return train_keras(slot, task, cache) if is_keras else train_estimator(slot.model, task)


def _describe(error: Exception) -> str:
    """An error in one line, without TensorFlow's stack."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return f"{OUT_OF_MEMORY}: fewer workers (--workers), a smaller batch or a smaller model need less"
    kept, before = [], ""
    # What was raised while a data set was read comes with all of Python's traceback behind it.
    message = message_of(error)
    # What a layer was called with comes behind what is wrong with it.
    message = (message.partition(_TRACEBACK)[0].strip() or message).partition("\n\nArguments received by")[0]
    for line in map(str.strip, message.splitlines()):
        # TensorFlow puts a stack before the message: names of files, each followed by a line of code or an empty one.
        in_stack = before.startswith("File ") or line.startswith(_IN_STACK)
        kept += [] if in_stack else [line]
        before = line
    name = type(error).__name__
    text = one_line(_NODES.sub("", " ".join(kept)).strip().removeprefix(f"{name}: "))
    return f"{name}: {text}" if text else name


def _where(error: BaseException, spec: TrialSpec) -> str:
    """The line of the study file that an error came through, if there is one."""
    path = Path(spec.study_path)
    line = line_in(error, path)
    return f" ({path.name}{line})" if line else ""
