"""Checks on the search itself: whether its winner represents its arm well."""

import math
from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.results import Check
from dlstudy.analysis.search_budget import BUDGET_SPENT
from dlstudy.analysis.search_rounds import open_ends
from dlstudy.analysis.trial_index import TrialIndex, without_value
from dlstudy.study.axes import Number
from dlstudy.study.phases import Phase
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, TrialState
from dlstudy.study.validation import has_value

__all__ = ["contains", "search_checks"]

_MOST_LOST = 0.5
"""A search in which a larger share of trials diverged says little about its arm."""


def search_checks(study: Study, trial_index: TrialIndex, trials: Sequence[TrialRecord]) -> list[Check]:
    """The checks on the searches of a study, failed and passed, of all arms with something to tune.

    Args:
        study: as the variant runs it.
        trial_index: the same trials, by what they are of.
        trials: all of them.
    """
    ended: dict[str, dict[tuple[int, int], TrialRecord]] = {}
    for trial in trials:
        if trial.phase is Phase.SEARCH and trial.state.is_final:
            ended.setdefault(trial.arm, {})[trial.search, trial.index] = trial
    tuned = [arm for arm in study.arms if arm.space and arm.name in ended]
    most = max((len(ended[arm.name]) for arm in tuned), default=0)
    checks = []
    for arm in tuned:
        tried = list(ended[arm.name].values())
        checks += [_bracket(study, arm, trial_index), _failures(arm, tried), _budget(study, arm, tried, most)]
        if study.protocol.constraints:
            checks.append(_constraints(study, arm, tried, trial_index.all_replicates(arm.name)))
        checks += [
            check for other in study.arms if other is not arm if (check := _contained(study, arm, other, trial_index))
        ]
    return checks


def contains(arm: Arm, other: Arm) -> bool:
    """Whether an arm could be trained exactly as another: each parameter can take all the other's values."""
    if arm.copy_of or other.copy_of or arm.conditions or other.conditions:
        return False
    ours, theirs = {**arm.setting, **arm.space}, {**other.setting, **other.space}
    if set(ours) != set(theirs) or ours == theirs:
        return False
    return all(_covers(ours[name], theirs[name]) for name in ours)


def _bracket(study: Study, arm: Arm, trial_index: TrialIndex) -> Check:
    """Whether settings on both sides of each search's winner were tried, in every number that is tuned."""
    found = []
    for search in trial_index.searches:
        where = f" in search {search}" if trial_index.n_searches > 1 else ""
        tried = trial_index.searched(arm.name, search)
        for name, end, value in open_ends(study, arm, tried, elsewhere=_other_searches(arm, search, trial_index)):
            found.append(f"no {name} {end} {value:.3g} was tried near it{where}")
    if not found:
        return Check(arm.name, "bracket", True, f"the winner of {arm.name} is bracketed by settings that did no better")
    text = f"the best setting of {arm.name} may lie further out: {', '.join(found)}"
    return Check(arm.name, "bracket", False, text)


def _other_searches(arm: Arm, search: int, trial_index: TrialIndex) -> list[TrialRecord]:
    return [trial for k in trial_index.searches if k != search for trial in trial_index.searched(arm.name, k)]


def _failures(arm: Arm, tried: Sequence[TrialRecord]) -> Check:
    tried = [trial for trial in tried if not (trial.result and trial.result.reason.startswith(BUDGET_SPENT))]
    lost = without_value(tried) or {"diverged": 0}
    text = " and ".join(f"{n} of {len(tried)} search trials of {arm.name} {how}" for how, n in lost.items())
    return Check(arm.name, "failures", sum(lost.values()) <= _MOST_LOST * len(tried), text)


def _constraints(study: Study, arm: Arm, tried: Sequence[TrialRecord], runs: Sequence[TrialRecord]) -> Check:
    """Whether any setting that was tried keeps the constraints, and its replicates do on average."""
    asked = ", ".join(map(str, study.protocol.constraints))
    n_out = sum(trial.state is TrialState.INFEASIBLE for trial in tried)
    text = f"{n_out} of {len(tried)} search trials of {arm.name} are infeasible ({asked})"
    broken = []
    for constraint in study.protocol.constraints:
        values = [run.metrics[constraint.metric] for run in runs if constraint.metric in run.metrics]
        if values and not constraint.holds({constraint.metric: mean_and_sd(values)[0]}):
            broken.append(f"{constraint.metric} {mean_and_sd(values)[0]:,.4g}")
    if broken:
        text += f"; the replicates of its winners have {', '.join(broken)} on average"
    return Check(arm.name, "constraints", not broken and any(t.state is TrialState.FINISHED for t in tried), text)


def _budget(study: Study, arm: Arm, tried: Sequence[TrialRecord], most: int) -> Check:
    n, n_settings = len(tried), len({trial.setting_key for trial in tried})
    settings = "1 setting" if n_settings == 1 else f"{n_settings} settings"
    if study.protocol.budget is not None:
        text = f"{arm.name} had {n} search trials at {settings}, in {study.protocol.budget_text} for each search"
        return Check(arm.name, "budget", True, text)
    text = f"{arm.name} had {n} search trials at {settings}" + ("" if n == most else f", another arm {most}")
    return Check(arm.name, "budget", n == most, text)


def _contained(study: Study, arm: Arm, other: Arm, trial_index: TrialIndex) -> Check | None:
    """Whether an arm that contains another found a setting at least as good, in the metric of the search."""
    if not contains(arm, other):
        return None
    metric, sign = study.protocol.metric, study.protocol.direction.sign
    ours, theirs = (
        [run.metrics[metric] for run in trial_index.all_replicates(each.name) if metric in run.metrics]
        for each in (arm, other)
    )
    if len(ours) < 2 or len(theirs) < 2:
        return None
    (mean, sd), (their_mean, their_sd) = mean_and_sd(ours), mean_and_sd(theirs)
    behind = sign * (their_mean - mean)
    # Two standard errors: by less, equal arms differ often.
    error = math.sqrt((sd or 0.0) ** 2 / len(ours) + (their_sd or 0.0) ** 2 / len(theirs))
    lost = behind > 2 * error
    text = f"{arm.name} contains {other.name} and "
    text += "yet does worse: its search was too short" if lost else "does no worse"
    return Check(arm.name, "contains", not lost, text)


def _covers(ours: object, theirs: object) -> bool:
    if not isinstance(ours, BaseDistribution):
        return not isinstance(theirs, BaseDistribution) and ours == theirs
    if not isinstance(theirs, BaseDistribution):
        return _has(ours, theirs)
    if isinstance(ours, CategoricalDistribution) or isinstance(theirs, CategoricalDistribution):
        choices = theirs.choices if isinstance(theirs, CategoricalDistribution) else ()
        return bool(choices) and all(_has(ours, choice) for choice in choices)
    assert isinstance(ours, Number)
    assert isinstance(theirs, Number)
    if type(ours) is not type(theirs) or not _has(ours, theirs.low) or not _has(ours, theirs.high):
        return False
    return ours.step is None or (theirs.step is not None and theirs.step % ours.step == 0)


def _has(distribution: BaseDistribution, value: Any) -> bool:  # Any: a choice or a number
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return isinstance(value, int | float) and not isinstance(value, bool) and has_value(distribution, value)
