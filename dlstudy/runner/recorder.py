"""Writes a run's trials into the record: begins them, reports their epochs to the pruner, ends them."""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

from dlstudy.analysis.formatting import params_text
from dlstudy.analysis.halving import epochs_of_rung
from dlstudy.analysis.search_budget import BUDGET_SPENT, spent_by
from dlstudy.common.provenance import made_with
from dlstudy.engines.base import TrialOutcome
from dlstudy.errors import StudyError
from dlstudy.runner.input_files import InputFiles
from dlstudy.runner.noting import RunNotes
from dlstudy.runner.plan import Selection, Training
from dlstudy.runner.search import make_pruner, make_sampler
from dlstudy.runner.snapshot import take_snapshot
from dlstudy.store.arm_record import ArmRecord, end_open
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.store.snapshots import note_snapshot
from dlstudy.study.fingerprint import define_all
from dlstudy.study.leakage import twins_of_trial
from dlstudy.study.metrics import train_metric_of
from dlstudy.study.objectives import hypervolumes_alone
from dlstudy.study.own_metrics import names_of
from dlstudy.study.phases import Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import (
    TrialRecord,
    TrialResult,
    TrialSpec,
    TrialState,
    has_no_memory,
    make_parameters,
    params_key,
)
from dlstudy.study.validation import has_value

__all__ = ["TrialRecorder"]

_COUNTING = (TrialState.FINISHED, TrialState.PRUNED)
_TRIES = 2
"""Tries of a trial whose worker died, in one run; after the last, the trial has failed."""


