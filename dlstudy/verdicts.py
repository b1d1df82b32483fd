"""Verdicts: on each figure that a document prints, on each that it could have computed, on each of its claims."""

import math
from collections.abc import Sequence

from dlstudy.document import Claim, Computed, Printed
from dlstudy.finished import Finished, value_at
from dlstudy.measures import Measures, how_measured
from dlstudy.results import ClaimSummary, ComputedSummary, PrintedSummary
from dlstudy.statistics import Interval, mean_and_sd, paired_interval, prediction_interval
from dlstudy.study import Study

__all__ = ["judge_claim", "judge_computed", "judge_printed"]

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
    measures, how = Measures(study, claim, finished), how_measured(claim)
    pairs = [] if claim.untestable else [_compare(measures, other) for other in claim.than]
    tested = [pair for pair in pairs if pair[2] is not None]
    if claim.untestable or len(tested) < len(pairs):
        verdict, why = ("not testable", claim.untestable) if claim.untestable else ("not run", measures.lacks())
        return ClaimSummary(claim.text, verdict, claim.metric, claim.epoch, claim.phase, None, None, "", 0, why, how)
    if claim.within is None:
        verdict, shown = _order(tested), min(tested, key=lambda pair: pair[1])
    else:
        verdict, shown = _likeness(tested, claim.within), max(tested, key=lambda pair: abs(pair[1]))
    against, difference, interval, n = shown
    why = measures.remark()
    return ClaimSummary(
        claim.text, verdict, claim.metric, claim.epoch, claim.phase, difference, interval, against, n, why, how
    )  # fmt: skip


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
    places = max(4, round(-math.log10(2 * figure.half_unit)))
    return "not reproduced", f"printed {figure.value}, and 95 % of runs fall in {low:.{places}f} to {high:.{places}f}"


def _compare(measures: Measures, other: str) -> _Pair:
    """How much better the claim's arm is than another, over the seeds that both have."""
    claim = measures.claim
    ours, theirs = measures.values(claim.better), measures.values(other)
    differences = [claim.sign * (ours[row] - theirs[row]) for row in sorted(set(ours) & set(theirs))]
    if len(differences) < 2:
        return other, 0.0, None, len(differences)
    return other, mean_and_sd(differences)[0], paired_interval(differences), len(differences)
