"""A trial as the JSON report has it."""

import dataclasses
from typing import Any

from dlstudy.study.trial import TrialRecord, TrialResult, TrialState

__all__ = ["trial_json"]


def trial_json(trial: TrialRecord) -> dict[str, Any]:  # Any: JSON
    """All that the record holds of a trial; fields that a running trial does not have yet are empty."""
    result = trial.result or TrialResult(TrialState.RUNNING)
    return {
        "phase": trial.phase,
        "arm": trial.arm,
        "search": trial.search,
        "round": trial.round,
        "number": trial.number,
        "index": trial.index,
        "seed": trial.seed,
        "params": dict(trial.params),
        "state": trial.state,
        "reason": result.reason,
        "value": trial.value,
        "metrics": dict(result.metrics),
        "cost": dict(result.cost),
        "slot": result.slot,
        "trained_by": result.trained_by,
        "remarks": list(result.remarks),
        "run_id": trial.run_id,
        "started_s": trial.started_s,
        "ended_s": trial.ended_s,
        "history": dict(result.history),
        "correct": result.correct,
        "row_values": dict(result.row_values),
        "outputs": None if result.outputs is None else dataclasses.asdict(result.outputs),
        "twins": None if result.twins is None else dataclasses.asdict(result.twins),
        "initial": dict(result.initial),
    }
