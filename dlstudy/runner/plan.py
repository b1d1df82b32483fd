"""What a run has to train: which trials are wanted, which are done, which comes next, and where each result goes."""

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from dlstudy.analysis.trial_index import winner
from dlstudy.common.provenance import made_with
from dlstudy.datasets import registry
from dlstudy.engines.base import Ended
from dlstudy.errors import UsageError
from dlstudy.runner.search import fixed_rows, make_pruner, make_sampler
from dlstudy.store.home import Home
from dlstudy.store.record import ArmRecord, Record
from dlstudy.study.events import Totals
from dlstudy.study.fingerprint import REPEATED, Part, define_all, split_of
from dlstudy.study.loader import StudyFile
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import (
    ENDED_FOR_GOOD,
    TrialRecord,
    TrialResult,
    TrialSpec,
    make_parameters,
    params_key,
    seed_of,
    stream_of,
)
from dlstudy.study.variant import Variant

__all__ = ["Choice", "Plan"]

_TRIES = 2
"""Tries of a trial whose worker died, in one run: after the last it has failed."""


@dataclass(frozen=True)
class Choice:
    """What a user asked to run.

    Args:
        variant: how it differs from the study file.
        name: the variant's name in the record, generation included.
        phases, arms: the parts to run.
        also: whether printed figures with settings of their own are trained too.
    """

    variant: Variant
    name: str
    phases: Sequence[str]
    arms: Sequence[str]
    also: bool = False


@dataclass
class _Item:
    """One wanted training; `tuned` is None while a sampler still has to propose the parameters."""

    arm: Arm
    phase: str
    row: int
    tuned: Mapping[str, Any] | None
    search: int = 1
    tries: int = 0

    @property
    def part(self) -> Part:
        return self.phase, self.arm.name, self.search


@dataclass
class _PartState:
    """One arm in one phase of a search: its record, how many trainings are wanted, those still missing or in flight."""

    open_record: Callable[[], ArmRecord]
    wanted: int = 0
    done: int = 0
    open: int = 0
    known: list[TrialRecord] = field(default_factory=list)

    @cached_property
    def record(self) -> ArmRecord:
        """Its record, begun if it is not there."""
        return self.open_record()

    def load(self) -> None:
        """Reads what there is."""
        self.known = self.record.trials()


