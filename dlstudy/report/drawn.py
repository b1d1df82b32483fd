"""The figures of a report, drawn once for all its faces."""

from collections.abc import Mapping

from dlstudy.report import claim_figures, figures, search_figures
from dlstudy.results import StudySummary

__all__ = ["draw"]


def draw(summary: StudySummary) -> Mapping[str, bytes]:
    """PNG bytes by the figure's name, of those figures that have something to show. Takes seconds."""
    makers = {
        "differences": claim_figures.differences_png,
        "curves": figures.curves_png,
        "budget": search_figures.budget_png,
        "slices": search_figures.slices_png,
        "importance": search_figures.importance_png,
    }
    drawn = {name: make(summary) for name, make in makers.items()}
    return {name: png for name, png in drawn.items() if png is not None}
