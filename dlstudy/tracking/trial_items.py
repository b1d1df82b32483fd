"""What the run of a trial holds in MLflow: its parameters, metrics and tags, from the record. Pure functions."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dlstudy.study.own_log import OwnLog
from dlstudy.study.trial import TrialRecord, TrialSpec
from dlstudy.tracking.accepted import accepted_name, apart, params_of, tags_of

__all__ = ["PLACE", "end_items", "epochs_missing", "metrics_of", "model_metrics", "own_items", "params_at_start"]

PLACE = frozenset(("seed", "arm", "phase", "index", "search"))
"""The parameters of a run that say which trial it is."""
_OUR_TAGS = "dlstudy."

_Items = tuple[list[Any], list[Any], list[Any]]  # Any: MLflow's Metric, RunTag and Param


def params_at_start(trial: TrialSpec | TrialRecord) -> dict[str, object]:
    """The parameters of a trial's run, by name: what was trained, and which trial it is."""
    place = {"seed": trial.seed, "arm": trial.arm, "phase": trial.phase, "index": trial.index}
    place |= {"search": trial.search} if trial.search > 1 else {}
    return {apart(name, PLACE): value for name, value in trial.params.items()} | place


def metrics_of(epochs: Iterable[tuple[int, int, Mapping[str, float]]]) -> list[Any]:  # Any: MLflow's Metric
    """Metrics as MLflow takes them, of (epoch, Unix time in ms, value by name)."""
    from mlflow.entities import Metric

    return [
        Metric(accepted_name(name), float(value), time_ms, epoch)
        for epoch, time_ms, values in epochs
        for name, value in values.items()
    ]


def epochs_missing(trial: TrialRecord, known: Collection[int]) -> list[tuple[int, int, dict[str, float]]]:
    """The epochs of a trial but those that are known, as `metrics_of` takes them; their times are not recorded."""
    first, last = trial.started_s, trial.ended_s or trial.started_s
    missing = []
    for i in range(trial.n_epochs):
        if i + 1 in known:
            continue
        values = {name: series[i] for name, series in trial.history.items() if i < len(series)}
        time_ms = int(1000 * (first + (last - first) * (i + 1) / trial.n_epochs))
        missing.append((i + 1, time_ms, {name: value for name, value in values.items() if value is not None}))
    return missing


def end_items(trial: TrialRecord, time_ms: int) -> tuple[list[Any], list[Any]]:  # Any: MLflow's Metric and RunTag
    """The metrics and tags that the run of a trial gets at its end."""
    result = trial.result
    assert result is not None
    tags = {"dlstudy.state": result.state, "dlstudy.slot": result.slot}
    if result.trained_by is not None:
        tags["dlstudy.trained_by"] = result.trained_by
    if result.remarks:
        tags["dlstudy.remarks"] = "; ".join(result.remarks)
    if "parameters" in result.metrics:
        tags["dlstudy.parameters"] = f"{result.metrics['parameters']:.0f}"
    if result.reason:
        tags["dlstudy.reason"] = result.reason
    if result.traceback:
        tags["dlstudy.traceback"] = result.traceback
    return metrics_of([(trial.n_epochs, time_ms, _at_end(trial))]), tags_of(tags)


def model_metrics(trial: TrialRecord, model_id: str, dataset: Mapping[str, str]) -> list[Any]:  # Any: MLflow's Metric
    """The metrics of a trial's model, which are those of its run that it has at its end only, with their data set.

    Args:
        trial: that has ended.
        model_id: MLflow's.
        dataset: with its `name` and `digest`.
    """
    from mlflow.entities import Metric

    at_end, _ = end_items(trial, int((trial.ended_s or trial.started_s) * 1000))
    return [
        Metric(
            metric.key, metric.value, metric.timestamp, metric.step, model_id, dataset["name"], dataset["digest"][:36]
        )
        for metric in at_end
        if not metric.key.startswith("system/") and metric.key != "value"
    ]


def own_items(log: OwnLog, trial: TrialRecord) -> _Items:
    """What the study's own code logged in a trial; a name that the run has already begins with `study/`."""
    from mlflow.entities import Metric

    used = {*trial.history, *_at_end(trial)}
    metrics = [
        Metric(accepted_name(apart(name, used)), value, time_ms, step) for name, value, time_ms, step in log.metrics
    ]
    known = {name: str(value) for name, value in params_at_start(trial).items()}
    params = {apart(name, known): value for name, value in log.params.items() if value != known.get(name)}
    tags = {apart(name, {name} if name.startswith(_OUR_TAGS) else ()): text for name, text in log.tags.items()}
    return metrics, tags_of(tags), params_of(params)


def _at_end(trial: TrialRecord) -> dict[str, float]:
    """The metrics of a trial that it does not have after each epoch."""
    result = trial.result
    assert result is not None
    final = {name: value for name, value in result.metrics.items() if name not in {*result.history, "parameters"}}
    # MLflow's chart page shows what begins so in a section of its own, below the metrics.
    final |= {f"system/{name}": value for name, value in result.cost.items()}
    return final if trial.value is None else {**final, "value": trial.value}
