"""What a search and its winner cost: frozen dataclasses, parts of a study's results."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BudgetCurve", "CostSummary"]


@dataclass(frozen=True)
class BudgetCurve:
    """The best result of an arm's search after 1, 2, ... trials, in the metric of the search.

    Args:
        arm: its name.
        kind: `best so far` (mean over searches), or `expected best` (of independent draws, Tang et al. 2020).
        n_searches: how many searches it rests on.
        best: (n,) after 1, 2, ... trials; None until one has finished.
        low, high: (n,) range over the searches; empty with one.
        seconds: (n,) that a slot had spent by then, mean over the searches.
    """

    arm: str
    kind: str
    n_searches: int
    best: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    seconds: Sequence[float] = ()


@dataclass(frozen=True)
class CostSummary:
    """The costs of an arm's winner, over its replicates; None where they are not known.

    Args:
        arm: its name.
        parameters: of the model.
        seconds_per_epoch: median over the runs.
        seconds: of a whole training, median.
        seconds_to_target: median time until the validation metric of the search reached `target`.
        n_reached, n: how many of the runs reached it.
        target: the value that the slowest-learning arm reached in the end.
        cpu_seconds: of a whole training, over all threads, median.
        memory_mb: highest resident memory of a worker that trained it.
        gpu_utilization_percent: of the time, in which some kernel ran on its GPU, median.
        gpu_energy_j: that its GPU drew in a whole training, J, median.
        slots: kinds of slots they were trained on.
    """

    arm: str
    parameters: int | None
    seconds_per_epoch: float | None
    seconds: float | None
    seconds_to_target: float | None
    n_reached: int
    n: int
    target: float | None
    cpu_seconds: float | None
    memory_mb: float | None
    gpu_utilization_percent: float | None
    gpu_energy_j: float | None
    slots: Sequence[str]
