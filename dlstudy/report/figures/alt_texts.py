"""Alternative texts for the figures of a report, for readers who cannot see them and for formats without pictures."""

from collections.abc import Mapping

from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.formatting import difference, interval_text, number, share_text
from dlstudy.analysis.results import StudySummary
from dlstudy.report.figures.curves import curves
from dlstudy.report.figures.search import importances
from dlstudy.report.fronts import fronts, objectives_of
from dlstudy.report.labels import label, listed, many
from dlstudy.report.tables.arms import spread_text
from dlstudy.study.phases import Phase

__all__ = ["alternative_texts"]


def alternative_texts(summary: StudySummary) -> Mapping[str, str]:
    """A text for each figure that has something to show, by the figure's name."""
    texts = {
        "differences": _differences(summary),
        "budget": _budget(summary),
        "fronts": _fronts(summary),
        "curves": _curves(summary),
        "slices": _slices(summary),
        "importance": _importance(summary),
    }
    return {name: text for name, text in texts.items() if text}


def _differences(summary: StudySummary) -> str:
    compared = [
        f"{title_of(claim)}: {difference(claim.difference, claim.interval)} against {claim.against} "
        f"(95 % interval {interval_text(claim.interval)}"
        + (f", on other test rows {interval_text(claim.rows_interval)}" if claim.rows_interval else "")
        + f"), {claim.verdict}."
        for claim in summary.claims
        if claim.difference is not None
    ]
    if compared:
        return f"Paired differences with their means and intervals, for each claim. {' '.join(compared)}"
    test = summary.test_metric
    means = [f"{arm.name} {spread_text(arm.replicates[test])}" for arm in summary.arms if test in arm.replicates]
    return f"{_begins(label(test))} of each arm over its seeds: {', '.join(means)}." if means else ""


def _budget(summary: StudySummary) -> str:
    ends = [
        f"{curve.arm} {number(curve.best[-1])} after {many(len(curve.best), 'trial')}"
        for curve in summary.budget_curves
        if curve.best
    ]
    if all(len(curve.best) < 2 for curve in summary.budget_curves):
        return ""
    metric = label(summary.metric)
    return f"Best {metric} against trials tried, and against seconds of a slot: {', '.join(ends)}."


def _fronts(summary: StudySummary) -> str:
    objectives, found = objectives_of(summary), fronts(summary)
    drawn = [f"{many(len(points), 'setting')} of {arm}" for arm, points in found.items() if points]
    names = " against ".join(label(each.test_metric) for each in objectives)
    return f"{_begins(names)} of the settings of each front: {', '.join(drawn)}." if drawn else ""


def _curves(summary: StudySummary) -> str:
    drawn = curves(summary)
    if not drawn:
        return ""
    arms = dict.fromkeys(arm for of_arms in drawn.values() for arm in of_arms)
    return (
        f"{_begins(listed(map(label, drawn)))} by epoch of the winners of {listed(arms)}: mean and "
        "range over seeds, as far as half of the runs got."
    )


def _slices(summary: StudySummary) -> str:
    tuned = dict.fromkeys(name for trial in summary.trials if trial.phase is Phase.SEARCH for name in trial.tuned)
    if not tuned:
        return ""
    return f"{_begins(label(summary.metric))} of every search trial against {listed(tuned)}."


def _importance(summary: StudySummary) -> str:
    arms = [
        f"{arm}: {', '.join(f'{name} {share_text(share)}' for name, share in shares.items())}"
        for arm, shares in importances(summary).items()
    ]
    return f"How much each tuned parameter matters to the search. {'; '.join(arms)}." if arms else ""


def _begins(text: str) -> str:
    """The text as it begins a sentence: the name of a metric in it keeps its capitals."""
    return text[:1].upper() + text[1:]
