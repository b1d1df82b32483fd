"""The costs of the arms' winners: time, size, memory."""

from collections.abc import Mapping, Sequence
from statistics import median, median_high

from dlstudy.analysis.cost_results import CostSummary
from dlstudy.analysis.trial_index import epochs_to, value_at
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord, kind_of_slot

__all__ = ["cost_summaries"]


def cost_summaries(study: Study, runs: Mapping[str, Sequence[TrialRecord]]) -> list[CostSummary]:
    """The costs of each arm with runs; all arms have the same target, the worst of their median final values.

    Args:
        study: as the variant runs it.
        runs: the finished replicates of the winners, by arm.
    """
    target = _target(study, runs)
    return [_cost(study, arm.name, runs[arm.name], target) for arm in study.arms if runs.get(arm.name)]


def _target(study: Study, runs: Mapping[str, Sequence[TrialRecord]]) -> float | None:
    """The value that at least half of the runs of every arm reach in the end."""
    finals = [
        [value for run in of_arm if (value := value_at(run, study.protocol.metric, None)) is not None]
        for of_arm in runs.values()
    ]
    medians = [median(values) for values in finals if values]
    return study.protocol.direction.worst(medians) if medians else None


def _cost(study: Study, arm: str, runs: Sequence[TrialRecord], target: float | None) -> CostSummary:
    metric, direction = study.protocol.metric, study.protocol.direction
    reached = [
        (run, epoch)
        for run in runs
        if target is not None and (epoch := epochs_to(run, metric, target, direction)) is not None
    ]
    each = [(epoch, _costs([run], "seconds_per_epoch")) for run, epoch in reached]
    sizes = [int(run.metrics["parameters"]) for run in runs if "parameters" in run.metrics]
    memory = _costs(runs, "memory_mb")
    return CostSummary(
        arm=arm,
        parameters=median_high(sizes) if sizes else None,
        seconds_per_epoch=_median(_costs(runs, "seconds_per_epoch")),
        seconds=_median(_costs(runs, "seconds")),
        seconds_to_target=_median([epoch * seconds[0] for epoch, seconds in each if seconds]),
        n_reached=len(reached),
        n=len(runs),
        target=target,
        cpu_seconds=_median(_costs(runs, "cpu_seconds")),
        memory_mb=max(memory, default=None),
        gpu_utilization_percent=_median(_costs(runs, "gpu_utilization_percent")),
        gpu_energy_j=_median(_costs(runs, "gpu_energy_j")),
        slots=sorted({kind_of_slot(run.result.slot) for run in runs if run.result and run.result.slot}),
    )


def _costs(runs: Sequence[TrialRecord], name: str) -> list[float]:
    return [run.result.cost[name] for run in runs if run.result and name in run.result.cost]


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
