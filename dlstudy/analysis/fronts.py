"""The settings of a search that are trained again: its winner, or with several objectives a front of them."""

import dataclasses
from collections.abc import Mapping, Sequence

from dlstudy.analysis.search_rounds import winner
from dlstudy.study.objectives import Objective, Point, hypervolume, point_of
from dlstudy.study.phases import Direction
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["front", "with_front"]

_NOTHING = 1e-12
"""A gain that rounding alone may give."""


def front(
    trials: Sequence[TrialRecord], direction: Direction, objectives: Sequence[Objective] = (), most: int = 1
) -> list[TrialRecord]:
    """The trials of a search whose settings are trained again; none where none finished.

    The first is the winner, which dominates most by itself. With several objectives, the one is added that adds most to
    the hypervolume, and so on until nothing adds to it: all of them are of the Pareto front of the search.

    Args:
        trials: of one search.
        direction: of its value.
        objectives: of the protocol; empty where there is one.
        most: how many at most.
    """
    best = winner(trials, direction)
    if best is None or not objectives:
        return [best] if best else []
    finished = [trial for trial in trials if trial.state is TrialState.FINISHED and trial.value is not None]
    points = {trial.index: point for trial in finished if (point := point_of(objectives, trial.metrics))}
    chosen = [best]
    while len(chosen) < most:
        known = [points[trial.index] for trial in chosen]
        gains = {trial.index: hypervolume([*known, points[trial.index]]) for trial in finished}
        next_best = max(finished, key=lambda trial: (gains[trial.index], -trial.index))
        if gains[next_best.index] <= hypervolume(known) + _NOTHING:
            break
        chosen.append(next_best)
    return chosen


def with_front(run: TrialRecord, others: Sequence[TrialRecord], objectives: Sequence[Objective]) -> TrialRecord:
    """A replicate of a winner with the hypervolume of its front: what all its settings reached on the same seed.

    Args:
        run: of the winner.
        others: of the other settings, those that did not finish too: they dominate nothing.
        objectives: of the protocol.
    """
    assert run.result is not None
    finished = [each.metrics for each in (run, *others) if each.state is TrialState.FINISHED]
    found = {f"{part}_hypervolume": hypervolume(_points(objectives, finished, part)) for part in ("val", "test")}
    metrics = {**run.metrics, **{name: value for name, value in found.items() if name in run.metrics}}
    return dataclasses.replace(run, result=dataclasses.replace(run.result, metrics=metrics))


def _points(objectives: Sequence[Objective], of_runs: Sequence[Mapping[str, float]], part: str) -> list[Point]:
    return [point for metrics in of_runs if (point := point_of(objectives, metrics, part))]
