"""Studies whose trainings are drawn from a known truth: planned, recorded and judged by the tool's own functions."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlstudy.datasets import registry
from dlstudy.runner.plan import Plan, Selection, Training
from dlstudy.study.loader import StudyFile
from dlstudy.study.own_modules import OwnModules
from dlstudy.study.request import Request, ResolvedStudy
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord, TrialResult, TrialState, make_parameters, params_key
from dlstudy.study.variant import Variant

__all__ = ["Truth", "resolved", "trials_of"]

Truth = Callable[[Training, int], Mapping[str, float]]
"""Training and seed to the metrics that it ends with; none where it diverges."""


def build(p: dict[str, Any]) -> None:
    """Nothing is built."""


def resolved(study: Study, name: str) -> ResolvedStudy:
    """The study as a run without options would have it. Another name draws other designs and seeds."""
    file = StudyFile(name, Path(f"{name}.py"), "", study, OwnModules(Path(f"{name}.py")))
    fields = {item.name: getattr(study, item.name) for item in dataclasses.fields(Study)}
    return ResolvedStudy(**fields, file=file, variant=Variant(), about=registry.describe(study.dataset))


def trials_of(study: ResolvedStudy, truth: Truth) -> list[TrialRecord]:
    """All trials of a run of the study, as the record would have them."""
    plan, trials = Plan(study, Selection.of(study, Request()), []), list[TrialRecord]()
    while (training := plan.next()) is not None:
        trial = _trained(study, training, truth, len(trials))
        trials.append(trial)
        plan.ended(training, trial)
    return trials


def _trained(study: ResolvedStudy, training: Training, truth: Truth, number: int) -> TrialRecord:
    part, tuned = training.part, training.tuned or {}
    seed = study.seed(training.arm, part.phase, training.index, part.search)
    metrics = truth(training, seed)
    params = make_parameters(training.arm, study.protocol, tuned)
    state = TrialState.FINISHED if metrics else TrialState.DIVERGED
    return TrialRecord(
        key=f"{part}#{training.index}", phase=part.phase, arm=training.arm.name, index=training.index, number=number,
        seed=seed, params=params, tuned=tuned, result=TrialResult(state, metrics=metrics),
        value=metrics.get(study.value_metric(training.arm, part.phase)), run_id="", started_s=float(number),
        ended_s=number + 0.5, setting_key=params_key(params), search=part.search, round=training.round,
    )  # fmt: skip
