"""From the trials of a record to what a study says: winners, replicates, printed figures, claims, the answer."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlstudy.budgets import budget_curves, crossings
from dlstudy.comparing import LEAST_SEARCHES
from dlstudy.costs import cost_summaries
from dlstudy.datasets import registry
from dlstudy.document import Claim
from dlstudy.finished import Finished, value_at
from dlstudy.numbers import difference, interval_text, params_text, with_sd
from dlstudy.pairing import describe_pairing
from dlstudy.protocol import Sweep
from dlstudy.results import (
    ArmSummary,
    Best,
    Check,
    ClaimSummary,
    MetricSummary,
    StudySummary,
    SweepSummary,
    TrialRecord,
)
from dlstudy.search_checks import search_checks
from dlstudy.statistics import mean_and_sd
from dlstudy.study import Arm, Study
from dlstudy.variant import Variant
from dlstudy.verdicts import judge_claims, judge_computed, judge_printed

__all__ = ["rate_warning", "summarize", "training_of", "unmended"]


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
    not_comparable = _not_comparable(study, variant)
    checks = search_checks(study, finished, trials)
    replicates = {arm.name: finished.all_replicates(arm.name) for arm in study.arms}
    claims = judge_claims(study, study.claims, finished, checks)
    budgets = budget_curves(study, Variant.from_name(variant).sampler, trials)
    arms = [_arm(study, arm, finished, trials) for arm in study.arms]
    return StudySummary(
        study=name,
        variant=variant,
        question=study.question,
        answer=_answer(study, finished, checks, claims),
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
        notes=_notes(study, variant, trials),
        remarks=list(study.remarks),
        scope=_scope(study, replicates, made_with or {}),
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
    replicates = _metrics(runs)
    metric = study.protocol.metric
    return ArmSummary(
        name=arm.name,
        best=_best(best, metric, search) if best else None,
        replicates=replicates,
        printed_runs=_metrics(finished.printed(arm).values()) if arm.printed is not None else {},
        defaults=_metrics(finished.defaults(arm).values()) if arm.defaults is not None else {},
        drop=_drop(study, arm, finished),
        notes=[*_other_winners(arm, finished), *_arm_notes(runs, [t for t in trials if t.arm == arm.name])],
    )


def _drop(study: Study, arm: Arm, finished: Finished) -> float | None:
    """By how much a search's value of its winner exceeds the mean over the winner's replicates; mean over searches."""
    metric, sign = study.protocol.metric, 1 if study.protocol.direction == "maximize" else -1
    drops = []
    for search in range(1, 1 + finished.n_searches):
        best = finished.winner(arm.name, search)
        again = _metrics(finished.replicates(arm.name, search).values()).get(metric)
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


def _metrics(runs: Iterable[TrialRecord]) -> dict[str, MetricSummary]:
    ordered = sorted(runs, key=lambda trial: (trial.search, trial.row))
    names = sorted({name for trial in ordered for name in trial.metrics} - {"parameters"})
    found = {}
    for name in names:
        pairs = [(value, trial.seed) for trial in ordered if (value := value_at(trial, name, None)) is not None]
        if pairs:
            values, seeds = [value for value, _ in pairs], [seed for _, seed in pairs]
            found[name] = MetricSummary(*mean_and_sd(values), len(values), values, seeds)
    return found


def _scope(study: Study, replicates: Mapping[str, Sequence[TrialRecord]], made_with: Mapping[str, str]) -> str:
    """What the answer holds for: data, net, budget, versions."""
    about, protocol = registry.describe(study.dataset), study.protocol
    sizes = sorted(
        {int(run.metrics["parameters"]) for runs in replicates.values() for run in runs if "parameters" in run.metrics}
    )
    ends = f"{sizes[0]:,}" + (f" to {sizes[-1]:,}" if len(sizes) > 1 else "") if sizes else ""
    searched = [_count(protocol.trials, "search trial")] if any(arm.space for arm in study.arms) else []
    tried = f"{' and '.join([*searched, _count(protocol.seeds, 'seed')])} for each arm"
    budget = tried + (f" in each of {protocol.searches} searches" if protocol.searches > 1 else "")
    words = [f"data: {about.title}" + (f", of which {protocol.rows:,} rows train" if protocol.rows else "")]
    words += [f"models: {ends} parameters"] if ends else []
    words += [f"budget: {budget}, {_count(protocol.epochs, 'epoch')}"]
    words += [", ".join(f"{name} {made_with[name]}" for name in ("tensorflow", "keras") if name in made_with)]
    return f"{'; '.join(filter(None, words))}."


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _answer(study: Study, finished: Finished, checks: Sequence[Check], claims: Sequence[ClaimSummary]) -> str:
    """One sentence: which tuned arm did best on the test set, and whether that could be luck.

    Where the arms are no alternatives to rank: what became of the claims.
    """
    if not study.ranks:
        return _answer_by_claims(claims)
    metric, compared = study.test_metric, _compared(study, finished)
    means = {
        arm.name: summary
        for arm in study.arms
        if not arm.control_of and (summary := _metrics(compared[arm.name]).get(metric))
    }
    if not means:
        return "No answer yet: no winner has been replicated."
    sign = 1 if study.protocol.direction == "maximize" else -1
    ranked = sorted(means, key=lambda name: -sign * means[name].mean)
    first, label = ranked[0], metric.replace("_", " ")
    reached = f"{first} reached a mean {label} of {_mean(means[first])} over {means[first].n} seeds"
    if len(ranked) == 1:
        return f"{reached}."
    claim = Claim("best", better=first, than=tuple(ranked[1:]), metric=metric, direction=study.protocol.direction)
    (result,) = judge_claims(study, [claim], finished, checks)
    if result.interval is None or result.difference is None:
        return f"{reached}; too few paired runs to compare it."
    by = difference(result.difference, result.interval).removeprefix("+")
    ahead = f"ahead of {result.against} by {by} (95 % interval {interval_text(result.interval)})"
    verdict = {"supported": "did best", "withheld": "leads"}.get(result.verdict, "leads, but not clearly")
    why = f"; {result.why}" if result.verdict == "withheld" else ""
    how = "Each tuned on its own, " if any(arm.space for arm in study.arms) else ""
    return f"{how}{first} {verdict}: {reached}, {ahead}{why}."


def _compared(study: Study, finished: Finished) -> dict[str, list[TrialRecord]]:
    """The replicates that decide, by arm: of all searches that each arm has, if these are enough, else of the first."""
    arms = [arm.name for arm in study.arms if not arm.control_of]
    whole = [k for k in range(1, 1 + finished.n_searches) if all(finished.replicates(arm, k) for arm in arms)]
    chosen = whole if len(whole) >= LEAST_SEARCHES else [1]
    return {arm: [run for k in chosen for run in finished.replicates(arm, k).values()] for arm in arms}


def _answer_by_claims(claims: Sequence[ClaimSummary]) -> str:
    tested = [claim for claim in claims if claim.interval is not None and not claim.control]
    if not tested:
        return "No answer yet: no claim has been tested."
    verdicts = [claim.verdict for claim in tested]
    counts = [f"{n} {name}" for name, n in Counter(verdicts).most_common()]
    first = f"{tested[0].text}: {tested[0].verdict}"
    if len(tested) == 1:
        return f"{first}."
    return f"{first}. Of all {len(tested)} claims tested: {', '.join(counts)}."


def _mean(summary: MetricSummary) -> str:
    return with_sd(summary.mean, summary.sd).partition(" ")[0]


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


def rate_warning(study: Study, trials: Sequence[TrialRecord] = ()) -> str:
    """A warning where all arms share one learning rate that nobody tuned, though it is not the question; else empty.

    At a rate that suits one arm another may do badly: then the rate is compared, and not the arms.
    """
    arms = [arm for arm in study.arms if not arm.control_of]
    tuned = any(name in ("lr", "rate", "eta") or name.endswith("learning_rate") for arm in arms for name in arm.space)
    asked = {arm.setting.get("learning_rate") for arm in arms}
    if tuned or len(asked) > 1 or len(arms) < 2:
        return ""
    by_gradient = any(trial.result and trial.result.way.startswith(("epoch graph", "fit")) for trial in trials)
    if not by_gradient and asked == {None}:
        return ""
    return (
        "the learning rate is the same for all arms and was not tuned: this compares the arms at one rate, which may "
        "suit one of them better"
    )


def _as_printed(variant: str) -> bool:
    """Whether a variant trains what was printed: another arm beside it changes nothing."""
    return dataclasses.replace(Variant.from_name(variant), control=False) == Variant()


def _not_comparable(study: Study, variant: str) -> str:
    if caveat := registry.describe(study.dataset).caveat:
        return f"the data is {caveat}"
    return "" if _as_printed(variant) else "this variant differs from what was printed"


def _notes(study: Study, variant: str, trials: Sequence[TrialRecord]) -> list[str]:
    notes, differs = [], Variant.from_name(variant)
    if caveat := registry.describe(study.dataset).caveat:
        notes.append(f"DATA: {study.dataset} is {caveat}")
    if study.printed and not _as_printed(variant):
        notes.append(f"printed figures are not compared: this variant ({variant}) differs from what was printed")
    if warning := rate_warning(study, trials):
        notes.append(warning)
    if differs.quick:
        notes.append(
            "QUICK: fewer trials than the study asks for, and on larger data fewer epochs and rows; a first look, not "
            "an answer"
        )
    if differs.order_matters:
        notes.append("the search depends on the order in which trials ended, and so on the number of workers")
    return notes


def unmended(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Trainings that failed or were lost, the latest try of each, where no other try made it good."""
    good = {training_of(trial) for trial in trials if trial.ended_for_good}
    latest = {training_of(trial): trial for trial in trials if trial.state in ("failed", "lost")}
    return [trial for part, trial in latest.items() if part not in good]


def training_of(trial: TrialRecord) -> tuple[str, str, int, str, int]:
    """What makes two trials tries of the same training."""
    return trial.phase, trial.arm, trial.search, trial.setting_key, trial.row
