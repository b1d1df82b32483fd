"""Verdicts on each claim of a document, and on each figure that it could have derived."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence

from dlstudy.analysis.comparison import Comparison, smallest_in_metric, units_for
from dlstudy.analysis.elsewhere import elsewhere_in_words
from dlstudy.analysis.formatting import p_text
from dlstudy.analysis.inference import Interval
from dlstudy.analysis.measurements import ClaimMeasurements, how_measured
from dlstudy.analysis.multiplicity import adjust
from dlstudy.analysis.pair import Pair, beyond_margin_p, difference_p, within_margin_p
from dlstudy.analysis.results import Check, ClaimSummary, DerivedSummary, DerivedVerdict, Unit, Verdict
from dlstudy.analysis.row_scope import rows_in_words, with_narrower, without_rows
from dlstudy.analysis.sequential import repeated_level
from dlstudy.analysis.sign_flips import smallest_p
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.claims import SIGNIFICANCE, Claim, ClaimPhase, Derived, Reported
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.study import Study

__all__ = ["ONE_SEARCH", "decide", "judge_claims", "judge_derived", "with_pairs"]

ONE_SEARCH = "for the settings found (exploratory: one search)"
"""The scope of a verdict on winners of a single search."""


def judge_derived(figure: Derived) -> DerivedSummary:
    """Compares a reported figure with its right value."""
    verdict = DerivedVerdict.RIGHT if figure.agrees() else DerivedVerdict.WRONG
    return DerivedSummary(figure.text, str(figure.reported), float(figure.value), verdict, figure.why)


def judge_claims(
    study: ResolvedStudy,
    claims: Sequence[Claim],
    trial_index: TrialIndex,
    checks: Sequence[Check],
    n_dropped: int = 0,
) -> list[ClaimSummary]:
    """The verdicts on claims that are judged together: p is adjusted for all of them, but for A/A tests.

    They hold for other test rows too where these have values; else, and where that turns them, see `on_these_rows`.

    Args:
        study: as the variant runs it.
        claims: of the study, or others about its arms.
        trial_index: the runs.
        checks: on the searches.
        n_dropped: claims that are no longer asked and still count in the family.
    """
    measured = [_measure(study, claim, trial_index) for claim in claims]
    narrower = [_on_these_rows(claim, summary) for claim, summary in zip(claims, measured, strict=True)]
    decided = map(with_narrower, *(decide(claims, each, checks, n_dropped) for each in (measured, narrower)))
    return [_with_own_numbers(study, claim, summary) for claim, summary in zip(claims, decided, strict=True)]


def decide(
    claims: Sequence[Claim], measured: Sequence[ClaimSummary], checks: Sequence[Check] = (), n_dropped: int = 0
) -> list[ClaimSummary]:
    """The claims with verdicts, where they have been measured.

    Args:
        claims: judged together: p is adjusted for all of them, but for A/A tests.
        measured: each of them as `with_pairs` gives it, or without a difference where there is nothing to decide.
        checks: on the searches.
        n_dropped: claims that are no longer asked and still count in the family.
    """
    decided = list(measured)
    family = [i for i, claim in enumerate(claims) if not claim.aa_test]
    for members in [family, *([i] for i, claim in enumerate(claims) if claim.aa_test)]:
        others = n_dropped if members is family else 0
        together = _decide_together([claims[i] for i in members], [measured[i] for i in members], others)
        for i, summary in zip(members, together, strict=True):
            decided[i] = _with_checks(claims[i], summary, checks)
    return decided


def with_pairs(claim: Claim, summary: ClaimSummary, pairs: Sequence[Pair]) -> ClaimSummary:
    """The claim with its comparison against each arm that it names, and the one that decides."""
    p, deciding = _superiority(pairs) if claim.margin is None else _equivalence(pairs, claim.margin)
    summary = dataclasses.replace(
        summary, difference=deciding.mean, interval=deciding.interval,
        rows_interval=deciding.rows.interval if deciding.rows else None, against=deciding.against,
        n=len(deciding.units), pairs=pairs, why=_sentence([summary.why, _of_shape(deciding)]),
    )  # fmt: skip
    if not any(pair.by_chance or pair.rows for pair in pairs):
        return summary
    p_equivalent = max(within_margin_p(pair, claim.rope) for pair in pairs) if claim.rope else None
    is_paired = not deciding.elsewhere and not deciding.overlap
    by_sign = claim.margin is None and summary.unit is Unit.SEED and is_paired
    p_floor = _smallest_p(pairs, deciding) if by_sign else None
    return dataclasses.replace(summary, p=p, p_equivalent=p_equivalent, p_floor=p_floor)


def _on_these_rows(claim: Claim, summary: ClaimSummary) -> ClaimSummary:
    """The claim as measured on these test rows, which are then no sample."""
    if summary.difference is None:
        return summary
    bare = dataclasses.replace(summary, p=None, p_equivalent=None, p_floor=None, why="")
    return with_pairs(claim, bare, without_rows(summary.pairs))


def _of_shape(pair: Pair) -> str:
    """What a reader must know of the differences before p; empty where p holds as it is."""
    if pair.one_more_p is not None and pair.one_more_p > SIGNIFICANCE:
        return f"one more of our runs could have given the single figure (p {p_text(pair.one_more_p)})"
    if not pair.by_chance:
        same = "the same difference on every seed"
        return same if pair.rows else f"no chance in this comparison: {same}"
    skewed = pair.asymmetry_p is not None and pair.asymmetry_p < SIGNIFICANCE
    return "the differences are skewed, and p holds for symmetric ones" if skewed else ""


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
        unit=comparison.unit, scope=_scope(study, claim, comparison),
        rows_scope=rows_in_words(claim, pairs), margin=claim.margin, rope=claim.rope, aa_test=claim.aa_test,
        pairs=pairs,
    )  # fmt: skip
    if len(pairs) < len(claim.than):
        return dataclasses.replace(summary, why=measurements.why_missing())
    return with_pairs(claim, dataclasses.replace(summary, why=measurements.remark()), pairs)


def _scope(study: ResolvedStudy, claim: Claim, comparison: Comparison) -> str:
    """What a verdict holds for: methods or settings, on which splits, against which results from elsewhere."""
    return _settings(study, claim, comparison) + comparison.over_splits + elsewhere_in_words(study, claim)


def _settings(study: Study, claim: Claim, comparison: Comparison) -> str:
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


def _smallest_p(pairs: Sequence[Pair], deciding: Pair) -> float:
    """The smallest p that `_superiority` can give with this number of seeds, on the side of the deciding pair."""
    if deciding.mean > 0:
        return max(smallest_p(len(pair.units)) / pair.looks.first_share for pair in pairs if not pair.elsewhere)
    return len(pairs) * smallest_p(len(deciding.units)) / deciding.looks.first_share


def _decide_together(claims: Sequence[Claim], measured: Sequence[ClaimSummary], n_dropped: int) -> list[ClaimSummary]:
    """The verdicts of our runs on a family of claims.

    A claim that is not run yet counts in it: its later verdict must not change the present ones.
    """
    hypotheses = [_hypotheses(claim, summary) for claim, summary in zip(claims, measured, strict=True)]
    adjusted = adjust([*itertools.chain(*hypotheses), *([1.0] for _ in range(n_dropped))])
    ps = itertools.chain(*adjusted)
    level = SIGNIFICANCE / max(1, len(adjusted))
    return [
        _decide(claim, summary, list(itertools.islice(ps, sum(map(len, of_claim)))), level)
        for claim, summary, of_claim in zip(claims, measured, hypotheses, strict=True)
    ]


def _hypotheses(claim: Claim, summary: ClaimSummary) -> list[list[float]]:
    """The p of a claim's hypotheses, 1 if not run yet, those together of which at most one is true.

    There is no difference; differences matter. Against several arms both may be: the one arm is equal, another not.
    """
    if claim.untestable or (summary.difference is not None and summary.p is None):
        return []
    ps = [summary.p, summary.p_equivalent] if claim.rope else [summary.p]
    known = [1.0 if p is None else p for p in ps]
    return [known] if claim.n_hypotheses == 1 else [[p] for p in known]


def _decide(claim: Claim, summary: ClaimSummary, adjusted: Sequence[float], level: float) -> ClaimSummary:
    """The verdict of our runs, by the adjusted p of the claim's hypotheses; without chance, by the differences."""
    if summary.difference is None:
        return summary
    if summary.p is None:
        verdict = _without_chance(claim, summary.pairs)
        return dataclasses.replace(summary, verdict=verdict, measured=verdict)
    p_adjusted, p_equivalent = adjusted[0], adjusted[1] if claim.rope else None
    deciding, unit = summary.deciding, summary.unit
    left = 1 - repeated_level(deciding.looks, level)  # what this look may spend
    smallest = 0.0 if claim.margin else smallest_in_metric(deciding, unit, summary.n, left)
    verdict = _verdict(claim, summary, p_adjusted, p_equivalent)
    why = [_why_undecided(summary, level), summary.why] if verdict is Verdict.UNDECIDED else [summary.why]
    return dataclasses.replace(
        summary, p_adjusted=p_adjusted, p_equivalent_adjusted=p_equivalent, verdict=verdict, measured=verdict,
        smallest=smallest if 0 < smallest < math.inf and not _is_too_few(summary, level) else None,
        n_needed=units_for(deciding, unit, claim.rope, left) if claim.rope else None, why=_sentence(why),
    )  # fmt: skip


