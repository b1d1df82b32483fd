"""What the record holds of a trial, and what a study gave: frozen, and JSON both ways."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlstudy.analysis.inference import Interval
from dlstudy.study.trial import TrialRecord, TrialResult

__all__ = [
    "ArmSummary",
    "Best",
    "BudgetCurve",
    "Check",
    "ClaimSummary",
    "ComputedSummary",
    "CostSummary",
    "MetricSummary",
    "Pair",
    "PrintedSummary",
    "StudySummary",
    "SweepSummary",
]


@dataclass(frozen=True)
class MetricSummary:
    """One metric over the replicates of an arm: `values` and `seeds` in the order of the seeds."""

    mean: float
    sd: float | None
    n: int
    values: Sequence[float]
    seeds: Sequence[int]


@dataclass(frozen=True)
class Best:
    """The winner of an arm's search: its parameters, its validation value, how many trials were tried, its row."""

    params: Mapping[str, Any]  # JSON scalars
    value: float
    metric: str
    n_trials: int
    row: int
    setting_key: str


@dataclass(frozen=True)
class ArmSummary:
    """What an arm gave: its winner on fresh seeds, its printed setting, its library's defaults.

    `drop` is the search's value less the mean of the replicates' same metric.
    """

    name: str
    best: Best | None
    replicates: Mapping[str, MetricSummary]
    printed_runs: Mapping[str, MetricSummary]
    drop: float | None
    notes: Sequence[str] = ()
    defaults: Mapping[str, MetricSummary] = field(default_factory=dict)


@dataclass(frozen=True)
class PrintedSummary:
    """A printed figure beside ours.

    `reproduced`: `reproduced`, `not reproduced`, `undecidable`, `not comparable` or `not run`.
    """

    arm: str
    metric: str
    epoch: int | None
    setting: Mapping[str, Any]  # JSON scalars
    printed: str
    ours: float | None
    interval: tuple[float, float] | None
    n: int
    reproduced: str
    why: str = ""
    place: str = ""


@dataclass(frozen=True)
class ComputedSummary:
    """A printed figure that arithmetic can check, beside its right value; `verdict` is `right` or `wrong`."""

    text: str
    printed: str
    value: float
    verdict: str
    why: str = ""


@dataclass(frozen=True)
class Pair:
    """A claim's arm against one other, over paired units: seeds, or whole searches.

    Args:
        against: the other arm.
        units: rows of the seeds, or numbers of the searches, ascending.
        differences: (n,) one a unit, positive where the claim says so.
        mean, median: of them.
        interval, interval_90: of the mean, at 95 and 90 %; None with fewer than two units.
        p: two-sided, that there is no difference; not adjusted for the number of claims.
        wins, wins_interval: the share of units in which the arm is ahead (a tie counts half), with its 95 % interval.
        effect_size: the mean difference in standard deviations of the differences (Hedges' g); None where they are
            all alike.
        test_noise: standard error of the mean difference that the finite test set alone brings; None where the record
            has no right and wrong answers, or the claim is of another metric than test accuracy.
        sd_seeds, sd_searches: standard deviations of a difference between seeds of one search, and between searches
            beyond that; None with fewer than three searches.
    """

    against: str
    units: Sequence[int]
    differences: Sequence[float]
    mean: float
    median: float
    interval: Interval | None = None
    interval_90: Interval | None = None
    p: float | None = None
    wins: float | None = None
    wins_interval: Interval | None = None
    effect_size: float | None = None
    test_noise: float | None = None
    sd_seeds: float | None = None
    sd_searches: float | None = None


@dataclass(frozen=True)
class ClaimSummary:
    """A claim and its verdict.

    Args:
        text: the claim.
        verdict: `not testable`, `contradicted by its own numbers`, `withheld`, `equivalent`, `supported`,
            `contradicted`, `undecided` or `not run`.
        metric, epoch, phase, how: what was compared; `how` in words.
        measured: the verdict of our runs alone, whatever the document's own figures say.
        difference, interval, against, n: of the pair that decides, as in `Pair`; `interval` is the 95 % one.
        p, p_adjusted: of the claim as a whole; adjusted for all claims of the study (Holm).
        unit: what is paired, "seed" or "search".
        scope: what the verdict holds for, in words.
        within: the margin of a likeness; None where the claim is none.
        region: differences smaller than this do not matter; None where the study states none.
        smallest: the smallest difference that so many units would have shown in four of five such studies.
        n_needed: units with which a difference as large as `region` would be shown as often.
        own_numbers: how the document's own figures contradict it; empty where they do not.
        why: what else a reader must know, such as which check withholds a verdict.
        control: whether it is no claim of the document but one about two identical arms.
        pairs: against each arm that the claim names.
    """

    text: str
    verdict: str
    metric: str
    epoch: int | None
    phase: str
    measured: str = ""
    difference: float | None = None
    interval: Interval | None = None
    against: str = ""
    n: int = 0
    why: str = ""
    how: str = ""
    p: float | None = None
    p_adjusted: float | None = None
    unit: str = "seed"
    scope: str = ""
    within: float | None = None
    region: float | None = None
    smallest: float | None = None
    n_needed: int | None = None
    own_numbers: str = ""
    control: bool = False
    pairs: Sequence[Pair] = ()


