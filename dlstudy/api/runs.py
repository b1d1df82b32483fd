"""A run of a study as `dlstudy run` and `dlstudy.run` do it: on one data set or several, once or in stages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlstudy.analysis.across import AcrossSummary, summarize_across
from dlstudy.api.progress import Display, ProgressView
from dlstudy.errors import UsageError
from dlstudy.report.across import export_all_across
from dlstudy.runner.backend import Backend
from dlstudy.runner.notifying import Notifier
from dlstudy.runner.session import Outcome, refuse_before_any, run_study
from dlstudy.runner.stages import next_stages, run_until_decided
from dlstudy.store.record import Record
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, resolve

__all__ = ["Ran", "refuse_contradictions", "run_file", "run_shown"]


@dataclass(frozen=True)
class Ran:
    """What a run gave.

    Args:
        outcomes: one for each data set.
        across: the summary over data sets; None for a single one.
        reports: the files of that summary's report.
    """

    outcomes: Sequence[Outcome]
    across: AcrossSummary | None = None
    reports: Sequence[Path] = field(default_factory=tuple)

    @property
    def n_trained(self) -> int:
        """The trainings of all."""
        return sum(outcome.n_trained for outcome in self.outcomes)

    @property
    def n_failed(self) -> int:
        """The trials that could not be completed."""
        return sum(outcome.summary.n_failed for outcome in self.outcomes)

    @property
    def answer(self) -> str:
        """In a sentence or two."""
        return self.across.answer if self.across else self.outcomes[0].summary.answer

    @property
    def remarks(self) -> list[str]:
        """Notes for the user, with the data set where there are several."""
        if self.across is None:
            return list(self.outcomes[0].remarks)
        return [
            f"{on.dataset}: {remark}"
            for on, outcome in zip(self.across.datasets, self.outcomes, strict=True)
            for remark in outcome.remarks
        ]


def refuse_contradictions(request: Request) -> None:
    """Checks options against each other.

    Raises:
        UsageError: one has no meaning without another.
    """
    if request.at_most is not None and not request.until_decided:
        raise UsageError(f"--at-most ends --until-decided, got --at-most {request.at_most} without it: add it")


def run_file(file: StudyFile, request: Request, backend: Backend, display: Display) -> Ran:
    """Runs a study as a request asks, and shows how it goes.

    Raises:
        UsageError: options contradict each other.
        KeyboardInterrupt, DlstudyError: as `run_study` raises them.
    """
    refuse_contradictions(request)
    with Notifier(backend.notify, display.say).around(file.name) as tell:
        ran = _run(file, request, backend, display)
        tell(f"{ran.answer}\n\n{ran.n_trained} trainings, {ran.n_failed} failed")
    return ran


def _run(file: StudyFile, request: Request, backend: Backend, display: Display) -> Ran:
    request, *others = request.on_each(file.study.dataset)
    if others and request.until_decided:
        raise UsageError(f"--until-decided runs on one data set, got {1 + len(others)}: name one of them")
    if others:
        return _run_on_each(file, [request, *others], backend, display)
    run = _run_stages if request.until_decided else run_shown
    return Ran([run(file, request, backend, display)])


def run_shown(file: StudyFile, request: Request, backend: Backend, display: Display) -> Outcome:
    """Runs a study on one data set, and shows its progress."""
    with ProgressView(display.view(), file.study.protocol.direction) as progress:
        return run_study(file, request, backend, progress, progress.say)


def _run_on_each(file: StudyFile, requests: Sequence[Request], backend: Backend, display: Display) -> Ran:
    """Runs a study on several data sets, once it is known that it can run on each."""
    refuse_before_any(file, requests, backend, lambda line: display.say(line, "dim"))
    outcomes = []
    for request in requests:
        display.say(f"\n{request.variant.dataset or file.study.dataset}", "bold")
        outcomes.append(run_shown(file, request, backend, display))
        display.say(outcomes[-1].summary.answer)
    summary = summarize_across(file.study, [outcome.summary for outcome in outcomes])
    return Ran(outcomes, summary, export_all_across(summary, backend.home.reports(file.name)))


def _run_stages(file: StudyFile, request: Request, backend: Backend, display: Display) -> Outcome:
    record = Record.open(backend.home, backend.storage, for_writing=False)
    stages = next_stages(resolve(file, request), request, record)
    return run_until_decided(
        lambda stage: run_shown(file, stage, backend, display), request, stages, lambda line: display.say(line, "bold")
    )
