"""Verdicts: on each figure that a document prints, on each that it could have computed, on each of its claims."""

import dataclasses
import math
from collections.abc import Sequence

from dlstudy.analysis.comparison import Comparison
from dlstudy.analysis.inference import (
    Interval,
    beyond_p,
    equivalence_p,
    holm,
    mean_and_sd,
    pairs_needed,
    prediction_interval,
    smallest_difference,
)
from dlstudy.analysis.measurements import Measures, how_measured
from dlstudy.analysis.results import Check, ClaimSummary, ComputedSummary, Pair, PrintedSummary
from dlstudy.analysis.trial_index import Finished, value_at
from dlstudy.study.claims import Claim, Computed, Printed
from dlstudy.study.study import SIGNIFICANCE, Study

__all__ = ["judge_claims", "judge_computed", "judge_printed"]

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
    return ComputedSummary(
        figure.text, str(figure.printed), figure.value(), "right" if figure.agrees() else "wrong", figure.why
    )


def judge_claims(
    study: Study, claims: Sequence[Claim], finished: Finished, checks: Sequence[Check]
) -> list[ClaimSummary]:
    """The verdicts on claims that are judged together: p is adjusted for all of them, but for controls.

    Args:
        study: as the variant runs it.
        claims: of the study, or others about its arms.
        finished: the runs.
        checks: on the searches.
    """
    family = [claim for claim in claims if not claim.untestable and not claim.control]
    drafts = {id(claim): _draft(study, claim, finished) for claim in claims}
    # A claim that is not run yet counts in the family: its verdict to come must not change those that are there.
    ps = holm([1.0 if (p := drafts[id(claim)].p) is None else p for claim in family])
    adjusted = {id(claim): p for claim, p in zip(family, ps, strict=True)}
    judged = []
    for claim in claims:
        draft = drafts[id(claim)]
        if draft.p is not None:
            draft = dataclasses.replace(draft, p_adjusted=adjusted.get(id(claim), draft.p))
            draft = _decide(claim, draft, 1 if claim.control else len(family), checks)
        judged.append(_with_own_numbers(study, claim, draft))
    return judged


def _draft(study: Study, claim: Claim, finished: Finished) -> ClaimSummary:
    """The claim with all that was found of it, and no verdict yet."""
    if claim.untestable:
        return ClaimSummary(claim.text, "not testable", claim.metric, claim.epoch, claim.phase, why=claim.untestable)
    measures, how = Measures(study, claim, finished), how_measured(claim)
    comparison = Comparison(study, measures)
    pairs = [pair for other in claim.than if (pair := comparison.pair(other)) is not None]
    draft = ClaimSummary(
        claim.text, "not run", claim.metric, claim.epoch, claim.phase, how=how, unit=comparison.unit,
        scope=_scope(study, claim, comparison), within=claim.within, region=claim.region, control=claim.control,
        pairs=pairs,
    )  # fmt: skip
    if len(pairs) < len(claim.than):
        return dataclasses.replace(draft, why=measures.lacks())
    p, shown = _ordered(pairs) if claim.within is None else _alike(pairs, claim.within)
    return dataclasses.replace(
        draft, difference=shown.mean, interval=shown.interval, against=shown.against, n=len(shown.units), p=p,
        why=measures.remark(),
    )  # fmt: skip


def _scope(study: Study, claim: Claim, comparison: Comparison) -> str:
    if claim.phase in ("replicate", "tuning"):
        if not any(study.arm(arm).space for arm in (claim.better, *claim.than)):
            return "at the stated settings"
        n = comparison.n_searches
        return f"for the methods, over {n} searches" if comparison.by_search else "for the settings this search found"
    return {"printed": "at the printed settings", "defaults": "at the library's defaults"}.get(
        claim.phase, "at the stated values"
    )


def _ordered(pairs: Sequence[Pair]) -> tuple[float, Pair]:
    """The p of a claim that its arm is better than each other, and the pair that decides.

    That it is better than all of them is one intersection-union test: p is the largest (Berger 1982). That it is worse
    than any is a union of tests: the smallest p, times their number.
    """
    worst = min(pairs, key=lambda pair: pair.mean)
    if worst.mean > 0:
        return max(_p(pair) for pair in pairs), worst
    behind = min((pair for pair in pairs if pair.mean <= 0), key=_p)
    return min(1.0, len(pairs) * _p(behind)), behind


def _alike(pairs: Sequence[Pair], within: float) -> tuple[float, Pair]:
    """The p of a claim that its arm differs from each other by less than a margin, and the pair that decides."""
    furthest = max(pairs, key=lambda pair: abs(pair.mean))
    if abs(furthest.mean) < within:
        return max(equivalence_p(pair.differences, within) for pair in pairs), furthest
    return min(1.0, len(pairs) * beyond_p(furthest.differences, within)), furthest


