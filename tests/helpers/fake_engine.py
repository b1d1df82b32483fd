"""An engine that trains nothing, and a listener that only counts."""

import hashlib
import json
from collections.abc import Callable

from dlstudy.engines.base import Decide, Engine, TrialOutcome
from dlstudy.engines.devices import Slot
from dlstudy.study.events import Listener
from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState


def made_up(spec: TrialSpec) -> TrialResult:
    """A finished result that depends on the spec alone, as a real one does."""
    text = json.dumps([spec.phase, spec.seed, dict(spec.params)], sort_keys=True)
    value = int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) / 0xFFFFFF
    parts = {
        ReadTest.NEVER: ["train", "val"],
        ReadTest.AT_END: ["train", "val", "test"],
        ReadTest.EACH_EPOCH: ["train", "test"],
    }
    metrics = {f"{part}_accuracy": value for part in parts[spec.read_test]}
    end_only = "test_accuracy" if spec.read_test is ReadTest.AT_END else ""
    history = {name: [number] * spec.epochs for name, number in metrics.items() if name != end_only}
    return TrialResult(TrialState.FINISHED, metrics=metrics, history=history, cost={"seconds": 1.0})


class FakeEngine(Engine):
    """Two slots; ends trials in the order that `newest_first` says, with what `result_of` gives."""

    def __init__(self, result_of: Callable[[TrialSpec], TrialResult] = made_up, newest_first: bool = False, n: int = 2):
        self._slots = tuple(Slot(f"fake:{i}") for i in range(n))
        self._result_of, self._newest_first = result_of, newest_first
        self.decide: Decide = lambda *_: True
        self._waiting: list[TrialSpec] = []
        self.trained: list[TrialSpec] = []
        self.closed = False

    @property
    def slots(self):
        return self._slots

    def submit(self, spec):
        assert len(self._waiting) < len(self._slots), "more trials than slots"
        self._waiting.append(spec)
        return self._slots[0].name

    def wait(self, timeout_s):
        spec = self._waiting.pop(-1 if self._newest_first else 0)
        if spec.check:  # faults are put between trainings
            return [TrialOutcome(spec, TrialResult(TrialState.FINISHED))]
        result = self._pruned(spec, self._result_of(spec))
        self.trained.append(spec)
        return [TrialOutcome(spec, result)]

    def _pruned(self, spec, result):
        """The result, or what there is of it when the run says after an epoch that the trial is hopeless."""
        for epoch in range(1, result.n_epochs):
            at_epoch = {name: series[epoch - 1] for name, series in result.history.items() if epoch <= len(series)}
            if spec.prunable and not self.decide(spec, epoch, at_epoch):
                history = {name: series[:epoch] for name, series in result.history.items()}
                return TrialResult(TrialState.PRUNED, "pruned", metrics=at_epoch, history=history, cost=result.cost)
        return result

    def close(self):
        self.closed = True


class Deaf(Listener):
    """Hears and does nothing."""

    def began(self, spec, slot, totals):
        pass

    def epoch(self, spec, epoch, metrics):
        pass

    def ended(self, spec, trial, totals):
        pass
