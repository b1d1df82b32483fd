"""An index of studies: one line for each, with its question, its answer and the counts of verdicts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlstudy.analysis.results import SCHEMA, FigureVerdict, StudySummary, Verdict
from dlstudy.report.blocks import Block, Bullets, Document, Heading, Table
from dlstudy.report.export import RENDERERS, as_json, check_format
from dlstudy.report.formats.csv_tables import table_csv

__all__ = ["index"]


def index(
    summaries: Sequence[StudySummary], kind: str, links: Sequence[str] = (), missing: Sequence[str] = ()
) -> str | bytes:
    """The index in one format.

    Args:
        summaries: one for each study and variant.
        kind: one of `dlstudy.report.export.FORMATS`.
        links: the address of each one's report; empty for none.
        missing: the studies that are not in the index and why, a sentence each.

    Raises:
        UsageError: no such format.
    """
    check_format(kind)
    if kind == "json":
        return as_json(
            {"schema": SCHEMA, "studies": [_entry(summary) for summary in summaries], "missing": list(missing)}
        )
    rows = [
        [summary.study, str(summary.variant), summary.question, summary.answer, *_counts(summary)]
        for summary in summaries
    ]
    heads = ["study", "variant", "question", "answer", "claims", "reported figures"]
    table = Table("Studies", heads, rows, links=links)
    if kind == "csv":
        return table_csv(table)
    blocks: list[Block] = [Heading(table.title), table]
    if missing:
        blocks += [Heading("Not in this index"), Bullets(missing)]
    return RENDERERS[kind](Document("dlstudy", "Answers of the studies", "", "", blocks))


def _entry(summary: StudySummary) -> dict[str, Any]:  # Any: JSON
    return {
        "study": summary.study,
        "variant": str(summary.variant),
        "question": summary.question,
        "answer": summary.answer,
        "complete": summary.complete,
        "claims": _verdicts([claim.verdict for claim in summary.claims if not claim.aa_test], Verdict),
        "reported": _verdicts([figure.verdict for figure in summary.reported], FigureVerdict),
    }


def _counts(summary: StudySummary) -> list[str]:
    entry = _entry(summary)
    return [", ".join(f"{word} {n}" for word, n in entry[part].items()) or "–" for part in ("claims", "reported")]


def _verdicts(verdicts: Sequence[str], kinds: Iterable[str]) -> Mapping[str, int]:
    """How often each kind of verdict occurs, if it does."""
    found = Counter(verdicts)
    return {str(kind): found[kind] for kind in kinds if found[kind]}
