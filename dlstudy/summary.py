"""From the trials of a record to what a study says: winners, replicates, printed figures, claims, the answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlstudy.results import (
    ArmSummary,
    Best,
    ClaimSummary,
    MetricSummary,
    PrintedSummary,
    StudySummary,
    TrialRecord,
)
from dlstudy.statistics import mean_and_sd, paired_interval, prediction_interval
from dlstudy.study import Arm, Claim, Printed, Study
from dlstudy.trial import make_parameters, params_key
from dlstudy.variant import Variant

__all__ = ["summarize", "test_metric", "unmended", "value_at", "winner"]


def summarize(name: str, study: Study, variant: str, trials: Sequence[TrialRecord]) -> StudySummary:
    """What the trials of one variant say.

    Args:
        name: of the study.
        study: as the variant runs it.
        variant: its name in the record, generation included.
        trials: all of them.
    """
    finished = _Finished(study, trials)
    own = Variant.from_name(variant) == Variant()
    printed = [_printed(study, figure, finished, own) for figure in study.printed]
    claims = [_claim(study, claim, finished) for claim in study.claims]
    arms = [_arm(study, arm, finished, trials) for arm in study.arms]
    return StudySummary(
        study=name,
        variant=variant,
        question=study.question,
        answer=_answer(study, finished),
        quick=Variant.from_name(variant).quick,
        n_failed=len(unmended(trials)),
        complete=all(finished.is_complete(study, arm) for arm in study.arms),
        arms=arms,
        printed=printed,
        claims=claims,
        trials=list(trials),
        protocol=_protocol(study, trials),
        notes=_notes(study, variant),
    )


def winner(trials: Sequence[TrialRecord], direction: str) -> TrialRecord | None:
    """The best finished search trial; of equals, the one of the lowest row."""
    finished = [trial for trial in trials if trial.state == "finished" and trial.value is not None]
    sign = -1 if direction == "maximize" else 1
    return min(finished, key=lambda trial: (sign * (trial.value or 0.0), trial.row), default=None)


def value_at(trial: TrialRecord, metric: str, epoch: int | None) -> float | None:
    """A metric of a trial at an epoch, counted from 1, or at the end of training; None where it has none."""
    if epoch is None:
        value = trial.metrics.get(metric)
    else:
        history = trial.result.history.get(metric, []) if trial.result else []
        value = history[epoch - 1] if epoch <= len(history) else None
    return value if value is not None and math.isfinite(value) else None


def test_metric(study: Study) -> str:
    """The test metric that answers to the metric of the search."""
    return study.protocol.metric.replace("val_", "test_", 1)


class _Finished:
    """The finished trials that count: of the winner's setting, and of each printed setting, by seed."""

    def __init__(self, study: Study, trials: Sequence[TrialRecord]) -> None:
        self.winners: dict[str, TrialRecord | None] = {}
        self._runs: dict[tuple[str, str, str], dict[int, TrialRecord]] = {}
        self._ended: dict[tuple[str, str, str], set[int]] = {}
        for arm in study.arms:
            search = [trial for trial in trials if trial.arm == arm.name and trial.phase == "search"]
            self.winners[arm.name] = winner(search, study.protocol.direction)
        for trial in trials:
            part = (trial.phase, trial.arm, trial.setting_key)
            if trial.ended_for_good:
                self._ended.setdefault(part, set()).add(trial.row)
            if trial.state == "finished" and trial.phase != "search":
                self._runs.setdefault(part, {})[trial.row] = trial

    def replicates(self, arm: str) -> dict[int, TrialRecord]:
        """The replicates of the arm's winner, by row."""
        best = self.winners[arm]
        return self._runs.get(("replicate", arm, best.setting_key), {}) if best else {}

    def printed(
        self, study: Study, arm: Arm, setting: Mapping[str, Any] | None = None
    ) -> dict[int, TrialRecord]:  # Any: JSON scalars
        """The runs of a printed setting, by row."""
        return self._runs.get(("printed", arm.name, _printed_key(study, arm, setting)), {})

    def is_complete(self, study: Study, arm: Arm) -> bool:
        """Whether every replicate of the arm's winner, and every run of its printed setting, has ended for good."""
        best, n_seeds = self.winners[arm.name], study.protocol.seeds
        wanted = [("replicate", arm.name, best.setting_key)] if best else []
        if arm.printed is not None:
            wanted.append(("printed", arm.name, _printed_key(study, arm, None)))
        return best is not None and all(len(self._ended.get(part, ())) >= n_seeds for part in wanted)


def _printed_key(study: Study, arm: Arm, setting: Mapping[str, Any] | None) -> str:  # Any: JSON scalars
    return params_key(make_parameters(arm, study.protocol, {**(arm.printed or {}), **(setting or {})}))


def _arm(study: Study, arm: Arm, finished: _Finished, trials: Sequence[TrialRecord]) -> ArmSummary:
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
        printed_runs=_metrics(finished.printed(study, arm)) if arm.printed is not None else {},
        drop=drop,
        notes=_arm_notes(search, runs, [t for t in trials if t.arm == arm.name]),
    )


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


