"""A whole run, as the command line asks for it: record, MLflow, engine, report."""

import dataclasses
import errno
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError

from dlstudy.analysis.reading import summary_of
from dlstudy.analysis.registration import plan_of, read_plan
from dlstudy.analysis.results import StudySummary
from dlstudy.common.processes import stopping_signals
from dlstudy.datasets import registry
from dlstudy.engines.base import Decide, Engine
from dlstudy.errors import DataError, RecordError, StoreError, StudyError
from dlstudy.report.export import export_all
from dlstudy.report.figures.claims import differences_png
from dlstudy.report.figures.winner_figures import winner_figures
from dlstudy.report.formats.pdf import NO_TYPST, can_make_pdf
from dlstudy.runner.backend import Backend, engine_maker, require_tensorflow
from dlstudy.runner.check import check_arms, opened_by, refuse_faults, tell_warnings
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.loop import train_missing
from dlstudy.runner.notifying import Notifier, StandstillWatch
from dlstudy.runner.noting import RunNotes
from dlstudy.runner.plan import Plan, Selection, refuse_other_definitions
from dlstudy.runner.recorder import TrialRecorder
from dlstudy.runner.state_writer import StateWriter
from dlstudy.store.databases import reason_of
from dlstudy.store.home import Home
from dlstudy.store.notes import read_notes
from dlstudy.store.record import Record
from dlstudy.store.snapshots import last_snapshot
from dlstudy.study.archive import SUFFIX, read_archive
from dlstudy.study.events import Listener
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord
from dlstudy.tracking.runs import MlflowRuns
from dlstudy.tracking.stores import tracking_uri
from dlstudy.tracking.study_run import StudyRun
from dlstudy.tracking.tracker import Tracker

__all__ = ["Outcome", "begin_run", "refuse_before_any", "run_study"]

_PATIENCE_S = 8.0
"""How long a run that was stopped waits for MLflow."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Args:
        summary: of what the record then has.
        n_trained: trainings of this run.
        reports: the files written.
        remarks: notes for the user.
        is_whole: whether it ended because nothing was left to train, and not because its time was over.
    """

    summary: StudySummary
    n_trained: int
    reports: Sequence[Path]
    remarks: Sequence[str] = field(default_factory=tuple)
    is_whole: bool = True


def run_study(
    file: StudyFile, request: Request, backend: Backend, progress: Listener, say: Callable[[str], None]
) -> Outcome:
    """Trains what is missing of a study, writes MLflow and the reports, and sums up.

    Raises:
        KeyboardInterrupt: after everything is recorded.
        DlstudyError: as the parts raise it.
    """
    study = resolve(file, request)
    uri = tracking_uri(backend.home, backend.tracking)
    _refuse_before_writing(study, request, backend)
    backend.home.create()
    with (
        _storage_errors_translated(backend.home),
        backend.home.held(study.name, backend.storage) as lock,
        stopping_signals(),
    ):
        study = _kept_in(study, backend.home)
        record = Record.open(backend.home, backend.storage, guard=lock.require)
        study, plan, recorder = begin_run(study, request, backend.home, record)
        session = _Session(study, record, backend, say)
        tracker = Tracker(uri, backend.home, StudyRun.of(study, request.reported_variants), session.trials(), say)
        if not plan.n_waiting:
            tracker.wake()
        try:
            return session.run(plan, recorder, tracker, progress)
        finally:
            tracker.close()


def refuse_before_any(
    file: StudyFile, requests: Sequence[Request], backend: Backend, say: Callable[[str], None]
) -> None:
    """Checks several runs of a study, one for each data set, as each would be checked before its first trial.

    Raises:
        DlstudyError: one of them cannot work; nothing is written.
    """
    studies = [resolve(file, request) for request in requests]
    own = registry.describe(file.study.dataset)
    for data in [study.about for study in studies if study.about.task != own.task]:
        raise StudyError(
            f"all data sets of a run must be for {own.task}, as {own.name} of {file.name} is, got {data.name}, for "
            f"{data.task}: leave it out"
        )
    require_tensorflow()
    record = Record.open(backend.home, backend.storage, for_writing=False)
    plans = [_plan_unwritten(study, request, record) for study, request in zip(studies, requests, strict=True)]
    for study, arms in [(study, plan.untried) for study, plan in zip(studies, plans, strict=True) if plan.untried]:
        say(f"checking {study.name} on {study.about.shown_name}")
        with closing(engine_maker(backend, study.dataset, say, study.file)(len(arms), lambda *_: True)) as engine:
            refuse_faults(check_arms(study, arms, engine), study.dataset)