@dataclass(frozen=True)
class Check:
    """A check on the search of an arm.

    Args:
        arm: whose search.
        name: `edge`, `failures`, `budget` or `contains`.
        passed: whether all is well.
        text: one sentence with what was found.
    """

    arm: str
    name: str
    passed: bool
    text: str


@dataclass(frozen=True)
class BudgetCurve:
    """What an arm's search had found after so many trials, in the metric of the search.

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
    """What an arm's winner costs, over its replicates; None where it is not known.

    Args:
        arm: its name.
        parameters: of the model.
        seconds_per_epoch: median over the runs.
        seconds: of a whole training, median.
        seconds_to_target: median time until the validation metric of the search reached `target`.
        n_reached, n: how many of the runs reached it.
        target: what the slowest-learning arm reached in the end.
        memory_mb: highest resident memory of a worker that trained it.
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
    memory_mb: float | None
    slots: Sequence[str]


@dataclass(frozen=True)
class SweepSummary:
    """A metric of an arm at one point of a sweep, over the runs that finished; how many of `n` runs diverged."""

    sweep: str
    point: Mapping[str, Any]  # JSON scalars
    arm: str
    metric: str
    mean: float | None
    sd: float | None
    n: int
    n_diverged: int


@dataclass(frozen=True)
class StudySummary:
    """Everything that a report says, from the record alone.

    `scope`: data, net, budget and versions that the answer holds for, in a sentence. `crossings`: which arms' budget
    curves cross, and where. `pairing`: what paired runs share. `made_with`: versions and commit of the runs.
    """

    study: str
    variant: str
    question: str
    answer: str
    quick: bool
    complete: bool
    n_failed: int
    arms: Sequence[ArmSummary]
    printed: Sequence[PrintedSummary]
    claims: Sequence[ClaimSummary]
    computed: Sequence[ComputedSummary]
    sweeps: Sequence[SweepSummary]
    remarks: Sequence[str]
    trials: Sequence[TrialRecord]
    protocol: Mapping[str, Any]  # JSON
    notes: Sequence[str] = field(default_factory=tuple)
    scope: str = ""
    checks: Sequence[Check] = ()
    budgets: Sequence[BudgetCurve] = ()
    crossings: Sequence[str] = ()
    costs: Sequence[CostSummary] = ()
    pairing: Sequence[str] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)

    @property
    def test_metric(self) -> str:
        """The test metric that answers to the metric of the search."""
        return str(self.protocol["metric"]).replace("val_", "test_", 1)

    def to_json(self) -> dict[str, Any]:
        """The JSON report: a stable schema, described in `docs/report-schema.md`."""
        data = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {
            "schema": 2,
            **data,
            **{name: [_plain(item) for item in data[name]] for name in _PARTS},
            "trials": [_trial_json(trial) for trial in self.trials],
            "made_with": dict(self.made_with),
        }


_PARTS = ("arms", "printed", "computed", "sweeps", "claims", "checks", "budgets", "costs")


def _plain(item: Any) -> dict[str, Any]:  # Any: one of the dataclasses above; JSON
    return dataclasses.asdict(item)


def _trial_json(trial: TrialRecord) -> dict[str, Any]:
    result = trial.result or TrialResult("running")
    return {
        "phase": trial.phase,
        "arm": trial.arm,
        "search": trial.search,
        "number": trial.number,
        "row": trial.row,
        "seed": trial.seed,
        "params": dict(trial.params),
        "state": trial.state,
        "reason": result.reason,
        "value": trial.value,
        "metrics": dict(result.metrics),
        "cost": dict(result.cost),
        "slot": result.slot,
        "way": result.way,
        "run_id": trial.run_id,
        "started_s": trial.started_s,
        "ended_s": trial.ended_s,
        "history": dict(result.history),
        "correct": result.correct,
        "initial": dict(result.initial),
    }
