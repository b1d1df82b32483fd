"""What an engine is: it puts trials into slots and brings back how they ended."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlstudy.engines.devices import Slot
from dlstudy.study.trial import TrialResult, TrialSpec

__all__ = ["GROWTH_MB", "STARTS_ALLOWED", "Decide", "Ended", "Engine"]

GROWTH_MB = 2048
"""A worker that holds so much more than after its first trial is replaced: TensorFlow leaks."""
STARTS_ALLOWED = 3
"""Starts of each worker that may fail while nothing is trained: then TensorFlow itself does not start."""

Decide = Callable[[TrialSpec, int, Mapping[str, float]], bool]
"""Called in the parent after each epoch, counted from 1, with its metrics; False prunes a prunable trial."""


@dataclass(frozen=True)
class Ended:
    """A trial that came to an end, whatever its state."""

    spec: TrialSpec
    result: TrialResult


class Engine(ABC):
    """Trains trials in slots. Knows neither Optuna nor MLflow.

    At most as many trials as there are slots are submitted at a time. Every submitted trial ends exactly once: one
    whose worker dies ends as `lost`.
    """

    @property
    @abstractmethod
    def slots(self) -> Sequence[Slot]:
        """Where trials train; where machines come and go, their number changes while trials are waited for."""

    @abstractmethod
    def submit(self, spec: TrialSpec) -> str:
        """Gives a trial to a free slot, whose name it returns."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Ended]:
        """The trials that have ended since last asked; waits up to `timeout_s` seconds for the first."""

    @abstractmethod
    def close(self) -> None:
        """Ends all workers at once; trials in flight are given up."""
