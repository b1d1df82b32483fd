"""How far a run is: what trains in which slot, what is done, and how long the rest takes."""

import dataclasses
import os
import socket
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.study.events import Listener, Totals
from dlstudy.study.trial import TrialRecord, TrialSpec

__all__ = ["RunFollower", "RunState", "RunningTrial", "time_left"]


@dataclass(frozen=True)
class RunningTrial:
    """A trial that trains.

    Args:
        slot: where.
        phase, arm, search, index: which one.
        began_s: Unix time.
        epoch, epochs: those that it has trained, and will have; an estimator tells none.
        metrics: of its last epoch.
    """

    slot: str
    phase: str
    arm: str
    search: int
    index: int
    began_s: float
    epoch: int
    epochs: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class RunState:
    """The state of a run at some moment.

    Args:
        at_s, began_s: Unix time.
        host, pid: of the process that runs.
        variant: of the study.
        totals: phase, arm, trainings done and wanted.
        running: in the order in which they began.
        seconds_left: None while nothing is known of how long a training takes.
    """

    at_s: float
    began_s: float
    host: str
    pid: int
    variant: str
    totals: Sequence[tuple[str, str, int, int]]
    running: Sequence[RunningTrial]
    seconds_left: float | None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RunState":
        """The state that `to_json` gave.

        Raises:
            KeyError, TypeError: it is of another version.
        """
        totals = [(phase, arm, done, wanted) for phase, arm, done, wanted in data["totals"]]
        return cls(**{**data, "totals": totals, "running": [RunningTrial(**trial) for trial in data["running"]]})


def time_left(seconds: float | None) -> str:
    """A time in words; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds >= 2 * 3600:
        return f"about {seconds / 3600:.1f} h left"
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"


class RunFollower(Listener):
    """Follows a run by its events."""

    def __init__(self, variant: str, clock: Callable[[], float] = time.time) -> None:
        """Begins with nothing.

        Args:
            variant: of the study.
            clock: gives Unix time.
        """
        self._variant, self._clock, self._began_s = variant, clock, clock()
        self._running: dict[str, RunningTrial] = {}
        self._totals: Totals = {}
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._most_at_once = 1

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Notes a trial."""
        self._totals = totals
        self._running[spec.key] = RunningTrial(
            slot, spec.phase, spec.arm, spec.search, spec.index, self._clock(), 0, spec.epochs, {}
        )
        self._most_at_once = max(self._most_at_once, len(self._running))

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Notes an epoch."""
        trial = self._running.get(spec.key)
        if trial is not None:
            self._running[spec.key] = dataclasses.replace(trial, epoch=epoch, metrics=dict(metrics))

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Notes how long a trial took."""
        self._totals = totals
        running = self._running.pop(spec.key, None)
        if running is not None and trial.state.is_final:
            self._seconds.setdefault((spec.phase, spec.arm), []).append(self._clock() - running.began_s)

    @property
    def state(self) -> RunState:
        """The state now."""
        totals = [(*part, *numbers) for part, numbers in self._totals.items()]
        running = list(self._running.values())
        return RunState(
            self._clock(), self._began_s, socket.gethostname(), os.getpid(), self._variant, totals, running,
            self.seconds_left,
        )  # fmt: skip

    @property
    def seconds_left(self) -> float | None:
        """What the trainings that are left take, each as long as those of its own phase and arm took on average."""
        work = longest = 0.0
        for part, (done, wanted) in self._totals.items():
            if wanted == done:
                continue
            each = self._seconds_of(*part)
            if each is None:
                return None
            work += (wanted - done) * each
        for trial in self._running.values():
            each = self._seconds_of(trial.phase, trial.arm)
            if each is not None:
                past = self._clock() - trial.began_s
                is_done = each * trial.epoch / trial.epochs if trial.epoch else min(past, each)
                work, longest = work - is_done, max(longest, each - is_done)
        return max(work / self._most_at_once, longest)

    def _seconds_of(self, phase: str, arm: str) -> float | None:
        """How long a training takes; of a phase that has not begun as those of its arm, of such an arm as all."""
        groups = [
            self._seconds.get((phase, arm), []),
            [one for (_, other), of_part in self._seconds.items() if other == arm for one in of_part],
            [one for of_part in self._seconds.values() for one in of_part],
            [
                (self._clock() - trial.began_s) / trial.epoch * trial.epochs
                for trial in self._running.values()
                if trial.epoch
            ],
        ]
        return next((statistics.fmean(group) for group in groups if group), None)
