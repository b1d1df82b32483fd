"""The events of a run, for its listeners: the progress view of the terminal, and MLflow."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from dlstudy.study.trial import TrialRecord, TrialSpec

__all__ = ["Listener", "Totals"]

Totals = Mapping[tuple[str, str], tuple[int, int]]
"""(phase, arm) to (done, wanted)."""


class Listener(ABC):
    """Receives the events of a run's trials, in the parent process and in their order."""

    @abstractmethod
    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """A trial was given to a slot."""

    @abstractmethod
    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """A trial finished an epoch, counted from 1."""

    @abstractmethod
    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """A trial ended, and the record has it."""
