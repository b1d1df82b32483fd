"""The claims with their verdicts, and below them every comparison that the verdicts depend on."""

from collections.abc import Sequence

from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.formatting import (
    NOTHING,
    difference,
    interval_text,
    number,
    p_text,
    places,
    rounded,
    share_text,
)
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.results import ClaimSummary, StudySummary, Verdict
from dlstudy.report.blocks import Cell, Table, without_empty
from dlstudy.report.labels import PHASES, label, listed, many, verdict_mood

__all__ = ["claims_table", "pairs_table", "verdict_reasons", "verdict_text"]


def claims_table(summary: StudySummary) -> Table:
    """Each claim, its verdict with its reasons, and the comparison that decides."""
    by_rows = any(claim.rows_interval for claim in summary.claims)
    rows = [
        [
            f"{i}. {title_of(claim)}" + (" (A/A test)" if claim.aa_test else ""),
            Cell(verdict_text(claim), verdict_mood(claim.verdict)),
            _measure(claim),
            NOTHING
            if claim.difference is None
            else f"{difference(claim.difference, claim.interval)} against {claim.against}",
            interval_text(claim.interval),
            *([interval_text(claim.rows_interval)] if by_rows else []),
            p_text(claim.p_adjusted),
            many(claim.n, claim.unit) if claim.n else NOTHING,
        ]
        for i, claim in enumerate(summary.claims, 1)
    ]
    heads = [
        "claim", "verdict", "measured by", "difference", "95 % interval", *(["on other rows"] if by_rows else []),
        "adjusted p", "pairs",
    ]  # fmt: skip
    is_unpaired = any(pair.elsewhere for claim in summary.claims for pair in claim.pairs)
    how = [
        _HOW_JUDGED,
        _UNPAIRED if is_unpaired else "",
        _BY_ROWS if by_rows else "",
        _floors(summary.claims),
        _looks(summary),
    ]
    note = " ".join(filter(None, [*how, _scopes(summary.claims), _aa_tests(summary)]))
    return Table("Claims", heads, rows, note)


_HOW_JUDGED = (
    "Difference: mean over pairs against the arm that decides, positive where the claim says so. A claim is supported "
    "when it holds against each arm that it names. p: how often as much would be seen if each pair could as well have "
    "differed the other way, adjusted for all claims of the study (Holm). The interval holds what that test does not "
    "reject."
)
_UNPAIRED = (
    "Against unpaired results from elsewhere, pairs are our runs, and p and interval are Welch's; against "
    "a single figure, Student's of one sample."
)
_BY_ROWS = (
    "The 95 % interval holds on these test rows; that on other rows, for others of the same kind too. A verdict takes "
    "the larger p of the two."
)


def _measure(claim: ClaimSummary) -> str:
    """What was compared, within which margin if the claim is one of equivalence, and over which runs."""
    if not claim.how:
        return NOTHING
    margin = "" if claim.margin is None else f", within {claim.margin:g}"
    return f"{label(claim.how)}{margin} ({PHASES[claim.phase]})"


def verdict_text(claim: ClaimSummary) -> str:
    """The verdict, then why."""
    return f"{claim.verdict}: {'; '.join(verdict_reasons(claim))}".removesuffix(": ")


def verdict_reasons(claim: ClaimSummary) -> list[str]:
    """Why the verdict is what it is, and what would decide it; empty where the numbers say enough."""
    reasons = [claim.own_numbers]
    if claim.verdict is Verdict.CONTRADICTED_BY_ITS_OWN_NUMBERS and claim.measured:
        reasons.append(f"our runs: {claim.measured}")
    if claim.verdict is Verdict.EQUIVALENT:
        reasons.append(_within_rope(claim))
    reasons.append(claim.why)
    if Verdict.UNDECIDED in (claim.verdict, claim.measured):
        reasons.append(_what_would_show(claim))
    return [reason for reason in reasons if reason]


def _within_rope(claim: ClaimSummary) -> str:
    """The outermost 90 % interval, and the region of practical equivalence that it is within."""
    intervals = [pair.interval_90 for pair in claim.pairs if pair.interval_90]
    if claim.rope is None or not intervals:
        return ""
    widest = max(intervals, key=lambda interval: max(abs(interval[0]), abs(interval[1])))
    return f"the 90 % interval {interval_text(widest)} lies within ±{claim.rope:g}"


def _what_would_show(claim: ClaimSummary) -> str:
    parts = []
    if claim.smallest is not None and claim.interval is not None:
        half_width = (claim.interval[1] - claim.interval[0]) / 2
        decimals = places(half_width)
        smallest = number(claim.smallest) if decimals is None else rounded(claim.smallest, decimals)
        parts.append(f"{many(claim.n, claim.unit)} would show a difference of {smallest} in four of five such studies")
    if claim.rope is not None and (claim.n_needed is not None or claim.rows_interval is not None):
        needed = "more test rows" if claim.n_needed is None else many(claim.n_needed, claim.unit)
        parts.append(f"one of {claim.rope:g} takes {needed}")
    return "; ".join(parts)


