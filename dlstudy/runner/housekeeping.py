"""Housekeeping: studies are removed, renamed and merged from other results folders.

Each function says what it does in lines of text, or with `dry_run` what it would do. None touches a study that runs.
Killed at any moment, it loses nothing: the same call goes on.
"""

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dlstudy.errors import RecordError, UsageError
from dlstudy.report.labels import many
from dlstudy.store.copying import copy_parts, n_missing, record_to_copy, refuse_others, remove_parts, stored_parts
from dlstudy.store.home import Home
from dlstudy.store.notes import note_name, read_notes
from dlstudy.store.record import Record
from dlstudy.study.archive import newest, read_archive
from dlstudy.study.validation import require_name
from dlstudy.study.variant import Variant
from dlstudy.tracking.removal import remove_runs

__all__ = ["Step", "Stores", "copying", "delete", "done", "held", "merge", "remove", "rename", "size_text"]


@dataclass(frozen=True)
class Stores:
    """Where results are kept.

    Args:
        home: the results folder.
        storage: URL of the record, where it is in a database.
        tracking_uri: of MLflow's store.
    """

    home: Home
    storage: str | None
    tracking_uri: str


@dataclass(frozen=True)
class Step:
    """One thing to do: in words, and the doing of it."""

    what: str
    do: Callable[[], object]


def remove(study: str, variant: str | None, stores: Stores, *, dry_run: bool) -> list[str]:
    """Removes what is kept of a study, or of one of its variants (a generation by its own name).

    Raises:
        RecordError: there are no such results, or the study runs.
    """
    with held([study], stores, writing=not dry_run) as record:
        chosen = _chosen(record, study, variant)
        parts = stored_parts(record, study, chosen)
        paths = [folder / str(each) for folder in stores.home.of_study(study) for each in chosen]
        if variant is None:
            archives = newest(stores.home.studies, study).values()
            paths = [*stores.home.of_study(study), stores.home.reports(study), *archives]
        steps = [
            *_removal_of_runs(study, chosen, stores),
            *(Step(f"{path}: {size_text(path)}", partial(delete, path)) for path in paths if path.exists()),
            Step(
                f"{_n_trials(record, study, chosen)} of {study}, {', '.join(map(str, chosen))}, in the record",
                lambda: remove_parts(record, parts[::-1]),  # notes first: a study is known by its other parts
            ),
        ]
        return done("remove", steps, dry_run)


def rename(study: str, name: str, stores: Stores, *, dry_run: bool) -> list[str]:
    """Gives a study another name in the record and in the results folder; its random draws stay those of the old one.

    Raises:
        RecordError: there are no results of it, there are some of that name, or one of the two runs.
        StudyError: the name is not valid.
        UsageError: it is the old one.
    """
    require_name("the new name of a study", name)
    if name == study:
        raise UsageError(f"the new name must be another one, got {name!r} twice")
    with held([study, name], stores, writing=not dry_run) as record:
        chosen = _chosen(record, study, None)
        _refuse_taken(record, study, name, chosen)
        parts = stored_parts(record, study)
        steps = [
            Step(
                f"{_n_trials(record, study, chosen)} of {study} in the record, as {name}",
                lambda: _copy_as(record, record, study, name, chosen),
            ),
            *(
                Step(f"{folder} to {folder.with_name(name)}", partial(_move, folder, name))
                for folder in stores.home.of_study(study)
            ),
            *_renaming_of_file(study, name, stores.home),
            *_removal_of_runs(study, chosen, stores),
            Step(f"{study} from the record", lambda: remove_parts(record, parts[::-1])),
        ]
        lines = done("move", steps, dry_run)
        if not dry_run:
            shutil.rmtree(stores.home.reports(study), ignore_errors=True)  # which name the old one everywhere
    return [
        *lines,
        f"next: rename the study file to {name}.py, then `dlstudy run {name}` writes MLflow and the reports",
    ]


def merge(source: Home, studies: Sequence[str], name: str | None, stores: Stores, *, dry_run: bool) -> list[str]:
    """Copies studies from another results folder into this one; what is there already is not copied again.

    Args:
        source: is read only.
        studies: their names; all, if empty.
        name: for the only one, in its new place; None for the same.
        stores: where they go.
        dry_run: only say what would be copied.

    Raises:
        RecordError: the source has no such study, one runs, or the same part has other trials in both.
        StudyError: a name is not valid.
        UsageError: a name is given for several.
    """
    origin = record_to_copy(source)
    known = origin.studies()
    if absent := [study for study in studies if study not in known]:
        raise RecordError(f"no results of {absent[0]!r} in {source.root}: known are {', '.join(known) or 'none'}")
    chosen = list(studies) or known
    if name is not None and len(chosen) != 1:
        raise UsageError(f"--as names one study, got {len(chosen)}: name the one to merge with --study")
    for study in chosen:  # a record from elsewhere may say anything, and names become folders
        require_name("the name of a study", name or study)
    if running := [study for study in chosen if source.lock(study).is_held()]:
        raise RecordError(f"{running[0]} is being run in {source.root}: wait for it, or stop it first")
    lines = []
    for study in chosen:
        with held([name or study], stores, writing=not dry_run) as record:
            lines += done("copy", copying(study, name or study, origin, source, record, stores.home), dry_run)
    return lines


