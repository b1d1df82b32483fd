"""Verdicts: on each figure that a document prints, on each that it could have computed, on each of its claims."""

import statistics
from collections.abc import Callable, Sequence

from dlstudy.document import Claim, Computed, Printed
from dlstudy.finished import Finished, Runs, value_at
from dlstudy.results import ClaimSummary, ComputedSummary, PrintedSummary, TrialRecord
from dlstudy.statistics import Interval, mean_and_sd, paired_interval, prediction_interval
from dlstudy.study import Study

__all__ = ["how_measured", "judge_claim", "judge_computed", "judge_printed"]

_ROUNDING = 1e-12
"""Relative difference that float64 sums of a few hundred numbers may have: exact methods differ by as much."""


def judge_printed(study: Study, figure: Printed, finished: Finished, not_comparable: str) -> PrintedSummary:
    """Our runs of a printed setting beside the figure.

    Args:
        study: as the variant runs it.
        figure: what is printed.
        finished: the runs.
        not_comparable: why this variant's runs cannot be held against printed figures; empty where they can.
    """
    runs = finished.printed(study.arm(figure.arm), figure.setting)
    found = [value_at(run, figure.metric, figure.epoch) for run in runs.values()]
    values = [value for value in found if value is not None]
    ours = mean_and_sd(values)[0] if values else None
    interval, verdict, why = None, "not run", "--also trains it" if figure.setting else ""
    if runs and not values:
        why = f"no run gives {figure.metric}" + (f" at epoch {figure.epoch}" if figure.epoch else "")
    if not_comparable:
        verdict, why = "not comparable", not_comparable
    elif len(values) == 1:
        verdict, why = "undecidable", "one run has no spread"
    elif values:
        low, high = prediction_interval(values)
        slack = max(figure.half_unit, _ROUNDING * abs(figure.number))
        interval = low - slack, high + slack
        verdict, why = _reproduced(figure, interval, ours or 0.0)
    return PrintedSummary(
        figure.arm, figure.metric, figure.epoch, dict(figure.setting), str(figure.value), ours, interval, len(values),
        verdict, why, figure.place,
    )  # fmt: skip


def judge_computed(figure: Computed) -> ComputedSummary:
    """A printed figure beside its right value."""
    value = float(figure.compute())
    return ComputedSummary(figure.text, str(figure.printed), value, "right" if figure.agrees() else "wrong", figure.why)


def judge_claim(study: Study, claim: Claim, finished: Finished) -> ClaimSummary:
    """The verdict on a claim: supported or contradicted only if it is so against each arm that it names."""
    pairs = [] if claim.untestable else [_compare(study, claim, other, finished) for other in claim.than]
    tested = [pair for pair in pairs if pair[2] is not None]
    if claim.untestable or len(tested) < len(pairs):
        verdict, why = ("not testable", claim.untestable) if claim.untestable else _lacks(study, claim, finished)
        how = how_measured(claim)
        return ClaimSummary(claim.text, verdict, claim.metric, claim.epoch, claim.phase, None, None, "", 0, why, how)
    against, difference, interval, n = (max if claim.within else min)(
        tested, key=lambda pair: abs(pair[1]) if claim.within else pair[1]
    )
    verdict = _likeness(tested, claim.within) if claim.within else _order(tested)
    why = _remark(study, claim, finished)
    return ClaimSummary(
        claim.text, verdict, claim.metric, claim.epoch, claim.phase, difference, interval, against, n, why,
        how=how_measured(claim),
    )  # fmt: skip


def how_measured(claim: Claim) -> str:
    """In words what a claim compares."""
    if claim.untestable:
        return ""
    what = claim.metric if claim.target is None else f"epochs until {claim.metric} reaches {claim.target:g}"
    what += f", epoch {claim.epoch}" if claim.epoch else ""
    if claim.phase == "sweep":
        at = ", ".join(f"{name} {value}" for name, value in claim.at.items()) or "all its values"
        what = f"{claim.over} of {what} over sweep {claim.sweep} ({at})"
    if claim.phase == "tuning":
        what = f"what tuning gains in {what}"
    return what + (f", within {claim.within:g}" if claim.within else "")


_Pair = tuple[str, float, Interval | None, int]
"""An arm's name, the mean paired difference against it, its interval, and the number of pairs."""


def _order(tested: Sequence[_Pair]) -> str:
    intervals = [pair[2] for pair in tested if pair[2]]
    if min(low for low, _ in intervals) > 0:
        return "supported"
    return "contradicted" if min(high for _, high in intervals) < 0 else "undecided"


def _likeness(tested: Sequence[_Pair], within: float) -> str:
    intervals = [pair[2] for pair in tested if pair[2]]
    if all(-within < low and high < within for low, high in intervals):
        return "supported"
    return "contradicted" if any(low > within or high < -within for low, high in intervals) else "undecided"