def _floors(claims: Sequence[ClaimSummary]) -> str:
    """The claims whose p could not have been smaller, by their number of pairs."""
    at_floor: dict[int, list[str]] = {}
    for i, claim in enumerate(claims, 1):
        if claim.p is not None and claim.p == claim.p_floor:
            at_floor.setdefault(claim.n, []).append(str(i))
    return " ".join(
        f"{_numbered(numbers)}: p is the smallest that {many(n, 'seed')} can give." for n, numbers in at_floor.items()
    )


def _numbered(numbers: Sequence[str]) -> str:
    return f"{'Claims' if len(numbers) > 1 else 'Claim'} {listed(numbers)}"


def _scopes(claims: Sequence[ClaimSummary]) -> str:
    """The scopes of the verdicts, each once."""
    numbered: dict[str, list[str]] = {}
    for i, claim in enumerate(claims, 1):
        if claim.scope and claim.difference is not None:
            scope = ", and ".join(filter(None, [claim.scope, claim.rows_scope]))
            numbered.setdefault(scope, []).append(str(i))
    if len(numbered) == 1:
        return f"All verdicts: {next(iter(numbered))}."
    return " ".join(f"{_numbered(numbers)}: {scope}." for scope, numbers in numbered.items())


def _looks(summary: StudySummary) -> str:
    """How often the claims were looked at, and what that and the verdicts cost; empty where nothing was planned."""
    spent = {pair.looks for claim in summary.claims for pair in claim.pairs if claim.against == pair.against}
    if not summary.plan or not spent:
        return ""
    most = max(spent, key=lambda looks: (len(looks.units), -looks.shares[-1]))
    n_trained = sum(trial.state.is_final for trial in summary.trials)
    units = listed(map(str, most.units))
    return (
        f"p and intervals hold over all looks: {many(len(most.units), 'look')}, at {units} pairs, may have spent "
        f"{100 * most.shares[-1]:.3g} % of the level; {many(n_trained, 'training')} in all."
    )


def _aa_tests(summary: StudySummary) -> str:
    if not any(claim.aa_test for claim in summary.claims):
        return ""
    what = "An A/A test is not a claim of the document: it compares two identical arms, and should be undecided."
    found = summary.aa_tests
    if found is None or found.n == 1:
        return what
    rate = f"{found.n_false} of {found.n} A/A tests gave a false verdict: {share_text(found.rate)}"
    low, high = (f"{100 * end:.0f}" for end in found.interval)
    return (
        f"{what} {rate} (95 % Clopper-Pearson interval {low} to {high} %), where at most 5 % are expected. No two of "
        "them share an arm, so they are independent."
    )


def pairs_table(summary: StudySummary) -> Table:
    """Each claim's arm against each other that the claim names, with all statistics of the difference."""
    rows = [
        [f"{i} against {pair.against}", *_pair_cells(claim, pair)]
        for i, claim in enumerate(summary.claims, 1)
        for pair in claim.pairs
    ]
    heads = [
        "claim", "pairs", "mean", "median", "95 % interval", "p", "on other rows", "p, other rows", "adjusted p",
        "wins", "effect size", "sd, seeds", "sd, searches", "sd, rows",
    ]  # fmt: skip
    return without_empty(Table("Each comparison", heads, rows, _HOW_COMPARED))


_HOW_COMPARED = (
    "p: two-sided, of this pair alone, by flipping signs (all patterns up to 16 pairs, 65,535 random ones beyond); the "
    "interval of the mean holds the shifts that this test does not reject. Between searches both are Student's, over "
    "resampled splits both are the corrected resampled t's (Nadeau and Bengio 2003), against unpaired results from "
    "elsewhere Welch's. p of a "
    "claim of equivalence: by two one-sided t tests; adjusted p: of the claim as a whole, for all claims (Holm). Wins: "
    "the share of pairs in which the claim's arm is ahead, a tie counting half, with its 95 % Clopper-Pearson "
    "interval. Effect size: the mean in standard deviations of the differences (Hedges' g). On other rows: 95 % "
    "interval and p of the mean over pairs and test rows as crossed random effects, for other rows of the same kind; "
    "sd, rows: of a row's difference, and of what is left of it in one pair."
)


def _pair_cells(claim: ClaimSummary, pair: Pair) -> list[str]:
    sd_seeds, sd_searches = (
        NOTHING if value is None else f"{value:.2g}" for value in (pair.sd_seeds, pair.sd_searches)
    )
    rows = pair.rows
    return [
        many(len(pair.units), claim.unit),
        difference(pair.mean, pair.interval),
        difference(pair.median, pair.interval),
        interval_text(pair.interval),
        p_text(pair.p),
        interval_text(rows.interval if rows else None),
        p_text(rows.p if rows else None),
        p_text(claim.p_adjusted),
        share_text(pair.wins, pair.wins_interval),
        NOTHING if pair.effect_size is None else f"{pair.effect_size:+.2f}",
        sd_seeds,
        sd_searches,
        NOTHING if rows is None else f"{rows.sd_rows:.2g}, {rows.sd_interaction:.2g}",
    ]
