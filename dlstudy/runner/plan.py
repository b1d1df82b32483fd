"""The plan of a run: which trainings are wanted and missing, and which comes next. Writes nothing."""

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution

from dlstudy.analysis.fronts import front
from dlstudy.analysis.halving import next_rung
from dlstudy.analysis.search_budget import next_index
from dlstudy.analysis.search_rounds import around, reached, round_size, rounds_wanted, takes_rounds, trials_in
from dlstudy.errors import UsageError
from dlstudy.runner.search import fixed_design, round_design
from dlstudy.store.record import Record
from dlstudy.study.arm import Arm
from dlstudy.study.events import Totals
from dlstudy.study.fingerprint import define_all
from dlstudy.study.phases import Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import Request, ResolvedStudy
from dlstudy.study.trial import TrialRecord, TrialState, has_no_memory, make_parameters, params_key

__all__ = ["Plan", "Selection", "Training", "refuse_other_definitions"]


@dataclass(frozen=True)
class Selection:
    """The parts of a study that a run is about.

    Args:
        phases, arms: those that are requested.
        reported_variants: whether reported figures with settings of their own are trained too.
    """

    phases: Sequence[Phase]
    arms: Sequence[Arm]
    reported_variants: bool = False

    @classmethod
    def of(cls, study: ResolvedStudy, request: Request) -> "Selection":
        """What a request selects; everything, if it does not say."""
        arms = [study.arm(name) for name in request.arms or [arm.name for arm in study.arms]]
        return cls([Phase(phase) for phase in request.phases or Phase], arms, request.reported_variants)


@dataclass
class Training:
    """One wanted training; `tuned` is None while a sampler still has to propose the parameters.

    A training of a round of the search has its number, and the space that it was drawn from. One that ran out of memory
    is tried again `alone`. One of an early rung of successive halving is stopped after its epochs over `divisor`.
    """

    arm: Arm
    part: RecordName
    index: int
    tuned: Mapping[str, Any] | None
    tries: int = 0
    round: int = 0
    space: Mapping[str, BaseDistribution] | None = None
    alone: bool = False
    divisor: int = 1


@dataclass
class _Part:
    """One arm in one phase of a search: what is known of it, what is wanted, missing or in flight.

    `batch` has the indices of the search's present part: its first settings, or a round.
    """

    known: list[TrialRecord] = field(default_factory=list)
    batch: range = range(0)
    wanted: int = 0
    least: int = 0
    done: int = 0
    missing: int = 0
    ended: set[int] = field(default_factory=set)


def refuse_other_definitions(study: ResolvedStudy, selection: Selection, record: Record) -> None:
    """Checks that the record began the selected parts with what the study now says.

    Raises:
        RecordError: a part was begun with another definition.
    """
    record.refuse_other(define_all(study, selection.arms, record.files(study.name, study.variant)))


