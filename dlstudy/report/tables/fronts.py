"""The Pareto fronts as a table."""

from collections.abc import Sequence

from dlstudy.analysis.formatting import NOTHING, params_text, with_sd
from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.results import StudySummary
from dlstudy.report.blocks import Table
from dlstudy.report.fronts import fronts, objectives_of
from dlstudy.report.labels import label
from dlstudy.study.constraints import PARAMETERS

__all__ = ["fronts_table"]


def fronts_table(summary: StudySummary) -> Table:
    """The settings of each front with their objectives over the replicates; no rows without objectives."""
    objectives = objectives_of(summary)
    rows = [
        [
            arm,
            str(point.found.search),
            params_text(point.found.tuned),
            *(_text(metric, values) for metric, values in point.values.items()),
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


def _text(metric: str, values: Sequence[float]) -> str:
    if not values:
        return NOTHING
    return f"{values[0]:,.0f}" if metric == PARAMETERS else with_sd(*mean_and_sd(values))
