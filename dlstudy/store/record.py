"""The record: Optuna's storage, one Optuna study for each study, variant, arm and phase, and every trial in it.

Only the parent process writes. Resume, `status` and reports read this and nothing else.
"""

import dataclasses
import datetime
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from dlstudy.errors import DlstudyError, RecordError
from dlstudy.store.databases import Database, reason_of
from dlstudy.store.home import Home
from dlstudy.store.integrity import checksum, legible, require_sound_sqlite
from dlstudy.store.journal import open_journal
from dlstudy.study.fingerprint import changes
from dlstudy.study.study import PHASES
from dlstudy.study.trial import TrialRecord, TrialResult, TrialSpec, params_key

__all__ = ["ArmRecord", "Record"]

_STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
_DESCRIBED = {"row", "seed", "tuned", "params"}
_IN_FLIGHT = (TrialState.RUNNING, TrialState.WAITING)
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Record:
    """All that a home, or a database, remembers."""

    def __init__(self, storage: BaseStorage, check: bool = False, guard: Callable[[], None] = lambda: None) -> None:
        """Reads from a storage.

        Args:
            storage: where the trials are.
            check: whether to compare each trial that has ended with its checksum.
            guard: called before something is written; raises where that must not be.
        """
        self.storage, self.guard = storage, guard
        self._check = check  # a journal has a seal
        self._ended: dict[str, TrialRecord] = {}  # what has ended does not change any more, and is made once

    @classmethod
    def open(
        cls, home: Home, url: str | None = None, for_writing: bool = True, guard: Callable[[], None] = lambda: None
    ) -> "Record":
        """The record of a home, or of a database at an SQLAlchemy URL. A reader finds one empty that is not there.

        Raises:
            RecordError: it cannot be opened or read.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("optuna").setLevel(logging.WARNING)
        if url is None:
            if not for_writing and not home.journal.exists():
                return cls(optuna.storages.InMemoryStorage())
            return cls(open_journal(home.journal, for_writing))
        database = Database.at(url)
        try:
            if database is None:
                require_sound_sqlite(url)
                return cls(optuna.storages.get_storage(url), check=True)  # which reads a trial that has ended once
            from dlstudy.store.rdb import open_storage  # SQLAlchemy takes a while

            return cls(open_storage(database, for_writing), check=True, guard=guard)
        except DlstudyError:
            raise
        except Exception as error:  # each driver has errors of its own; all mean that the URL does not work
            remedy = "restore the database from a backup" if database is None else "see to the server"
            raise RecordError(
                f"the storage that --storage names cannot be opened: {reason_of(error)}: mend the URL, or {remedy}"
            ) from error

    @legible
    def variants(self, study: str) -> dict[str, list[str]]:
        """The generations of each variant of a study, oldest first: `{"default": ["default", "default~2"]}`."""
        found: dict[str, set[int]] = {}
        for name in optuna.get_all_study_names(self.storage):
            parts = name.split("/")
            if len(parts) == 4 and parts[0] == study:
                variant, _, generation = parts[1].partition("~")
                found.setdefault(variant, set()).add(int(generation) if generation.isdecimal() else 1)
        return {name: [_generation(name, number) for number in sorted(numbers)] for name, numbers in found.items()}

    def latest(self, study: str, variant: str | None) -> str:
        """The newest generation of a variant, or the generation of that name; None: the default, or the only one."""
        known = self.variants(study)
        if variant is None and "default" not in known and len(known) == 1:
            variant = next(iter(known))
        wanted = variant or "default"
        return known[wanted][-1] if wanted in known else wanted

    @legible
    def studies(self) -> list[str]:
        """The names of the studies that this record knows."""
        names = (name.split("/") for name in optuna.get_all_study_names(self.storage))
        return sorted({parts[0] for parts in names if len(parts) == 4})

    @legible
    def trials(self, study: str, variant: str) -> list[TrialRecord]:
        """Every trial of a variant, in the order of phases, then arms, searches and numbers."""
        names = [name for name in optuna.get_all_study_names(self.storage) if name.count("/") == 3]
        found = [trial for name in names if name.startswith(f"{study}/{variant}/") for trial in self.trials_of(name)]
        order = {phase: i for i, phase in enumerate(PHASES)}
        return sorted(found, key=lambda trial: (order[trial.phase], trial.arm, trial.search, trial.number))

    @legible
    def made_with(self, study: str, variant: str) -> dict[str, str]:
        """Versions and commit of the runs of a variant; several of one kind where runs differ."""
        found: dict[str, list[str]] = {}
        for name in optuna.get_all_study_names(self.storage):
            if name.startswith(f"{study}/{variant}/"):
                attributes = self.storage.get_study_user_attrs(self.storage.get_study_id_from_name(name))
                for key, value in (pair for made in attributes.get("made_with", []) for pair in made.items()):
                    found.setdefault(key, []).append(value)
        return {key: ", ".join(dict.fromkeys(values)) for key, values in found.items()}

    @legible
    def trials_of(self, name: str) -> list[TrialRecord]:
        """The trials of one Optuna study, `study/variant/arm/phase`, in the order of their numbers.

        A further search of an arm has its number there too: `study/variant/arm/search.2`.
        """
        study_id = self.storage.get_study_id_from_name(name)
        late = self.storage.get_study_user_attrs(study_id).get("run_ids", {})
        trials = self.storage.get_all_trials(study_id, deepcopy=False)
        return [self._trial(trial, name, late) for trial in trials if _is_described(trial)]

    @legible
    def direction(self, name: str) -> str:
        """Whether the values of one Optuna study are to `maximize` or to `minimize`."""
        study_id = self.storage.get_study_id_from_name(name)
        return self.storage.get_study_directions(study_id)[0].name.lower()

    @legible
    def refuse_other(self, definitions: Mapping[str, Mapping[str, Any]]) -> set[str]:  # Any: JSON
        """Checks definitions, by name of their Optuna study, against those that the record began with.

        Returns:
            The names that the record knows.

        Raises:
            RecordError: one differs; says what changed.
        """
        known = set(optuna.get_all_study_names(self.storage)) & set(definitions)
        for name in [name for name in definitions if name in known]:
            old = optuna.load_study(study_name=name, storage=self.storage).user_attrs.get("definition")
            if old is not None and (changed := changes(old, definitions[name])):
                raise RecordError(
                    f"{name} was begun with another definition: {'; '.join(changed)}: "
                    "undo that, or run with --fresh to begin a new generation beside the old"
                )
        return known

    def add_run_ids(self, run_ids: Mapping[str, str]) -> None:
        """Keeps the MLflow runs of trials that ended while MLflow was away, by key."""
        self.guard()
        by_study: dict[str, dict[str, str]] = {}
        for key, run_id in run_ids.items():
            name, _, number = key.rpartition("#")
            by_study.setdefault(name, {})[number] = run_id
        for name, late in by_study.items():
            study = optuna.load_study(study_name=name, storage=self.storage)
            study.set_user_attr("run_ids", {**study.user_attrs.get("run_ids", {}), **late})

    def end_open(self, study: str, variant: str, reason: str) -> None:
        """Ends every trial of a variant that is in flight as killed for that reason. Hold the study's lock."""
        for name in optuna.get_all_study_names(self.storage):
            if not name.startswith(f"{study}/{variant}/"):
                continue
            study_id = self.storage.get_study_id_from_name(name)
            if self.storage.get_all_trials(study_id, deepcopy=False, states=_IN_FLIGHT):
                ArmRecord(self, name, self.direction(name)).end_all(reason)

    def _trial(self, trial: FrozenTrial, name: str, late: Mapping[str, str]) -> TrialRecord:
        key = f"{name}#{trial.number}"
        made = self._ended.get(key) or _trial_record(trial, name)
        if trial.state in _ENDED:
            if self._check and key not in self._ended:
                _require_checksum(trial, key)
            self._ended[key] = made
        late_id = "" if made.run_id else late.get(str(trial.number), "")
        return dataclasses.replace(made, run_id=late_id) if late_id else made


