"""`dlstudy watch`: how far the run of a study is, as it goes on in another process or on another machine."""

import json as json_module
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from dlstudy.analysis.formatting import seconds_text
from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.results import StudySummary
from dlstudy.api.terminal import make_console, rich_table
from dlstudy.cli.console import require_results, store_name
from dlstudy.common.processes import stopping_signals
from dlstudy.errors import DlstudyError
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.store.home import Home
from dlstudy.store.notes import noted_run
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.run_state import RunState, time_left
from dlstudy.training.study_rows import with_rows

__all__ = ["watch_study"]

_SUM_UP_S = 15.0
"""How often what the record has is summed up anew: that takes a second where it is large."""
_MOST_METRICS = 4


def watch_study(study: str, every_s: float, home: Home, storage: str | None, json: bool) -> None:
    """Shows how far the run of a study is, until it ends or Ctrl-C; once, where the output is no terminal.

    Raises:
        RecordError: the study has no results and no run.
    """
    name = loader.name_of(study)
    watched = _Watched(study, name, home, storage)
    watched.look()
    if json:
        sys.stdout.write(as_json(watched.state.to_json() if watched.state else None))
        return
    if not watched.is_running:
        require_results(name, Record.open(home, storage, for_writing=False).studies(), store_name(home, storage))
    console = make_console()
    if not console.is_terminal or not watched.is_running:
        console.print(watched.shown())
        return
    live = Live(watched.shown(), console=console, auto_refresh=False)
    with suppress(KeyboardInterrupt), stopping_signals(), live:
        while watched.is_running:
            time.sleep(every_s)
            watched.look()
            live.update(watched.shown(), refresh=True)


class _Watched:
    """A study whose run is watched.

    It has `is_running`, and `state`: the last one that the run has written; None without a run, or before its first
    trial.
    """

    def __init__(self, study: str, name: str, home: Home, storage: str | None) -> None:
        self._study, self._name, self._home, self._storage = study, name, home, storage
        self._summary: StudySummary | None = None
        self._summed_up_s = float("-inf")
        self.is_running = False
        self.state: RunState | None = None

    def look(self) -> None:
        """Finds out whether a run of the study goes on, and how far it is."""
        self.is_running = self._home.lock(self._name, self._storage).is_held()
        self.state = self._read_state() if self.is_running else None

    def _read_state(self) -> RunState | None:
        with suppress(OSError, ValueError, KeyError, TypeError):  # of another version, or written this moment
            if self._storage is None:
                return RunState.from_json(json_module.loads(self._home.run_state(self._name).read_text()))
            noted = noted_run(Record.open(self._home, self._storage, for_writing=False), self._name)
            return None if noted is None else RunState.from_json(noted)
        return None

    def shown(self) -> RenderableType:
        """What is known now."""
        state = self.state
        return Group(*(_of_run(self._name, state) if state else self._without_run()), *self._verdicts(state))

    def _without_run(self) -> Iterator[RenderableType]:
        if self.is_running:
            yield Text(f"{self._name}: the run has begun, and trains nothing yet")
        else:
            yield Text(f"{self._name}: no run goes on; `dlstudy status {self._name}` shows what there is")

    def _verdicts(self, state: RunState | None) -> Iterator[RenderableType]:
        if time.monotonic() - self._summed_up_s > _SUM_UP_S or state is None:
            self._summed_up_s = time.monotonic()
            with suppress(DlstudyError):  # no results yet, or a study that cannot be loaded here
                file = with_rows(loader.load(loader.find(self._study, self._home.studies)))
                record = Record.open(self._home, self._storage, for_writing=False)
                self._summary = read_summary(file, record, state.variant if state else None)
        summary = self._summary
        if summary is None:
            return
        mark = "" if summary.complete else "provisional: "
        yield Text()
        for claim in [claim for claim in summary.claims if claim.interval is not None]:
            yield Text(f"{mark}{claim.verdict}: {claim.text}", style="" if summary.complete else "dim")
        yield Text(f"{mark}{summary.answer}", style="bold" if summary.complete else "dim")


def _of_run(name: str, state: RunState) -> Iterator[RenderableType]:
    now_s = time.time()
    left = time_left(state.seconds_left)
    yield Text(
        f"{name}, {state.variant}: process {state.pid} on {state.host}, for {seconds_text(now_s - state.began_s)}"
        + (f", {left}" if left else ""),
        style="bold",
    )
    if now_s - state.at_s > 60:
        yield Text(f"no news for {seconds_text(now_s - state.at_s)}", style="yellow")
    running = [
        [
            trial.slot,
            f"{trial.phase} {trial.arm} #{trial.index}" + (f" of search {trial.search}" if trial.search > 1 else ""),
            f"{trial.epoch} of {trial.epochs}" if trial.epoch else "",
            ", ".join(f"{metric} {value:.4g}" for metric, value in [*trial.metrics.items()][:_MOST_METRICS]),
            seconds_text(now_s - trial.began_s),
        ]
        for trial in state.running
    ]
    yield rich_table(Table("", ["slot", "trial", "epoch", "last metrics", "for"], running))
    phases = list(dict.fromkeys(phase for phase, *_ in state.totals))
    done = {(phase, arm): f"{n} of {wanted}" for phase, arm, n, wanted in state.totals}
    arms = dict.fromkeys(arm for _, arm, *_ in state.totals)
    rows = [[arm, *(done.get((phase, arm), "") for phase in phases)] for arm in arms]
    yield rich_table(Table("", ["trainings", *phases], rows))
