"""A whole run, as the command line asks for it: record, MLflow, engine, report."""

import errno
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError

from dlstudy.analysis.reading import summary_of
from dlstudy.analysis.results import StudySummary
from dlstudy.common.processes import stopping_signals
from dlstudy.common.provenance import git_commit, user
from dlstudy.datasets import registry
from dlstudy.errors import DataError, RecordError, StoreError
from dlstudy.report.export import export_all
from dlstudy.report.figures.claims import differences_png
from dlstudy.report.figures.winner_pictures import pictures_of
from dlstudy.report.tables.reproduction import command
from dlstudy.runner.backend import Where, engine_maker
from dlstudy.runner.loop import choose, run
from dlstudy.runner.plan import Choice, Plan
from dlstudy.store.databases import reason_of
from dlstudy.store.home import Home
from dlstudy.store.locks import Lock
from dlstudy.store.record import Record
from dlstudy.study.events import Listener
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, resolve
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord
from dlstudy.tracking.runs import MlflowRuns, StudyRun, package_tags
from dlstudy.tracking.tracker import Tracker, tracking_uri

__all__ = ["Outcome", "run_study"]


_PATIENCE_S = 8.0
"""A run that was stopped waits so long for MLflow."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: the summary, how many trainings it took, reports written, and what the user should know."""

    summary: StudySummary
    n_trained: int
    reports: Sequence[Path]
    remarks: Sequence[str] = field(default_factory=tuple)


def run_study(
    file: StudyFile, request: Request, where: Where, progress: Listener, say: Callable[[str], None]
) -> Outcome:
    """Trains what is missing of a study, writes MLflow and the reports, and sums up.

    Raises:
        KeyboardInterrupt: after everything is written down.
        DlstudyError: as the parts raise it.
    """
    study = resolve(file, request)
    uri = tracking_uri(where.home, where.tracking)
    _refuse_before_writing(file, study, request, where)
    where.home.create()
    with _faults_told(where.home), _held(file.name, where) as lock, stopping_signals():
        record = Record.open(where.home, where.storage, guard=lock.require)
        choice = choose(file, study, request, record)
        plan = Plan(file, study, choice, home=where.home, record=record)
        job = _Job(file, study, choice, record, where)
        tracker = Tracker(uri, where.home, _study_run(job), job.trials(), say)
        if not plan.n_waiting:
            tracker.wake()
        try:
            return _run_tracked(job, plan, tracker, progress, say)
        except DataError as error:
            raise _with_other_data(error, study) from error
        finally:
            tracker.close()


@contextmanager
def _faults_told(home: Home) -> Iterator[None]:
    """What a disk or a database refuses becomes a StoreError; the record holds all that it took before."""
    try:
        yield
    except OSError as error:
        if error.errno not in (*StoreError.FULL, errno.EROFS, errno.EIO):
            raise
        raise StoreError.of(error, home.root) from error
    except StorageInternalError as error:
        raise StoreError.of_storage(reason_of(error)) from error
    except UpdateFinishedTrialError as error:
        raise RecordError(
            "another run of the study has ended a trial of this one: wait for that, then run the same command again"
        ) from error


@contextmanager
def _held(study: str, where: Where) -> Iterator[Lock]:
    """Holds a study's record, and the home too, where models and reports go; gives the lock of the record."""
    home, record = where.home.lock(study), where.home.lock(study, where.storage)
    with home.held(), nullcontext() if where.storage is None else record.held():
        yield record


def _refuse_before_writing(file: StudyFile, study: Study, request: Request, where: Where) -> None:
    """Raises what opening the stores and planning would raise, while there is no home: one who is refused gets none."""
    if where.storage is None and where.home.root.exists():
        return
    record = Record.open(where.home, where.storage, for_writing=False)
    if where.storage is None:
        Plan(file, study, choose(file, study, request, record), home=where.home, record=record)


def _with_other_data(error: DataError, study: Study) -> DataError:
    """The error with the study's other data sets in its first line."""
    first, *more = str(error).splitlines()
    others = [other for other in study.other_datasets if other != study.dataset]
    if others:
        first += f"; or run the study on other data: {', '.join(f'--dataset {other}' for other in others)}"
    return DataError("\n".join([first, *more]))