def _p(pair: Pair) -> float:
    return 1.0 if pair.p is None else pair.p


def _decide(claim: Claim, draft: ClaimSummary, n_family: int, checks: Sequence[Check]) -> ClaimSummary:
    """The verdict of our runs: adjusted p and interval must agree; a failed check withholds what it undermines."""
    sd = mean_and_sd(_deciding(draft).differences)[1] or 0.0
    level = SIGNIFICANCE / n_family
    smallest = None if claim.within or not sd else smallest_difference(sd, draft.n, level)
    n_needed = pairs_needed(sd, claim.region, level) if claim.region else None
    verdict = _likeness(claim, draft) if claim.within else _order(claim, draft)
    draft = dataclasses.replace(draft, smallest=smallest, n_needed=n_needed)
    against = _undermining(claim, verdict, checks)
    if against:
        why = "; ".join(filter(None, [f"{verdict} but for this: {'; '.join(against)}", draft.why]))
        return dataclasses.replace(draft, verdict="withheld", measured="withheld", why=why)
    if verdict == "undecided" and draft.interval and _excludes_zero(draft.interval) and not claim.within:
        why = "; ".join(
            filter(None, ["p, adjusted for all claims of the study, does not agree with the interval", draft.why])
        )
        draft = dataclasses.replace(draft, why=why)
    return dataclasses.replace(draft, verdict=verdict, measured=verdict)


def _deciding(draft: ClaimSummary) -> Pair:
    return next(pair for pair in draft.pairs if pair.against == draft.against)


def _order(claim: Claim, draft: ClaimSummary) -> str:
    if claim.region and all(_inside(pair.interval_90, claim.region) for pair in draft.pairs):
        return "equivalent"
    significant = draft.p_adjusted is not None and draft.p_adjusted <= SIGNIFICANCE
    if significant and all(pair.interval and pair.interval[0] > 0 for pair in draft.pairs):
        return "supported"
    return "contradicted" if significant and draft.interval and draft.interval[1] < 0 else "undecided"


def _likeness(claim: Claim, draft: ClaimSummary) -> str:
    within = claim.within or 0.0
    if draft.p_adjusted is None or draft.p_adjusted > SIGNIFICANCE:
        return "undecided"
    if all(_inside(pair.interval_90, within) for pair in draft.pairs):
        return "supported"
    low, high = _deciding(draft).interval_90 or (0.0, 0.0)
    return "contradicted" if low > within or high < -within else "undecided"


def _inside(interval: Interval | None, margin: float) -> bool:
    return interval is not None and -margin < interval[0] and interval[1] < margin


def _excludes_zero(interval: Interval) -> bool:
    return interval[0] > 0 or interval[1] < 0


def _undermining(claim: Claim, verdict: str, checks: Sequence[Check]) -> list[str]:
    """The failed checks that speak against a verdict: a better search of the arm that loses could turn it."""
    if claim.phase not in ("replicate", "tuning") or verdict == "undecided":
        return []
    arms = {claim.better, *claim.than}
    if claim.phase == "replicate" and claim.within is None:
        arms = {"supported": set(claim.than), "contradicted": {claim.better}}.get(verdict, arms)
    return [check.text for check in checks if not check.passed and check.arm in arms]


def _with_own_numbers(study: Study, claim: Claim, judged: ClaimSummary) -> ClaimSummary:
    """The claim held against what the document itself prints of the same figure."""
    if claim.untestable or claim.phase != "printed" or claim.target is not None or claim.within is not None:
        return judged
    better = []
    for other in claim.than:
        epochs = set(ours := _printed_of(study, claim, claim.better)) & set(theirs := _printed_of(study, claim, other))
        if claim.epoch is not None:
            epochs &= {claim.epoch}
        if epochs:
            latest = max(epochs, key=lambda epoch: math.inf if epoch is None else epoch)
            if claim.sign * (theirs[latest].number - ours[latest].number) > 0:
                better.append(f"{theirs[latest].value} of {other} against {ours[latest].value} of {claim.better}")
    if not better:
        return judged
    return dataclasses.replace(
        judged, verdict="contradicted by its own numbers", own_numbers=f"it prints {'; '.join(better)}"
    )


def _printed_of(study: Study, claim: Claim, arm: str) -> dict[int | None, Printed]:
    """What the document prints of an arm in a claim's metric, by epoch."""
    return {
        figure.epoch: figure
        for figure in study.printed
        if (figure.arm, figure.metric) == (arm, claim.metric) and not figure.setting
    }


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
