"""The results of a study: frozen dataclasses, and JSON for the report."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dlstudy.analysis.aa_tests import FalseVerdicts
from dlstudy.analysis.cost_results import BudgetCurve, CostSummary
from dlstudy.analysis.inference import Interval
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.trial_json import trial_json
from dlstudy.study.claims import ClaimPhase
from dlstudy.study.metrics import test_metric_of
from dlstudy.study.trial import TrialRecord, TrialState
from dlstudy.study.variant import Variant

__all__ = [
    "SCHEMA",
    "ArmSummary",
    "Best",
    "Check",
    "ClaimSummary",
    "DerivedSummary",
    "DerivedVerdict",
    "ElsewhereSummary",
    "FigureVerdict",
    "MetricSummary",
    "ReportedSummary",
    "StudySummary",
    "SweepSummary",
    "Unit",
    "Verdict",
]

SCHEMA = 4
"""The version of the JSON of reports and of their index."""


class Verdict(StrEnum):
    """The verdict of our runs on a claim."""

    SUPPORTED = "supported"
    EQUIVALENT = "equivalent"
    """Differences are too small to matter."""
    CONTRADICTED = "contradicted"
    CONTRADICTED_BY_ITS_OWN_NUMBERS = "contradicted by its own numbers"
    """The document's own figures say otherwise."""
    UNDECIDED = "undecided"
    WITHHELD = "withheld"
    """A failed check on the search undermines what the runs would say."""
    NOT_RUN = "not run"
    NOT_TESTABLE = "not testable"


class FigureVerdict(StrEnum):
    """The verdict of our runs on a reported figure."""

    COMPATIBLE = "compatible"
    """One more of our runs could have given it."""
    NOT_COMPATIBLE = "not compatible"
    UNDECIDABLE = "undecidable"
    """Almost any figure would pass."""
    NOT_COMPARABLE = "not comparable"
    """This variant trains something other than the document did."""
    NOT_RUN = "not run"


class DerivedVerdict(StrEnum):
    """The verdict of arithmetic on a reported figure."""

    RIGHT = "right"
    WRONG = "wrong"


class Unit(StrEnum):
    """The unit that a comparison pairs."""

    SEED = "seed"
    SEARCH = "search"
    DATASET = "data set"


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
    """The winner of an arm's search: its parameters, its validation value, how many trials were tried, its index."""

    params: Mapping[str, Any]  # JSON scalars
    value: float
    metric: str
    n_trials: int
    index: int
    setting_key: str


@dataclass(frozen=True)
class ArmSummary:
    """The results of an arm: its winner on fresh seeds, its reported setting, its library's defaults.

    `optimism` is by how much the winner's value in the search was better than the mean of the same metric over its
    replicates: choosing the best of several trials flatters it.
    """

    name: str
    best: Best | None
    replicates: Mapping[str, MetricSummary]
    reported_runs: Mapping[str, MetricSummary]
    optimism: float | None
    notes: Sequence[str] = ()
    defaults: Mapping[str, MetricSummary] = field(default_factory=dict)


@dataclass(frozen=True)
class ElsewhereSummary:
    """An arm whose results are from elsewhere: their source, and what is known of each metric.

    A single figure has no sd; `values` and `seeds` are empty where they are not known.
    """

    name: str
    source: str
    metrics: Mapping[str, MetricSummary]
    text: str = ""


@dataclass(frozen=True)
class ReportedSummary:
    """A reported figure beside ours.

    Args:
        arm, metric, epoch, setting, reported, place: the figure, its digits as in the document.
        ours, sd, n: mean and standard deviation over our runs, and their number.
        interval: where 95 of 100 further runs of the setting would fall.
        p, p_adjusted: that one more run is as far from ours as the figure; adjusted for all figures of the same run of
            the document (Holm); None where nothing is left to chance, or where it decides nothing.
        noticed: how far from our mean the document's setting must be for the figure to be found not compatible in four
            of five cases.
        verdict, why: the verdict of our runs, and its reason.
    """

    arm: str
    metric: str
    epoch: int | None
    setting: Mapping[str, Any]  # JSON scalars
    reported: str
    ours: float | None
    interval: Interval | None
    n: int
    verdict: FigureVerdict
    why: str = ""
    place: str = ""
    sd: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    noticed: float | None = None


@dataclass(frozen=True)
class DerivedSummary:
    """A reported figure that arithmetic can check, beside its right value."""

    text: str
    reported: str
    value: float
    verdict: DerivedVerdict
    why: str = ""


