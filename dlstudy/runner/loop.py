"""The main loop of a run: trains what is missing, and reports it to the record and the listeners."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from dlstudy.engines.base import Decide, Engine, TrialOutcome
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
    flight = _Flight(plan, recorder, listeners, limits)
    try:
        with closing(make_engine(plan.n_missing, flight.decide)) as engine:
            while flight.specs or (plan.n_waiting and limits.leave_time):
                flight.fill(engine)
                for outcome in engine.wait(timeout_s=1.0):
                    flight.end(outcome, run_id_of(outcome.spec.key))
                if limits.are_reached:
                    break
    except BaseException:
        flight.give_up("the study was stopped while it trained")
        raise
    limits.have_ended_it = bool(flight.specs) or plan.n_waiting > 0
    flight.give_up("the time of the run was over while it trained")
    return flight.n_ended


class _Flight:
    """The trials that are being trained."""

    def __init__(self, plan: Plan, recorder: TrialRecorder, listeners: Sequence[Listener], limits: RunLimits) -> None:
        self._plan, self._recorder, self._listeners, self._limits = plan, recorder, listeners, limits
        self.specs: dict[str, TrialSpec] = {}
        self.n_ended = 0
        self._is_alone = False

    def decide(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Reports an epoch; returns whether the trial goes on."""
        for listener in self._listeners:
            listener.epoch(spec, epoch, metrics)
        return self._recorder.report(spec, metrics, epoch) if spec.prunable else True

    def fill(self, engine: Engine) -> None:
        """Gives free slots what comes next, while there is time."""
        while self._limits.leave_time and len(self.specs) < len(engine.slots) and not self._is_alone:
            training = self._plan.next(beside_others=bool(self.specs))
            if training is None:
                return
            self._is_alone = training.alone
            spec = self._recorder.begin(training)
            self.specs[spec.key] = spec
            slot = engine.submit(spec)
            for listener in self._listeners:
                listener.began(spec, slot, self._plan.totals)

    def end(self, outcome: TrialOutcome, run_id: str) -> None:
        """Records a trial that has ended."""
        del self.specs[outcome.spec.key]
        self._is_alone = False
        training, trial = self._recorder.end(outcome, run_id)
        self._plan.ended(training, trial)
        self.n_ended += 1
        for listener in self._listeners:
            listener.ended(outcome.spec, trial, self._plan.totals)
        self._limits.note(trial)

    def give_up(self, reason: str) -> None:
        """Records what still trains as killed."""
        for trial in self._recorder.give_up(reason):
            for listener in self._listeners if trial.key in self.specs else ():
                listener.ended(self.specs[trial.key], trial, self._plan.totals)
