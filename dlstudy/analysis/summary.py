"""From the trials of a record to what a study says: winners, replicates, printed figures, claims, the answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlstudy.analysis.answer import answer_of, notes_of, scope_of, why_not_comparable
from dlstudy.analysis.budget_curves import budget_curves, crossings
from dlstudy.analysis.costs import cost_summaries
from dlstudy.analysis.formatting import params_text
from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.pairing import describe_pairing
from dlstudy.analysis.results import ArmSummary, Best, StudySummary, SweepSummary
from dlstudy.analysis.search_checks import search_checks
from dlstudy.analysis.trial_index import Finished, metric_summaries, unmended, value_at
from dlstudy.analysis.verdicts import judge_claims, judge_computed, judge_printed
from dlstudy.study.protocol import Sweep
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord
from dlstudy.study.variant import Variant

__all__ = ["summarize"]


def summarize(
    name: str, study: Study, variant: str, trials: Sequence[TrialRecord], made_with: Mapping[str, str] | None = None
) -> StudySummary:
    """What the trials of one variant say.

    Args:
        name: of the study.
        study: as the variant runs it.
        variant: its name in the record, generation included.
        trials: all of them.
        made_with: versions and commit of the runs.
    """
    finished = Finished(study, trials)
    not_comparable = why_not_comparable(study, variant)
    checks = search_checks(study, finished, trials)
    replicates = {arm.name: finished.all_replicates(arm.name) for arm in study.arms}
    claims = judge_claims(study, study.claims, finished, checks)
    budgets = budget_curves(study, Variant.from_name(variant).sampler, trials)
    arms = [_arm(study, arm, finished, trials) for arm in study.arms]
    return StudySummary(
        study=name,
        variant=variant,
        question=study.question,
        answer=answer_of(study, finished, checks, claims),
        quick=Variant.from_name(variant).quick,
        n_failed=len(unmended(trials)),
        complete=all(finished.is_complete(arm) for arm in study.arms),
        arms=arms,
        printed=[judge_printed(study, figure, finished, not_comparable) for figure in study.printed],
        computed=[judge_computed(figure) for figure in study.computed],
        sweeps=[point for sweep in study.sweeps for point in _sweep(study, sweep, finished)],
        claims=claims,
        trials=list(trials),
        protocol=_protocol(study),
        notes=notes_of(study, variant, trials),
        remarks=list(study.remarks),
        scope=scope_of(study, replicates, made_with or {}),
        checks=checks,
        budgets=budgets,
        crossings=crossings(budgets, study.protocol.direction),
        costs=cost_summaries(study, replicates),
        pairing=describe_pairing(study, replicates),
        made_with=made_with or {},
    )


def _arm(study: Study, arm: Arm, finished: Finished, trials: Sequence[TrialRecord]) -> ArmSummary:
    best = finished.winner(arm.name)
    search = [trial for trial in trials if (trial.arm, trial.phase, trial.search) == (arm.name, "search", 1)]
    runs = finished.all_replicates(arm.name)
    replicates = metric_summaries(runs)
    metric = study.protocol.metric
    return ArmSummary(
        name=arm.name,
        best=_best(best, metric, search) if best else None,
        replicates=replicates,
        printed_runs=metric_summaries(finished.printed(arm).values()) if arm.printed is not None else {},
        defaults=metric_summaries(finished.defaults(arm).values()) if arm.defaults is not None else {},
        drop=_drop(study, arm, finished),
        notes=[*_other_winners(arm, finished), *_arm_notes(runs, [t for t in trials if t.arm == arm.name])],
    )


def _drop(study: Study, arm: Arm, finished: Finished) -> float | None:
    """By how much a search's value of its winner exceeds the mean over the winner's replicates; mean over searches."""
    metric, sign = study.protocol.metric, 1 if study.protocol.direction == "maximize" else -1
    drops = []
    for search in range(1, 1 + finished.n_searches):
        best = finished.winner(arm.name, search)
        again = metric_summaries(finished.replicates(arm.name, search).values()).get(metric)
        if best is not None and best.value is not None and again is not None:
            drops.append(sign * (best.value - again.mean))
    return mean_and_sd(drops)[0] if drops else None


def _sweep(study: Study, sweep: Sweep, finished: Finished) -> list[SweepSummary]:
    """What the arms gave at each point, in the metrics that claims are about, else in that of the search."""
    claimed = [claim.metric for claim in study.claims if claim.sweep == sweep.name]
    summaries = []
    for metric in dict.fromkeys(claimed or [study.protocol.metric]):
        for point in sweep.points():
            for arm in study.arms:
                for runs in finished.sweep(sweep.name, arm, point):
                    ended = [value_at(run, metric, None) for run in runs.values() if run.state == "finished"]
                    values = [value for value in ended if value is not None]
                    n_diverged = sum(run.state == "diverged" for run in runs.values())
                    mean, sd = mean_and_sd(values) if values else (None, None)
                    summaries.append(SweepSummary(sweep.name, point, arm.name, metric, mean, sd, len(runs), n_diverged))
    return summaries


def _best(best: TrialRecord, metric: str, search: list[TrialRecord]) -> Best:
    return Best(best.tuned, best.value or 0.0, metric, len({t.row for t in search}), best.row, best.setting_key)


def _other_winners(arm: Arm, finished: Finished) -> list[str]:
    """The winners of further searches, in words."""
    found = []
    for search in range(2, 1 + finished.n_searches) if arm.space else ():
        if best := finished.winner(arm.name, search):
            found.append(f"winner of search {search}: {params_text(best.tuned)}")
    return found


def _arm_notes(runs: Sequence[TrialRecord], all_of_arm: Sequence[TrialRecord]) -> list[str]:
    notes = []
    open_ = [*(trial for trial in all_of_arm if trial.state == "diverged"), *unmended(all_of_arm)]
    for state in ("diverged", "failed", "lost"):
        reasons = [trial.result.reason for trial in open_ if trial.state == state and trial.result]
        if reasons:
            notes.append(f"{len(reasons)} trial{'s' if len(reasons) > 1 else ''} {state}: {reasons[-1]}")
    replicated = [trial for trial in all_of_arm if trial.phase == "replicate" and trial.state == "finished"]
    older = {(t.search, t.setting_key) for t in replicated} - {(t.search, t.setting_key) for t in runs}
    if older:
        notes.append(f"replicates of earlier winners ({len(older)}) are kept and count for nothing")
    first_read: dict[int, float] = {}
    for trial in replicated:
        first_read[trial.search] = min(trial.ended_s or math.inf, first_read.get(trial.search, math.inf))
    if any(t.phase == "search" and t.started_s > first_read.get(t.search, math.inf) for t in all_of_arm):
        notes.append("the search went on after the test set was read")
    return notes


def _protocol(study: Study) -> dict[str, Any]:  # Any: JSON
    """The protocol in JSON."""
    protocol = study.protocol
    return {
        "dataset": study.dataset,
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "trials": protocol.trials,
        "seeds": protocol.seeds,
        "searches": protocol.searches,
        "metric": protocol.metric,
        "direction": protocol.direction,
        "split": str(protocol.split),
        "printed_split": str(protocol.printed_split or protocol.split),
        "rows": protocol.rows,
        "spaces": {arm.name: {name: str(space) for name, space in arm.space.items()} for arm in study.arms},
    }
