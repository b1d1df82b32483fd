"""What the arms' winners cost: time, size, memory."""

from collections.abc import Mapping, Sequence
from statistics import median, median_high

from dlstudy.analysis.results import CostSummary
from dlstudy.analysis.trial_index import value_at
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord

__all__ = ["cost_summaries"]


def cost_summaries(study: Study, runs: Mapping[str, Sequence[TrialRecord]]) -> list[CostSummary]:
    """What each arm with runs costs; all arms are asked for the same target, the worst of their median final values.

    Args:
        study: as the variant runs it.
        runs: the finished replicates of the winners, by arm.
    """
    target = _target(study, runs)
    return [_cost(study, arm.name, runs[arm.name], target) for arm in study.arms if runs.get(arm.name)]


def _target(study: Study, runs: Mapping[str, Sequence[TrialRecord]]) -> float | None:
    """What half of the runs of every arm, or more, reach in the end."""
    finals = [
        [value for run in of_arm if (value := value_at(run, study.protocol.metric, None)) is not None]
        for of_arm in runs.values()
    ]
    worst = min if study.protocol.direction == "maximize" else max
    return worst((median(values) for values in finals if values), default=None)


def _cost(study: Study, arm: str, runs: Sequence[TrialRecord], target: float | None) -> CostSummary:
    reached = [(run, epoch) for run in runs if (epoch := _epochs_to(study, run, target)) is not None]
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
        memory_mb=max(memory, default=None),
        slots=sorted({run.result.slot.partition(":")[0] for run in runs if run.result and run.result.slot}),
    )


def _epochs_to(study: Study, run: TrialRecord, target: float | None) -> int | None:
    """The first epoch, counted from 1, that was at least as good as the target."""
    history = run.result.history.get(study.protocol.metric, []) if run.result else []
    sign = 1 if study.protocol.direction == "maximize" else -1
    for epoch, value in enumerate(history, 1):
        if target is not None and value is not None and sign * value >= sign * target:
            return epoch
    return None


def _costs(runs: Sequence[TrialRecord], name: str) -> list[float]:
    return [run.result.cost[name] for run in runs if run.result and name in run.result.cost]


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
