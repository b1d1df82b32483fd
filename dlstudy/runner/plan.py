"""The plan of a run: which trainings are wanted and missing, and which comes next. Writes nothing."""

from collections import deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from dlstudy.analysis.trial_index import winner
from dlstudy.errors import UsageError
from dlstudy.runner.search import fixed_design
from dlstudy.store.record import Record
from dlstudy.study.events import Totals
from dlstudy.study.fingerprint import define_all
from dlstudy.study.phases import Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import Request, ResolvedStudy
from dlstudy.study.seeds import stream_of
from dlstudy.study.study import Arm
from dlstudy.study.trial import TrialRecord, TrialState, make_parameters, params_key

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
    """One wanted training; `tuned` is None while a sampler still has to propose the parameters."""

    arm: Arm
    part: RecordName
    index: int
    tuned: Mapping[str, Any] | None
    tries: int = 0


@dataclass
class _Part:
    """One arm in one phase of a search: what is known of it, what is wanted, missing or in flight."""

    known: list[TrialRecord] = field(default_factory=list)
    wanted: int = 0
    done: int = 0
    missing: int = 0


def refuse_other_definitions(study: ResolvedStudy, selection: Selection, record: Record) -> None:
    """Checks that the record began the selected parts with what the study now says.

    Raises:
        RecordError: a part was begun with another definition.
    """
    record.refuse_other(define_all(study, selection.arms))


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
        self._parts = {name: _Part() for _, name in study.parts(selection.arms)}
        by_place = {(name.phase, name.arm, name.search): part for name, part in self._parts.items()}
        for trial in trials:
            part = by_place.get((trial.phase, trial.arm, trial.search))
            if part is not None:  # the study may have had other arms, and more searches, before
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
        for search in study.searches_of(Phase.REPLICATE):
            for arm in selection.arms:
                self._replicate_when_searched(arm, search)

    @property
    def totals(self) -> Totals:
        """Trainings done and wanted, of each requested phase and arm."""
        totals: dict[tuple[str, str], tuple[int, int]] = {}
        for name, part in self._parts.items():
            if name.phase in self._selection.phases and part.wanted:
                done, wanted = totals.get((name.phase, name.arm), (0, 0))
                totals[name.phase, name.arm] = (done + part.done, wanted + part.wanted)
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

    def next(self) -> Training | None:
        """Takes the next training; None when nothing can start now."""
        return self._waiting.popleft() if self._waiting else None

    def ended(self, training: Training, trial: TrialRecord) -> None:
        """Notes how a training that `next` returned has ended, and plans what follows from it."""
        part = self._parts[training.part]
        part.known.append(trial)
        if trial.state is TrialState.LOST:
            self._waiting.append(training)  # the last: what killed its worker may be over by then
            return
        part.missing -= 1
        part.done += trial.state.is_final
        if training.part.phase is Phase.SEARCH:
            self._replicate_when_searched(training.arm, training.part.search)

    def _missing(self, arm: Arm, phase: Phase, search: int) -> list[Training]:
        """The wanted trainings of a part that have no final trial.

        Trainings are identified in a search by the index, elsewhere by the setting and the index of the seed.
        """
        name = self._study.record_name(arm, phase, search)
        part = self._parts.get(name)
        if part is None:
            return []
        final = [trial for trial in part.known if trial.state.is_final]
        if phase is Phase.SEARCH:
            part.wanted = self._study.protocol.trials if arm.space else 1
            missing = self._unsearched(arm, name, part, {trial.index for trial in final})
        else:
            keyed = {
                (params_key(make_parameters(arm, self._study.protocol, setting)), index): setting
                for setting, n_seeds in self._settings(arm, phase, search)
                for index in range(n_seeds)
            }
            part.wanted = len(keyed)
            done = {(trial.setting_key, trial.index) for trial in final}
            missing = [
                Training(arm, name, index, setting)
                for (key, index), setting in keyed.items()
                if (key, index) not in done
            ]
        part.done, part.missing = part.wanted - len(missing), len(missing)
        return missing

    def _unsearched(self, arm: Arm, name: RecordName, part: _Part, done: Set[int]) -> list[Training]:
        indices = [index for index in range(part.wanted) if index not in done]
        if not indices:  # the design takes a second of SciPy
            return []
        stream = stream_of(arm, name.search)
        table = fixed_design(self._study.name, arm.space, part.wanted, self._study.variant, stream)
        # A trial that was begun keeps its parameters, however they were chosen.
        begun = {trial.index: trial.tuned for trial in part.known}
        return [Training(arm, name, index, table[index] if table else begun.get(index)) for index in indices]

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
            best = winner(searched, study.protocol.direction)
            settings = [best.tuned] if best else []
        return [(setting, study.protocol.seeds) for setting in settings]

    def _reported_settings(self, arm: Arm) -> list[Mapping[str, Any]]:
        """The arm's reported setting, and on request those of figures that have one of their own."""
        settings: list[Mapping[str, Any]] = [dict(arm.reported or {})]
        for figure in self._study.reported if self._selection.reported_variants else ():
            setting = {**(arm.reported or {}), **figure.setting}
            if figure.arm == arm.name and setting not in settings:
                settings.append(setting)
        return settings

    def _replicate_when_searched(self, arm: Arm, number: int) -> None:
        """Plans the replicates of an arm as soon as that search of it is over."""
        if Phase.REPLICATE not in self._selection.phases:
            return
        search, replicate = (
            self._parts[self._study.record_name(arm, phase, number)] for phase in (Phase.SEARCH, Phase.REPLICATE)
        )
        replicate.wanted = self._study.protocol.seeds
        if Phase.SEARCH not in self._selection.phases:
            self._missing(arm, Phase.SEARCH, number)
            if search.missing:
                raise UsageError(
                    f"replicates of {arm.name} need its search, which has {search.done} of {search.wanted} trials: "
                    "run --phase search first"
                )
        if search.missing == 0:
            self._waiting += self._missing(arm, Phase.REPLICATE, number)
