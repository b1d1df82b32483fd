"""The report of a study as a document: one source of facts for every format."""

from collections.abc import Iterable, Mapping, Sequence

from dlstudy.analysis.results import StudySummary
from dlstudy.report.blocks import Block, Bullets, Code, Document, Heading, Note, Picture, Table
from dlstudy.report.cards import claim_cards
from dlstudy.report.figures.alt_texts import alternative_texts
from dlstudy.report.figures.winner_figures import WinnerFigure
from dlstudy.report.tables.arms import arms_table, derived_table, reported_table, sweep_tables
from dlstudy.report.tables.claims import claims_table, pairs_table
from dlstudy.report.tables.fronts import fronts_table
from dlstudy.report.tables.reproduction import command, making_table
from dlstudy.report.tables.search import budget_table, checks_table, costs_table, failures_table

__all__ = ["document"]


def document(
    summary: StudySummary, figures: Mapping[str, bytes] | None, winners: Sequence[WinnerFigure] = ()
) -> Document:
    """The report: the answer first, then the evidence, then how it was made.

    Args:
        summary: the results of the study.
        figures: SVG files by name, of those figures that have something to show; None for a format without pictures,
            which then has their alternative texts.
        winners: the figures of the winners.
    """
    figure, cards = _Figures(summary, figures), claim_cards(summary)
    blocks = [
        *map(Note, summary.notes),
        *([cards] if cards and figures is not None else figure("differences", "The answer in a picture")),
        *_tables([arms_table(summary), reported_table(summary), derived_table(summary)]),
        *_tables([claims_table(summary)], folded=bool(cards)),
        *_tables([pairs_table(summary)], level=3),
        *_section("Fronts", [*figure("fronts"), *_tables([fronts_table(summary)], 3)]),
        *_tables([checks_table(summary)], folded=all(check.passed for check in summary.checks)),
        *_tables(sweep_tables(summary), folded=True),
        *_section("Budget", [*figure("budget"), *_bullets(summary.crossings), *_tables([budget_table(summary)], 3)]),
        *_tables([costs_table(summary)], folded=True),
        *figure("curves", "Training curves"),
        *figure("slices", "What each parameter does"),
        *figure("importance", "Which parameters matter"),
        *_tables([failures_table(summary)], folded=True),
        *_section("Pictures of the winners (first seed)", _pictures(winners, figures is not None)),
        *_section("Remarks", _bullets(_remarks(summary))),
        *_section("What paired runs share", _bullets(summary.pairing)),
        *_tables([making_table(summary)], folded=True),
        Heading("How to repeat it"),
        Code(_command(summary)),
        *_bullets([summary.origin] if summary.origin else []),
    ]
    name = f"{summary.study} · {summary.variant}"
    scope = summary.scope[:1].upper() + summary.scope[1:]
    return Document(name, summary.question, summary.answer, scope, blocks)


class _Figures:
    """The figures of a report, each with its text."""

    def __init__(self, summary: StudySummary, figures: Mapping[str, bytes] | None) -> None:
        self._texts = alternative_texts(summary)
        self._figures = figures

    def __call__(self, name: str, title: str = "") -> list[Block]:
        """The figure of that name under its title, or nothing if it is empty."""
        if name not in (self._texts if self._figures is None else self._figures):
            return []
        picture = Picture(title or name, self._texts.get(name, title or name), (self._figures or {}).get(name, b""))
        return [Heading(title, folded=name != "differences"), picture] if title else [picture]


def _command(summary: StudySummary) -> str:
    """The command that repeats the run, with `--reported-variants` where such runs are among the trials."""
    has_variants = any(figure.setting and figure.n for figure in summary.reported)
    return command(summary.study, summary.origin, summary.variant, summary.protocol, has_variants)


def _tables(tables: Iterable[Table], level: int = 2, folded: bool = False) -> list[Block]:
    return [block for table in tables if table.rows for block in (Heading(table.title, level, folded), table)]


def _section(title: str, blocks: Sequence[Block]) -> list[Block]:
    return [Heading(title, folded=True), *blocks] if blocks else []


def _bullets(items: Sequence[str]) -> list[Block]:
    return [Bullets(items)] if items else []


def _pictures(winners: Sequence[WinnerFigure], with_bytes: bool) -> list[Block]:
    made: list[Block] = []
    for winner in winners:
        title = f"{winner.arm}: {winner.title}"
        made.append(Picture(title, title, winner.path.read_bytes() if with_bytes else b"", wide=False))
    return made


def _remarks(summary: StudySummary) -> list[str]:
    return [*summary.remarks, *(f"{arm.name}: {note}" for arm in summary.arms for note in arm.notes)]