@dataclass(frozen=True)
class _Job:
    """What one run is about, and where it goes."""

    file: StudyFile
    study: Study
    choice: Choice
    record: Record
    where: Where

    def trials(self) -> list[TrialRecord]:
        return self.record.trials(self.file.name, self.choice.name)

    def summary(self) -> StudySummary:
        return summary_of(self.file, self.study, self.choice.name, self.record)


def _run_tracked(job: _Job, plan: Plan, tracker: Tracker, progress: Listener, say: Callable[[str], None]) -> Outcome:
    home = job.where.home
    try:
        n_trained = run(plan, job.study.dataset, engine_maker(job.where, say), [tracker, progress], tracker.run_id)
        summary = _settle(job, tracker)
        absent = _bring_models(job, tracker, summary)
        reports = export_all(summary, home.reports(job.file.name), pictures_of(summary, home))
        tracker.publish(lambda runs: _publish(runs, summary, home, reports))
    except BaseException:  # Ctrl-C too: no run of MLflow stays open
        so_far = _settle(job, tracker, _PATIENCE_S)
        tracker.publish(lambda runs: runs.end_parent("KILLED", so_far), _PATIENCE_S)
        raise
    remarks = [
        f"the model of {arm} is neither in {home.root} nor in MLflow: `dlstudy predict` needs it; --fresh trains anew"
        for arm in absent
    ]
    if tracker.problem:
        remarks.append(f"MLflow could not be written ({tracker.problem}): the record is whole; run again to catch up")
    elif tracker.missed:
        remarks.append("MLflow was away for a time: what it missed has been written from the record")
    return Outcome(summary, n_trained, reports, remarks)


def _settle(job: _Job, tracker: Tracker, limit_s: float = math.inf) -> StudySummary:
    """Brings MLflow and the record to the same state, and sums up."""
    late = tracker.settle(job.trials(), limit_s=limit_s)
    if late:
        job.record.add_run_ids(late)
    return job.summary()


def _winners(summary: StudySummary, home: Home) -> list[tuple[TrialRecord, Path]]:
    """The trials whose models are kept, and where: the first replicate of each arm at its winning setting."""
    best = {arm.name: arm.best.setting_key for arm in summary.arms if arm.best}
    return [
        (trial, home.model(summary.study, summary.variant, trial.arm, trial.setting_key))
        for trial in summary.trials
        if (trial.phase, trial.search, trial.row, trial.state) == ("replicate", 1, 0, "finished")
        and trial.setting_key == best.get(trial.arm)
    ]


def _bring_models(job: _Job, tracker: Tracker, summary: StudySummary) -> list[str]:
    """Brings what another machine trained into the home, from MLflow; the arms whose models are nowhere."""
    wanted = [(t, folder) for t, folder in _winners(summary, job.where.home) if t.result and t.result.model]
    for trial, folder in wanted:
        if not folder.is_dir():
            tracker.publish(partial(MlflowRuns.fetch_model, trial=trial, folder=folder))
    return [trial.arm for trial, folder in wanted if not folder.is_dir()]


def _publish(runs: MlflowRuns, summary: StudySummary, home: Home, reports: Sequence[Path]) -> None:
    """Hands the winners' models and the report to MLflow, and ends the study's run."""
    for trial, folder in _winners(summary, home):
        runs.log_model(trial, folder)
    status = "FAILED" if summary.n_failed else "FINISHED"
    runs.end_parent(status, summary, reports, differences_png(summary))


def _study_run(job: _Job) -> StudyRun:
    file, about = job.file, registry.describe(job.study.dataset)
    summary = job.summary()
    profile = f'{{"n_train": {about.n_train}, "n_test": {about.n_test}, "task": "{about.task}"}}'
    tags = {**package_tags(git_commit(file.path.parent), user(), command(summary)), "dlstudy.study": file.name}
    return StudyRun(
        study=file.name,
        variant=job.choice.name,
        tags=tags,
        params={name: str(value) for name, value in summary.protocol.items()},
        dataset={"name": about.name, "digest": about.sha256, "source": about.source, "profile": profile},
        description=job.study.question,
        arms=[arm.name for arm in job.study.arms],
        tuned=sorted({name for arm in job.study.arms for name in arm.space}),
    )
