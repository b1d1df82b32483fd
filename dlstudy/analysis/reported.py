"""Verdicts on the figures that a document reports: whether the same setting, trained again, could have given them."""

import dataclasses
import math
from collections.abc import Sequence

from dlstudy.analysis.formatting import p_text
from dlstudy.analysis.inference import (
    SLACK,
    holm,
    mean_and_sd,
    prediction_interval,
    prediction_p,
    smallest_difference,
)
from dlstudy.analysis.results import FigureVerdict, ReportedSummary
from dlstudy.analysis.trial_index import TrialIndex, value_at
from dlstudy.study.claims import SIGNIFICANCE, Reported
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import params_key

__all__ = ["judge_reported", "runs_of_document"]


def judge_reported(
    study: ResolvedStudy, figures: Sequence[Reported], trial_index: TrialIndex, not_comparable: str
) -> list[ReportedSummary]:
    """Compares our runs with the figures, those of one setting together: they describe one run of the document.

    Figures of one run go astray together, so p is adjusted within the run (Holm): by chance alone, 1 run in 20 has any
    figure that is not compatible, however many it has.

    Args:
        study: as the variant runs it.
        figures: what is reported.
        trial_index: the runs.
        not_comparable: why this variant's runs cannot be compared with reported figures; empty where they can.
    """
    measured = [_measure(study, figure, trial_index, not_comparable) for figure in figures]
    for members in runs_of_document(figures):
        tested = [i for i in members if measured[i].p is not None]
        for i, p in zip(tested, holm([measured[i].p or 0.0 for i in tested]), strict=True):
            measured[i] = _decide(figures[i], measured[i], p, len(tested))
    return measured


def runs_of_document(figures: Sequence[Reported | ReportedSummary]) -> list[list[int]]:
    """The places of the figures of each run of the document: those of one arm at one setting."""
    runs: dict[tuple[str, str], list[int]] = {}
    for i, figure in enumerate(figures):
        runs.setdefault((figure.arm, params_key(figure.setting)), []).append(i)
    return list(runs.values())


def _measure(study: ResolvedStudy, figure: Reported, trial_index: TrialIndex, not_comparable: str) -> ReportedSummary:
    """The figure beside our runs, with a p, or with the verdict where it takes none."""
    runs = trial_index.reported(study.arm(figure.arm), figure.setting)
    found = [value_at(run, figure.metric, figure.epoch) for run in runs.values()]
    values = [value for value in found if value is not None]
    mean, sd = mean_and_sd(values) if values else (None, None)
    verdict, why = FigureVerdict.NOT_RUN, "--reported-variants trains it" if figure.setting else ""
    if runs and not values:
        why = f"no run gives {figure.metric}" + (f" at epoch {figure.epoch}" if figure.epoch else "")
    if not_comparable:
        verdict, why = FigureVerdict.NOT_COMPARABLE, not_comparable
    elif len(values) == 1:
        verdict, why = FigureVerdict.UNDECIDABLE, "one run has no spread"
    summary = ReportedSummary(
        figure.arm, figure.metric, figure.epoch, dict(figure.setting), str(figure.value), mean, None, len(values),
        verdict, why, figure.place, sd,
    )  # fmt: skip
    return summary if not_comparable or len(values) < 2 else _beside_runs(figure, summary, values)


def _beside_runs(figure: Reported, summary: ReportedSummary, values: Sequence[float]) -> ReportedSummary:
    """The range of one more run, and the figure's p.

    No p where the runs are all alike, nor where their range is too wide to say anything: wider to each side than half
    of what is measured, which for an accuracy is the share of errors.
    """
    mean, slack = summary.ours or 0.0, _slack(figure)
    low, high = prediction_interval(values)
    summary = dataclasses.replace(summary, interval=(low - slack, high + slack), why="")
    if max(values) - min(values) <= SLACK * abs(mean):
        inside = abs(figure.number - mean) <= slack
        verdict = FigureVerdict.COMPATIBLE if inside else FigureVerdict.NOT_COMPATIBLE
        return dataclasses.replace(summary, verdict=verdict, why="" if inside else _range_text(figure, summary))
    scale = 1 - mean if "accuracy" in figure.metric else abs(mean)
    if (high - low) / 2 + slack > 0.5 * scale + 2 * figure.half_unit:
        return dataclasses.replace(summary, verdict=FigureVerdict.UNDECIDABLE, why="runs differ too much to tell")
    return dataclasses.replace(summary, p=prediction_p(values, figure.number, slack))


def _decide(figure: Reported, summary: ReportedSummary, p_adjusted: float, n_figures: int) -> ReportedSummary:
    """The verdict on one of the `n_figures` figures of a run of the document."""
    shift = smallest_difference((summary.sd or 0.0) * math.sqrt(summary.n + 1), summary.n, SIGNIFICANCE / n_figures)
    verdict, why = FigureVerdict.COMPATIBLE, ""
    if p_adjusted <= SIGNIFICANCE:
        verdict, why = FigureVerdict.NOT_COMPATIBLE, _range_text(figure, summary)
    elif summary.p is not None and summary.p <= SIGNIFICANCE:
        why = f"p {p_text(summary.p)}, which is {p_text(p_adjusted)} for the {n_figures} figures of its run"
    return dataclasses.replace(summary, verdict=verdict, why=why, p_adjusted=p_adjusted, noticed=shift + _slack(figure))


def _slack(figure: Reported) -> float:
    """What rounding may have hidden: of the figure, or of sums of float64."""
    return max(figure.half_unit, SLACK * abs(figure.number))


def _range_text(figure: Reported, summary: ReportedSummary) -> str:
    places = max(4, round(-math.log10(2 * figure.half_unit)))
    low, high = (f"{end:.{places}f}" for end in summary.interval or ())
    return f"reported {figure.value}, and 95 % of runs fall in {low} to {high}"
