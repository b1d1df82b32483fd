"""The main path: what is missing is trained, the record is told, and the study is summed up."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from dlstudy.engines.base import Decide, Engine
from dlstudy.runner.plan import Choice, Plan
from dlstudy.store.record import Record
from dlstudy.study.events import Listener
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request
from dlstudy.study.study import PHASES, Study
from dlstudy.study.trial import TrialSpec

__all__ = ["choose", "run"]

MakeEngine = Callable[[str, int, Decide], Engine]
"""Makes an engine for a data set, at most so many slots, and a pruning decision."""


def choose(file: StudyFile, study: Study, request: Request, record: Record) -> Choice:
    """The parts to run, and the generation of the variant in the record."""
    arms = request.arms or [arm.name for arm in study.arms]
    name = request.variant.name
    generations = record.variants(file.name).get(name, [name])
    if request.fresh and name in record.variants(file.name):
        number = int(generations[-1].partition("~")[2] or 1) + 1
        generations = [f"{name}~{number}"]
    return Choice(request.variant, generations[-1], request.phases or PHASES, arms, request.also)


def run(
    plan: Plan, dataset: str, make_engine: MakeEngine, listeners: Sequence[Listener], run_id_of: Callable[[str], str]
) -> int:
    """Trains what a plan misses, and says how many trainings that were. Hold the study's lock.

    Args:
        plan: what is missing, and where results go.
        dataset: the name of the data set.
        make_engine: called only where something is missing.
        listeners: hear of every trial.
        run_id_of: the MLflow run of a trial, by key; empty while it has none.

    Raises:
        KeyboardInterrupt: passed on, when everything is written down.
    """
    if not plan.n_waiting:
        return 0
    n_ended = 0
    in_flight: dict[str, TrialSpec] = {}

    def decide(spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> bool:
        for listener in listeners:
            listener.epoch(spec, epoch, metrics)
        return plan.report(spec, metrics, epoch) if spec.prunable else True

    try:
        with closing(make_engine(dataset, plan.n_missing, decide)) as engine:
            while plan.n_waiting or in_flight:
                while len(in_flight) < len(engine.slots) and (spec := plan.next()) is not None:
                    in_flight[spec.key] = spec
                    slot = engine.submit(spec)
                    for listener in listeners:
                        listener.began(spec, slot, plan.totals)
                for ended in engine.wait(timeout_s=1.0):
                    del in_flight[ended.spec.key]
                    trial = plan.end(ended, run_id_of(ended.spec.key))
                    n_ended += 1
                    for listener in listeners:
                        listener.ended(ended.spec, trial, plan.totals)
    except BaseException:
        for trial in plan.give_up("the study was stopped while it trained"):
            for listener in listeners if trial.key in in_flight else ():
                listener.ended(in_flight[trial.key], trial, plan.totals)
        raise
    return n_ended
