"""The evidence behind the answer: checks on the searches, budget curves, costs of the winners, failures."""

from collections.abc import Sequence

from dlstudy.analysis.cost_results import BudgetCurve, CostSummary
from dlstudy.analysis.formatting import NOTHING, number, seconds_text
from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.trial_index import unrecovered
from dlstudy.report.blocks import Cell, Mood, Table, without_empty
from dlstudy.report.labels import label, listed, many, ranges, verdict_mood
from dlstudy.report.tables.arms import spread_text
from dlstudy.study.phases import Phase
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["budget_table", "checks_table", "costs_table", "failures_table"]

_FAILURES = (TrialState.FAILED, TrialState.DIVERGED, TrialState.OVER_TIME, TrialState.LOST)


def checks_table(summary: StudySummary) -> Table:
    """The checks on the arms' searches: each that failed with what was found, then those that passed, by kind."""
    results = {passed: Cell("passed" if passed else "failed", verdict_mood(passed)) for passed in (True, False)}
    rows = [[check.name, check.arm, results[False], check.text] for check in summary.checks if not check.passed]
    passed: dict[str, list[str]] = {}
    for check in summary.checks:
        if check.passed:
            passed.setdefault(check.name, []).append(check.arm)
    rows += [[name, listed(arms), results[True], NOTHING] for name, arms in passed.items()]
    return without_empty(Table("Checks on the searches", ["check", "arms", "result", "found"], rows, _CHECKS))


_CHECKS = (
    "Bracket: settings on either side of the winner did no better. Failures: the share of trials that diverged or ran "
    "over time. Constraints: the replicates keep them too. Budget: every arm had as many trials. Contains: an arm that "
    "contains another does not lose to it. A failed check withholds the verdicts that it undermines."
)


def budget_table(summary: StudySummary) -> Table:
    """The best result of each search after 1, 2, 4, ... trials, and the slot time for all of them."""
    longest = max((len(curve.best) for curve in summary.budget_curves), default=0)
    steps = [2**i for i in range(longest.bit_length()) if 2**i < longest]
    steps += [longest] if longest > 1 else []  # where no arm has anything to tune there is no curve
    rows = [
        [
            curve.arm,
            *(number(curve.best[n - 1]) if n <= len(curve.best) else NOTHING for n in steps),
            seconds_text(curve.seconds[-1]) if curve.seconds else NOTHING,
        ]
        for curve in summary.budget_curves
        if steps
    ]
    title = f"Best {label(summary.metric)} by number of trials"
    heads = ["arm", *(many(n, "trial") for n in steps), "total slot time"]
    return without_empty(Table(title, heads, rows, _kinds(summary.budget_curves)))


def _kinds(curves: Sequence[BudgetCurve]) -> str:
    kinds = {(curve.kind, curve.n_searches) for curve in curves}
    return " ".join(f"{kind.capitalize()} over {many(n, 'search')}." for kind, n in sorted(kinds))


def costs_table(summary: StudySummary) -> Table:
    """The costs of each arm's winner, beside the quality that it reaches."""
    test = summary.test_metric
    reached = {arm.name: spread_text(arm.replicates.get(test)) for arm in summary.arms}
    rows = [
        [
            cost.arm,
            reached.get(cost.arm, NOTHING),
            NOTHING if cost.parameters is None else f"{cost.parameters:,}",
            seconds_text(cost.seconds_per_epoch),
            seconds_text(cost.seconds),
            _to_target(cost),
            seconds_text(cost.cpu_seconds),
            NOTHING if cost.memory_mb is None else f"{cost.memory_mb:,.0f} MB",
            NOTHING if cost.gpu_utilization_percent is None else f"{cost.gpu_utilization_percent:.0f} %",
            NOTHING if cost.gpu_energy_j is None else _energy_text(cost.gpu_energy_j),
            ", ".join(cost.slots) or NOTHING,
        ]
        for cost in summary.costs
    ]
    heads = [
        "arm", label(test), "parameters", "an epoch", "a training", "to the target", "processor time",
        "peak memory", "GPU use", "GPU energy", "slots",
    ]  # fmt: skip
    return without_empty(Table("Cost beside quality", heads, rows, _cost_note(summary)))


def _energy_text(joules: float) -> str:
    if joules < 1e4:
        return f"{joules:.0f} J"
    return f"{joules / 1e3:.0f} kJ" if joules < 3.6e6 else f"{joules / 3.6e6:.1f} kWh"


def _to_target(cost: CostSummary) -> str:
    if cost.target is None:
        return NOTHING
    reached = f"{cost.n_reached} of {cost.n} runs"
    return reached if cost.seconds_to_target is None else f"{seconds_text(cost.seconds_to_target)} ({reached})"


def _cost_note(summary: StudySummary) -> str:
    targets = {cost.target for cost in summary.costs if cost.target is not None}
    note = "Times: medians over the winner's runs, each on one slot; processor time is that of all threads."
    if targets:
        note += (
            f" Target: a {label(summary.metric)} of {' or '.join(map(number, sorted(targets)))}, the median of the "
            "slowest-learning arm. Memory: of the process that trained."
        )
    return note


def failures_table(summary: StudySummary) -> Table:
    """Every trial that failed, diverged or was lost, those with the same end together."""
    latest = {trial.training: trial.key for trial in unrecovered(summary.trials)}
    groups: dict[tuple[str, Phase, Cell, str], list[TrialRecord]] = {}
    for trial in summary.trials:
        if trial.result and trial.state in _FAILURES:
            state = _state_cell(trial, latest.get(trial.training))
            groups.setdefault((trial.arm, trial.phase, state, trial.result.reason), []).append(trial)
    rows = [
        [arm, phase, _indices_of(trials), state, reason or NOTHING]
        for (arm, phase, state, reason), trials in groups.items()
    ]
    n = sum(len(trials) for trials in groups.values())
    note = f"{many(n, 'trial')} of {len(summary.trials)}."
    return Table("Failures", ["arm", "phase", "indices", "state", "reason"], rows, note)


def _state_cell(trial: TrialRecord, unrecovered_key: str | None) -> Cell:
    """How a trial ended, and how other tries of its training ended.

    Args:
        trial: that failed, diverged or was lost.
        unrecovered_key: of the latest try of its training; None where one is final.
    """
    state = str(trial.state)
    if not trial.state.counts_as_worst and unrecovered_key != trial.key:
        state += ", tried again" if unrecovered_key else ", recovered by another try"
    return Cell(state, Mood.BAD if trial.state is TrialState.FAILED else None)


def _indices_of(trials: Sequence[TrialRecord]) -> str:
    """The indices of these trials, each search apart where there are several."""
    by_search: dict[int, list[int]] = {}
    for trial in trials:
        by_search.setdefault(trial.search, []).append(trial.index)
    if set(by_search) == {1}:
        return ranges(by_search[1])
    return listed(f"{ranges(indices)} of search {search}" for search, indices in sorted(by_search.items()))
