"""What the record holds of a trial, and what a study gave: frozen, and JSON both ways."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlstudy.trial import ENDED_FOR_GOOD, TrialResult

__all__ = [
    "ArmSummary",
    "Best",
    "ClaimSummary",
    "ComputedSummary",
    "MetricSummary",
    "PrintedSummary",
    "StudySummary",
    "SweepSummary",
    "TrialRecord",
]


@dataclass(frozen=True)
class TrialRecord:
    """A trial as the record holds it.

    Args:
        key: unique in the record.
        phase, arm, row: where it belongs; a second try of a row has the same row.
        number: counts the trials of its arm and phase, second tries included.
        seed: of initial weights, batch order and dropout.
        params: what was trained, complete.
        tuned: the part of it that the search chose, or the document printed.
        result: what came of it; None while it runs.
        value: what the search looks at; None where it gave none.
        run_id: of its MLflow run; empty where MLflow was away.
        started_s, ended_s: Unix time; `ended_s` is None while it runs.
        setting_key: names its parameters.
    """

    key: str
    phase: str
    arm: str
    row: int
    number: int
    seed: int
    params: Mapping[str, Any]  # JSON scalars
    tuned: Mapping[str, Any]  # JSON scalars
    result: TrialResult | None
    value: float | None
    run_id: str
    started_s: float
    ended_s: float | None
    setting_key: str

    @property
    def state(self) -> str:
        """How it ended, or `running`."""
        return self.result.state if self.result else "running"

    @property
    def ended_for_good(self) -> bool:
        """Whether it need not be trained again."""
        return self.state in ENDED_FOR_GOOD

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics at the end of training."""
        return self.result.metrics if self.result else {}


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
class ClaimSummary:
    """A claim and its verdict.

    `difference` is that of the arm that is hardest to beat, positive where the claim says so; `interval` is its 95 %
    interval; `against` that arm; `how` says in words what was compared.
    """

    text: str
    verdict: str
    metric: str
    epoch: int | None
    phase: str
    difference: float | None
    interval: tuple[float, float] | None
    against: str
    n: int
    why: str = ""
    how: str = ""


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
    """Everything that a report says, from the record alone."""

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

    def to_json(self) -> dict[str, Any]:
        """The JSON report: a stable schema, described in `docs/report-schema.md`."""
        data = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {
            "schema": 1,
            **data,
            **{
                name: [_plain(item) for item in data[name]]
                for name in ("arms", "printed", "computed", "sweeps", "claims")
            },
            "trials": [_trial_json(trial) for trial in self.trials],
            "notes": list(self.notes),
            "remarks": list(self.remarks),
        }


def _plain(item: Any) -> dict[str, Any]:  # Any: one of the dataclasses above; JSON
    return dataclasses.asdict(item)


def _trial_json(trial: TrialRecord) -> dict[str, Any]:
    result = trial.result or TrialResult("running")
    return {
        "phase": trial.phase,
        "arm": trial.arm,
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
    }
