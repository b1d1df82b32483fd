"""The record: Optuna's storage, one Optuna study for each study, variant, arm and phase, and every trial in it.

Resume, `status` and reports read this and nothing else. `arm_record` writes it.
"""

import dataclasses
import datetime
import functools
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial
from optuna.trial import TrialState as OptunaState

from dlstudy.errors import DlstudyError, RecordError
from dlstudy.store.databases import Database, reason_of
from dlstudy.store.earlier import DESCRIBED, upgraded_attributes, upgraded_result
from dlstudy.store.home import Home
from dlstudy.store.integrity import checksum, legible, require_sound_sqlite
from dlstudy.store.journal import open_journal
from dlstudy.study.fingerprint import changes, version_of
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.trial import TrialRecord, TrialResult, params_key
from dlstudy.study.variant import Variant

__all__ = ["Record", "checksum_of", "is_described"]

_ENDED = (OptunaState.COMPLETE, OptunaState.PRUNED, OptunaState.FAIL)
_PHASES = {phase: i for i, phase in enumerate(Phase)}


class Record:
    """All trials that a results folder or a database holds."""

    def __init__(self, storage: BaseStorage, check: bool = False, guard: Callable[[], None] = lambda: None) -> None:
        """Reads from a storage.

        Args:
            storage: where the trials are.
            check: whether to compare each trial that has ended with its checksum.
            guard: called before something is written; raises if that is not allowed.
        """
        self.storage, self.guard = storage, guard
        self._check = check  # a journal has a seal
        self._ended: dict[str, TrialRecord] = {}  # what has ended does not change any more, and is made once

    @classmethod
    def open(
        cls, home: Home, url: str | None = None, for_writing: bool = True, guard: Callable[[], None] = lambda: None
    ) -> "Record":
        """The record of a home, or of a database at an SQLAlchemy URL. A missing one reads as empty.

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
            remedy = "restore the database from a backup" if database is None else "check the server"
            raise RecordError(
                f"the storage that --storage names cannot be opened: {reason_of(error)}: correct the URL, or {remedy}"
            ) from error

    @legible
    def names(self, study: str | None = None, variant: Variant | None = None) -> dict[RecordName, str]:
        """The parts that it holds, of all studies or of one, with their names in Optuna.

        A database may also hold other Optuna studies: those are left out.
        """
        found = {}
        for text in optuna.get_all_study_names(self.storage):
            name = _parsed(text)
            if name is not None and study in (None, name.study) and variant in (None, name.variant):
                found[name] = text
        return found

    def studies(self) -> list[str]:
        """The names of the studies in this record."""
        return sorted({name.study for name in self.names()})

    def variants(self, study: str) -> dict[Variant, list[Variant]]:
        """The generations of each variant of a study, oldest first, by the first of them."""
        found: dict[Variant, set[int]] = {}
        for name in self.names(study):
            found.setdefault(name.variant.of_generation(1), set()).add(name.variant.generation)
        return {variant: [variant.of_generation(n) for n in sorted(numbers)] for variant, numbers in found.items()}

    def latest(self, study: str, variant: Variant | None) -> Variant:
        """The newest generation of a variant, or the later one that is named; None: the default, or the only one."""
        known = self.variants(study)
        if variant is None:
            variant = next(iter(known)) if Variant() not in known and len(known) == 1 else Variant()
        return known[variant][-1] if variant in known else variant

    @legible
    def trials(self, study: str, variant: Variant) -> list[TrialRecord]:
        """Every trial of a variant, in the order of phases, then arms, searches and numbers."""
        found = [trial for part in self.names(study, variant).items() for trial in self._trials_of(*part)]
        return sorted(found, key=lambda trial: (_PHASES[trial.phase], trial.arm, trial.search, trial.number))

    @legible
    def made_with(self, study: str, variant: Variant) -> dict[str, str]:
        """Versions and commit of the runs of a variant; several of one kind where runs differ."""
        found: dict[str, list[str]] = {}
        for text in self.names(study, variant).values():
            attributes = self.storage.get_study_user_attrs(self.storage.get_study_id_from_name(text))
            for key, value in (pair for made in attributes.get("made_with", []) for pair in made.items()):
                found.setdefault(key, []).append(value)
        return {key: ", ".join(dict.fromkeys(values)) for key, values in found.items()}

    @legible
    def files(self, study: str, variant: Variant) -> dict[RecordName, dict[str, str]]:
        """The files that parts of a variant were seen to read, name to digest; without parts that know of none."""
        found = {}
        for name, text in self.names(study, variant).items():
            attributes = self.storage.get_study_user_attrs(self.storage.get_study_id_from_name(text))
            if files := attributes.get("definition", {}).get("files"):
                found[name] = dict(files)
        return found

    @legible
    def definitions(self, study: str, variant: Variant) -> dict[RecordName, dict[str, Any]]:  # Any: JSON
        """What each part of a variant was begun with; empty for one of an earlier version."""
        found = {}
        for name, text in self.names(study, variant).items():
            attributes = self.storage.get_study_user_attrs(self.storage.get_study_id_from_name(text))
            found[name] = dict(attributes.get("definition", {}))
        return found

    @legible
    def trials_of(self, name: RecordName) -> list[TrialRecord]:
        """The trials of one part, in the order of their numbers; none where it has not begun."""
        stored = self.stored_name(name)
        return [] if stored is None else self._trials_of(name, stored)

    def stored_name(self, name: RecordName) -> str | None:
        """The name of a part in Optuna, possibly in the form of version 1; None if it has not begun."""
        for text in (str(name), name.in_version_1):
            with suppress(KeyError):
                self.storage.get_study_id_from_name(text)
                return text
        return None

    def _trials_of(self, name: RecordName, stored: str) -> list[TrialRecord]:
        study_id = self.storage.get_study_id_from_name(stored)
        late = self.storage.get_study_user_attrs(study_id).get("run_ids", {})
        trials = self.storage.get_all_trials(study_id, deepcopy=False)
        return [self.trial_record(trial, name, stored, late) for trial in trials if is_described(trial)]

    @legible
    def direction(self, name: RecordName) -> Direction:
        """Which way the values of a part, which has begun, get better."""
        study_id = self.storage.get_study_id_from_name(self.stored_name(name) or str(name))
        return Direction(self.storage.get_study_directions(study_id)[0].name.lower())

    def refuse_other(self, definitions: Mapping[RecordName, Mapping[str, Any]]) -> None:  # Any: JSON
        """Checks definitions against those that the record began with.

        Raises:
            RecordError: one differs; says what changed.
        """
        if difference := self.difference(definitions):
            raise RecordError(difference)

    @legible
    def difference(self, definitions: Mapping[RecordName, Mapping[str, Any]]) -> str:  # Any: JSON
        """How a definition differs from what the record began with, and what to do; empty where none does."""
        names = self.names()
        for name in [name for name in definitions if name in names]:
            old = optuna.load_study(study_name=names[name], storage=self.storage).user_attrs.get("definition")
            if old is None:
                continue
            if version_of(old) < version_of(definitions[name]):
                return (
                    f"{name} was begun by an earlier version of dlstudy: its results can be read as they are; run with "
                    "--fresh to begin a new generation beside them"
                )
            if changed := changes(old, definitions[name]):
                return (
                    f"{name} was begun with another definition: {'; '.join(changed)}: "
                    "undo that, or run with --fresh to begin a new generation beside the old"
                )
        return ""

    def add_run_ids(self, run_ids: Mapping[str, str]) -> None:
        """Stores the MLflow runs of trials that ended while MLflow was unreachable, by key."""
        self.guard()
        by_study: dict[str, dict[str, str]] = {}
        for key, run_id in run_ids.items():
            name, _, number = key.rpartition("#")
            by_study.setdefault(name, {})[number] = run_id
        for name, late in by_study.items():
            study = optuna.load_study(study_name=name, storage=self.storage)
            study.set_user_attr("run_ids", {**study.user_attrs.get("run_ids", {}), **late})

    def trial_record(
        self, trial: FrozenTrial, name: RecordName, stored: str, late: Mapping[str, str] | None = None
    ) -> TrialRecord:
        """Reads one of Optuna's trials.

        Args:
            trial: of Optuna.
            name, stored: of its part, and as Optuna knows it.
            late: MLflow runs, by the number of the trial, of trials that ended while MLflow was unreachable.

        Raises:
            RecordError: it is not what was written.
        """
        key = f"{stored}#{trial.number}"
        made = self._ended.get(key) or _trial_record(trial, name, key)
        if trial.state in _ENDED:
            if self._check and key not in self._ended:
                _require_checksum(trial, key)
            self._ended[key] = made
        late_id = "" if made.run_id else (late or {}).get(str(trial.number), "")
        return dataclasses.replace(made, run_id=late_id) if late_id else made


@functools.lru_cache(maxsize=10_000)
def _parsed(text: str) -> RecordName | None:
    try:
        return RecordName.parse(text)
    except RecordError:
        return None


def checksum_of(trial: FrozenTrial | Trial, result: Mapping[str, Any], value: float | None) -> str:  # Any: JSON
    """The checksum of a trial: of what it trains, its result and its value."""
    attributes = trial.user_attrs
    described = sorted(DESCRIBED if "index" in attributes else {*DESCRIBED - {"index"}, "row"})
    described += ["round"] if "round" in attributes else []
    return checksum([attributes[name] for name in described], result, None if value is None else float(value))


def is_described(trial: FrozenTrial) -> bool:
    """Whether its parameters are known: not if a run was killed while a sampler's proposal was written."""
    ended = trial.state in (OptunaState.COMPLETE, OptunaState.PRUNED)
    return ended or set(upgraded_attributes(trial.user_attrs)) >= DESCRIBED


