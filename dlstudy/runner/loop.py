"""The main loop of a run: trains what is missing, and reports it to the record and the listeners."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from dlstudy.engines.base import Decide, Engine
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.plan import Plan
from dlstudy.runner.recorder import TrialRecorder
from dlstudy.study.events import Listener
from dlstudy.study.trial import TrialSpec

__all__ = ["MakeEngine", "train_missing"]

MakeEngine = Callable[[int, Decide], Engine]
"""Makes an engine with at most this many slots, and a pruning decision."""


def train_missing(
    plan: Plan,
    recorder: TrialRecorder,
    make_engine: MakeEngine,
    listeners: Sequence[Listener],
    run_id_of: Callable[[str], str],
    limits: RunLimits,
) -> int:
    """Trains what is missing in a plan, as far as its limits allow; returns the number of trainings.

    Hold the study's lock.

    Args:
        plan: what is missing.
        recorder: where results go.
        make_engine: called only where something is missing.
        listeners: receive the events of every trial.
        run_id_of: the MLflow run of a trial, by key; empty while it has none.
        limits: of the run.

    Raises:
        DlstudyError: too many trials in a row failed.
        KeyboardInterrupt: passed on once everything is recorded.
    """
    limits.have_ended_it = plan.n_waiting > 0 and not limits.leave_time
    if not plan.n_waiting or limits.have_ended_it:
        return 0
    n_ended = 0
    in_flight: dict[str, TrialSpec] = {}

    def decide(spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> bool:
        for listener in listeners:
            listener.epoch(spec, epoch, metrics)
        return recorder.report(spec, metrics, epoch) if spec.prunable else True

    def give_up(reason: str) -> None:
        for trial in recorder.give_up(reason):
            for listener in listeners if trial.key in in_flight else ():
                listener.ended(in_flight[trial.key], trial, plan.totals)

    try:
        with closing(make_engine(plan.n_missing, decide)) as engine:
            while in_flight or (plan.n_waiting and limits.leave_time):
                while (
                    limits.leave_time and len(in_flight) < len(engine.slots) and (training := plan.next()) is not None
                ):
                    spec = recorder.begin(training)
                    in_flight[spec.key] = spec
                    slot = engine.submit(spec)
                    for listener in listeners:
                        listener.began(spec, slot, plan.totals)
                for outcome in engine.wait(timeout_s=1.0):
                    del in_flight[outcome.spec.key]
                    training, trial = recorder.end(outcome, run_id_of(outcome.spec.key))
                    plan.ended(training, trial)
                    n_ended += 1
                    for listener in listeners:
                        listener.ended(outcome.spec, trial, plan.totals)
                    limits.note(trial)
                if limits.are_reached:
                    break
    except BaseException:
        give_up("the study was stopped while it trained")
        raise
    limits.have_ended_it = bool(in_flight) or plan.n_waiting > 0
    give_up("the time of the run was over while it trained")
    return n_ended
