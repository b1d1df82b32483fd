"""The budget of a search in time or energy, in place of a number of trials: what is spent, and what comes next."""

from collections.abc import Iterable, Sequence

from dlstudy.study.protocol import Protocol
from dlstudy.study.trial import TrialRecord, TrialResult, TrialState

__all__ = ["BUDGET_SPENT", "is_over", "n_tried", "next_index", "spent_by"]

BUDGET_SPENT = "the budget of its search was spent before it ended"
"""How the reason of a trial begins that ended too late to count."""


def spent_by(results: Iterable[TrialResult | None], protocol: Protocol) -> float:
    """What the final trials of one search have spent of its budget: seconds of slot time, or joules."""
    final = [result for result in results if result is not None and result.state.is_final]
    return sum(result.cost.get(protocol.budget_kind, 0.0) for result in final)


def n_tried(trials: Sequence[TrialRecord]) -> int:
    """How many settings a search has tried; those that failed are tried again by the next run."""
    return len(_tried(trials))


def is_over(trials: Sequence[TrialRecord], protocol: Protocol) -> bool:
    """Whether a search with a budget is over: it is spent, or as many settings were tried as may be."""
    spent = spent_by((trial.result for trial in trials), protocol)
    return n_tried(trials) >= protocol.trials or (protocol.budget is not None and spent >= protocol.budget)


def next_index(trials: Sequence[TrialRecord], protocol: Protocol) -> int | None:
    """The index of the trial that comes next in a search with a budget: one that was killed, else a new one.

    None once the search is over.
    """
    if is_over(trials, protocol):
        return None
    tried = _tried(trials)
    return next(index for index in range(len(tried) + 1) if index not in tried)


def _tried(trials: Sequence[TrialRecord]) -> set[int]:
    return {trial.index for trial in trials if trial.state.is_final or trial.state is TrialState.FAILED}
