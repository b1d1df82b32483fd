"""Live progress of a run: bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from dlstudy.analysis.formatting import params_text
from dlstudy.study.events import Listener, Totals
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.trial import TrialRecord, TrialSpec

__all__ = ["ProgressView"]


class _View(Protocol):
    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None: ...
    def close(self) -> None: ...


class ProgressView(Listener):
    """Shows trials done, the best so far and the time left, for each phase and arm."""

    def __init__(self, console: Console, direction: Direction) -> None:
        self._console, self._direction = console, direction
        self._best: dict[tuple[str, str], float] = {}
        self._begun_s = time.monotonic()
        self._n_ended = 0
        self._view: _View = _Bars(console) if console.is_terminal else _Lines(console)

    def __enter__(self) -> "ProgressView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._view.close()

    def say(self, line: str) -> None:
        """Prints a line above the bars."""
        self._console.print(line, highlight=False, markup=False, style="dim")

    def began(self, spec: TrialSpec, slot: str, totals: Totals) -> None:
        """Shows the totals before the first trial ends."""
        self._view.update(totals, "", "", self._texts())

    def epoch(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> None:
        """Shows nothing: an epoch of a small model passes too fast to be read."""

    def ended(self, spec: TrialSpec, trial: TrialRecord, totals: Totals) -> None:
        """Shows how a trial ended."""
        self._n_ended += 1
        part = (spec.phase, spec.arm)
        if trial.value is not None:
            self._best[part] = self._direction.best([trial.value, self._best.get(part, trial.value)])
        value = (
            f"{trial.value:.4f}"
            if trial.value is not None
            else f"{trial.state}: {trial.result.reason if trial.result else ''}"
        )
        done, wanted = (sum(numbers) for numbers in zip(*totals.values(), strict=True))
        at = f" at {params_text(trial.tuned)}" if spec.phase is Phase.SWEEP else ""
        left = self._left(wanted - done)
        line = f"{spec.phase} {spec.arm} #{spec.index}{at}: {value}  ({done} of {wanted}, {left})"
        self._view.update(totals, line, left, self._texts())

    def _left(self, n_left: int) -> str:
        seconds = (time.monotonic() - self._begun_s) / self._n_ended * n_left
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def _texts(self) -> dict[tuple[str, str], str]:
        return {part: f"best {value:.4f}" if part[0] == Phase.SEARCH else "" for part, value in self._best.items()}


class _Lines:
    """Prints one line per trial."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        if line:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        pass


class _Bars:
    """Shows one bar for each phase and arm."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._overall: TaskID | None = None

    def update(self, totals: Totals, line: str, left: str, best: Mapping[tuple[str, str], str]) -> None:
        self._progress.start()
        for part, (done, wanted) in totals.items():
            if part not in self._tasks:
                self._tasks[part] = self._progress.add_task(" ".join(part), total=wanted, best="")
            self._progress.update(self._tasks[part], completed=done, total=wanted, best=best.get(part, ""))
        if self._overall is None:
            self._overall = self._progress.add_task("all", total=1, best="")
        done, wanted = (sum(numbers) for numbers in zip(*totals.values(), strict=True))
        self._progress.update(self._overall, completed=done, total=wanted, best=left)

    def close(self) -> None:
        self._progress.stop()