def copying(
    study: str, name: str, origin: Record, source: Home, record: Record, home: Home, *, with_files: bool = True
) -> list[Step]:
    """The steps that copy a study, with or without models and other files, from one results folder to another.

    Args:
        study, name: in the old place and in the new one.
        origin, source: the record and the results folder that are read.
        record, home: those that are written.
        with_files: whether models and other files of trials come along.
    """
    variants = _chosen(origin, study, None)
    steps = [
        Step(
            f"{n_missing(origin, record, _parts_as(origin, study, name))} of {_n_trials(origin, study, variants)} of "
            f"{study}{f' as {name}' if name != study else ''}",
            lambda: _copy_as(origin, record, study, name, variants),
        )
    ]
    for folder in source.of_study(study) if with_files else ():
        target = home.root / folder.parent.name / name
        copy = partial(shutil.copytree, folder, target, dirs_exist_ok=True)
        steps.append(Step(f"{folder.parent.name}: {size_text(folder)}", copy))
    for path in newest(source.studies, study).values():
        archive = dataclasses.replace(read_archive(path), name=name)
        steps.append(Step(path.name, partial(archive.write, home.studies)))
    return steps


@contextmanager
def held(studies: Sequence[str], stores: Stores, *, writing: bool) -> Iterator[Record]:
    """The record, with these studies held so that no run of them begins; for reading it is enough that none goes on.

    Raises:
        RecordError: one of them runs.
    """
    home, storage = stores.home, stores.storage
    with ExitStack() as stack:
        if not writing:
            for study in studies:
                if home.lock(study, storage).is_held():
                    raise RecordError(f"{study} is being run: wait for it, or stop it first")
            yield Record.open(home, storage, for_writing=False)
            return
        home.create()
        locks = [stack.enter_context(home.held(study, storage)) for study in sorted(studies)]

        def guard() -> None:
            for lock in locks:
                lock.require()

        yield Record.open(home, storage, guard=guard)


def size_text(path: Path) -> str:
    """How many files there are at a path, and how large they are."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{many(len(files), 'file')}, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def done(verb: str, steps: Sequence[Step], dry_run: bool) -> list[str]:
    """Takes the steps, if this is no dry run; returns a line for each, which begins with the verb."""
    for step in () if dry_run else steps:
        step.do()
    return [f"{'would ' if dry_run else ''}{verb} {step.what}" for step in steps]


def _chosen(record: Record, study: str, variant: str | None) -> list[Variant]:
    known = [each for generations in record.variants(study).values() for each in generations]
    if not known:
        raise RecordError(f"no results of {study!r} here: known are {', '.join(record.studies()) or 'none'}")
    found = [each for each in known if variant in (None, str(each))]
    if not found:
        raise RecordError(f"{study} has no variant {variant!r}: known are {', '.join(map(str, known))}")
    return found


def _n_trials(record: Record, study: str, variants: Sequence[Variant]) -> str:
    return many(sum(len(record.trials(study, variant)) for variant in variants), "trial")


def _removal_of_runs(study: str, variants: Sequence[Variant], stores: Stores) -> list[Step]:
    names = list(map(str, variants))
    n = remove_runs(stores.tracking_uri, study, names, only_count=True)
    what = f"{many(n, 'run')} of {study} in MLflow, which keeps them until `mlflow gc`"
    return [Step(what, lambda: remove_runs(stores.tracking_uri, study, names))] if n else []


def delete(path: Path) -> None:
    """Removes a file, or a folder with all in it."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _refuse_taken(record: Record, study: str, name: str, variants: Sequence[Variant]) -> None:
    """Checks that there is nothing of the new name, other than what an interrupted renaming has left."""
    if name not in record.studies():
        return
    olds = {read_notes(record, study, variant).begun_as or study for variant in variants}
    is_left = all(read_notes(record, name, variant).begun_as in olds for variant in _chosen(record, name, None))
    try:
        refuse_others(record, record, _parts_as(record, study, name))
    except RecordError:
        is_left = False
    if not is_left:
        raise RecordError(f"there are results of {name!r} already: choose another name")


def _copy_as(source: Record, target: Record, study: str, name: str, variants: Sequence[Variant]) -> None:
    """Copies a study from record to record under a name."""
    parts = _parts_as(source, study, name)
    refuse_others(source, target, parts)
    for variant in variants if name != study else ():
        note_name(target, name, variant, read_notes(source, study, variant).begun_as or study)
    copy_parts(source, target, parts)


def _parts_as(source: Record, study: str, name: str) -> dict[str, str]:
    return {part: f"{name}/{part.partition('/')[2]}" for part in stored_parts(source, study)}


def _move(folder: Path, name: str) -> None:
    target = folder.with_name(name)
    target.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.rename(target / path.name)
    folder.rmdir()


def _renaming_of_file(study: str, name: str, home: Home) -> list[Step]:
    """Of the file of a study that was made in Python."""

    def do(path: Path) -> None:
        dataclasses.replace(read_archive(path), name=name).write(home.studies)
        path.unlink()

    return [Step(f"{path}", partial(do, path)) for path in newest(home.studies, study).values()]
