"""Before a run: what its protocol could show, and what it would cost."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from dlstudy.catalog import StudyFile
from dlstudy.design import design_table
from dlstudy.document import Claim
from dlstudy.engines.base import Ended, Engine
from dlstudy.errors import TrialError
from dlstudy.finished import Finished
from dlstudy.results import TrialRecord
from dlstudy.statistics import mean_and_sd, smallest_difference
from dlstudy.study import PHASES, SIGNIFICANCE, Arm, Study
from dlstudy.trial import TrialSpec, make_parameters
from dlstudy.verdicts import judge_claims

__all__ = ["ClaimPlan", "PhasePlan", "claim_plans", "phase_plans", "rehearse", "sample_spec"]

_EPOCHS = 2
"""Epochs of a rehearsal: the first one also traces the model's graph."""


@dataclass(frozen=True)
class PhasePlan:
    """A phase: how many trainings it wants, how many of them the record has, and the time of a slot for the rest."""

    phase: str
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
        difference: in the units of the metric; None where the record has no runs to tell the spread from.
        metric: what is compared.
    """

    text: str
    metric: str
    n: int
    in_sd: float
    difference: float | None


def claim_plans(study: Study, trials: Sequence[TrialRecord]) -> list[ClaimPlan]:
    """What each claim that one arm is better could show.

    Args:
        study: as the request runs it.
        trials: of the same study, of whatever variant, to tell the spread from; may be none.
    """
    plans, level = [], SIGNIFICANCE / max(1, len(study.family))
    for claim in (claim for claim in study.family if claim.within is None):
        n, sd = _units(study, claim), _spread(study, claim, trials)
        known = None if sd is None else smallest_difference(sd, n, level)
        plans.append(ClaimPlan(claim.text, claim.metric, n, smallest_difference(1.0, n, level), known))
    return plans


def phase_plans(
    study: Study, trials: Sequence[TrialRecord], costs: Mapping[str, tuple[float, float]]
) -> list[PhasePlan]:
    """What each phase wants, has, and would take.

    Args:
        study: as the request runs it.
        trials: what the record has of it.
        costs: for each arm the seconds of a training beside its epochs, and of an epoch.
    """
    plans, finished = [], Finished(study, trials)
    for phase in PHASES:
        counts = {arm.name: finished.progress(arm).get(phase, (0, 0)) for arm in study.arms}
        seconds = sum(
            (counts[arm.name][1] - counts[arm.name][0])
            * (costs[arm.name][0] + costs[arm.name][1] * _epochs(study, arm))
            for arm in study.arms
        )
        done, wanted = (sum(column) for column in zip(*counts.values(), strict=True))
        if wanted:
            plans.append(PhasePlan(phase, wanted, done, seconds))
    return plans


def rehearse(
    file: StudyFile, study: Study, make_engine: Callable[[int], Engine]
) -> tuple[dict[str, tuple[float, float]], int]:
    """Trains each arm twice for two epochs, and writes nothing down. Of the two the faster one counts.

    The first training in a worker also traces graphs, which later ones find there.

    Returns:
        For each arm the seconds of a training beside its epochs, and of an epoch; how many slots there are.

    Raises:
        TrialError: an arm could not be trained; says why.
    """
    costs: dict[str, tuple[float, float]] = {}
    with TemporaryDirectory() as folder, closing(make_engine(2 * len(study.arms))) as engine:
        waiting = [
            _shortened(sample_spec(file, study, arm, f"plan {arm.name} {i}"), f"{folder}/{arm.name}-{i}")
            for i in range(2)
            for arm in study.arms
        ]
        n_in_flight = 0
        while waiting or n_in_flight:
            while waiting and n_in_flight < len(engine.slots):
                engine.submit(waiting.pop())
                n_in_flight += 1
            for ended in engine.wait(timeout_s=1.0):
                n_in_flight -= 1
                cost = _cost(ended)
                costs[ended.spec.arm] = min(cost, costs.get(ended.spec.arm, cost), key=sum)
        return costs, len(engine.slots)


def _cost(ended: Ended) -> tuple[float, float]:
    """Seconds beside the epochs, and of an epoch."""
    result = ended.result
    if result.state in ("failed", "lost"):
        raise TrialError(f"arm {ended.spec.arm} cannot be trained: {result.reason}")
    per_epoch = result.cost.get("seconds_per_epoch", 0.0)
    return max(0.0, result.cost["seconds"] - per_epoch * ended.spec.epochs), per_epoch


def sample_spec(
    file: StudyFile, study: Study, arm: Arm, key: str, params: Mapping[str, Any] | None = None
) -> TrialSpec:
    """A training of an arm that belongs to no record: at these parameters, else at some that the study names.

    Args:
        file, study, arm: what is trained; `study` as a variant runs it.
        key: names it.
        params: complete, as a record holds them.
    """
    stated = arm.printed or arm.defaults or design_table(file.name, arm.space, 1, "sobol")[0]
    chosen = params or make_parameters(arm, study.protocol, stated)
    return TrialSpec(
        key=key,
        study_path=str(file.path),
        dataset=study.dataset,
        arm=arm.name,
        phase="search",
        row=0,
        params=chosen,
        seed=0,
        epochs=int(chosen["epochs"]),
        batch_size=int(chosen["batch_size"]),
        split=study.protocol.split,
        rows=study.protocol.rows,
    )


def _shortened(spec: TrialSpec, folder: str) -> TrialSpec:
    few = {name: min(_EPOCHS, int(spec.params[name])) for name in ("epochs", "more_epochs") if name in spec.params}
    return dataclasses.replace(spec, epochs=few["epochs"], params={**spec.params, **few}, folder=folder)


def _units(study: Study, claim: Claim) -> int:
    """How many paired differences a claim rests on."""
    if claim.phase == "sweep":
        return study.sweep(claim.sweep).seeds
    return study.protocol.searches if _by_search(study, claim) else study.protocol.seeds


def _spread(study: Study, claim: Claim, trials: Sequence[TrialRecord]) -> float | None:
    """The standard deviation of the paired differences that a record has of a claim, the largest of its pairs."""
    (judged,) = judge_claims(study, [claim], Finished(study, trials), [])
    if judged.unit != ("search" if _by_search(study, claim) else "seed"):
        return None  # seeds tell nothing of how searches differ
    spreads = [mean_and_sd(pair.differences)[1] or 0.0 for pair in judged.pairs]
    return max(spreads, default=None)


def _by_search(study: Study, claim: Claim) -> bool:
    return claim.phase in ("replicate", "tuning") and study.protocol.searches > 1


def _epochs(study: Study, arm: Arm) -> float:
    """Epochs of a training of an arm, those after `go_on` included."""
    params = make_parameters(arm, study.protocol, arm.printed or arm.defaults or {})
    return float(params["epochs"] + params.get("more_epochs", 0))