def _printed(study: Study, figure: Printed, finished: _Finished, own: bool) -> PrintedSummary:
    runs = finished.printed(study, study.arm(figure.arm), figure.setting)
    found = [value_at(run, figure.metric, figure.epoch) for run in runs.values()]
    values = [value for value in found if value is not None]
    ours = mean_and_sd(values)[0] if values else None
    interval, verdict, why = None, "not run", "--also trains it" if figure.setting else ""
    if not own:
        verdict, why = "not comparable", "this variant differs from what was printed"
    elif len(values) == 1:
        verdict, why = "undecidable", "one run has no spread"
    elif values:
        low, high = prediction_interval(values)
        interval = low - figure.half_unit, high + figure.half_unit
        verdict, why = _reproduced(figure, interval, ours or 0.0)
    return PrintedSummary(
        figure.arm, figure.metric, figure.epoch, dict(figure.setting), str(figure.value), ours, interval, len(values),
        verdict, why,
    )  # fmt: skip


def _reproduced(figure: Printed, interval: tuple[float, float], ours: float) -> tuple[str, str]:
    """Whether one more run could well have given the figure; undecidable where almost anything would pass.

    Too wide means: wider to each side than half of what is measured, which for an accuracy is the share of errors.
    """
    scale = 1 - ours if "accuracy" in figure.metric else abs(ours)
    low, high = interval
    if (high - low) / 2 > 0.5 * scale + 2 * figure.half_unit:
        return "undecidable", "runs differ too much to tell"
    if low <= figure.number <= high:
        return "reproduced", ""
    return "not reproduced", f"printed {figure.value}, and 95 % of runs fall in {low:.4f} to {high:.4f}"


def _claim(study: Study, claim: Claim, finished: _Finished) -> ClaimSummary:
    pairs = [] if claim.untestable else [_compare(study, claim, other, finished) for other in claim.than]
    tested = [pair for pair in pairs if pair[2] is not None]
    if claim.untestable or len(tested) < len(pairs):
        verdict, why = ("not testable", claim.untestable) if claim.untestable else ("not run", _lacks(claim, finished))
        return ClaimSummary(claim.text, verdict, claim.metric, claim.epoch, claim.phase, None, None, "", 0, why)
    hardest = min(tested, key=lambda pair: pair[1])
    lows, highs = [pair[2][0] for pair in tested if pair[2]], [pair[2][1] for pair in tested if pair[2]]
    verdict = "supported" if min(lows) > 0 else "contradicted" if min(highs) < 0 else "undecided"
    against, difference, interval, n = hardest
    return ClaimSummary(
        claim.text, verdict, claim.metric, claim.epoch, claim.phase, difference, interval, against, n
    )  # fmt: skip


def _lacks(claim: Claim, finished: _Finished) -> str:
    given = {
        name for arm in (claim.better, *claim.than) for run in finished.replicates(arm).values() for name in run.metrics
    }
    if claim.phase == "replicate" and given and claim.metric not in given:
        return f"no run gives {claim.metric}: they give {', '.join(sorted(given - {'parameters'}))}"
    return "runs are missing"


def _compare(
    study: Study, claim: Claim, other: str, finished: _Finished
) -> tuple[str, float, tuple[float, float] | None, int]:
    """How much better the claim's arm is than another: the other's name, mean paired difference, interval, pairs."""
    ours, theirs = (
        finished.replicates(name) if claim.phase == "replicate" else finished.printed(study, study.arm(name))
        for name in (claim.better, other)
    )
    sign = 1 if claim.direction == "maximize" else -1
    differences = []
    for row in sorted(set(ours) & set(theirs)):
        mine, its = (value_at(runs[row], claim.metric, claim.epoch) for runs in (ours, theirs))
        if mine is not None and its is not None:
            differences.append(sign * (mine - its))
    if len(differences) < 2:
        return other, 0.0, None, len(differences)
    return other, mean_and_sd(differences)[0], paired_interval(differences), len(differences)


def _answer(study: Study, finished: _Finished) -> str:
    """One sentence: which tuned arm did best on the test set, and whether that could be luck."""
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
    result = _claim(study, claim, finished)
    if result.interval is None or result.difference is None:
        return f"{reached}; too few paired runs to compare it."
    ahead = f"ahead of {result.against} by {result.difference:.4f} (95 % interval {_span(result.interval)})"
    verdict = "did best" if result.verdict == "supported" else "leads, but not clearly"
    return f"Each tuned on its own, {first} {verdict}: {reached}, {ahead}."


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.4f} to {interval[1]:+.4f}"


def _protocol(study: Study, trials: Sequence[TrialRecord]) -> dict[str, Any]:  # Any: JSON
    """The protocol in JSON; trials and seeds that were topped up count as they are in the record."""
    protocol = study.protocol
    searched = [trial.row + 1 for trial in trials if trial.phase == "search"]
    seeded = [trial.row + 1 for trial in trials if trial.phase != "search"]
    return {
        "dataset": study.dataset,
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "trials": max([protocol.trials, *searched]),
        "seeds": max([protocol.seeds, *seeded]),
        "metric": protocol.metric,
        "direction": protocol.direction,
        "split": repr(protocol.split),
        "printed_split": repr(protocol.printed_split or protocol.split),
        "rows": protocol.rows,
        "spaces": {arm.name: {name: str(space) for name, space in arm.space.items()} for arm in study.arms},
    }


def _notes(study: Study, variant: str) -> list[str]:
    notes, differs = [], Variant.from_name(variant)
    if study.printed and differs != Variant():
        notes.append(f"printed figures are not compared: this variant ({variant}) differs from what was printed")
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
