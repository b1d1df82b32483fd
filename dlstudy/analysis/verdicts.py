"""Verdicts on each figure that a document reports or could have derived, and on each of its claims."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from dlstudy.analysis.comparison import Comparison
from dlstudy.analysis.inference import (
    Interval,
    holm,
    mean_and_sd,
    prediction_interval,
)
from dlstudy.analysis.measurements import ClaimMeasurements, how_measured
from dlstudy.analysis.pairs import (
    Pair,
    beyond_margin_p,
    difference_p,
    smallest_shown,
    units_for,
    within_margin_p,
)
from dlstudy.analysis.results import (
    Check,
    ClaimSummary,
    DerivedSummary,
    DerivedVerdict,
    FigureVerdict,
    ReportedSummary,
    Verdict,
)
from dlstudy.analysis.row_scope import rows_in_words, with_narrower, without_rows
from dlstudy.analysis.trial_index import TrialIndex, value_at
from dlstudy.study.claims import Claim, ClaimPhase, Derived, Reported
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.study import SIGNIFICANCE, Study

__all__ = ["ONE_SEARCH", "decide", "judge_claims", "judge_derived", "judge_reported", "with_pairs"]

ONE_SEARCH = "exploratory: one search, for the settings that it found"
"""The scope of a verdict on winners of a single search."""

_ROUNDING = 1e-12
"""Relative difference that float64 sums of a few hundred numbers may have: exact methods differ by as much."""


def judge_reported(
    study: ResolvedStudy, figure: Reported, trial_index: TrialIndex, not_comparable: str
) -> ReportedSummary:
    """Compares our runs of a reported setting with the figure.

    Args:
        study: as the variant runs it.
        figure: what is reported.
        trial_index: the runs.
        not_comparable: why this variant's runs cannot be compared with reported figures; empty where they can.
    """
    runs = trial_index.reported(study.arm(figure.arm), figure.setting)
    found = [value_at(run, figure.metric, figure.epoch) for run in runs.values()]
    values = [value for value in found if value is not None]
    ours = mean_and_sd(values)[0] if values else None
    interval, verdict, why = None, FigureVerdict.NOT_RUN, "--reported-variants trains it" if figure.setting else ""
    if runs and not values:
        why = f"no run gives {figure.metric}" + (f" at epoch {figure.epoch}" if figure.epoch else "")
    if not_comparable:
        verdict, why = FigureVerdict.NOT_COMPARABLE, not_comparable
    elif len(values) == 1:
        verdict, why = FigureVerdict.UNDECIDABLE, "one run has no spread"
    elif values:
        low, high = prediction_interval(values)
        slack = max(figure.half_unit, _ROUNDING * abs(figure.number))
        interval = low - slack, high + slack
        verdict, why = _reproduced(figure, interval, ours or 0.0)
    return ReportedSummary(
        figure.arm, figure.metric, figure.epoch, dict(figure.setting), str(figure.value), ours, interval, len(values),
        verdict, why, figure.place,
    )  # fmt: skip


def judge_derived(figure: Derived) -> DerivedSummary:
    """Compares a reported figure with its right value."""
    verdict = DerivedVerdict.RIGHT if figure.agrees() else DerivedVerdict.WRONG
    return DerivedSummary(figure.text, str(figure.reported), float(figure.value), verdict, figure.why)


def judge_claims(
    study: ResolvedStudy, claims: Sequence[Claim], trial_index: TrialIndex, checks: Sequence[Check]
) -> list[ClaimSummary]:
    """The verdicts on claims that are judged together: p is adjusted for all of them, but for A/A tests.

    They hold for other test rows too where these have values; else, and where that turns them, see `on_these_rows`.

    Args:
        study: as the variant runs it.
        claims: of the study, or others about its arms.
        trial_index: the runs.
        checks: on the searches.
    """
    measured = [_measure(study, claim, trial_index) for claim in claims]
    narrower = [
        with_pairs(claim, summary, without_rows(summary.pairs)) if summary.p is not None else summary
        for claim, summary in zip(claims, measured, strict=True)
    ]
    decided = map(with_narrower, decide(claims, measured, checks), decide(claims, narrower, checks))
    return [_with_own_numbers(study, claim, summary) for claim, summary in zip(claims, decided, strict=True)]


def decide(
    claims: Sequence[Claim], measured: Sequence[ClaimSummary], checks: Sequence[Check] = ()
) -> list[ClaimSummary]:
    """The claims with verdicts, where they have been measured.

    Args:
        claims: judged together: p is adjusted for all of them, but for A/A tests.
        measured: each of them as `with_pairs` gives it, or without a p where there is nothing to decide.
        checks: on the searches.
    """
    in_family = [not claim.untestable and not claim.aa_test for claim in claims]
    # A claim that is not run yet counts in the family: its later verdict must not change the present ones.
    ps = [
        1.0 if summary.p is None else summary.p for summary, counts in zip(measured, in_family, strict=True) if counts
    ]
    adjusted = iter(holm(ps))
    decided = []
    for claim, summary, counts in zip(claims, measured, in_family, strict=True):
        p_adjusted = next(adjusted) if counts else summary.p
        if summary.p is not None:
            summary = dataclasses.replace(summary, p_adjusted=p_adjusted)
            summary = _decide(claim, summary, len(ps) if counts else 1, checks)
        decided.append(summary)
    return decided


def with_pairs(claim: Claim, summary: ClaimSummary, pairs: Sequence[Pair]) -> ClaimSummary:
    """The claim with its comparison against each arm that it names, and the one that decides."""
    p, deciding = _superiority(pairs) if claim.margin is None else _equivalence(pairs, claim.margin)
    return dataclasses.replace(
        summary, difference=deciding.mean, interval=deciding.interval,
        rows_interval=deciding.rows.interval if deciding.rows else None, against=deciding.against,
        n=len(deciding.units), p=p, pairs=pairs,
    )  # fmt: skip


def _measure(study: ResolvedStudy, claim: Claim, trial_index: TrialIndex) -> ClaimSummary:
    """The claim with all its measurements, and no verdict yet."""
    if claim.untestable:
        return ClaimSummary(
            claim.text, Verdict.NOT_TESTABLE, claim.metric, claim.epoch, claim.phase, why=claim.untestable
        )
    measurements = ClaimMeasurements(study, claim, trial_index)
    comparison = Comparison(study, measurements)
    pairs = [pair for other in claim.than if (pair := comparison.pair(other)) is not None]
    summary = ClaimSummary(
        claim.text, Verdict.NOT_RUN, claim.metric, claim.epoch, claim.phase, how=how_measured(claim),
        unit=comparison.unit, scope=_scope(study, claim, comparison), rows_scope=rows_in_words(claim, pairs),
        margin=claim.margin, rope=claim.rope, aa_test=claim.aa_test, pairs=pairs,
    )  # fmt: skip
    if len(pairs) < len(claim.than):
        return dataclasses.replace(summary, why=measurements.why_missing())
    return with_pairs(claim, dataclasses.replace(summary, why=measurements.remark()), pairs)


def _scope(study: Study, claim: Claim, comparison: Comparison) -> str:
    if study.pairs_searches(claim):
        n = comparison.n_searches
        return f"for the methods, over {n} searches" if comparison.by_search else ONE_SEARCH
    return {
        ClaimPhase.REPLICATE: "at the stated settings",
        ClaimPhase.TUNING: "at the stated settings",
        ClaimPhase.REPORTED: "at the reported settings",
        ClaimPhase.DEFAULTS: "at the library's defaults",
    }.get(claim.phase, "at the stated values")


def _superiority(pairs: Sequence[Pair]) -> tuple[float, Pair]:
    """The p of a claim that its arm is better than each other, and the pair that decides.

    That it is better than all of them is one intersection-union test: p is the largest (Berger 1982). That it is worse
    than any is a union of tests: the smallest p, times their number.
    """
    worst = min(pairs, key=lambda pair: pair.mean)
    if worst.mean > 0:
        return max(map(difference_p, pairs)), worst
    behind = min((pair for pair in pairs if pair.mean <= 0), key=difference_p)
    return min(1.0, len(pairs) * difference_p(behind)), behind


def _equivalence(pairs: Sequence[Pair], margin: float) -> tuple[float, Pair]:
    """The p of a claim that its arm differs from each other by less than a margin, and the pair that decides."""
    furthest = max(pairs, key=lambda pair: abs(pair.mean))
    if abs(furthest.mean) < margin:
        return max(within_margin_p(pair, margin) for pair in pairs), furthest
    return min(1.0, len(pairs) * beyond_margin_p(furthest, margin)), furthest


def _decide(claim: Claim, summary: ClaimSummary, n_family: int, checks: Sequence[Check]) -> ClaimSummary:
    """The verdict of our runs: adjusted p and interval must agree; a failed check withholds what it undermines."""
    deciding, level = summary.deciding, SIGNIFICANCE / n_family
    smallest = None if claim.margin else smallest_shown(deciding, level, summary.n) or None
    n_needed = units_for(deciding, claim.rope, level) if claim.rope else None
    verdict = _better(claim, summary) if claim.margin is None else _alike(claim.margin, summary)
    summary = dataclasses.replace(summary, smallest=smallest, n_needed=n_needed, verdict=verdict, measured=verdict)
    against = _undermining(claim, verdict, checks)
    if against:
        why = _sentence([f"would be {verdict}, but: {'; '.join(against)}", summary.why])
        return dataclasses.replace(summary, verdict=Verdict.WITHHELD, measured=Verdict.WITHHELD, why=why)
    if verdict is Verdict.UNDECIDED and deciding.outer and _excludes_zero(deciding.outer) and not claim.margin:
        disagree = "p, adjusted for all claims of the study, does not agree with the interval"
        return dataclasses.replace(summary, why=_sentence([disagree, summary.why]))
    return summary


def _sentence(parts: Iterable[str]) -> str:
    return "; ".join(filter(None, parts))


def _better(claim: Claim, summary: ClaimSummary) -> Verdict:
    """The verdict on a claim that one arm is better than others."""
    if claim.rope and all(_inside(pair.outer_90, claim.rope) for pair in summary.pairs):
        return Verdict.EQUIVALENT
    significant = summary.p_adjusted is not None and summary.p_adjusted <= SIGNIFICANCE
    if significant and all(pair.outer and pair.outer[0] > 0 for pair in summary.pairs):
        return Verdict.SUPPORTED
    outer = summary.deciding.outer
    behind = significant and outer is not None and outer[1] < 0
    return Verdict.CONTRADICTED if behind else Verdict.UNDECIDED


def _alike(margin: float, summary: ClaimSummary) -> Verdict:
    """The verdict on a claim of equivalence."""
    if summary.p_adjusted is None or summary.p_adjusted > SIGNIFICANCE:
        return Verdict.UNDECIDED
    if all(_inside(pair.outer_90, margin) for pair in summary.pairs):
        return Verdict.SUPPORTED
    low, high = summary.deciding.outer_90 or (0.0, 0.0)
    return Verdict.CONTRADICTED if low > margin or high < -margin else Verdict.UNDECIDED


def _inside(interval: Interval | None, margin: float) -> bool:
    return interval is not None and -margin < interval[0] and interval[1] < margin


def _excludes_zero(interval: Interval) -> bool:
    return interval[0] > 0 or interval[1] < 0


def _undermining(claim: Claim, verdict: Verdict, checks: Sequence[Check]) -> list[str]:
    """The failed checks that speak against a verdict: a better search of the arm that loses could turn it."""
    if not claim.phase.compares_winners or verdict is Verdict.UNDECIDED:
        return []
    arms = {claim.better, *claim.than}
    if claim.phase is ClaimPhase.REPLICATE and claim.margin is None:
        losers = {Verdict.SUPPORTED: set(claim.than), Verdict.CONTRADICTED: {claim.better}}
        arms = losers.get(verdict, arms)
    return [check.text for check in checks if not check.passed and check.arm in arms]


def _with_own_numbers(study: Study, claim: Claim, judged: ClaimSummary) -> ClaimSummary:
    """The claim compared with what the document itself reports of the same figure."""
    compares_figures = claim.phase is ClaimPhase.REPORTED and claim.target is None and claim.margin is None
    if claim.untestable or not compares_figures:
        return judged
    better = []
    for other in claim.than:
        ours, theirs = (_reported_of(study, claim, arm) for arm in (claim.better, other))
        epochs = set(ours) & set(theirs)
        if claim.epoch is not None:
            epochs &= {claim.epoch}
        if epochs:
            latest = max(epochs, key=lambda epoch: math.inf if epoch is None else epoch)
            if claim.sign * (theirs[latest].number - ours[latest].number) > 0:
                better.append(f"{theirs[latest].value} of {other} against {ours[latest].value} of {claim.better}")
    if not better:
        return judged
    return dataclasses.replace(
        judged, verdict=Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS, own_numbers=f"it reports {'; '.join(better)}"
    )


def _reported_of(study: Study, claim: Claim, arm: str) -> dict[int | None, Reported]:
    """The document's figures of an arm in a claim's metric, by epoch."""
    return {
        figure.epoch: figure
        for figure in study.reported
        if (figure.arm, figure.metric) == (arm, claim.metric) and not figure.setting
    }


def _reproduced(figure: Reported, interval: Interval, ours: float) -> tuple[FigureVerdict, str]:
    """Whether one more run could well have given the figure; undecidable where almost anything would pass.

    Too wide means: wider to each side than half of what is measured, which for an accuracy is the share of errors.
    """
    scale = 1 - ours if "accuracy" in figure.metric else abs(ours)
    low, high = interval
    if (high - low) / 2 > 0.5 * scale + 2 * figure.half_unit:
        return FigureVerdict.UNDECIDABLE, "runs differ too much to tell"
    if low <= figure.number <= high:
        return FigureVerdict.REPRODUCED, ""
    places = max(4, round(-math.log10(2 * figure.half_unit)))
    range_text = f"{low:.{places}f} to {high:.{places}f}"
    return FigureVerdict.NOT_REPRODUCED, f"reported {figure.value}, and 95 % of runs fall in {range_text}"
