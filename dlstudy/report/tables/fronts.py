"""The Pareto fronts as a table."""

from dlstudy.analysis.formatting import NOTHING, params_text, with_sd
from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.results import StudySummary
from dlstudy.report.blocks import Table
from dlstudy.report.fronts import fronts, objectives_of
from dlstudy.report.labels import label

__all__ = ["fronts_table"]


def fronts_table(summary: StudySummary) -> Table:
    """The settings of each front with their objectives over the replicates; no rows without objectives."""
    objectives = objectives_of(summary)
    rows = [
        [
            arm,
            str(point.found.search),
            params_text(point.found.tuned),
            *(with_sd(*mean_and_sd(values)) if values else NOTHING for values in point.values.values()),
            str(max(map(len, point.values.values()))),
        ]
        for arm, points in fronts(summary).items()
        for point in points
    ]
    note = (
        "The settings of each search that add most to its hypervolume, trained again: means over seeds, on the test "
        f"rows. Counted: {'; '.join(map(str, objectives))}."
    )
    return Table(
        "Settings of each front",
        ["arm", "search", "setting", *(label(each.test_metric) for each in objectives), "n"],
        rows,
        note,
    )
