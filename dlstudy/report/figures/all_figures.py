"""The figures of a report, drawn once for all its formats."""

from collections.abc import Mapping

from dlstudy.analysis.results import StudySummary
from dlstudy.report.figures import claims, curves, fronts, search
from dlstudy.report.figures.style import Drawing, Figure, figure, svg

__all__ = ["draw", "figures"]


def draw(summary: StudySummary) -> Mapping[str, bytes]:
    """SVG files by the figure's name, of those figures that have something to show. Takes seconds."""
    return {name: svg(drawing) for name, drawing in _drawings(summary).items()}


def figures(summary: StudySummary) -> dict[str, Figure]:
    """The same figures as matplotlib's `Figure`."""
    return {name: figure(drawing) for name, drawing in _drawings(summary).items()}


def _drawings(summary: StudySummary) -> Mapping[str, Drawing]:
    makers = {
        "differences": claims.differences_drawing,
        "fronts": fronts.fronts_drawing,
        "curves": curves.curves_drawing,
        "budget": search.budget_drawing,
        "slices": search.slices_drawing,
        "importance": search.importance_drawing,
    }
    made = {name: make(summary) for name, make in makers.items()}
    return {name: drawing for name, drawing in made.items() if drawing is not None}