def begin_run(
    study: ResolvedStudy, request: Request, home: Home, record: Record
) -> tuple[ResolvedStudy, Plan, TrialRecorder]:
    """What a run selects, what it has to train, and what records that. Hold the study's lock.

    Trials that a dead process left running are ended first: a trial whose result was written before it died need not be
    trained again.

    Raises:
        RecordError: a part was begun with another definition.
        UsageError: a part needs another that is neither requested nor complete, or the registered plan is of another
            study.
    """
    study = _in_generation(study, request, record)
    selection = Selection.of(study, request)
    refuse_other_definitions(study, selection, record)
    stated = read_plan(request.registered, study) if request.registered is not None else plan_of(study)
    notes = RunNotes(record, study, stated, is_registered=request.registered is not None)
    recorder = TrialRecorder(study, selection, home, record, notes)
    trials = record.trials(study.name, study.variant)
    plan = Plan(study, selection, trials)
    notes.past(trials, goes_on=plan.n_waiting > 0, now_s=time.time())
    return study, plan, recorder


def _in_generation(study: ResolvedStudy, request: Request, record: Record) -> ResolvedStudy:
    """The study in the newest generation of its variant, or with `--fresh` in the one after it."""
    known = record.variants(study.name).get(request.variant, [])
    newest = known[-1] if known else request.variant
    number = newest.generation + 1 if request.fresh and known else newest.generation
    variant = newest.of_generation(number)
    return dataclasses.replace(study, variant=variant, begun_as=read_notes(record, study.name, variant).begun_as)


def _refuse_before_writing(study: ResolvedStudy, request: Request, backend: Backend) -> None:
    """Raises what opening the stores and planning would raise, before anything is written.

    A rejected run then creates no results folder, and does not mark an older one with this version.
    """
    require_tensorflow()
    if request.registered is not None:
        read_plan(request.registered, study)
    home, has_database = backend.home, backend.storage is not None
    is_earlier = home.root.exists() and not home.is_current
    if has_database or is_earlier or not home.root.exists():
        record = Record.open(home, backend.storage, for_writing=False)
        if is_earlier or not has_database:
            _plan_unwritten(study, request, record)


def _plan_unwritten(study: ResolvedStudy, request: Request, record: Record) -> Plan:
    """The plan of a run that has not begun; raises what beginning it would raise."""
    study = _in_generation(study, request, record)
    selection = Selection.of(study, request)
    refuse_other_definitions(study, selection, record)
    return Plan(study, selection, record.trials(study.name, study.variant))


def _kept_in(study: ResolvedStudy, home: Home) -> ResolvedStudy:
    """The study with its file in the home, where it was made in Python: other commands find it there by its name."""
    if study.path.suffix != SUFFIX or study.path.parent == home.studies:
        return study
    path = read_archive(study.path).write(home.studies)
    return dataclasses.replace(study, file=dataclasses.replace(study.file, path=path))


@contextmanager
def _storage_errors_translated(home: Home) -> Iterator[None]:
    """Turns errors of a disk or a database into a StoreError; the record keeps all that was written before."""
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


