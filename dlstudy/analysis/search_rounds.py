"""How a search goes on around its winner, in rounds that are alike for all arms, until every winner is bracketed.

A search begins with the design in the stated space. Each round then tries settings near the winner so far. Where
nothing was tried beyond the winner, they lie beyond it, if need be outside of the stated range. The first search of an
arm finds the ranges in this way; the others begin in them and have one round.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from dlstudy.study.axes import Axis, End, axes_of, reaching
from dlstudy.study.phases import Direction
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["around", "open_ends", "reached", "round_size", "rounds_wanted", "takes_rounds", "trials_in", "winner"]

_NEAR = 0.25
"""How far around a winner a round reaches, as a share of each stated range."""
_BEYOND = 1 / 3
"""How far beyond a winner, where nothing was tried there."""


def winner(trials: Sequence[TrialRecord], direction: Direction) -> TrialRecord | None:
    """The best finished trial of a search; of equals, the one of the lowest index."""
    finished = [trial for trial in trials if trial.state is TrialState.FINISHED and trial.value is not None]
    return min(finished, key=lambda trial: (-direction.sign * (trial.value or 0.0), trial.index), default=None)


def round_size(protocol: Protocol) -> int:
    """The number of trials in each round: half as many as the search began with, at least 2."""
    return max(2, math.ceil(protocol.trials / 2))


def trials_in(protocol: Protocol, n_rounds: int) -> int:
    """The number of trials in a search, its first ones and those of `n_rounds` rounds."""
    return protocol.trials + n_rounds * round_size(protocol)


def takes_rounds(arms: Iterable[Arm]) -> bool:
    """Whether any of these arms tunes a number, whose range can be widened."""
    return any(axes_of(arm.space, arm.limits) for arm in arms)


def rounds_wanted(
    study: Study,
    search: int,
    tried: Mapping[str, Sequence[TrialRecord]],
    ended: Mapping[str, Collection[int]],
    waits_for: Collection[str],
) -> int:
    """The rounds of a search so far, with the next one if it takes one: what the trials of the ones before decide.

    At least one round, and then until each winner is bracketed, or there were as many as the search may have. A round
    begins once the one before is over in every arm.

    Args:
        study: as the variant runs it.
        search: its number, counted from 1.
        tried: the trials of the search, by arm.
        ended: the indices of those that need not be tried again, by arm.
        waits_for: arms without which nothing is decided. Another arm counts as far as it was searched.
    """
    protocol = study.protocol
    arms = [arm for arm in study.arms if arm.space]
    if not takes_rounds(arm for arm in arms if arm.name in waits_for):
        return 0
    for done in range(protocol.rounds_of(search)):
        indices = range(trials_in(protocol, done))
        over = [arm for arm in arms if all(index in ended.get(arm.name, ()) for index in indices)]
        if {arm.name for arm in arms if arm.name in waits_for} - {arm.name for arm in over}:
            return max(1, done)
        if done and not any(open_ends(study, arm, tried[arm.name], done, with_room=True) for arm in over):
            return done
    return protocol.rounds_of(search)


def open_ends(
    study: Study,
    arm: Arm,
    tried: Sequence[TrialRecord],
    after: int | None = None,
    with_room: bool = False,
    elsewhere: Sequence[TrialRecord] = (),
) -> list[tuple[str, End, Any]]:  # Any: a number
    """The sides on which a search's winner is not bracketed: parameter, side, and the winner's value.

    A winner is bracketed where a setting near it was tried beyond it in that parameter, which then was no better; in
    the other parameters, near is a quarter of the stated range, or the same choice. Of several equal winners, one that
    is bracketed is enough.

    Args:
        study: as the variant runs it.
        arm: of it.
        tried: the trials of one of its searches.
        after: judge by the trials up to that round; None for all of them.
        with_room: only the sides on which more could be tried, before a limit.
        elsewhere: trials of the arm's other searches, which bracket a winner too.
    """
    known = _up_to(study, arm, tried, after)
    best = winner(known, study.protocol.direction)
    if best is None:
        return []
    axes = axes_of(arm.space, arm.limits)
    equals = [trial for trial in known if trial.state is TrialState.FINISHED and trial.value == best.value]
    everywhere = [*known, *_up_to(study, arm, elsewhere, None)]
    found = min((_open_ends_of(axes, trial, everywhere) for trial in equals), key=len)
    return [(name, end, value) for name, end, value in found if not with_room or axes[name].has_room(value, end)]


def reached(arm: Arm, tried: Sequence[TrialRecord]) -> dict[str, BaseDistribution]:
    """The space of an arm with the ranges in which a search of it ended, those that it widened included.

    Args:
        arm: of a study.
        tried: the trials of the search.
    """
    known = [trial.tuned for trial in tried if trial.state.is_final]
    return {
        name: reaching(stated, [tuned[name] for tuned in known if name in tuned]) for name, stated in arm.space.items()
    }


def around(study: Study, arm: Arm, tried: Sequence[TrialRecord], after: int) -> dict[str, BaseDistribution] | None:
    """The space of the next round: around the winner so far, and beyond it where it is not bracketed.

    None if there is no winner, or nothing numeric to move.

    Args:
        study, arm, tried: as in `open_ends`.
        after: the round before.
    """
    known, axes = _up_to(study, arm, tried, after), axes_of(arm.space, arm.limits)
    best = winner(known, study.protocol.direction)
    if best is None or not axes:
        return None
    ends_of_best = _open_ends_of(axes, best, known)
    beyond = {(name, end) for name, end, value in ends_of_best if axes[name].has_room(value, end)}
    space: dict[str, BaseDistribution] = {}
    for name, value in best.tuned.items():
        if name not in axes:
            space[name] = CategoricalDistribution([value])
            continue
        axis = axes[name]
        tried_places = [axis.place(trial.tuned[name]) for trial in known if name in trial.tuned]
        sides = [_reach(axis, value, end, tried_places, (name, end) in beyond) for end in End]
        (start, least), (stop, most) = sides
        space[name] = axis.between(start, stop, (least, most))
    return space


def _reach(axis: Axis, value: float, end: End, tried: Sequence[float], beyond: bool) -> tuple[float, float]:
    """The place that a round reaches on one side of the winner, and a value that it reaches at least.

    Args:
        axis, value, end: the parameter, the winner's value, and the side.
        tried: the places of what was tried.
        beyond: whether to go beyond what was tried.
    """
    here = axis.place(value)
    if beyond:
        return here + end.sign * _BEYOND, axis.next_to(value, end)
    if end is End.LOWER:
        return max(min(0.0, *tried), here - _NEAR), value
    return min(max(1.0, *tried), here + _NEAR), value


def _up_to(study: Study, arm: Arm, tried: Sequence[TrialRecord], after: int | None) -> list[TrialRecord]:
    n = math.inf if after is None else trials_in(study.protocol, after)
    final = [trial for trial in tried if trial.state.is_final and trial.index < n]
    return [trial for trial in final if trial.tuned.keys() >= arm.active(trial.tuned).keys()]  # others: another space


def _open_ends_of(
    axes: Mapping[str, Axis], best: TrialRecord, known: Sequence[TrialRecord]
) -> list[tuple[str, End, Any]]:  # Any: a number
    found = []
    for name, axis in axes.items():
        if name not in best.tuned:  # a condition of it does not hold
            continue
        value = best.tuned[name]
        beside = [trial.tuned[name] for trial in known if _is_near(axes, best, trial, name)]
        for end in End:
            beyond = any(end.sign * (other - value) > 0 for other in beside)
            if not beyond and not axis.ends_by_nature(value, end):
                found.append((name, end, value))
    return found


def _is_near(axes: Mapping[str, Axis], best: TrialRecord, other: TrialRecord, free: str) -> bool:
    """Whether a setting is near the winner in all parameters but one, and has the same ones."""
    return other.tuned.keys() == best.tuned.keys() and all(
        abs(axes[name].place(other.tuned[name]) - axes[name].place(best.tuned[name])) <= _NEAR + 1e-9
        if name in axes
        else other.tuned[name] == best.tuned[name]
        for name in best.tuned
        if name != free
    )
