"""Summarizes the trials of a record: winners, replicates, reported figures, claims, the answer."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import distribution_to_json

from dlstudy.analysis.aa_tests import false_verdicts
from dlstudy.analysis.answer import answer_of, notes_of, ranking_of, scope_of, why_not_comparable
from dlstudy.analysis.budget_curves import budget_curves, crossings
from dlstudy.analysis.costs import cost_summaries
from dlstudy.analysis.deviations import changed_results, deviations_of, dropped_claims, marks_of_claims
from dlstudy.analysis.elsewhere import elsewhere_json, elsewhere_summary
from dlstudy.analysis.formatting import params_text
from dlstudy.analysis.fronts import with_front
from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.pairing import describe_pairing
from dlstudy.analysis.reported import judge_reported
from dlstudy.analysis.results import ArmSummary, Best, Check, ClaimSummary, StudySummary, SweepSummary, Verdict
from dlstudy.analysis.search_checks import search_checks
from dlstudy.analysis.trial_index import TrialIndex, metric_summaries, unrecovered, value_at, without_value
from dlstudy.analysis.verdicts import judge_claims, judge_derived
from dlstudy.store.notes import Notes
from dlstudy.study.axes import Number, reaching
from dlstudy.study.conditions import conditions_json
from dlstudy.study.phases import Phase
from dlstudy.study.protocol import Sweep
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.saving import origin_of
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["protocol_json", "summarize"]

_DECIDED = (Verdict.SUPPORTED, Verdict.CONTRADICTED)
"""The verdicts that are false between identical arms."""


def summarize(
    study: ResolvedStudy, trials: Sequence[TrialRecord], made_with: Mapping[str, str] | None = None,
    notes: Notes | None = None,
) -> StudySummary:  # fmt: skip
    """The summary of the trials of one variant.

    Args:
        study: as the variant runs it.
        trials: all of them.
        made_with: versions and commit of the runs.
        notes: of the record on the plan and on looks at test rows.
    """
    trial_index = TrialIndex(study, trials, notes)
    checks = search_checks(study, trial_index, trials)
    replicates = {arm.name: trial_index.all_replicates(arm.name) for arm in study.arms}
    claims = _claims(study, trial_index, checks, trials)
    curves = budget_curves(study, study.variant.sampler, trials)
    return StudySummary(
        study=study.name,
        variant=study.variant,
        question=study.question,
        answer=answer_of(study, trial_index, checks, claims),
        n_failed=len(unrecovered(trials)),
        complete=all(trial_index.is_complete(arm) for arm in study.arms),
        arms=[_arm(study, arm, trial_index, trials) for arm in study.arms],
        reported=judge_reported(study, study.reported, trial_index, why_not_comparable(study)),
        derived=[judge_derived(figure) for figure in study.derived],
        sweeps=[point for sweep in study.sweeps for point in _sweep(study, sweep, trial_index)],
        claims=claims,
        trials=list(trials),
        protocol=protocol_json(study),
        notes=[*notes_of(study, trials), *deviations_of(trial_index.notes, study.claims, protocol_json(study))],
        remarks=list(study.remarks),
        scope=scope_of(study, replicates, _n_trials(study, trial_index), made_with or {}),
        checks=checks,
        budget_curves=curves,
        crossings=crossings(curves, study.protocol.direction),
        costs=cost_summaries(study, replicates),
        pairing=describe_pairing(study, replicates),
        ranking=ranking_of(study, trial_index),
        made_with=made_with or {},
        plan=trial_index.notes.summary,
        looks_s=[look.at_s for look in trial_index.notes.looks],
        aa_tests=false_verdicts([claim.verdict in _DECIDED for claim in claims if claim.aa_test and claim.n]),
        elsewhere=[elsewhere_summary(arm) for arm in study.elsewhere],
        origin=origin_of(study.file),
    )


def _claims(
    study: ResolvedStudy, trial_index: TrialIndex, checks: Sequence[Check], trials: Sequence[TrialRecord]
) -> list[ClaimSummary]:
    """The verdicts on the study's claims, each with how it differs from the plan."""
    notes = trial_index.notes
    is_late = any(trial.phase is not Phase.SEARCH and trial.started_s < notes.planned_s for trial in trials)
    judged = judge_claims(study, study.claims, trial_index, checks, len(dropped_claims(notes, study.claims)))
    marks = marks_of_claims(notes, study.claims, is_late, changed_results(notes, elsewhere_json(study)))
    return [dataclasses.replace(claim, deviation=mark) for claim, mark in zip(judged, marks, strict=True)]


