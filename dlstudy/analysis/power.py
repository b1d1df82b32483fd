"""Before a run: what its protocol could show, and what it would cost."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlstudy.analysis import unpaired
from dlstudy.analysis.comparison import smallest_in_metric, smallest_shown
from dlstudy.analysis.elsewhere import figures_of, is_paired
from dlstudy.analysis.halving import share_of_epochs
from dlstudy.analysis.looks import first_share, planned_unit
from dlstudy.analysis.resampled import overlap_of, widening
from dlstudy.analysis.results import Unit
from dlstudy.analysis.search_budget import spent_by
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.study.claims import SIGNIFICANCE, Claim
from dlstudy.study.phases import Phase
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, make_parameters

__all__ = ["ClaimPlan", "PhasePlan", "claim_plans", "phase_plans"]


@dataclass(frozen=True)
class PhasePlan:
    """A phase: how many trainings it wants, how many of them the record has, and the slot time for the rest."""

    phase: Phase
    n_wanted: int
    n_done: int
    seconds: float


@dataclass(frozen=True)
class ClaimPlan:
    """A claim: the smallest true difference that the protocol would show in four of five such studies.

    Args:
        text: the claim.
        n: pairs.
        in_sd: that difference in standard deviations of a paired difference.
        difference: in the units of the metric; None if the record has no runs to estimate the spread from.
        metric: what is compared.
    """

    text: str
    metric: str
    n: int
    in_sd: float
    difference: float | None


def claim_plans(study: ResolvedStudy, trials: Sequence[TrialRecord]) -> list[ClaimPlan]:
    """The smallest difference that each claim of a better arm could show.

    Args:
        study: as the request runs it.
        trials: of the same study, of any variant, to estimate the spread from; may be none.
    """
    plans, n_tests = [], sum(claim.n_hypotheses for claim in study.family)
    for claim in (claim for claim in study.family if claim.margin is None):
        n = study.paired_units(claim, study.protocol)
        level = first_share(claim, study.protocol) * SIGNIFICANCE / n_tests
        in_sd = _in_sd(study, claim, n, level)
        plans.append(ClaimPlan(claim.text, claim.metric, n, in_sd, _smallest_known(study, claim, trials, level)))
    return plans


def phase_plans(
    study: ResolvedStudy, trials: Sequence[TrialRecord], costs: Mapping[str, tuple[float, float]]
) -> list[PhasePlan]:
    """What each phase wants, has, and would take.

    Args:
        study: as the request runs it.
        trials: what the record has of it.
        costs: for each arm the seconds of a training beside its epochs, and of an epoch.
    """
    plans, trial_index = [], TrialIndex(study, trials)
    for phase in Phase:
        n_done, n_left, seconds = 0, 0, 0.0
        for arm in study.arms:
            done, wanted = trial_index.progress(arm).get(phase, (0, 0))
            epochs = costs[arm.name][1] * _epochs(study, arm)
            if phase is Phase.SEARCH and study.variant.halves:
                epochs *= share_of_epochs(study.protocol.trials, study.protocol.epochs)
            each, left = costs[arm.name][0] + epochs, wanted - done
            if phase is Phase.SEARCH and arm.space and study.protocol.budget_seconds is not None and left and each:
                left = _left_in_budget(study, arm, trial_index, each)
            n_done, n_left, seconds = n_done + done, n_left + left, seconds + left * each
        if n_done + n_left:
            plans.append(PhasePlan(phase, n_done + n_left, n_done, seconds))
    return plans


def _left_in_budget(study: Study, arm: Arm, trial_index: TrialIndex, each_s: float) -> int:
    """How many trainings fit into what is left of a budget in time, about: the last one may end after it."""
    tried = [trial_index.searched(arm.name, search) for search in range(1, 1 + study.protocol.searches)]
    spent_s = [spent_by((trial.result for trial in trials), study.protocol) for trials in tried]
    return sum(math.ceil(max(0.0, (study.protocol.budget_seconds or 0.0) - spent) / each_s) for spent in spent_s)


def _smallest_known(study: ResolvedStudy, claim: Claim, trials: Sequence[TrialRecord], level: float) -> float | None:
    """The smallest difference that shows, by the spread that a record has of the claim: the largest of its pairs."""
    (judged,) = judge_claims(study, [claim], TrialIndex(study, trials), [])
    unit, n = planned_unit(study, claim), study.paired_units(claim, study.protocol)
    if judged.unit is not unit:
        return None  # seeds do not show how searches differ
    return max((smallest_in_metric(pair, unit, n, level) for pair in judged.pairs), default=None)


def _in_sd(study: ResolvedStudy, claim: Claim, n: int, level: float) -> float:
    """The smallest difference that shows against the hardest arm; runs elsewhere are taken to spread like ours."""
    unit = planned_unit(study, claim)
    overlap = overlap_of(study, claim, unit is Unit.SEARCH)
    shown = []
    for arm in claim.than if study.results_of(claim.better) is None else (claim.better,):
        figures = figures_of(study, claim, arm)
        if figures is None or is_paired(study, claim, arm):
            shown.append(smallest_shown(unit, n, level, overlap))
        else:
            alike = dataclasses.replace(figures, sd=1.0 if figures.sd else None)
            shown.append(unpaired.smallest_difference(widening(n, overlap), n, alike, level))
    return max(shown)


def _epochs(study: Study, arm: Arm) -> float:
    """Epochs of a training of an arm, those of `continue_training` included."""
    params = make_parameters(arm, study.protocol, arm.reported or arm.defaults or {})
    return float(params["epochs"] + params.get("more_epochs", 0))
