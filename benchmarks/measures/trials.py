"""Trials through dlstudy's own engines, for measurements that need no record."""

from collections.abc import Sequence
from pathlib import Path

from dlstudy.engines.base import Engine
from dlstudy.engines.devices import Slot, memory_gb, plan_slots
from dlstudy.study.phases import Phase
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState

STUDIES = Path(__file__).parents[1] / "studies"


def cpu_slots(n: int) -> tuple[Slot, ...]:
    """This many slots, as a machine without GPUs has them: one thread each."""
    return plan_slots((), n, memory_gb())


def spec(study: str, number: int, **changes: object) -> TrialSpec:
    """A search trial of a study in `benchmarks/studies/`; `changes` are its fields."""
    fields = {
        "key": f"{study}#{number}",
        "study_path": str(STUDIES / f"{study}.py"),
        "dataset": "mnist",
        "arm": "any",
        "phase": Phase.SEARCH,
        "index": number,
        "params": {},
        "seed": 1_000 + number,
        "epochs": 1,
        "batch_size": 32,
        "split": Split(validation=5_000),
    }
    return TrialSpec(**{**fields, **changes})  # type: ignore[arg-type]  # the fields of a spec, by name


def prune_nothing(*_: object) -> bool:
    """Lets every trial continue."""
    return True


def train(engine: Engine, specs: Sequence[TrialSpec]) -> list[TrialResult]:
    """Trains them in all slots; their results, in the order in which they ended.

    Raises:
        RuntimeError: one of them did not finish.
    """
    waiting, results, n_free = list(specs), list[TrialResult](), len(engine.slots)
    while len(results) < len(specs):
        while waiting and n_free:
            engine.submit(waiting.pop(0))
            n_free -= 1
        for outcome in engine.wait(1.0):
            if outcome.result.state is not TrialState.FINISHED:
                raise RuntimeError(f"{outcome.spec.key} {outcome.result.state}: {outcome.result.reason}")
            results.append(outcome.result)
            n_free += 1
    return results