@dataclass(frozen=True)
class ClaimSummary:
    """A claim and its verdict.

    Args:
        text, verdict: the claim, and the verdict on it.
        metric, epoch, phase, how: what was compared; `how` in words.
        measured: the verdict of our runs alone, whatever the document's own figures say; None without one.
        difference, interval, against, n: of the pair that decides, as in `Pair`; `interval` is the 95 % one.
        rows_interval: likewise, the 95 % interval for other test rows of this kind; None where that is not known.
        on_these_rows: the verdict on these test rows alone, where it is another one; else None.
        p, p_adjusted: of the claim as a whole; adjusted for all claims of the study; None without chance.
        p_equivalent, p_equivalent_adjusted: that differences are as large as `rope`; None where the study states none.
        p_floor: the smallest p that this number of seeds can give; None between searches and for claims of equivalence.
        unit: what is paired.
        scope, rows_scope: what the verdict holds for, and on which rows, in words.
        margin: of equivalence; None where the claim is that one arm is better.
        rope: differences smaller than this do not matter; None where the study states none.
        smallest: the smallest difference that this many units and rows would have shown in four of five such studies.
        n_needed: units with which a difference as large as `rope` would be shown as often; None where no number of them
            would, on as many test rows.
        own_numbers: how the document's own figures contradict it; empty where they do not.
        why: further reasons, such as which check withholds a verdict.
        aa_test: whether it is an A/A test of two identical arms instead of a claim of the document.
        deviation: how it differs from the plan that was noted before there were results; empty where it does not.
        pairs: against each arm that the claim names.
    """

    text: str
    verdict: Verdict
    metric: str
    epoch: int | None
    phase: ClaimPhase
    measured: Verdict | None = None
    difference: float | None = None
    interval: Interval | None = None
    rows_interval: Interval | None = None
    on_these_rows: Verdict | None = None
    against: str = ""
    n: int = 0
    why: str = ""
    how: str = ""
    p: float | None = None
    p_adjusted: float | None = None
    p_equivalent: float | None = None
    p_equivalent_adjusted: float | None = None
    p_floor: float | None = None
    unit: Unit = Unit.SEED
    scope: str = ""
    rows_scope: str = ""
    margin: float | None = None
    rope: float | None = None
    smallest: float | None = None
    n_needed: int | None = None
    own_numbers: str = ""
    aa_test: bool = False
    deviation: str = ""
    pairs: Sequence[Pair] = ()

    @property
    def deciding(self) -> Pair:
        """The pair that decides, of a claim that has one."""
        return next(pair for pair in self.pairs if pair.against == self.against)


@dataclass(frozen=True)
class Check:
    """A check on the search of an arm.

    Args:
        arm, name: whose search; `bracket`, `failures`, `budget` or `contains`.
        passed: whether it found no problem.
        text: one sentence with what was found.
    """

    arm: str
    name: str
    passed: bool
    text: str


@dataclass(frozen=True)
class SweepSummary:
    """A metric of an arm at one point of a sweep, over the runs that finished; how many of `n` had none, and why."""

    sweep: str
    point: Mapping[str, Any]  # JSON scalars
    arm: str
    metric: str
    mean: float | None
    sd: float | None
    n: int
    lost: Mapping[str, int]


@dataclass(frozen=True)
class StudySummary:
    """Everything that a report says, from the record alone.

    Args:
        study, variant: names in the record.
        question, answer: a sentence each.
        complete: whether every run that the study asks for is final.
        n_failed: trainings that failed or were lost and that no other try recovered.
        trials: all of them, including those that do not count.
        protocol: in JSON.
        notes: to read before the numbers.
        scope: data, net, budget and versions that the answer holds for, in a sentence.
        crossings: which arms' budget curves cross, and where.
        pairing: what paired runs share.
        ranking: mean test metric of each arm, runs that diverged included, best first; empty where arms are not ranked.
        made_with: versions and commit of the runs.
        plan: `digest` of the noted plan, and when it was noted, `planned_s` (Unix seconds); empty without one.
        looks_s: when results could be looked at before the last run, Unix seconds.
        aa_tests: how many A/A tests gave a false verdict; None where none was run.
        elsewhere: the arms whose results are from elsewhere.
        origin: where a study is kept that was made in Python, in words; empty for a study file.
    """

    study: str
    variant: Variant
    question: str
    answer: str
    complete: bool
    n_failed: int
    arms: Sequence[ArmSummary]
    reported: Sequence[ReportedSummary]
    claims: Sequence[ClaimSummary]
    derived: Sequence[DerivedSummary]
    sweeps: Sequence[SweepSummary]
    remarks: Sequence[str]
    trials: Sequence[TrialRecord]
    protocol: Mapping[str, Any]  # JSON
    notes: Sequence[str] = field(default_factory=tuple)
    scope: str = ""
    checks: Sequence[Check] = ()
    budget_curves: Sequence[BudgetCurve] = ()
    crossings: Sequence[str] = ()
    costs: Sequence[CostSummary] = ()
    pairing: Sequence[str] = ()
    ranking: Mapping[str, float] = field(default_factory=dict)
    made_with: Mapping[str, str] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)  # JSON
    looks_s: Sequence[float] = ()
    aa_tests: FalseVerdicts | None = None
    elsewhere: Sequence[ElsewhereSummary] = ()
    origin: str = ""

    @property
    def metric(self) -> str:
        """The metric of the search."""
        return str(self.protocol["metric"])

    @property
    def test_metric(self) -> str:
        """The test metric that corresponds to the metric of the search."""
        return test_metric_of(self.metric)

    def kept_models(self) -> dict[str, TrialRecord]:
        """The trial whose model is kept, by arm: the first replicate of the winner, where it has finished."""
        best = {arm.name: arm.best.setting_key for arm in self.arms if arm.best}
        return {
            trial.arm: trial
            for trial in self.trials
            if trial.keeps_model and trial.state is TrialState.FINISHED and trial.setting_key == best.get(trial.arm)
        }

    def to_json(self) -> dict[str, Any]:
        """The JSON report: a stable schema, described in `docs/report-schema.md`."""
        data = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {
            "schema": SCHEMA,
            **data,
            "variant": str(self.variant),
            "quick": self.variant.quick,
            **{name: [dataclasses.asdict(item) for item in data[name]] for name in _PARTS},
            "trials": [trial_json(trial) for trial in self.trials],
            "made_with": dict(self.made_with),
            "aa_tests": dataclasses.asdict(self.aa_tests) if self.aa_tests else None,
        }


_PARTS = ("arms", "elsewhere", "reported", "derived", "sweeps", "claims", "checks", "budget_curves", "costs")
