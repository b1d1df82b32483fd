"""The report on independent replications of a study: tables, and the same in every format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlstudy.analysis.formatting import NOTHING, difference, interval_text, like_reported, number, p_text, params_text
from dlstudy.analysis.replications import Agreement, ReplicatedClaim, ReplicatedPair, Replications
from dlstudy.common.files import write_whole
from dlstudy.report.blocks import Block, Cell, Document, Heading, Mood, Note, Table
from dlstudy.report.export import RENDERERS, as_json, formats_here, report_name
from dlstudy.report.formats.csv_tables import table_csv
from dlstudy.report.labels import label, verdict_mood

__all__ = ["export_replications", "replications_tables", "write_replications"]

_MOODS = {Agreement.SAME: Mood.GOOD, Agreement.OPPOSITE: Mood.BAD}

_SHARED = (
    "Replications share the study's data, rows and budget; the designs of the searches and all seeds are drawn anew. "
    "They show how much of an answer is the luck of these draws, and nothing about other data."
)
_CLAIMS = (
    "A verdict that one replication gives and another leaves undecided is no contradiction: the differences below tell "
    "whether the two found different things."
)
_PAIRS = (
    "Combined: the mean over the replications, with a 95 % interval. Of tuned winners of a single search each, in 3 "
    "replications or more, it is Student's t over replications, else it rests on the spread within each (Welch). "
    "Heterogeneity p: Welch's test that all replications have the same difference. Sd: between replications, beyond "
    "that between seeds, or searches."
)


def write_replications(replications: Replications, folder: Path) -> list[Path]:
    """Writes the report in every format into a folder, beside those of the replications, to which it links."""
    name = f"{replications.study}-{replications.variants[0]}-replications"
    return [write_whole(folder / f"{name}.{kind}", export_replications(replications, kind)) for kind in formats_here()]


def export_replications(replications: Replications, kind: str) -> str | bytes:
    """The report in one of `dlstudy.report.export.FORMATS`; as CSV, the claims alone."""
    if kind == "json":
        return as_json(replications.to_json())
    if kind == "csv":
        return table_csv(_claims_table(replications))
    return RENDERERS[kind](_document(replications, kind))


def replications_tables(replications: Replications, kind: str = "") -> list[Table]:
    """The tables that have rows, in reading order; in HTML with links to the reports of each replication."""
    made = [
        _answers_table(replications, kind),
        _claims_table(replications),
        _pairs_table(replications),
        _figures_table(replications),
        _winners_table(replications),
    ]
    return [table for table in made if table.rows]


def _document(replications: Replications, kind: str) -> Document:
    tables = replications_tables(replications, kind)
    blocks: list[Block] = [Note(_SHARED)]
    blocks += [block for table in tables for block in (Heading(table.title), table)]
    name = f"{replications.study} · replications"
    return Document(name, replications.question, replications.answer, "", blocks)


def _heads(replications: Replications) -> list[str]:
    return [f"replication {variant.replication}" for variant in replications.variants]


def _answers_table(replications: Replications, kind: str) -> Table:
    rows = [
        [str(variant), answer, "yes" if complete else "no"]
        for variant, answer, complete in zip(
            replications.variants, replications.answers, replications.complete, strict=True
        )
    ]
    names = [report_name(replications.study, variant) for variant in replications.variants]
    links = list(map(quote, names)) if kind == "html" else ()
    return Table("Answers", ["variant", "answer", "complete"], rows, links=links)


def _claims_table(replications: Replications) -> Table:
    rows = [
        [
            _numbered(i, claim),
            *(Cell(verdict, verdict_mood(verdict)) for verdict in claim.verdicts),
            _agreement_cell(claim.agreement),
        ]
        for i, claim in enumerate(replications.claims, 1)
    ]
    return Table("Claims", ["claim", *_heads(replications), "verdicts"], rows, _CLAIMS)


def _numbered(i: int, claim: ReplicatedClaim) -> str:
    return f"{i}. {claim.text}" + (" (A/A test)" if claim.aa_test else "")


def _agreement_cell(agreement: Agreement) -> Cell:
    return Cell(agreement, _MOODS.get(agreement, Mood.OPEN))


def _pairs_table(replications: Replications) -> Table:
    rows = [
        [f"{i} against {pair.against}", *_differences(pair)]
        for i, claim in enumerate(replications.claims, 1)
        for pair in claim.pairs
    ]
    heads = ["claim", *_heads(replications), "combined", "heterogeneity p", "sd", "holds"]
    return Table("Differences", heads, rows, _PAIRS)


def _differences(pair: ReplicatedPair) -> list[str]:
    found = [*zip(pair.means, pair.intervals, strict=True), (pair.combined, pair.interval)]
    shown = [f"{difference(mean, interval)} ({interval_text(interval)})" for mean, interval in found]
    return [*shown, p_text(pair.p), f"{pair.sd:.2g}", pair.scope]


def _figures_table(replications: Replications) -> Table:
    rows = [
        [
            figure.arm,
            label(figure.metric) + (f" at epoch {figure.epoch}" if figure.epoch else ""),
            figure.reported,
            *(
                Cell(f"{like_reported(ours, figure.reported, None)}: {verdict}", verdict_mood(verdict))
                for ours, verdict in zip(figure.ours, figure.verdicts, strict=True)
            ),
            _agreement_cell(figure.agreement),
        ]
        for figure in replications.reported
    ]
    return Table("Reported figures", ["arm", "metric", "reported", *_heads(replications), "verdicts"], rows)


def _winners_table(replications: Replications) -> Table:
    rows = [
        [arm.name, *(_winner(*found) for found in zip(arm.winners, arm.tests, strict=True))]
        for arm in replications.arms
    ]
    note = f"In brackets: mean {label(replications.metric)} over fresh seeds."
    return Table("Winners", ["arm", *_heads(replications)], rows, note)


def _winner(params: Mapping[str, Any] | None, test: float | None) -> str:  # Any: JSON scalars
    return NOTHING if params is None else f"{params_text(params)} ({number(test)})"
