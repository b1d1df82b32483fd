"""The best of several starts: an arm with `restarts` trains each trial from several seeds and keeps one."""

import dataclasses
import math
from collections.abc import Callable

from dlstudy.errors import DivergedError, TrialError
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import TrialResult
from dlstudy.training.arrays import Task
from dlstudy.training.mlflow_capture import mlflow_apart

__all__ = ["from_seed", "train_best_of"]

_Train = Callable[[Task], TrialResult]
"""Builds the model of a task and trains it."""


def train_best_of(task: Task, train: _Train) -> TrialResult:
    """Trains a trial from `restarts` seeds, `seed`, `seed + 1`, ..., and once more from the best of them.

    The best is the one with the lowest training loss at its end, the first of equals; one that diverges has none. Only
    the last training reads test rows, reports epochs, logs to MLflow and saves anything. All see the data as it is
    prepared for the trial's own seed.

    Raises:
        TrialError: a start fails, or none gives a training loss.
    """
    seed, n = task.spec.seed, task.spec.restarts
    losses = [_final_loss(_silent(from_seed(task, seed + i)), train) for i in range(n)]
    if set(losses) == {None}:
        raise TrialError(
            f"restarts are compared by train_loss, but none of {n} has it: compile the model with a loss, or give the "
            "estimator predict_proba"
        )
    known = [math.inf if loss is None else loss for loss in losses]
    best = known.index(min(known))  # the first of equals
    result = train(from_seed(task, seed + best))
    return dataclasses.replace(result, remarks=[f"the best of {n} starts: seed {seed} + {best}", *result.remarks])


def from_seed(task: Task, seed: int) -> Task:
    """The task of a single training from this seed."""
    spec = dataclasses.replace(task.spec, seed=seed, restarts=1)
    return dataclasses.replace(task, spec=spec, p={**task.p, "seed": seed}, logged=dict(task.logged))


def _silent(task: Task) -> Task:
    """A task that reads no test rows, saves nothing and reports no epochs."""
    spec = dataclasses.replace(task.spec, read_test=ReadTest.NEVER, model_folder=None, prunable=False)
    functions = dataclasses.replace(task.functions, figures=None, metrics={})
    return dataclasses.replace(
        task, spec=spec, functions=functions, on_epoch=lambda *_: True, history={}, checkpoints=None
    )


def _final_loss(task: Task, train: _Train) -> float | None:
    """The training loss at the end; None where the model gives none, infinite where it diverges."""
    try:
        with mlflow_apart():
            return train(task).metrics.get("train_loss")
    except DivergedError:
        return math.inf