def _arm(study: Study, arm: Arm, trial_index: TrialIndex, trials: Sequence[TrialRecord]) -> ArmSummary:
    of_arm = [trial for trial in trials if trial.arm == arm.name]
    runs = trial_index.all_replicates(arm.name)
    counted = {(k, trial.setting_key) for k in trial_index.searches for trial in trial_index.front(arm.name, k)}
    return ArmSummary(
        name=arm.name,
        best=_best(study, trial_index.winner(arm.name), of_arm),
        replicates=metric_summaries(runs),
        reported_runs=metric_summaries(trial_index.reported(arm).values()) if arm.reported is not None else {},
        defaults=metric_summaries(trial_index.defaults(arm).values()) if arm.defaults is not None else {},
        optimism=_optimism(study, arm, trial_index),
        notes=[
            *_started(study, arm),
            *_other_winners(arm, trial_index),
            *_widened(arm, of_arm),
            *_arm_notes(counted, of_arm),
        ],
    )


def _n_trials(study: Study, trial_index: TrialIndex) -> list[int]:
    """The search trials of an arm, in each search."""
    return [max(trial_index.n_trials(arm, search) for arm in study.arms) for search in trial_index.searches]


def _best(study: Study, best: TrialRecord | None, of_arm: Sequence[TrialRecord]) -> Best | None:
    if best is None:
        return None
    n_tried = len({trial.index for trial in of_arm if (trial.phase, trial.search) == (Phase.SEARCH, 1)})
    return Best(best.tuned, best.value or 0.0, study.protocol.metric, n_tried, best.index, best.setting_key)


def _optimism(study: Study, arm: Arm, trial_index: TrialIndex) -> float | None:
    """By how much a search's value of its winner exceeds the mean over the winner's replicates; mean over searches."""
    found = []
    for search in trial_index.searches:
        best = trial_index.winner(arm.name, search)
        again = metric_summaries(trial_index.replicates(arm.name, search).values()).get(study.protocol.metric)
        if best is not None and best.value is not None and again is not None:
            value = best.value
            if objectives := study.protocol.objectives:  # the replicates are of the whole front
                of_front = with_front(best, trial_index.front(arm.name, search)[1:], objectives)
                value = of_front.metrics[study.protocol.metric]
            found.append(study.protocol.direction.sign * (value - again.mean))
    return mean_and_sd(found)[0] if found else None


def _sweep(study: Study, sweep: Sweep, trial_index: TrialIndex) -> list[SweepSummary]:
    """The results of the arms at each point, in the metrics that claims are about, else in that of the search."""
    claimed = [claim.metric for claim in study.claims if claim.sweep == sweep.name]
    summaries = []
    for metric in dict.fromkeys(claimed or [study.protocol.metric]):
        for point in sweep.points():
            for arm in study.arms:
                for runs in trial_index.sweep(sweep.name, arm, point):
                    ended = [value_at(run, metric, None) for run in runs.values() if run.state is TrialState.FINISHED]
                    values = [value for value in ended if value is not None]
                    lost = without_value(runs.values())
                    mean, sd = mean_and_sd(values) if values else (None, None)
                    summaries.append(SweepSummary(sweep.name, point, arm.name, metric, mean, sd, len(runs), lost))
    return summaries


