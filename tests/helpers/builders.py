"""Small studies and trials, made by hand for the tests of what is done with them."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.summary import summarize
from dlstudy.datasets import registry
from dlstudy.study.claims import Reported
from dlstudy.study.loader import StudyFile
from dlstudy.study.own_modules import OwnModules
from dlstudy.study.phases import Phase
from dlstudy.study.protocol import Protocol
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrainedBy, TrialRecord, TrialResult, TrialState, make_parameters, params_key
from dlstudy.study.variant import Variant

RATE = {"rate": FloatDistribution(0.0, 1.0)}  # between ends that nature sets, every winner is bracketed
GOOD, REPORTED = {"rate": 0.5}, {"rate": 0.1}


def build(p: dict[str, Any]) -> None:
    """No test that uses these studies builds a model."""


def resolved(study: Study, variant: str = "default", name: str = "s") -> ResolvedStudy:
    """The study as a request for a variant would give it, but for what the variant changes in it."""
    file = StudyFile(name, Path(f"{name}.py"), "", study, OwnModules(Path(f"{name}.py")))
    fields = {item.name: getattr(study, item.name) for item in dataclasses.fields(Study)}
    return ResolvedStudy(**fields, file=file, variant=Variant.parse(variant), about=registry.describe(study.dataset))


def make_study(arms: Sequence[str] = ("a", "b"), **changes: Any) -> ResolvedStudy:
    """Arms named by letters, one rate to tune, one reported; no rounds. `changes` are of `Study` or `Protocol`."""
    own = {
        name: changes.pop(name)
        for name in ("question", "dataset", "build", "rank_arms", "sweeps", "reported", "claims", "elsewhere")
        if name in changes
    }
    defaults = {"question": "Is a better?", "dataset": "digits", "build": build}
    made = [Arm(name, setting={"kind": name}, space=RATE, reported=REPORTED) for name in arms]
    return resolved(Study(arms=made, protocol=Protocol(**{"rounds": 0, "searches": 1, **changes}), **(defaults | own)))


def make_trial(
    study: ResolvedStudy, arm: str, phase: str, index: int = 0, tuned: Mapping[str, Any] | None = None, **changes: Any
) -> TrialRecord:
    """A finished trial at the setting `GOOD`, or `REPORTED`; `changes` are of `TrialRecord` or of its result."""
    phase, search = Phase(phase), changes.get("search", 1)
    chosen = tuned or (REPORTED if phase is Phase.REPORTED else GOOD)
    params = make_parameters(study.arm(arm), study.protocol, chosen)
    key = f"{RecordName(study.name, study.variant, arm, phase, search)}#{index}"
    result = TrialResult(
        TrialState.FINISHED, cost={"seconds": 1.5}, trained_by=TrainedBy.EPOCH_GRAPH, slot="cpu:0"
    )  # fmt: skip
    if "state" in changes:
        changes["state"] = TrialState(changes["state"])
    of_result = {name: changes.pop(name) for name in list(changes) if hasattr(result, name)}
    trial = TrialRecord(
        key=key, phase=phase, arm=arm, index=index, number=index, seed=study.seed(study.arm(arm), phase, index, search),
        params=params, tuned=chosen, result=replace(result, **of_result), value=None, run_id="", started_s=100.0,
        ended_s=200.0, setting_key=params_key(params),
    )  # fmt: skip
    return replace(trial, **changes)


def runs_of(
    study: ResolvedStudy, arm: str, phase: str, values: Sequence[float], metric: str = "test_accuracy", **changes: Any
) -> list[TrialRecord]:
    """One finished trial for each value of a metric, on the seeds 0, 1, ...; replicates get the search they need."""
    runs = [make_trial(study, arm, phase, i, metrics={metric: value}, **changes) for i, value in enumerate(values)]
    searched = {name: changes[name] for name in ("tuned", "search") if name in changes}
    return [make_trial(study, arm, "search", value=0.9, **searched), *runs] if phase == "replicate" else runs


def search_of(
    study: ResolvedStudy, values: Sequence[float | None], arm: str = "a", **changes: Any
) -> list[TrialRecord]:
    """One finished search trial for each value, at the rates 0.1, 0.11, ..."""
    return [
        make_trial(study, arm, "search", i, {"rate": 0.1 + i / 100}, value=value, **changes)
        for i, value in enumerate(values)
    ]


def sum_up(study: ResolvedStudy, trials: Sequence[TrialRecord], variant: str = "default") -> StudySummary:
    """The summary of these trials."""
    return summarize(replace(study, variant=Variant.parse(variant)), trials)


def figure(value: float | str = "0.95", arm: str = "a", **changes: Any) -> Reported:
    """A reported test accuracy."""
    return Reported(arm, "test_accuracy", value, **changes)
