"""From the trials of a record to what a study says: winners, replicates, printed figures, claims, the answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlstudy.datasets import registry
from dlstudy.document import Claim
from dlstudy.finished import Finished, value_at
from dlstudy.protocol import Sweep
from dlstudy.results import ArmSummary, Best, ClaimSummary, MetricSummary, StudySummary, SweepSummary, TrialRecord
from dlstudy.statistics import mean_and_sd
from dlstudy.study import Arm, Study
from dlstudy.variant import Variant
from dlstudy.verdicts import judge_claim, judge_computed, judge_printed

__all__ = ["rate_warning", "summarize", "test_metric", "unmended"]


def summarize(name: str, study: Study, variant: str, trials: Sequence[TrialRecord]) -> StudySummary:
    """What the trials of one variant say.

    Args:
        name: of the study.
        study: as the variant runs it.
        variant: its name in the record, generation included.
        trials: all of them.
    """
    finished = Finished(study, trials)
    not_comparable = _not_comparable(study, variant)
    arms = [_arm(study, arm, finished, trials) for arm in study.arms]
    return StudySummary(
        study=name,
        variant=variant,
        question=study.question,
        answer=_answer(study, finished),
        quick=Variant.from_name(variant).quick,
        n_failed=len(unmended(trials)),
        complete=all(finished.is_complete(arm) for arm in study.arms),
        arms=arms,
        printed=[judge_printed(study, figure, finished, not_comparable) for figure in study.printed],
        computed=[judge_computed(figure) for figure in study.computed],
        sweeps=[point for sweep in study.sweeps for point in _sweep(study, sweep, finished)],
        claims=[judge_claim(study, claim, finished) for claim in study.claims],
        trials=list(trials),
        protocol=_protocol(study, trials),
        notes=_notes(study, variant, trials),
        remarks=list(study.remarks),
    )


def test_metric(study: Study) -> str:
    """The test metric that answers to the metric of the search."""
    return study.protocol.metric.replace("val_", "test_", 1)


def _arm(study: Study, arm: Arm, finished: Finished, trials: Sequence[TrialRecord]) -> ArmSummary:
    best = finished.winners[arm.name]
    search = [trial for trial in trials if trial.arm == arm.name and trial.phase == "search"]
    runs = finished.replicates(arm.name)
    replicates = _metrics(runs)
    metric = study.protocol.metric
    drop = None
    if best is not None and best.value is not None and metric in replicates:
        sign = 1 if study.protocol.direction == "maximize" else -1
        drop = sign * (best.value - replicates[metric].mean)
    return ArmSummary(
        name=arm.name,
        best=_best(best, metric, search) if best else None,
        replicates=replicates,
        printed_runs=_metrics(finished.printed(arm)) if arm.printed is not None else {},
        defaults=_metrics(finished.defaults(arm)) if arm.defaults is not None else {},
        drop=drop,
        notes=_arm_notes(search, runs, [t for t in trials if t.arm == arm.name]),
    )


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


def _arm_notes(search: list[TrialRecord], runs: Mapping[int, TrialRecord], all_of_arm: list[TrialRecord]) -> list[str]:
    notes = []
    open_ = [*(trial for trial in all_of_arm if trial.state == "diverged"), *unmended(all_of_arm)]
    for state in ("diverged", "failed", "lost"):
        reasons = [trial.result.reason for trial in open_ if trial.state == state and trial.result]
        if reasons:
            notes.append(f"{len(reasons)} trial{'s' if len(reasons) > 1 else ''} {state}: {reasons[-1]}")
    kept = {trial.setting_key for trial in all_of_arm if trial.phase == "replicate" and trial.state == "finished"}
    older = kept - {trial.setting_key for trial in runs.values()}
    if older:
        notes.append(f"replicates of earlier winners ({len(older)}) are kept and count for nothing")
    read = [t.ended_s for t in all_of_arm if t.phase == "replicate" and t.ended_s and t.state == "finished"]
    if read and any(trial.started_s > min(read) for trial in search):
        notes.append("the search went on after the test set was read")
    return notes


def _metrics(runs: Mapping[int, TrialRecord]) -> dict[str, MetricSummary]:
    ordered = [runs[row] for row in sorted(runs)]
    names = sorted({name for trial in ordered for name in trial.metrics} - {"parameters"})
    found = {}
    for name in names:
        pairs = [(value, trial.seed) for trial in ordered if (value := value_at(trial, name, None)) is not None]
        if pairs:
            values, seeds = [value for value, _ in pairs], [seed for _, seed in pairs]
            found[name] = MetricSummary(*mean_and_sd(values), len(values), values, seeds)
    return found


def _answer(study: Study, finished: Finished) -> str:
    """One sentence: which tuned arm did best on the test set, and whether that could be luck.

    Where the arms are no alternatives to rank: what became of the claims.
    """
    if not study.ranks:
        return _answer_by_claims([judge_claim(study, claim, finished) for claim in study.claims])
    metric = test_metric(study)
    means = {}
    for arm in study.arms:
        summary = _metrics(finished.replicates(arm.name)).get(metric)
        if summary:
            means[arm.name] = summary
    if not means:
        return "No answer yet: no winner has been replicated."
    sign = 1 if study.protocol.direction == "maximize" else -1
    ranked = sorted(means, key=lambda name: -sign * means[name].mean)
    first, label = ranked[0], metric.replace("_", " ")
    reached = f"{first} reached a mean {label} of {means[first].mean:.4f} over {means[first].n} seeds"
    if len(ranked) == 1:
        return f"{reached}."
    claim = Claim("best", better=first, than=tuple(ranked[1:]), metric=metric, direction=study.protocol.direction)
    result = judge_claim(study, claim, finished)
    if result.interval is None or result.difference is None:
        return f"{reached}; too few paired runs to compare it."
    ahead = f"ahead of {result.against} by {result.difference:.4f} (95 % interval {_span(result.interval)})"
    verdict = "did best" if result.verdict == "supported" else "leads, but not clearly"
    return f"Each tuned on its own, {first} {verdict}: {reached}, {ahead}."


def _answer_by_claims(claims: Sequence[ClaimSummary]) -> str:
    tested = [claim for claim in claims if claim.interval is not None]
    if not tested:
        return "No answer yet: no claim has been tested."
    verdicts = [claim.verdict for claim in tested]
    counts = [
        f"{verdicts.count(name)} {name}" for name in ("supported", "contradicted", "undecided") if name in verdicts
    ]
    first = f"{tested[0].text}: {tested[0].verdict}"
    if len(tested) == 1:
        return f"{first}."
    return f"{first}. Of all {len(tested)} claims tested: {', '.join(counts)}."


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.4f} to {interval[1]:+.4f}"


def _protocol(study: Study, trials: Sequence[TrialRecord]) -> dict[str, Any]:  # Any: JSON
    """The protocol in JSON; trials and seeds that were topped up count as they are in the record."""
    protocol = study.protocol
    searched = [trial.row + 1 for trial in trials if trial.phase == "search"]
    seeded = [trial.row + 1 for trial in trials if trial.phase not in ("search", "sweep")]
    return {
        "dataset": study.dataset,
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "trials": max([protocol.trials, *searched]),
        "seeds": max([protocol.seeds, *seeded]),
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
    tuned = any(
        name in ("lr", "rate", "eta") or name.endswith("learning_rate") for arm in study.arms for name in arm.space
    )
    asked = {arm.setting.get("learning_rate") for arm in study.arms}
    if tuned or len(asked) > 1 or len(study.arms) < 2:
        return ""
    by_gradient = any(trial.result and trial.result.way.startswith(("epoch graph", "fit")) for trial in trials)
    if not by_gradient and asked == {None}:
        return ""
    return (
        "the learning rate is the same for all arms and was not tuned: this compares the arms at one rate, which may "
        "suit one of them better"
    )


def _not_comparable(study: Study, variant: str) -> str:
    if caveat := registry.describe(study.dataset).caveat:
        return f"the data is {caveat}"
    return "" if Variant.from_name(variant) == Variant() else "this variant differs from what was printed"


def _notes(study: Study, variant: str, trials: Sequence[TrialRecord]) -> list[str]:
    notes, differs = [], Variant.from_name(variant)
    if caveat := registry.describe(study.dataset).caveat:
        notes.append(f"DATA: {study.dataset} is {caveat}")
    if study.printed and differs != Variant():
        notes.append(f"printed figures are not compared: this variant ({variant}) differs from what was printed")
    if warning := rate_warning(study, trials):
        notes.append(warning)
    if differs.quick:
        notes.append("QUICK: fewer epochs, rows and trials than the study asks for; a first look, not an answer")
    if differs.order_matters:
        notes.append("the search depends on the order in which trials ended, and so on the number of workers")
    if study.claims:
        notes.append("intervals are 95 % each, not adjusted for the number of claims")
    return notes


def unmended(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Trainings that failed or were lost, the latest try of each, where no other try made it good."""
    good = {(trial.phase, trial.arm, trial.setting_key, trial.row) for trial in trials if trial.ended_for_good}
    latest = {(t.phase, t.arm, t.setting_key, t.row): t for t in trials if t.state in ("failed", "lost")}
    return [trial for part, trial in latest.items() if part not in good]
