"""The interface of engines, which train trials in slots and return how they ended."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlstudy.engines.devices import Slot
from dlstudy.study.trial import TrialResult, TrialSpec

__all__ = ["GROWTH_MB", "STARTS_ALLOWED", "Decide", "Engine", "TrialOutcome"]

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