def _reproduced(figure: Printed, interval: Interval, ours: float) -> tuple[str, str]:
    """Whether one more run could well have given the figure; undecidable where almost anything would pass.

    Too wide means: wider to each side than half of what is measured, which for an accuracy is the share of errors.
    """
    scale = 1 - ours if "accuracy" in figure.metric else abs(ours)
    low, high = interval
    if (high - low) / 2 > 0.5 * scale + 2 * figure.half_unit:
        return "undecidable", "runs differ too much to tell"
    if low <= figure.number <= high:
        return "reproduced", ""
    return "not reproduced", f"printed {figure.value}, and 95 % of runs fall in {_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.6g}"


def _lacks(study: Study, claim: Claim, finished: Finished) -> tuple[str, str]:
    """Why a claim has no verdict, with what it is called."""
    given = {
        name
        for arm in (claim.better, *claim.than)
        for runs in _all_runs(study, claim, arm, finished)
        for run in runs.values()
        for name in run.metrics
    }
    if given and claim.metric not in given:
        return "not run", f"no run gives {claim.metric}: they give {', '.join(sorted(given - {'parameters'}))}"
    return "not run", "runs are missing"


def _compare(study: Study, claim: Claim, other: str, finished: Finished) -> _Pair:
    """How much better the claim's arm is than another, over the seeds that both have."""
    ours, theirs = (_values(study, claim, name, finished) for name in (claim.better, other))
    differences = [claim.sign * (ours[row] - theirs[row]) for row in sorted(set(ours) & set(theirs))]
    if len(differences) < 2:
        return other, 0.0, None, len(differences)
    return other, mean_and_sd(differences)[0], paired_interval(differences), len(differences)


def _values(study: Study, claim: Claim, arm: str, finished: Finished) -> dict[int, float]:
    """What a claim compares of an arm, by row."""
    if claim.phase == "sweep":
        return _swept(study, claim, arm, finished)
    values = [
        {row: value for row, run in runs.items() if (value := _measure(run, claim)) is not None}
        for runs in _all_runs(study, claim, arm, finished)
    ]
    if claim.phase != "tuning":
        return values[0]
    sign = 1 if claim.direction == "maximize" else -1
    tuned, plain = values
    return {row: sign * (tuned[row] - plain[row]) for row in set(tuned) & set(plain)}


def _all_runs(study: Study, claim: Claim, arm_name: str, finished: Finished) -> list[Runs]:
    arm = study.arm(arm_name)
    if claim.phase == "sweep":
        return finished.sweep(claim.sweep, arm, claim.at)
    runs = {"printed": finished.printed, "defaults": finished.defaults}.get(claim.phase)
    if runs:
        return [runs(arm)]
    own: list[Runs] = [finished.replicates(arm_name)]
    return own if claim.phase == "replicate" else [*own, finished.defaults(arm)]


def _measure(run: TrialRecord, claim: Claim) -> float | None:
    if claim.target is None:
        return value_at(run, claim.metric, claim.epoch)
    history = run.result.history.get(claim.metric, []) if run.result else []
    up = claim.direction == "maximize"
    for epoch, value in enumerate(history, 1):
        if value is not None and (value >= claim.target if up else value <= claim.target):
            return float(epoch)
    return float(len(history) + 1) if history else None


def _swept(study: Study, claim: Claim, arm: str, finished: Finished) -> dict[int, float]:
    """One number a seed over the points of a sweep, for the seeds that ended at every point.

    A run that diverged counts as the worst value that any arm gave in the sweep: to leave it out would favour its arm.
    """
    everyone = [
        value
        for other in study.arms
        for runs in finished.sweep(claim.sweep, other, {})
        for run in runs.values()
        if run.state == "finished" and (value := _measure(run, claim)) is not None
    ]
    if not everyone:
        return {}
    up = claim.direction == "maximize" and claim.target is None
    worst = min(everyone) if up else max(everyone)
    reductions: dict[str, Callable[[Sequence[float]], float]] = {
        "mean": statistics.fmean, "worst": min if up else max, "spread": statistics.pstdev
    }  # fmt: skip
    points = _all_runs(study, claim, arm, finished)
    rows = set.intersection(*(set(runs) for runs in points)) if points else set()
    reduced = {}
    for row in rows:
        measured = [_measure(runs[row], claim) if runs[row].state == "finished" else None for runs in points]
        values = [worst if value is None else value for value in measured]
        reduced[row] = reductions[claim.over](values)
    return reduced


def _remark(study: Study, claim: Claim, finished: Finished) -> str:
    """What a reader must know of the runs: how many never reached the target, or diverged."""
    remarks = []
    for arm in (claim.better, *claim.than):
        runs = [run for point in _all_runs(study, claim, arm, finished) for run in point.values()]
        n_diverged = sum(run.state == "diverged" for run in runs)
        n_late = 0
        if claim.target is not None:
            n_late = sum(_measure(run, claim) == _n_epochs(run, claim.metric) + 1 for run in runs)
        remarks += [f"{n_diverged} of {len(runs)} runs of {arm} diverged"] if n_diverged else []
        remarks += [f"{n_late} of {len(runs)} runs of {arm} never reached the target"] if n_late else []
    return "; ".join(remarks)


def _n_epochs(run: TrialRecord, metric: str) -> int:
    return len(run.result.history.get(metric, [])) if run.result else 0
