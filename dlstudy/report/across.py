"""The report of a study over data sets, in any format."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from dlstudy.analysis.across import AcrossSummary, ClaimAcross, counted
from dlstudy.analysis.formatting import NOTHING, difference, interval_text, number, p_text, share_text
from dlstudy.common.files import write_whole
from dlstudy.report.blocks import Block, Bullets, Cell, Code, Document, Heading, Note, Picture, Table, without_empty
from dlstudy.report.export import RENDERERS, WITH_PICTURES, as_json, check_format, formats_here, report_name
from dlstudy.report.figures.forest import forest_svg, forest_text
from dlstudy.report.formats.csv_tables import table_csv
from dlstudy.report.labels import label, verdict_mood
from dlstudy.report.tables.claims import verdict_text
from dlstudy.report.tables.reproduction import command

__all__ = ["claims_across_table", "export_across", "export_all_across", "report_links"]


def _name(summary: AcrossSummary) -> str:
    """The name of the report's file, without its suffix."""
    return f"{summary.study}-{summary.variant}-across-{'-'.join(on.dataset for on in summary.datasets)}"


def export_across(summary: AcrossSummary, kind: str, links: Sequence[str] = ()) -> str | bytes:
    """The report in one format: bytes for `pdf`, else text. In `csv` it has the differences alone.

    Args:
        summary: of a study over data sets.
        kind: one of `dlstudy.report.export.FORMATS`.
        links: the address of each data set's own report; empty for none.

    Raises:
        UsageError: no such format.
    """
    check_format(kind)
    if kind == "json":
        return as_json(summary.to_json())
    if kind == "csv":
        return table_csv(_numbers_table(summary))
    return RENDERERS[kind](_document(summary, kind in WITH_PICTURES, links))


def export_all_across(summary: AcrossSummary, folder: Path) -> list[Path]:
    """Writes the report in every format into the folder that has the data sets' own reports, and links to those."""
    links = report_links(summary)
    name, kinds = _name(summary), formats_here()
    return [write_whole(folder / f"{name}.{kind}", export_across(summary, kind, links)) for kind in kinds]


def report_links(summary: AcrossSummary) -> list[str]:
    """The addresses of the data sets' own reports beside this one."""
    return [quote(report_name(summary.study, on.variant)) for on in summary.datasets]


def claims_across_table(summary: AcrossSummary) -> Table:
    """Each claim: its verdict on every data set, and over data sets like these."""
    rows = [
        [
            f"{i}. {claim.overall.text}",
            counted(claim.verdicts),
            Cell(_overall_text(claim), verdict_mood(claim.overall.verdict)),
            _mean_text(claim),
            interval_text(claim.overall.interval),
            p_text(claim.overall.p_adjusted),
        ]
        for i, claim in enumerate(summary.claims, 1)
    ]
    heads = ["claim", "on each data set", "over data sets like these", "mean difference", "95 % interval", "adjusted p"]
    return Table("Claims", heads, rows, _HOW_JUDGED)


_HOW_JUDGED = (
    "Over data sets like these: each data set counts as one, whatever its size, and Student's t over them gives the "
    "interval and p, which is adjusted for all claims of the study (Holm). A claim that is supported on one data set "
    "and contradicted on another is reversed, and has no average."
)


def _datasets_table(summary: AcrossSummary, links: Sequence[str] = ()) -> Table:
    """The answer on each data set, with links to the reports."""
    rows = [[on.dataset, on.answer] for on in summary.datasets]
    return Table("Each data set", ["data set", "answer"], rows, links=links)


def _document(summary: AcrossSummary, with_pictures: bool, links: Sequence[str]) -> Document:
    blocks: list[Block] = [*map(Note, summary.notes)]
    for table in (claims_across_table(summary), _datasets_table(summary, links), _arms_table(summary)):
        blocks += [Heading(table.title), table] if table.rows else []
    compared = [(i, claim) for i, claim in enumerate(summary.claims, 1) if claim.pairs]
    blocks += [Heading("Differences on each data set")] if compared else []
    for i, claim in compared:
        picture = forest_svg(summary, claim) if with_pictures else b""
        title = f"{i}. {claim.overall.text}"
        blocks += [Heading(title, 3), Picture(title, forest_text(claim), picture)]
    for table in (_heterogeneity_table(summary), _differences_table(summary)):
        blocks += [Heading(table.title, 3), table] if table.rows else []
    blocks += [Heading("How to repeat it"), Code(_command(summary))]
    blocks += [Bullets([summary.origin])] if summary.origin else []
    name = f"{summary.study} · {', '.join(on.dataset for on in summary.datasets)}"
    return Document(name, summary.question, summary.answer, summary.scope, blocks)


