"""The forest plot of a claim: its differences on each data set, and over data sets like these."""

from collections.abc import Sequence

from dlstudy.analysis.across import AcrossSummary, ClaimAcross
from dlstudy.analysis.formatting import difference, interval_text
from dlstudy.report.figures.claims import Entry, Panel, Row, axis_label, by_scale, panels_svg, panels_title, row_of
from dlstudy.report.figures.style import heading
from dlstudy.report.labels import label

__all__ = ["forest_panels", "forest_svg", "forest_text"]


def forest_svg(summary: AcrossSummary, claim: ClaimAcross) -> bytes:
    """The forest plot of a claim that was compared on every data set, as SVG."""
    found = forest_panels(claim)
    return panels_svg(found, heading(summary, panels_title(found, "seed or search")))


def forest_panels(claim: ClaimAcross) -> list[Panel]:
    """An entry for each data set and, where there is an average, one for it; data sets of other scales apart."""
    overall = claim.overall
    shaded = overall.rope if overall.margin is None else overall.margin
    entries = [
        Entry(name, verdict, [row_of(pair.on[i]) for pair in claim.pairs], shaded)
        for i, (name, verdict) in enumerate(claim.verdicts.items())
    ]
    entries += (
        [Entry("over data sets like these; small dots: the data sets", overall.verdict, _overall(claim))]
        if claim.has_average
        else []
    )
    return [Panel(axis_label(overall), group) for group in by_scale(entries)]


def _overall(claim: ClaimAcross) -> Sequence[Row]:
    """For each arm the mean over data sets, each a dot, and where one more data set would fall."""
    rows = []
    for pair, across in zip(claim.overall.pairs, claim.pairs, strict=True):
        rows += [row_of(pair), Row("one more data set", (), pair.mean, across.prediction, faint=True)]
    return rows


def forest_text(claim: ClaimAcross) -> str:
    """What the plot shows, for readers who cannot see it."""
    parts = [
        f"{name}: {difference(pair.on[i].mean, pair.on[i].interval)} against {pair.against} (95 % interval "
        f"{interval_text(pair.on[i].interval)}), {verdict}."
        for i, (name, verdict) in enumerate(claim.verdicts.items())
        for pair in claim.pairs
    ]
    what = label(claim.overall.how)
    return f"Paired differences in {what} with their means and intervals, on each data set. {' '.join(parts)}"