@dataclass(frozen=True)
class _Session:
    """One run: what it selects, where its results are kept, and how it reports."""

    study: ResolvedStudy
    record: Record
    backend: Backend
    say: Callable[[str], None]

    def run(self, plan: Plan, recorder: TrialRecorder, tracker: Tracker, progress: Listener) -> Outcome:
        """Trains, and brings MLflow and the reports to what the record then says."""
        study, home = self.study, self.backend.home
        make_engine = engine_maker(self.backend, study.dataset, self.say, study.file)

        def make_checked(n_needed: int, decide: Decide) -> Engine:
            engine = make_engine(n_needed, decide)
            try:
                checks = check_arms(study, plan.untried, engine)
                refuse_faults(checks)
                tell_warnings(checks, self.say)
                recorder.note_files(opened_by(checks), refuse_missing=self.backend.engine == "ray")
            except BaseException:
                engine.close()
                raise
            return engine

        try:
            limits = RunLimits(self.backend.deadline_s, self.backend.failures)
            with self._watched() as watchers:
                listeners = [tracker, progress, *watchers]
                n_trained = train_missing(plan, recorder, make_checked, listeners, tracker.run_id, limits)
            summary = self._settle(tracker)
            lost = self._fetch_models(tracker, summary)
            reports = export_all(summary, home.reports(study.name), winner_figures(summary, home))
            is_whole = not limits.have_ended_it
            tracker.publish(lambda runs: self._publish(runs, summary, reports, is_whole=is_whole))
        except BaseException as error:  # Ctrl-C too: no run of MLflow stays open
            so_far = self._settle(tracker, _PATIENCE_S)
            tracker.publish(lambda runs: runs.end_parent("KILLED", so_far), _PATIENCE_S)
            if isinstance(error, DataError):
                raise _with_other_data(error, study) from error
            raise
        remarks = [*self._remarks_on_models(lost), *_remarks_on_files(summary), *_remarks_on_mlflow(tracker)]
        if not is_whole:
            remarks.append(
                f"the time of this run is over (--hours {self.backend.hours:g}), and at least {plan.n_missing} "
                "trainings are left: run the same command again to go on"
            )
        return Outcome(summary, n_trained, reports, remarks, is_whole)

    @contextmanager
    def _watched(self) -> Iterator[list[Listener]]:
        """While trials train: what writes how far the run is, and what tells that it stands still."""
        backend, in_database = self.backend, self.backend.storage is not None
        with ExitStack() as stack:
            state = StateWriter(self.study, self.record, backend.home, in_database=in_database)
            watchers: list[Listener] = [stack.enter_context(closing(state))]
            if backend.notify is not None:
                watch = StandstillWatch(self.study.name, Notifier(backend.notify, self.say))
                watchers.append(stack.enter_context(closing(watch)))
            yield watchers

    def trials(self) -> list[TrialRecord]:
        """All trials of the study in the record."""
        return self.record.trials(self.study.name, self.study.variant)

    def _settle(self, tracker: Tracker, limit_s: float = math.inf) -> StudySummary:
        """Brings MLflow and the record to the same state, and sums up. Nothing trains any more."""
        self.backend.home.drop_empty_files(self.study.name)
        late = tracker.settle(self.trials(), limit_s=limit_s)
        if late:
            self.record.add_run_ids(late)
        return summary_of(self.study, self.record)

    def _model_folders(self, summary: StudySummary) -> list[tuple[TrialRecord, Path]]:
        """The trials whose models are kept, and where."""
        home, study = self.backend.home, self.study
        return [
            (trial, home.model(study.name, study.variant, arm, trial.setting_key))
            for arm, trial in summary.kept_models().items()
        ]

    def _fetch_models(self, tracker: Tracker, summary: StudySummary) -> list[str]:
        """Fetches models that another machine trained from MLflow; returns the arms whose models are missing."""
        lost = []
        for trial, folder in self._model_folders(summary):
            if trial.result and trial.result.model and not folder.is_dir():
                tracker.publish(partial(MlflowRuns.fetch_model, trial=trial, folder=folder))
                lost += [] if folder.is_dir() else [trial.arm]
        return lost

    def _publish(self, runs: MlflowRuns, summary: StudySummary, reports: Sequence[Path], *, is_whole: bool) -> None:
        """Logs the winners' models and the report to MLflow, and ends the study's run."""
        for trial, folder in self._model_folders(summary):
            runs.log_model(trial, folder)
        if snapshot := last_snapshot(self.record, self.study.name, self.study.variant):
            runs.log_provenance(snapshot.digest, snapshot.files)
        if self.backend.register is not None and is_whole:
            self.say(self._registered(runs, summary, self.backend.register))
        status = "FAILED" if summary.n_failed else "FINISHED" if is_whole else "KILLED"
        runs.end_parent(status, summary, reports, differences_png(summary))

    def _registered(self, runs: MlflowRuns, summary: StudySummary, name: str) -> str:
        """Registers the model of the arm that did best; says what came of it."""
        models, best = summary.kept_models(), next(iter(summary.ranking), None)
        if best is None:
            return f"nothing is registered as {name}: this study ranks no arms"
        version = runs.register_model(models[best], name, summary.answer) if best in models else ""
        if not version:
            return f"nothing is registered as {name}: there is no model of {best}"
        return f"the model of {best} is version {version} of {name} in MLflow's registry"

    def _remarks_on_models(self, lost: Sequence[str]) -> list[str]:
        return [
            f"the model of {arm} is neither in {self.backend.home.root} nor in MLflow: `dlstudy predict` needs it; "
            "--fresh trains it again"
            for arm in lost
        ]


def _remarks_on_files(summary: StudySummary) -> list[str]:
    """What to know before a winner's model is loaded elsewhere, or why it, or a PDF, was not written."""
    kept = {arm: trial.result for arm, trial in summary.kept_models().items()}
    remarks = [f"{arm}: {result.model_remark}" for arm, result in kept.items() if result and result.model_remark]
    return remarks if can_make_pdf() else [*remarks, f"no PDF of the report was written: {NO_TYPST}"]


def _remarks_on_mlflow(tracker: Tracker) -> list[str]:
    if tracker.problem:
        what = f"MLflow could not be written ({tracker.problem})"
        return [*tracker.notes, f"{what}: the record is whole; once that is fixed, run again to catch up"]
    if tracker.missed:
        return [*tracker.notes, "MLflow was unreachable for a time: what it missed has been written from the record"]
    return tracker.notes


def _with_other_data(error: DataError, study: ResolvedStudy) -> DataError:
    """The error with the study's other data sets in its first line."""
    first, *more = str(error).splitlines()
    others = [other for other in study.other_datasets if other != study.dataset]
    if others:
        first += f"; or run the study on other data: {', '.join(f'--dataset {other}' for other in others)}"
    return DataError("\n".join([first, *more]))
