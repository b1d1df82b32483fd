"""The interface of engines, which train trials in slots and return how they ended."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlstudy.engines.devices import Slot
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState

__all__ = ["GROWTH_MB", "STARTS_ALLOWED", "Decide", "Engine", "TrialOutcome", "over_time", "too_silent"]

GROWTH_MB = 2048
"""A worker whose memory has grown by more than this since its first trial is replaced: TensorFlow leaks."""
STARTS_ALLOWED = 3
"""Starts per worker that may fail while nothing is trained; after that, TensorFlow itself does not start."""

Decide = Callable[[TrialSpec, int, Mapping[str, float]], bool]
"""Called in the parent after each epoch, counted from 1, with its metrics; False prunes a prunable trial."""


@dataclass(frozen=True)
class TrialOutcome:
    """A trial that has ended, in whatever state."""

    spec: TrialSpec
    result: TrialResult


def too_silent(spec: TrialSpec | None, silent_s: float) -> str:
    """How a worker ends that has sent nothing for too long while it trains; empty while it may go on."""
    if spec is None or silent_s < spec.silence_s:
        return ""
    return f"was ended: no message for {spec.silence_s} s (Protocol.silence_s)"


def over_time(spec: TrialSpec | None, trained_s: float, slot: Slot) -> TrialOutcome | None:
    """The end of a trial that has trained for longer than it may; None while it may go on."""
    if spec is None or spec.trial_minutes is None or trained_s < 60 * spec.trial_minutes:
        return None
    reason = f"took longer than {spec.trial_minutes:g} minutes (Protocol.trial_minutes)"
    return TrialOutcome(spec, TrialResult(TrialState.OVER_TIME, reason, cost={"seconds": trained_s}, slot=slot.name))


class Engine(ABC):
    """Trains trials in slots. Knows neither Optuna nor MLflow.

    At most as many trials as there are slots are submitted at a time. Every submitted trial ends exactly once; one
    whose worker dies ends as `lost`.
    """

    @property
    @abstractmethod
    def slots(self) -> Sequence[Slot]:
        """The slots where trials train; their number may change during `wait`, if machines come and go."""

    @abstractmethod
    def submit(self, spec: TrialSpec) -> str:
        """Gives a trial to a free slot and returns the name of the slot."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[TrialOutcome]:
        """The trials that have ended since the last call; waits up to `timeout_s` seconds for the first."""

    @abstractmethod
    def close(self) -> None:
        """Ends all workers immediately; trials that are being trained are abandoned."""