def _other_winners(arm: Arm, trial_index: TrialIndex) -> list[str]:
    """The winners of further searches, in words."""
    winners = [trial_index.winner(arm.name, search) for search in trial_index.searches[1:] if arm.space]
    found = [params_text(best.tuned) for best in winners if best]
    return [f"winners of the other searches: {'; '.join(found)}"] if found else []


def _started(study: Study, arm: Arm) -> list[str]:
    """The settings that each search begins with, in words."""
    begun = arm.start[: study.protocol.trials]
    return [f"each search begins with {'; '.join(map(params_text, begun))}"] if begun else []


def _widened(arm: Arm, of_arm: Sequence[TrialRecord]) -> list[str]:
    """The parameters whose ranges were widened, in words."""
    tried = [trial for trial in of_arm if trial.phase is Phase.SEARCH and trial.state.is_final]
    found = []
    for name, stated in arm.space.items():
        reached = reaching(stated, [trial.tuned[name] for trial in tried if name in trial.tuned])
        if isinstance(stated, Number) and isinstance(reached, Number) and reached != stated:
            searched = f"{reached.low:.3g} to {reached.high:.3g}"
            found.append(f"{name} was searched from {searched}; the study states {stated.low:.3g} to {stated.high:.3g}")
    return found


def _arm_notes(counted: set[tuple[int, str]], all_of_arm: Sequence[TrialRecord]) -> list[str]:
    notes = []
    bad = [*(trial for trial in all_of_arm if trial.state.counts_as_worst), *unrecovered(all_of_arm)]
    for state in (TrialState.DIVERGED, TrialState.OVER_TIME, TrialState.FAILED, TrialState.LOST):
        reasons = [trial.result.reason for trial in bad if trial.state is state and trial.result]
        if reasons:
            notes.append(f"{len(reasons)} trial{'s' if len(reasons) > 1 else ''} {state}: {reasons[-1]}")
    replicated = [
        trial for trial in all_of_arm if trial.phase is Phase.REPLICATE and trial.state is TrialState.FINISHED
    ]
    older = {(t.search, t.setting_key) for t in replicated} - counted
    if older:
        notes.append(f"replicates of earlier winners ({len(older)}) are kept but do not count")
    first_read: dict[int, float] = {}
    for trial in replicated:
        first_read[trial.search] = min(trial.ended_s or math.inf, first_read.get(trial.search, math.inf))
    if any(t.phase is Phase.SEARCH and t.started_s > first_read.get(t.search, math.inf) for t in all_of_arm):
        notes.append("the search continued after the test set was read")
    return notes


def protocol_json(study: Study) -> dict[str, Any]:  # Any: JSON
    """The protocol in JSON, search spaces in the form of `optuna.distributions.distribution_to_json`."""
    protocol = study.protocol
    conditions = {arm.name: conditions_json(arm.conditions) for arm in study.arms if arm.conditions}
    return {
        "dataset": study.dataset,
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "trials": protocol.trials,
        "rounds": protocol.rounds,
        "seeds": protocol.seeds,
        "searches": protocol.searches,
        "reported_seeds": protocol.seeds_of(Phase.REPORTED),
        "metric": protocol.metric,
        "direction": protocol.direction,
        "split": str(protocol.split),
        "reported_split": str(protocol.reported_split or protocol.split),
        "rows": protocol.rows,
        **({} if protocol.trial_minutes is None else {"trial_minutes": protocol.trial_minutes}),
        **({} if protocol.budget is None else {"budget": protocol.budget_text}),
        "spaces": {
            arm.name: {name: json.loads(distribution_to_json(space)) for name, space in arm.space.items()}
            for arm in study.arms
        },
        **({"objectives": list(map(dataclasses.asdict, protocol.objectives))} if protocol.objectives else {}),
        **({"front": protocol.front} if protocol.objectives else {}),
        **({"constraints": list(map(str, protocol.constraints))} if protocol.constraints else {}),
        **({"conditions": conditions} if conditions else {}),
        **({"elsewhere": elsewhere_json(study)} if study.elsewhere else {}),
    }