class TrialRecorder:
    """The record's one writer during a run."""

    def __init__(self, study: ResolvedStudy, selection: Selection, home: Home, record: Record, notes: RunNotes) -> None:
        """Ends the trials that a dead process left running. Hold the study's lock."""
        self._study, self._home, self._record, self._notes = study, home, record, notes
        self._definitions = define_all(study, selection.arms)
        self._files = InputFiles(study.file, chain.from_iterable(record.files(study.name, study.variant).values()))
        self._opened: dict[RecordName, ArmRecord] = {}
        self._in_flight: dict[str, Training] = {}
        end_open(record, study.name, study.variant, "the process that ran the study ended while it trained")

    def begin(self, training: Training) -> TrialSpec:
        """Begins a training in the record, and its part with it: a run that is refused leaves no trace."""
        study, name = self._study, training.part
        self._notes.before(name.phase, time.time())
        record = self._open(name)
        seed = study.seed(training.arm, name.phase, training.index, name.search)
        if training.tuned is None:
            key, training.tuned = record.propose(training.space or training.arm.space, training.arm.conditions)
            params = make_parameters(training.arm, study.protocol, training.tuned)
            record.describe(key, training.index, seed, training.tuned, params)
        else:
            params = make_parameters(training.arm, study.protocol, training.tuned)
            space = training.space or training.arm.space
            key = record.begin(training.index, seed, training.tuned, params, space, training.round)
        training.tries += 1
        self._in_flight[key] = training
        spec = study.spec(
            training.arm, name.phase, params, key=key, index=training.index, search=name.search, seed=seed
        )
        return self._with_folders(spec)

    def note_files(self, opened: Iterable[str], *, refuse_missing: bool = False) -> None:
        """Notes files that the study was seen to open, by name, in the definitions of what this run has begun.

        Args:
            opened: their names.
            refuse_missing: whether those that are not on this machine are an error.

        Raises:
            RecordError: one has changed while the study ran.
            StudyError: one is not here.
        """
        if refuse_missing and (missing := self._files.missing(opened)):
            raise StudyError(
                f"the study opens {missing[0]} where it trains, which is not on this machine, so that no change of it "
                "could be noticed: put it beside the study file, and state it in Study.files"
            )
        if self._files.add(opened):
            for name, record in self._opened.items():
                record.keep_definition(self._definition(name))

    def report(self, spec: TrialSpec, metrics: Mapping[str, float], epoch: int) -> bool:
        """Reports an epoch to the pruner; returns whether the trial should continue."""
        value, training = metrics.get(self._study.protocol.metric), self._in_flight[spec.key]
        goes_on = value is None or self._open(training.part).report(spec.key, epoch, value)
        return goes_on and (training.divisor == 1 or epoch < epochs_of_rung(spec.epochs, training.divisor))

    def end(self, outcome: TrialOutcome, run_id: str) -> tuple[Training, TrialRecord]:
        """Writes a result into the record; returns the training and its record.

        Raises:
            RecordError: a file that the trial opened has changed while the study ran.
        """
        self.note_files(outcome.result.opened)
        training = self._in_flight.pop(outcome.spec.key)
        result, value = self._judge(training, self._with_hypervolumes(dataclasses.replace(outcome.result, opened=())))
        if any(name.startswith("test_") for name in result.metrics):
            result = dataclasses.replace(result, twins=twins_of_trial(outcome.spec))
        result, value = self._feasible(training, *self._in_budget(training, result, value))
        trial = self._open(training.part).end(outcome.spec, result, value, run_id)
        if outcome.spec.checkpoint and TrialState.LOST not in (outcome.result.state, result.state):
            Path(outcome.spec.checkpoint).unlink(missing_ok=True)
        return training, trial

    def give_up(self, reason: str) -> list[TrialRecord]:
        """Records every running training as killed: the next run trains it again.

        The record says which these are: a run may be stopped between any two steps.
        """
        return [trial for record in self._opened.values() for trial in record.end_all(reason)]

    def _open(self, name: RecordName) -> ArmRecord:
        if name not in self._opened:
            study, make_own_sampler, pruner = self._study, None, None
            if name.phase is Phase.SEARCH:
                pruner = make_pruner(study.variant, study.protocol)
                if study.variant.proposes:
                    make_own_sampler = partial(make_sampler, study.variant.sampler, name)
            self._opened[name] = ArmRecord(
                self._record, name, study.protocol.direction,
                make_sampler=make_own_sampler, pruner=pruner, made_with=self._made_with,
            )  # fmt: skip
            self._opened[name].keep_definition(self._definition(name))
        return self._opened[name]

    def _definition(self, name: RecordName) -> dict[str, Any]:  # Any: JSON
        return self._definitions[name] | self._files.entry

    @cached_property
    def _made_with(self) -> dict[str, str]:
        """What this run is made with, of which the record has the snapshot then."""
        study, snapshot = self._study, take_snapshot(self._study.file)
        note_snapshot(self._record, study.name, study.variant, snapshot)
        return made_with(study.file.folder) | {"snapshot": snapshot.digest}

    def _with_folders(self, spec: TrialSpec) -> TrialSpec:
        """The spec with where its model goes, if it is kept, and where its code may write."""
        study, key = self._study, params_key(spec.params)
        model_folder = None
        if (spec.phase, spec.search, spec.index) == (Phase.REPLICATE, 1, 0):
            model_folder = str(self._home.model(study.name, study.variant, spec.arm, key))
        folder = str(self._home.trial_files(study.name, str(study.variant), spec))
        prunable = study.variant.pruner != "none" and spec.phase is Phase.SEARCH
        checkpoint = None
        if spec.checkpoint_minutes is not None:
            checkpoint = str(self._home.checkpoint(study.name, str(study.variant), spec))
        return dataclasses.replace(
            spec, model_folder=model_folder, folder=folder, prunable=prunable, checkpoint=checkpoint
        )

    def _in_budget(
        self, training: Training, result: TrialResult, value: float | None
    ) -> tuple[TrialResult, float | None]:
        """The result and value of a trial; of a search trial that ended after the budget was spent, without a value."""
        protocol, name = self._study.protocol, training.part
        if protocol.budget is None or name.phase is not Phase.SEARCH or not training.arm.space:
            return result, value
        before = [trial.result for trial in self._record.trials_of(name)]
        if result.state not in _COUNTING or spent_by([*before, result], protocol) <= protocol.budget:
            return result, value
        reason = f"{BUDGET_SPENT} ({protocol.budget_text})"
        return dataclasses.replace(result, state=TrialState.OVER_TIME, reason=reason), None

    def _with_hypervolumes(self, result: TrialResult) -> TrialResult:
        """The result of a trial, where there are several objectives with how far it reaches them."""
        if not (objectives := self._study.protocol.objectives):
            return result
        alone = hypervolumes_alone(objectives, result.metrics)
        return dataclasses.replace(result, metrics={**result.metrics, **alone})

    def _feasible(
        self, training: Training, result: TrialResult, value: float | None
    ) -> tuple[TrialResult, float | None]:
        """The result and value of a trial; of a search trial that does not keep the constraints, without a value."""
        constraints = self._study.protocol.constraints if training.part.phase is Phase.SEARCH else ()
        broken = [each for each in constraints if not each.holds(result.metrics)]
        if result.state is not TrialState.FINISHED or not broken:
            return result, value
        if absent := [each.metric for each in broken if each.metric not in result.metrics]:
            return _without_metric(f"{absent[0]} for Protocol.constraints", result), None
        reason = "; ".join(f"{each}, and it has {result.metrics[each.metric]:,g}" for each in broken)
        return dataclasses.replace(result, state=TrialState.INFEASIBLE, reason=reason), None

    def _judge(self, training: Training, result: TrialResult) -> tuple[TrialResult, float | None]:
        """The result and value of a trial: without the metric, or if it was lost at its last try, it has failed."""
        if result.state is TrialState.FAILED and has_no_memory(result) and training.tries < _TRIES:
            return dataclasses.replace(result, state=TrialState.LOST), None
        if result.state is TrialState.LOST and training.tries == _TRIES:
            result = dataclasses.replace(result, state=TrialState.FAILED)
        if result.state is TrialState.FAILED and (outside := _outside(training)):
            reason = f"it cannot be trained at {outside}, outside of its stated range: {result.reason}"
            return dataclasses.replace(result, state=TrialState.DIVERGED, reason=reason), None
        if result.state is not TrialState.FINISHED:
            return result, None
        metric = self._study.value_metric(training.arm, training.part.phase)
        if metric in result.metrics:
            return result, result.metrics[metric]
        if metric in result.history and len(result.history[metric]) < result.n_epochs:
            reason = (
                f"{metric} has no value of the weights that the training ended with: its last one is of epoch "
                f"{len(result.history[metric])} of {result.n_epochs}, and at the end the model gives "
                f"{_given(result)}; give the metric the same name in both stages, as in keras.metrics.AUC(name='auc')"
            )
            return TrialResult(TrialState.FAILED, reason, history=result.history, slot=result.slot), None
        if metric in result.history or metric in names_of(self._study.metrics):
            reason = f"{metric} was no longer a finite number at the end of training"
            return dataclasses.replace(result, state=TrialState.DIVERGED, reason=reason), None
        of_training = train_metric_of(self._study.protocol.metric)
        if training.part.phase is Phase.REPORTED and of_training in result.metrics:
            return result, result.metrics[of_training]  # a document may have judged by its training rows alone
        absent = [each.metric for each in self._study.protocol.objectives if each.metric not in result.metrics]
        return _without_metric(", ".join(absent) or metric, result), None


def _without_metric(metric: str, result: TrialResult) -> TrialResult:
    reason = f"the model gives no metric {metric}: it gives {_given(result)}"
    return TrialResult(TrialState.FAILED, reason, slot=result.slot)


def _given(result: TrialResult) -> str:
    """The metrics that a training gave, in words."""
    return ", ".join(sorted(result.metrics)) or "none"


def _outside(training: Training) -> str:
    """The parameters that lie outside of the space that the study states, in words."""
    tuned, space = training.tuned or {}, training.arm.space
    beyond = {name: tuned[name] for name in space if name in tuned and not has_value(space[name], tuned[name])}
    return params_text(beyond) if beyond else ""