def _overall_text(claim: ClaimAcross) -> str:
    if claim.is_reversed:
        return "reversed: no average"
    return verdict_text(claim.overall) if claim.has_average else f"no average: {claim.overall.why}"


def _mean_text(claim: ClaimAcross) -> str:
    overall = claim.overall
    if not claim.has_average:
        return NOTHING
    return f"{difference(overall.difference, overall.interval)} against {overall.against}"


def _arms_table(summary: AcrossSummary) -> Table:
    """The mean test metric of each arm on each data set, and its mean rank."""
    ranks = summary.ranks
    arms = list(ranks.mean if ranks else summary.datasets[0].ranking)
    rows = [
        [arm, *(number(on.ranking.get(arm)) for on in summary.datasets), f"{ranks.mean[arm]:.2f}" if ranks else NOTHING]
        for arm in arms
    ]
    note = "Means over fresh seeds; a run that diverged counts as worse than any that did not."
    if ranks:
        apart = ranks.critical_difference
        note += f" p of no difference in rank: {p_text(ranks.p)} (Friedman's test, in Iman and Davenport's form)."
        note += "" if apart is None else f" Mean ranks less than {apart:.2f} apart cannot be told apart (Nemenyi)."
    heads = ["arm", *(on.dataset for on in summary.datasets), "mean rank"]
    return without_empty(Table(f"Arms by {label(summary.test_metric)}", heads, rows, note))


def _heterogeneity_table(summary: AcrossSummary) -> Table:
    """How much the difference varies between data sets."""
    rows = []
    for i, claim in enumerate(summary.claims, 1):
        means = {pair.against: pair for pair in claim.overall.pairs}
        for pair in claim.pairs:
            found, mean = pair.heterogeneity, means.get(pair.against)
            cells = [NOTHING] * 4
            if found:
                cells = [f"{found.tau:.2g}", share_text(found.i2), f"{found.q:.1f}", p_text(found.p)]
            average = [NOTHING] * 2
            if mean:
                average = [difference(mean.mean, mean.interval), interval_text(mean.interval)]
            rows.append([f"{i} against {pair.against}", *cells, *average, interval_text(pair.prediction)])
    heads = ["claim", "tau", "I²", "Q", "p of Q", "mean", "95 % interval", "one more data set"]
    return without_empty(Table("How much data sets differ", heads, rows, _HOW_THEY_DIFFER))


_HOW_THEY_DIFFER = (
    "tau: standard deviation of the true difference between data sets (Paule and Mandel). I²: the share of the "
    "variation that noise on each data set does not explain; with few seeds it is too large. Q: Cochran's; its p, that "
    "the true difference is the same on all, by Welch's test. One more data set: where the difference that such a "
    "study measures on it falls in 95 of 100 cases."
)


def _differences_table(summary: AcrossSummary) -> Table:
    """Each claim's comparison against each arm on each data set."""
    rows = [
        [
            f"{i} against {pair.against}",
            name,
            Cell(verdict, verdict_mood(verdict)),
            difference(on.mean, on.interval),
            interval_text(on.interval),
            p_text(on.p),
            NOTHING if on.effect_size is None else f"{on.effect_size:+.2f}",
            str(len(on.units)),
        ]
        for i, claim in enumerate(summary.claims, 1)
        for pair in claim.pairs
        for (name, verdict), on in zip(claim.verdicts.items(), pair.on, strict=True)
    ]
    heads = ["claim", "data set", "verdict", "difference", "95 % interval", "p", "effect size", "pairs"]
    note = "Verdict: of our runs on the claim as a whole. The other columns are as in each data set's own report."
    return Table("Each comparison", heads, rows, note)


def _numbers_table(summary: AcrossSummary) -> Table:
    """Each comparison on each data set, in numbers that are not rounded."""
    rows = [
        [
            claim.overall.text,
            pair.against,
            name,
            verdict,
            *map(str, (on.mean, *(on.interval or ("", "")))),
            str(len(on.units)),
        ]
        for claim in summary.claims
        for pair in claim.pairs
        for (name, verdict), on in zip(claim.verdicts.items(), pair.on, strict=True)
    ]
    return Table("", ["claim", "against", "data set", "verdict", "difference", "low", "high", "pairs"], rows)


def _command(summary: AcrossSummary) -> str:
    words = [f"--dataset {on.dataset}" for on in summary.datasets]
    return f"{command(summary.study, summary.origin, summary.variant, summary.protocol)} {' '.join(words)}"
