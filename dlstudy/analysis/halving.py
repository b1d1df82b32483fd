"""Successive halving: all settings of a search get a few epochs, the best third of them three times as many, and so on.

The settings that a search begins with, and those of each round, go through the same rungs in every arm, so that all
arms have the same budget. A rung begins once the one before is over, so that the order in which trials end does not
matter. A setting is trained from the start at each rung: stopped earlier or later, it is the same training.

Source: Jamieson and Talwalkar 2016, arXiv:1502.07943, as in scikit-learn's `HalvingRandomSearchCV`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from dlstudy.study.protocol import Protocol
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["Rung", "epochs_of_rung", "next_rung", "rungs", "share_of_epochs", "without_earlier_rungs"]

_FACTOR = 3
"""By how much the settings get fewer and the epochs more, from rung to rung."""

Rung = tuple[int, int]
"""How many settings there are, and by what their epochs are divided."""


def rungs(n_settings: int, epochs: int) -> list[Rung]:
    """The rungs for a number of settings; in the last one, those that are left train for all of these epochs."""
    n_times = min(_whole_log(n_settings), _whole_log(epochs))
    return [(math.ceil(n_settings / _FACTOR**k), _FACTOR ** (n_times - k)) for k in range(n_times + 1)]


def epochs_of_rung(epochs: int, divisor: int) -> int:
    """The epochs after which a training of a rung is stopped."""
    return math.ceil(epochs / divisor)


def share_of_epochs(n_settings: int, epochs: int) -> float:
    """The epochs that the rungs train, as a share of those without halving."""
    trained = sum(n * epochs_of_rung(epochs, divisor) for n, divisor in rungs(n_settings, epochs))
    return trained / (n_settings * epochs)


def next_rung(indices: Sequence[int], trials: Iterable[TrialRecord], protocol: Protocol) -> dict[int, int]:
    """What is missing of the rung that some settings of a search have come to: index to divisor; empty at the end.

    Args:
        indices: of those settings, which began together.
        trials: of the search.
        protocol: of the study.
    """
    ended = [trial for trial in trials if trial.state.is_final or trial.state is TrialState.FAILED]
    alive = list(indices)
    for n, divisor in rungs(len(indices), protocol.epochs):
        alive = alive[:n]
        # The first that came to a rung counts, so that what was decided by it stays.
        came = {trial.index: trial for trial in reversed(ended) if _has_come_to(trial, divisor)}
        if missing := {i: divisor for i in alive if i not in came}:
            return missing
        values = {i: value for i in alive if (value := _value_at(came[i], divisor, protocol.metric)) is not None}
        is_out = {i: not all(each.holds(came[i].metrics) for each in protocol.constraints) for i in values}
        alive = sorted(values, key=lambda i: (is_out[i], -protocol.direction.sign * values[i], i))
    return {}


def without_earlier_rungs(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials without those that were pruned, and whose setting went on."""
    latest: Mapping[object, str] = {trial.training: trial.key for trial in trials if trial.state.is_final}
    return [trial for trial in trials if trial.state is not TrialState.PRUNED or latest[trial.training] == trial.key]


def _has_come_to(trial: TrialRecord, divisor: int) -> bool:
    """Whether a trial need not be trained for a rung: it was, or it ended otherwise than by being pruned."""
    return trial.state is not TrialState.PRUNED or trial.n_epochs >= _stop(trial, divisor)


def _value_at(trial: TrialRecord, divisor: int, metric: str) -> float | None:
    """The metric at the end of a rung; at the end of training, where the trial has no epochs, as of an estimator."""
    if trial.state not in (TrialState.PRUNED, TrialState.FINISHED, TrialState.INFEASIBLE):
        return None
    series = trial.history.get(metric, [])
    stop = _stop(trial, divisor)
    value = series[stop - 1] if stop <= len(series) else trial.metrics.get(metric)
    return value if value is not None and math.isfinite(value) else None


def _stop(trial: TrialRecord, divisor: int) -> int:
    return epochs_of_rung(int(trial.params["epochs"]), divisor)


def _whole_log(n: int) -> int:
    """How often a number can be divided by the factor and stay at least 1."""
    times = 0
    while n >= _FACTOR ** (times + 1):
        times += 1
    return times
