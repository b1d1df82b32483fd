"""Copies parts of studies from one record to another, and removes them: what housekeeping needs.

A part is copied trial by trial, in order, and its attributes last: after a kill, copying again goes on.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from dlstudy.errors import RecordError
from dlstudy.store.home import Home
from dlstudy.store.journal import open_journal
from dlstudy.store.record import Record
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant

__all__ = ["compacted", "copy_parts", "n_missing", "record_to_copy", "refuse_others", "remove_parts", "stored_parts"]

_KILLED = "the process that ran the study ended while it trained"


def stored_parts(record: Record, study: str, variants: Sequence[Variant] | None = None) -> list[str]:
    """The names in Optuna of all that a record has of a study, notes included, or of some variants of it."""
    known = record.names(study)
    chosen = [text for name, text in known.items() if variants is None or name.variant in variants]
    notes = dict.fromkeys(f"{text.rsplit('/', 2)[0]}/notes" for text in chosen)
    everything = set(optuna.get_all_study_names(record.storage))
    return [*chosen, *(name for name in notes if name in everything)]


def record_to_copy(home: Home) -> Record:
    """The record of a results folder, with all that samplers and pruners need. Writes nothing.

    Raises:
        RecordError: there is none, or it cannot be read.
    """
    if not home.journal.is_file():
        raise RecordError(f"{home.root} must be a results folder with a record, got none in it: name another")
    return Record(open_journal(home.journal, for_writing=False, whole=True))


def n_missing(source: Record, target: Record, names: Mapping[str, str]) -> int:
    """How many trials `copy_parts` would copy."""
    return sum(
        max(0, len(_trials(source.storage, old)) - len(_trials(target.storage, new))) for old, new in names.items()
    )


def copy_parts(source: Record, target: Record, names: Mapping[str, str]) -> None:
    """Copies parts that `refuse_others` lets pass.

    Args:
        source: is read.
        target: is written.
        names: of each part in Optuna, in the source and in the target.
    """
    for old, new in names.items():
        _copy(source.storage, old, target, new)


def refuse_others(source: Record, target: Record, names: Mapping[str, str]) -> None:
    """Checks that what a target has of parts is the beginning of what the source has, or the reverse.

    Raises:
        RecordError: it has other trials.
    """
    for old, new in names.items():
        for mine, theirs in zip(_trials(source.storage, old), _trials(target.storage, new), strict=False):
            if _identity(mine) != _identity(theirs):
                raise RecordError(
                    f"{new} has other trials in each of the two places, the first of them number {mine.number}: "
                    "nothing was copied; give one a name of its own with --as"
                )


def remove_parts(record: Record, names: Sequence[str]) -> None:
    """Removes parts by their names in Optuna."""
    for name in names:
        record.guard()
        optuna.delete_study(study_name=name, storage=record.storage)


def compacted(path: Path) -> list[dict[str, Any]]:  # Any: JSON
    """The entries of a journal that says what this one does now, without what was removed. Writes nothing."""
    source, collected = open_journal(path, for_writing=False, whole=True), _Collected()
    target = Record(JournalStorage(collected))
    for name in optuna.get_all_study_names(source):
        _copy(source, name, target, name)
    return collected.logs


class _Collected(BaseJournalBackend):
    """A journal in memory."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []  # Any: JSON

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self.logs[log_number_from:]

    def append_logs(self, logs: Sequence[dict[str, Any]]) -> None:
        self.logs += logs


def _trials(storage: BaseStorage, name: str) -> list[FrozenTrial]:
    """The trials of a part; none where it has not begun."""
    try:
        return storage.get_all_trials(storage.get_study_id_from_name(name), deepcopy=False)
    except KeyError:
        return []


def _identity(trial: FrozenTrial) -> tuple[Any, ...]:
    facts = [trial.user_attrs.get(name) for name in ("index", "row", "seed", "params")]
    return (*facts, trial.datetime_start)


def _copy(source: BaseStorage, old: str, target: Record, new: str) -> None:
    source_id = source.get_study_id_from_name(old)
    study = optuna.create_study(
        study_name=new, storage=target.storage, load_if_exists=True, directions=source.get_study_directions(source_id)
    )
    missing = _trials(source, old)[len(_trials(target.storage, new)) :]
    for trial in missing:
        target.guard()
        study.add_trial(_ended(trial))
    for name, value in source.get_study_user_attrs(source_id).items():
        if study.user_attrs.get(name) != value:
            study.set_user_attr(name, value)


def _ended(trial: FrozenTrial) -> FrozenTrial:
    """The trial; as killed, where its process ended without a word."""
    if trial.state.is_finished():
        return trial
    found = copy.copy(trial)
    found.state, found.datetime_complete = OptunaState.FAIL, trial.datetime_start
    found.user_attrs = {**trial.user_attrs, "result": TrialResult(TrialState.KILLED, _KILLED).to_json()}
    return found