class ArmRecord:
    """The trials of one arm in one phase: an Optuna study, opened for writing."""

    def __init__(
        self,
        record: Record,
        name: str,
        direction: str,
        *,
        make_sampler: Callable[[int], BaseSampler] | None = None,
        pruner: BasePruner | None = None,
        made_with: Mapping[str, str] | None = None,
    ) -> None:
        """Opens it, or begins it.

        Args:
            record: where.
            name: `study/variant/arm/phase`.
            direction: of its value.
            make_sampler: of what proposes parameters where the design is not fixed in advance, from the number of
                trials known so far.
            pruner: ends hopeless trials early.
            made_with: versions and commit, kept with the trials that are begun from now on.
        """
        self.name = name
        self._record = record
        self._study = optuna.create_study(
            storage=record.storage,
            study_name=name,
            direction=StudyDirection[direction.upper()],
            sampler=optuna.samplers.RandomSampler(seed=0),  # asked only where make_sampler gives another
            pruner=pruner or optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        if make_sampler is not None:
            self._study.sampler = make_sampler(len(self._study.get_trials(deepcopy=False)))
        self._made_with = made_with
        self._live: dict[str, Trial] = {}

    def keep_definition(self, definition: Mapping[str, Any]) -> None:  # Any: JSON
        """Writes down what its results rest on, once; see `Record.refuse_other`."""
        if "definition" not in self._study.user_attrs:
            self._study.set_user_attr("definition", dict(definition))

    def trials(self) -> list[TrialRecord]:
        """Its trials in the order of their numbers."""
        return self._record.trials_of(self.name)

    def end_all(self, reason: str) -> list[TrialRecord]:
        """Ends every trial in flight as killed for that reason, and gives them back. Hold the study's lock.

        One whose result stands there, and of which only the state was not written any more, ends as that says.
        """
        self._record.guard()
        ended = []
        for trial in self._study.get_trials(deepcopy=False, states=_IN_FLIGHT):
            known, state = trial.user_attrs.get("result", {}), TrialState.FAIL
            if "value" in known:
                state = _STATES.get(known["state"], state)
            else:
                live = Trial(self._study, trial._trial_id)  # the id has no public name
                live.set_user_attr("result", TrialResult("killed", reason).to_json())
            value = known["value"] if state is TrialState.COMPLETE else None
            told = self._study.tell(trial.number, value, state=state)
            if _is_described(told):
                ended.append(self._record._trial(told, self.name, {}))
        return ended

    def begin(
        self,
        row: int,
        seed: int,
        tuned: Mapping[str, Any],
        params: Mapping[str, Any],
        space: Mapping[str, BaseDistribution],
    ) -> str:
        """Adds a running trial whose parameters are known; its key."""
        self._record.guard()
        attributes = {"row": row, "seed": seed, "tuned": dict(tuned), "params": dict(params)}
        shown = {name: space[name] for name in space if name in tuned and _holds(space[name], tuned[name])}
        running = create_trial(
            state=TrialState.RUNNING,
            params={name: tuned[name] for name in shown},
            distributions=shown,
            user_attrs=attributes,
        )
        # Study.add_trial does the same and does not say which trial it added.
        storage = self._record.storage
        added = storage.create_new_trial(storage.get_study_id_from_name(self.name), running)
        return self._keep(Trial(self._study, added))

    def propose(self, space: Mapping[str, BaseDistribution]) -> tuple[str, dict[str, Any]]:
        """A running trial whose parameters the sampler chose: its key and they."""
        self._record.guard()
        trial = self._study.ask(dict(space))
        return self._keep(trial), dict(trial.params)

    def describe(self, key: str, row: int, seed: int, tuned: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        """Writes down what a proposed trial trains."""
        for name, value in {"row": row, "seed": seed, "tuned": dict(tuned), "params": dict(params)}.items():
            self._live[key].set_user_attr(name, value)

    def report(self, key: str, epoch: int, value: float) -> bool:
        """Reports an epoch to the pruner; whether the trial should go on."""
        trial = self._live[key]
        trial.report(value, epoch)
        return not trial.should_prune()

    def end(self, spec: TrialSpec, result: TrialResult, value: float | None, run_id: str) -> TrialRecord:
        """Writes down how a trial ended, and gives it back as the record now holds it."""
        self._record.guard()
        trial = self._live.pop(spec.key)
        state = _STATES.get(result.state, TrialState.FAIL)
        value = value if state is TrialState.COMPLETE else None
        kept = {**result.to_json(), "run_id": run_id, "value": value}
        kept["checksum"] = _checksum(trial, kept, value)
        trial.set_user_attr("result", kept)  # one write
        told = self._study.tell(trial, value, state=state)
        return self._record._trial(told, self.name, {})

    def _keep(self, trial: Trial) -> str:
        known = self._study.user_attrs.get("made_with", [])
        if self._made_with is not None and dict(self._made_with) not in known:
            self._study.set_user_attr("made_with", [*known, dict(self._made_with)])
        self._made_with = None
        key = f"{self.name}#{trial.number}"
        self._live[key] = trial
        return key


def _generation(variant: str, number: int) -> str:
    return variant if number == 1 else f"{variant}~{number}"


def _holds(distribution: BaseDistribution, value: object) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError):
        return False


def _checksum(trial: FrozenTrial | Trial, result: Mapping[str, Any], value: float | None) -> str:  # Any: JSON
    attributes = trial.user_attrs
    about = [attributes[name] for name in sorted(_DESCRIBED)]
    return checksum(about, result, None if value is None else float(value))


def _require_checksum(trial: FrozenTrial, key: str) -> None:
    result = dict(trial.user_attrs.get("result", {}))
    written = result.pop("checksum", None)  # earlier versions wrote none
    value = trial.value if trial.state is TrialState.COMPLETE else None
    if written is not None and written != _checksum(trial, result, value):
        raise RecordError(f"{key} is no longer what was written: restore the database from a backup")


def _is_described(trial: FrozenTrial) -> bool:
    """Whether it is known what it trains: not where a run was killed between `propose` and the end of `describe`."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or set(trial.user_attrs) >= _DESCRIBED


def _trial_record(trial: FrozenTrial, study_name: str) -> TrialRecord:
    attributes = trial.user_attrs
    arm, part = study_name.split("/")[2:]
    phase, _, search = part.partition(".")
    ended = trial.state in _ENDED
    result = attributes.get("result") if ended else None
    return TrialRecord(
        key=f"{study_name}#{trial.number}",
        phase=phase,
        arm=arm,
        row=attributes["row"],
        number=trial.number,
        seed=attributes["seed"],
        params=attributes["params"],
        tuned=attributes["tuned"],
        result=TrialResult.from_json(result) if result else None,
        value=trial.value if trial.state is TrialState.COMPLETE else None,
        run_id=(result or {}).get("run_id") or attributes.get("run_id", ""),
        started_s=_unix(trial.datetime_start),
        ended_s=_unix(trial.datetime_complete) if ended else None,
        setting_key=params_key(attributes["params"]),
        search=int(search or 1),
    )


def _unix(moment: datetime.datetime | None) -> float:
    return round(moment.timestamp(), 3) if moment else 0.0
