"""Writes the record of one part: an arm in one phase of one search. Only the parent process writes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import Trial, create_trial
from optuna.trial import TrialState as OptunaState

from dlstudy.store.record import Record, checksum_of, is_described
from dlstudy.study.axes import Number
from dlstudy.study.conditions import Conditions, applicable, in_order
from dlstudy.study.phases import Direction
from dlstudy.study.record_name import RecordName
from dlstudy.study.trial import TrialRecord, TrialResult, TrialSpec, TrialState
from dlstudy.study.validation import has_value
from dlstudy.study.variant import Variant

__all__ = ["ArmRecord", "end_open"]

_STATES = {
    TrialState.FINISHED: OptunaState.COMPLETE,
    TrialState.PRUNED: OptunaState.PRUNED,
    TrialState.INFEASIBLE: OptunaState.PRUNED,  # to samplers, worse than all that finished
}
_IN_FLIGHT = (OptunaState.RUNNING, OptunaState.WAITING)


class ArmRecord:
    """The trials of one arm in one phase: an Optuna study, opened for writing."""

    def __init__(
        self,
        record: Record,
        name: RecordName,
        direction: Direction,
        *,
        make_sampler: Callable[[int], BaseSampler] | None = None,
        pruner: BasePruner | None = None,
        made_with: Mapping[str, str] | None = None,
    ) -> None:
        """Opens the part, or creates it.

        Args:
            record: the record that holds the part.
            name: of the part.
            direction: of its value.
            make_sampler: makes the sampler that proposes parameters where the design is not fixed in advance, from
                the number of trials known so far.
            pruner: ends hopeless trials early.
            made_with: versions and commit, kept with the trials that are begun from now on.
        """
        self.name = name
        self._record = record
        self._stored = record.stored_name(name) or str(name)
        self._study = optuna.create_study(
            storage=record.storage,
            study_name=self._stored,
            direction=StudyDirection[direction.name],
            sampler=optuna.samplers.RandomSampler(seed=0),  # asked only where make_sampler gives another
            pruner=pruner or optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self._storage = record.storage
        self._study_id = self._storage.get_study_id_from_name(self._stored)
        if make_sampler is not None:
            self._study.sampler = make_sampler(len(self._study.get_trials(deepcopy=False)))
        self._made_with = made_with
        self._live: dict[str, Trial] = {}

    def keep_definition(self, definition: Mapping[str, Any]) -> None:  # Any: JSON
        """Records the definition that its results depend on, once; see `Record.refuse_other`.

        Files that it does not have yet are added to it: they may come to light in any trial.
        """
        known = self._study.user_attrs.get("definition")
        if known is None:
            self._study.set_user_attr("definition", dict(definition))
            return
        before = known.get("files", {})
        if definition.get("files", {}).keys() - before.keys():
            self._study.set_user_attr("definition", {**known, "files": {**definition["files"], **before}})

    def end_all(self, reason: str) -> list[TrialRecord]:
        """Ends every running trial as killed for that reason, and returns them. Hold the study's lock.

        A trial whose result was written, but whose state was not, ends as the result says.
        """
        self._record.guard()
        ended = []
        for trial in self._study.get_trials(deepcopy=False, states=_IN_FLIGHT):
            known, state = trial.user_attrs.get("result", {}), OptunaState.FAIL
            if "value" in known:
                state = _STATES.get(TrialState(known["state"]), state)
            else:
                trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number)
                self._storage.set_trial_user_attr(trial_id, "result", TrialResult(TrialState.KILLED, reason).to_json())
            value = known["value"] if state is OptunaState.COMPLETE else None
            now = self._study.tell(trial.number, value, state=state)
            if is_described(now):
                ended.append(self._record.trial_record(now, self.name, self._stored))
        return ended

    def begin(
        self,
        index: int,
        seed: int,
        tuned: Mapping[str, Any],
        params: Mapping[str, Any],
        space: Mapping[str, BaseDistribution],
        round: int = 0,
    ) -> str:
        """Adds a running trial whose parameters are known; returns its key."""
        self._record.guard()
        attributes = {"index": index, "seed": seed, "tuned": dict(tuned), "params": dict(params)}
        attributes |= {"round": round} if round else {}
        known = {name: space[name] for name in space if name in tuned and has_value(space[name], tuned[name])}
        running = create_trial(
            state=OptunaState.RUNNING,
            params={name: tuned[name] for name in known},
            distributions=known,
            user_attrs=attributes,
        )
        # Study.add_trial does the same, but does not say which trial it added.
        added = self._storage.create_new_trial(self._study_id, running)
        return self._keep(Trial(self._study, added))

    def propose(
        self, space: Mapping[str, BaseDistribution], conditions: Conditions = MappingProxyType({})
    ) -> tuple[str, dict[str, Any]]:  # Any: JSON scalars
        """Adds a running trial whose parameters the sampler chooses, of those that exist; returns its key and them."""
        self._record.guard()
        trial = self._study.ask({name: space[name] for name in space if name not in conditions})
        for name in in_order(space, conditions):
            if name in conditions and name in applicable(conditions, {**trial.params, name: None}):
                _suggest(trial, name, space[name])
        return self._keep(trial), dict(trial.params)

    def describe(self, key: str, index: int, seed: int, tuned: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        """Records what a proposed trial trains."""
        for name, value in {"index": index, "seed": seed, "tuned": dict(tuned), "params": dict(params)}.items():
            self._live[key].set_user_attr(name, value)

    def report(self, key: str, epoch: int, value: float) -> bool:
        """Reports an epoch to the pruner; returns whether the trial should continue."""
        trial = self._live[key]
        trial.report(value, epoch)
        return not trial.should_prune()

    def end(self, spec: TrialSpec, result: TrialResult, value: float | None, run_id: str) -> TrialRecord:
        """Records how a trial ended, and returns it as the record now holds it."""
        self._record.guard()
        trial = self._live.pop(spec.key)
        state = _STATES.get(result.state, OptunaState.FAIL)
        value = value if state is OptunaState.COMPLETE else None
        kept = {**result.to_json(), "run_id": run_id, "value": value}
        kept["checksum"] = checksum_of(trial, kept, value)
        trial.set_user_attr("result", kept)  # one write
        ended = self._study.tell(trial, value, state=state)
        return self._record.trial_record(ended, self.name, self._stored)

    def _keep(self, trial: Trial) -> str:
        known = self._study.user_attrs.get("made_with", [])
        if self._made_with is not None and dict(self._made_with) not in known:
            self._study.set_user_attr("made_with", [*known, dict(self._made_with)])
        self._made_with = None
        key = f"{self._stored}#{trial.number}"
        self._live[key] = trial
        return key


def end_open(record: Record, study: str, variant: Variant, reason: str) -> None:
    """Ends every running trial of a variant as killed for that reason. Hold the study's lock."""
    for name, stored in record.names(study, variant).items():
        study_id = record.storage.get_study_id_from_name(stored)
        if record.storage.get_all_trials(study_id, deepcopy=False, states=_IN_FLIGHT):
            ArmRecord(record, name, record.direction(name)).end_all(reason)


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> None:
    if isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(name, distribution.choices)
        return
    assert isinstance(distribution, Number)
    suggest: Any = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    suggest(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
