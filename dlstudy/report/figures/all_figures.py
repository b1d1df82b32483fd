"""The figures of a report, drawn once for all its formats."""

from collections.abc import Mapping

from dlstudy.analysis.results import StudySummary
from dlstudy.report.figures import claims, curves, search

__all__ = ["draw"]


def draw(summary: StudySummary) -> Mapping[str, bytes]:
    """PNG bytes by the figure's name, of those figures that have something to show. Takes seconds."""
    makers = {
        "differences": claims.differences_png,
        "curves": curves.curves_png,
        "budget": search.budget_png,
        "slices": search.slices_png,
        "importance": search.importance_png,
    }
    drawn = {name: make(summary) for name, make in makers.items()}
    return {name: png for name, png in drawn.items() if png is not None}