def _require_checksum(trial: FrozenTrial, key: str) -> None:
    result = dict(trial.user_attrs.get("result", {}))
    written = result.pop("checksum", None)  # earlier versions wrote none
    value = trial.value if trial.state is OptunaState.COMPLETE else None
    if written is not None and written != checksum_of(trial, result, value):
        raise RecordError(f"{key} is no longer what was written: restore the database from a backup")


def _trial_record(trial: FrozenTrial, name: RecordName, key: str) -> TrialRecord:
    attributes, ended = upgraded_attributes(trial.user_attrs), trial.state in _ENDED
    result = attributes.get("result") if ended else None
    return TrialRecord(
        key=key,
        phase=name.phase,
        arm=name.arm,
        index=attributes["index"],
        number=trial.number,
        seed=attributes["seed"],
        params=attributes["params"],
        tuned=attributes["tuned"],
        result=TrialResult.from_json(upgraded_result(result)) if result else None,
        value=trial.value if trial.state is OptunaState.COMPLETE else None,
        run_id=(result or {}).get("run_id") or attributes.get("run_id", ""),
        started_s=_unix(trial.datetime_start),
        ended_s=_unix(trial.datetime_complete) if ended else None,
        setting_key=params_key(attributes["params"]),
        search=name.search,
        round=attributes.get("round", 0),
    )


def _unix(moment: datetime.datetime | None) -> float:
    return round(moment.timestamp(), 3) if moment else 0.0
