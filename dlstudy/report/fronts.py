"""The Pareto fronts of a summary: the settings of each search that were trained again, and what they gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlstudy.analysis.fronts import front
from dlstudy.analysis.results import StudySummary
from dlstudy.study.objectives import Objective
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["FrontPoint", "fronts", "objectives_of"]


@dataclass(frozen=True)
class FrontPoint:
    """A setting of a front.

    Args:
        found: the search trial that it is of.
        values: of each objective, by its metric on the test rows, what the replicates gave.
    """

    found: TrialRecord
    values: Mapping[str, Sequence[float]]


def objectives_of(summary: StudySummary) -> list[Objective]:
    """The objectives of the protocol; none where there is one metric."""
    return [Objective(**stated) for stated in summary.protocol.get("objectives", ())]


def fronts(summary: StudySummary) -> dict[str, list[FrontPoint]]:
    """The front of each arm, all its searches together; empty without objectives."""
    objectives, found = objectives_of(summary), dict[str, list[FrontPoint]]()
    for arm in summary.arms if objectives else ():
        of_arm = [trial for trial in summary.trials if trial.arm == arm.name]
        found[arm.name] = []
        for search in sorted({trial.search for trial in of_arm if trial.phase is Phase.SEARCH}):
            of_search = [trial for trial in of_arm if trial.search == search]
            tried = [trial for trial in of_search if trial.phase is Phase.SEARCH]
            best = front(tried, Direction.MAXIMIZE, objectives, summary.protocol["front"])
            found[arm.name] += [FrontPoint(trial, _values(trial, of_search, objectives)) for trial in best]
    return found


def _values(
    best: TrialRecord, of_search: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> dict[str, list[float]]:
    wanted = (Phase.REPLICATE, best.setting_key, TrialState.FINISHED)
    runs = [run for run in of_search if (run.phase, run.setting_key, run.state) == wanted]
    names = [each.test_metric for each in objectives]
    return {name: [run.metrics[name] for run in runs if name in run.metrics] for name in names}
