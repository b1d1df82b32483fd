"""The result of a Keras training, whether it was on arrays or on a stream."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlstudy.errors import DivergedError
from dlstudy.study.row_values import pack_agreeing
from dlstudy.study.trial import TrainedBy, TrialResult, TrialState
from dlstudy.training.arrays import Task
from dlstudy.training.artifacts import model_digest
from dlstudy.training.epoch_recorder import EpochRecorder
from dlstudy.training.initial_weights import count_parameters
from dlstudy.training.outputs import Judgement

__all__ = ["cost_of", "finished_result", "metrics_of_epochs", "pruned_result"]


def metrics_of_epochs(model: Any, recorder: EpochRecorder) -> dict[str, float]:  # Any: a Keras model
    """The metrics that the epochs gave, and the number of parameters.

    Raises:
        DivergedError: the loss is no longer a finite number.
    """
    if recorder.diverged:
        raise DivergedError(f"the loss was no longer a finite number after epoch {recorder.epoch}")
    return {**recorder.metrics_of(model), "parameters": count_parameters(model)}


def cost_of(recorder: EpochRecorder) -> dict[str, float]:
    """What the epochs took, and what ending early saved."""
    return {"seconds_per_epoch": recorder.seconds_per_epoch(), **recorder.saved()}


def pruned_result(
    task: Task, recorder: EpochRecorder, metrics: dict[str, float], trained_by: TrainedBy | None, remarks: Sequence[str]
) -> TrialResult:
    """The result of a training that a pruner has ended."""
    return TrialResult(
        TrialState.PRUNED,
        f"pruned after epoch {recorder.epoch}",
        metrics | task.take_finite_logged(),
        cost=cost_of(recorder),
        trained_by=trained_by,
        remarks=remarks,
    )


def finished_result(
    task: Task,
    recorder: EpochRecorder,
    metrics: Mapping[str, float],
    *,
    trained_by: TrainedBy | None,
    remarks: Sequence[str],
    judged: Judgement,
    losses: Mapping[str, np.ndarray],
    initial: Mapping[str, str],
    model_remark: str,
) -> TrialResult:
    """The result of a training that has come to its end, after its model was saved.

    Args:
        task, recorder: of the training.
        metrics: all of them.
        trained_by: what trained it.
        remarks: those of the training, of what was judged, and of the model.
        judged, losses: of the test rows.
        initial: a digest of each initial weight.
        model_remark: the one of the remarks that is about the saved model.
    """
    return TrialResult(
        TrialState.FINISHED,
        metrics=metrics,
        cost=cost_of(recorder),
        trained_by=trained_by,
        remarks=remarks,
        correct=judged.correct,
        row_values=pack_agreeing(losses, metrics),
        initial=initial,
        model=model_digest(task),
        model_remark=model_remark,
        outputs=judged.outputs,
    )
