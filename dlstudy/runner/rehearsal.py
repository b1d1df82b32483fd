"""A rehearsal: what a training of each arm costs on this machine."""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Any

from dlstudy.engines.base import Engine, TrialOutcome
from dlstudy.errors import TrialError
from dlstudy.runner.design import design_table
from dlstudy.study.arm import Arm
from dlstudy.study.phases import Phase
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import TrialSpec, TrialState, make_parameters

__all__ = ["outcomes_of", "rehearse", "sample_spec"]

_EPOCHS = 2
"""Epochs of a rehearsal: the first one also traces the model's graph."""


def rehearse(study: ResolvedStudy, make_engine: Callable[[int], Engine]) -> tuple[dict[str, tuple[float, float]], int]:
    """Trains each arm twice for two epochs, and records nothing. The faster of the two counts.

    The first training in a worker also traces graphs, which later ones use again.

    Returns:
        For each arm the seconds of a training beside its epochs, and of an epoch; how many slots there are.

    Raises:
        TrialError: an arm could not be trained; says why.
    """
    costs: dict[str, tuple[float, float]] = {}
    with TemporaryDirectory() as folder, closing(make_engine(2 * len(study.arms))) as engine:
        waiting = [
            _shortened(sample_spec(study, arm, f"plan {arm.name} {i}"), f"{folder}/{arm.name}-{i}")
            for i in range(2)
            for arm in study.arms
        ]
        for outcome in outcomes_of(waiting, engine):
            cost = _cost(outcome)
            costs[outcome.spec.arm] = min(cost, costs.get(outcome.spec.arm, cost), key=sum)
        return costs, len(engine.slots)


def outcomes_of(specs: Iterable[TrialSpec], engine: Engine) -> Iterator[TrialOutcome]:
    """Trains all of these in the engine's slots, and yields how each has ended; nothing is recorded."""
    waiting, n_in_flight = deque(specs), 0
    while waiting or n_in_flight:
        while waiting and n_in_flight < len(engine.slots):
            engine.submit(waiting.popleft())
            n_in_flight += 1
        for outcome in engine.wait(timeout_s=1.0):
            n_in_flight -= 1
            yield outcome


def sample_spec(
    study: ResolvedStudy,
    arm: Arm,
    key: str,
    params: Mapping[str, Any] | None = None,  # Any: JSON scalars
) -> TrialSpec:
    """A training of an arm that belongs to no record: at these parameters, else at some that the study names.

    Args:
        study, arm: what is trained.
        key: names it.
        params: complete, as a record holds them.
    """
    stated = arm.reported or arm.defaults or arm.applicable(design_table(study.name, arm.space, 1, "sobol")[0])
    chosen = params or make_parameters(arm, study.protocol, stated)
    return study.spec(arm, Phase.SEARCH, chosen, key=key)


def _cost(outcome: TrialOutcome) -> tuple[float, float]:
    """Seconds beside the epochs, and of an epoch."""
    result = outcome.result
    if result.state in (TrialState.FAILED, TrialState.LOST):
        raise TrialError(f"arm {outcome.spec.arm} cannot be trained: {result.reason}")
    per_epoch = result.cost.get("seconds_per_epoch", 0.0)
    return max(0.0, result.cost["seconds"] - per_epoch * outcome.spec.epochs), per_epoch


def _shortened(spec: TrialSpec, folder: str) -> TrialSpec:
    few = {name: min(_EPOCHS, int(spec.params[name])) for name in ("epochs", "more_epochs") if name in spec.params}
    return dataclasses.replace(spec, epochs=few["epochs"], params={**spec.params, **few}, folder=folder)