def _verdict(claim: Claim, summary: ClaimSummary, p: float, p_equivalent: float | None) -> Verdict:
    """The verdict by adjusted p. The interval agrees: it leaves out what its test rejects."""
    difference = summary.difference or 0.0
    if p_equivalent is not None and p_equivalent <= SIGNIFICANCE:
        return Verdict.EQUIVALENT
    if p > SIGNIFICANCE or (claim.margin is None and not _agrees(summary)):
        return Verdict.UNDECIDED
    as_claimed = difference > 0 if claim.margin is None else abs(difference) < claim.margin
    return Verdict.SUPPORTED if as_claimed else Verdict.CONTRADICTED


def _agrees(summary: ClaimSummary) -> bool:
    """Whether the interval leaves out no difference, as p does: after several looks p may be that of an earlier one."""
    is_first = len(summary.deciding.looks.units) < 2
    return is_first or summary.interval is None or _excludes_zero(summary.interval)


def _without_chance(claim: Claim, pairs: Sequence[Pair]) -> Verdict:
    """The verdict on arms that give the same on every seed: arithmetic."""
    within = claim.margin or claim.rope
    if within and all(abs(pair.mean) < within for pair in pairs):
        return Verdict.EQUIVALENT if claim.margin is None else Verdict.SUPPORTED
    worst = min(pair.mean for pair in pairs)
    if claim.margin is None and worst >= 0:
        return Verdict.SUPPORTED if worst > 0 else Verdict.UNDECIDED
    return Verdict.CONTRADICTED