class Plan:
    """The trials that a run wants and does not have, in the order in which they are to be trained."""

    def __init__(self, file: StudyFile, study: Study, choice: Choice, *, home: Home, record: Record) -> None:
        """Ends what a dead process left in flight, opens the record of every part and finds what is missing.

        Raises:
            RecordError: a part was begun with another definition.
            UsageError: a part needs another that is neither asked for nor complete.
        """
        self._file, self._study, self._choice, self._home = file, study, choice, home
        self._waiting: deque[_Item] = deque()
        self._in_flight: dict[str, _Item] = {}
        arms = [study.arm(name) for name in choice.arms]
        definitions = define_all(file, study, choice.variant, choice.name, choice.arms)
        known = record.refuse_other(dict(definitions.values()))
        record.end_open(file.name, choice.name, "the process that ran the study ended while it trained")
        self._parts = {
            part: _PartState(partial(self._open, record, part, name, definition))
            for part, (name, definition) in definitions.items()
        }
        for part, (name, _) in definitions.items():
            if name in known:  # the others are begun with their first trial: a run that is refused leaves no trace
                self._parts[part].load()
        for phase in ("printed", "defaults", "search", "sweep"):
            if phase in choice.phases:
                missing = [item for arm in arms for k in self._searches(phase) for item in self._missing(arm, phase, k)]
                self._waiting += sorted(missing, key=lambda item: (item.search, item.row))  # arms side by side
        for search in self._searches("replicate"):
            for arm in arms:
                self._replicate_when_searched(arm, search)

    @property
    def totals(self) -> Totals:
        """Trainings done and wanted, of each phase and arm that was asked for."""
        totals: dict[tuple[str, str], tuple[int, int]] = {}
        for (phase, arm, _), state in self._parts.items():
            if phase in self._choice.phases and state.wanted:
                done, wanted = totals.get((phase, arm), (0, 0))
                totals[phase, arm] = (done + state.done, wanted + state.wanted)
        return totals

    @property
    def n_waiting(self) -> int:
        """Trainings that could start now."""
        return len(self._waiting)

    @property
    def n_missing(self) -> int:
        """Trainings that are wanted and not done, those that cannot start yet included."""
        return sum(wanted - done for done, wanted in self.totals.values())

    def next(self) -> TrialSpec | None:
        """Begins the next training in the record; None when nothing can start now."""
        if not self._waiting:
            return None
        item = self._waiting.popleft()
        record = self._parts[item.part].record
        seed = seed_of(self._file.name, item.phase, item.row, stream_of(item.arm, item.search))
        if item.tuned is None:
            key, item.tuned = record.propose(item.arm.space)
            params = make_parameters(item.arm, self._study.protocol, item.tuned)
            record.describe(key, item.row, seed, item.tuned, params)
        else:
            params = make_parameters(item.arm, self._study.protocol, item.tuned)
            key = record.begin(item.row, seed, item.tuned, params, item.arm.space)
        item.tries += 1
        self._in_flight[key] = item
        return self._spec(item, key, seed, params)

    def report(self, spec: TrialSpec, metrics: Mapping[str, float], epoch: int) -> bool:
        """Tells the pruner of an epoch; whether the trial should go on."""
        value = metrics.get(self._study.protocol.metric)
        if value is None:
            return True
        return self._parts[self._in_flight[spec.key].part].record.report(spec.key, epoch, value)

    def end(self, ended: Ended, run_id: str) -> TrialRecord:
        """Writes a result into the record, and plans what follows from it."""
        item = self._in_flight.pop(ended.spec.key)
        part = self._parts[item.part]
        result, value = self._judge(item, ended.result)
        written = part.record.end(ended.spec, result, value, run_id)
        part.known.append(written)
        if result.state == "lost":
            self._waiting.append(item)  # the last: what killed it may be over by then
            return written
        part.open -= 1
        part.done += result.state in ENDED_FOR_GOOD
        if item.phase == "search":
            self._replicate_when_searched(item.arm, item.search)
        return written

    def give_up(self, reason: str) -> list[TrialRecord]:
        """Writes every training in flight down as killed: the next run trains it again.

        The record says which these are: a run may be stopped between the two steps of whatever it does.
        """
        begun = [part.record for part in self._parts.values() if "record" in vars(part)]
        return [trial for record in begun for trial in record.end_all(reason)]

    def _open(self, record: Record, part: Part, name: str, definition: Mapping[str, Any]) -> ArmRecord:
        study, make, pruner = self._study, None, None
        if part[0] == "search":
            pruner = make_pruner(self._choice.variant, study.protocol)
            if self._choice.variant.sampler == "tpe":
                make = partial(make_sampler, name)
        opened = ArmRecord(
            record, name, study.protocol.direction, make_sampler=make, pruner=pruner, made_with=self._made_with
        )
        opened.keep_definition(definition)
        return opened

    @cached_property
    def _made_with(self) -> dict[str, str]:
        return made_with(self._file.path)

    def _searches(self, phase: str) -> range:
        return range(1, 1 + (self._study.protocol.searches if phase in REPEATED else 1))

    def _missing(self, arm: Arm, phase: str, search: int) -> list[_Item]:
        """The wanted trainings of a part that no trial has ended for good.

        What makes two trainings the same is in a search the row, elsewhere the setting and the index of the seed.
        """
        part, protocol = self._parts.get((phase, arm.name, search)), self._study.protocol
        if part is None:
            return []
        ended = [trial for trial in part.known if trial.ended_for_good]
        if phase == "search":
            part.wanted = protocol.trials if arm.space else 1
            missing = self._unsearched(arm, search, part, {trial.row for trial in ended})
        else:
            keyed = {
                (params_key(make_parameters(arm, protocol, setting)), row): setting
                for setting, n_seeds in self._settings(arm, phase, search)
                for row in range(n_seeds)
            }
            part.wanted = len(keyed)
            done = {(trial.setting_key, trial.row) for trial in ended}
            missing = [
                _Item(arm, phase, row, setting, search)
                for (key, row), setting in keyed.items()
                if (key, row) not in done
            ]
        part.done, part.open = part.wanted - len(missing), len(missing)
        return missing

    def _unsearched(self, arm: Arm, search: int, part: _PartState, done: Set[int]) -> list[_Item]:
        rows = [row for row in range(part.wanted) if row not in done]
        if not rows:  # the design takes a second of SciPy
            return []
        stream = stream_of(arm, search)
        table = fixed_rows(self._file.name, arm.space, part.wanted, self._choice.variant, stream)
        # A row that was begun keeps its parameters, whoever proposed them.
        begun = {trial.row: trial.tuned for trial in part.known}
        return [_Item(arm, "search", row, table[row] if table else begun.get(row), search) for row in rows]

    def _settings(self, arm: Arm, phase: str, search: int) -> list[tuple[Mapping[str, Any], int]]:
        """What an arm is trained at in a phase other than the search, and on how many seeds."""
        study = self._study
        if phase == "sweep":
            return [(point, sweep.seeds) for sweep in study.sweeps for point in study.sweep_settings(sweep, arm)]
        if phase == "defaults":
            settings: list[Mapping[str, Any]] = [arm.defaults or {}]
        else:
            settings = self._printed_settings(arm) if phase == "printed" else self._winning_setting(arm, search)
        return [(setting, study.protocol.seeds) for setting in settings]

    def _winning_setting(self, arm: Arm, search: int) -> list[Mapping[str, Any]]:
        best = winner(self._parts["search", arm.name, search].known, self._study.protocol.direction)
        return [best.tuned] if best else []

    def _printed_settings(self, arm: Arm) -> list[Mapping[str, Any]]:
        """The arm's printed setting, and on request those of figures that have one of their own."""
        settings: list[Mapping[str, Any]] = [dict(arm.printed or {})]
        for figure in self._study.printed if self._choice.also else ():
            setting = {**(arm.printed or {}), **figure.setting}
            if figure.arm == arm.name and setting not in settings:
                settings.append(setting)
        return settings

    def _replicate_when_searched(self, arm: Arm, number: int) -> None:
        """Plans the replicates of an arm as soon as that search of it is over."""
        search, replicate = self._parts["search", arm.name, number], self._parts["replicate", arm.name, number]
        if "replicate" not in self._choice.phases:
            return
        replicate.wanted = self._study.protocol.seeds
        if "search" not in self._choice.phases:
            self._missing(arm, "search", number)
            if search.open:
                raise UsageError(
                    f"replicates of {arm.name} need its search, which has {search.done} of {search.wanted} trials: "
                    "run --phase search first"
                )
        if search.open == 0:
            self._waiting += self._missing(arm, "replicate", number)

    def _value_metric(self, arm: Arm, phase: str) -> str:
        judged_on_test = not split_of(self._study, arm, phase).validation
        return self._study.test_metric if judged_on_test else self._study.protocol.metric

    def _judge(self, item: _Item, result: TrialResult) -> tuple[TrialResult, float | None]:
        """The value of a finished trial; a metric that the model does not give, or a second loss, makes it failed."""
        if result.state == "lost" and item.tries == _TRIES:
            return dataclasses.replace(result, state="failed"), None
        if result.state != "finished":
            return result, None
        metric = self._value_metric(item.arm, item.phase)
        if metric in result.metrics:
            return result, result.metrics[metric]
        if metric in result.history:
            reason = f"{metric} was no longer a finite number at the end of training"
            return dataclasses.replace(result, state="diverged", reason=reason), None
        of_training = self._study.protocol.metric.replace("val_", "train_", 1)
        if item.phase == "printed" and of_training in result.metrics:
            return result, result.metrics[of_training]  # a document may have judged by its training rows alone
        given = ", ".join(sorted(result.metrics)) or "none"
        return TrialResult("failed", f"the model gives no metric {metric}: it gives {given}", slot=result.slot), None

    def _spec(self, item: _Item, key: str, seed: int, params: Mapping[str, Any]) -> TrialSpec:
        study, protocol, name = self._study, self._study.protocol, params_key(params)
        split = split_of(study, item.arm, item.phase)
        reads_test = split.test is not None or registry.describe(study.dataset).n_test
        metrics_of = "test" if split.validation else "test each epoch"
        if item.phase in ("search", "sweep") or not reads_test:
            metrics_of = "validation"
        model_folder = folder = None
        if (item.phase, item.search, item.row) == ("replicate", 1, 0):
            model_folder = str(self._home.model(self._file.name, self._choice.name, item.arm.name, name))
        if study.callbacks or study.go_on:
            trial = f"{item.phase}{'' if item.search == 1 else f'-{item.search}'}-{item.row}-{name}"
            folder = str(self._home.trial_files(self._file.name, self._choice.name, item.arm.name, trial))
        return TrialSpec(
            key=key,
            study_path=str(self._file.path),
            dataset=self._study.dataset,
            arm=item.arm.name,
            phase=item.phase,
            row=item.row,
            params=params,
            seed=seed,
            epochs=int(params["epochs"]),
            batch_size=int(params["batch_size"]),
            split=split,
            rows=protocol.rows,
            metrics_of=metrics_of,
            prunable=self._choice.variant.pruner != "none" and item.phase == "search",
            model_folder=model_folder,
            folder=folder,
            search=item.search,
            silence_s=protocol.silence_s,
        )
