"""The best result of each arm's search by number of trials, and where one arm overtakes another."""

import itertools
import math
from collections.abc import Callable, Sequence
from statistics import fmean

from dlstudy.analysis.cost_results import BudgetCurve
from dlstudy.analysis.inference import best_so_far, expected_best
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord

__all__ = ["budget_curves", "crossings"]


def budget_curves(study: Study, sampler: str, trials: Sequence[TrialRecord]) -> list[BudgetCurve]:
    """A curve for each arm with trials, over the trials that ended for good, as far as the shortest search goes.

    Settings that a sampler draws independently can come in any order: then the curve is the expected best of that many
    draws, estimated from the draws of all searches together; rounds around a winner are left out. One that diverged or
    was pruned counts as the worst value that the arm's search gave: leaving it out would favour the arm that diverges,
    and nothing worse has a finite mean. With any other sampler the curve is the mean over the searches of the best so
    far; a diverged or pruned trial counts as one without a value.

    Args:
        study: as the variant runs it.
        sampler: where the search's parameters came from.
        trials: of the record. Of several tries of an index the latest counts.

    Source: Tang et al. 2020, Showing Your Work Doesn't Always Work (expected best).
    """
    kind = "expected best" if sampler == "random" else "best so far"
    sign = study.protocol.direction.sign
    counted = [trial for trial in trials if kind == "best so far" or not trial.round]
    found = {arm.name: _searches(arm.name, counted) for arm in study.arms}
    return [_curve(arm, kind, sign, searches) for arm, searches in found.items() if searches]


def crossings(curves: Sequence[BudgetCurve], direction: Direction) -> list[str]:
    """For each pair of arms of which one overtakes the other for good, a sentence that says after how many trials.

    Looks as far as both curves go. Where they are equal, no arm leads.

    Args:
        curves: one per arm.
        direction: which way the metric gets better.
    """
    sign = direction.sign
    sentences = []
    for one, other in itertools.combinations(curves, 2):
        one_leads = [
            (n, sign * a > sign * b)
            for n, (a, b) in enumerate(zip(one.best, other.best, strict=False), 1)
            if a is not None and b is not None and a != b
        ]
        changes = [now for before, now in itertools.pairwise(one_leads) if before[1] != now[1]]
        if changes:
            n, one_last = changes[-1]
            leader, passed = (one.arm, other.arm) if one_last else (other.arm, one.arm)
            sentences.append(f"{leader} overtakes {passed} after {n} trials")
    return sentences


def _searches(arm: str, trials: Sequence[TrialRecord]) -> list[list[TrialRecord]]:
    """The trials of each search of an arm, by index."""
    latest: dict[int, dict[int, TrialRecord]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        if (trial.arm, trial.phase) == (arm, Phase.SEARCH) and trial.state.is_final:
            latest.setdefault(trial.search, {})[trial.index] = trial
    return [[tried[index] for index in sorted(tried)] for _, tried in sorted(latest.items())]


def _finite(trial: TrialRecord) -> float | None:
    """The value of a trial; None where it has none, or an infinite one, as of a loss that has overflowed."""
    return trial.value if trial.value is not None and math.isfinite(trial.value) else None


def _curve(arm: str, kind: str, sign: int, searches: list[list[TrialRecord]]) -> BudgetCurve:
    values = [[_finite(trial) for trial in search] for search in searches]
    if kind == "expected best":
        n = min(map(len, values))
        draws = _filled(values, sign)
        each = [_expected(search, n, sign) for search in draws]
        best = _expected(list(itertools.chain(*draws)), n, sign)
    else:
        each = [best_so_far(search, sign) for search in values]
        best = _across(each, fmean)
    several = len(searches) > 1
    spent = [itertools.accumulate(_seconds(trial) for trial in search) for search in searches]
    return BudgetCurve(
        arm=arm,
        kind=kind,
        n_searches=len(searches),
        best=best,
        low=_across(each, min) if several else (),
        high=_across(each, max) if several else (),
        seconds=[fmean(seconds) for seconds in zip(*spent, strict=False)],
    )


def _filled(values: list[list[float | None]], sign: int) -> list[list[float | None]]:
    """The values with the worst of them where a trial gave none."""
    known = [value for search in values for value in search if value is not None]
    worst = min(known, key=lambda value: sign * value, default=None)
    return [[worst if value is None else value for value in search] for search in values]


def _expected(draws: Sequence[float | None], n: int, sign: int) -> list[float | None]:
    """The expected best of 1, 2, ... n draws; None where no trial of the arm gave a value."""
    known = [value for value in draws if value is not None]
    return [expected_best(known, k, sign) if known else None for k in range(1, n + 1)]


def _across(curves: Sequence[Sequence[float | None]], how: Callable[[list[float]], float]) -> list[float | None]:
    """The mean over the searches, as far as the shortest goes; None until each has a value."""
    together: list[float | None] = []
    for column in zip(*curves, strict=False):
        known = [value for value in column if value is not None]
        together.append(how(known) if len(known) == len(column) else None)
    return together


def _seconds(trial: TrialRecord) -> float:
    return trial.result.cost.get("seconds", 0.0) if trial.result else 0.0
