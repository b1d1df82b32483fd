"""Live progress of a run, wherever it is shown."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType

from dlstudy.analysis.formatting import params_text
from dlstudy.study.events import Listener, Totals
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.run_state import RunFollower, time_left
from dlstudy.study.trial import TrialRecord, TrialSpec

__all__ = ["Display", "ProgressView", "View"]


class View(ABC):
    """The place where one run shows its progress; `shows_epochs` is whether it says each epoch too."""

    shows_epochs = False

    @abstractmethod
    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        """Shows how far the run is.

        Args:
            totals: trials done and wanted, by phase and arm.
            line: on the trial that has just ended; empty for none.
            left: the time left.
            best: the best value so far, by phase and arm.
        """

    @abstractmethod
    def say(self, line: str) -> None:
        """Shows a line that stays."""

    @abstractmethod
    def close(self) -> None:
        """Shows the last state. Nothing comes after it."""


class Display(ABC):
    """What a person looks at while runs go on: a terminal or a notebook."""

    @abstractmethod
    def view(self) -> View:
        """A place for the progress of one run."""

    @abstractmethod
    def say(self, line: str, style: str = "") -> None:
        """Shows a line between runs; `style` is one of rich's."""


class ProgressView(Listener):
    """Shows trials done, the best so far and the time left, for each phase and arm."""

    def __init__(self, view: View, direction: Direction) -> None:
        self._view, self._direction = view, direction
        self._best: dict[tuple[str, str], float] = {}
        self._follower = RunFollower("")

    def __enter__(self) -> "ProgressView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._view.close()

    def say(self, line: str) -> None:
        """Shows a line beside the progress."""
        self._view.say(line)

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Shows the totals before the first trial ends."""
        self._follower.began(spec, slot, totals)
        self._view.update(totals, "", "", self._texts())

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Shows it only where that is asked for: an epoch of a small model passes too fast to be read."""
        self._follower.epoch(spec, epoch, metrics)
        if self._view.shows_epochs:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            self._view.say(f"{spec.phase} {spec.arm} #{spec.index}: epoch {epoch} of {spec.epochs}: {shown}")

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Shows how a trial ended."""
        self._follower.ended(spec, trial, totals)
        part = (spec.phase, spec.arm)
        if trial.value is not None:
            self._best[part] = self._direction.best([trial.value, self._best.get(part, trial.value)])
        value = (
            f"{trial.value:.4f}"
            if trial.value is not None
            else f"{trial.state}: {trial.result.reason if trial.result else ''}"
        )
        done, wanted = (sum(numbers) for numbers in zip(*totals.values(), strict=True))
        has_setting = trial.tuned and (spec.phase is Phase.SWEEP or self._view.shows_epochs)
        at = f" at {params_text(trial.tuned)}" if has_setting else ""
        left = time_left(self._follower.seconds_left)
        so_far = ", ".join(filter(None, [f"{done} of {wanted}", left]))
        line = f"{spec.phase} {spec.arm} #{spec.index}{at}: {value}  ({so_far})"
        self._view.update(totals, line, left, self._texts())

    def _texts(self) -> dict[tuple[str, str], str]:
        return {part: f"best {value:.4f}" if part[0] == Phase.SEARCH else "" for part, value in self._best.items()}
