"""The claims of a study at a glance: a card for each."""

from collections.abc import Sequence

from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.formatting import difference, interval_text
from dlstudy.analysis.inference import Interval
from dlstudy.analysis.results import ClaimSummary, StudySummary
from dlstudy.report.blocks import Card, Cards, Cell
from dlstudy.report.figures.claims import MARKS, Entry, Panel, axis_label, by_scale, limits, row_of
from dlstudy.report.figures.strip import strip
from dlstudy.report.labels import label, many, verdict_mood
from dlstudy.report.tables.claims import verdict_reasons

__all__ = ["claim_cards"]


def claim_cards(summary: StudySummary) -> Cards | None:
    """A card for each claim that was compared, A/A tests apart; None where there is none."""
    compared = [claim for claim in summary.claims if claim.pairs and not claim.aa_test]
    cards = [_card(claim, axis) for claim, axis in zip(compared, _axes(compared), strict=True)]
    left = sum(not claim.pairs for claim in summary.claims)
    note = _READING + (f" {many(left, 'more claim')} could not be compared: see Claims." if left else "")
    return Cards("The answer at a glance", cards, note) if cards else None


_READING = (
    "A dot is a seed or a search, the large one their mean, the bar its 95 % interval, the thin line that for other "
    "test rows too. Right of zero is as claimed; shaded differences do not matter."
)


def _axes(claims: Sequence[ClaimSummary]) -> list[Interval]:
    """The axis of each claim: those about the same quantity share one, if it shows them all."""
    of_label: dict[str, list[tuple[int, Entry]]] = {}
    for i, claim in enumerate(claims):
        entry = Entry(title_of(claim), claim.verdict, [row_of(claim.deciding)], _shaded(claim))
        of_label.setdefault(axis_label(claim), []).append((i, entry))
    axes: dict[int, Interval] = {}
    for name, numbered in of_label.items():
        for group in by_scale([entry for _, entry in numbered]):
            axes |= {i: limits(Panel(name, group)) for i, entry in numbered if entry in group}
    return [axes[i] for i in range(len(claims))]


def _shaded(claim: ClaimSummary) -> float | None:
    return claim.rope if claim.margin is None else claim.margin


def _card(claim: ClaimSummary, axis: Interval) -> Card:
    drawn = strip(row_of(claim.deciding), axis, _shaded(claim), verdict_mood(claim.measured or claim.verdict))
    verdict = Cell(claim.verdict, verdict_mood(claim.verdict))
    facts = [fact[:1].upper() + fact[1:] for fact in (_measured(claim), *verdict_reasons(claim))]
    return Card(title_of(claim), verdict, MARKS[claim.verdict][1], facts, drawn)


def _measured(claim: ClaimSummary) -> str:
    """The difference, and the interval that the verdict takes: the wider one."""
    shown = f"{difference(claim.difference, claim.interval)} in {label(claim.how or claim.metric)}"
    intervals = [interval for interval in (claim.interval, claim.rows_interval) if interval]
    widest = max(intervals, key=lambda interval: interval[1] - interval[0], default=None)
    return f"{shown} against {claim.against}" + (f"; 95 % interval {interval_text(widest)}" if widest else "")