class Plan:
    """The trainings that a run wants and does not have, in the order in which they are to be done."""

    def __init__(self, study: ResolvedStudy, selection: Selection, trials: Sequence[TrialRecord]) -> None:
        """Finds what is missing.

        Args:
            study: as the request runs it.
            selection: the parts to run.
            trials: all that the record has of the study.

        Raises:
            UsageError: a part needs another that is neither requested nor complete.
        """
        self._study, self._selection = study, selection
        self._waiting: deque[Training] = deque()
        has_round = study.protocol.rounds > 0 and takes_rounds(selection.arms)
        self._least_trials = trials_in(study.protocol, int(has_round))
        # What later searches begin in: where there are rounds, the first search finds it. Where each search has a split
        # of its own, it finds it for itself: the first one has seen the test rows of the others.
        is_found = has_round and not study.protocol.split.resample
        self._ranges = None if is_found else {arm.name: arm.space for arm in selection.arms}
        self._parts = {name: _Part() for _, name in study.parts(selection.arms)}
        by_place = {(name.phase, name.arm, name.search): part for name, part in self._parts.items()}
        is_stepwise = study.variant.halves or study.protocol.budget is not None
        for trial in trials:
            part = by_place.get((trial.phase, trial.arm, trial.search))
            # The study may have had other arms, and more searches, before. What failed then is tried again.
            if part is not None and not (is_stepwise and trial.state is TrialState.FAILED):
                part.known.append(trial)
        for phase in (Phase.REPORTED, Phase.DEFAULTS, Phase.SEARCH, Phase.SWEEP):
            if phase in selection.phases:
                missing = [
                    training
                    for arm in selection.arms
                    for search in study.searches_of(phase)
                    for training in self._missing(arm, phase, search)
                ]
                self._waiting += sorted(missing, key=lambda item: (item.part.search, item.index))  # arms alternate
        self._elsewhere = _searched_elsewhere(selection, trials)
        self._rounds: dict[int, int] = {}  # begun, by search
        self._replicated: set[RecordName] = set()  # parts whose trainings wait, or are done
        self._go_on(1)
        for search in study.searches_of(Phase.SEARCH)[1:]:
            self._go_on(search)

    @property
    def totals(self) -> Totals:
        """Trainings done and wanted, of each requested phase and arm."""
        totals: dict[tuple[str, str], tuple[int, int]] = {}
        for name, part in self._parts.items():
            if name.phase in self._selection.phases and part.wanted:
                done, wanted = totals.get((name.phase, name.arm), (0, 0))
                totals[name.phase, name.arm] = (done + part.done, wanted + max(part.wanted, part.least))
        return totals

    @property
    def n_waiting(self) -> int:
        """Trainings that could start now."""
        return len(self._waiting)

    @property
    def n_missing(self) -> int:
        """Trainings that are wanted and not done, those that cannot start yet included."""
        return sum(wanted - done for done, wanted in self.totals.values())

    @property
    def untried(self) -> list[Arm]:
        """The arms that wait for a training, and of which none has ended yet."""
        tried = {trial.arm for part in self._parts.values() for trial in part.known if trial.result is not None}
        waiting = {training.arm.name: training.arm for training in self._waiting}
        return [arm for name, arm in waiting.items() if name not in tried]

    def next(self, *, beside_others: bool = False) -> Training | None:
        """Takes the next training; None when nothing can start now.

        Args:
            beside_others: whether other trials train meanwhile, so that none starts that has to be alone.
        """
        if not self._waiting or (beside_others and self._waiting[0].alone):
            return None
        return self._waiting.popleft()

    def ended(self, training: Training, trial: TrialRecord) -> None:
        """Notes how a training that `next` returned has ended, and plans what follows from it."""
        part = self._parts[training.part]
        part.known.append(trial)
        if trial.state is TrialState.LOST:
            training.alone = has_no_memory(trial.result)
            self._waiting.append(training)  # the last: what killed its worker may be over by then
            return
        part.missing -= 1
        part.done += trial.state.is_final and not (self._study.variant.halves and trial.state is TrialState.PRUNED)
        part.ended.add(training.index)
        if training.part.phase is Phase.SEARCH and not part.missing:
            if self._study.protocol.budget is not None:
                self._waiting += self._missing(training.arm, Phase.SEARCH, training.part.search)
            elif self._study.variant.halves:
                self._waiting += self._next_rung(training, part)
            self._go_on(training.part.search)

    def _missing(self, arm: Arm, phase: Phase, search: int) -> list[Training]:
        """The wanted trainings of a part that have no final trial.

        Trainings are identified in a search by the index, elsewhere by the setting and the index of the seed.
        """
        name = self._study.record_name(arm, phase, search)
        part = self._parts.get(name)
        if part is None:
            return []
        final = [trial for trial in part.known if trial.state.is_final]
        if phase is Phase.SEARCH and arm.space and self._study.protocol.budget is not None:
            return self._next_in_budget(arm, name, part)
        if phase is Phase.SEARCH:
            part.wanted = self._study.protocol.trials if arm.space else 1
            part.least = self._least_trials if arm.space else 1
            part.ended, part.batch = {trial.index for trial in final}, range(part.wanted)
            indices = self._pending(part)
            part.done, part.missing = part.wanted - len(indices), len(indices)
            return self._unsearched(arm, name, part, indices)
        keyed = {
            (params_key(make_parameters(arm, self._study.protocol, setting)), index): setting
            for setting, n_seeds in self._settings(arm, phase, search)
            for index in range(n_seeds)
        }
        part.wanted = len(keyed)
        done = {(trial.setting_key, trial.index) for trial in final}
        missing = [
            Training(arm, name, index, setting) for (key, index), setting in keyed.items() if (key, index) not in done
        ]
        part.done, part.missing = part.wanted - len(missing), len(missing)
        return missing

    def _next_in_budget(self, arm: Arm, name: RecordName, part: _Part) -> list[Training]:
        """The next training of a search that has a budget, one at a time; none once that is spent."""
        index = next_index(part.known, self._study.protocol)
        part.ended = {trial.index for trial in part.known if trial.state.is_final}
        part.missing = 0 if index is None else 1
        part.done = len(part.ended)
        part.wanted = part.least = part.done + part.missing
        return [] if index is None else self._unsearched(arm, name, part, {index: 1})

    def _pending(self, part: _Part) -> dict[int, int]:
        """What is missing of a search's batch, of the rung that it has come to: index to divisor."""
        if self._study.variant.halves:
            return next_rung(part.batch, part.known, self._study.protocol)
        return {index: 1 for index in part.batch if index not in part.ended}

    def _next_rung(self, before: Training, part: _Part) -> list[Training]:
        """The trainings of the rung after the one that `before` has ended; none where that was the last one."""
        pending, tuned = self._pending(part), {trial.index: trial.tuned for trial in part.known}
        part.missing = len(pending)
        part.done = len({trial.index for trial in part.known if trial.state.is_final} - pending.keys())
        return [
            dataclasses.replace(before, index=index, tuned=tuned[index], tries=0, alone=False, divisor=divisor)
            for index, divisor in pending.items()
        ]

    def _unsearched(self, arm: Arm, name: RecordName, part: _Part, indices: Mapping[int, int]) -> list[Training]:
        """The trainings of these indices in the design of a search; none while its ranges are not known."""
        space = arm.space if name.search == 1 else (self._ranges or {}).get(arm.name)
        if not indices or space is None:  # the design takes a second of SciPy
            return []
        n_rows = max(part.wanted, 1 + max(indices))
        variant, stream = self._study.variant, self._study.stream(arm, name.search)
        table = fixed_design(self._study.drawn_as, space, n_rows, variant, stream)
        # A trial that was begun keeps its parameters, however they were chosen.
        begun = {trial.index: trial.tuned for trial in part.known}
        known = {**(begun if table is None else dict(enumerate(table))), **dict(enumerate(arm.start))}
        settings = {index: arm.applicable(tuned) for index, tuned in known.items()}
        return [Training(arm, name, i, settings.get(i), space=space, divisor=divisor) for i, divisor in indices.items()]

    def _settings(self, arm: Arm, phase: Phase, search: int) -> list[tuple[Mapping[str, Any], int]]:
        """The settings of an arm in a phase other than the search, and the number of seeds."""
        study = self._study
        if phase is Phase.SWEEP:
            return [(point, sweep.seeds) for sweep in study.sweeps for point in study.sweep_settings(sweep, arm)]
        if phase is Phase.DEFAULTS:
            settings: list[Mapping[str, Any]] = [arm.defaults or {}]
        elif phase is Phase.REPORTED:
            settings = self._reported_settings(arm)
        else:
            searched = self._parts[study.record_name(arm, Phase.SEARCH, search)].known
            protocol = study.protocol
            best = front(searched, protocol.direction, protocol.objectives, protocol.front)
            settings = [trial.tuned for trial in best]
        return [(setting, study.protocol.seeds_of(phase)) for setting in settings]

    def _reported_settings(self, arm: Arm) -> list[Mapping[str, Any]]:
        """The arm's reported setting, and on request those of figures that have one of their own."""
        settings: list[Mapping[str, Any]] = [dict(arm.reported or {})]
        for figure in self._study.reported if self._selection.reported_variants else ():
            setting = {**(arm.reported or {}), **figure.setting}
            if figure.arm == arm.name and setting not in settings:
                settings.append(setting)
        return settings

    def _go_on(self, search: int) -> None:
        """Plans what follows once a search is over in all arms: a round around each winner, else the replicates."""
        arms = self._selection.arms
        if Phase.SEARCH not in self._selection.phases:
            for arm in arms:
                self._missing(arm, Phase.SEARCH, search)
        parts = {arm.name: self._parts[self._study.record_name(arm, Phase.SEARCH, search)] for arm in arms}
        while not (is_missing := any(part.missing for part in parts.values())):
            number = self._rounds.get(search, 0) + 1
            if number > self._rounds_wanted(search, parts):
                break
            self._rounds[search] = number
            new = [training for arm in arms for training in self._round(arm, parts[arm.name], search, number)]
            if Phase.SEARCH in self._selection.phases:
                self._waiting += sorted(new, key=lambda training: training.index)
        for arm in arms if Phase.REPLICATE in self._selection.phases else ():
            self._replicate(arm, search, parts[arm.name], is_over=not is_missing)
        if search == 1 and not is_missing and self._ranges is None:
            self._ranges = {arm.name: reached(arm, parts[arm.name].known) for arm in arms}
            for later in self._study.searches_of(Phase.SEARCH)[1:]:
                if later not in self._rounds:
                    self._begin(later)

    def _begin(self, search: int) -> None:
        """Plans a search whose ranges the first one has found."""
        if Phase.SEARCH in self._selection.phases:
            new = [training for arm in self._selection.arms for training in self._missing(arm, Phase.SEARCH, search)]
            self._waiting += sorted(new, key=lambda training: training.index)
        self._go_on(search)

    def _rounds_wanted(self, search: int, parts: Mapping[str, _Part]) -> int:
        elsewhere = self._elsewhere.get(search, {})
        tried = elsewhere | {arm: part.known for arm, part in parts.items()}
        ended = {arm: {trial.index for trial in known} for arm, known in elsewhere.items()}
        ended |= {arm: part.ended for arm, part in parts.items()}
        return rounds_wanted(self._study, search, tried, ended, parts.keys())

    def _round(self, arm: Arm, part: _Part, search: int, number: int) -> list[Training]:
        """The missing trainings of a round of the search, which counts from now on."""
        if not arm.space:
            return []
        study, first = self._study, part.wanted
        part.wanted = trials_in(study.protocol, number)
        part.batch = range(first, part.wanted)
        indices = self._pending(part)
        part.missing += len(indices)
        part.done += part.wanted - first - len(indices)
        if not indices:
            return []
        space, stream = around(study, arm, part.known, number - 1) or arm.space, study.stream(arm, search)
        table = round_design(study.drawn_as, space, round_size(study.protocol), number, stream)
        name = study.record_name(arm, Phase.SEARCH, search)
        return [
            Training(arm, name, i, arm.applicable(table[i - first]), round=number, space=space, divisor=divisor)
            for i, divisor in indices.items()
        ]

    def _replicate(self, arm: Arm, number: int, search: _Part, is_over: bool) -> None:
        """Plans the replicates of an arm; `is_over` says whether that search of every arm is."""
        name = self._study.record_name(arm, Phase.REPLICATE, number)
        protocol = self._study.protocol
        self._parts[name].wanted = protocol.seeds * (protocol.front if protocol.objectives and arm.space else 1)
        if search.missing and Phase.SEARCH not in self._selection.phases:
            raise UsageError(
                f"replicates of {arm.name} need its search, which has {search.done} of {search.wanted} trials: "
                "run --phase search first"
            )
        if is_over and name not in self._replicated:
            self._replicated.add(name)
            self._waiting += self._missing(arm, Phase.REPLICATE, number)


def _searched_elsewhere(selection: Selection, trials: Sequence[TrialRecord]) -> dict[int, dict[str, list[TrialRecord]]]:
    """The final search trials of arms that are not selected, by search and arm."""
    selected, found = {arm.name for arm in selection.arms}, dict[int, dict[str, list[TrialRecord]]]()
    for trial in trials:
        if trial.phase is Phase.SEARCH and trial.arm not in selected and trial.state.is_final:
            found.setdefault(trial.search, {}).setdefault(trial.arm, []).append(trial)
    return found
