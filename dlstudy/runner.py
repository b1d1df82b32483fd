"""The main path: what is missing is trained, the record is told, and the study is summed up."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from dlstudy.catalog import StudyFile
from dlstudy.datasets import registry
from dlstudy.engines.base import Decide, Engine
from dlstudy.errors import StudyError, UsageError
from dlstudy.events import Listener
from dlstudy.plan import Choice, Plan
from dlstudy.record import Record
from dlstudy.splits import divide
from dlstudy.study import PHASES, Study
from dlstudy.trial import TrialSpec
from dlstudy.variant import Variant

__all__ = ["Request", "choose", "resolve", "run"]

MakeEngine = Callable[[str, int, Decide], Engine]
"""Makes an engine for a data set, at most so many slots, and a pruning decision."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What a user asks of a run; see `dlstudy run --help`. None and empty mean: as the study says."""

    variant: Variant = dataclasses.field(default_factory=Variant)
    trials: int | None = None
    seeds: int | None = None
    searches: int | None = None
    phases: Sequence[str] = ()
    arms: Sequence[str] = ()
    fresh: bool = False
    also: bool = False


def resolve(file: StudyFile, request: Request) -> Study:
    """The study as the request runs it, checked against its data set.

    Raises:
        StudyError: the two do not fit together, a figure cannot be computed, or an arm is asked for that is not there.
        UsageError: a phase is asked for that is not there.
    """
    for phase in request.phases:
        if phase not in PHASES:
            raise UsageError(f"--phase must be one of {', '.join(PHASES)}, got {phase!r}")
    for arm in request.arms:
        file.study.arm(arm)
    for name in file.study.other_datasets:
        registry.describe(name)
    for figure in file.study.computed:
        figure.value()  # before hours of training, and not after them
    own = registry.describe(file.study.dataset)
    used = registry.describe(file.study.dataset if request.variant.dataset is None else request.variant.dataset)
    study = request.variant.apply(file.study, own, used)
    wanted = {name: value for name in ("trials", "seeds", "searches") if (value := getattr(request, name)) is not None}
    study = dataclasses.replace(study, protocol=dataclasses.replace(study.protocol, **wanted))
    own_splits = [arm.printed_split for arm in study.arms]
    for split in (study.protocol.split, study.protocol.printed_split, *own_splits):
        if split is not None:
            divide(split, used.n_train, used.n_test, study.protocol.rows)
    if study.protocol.split.test is None and not used.n_test:
        raise StudyError(
            f"replicates are judged on test rows, but {used.name} has none of its own and Protocol.split names none: "
            "state Split.test"
        )
    return study


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