def _why_undecided(summary: ClaimSummary, level: float) -> str:
    """Why p decides nothing where it could seem to: it could not have, or the interval alone would."""
    if _is_too_few(summary, level):
        assert summary.p_floor is not None
        smallest = (
            f"the smallest p, adjusted for all claims of the study, is {p_text(summary.p_floor * SIGNIFICANCE / level)}"
        )
        return f"{summary.n} seeds cannot show a difference: {smallest}"
    intervals = [interval for interval in (summary.interval, summary.rows_interval) if interval]
    if summary.margin is None and intervals and all(map(_excludes_zero, intervals)):
        return "p, adjusted for all claims of the study, does not agree with the interval"
    return ""


def _is_too_few(summary: ClaimSummary, level: float) -> bool:
    """Whether even the smallest p that this number of seeds can give is above the level."""
    return summary.p_floor is not None and summary.p_floor > level


def _with_checks(claim: Claim, judged: ClaimSummary, checks: Sequence[Check]) -> ClaimSummary:
    """The verdict, withheld where a failed check undermines it."""
    against = _undermining(claim, judged.measured, checks) if judged.measured else []
    if not against:
        return judged
    why = _sentence([f"would be {judged.measured}, but: {'; '.join(against)}", judged.why])
    return dataclasses.replace(judged, verdict=Verdict.WITHHELD, measured=Verdict.WITHHELD, why=why)


def _sentence(parts: Iterable[str]) -> str:
    return "; ".join(filter(None, parts))


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
