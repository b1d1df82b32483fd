"""Gives back what nothing needs any more: files of trials that no record has, and what a journal says of such."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dlstudy.report.labels import many
from dlstudy.runner.housekeeping import Step, Stores, delete, done, held, size_text
from dlstudy.store.copying import compacted
from dlstudy.store.home import Home
from dlstudy.store.journal import journal_lines, rewrite_journal
from dlstudy.store.record import Record
from dlstudy.study.trial import figures_beside, params_key
from dlstudy.tracking.removal import purge_runs

__all__ = ["collect_garbage"]


def collect_garbage(stores: Stores, *, dry_run: bool) -> list[str]:
    """Removes what no result needs; returns a line for each thing, or with `dry_run` for each that would be removed.

    Files of a study that the record does not have are left: another record, in a database, may have it.

    Raises:
        RecordError: a study runs.
        StoreError: a file cannot be written, or MLflow cannot forget runs.
    """
    home = stores.home
    known = Record.open(home, stores.storage, for_writing=False).studies()
    locked = sorted({*known, *(path.stem for path in (home.root / "locks").glob("*.lock"))})
    with held(locked, stores, writing=not dry_run) as record:
        orphans = [path for study in known for path in _orphans(home, record, study)]
        steps = [Step(f"{path}: {size_text(path)}", partial(delete, path)) for path in orphans]
        steps += _compaction(home) if stores.storage is None else []
        if n := purge_runs(stores.tracking_uri, only_count=True):
            steps.append(Step(f"{many(n, 'deleted run')} in MLflow", partial(purge_runs, stores.tracking_uri)))
        return done("remove", steps, dry_run)


def _orphans(home: Home, record: Record, study: str) -> Iterator[Path]:
    """Files and models of a study that belong to no trial of the record."""
    kept = set(_needed(home, record, study))
    for folder in home.of_study(study):
        for path in sorted(folder.glob("*/*/*" if folder.parent == home.files else "*/*")):
            if path not in kept:
                yield path


def _needed(home: Home, record: Record, study: str) -> Iterator[Path]:
    for variant in [variant for generations in record.variants(study).values() for variant in generations]:
        for trial in record.trials(study, variant):
            yield home.trial_files(study, str(variant), trial)
            if not trial.state.is_final:
                yield home.checkpoint(study, str(variant), trial)
            if trial.keeps_model:
                model = home.model(study, variant, trial.arm, params_key(trial.params))
                yield from (model, figures_beside(model))


def _compaction(home: Home) -> list[Step]:
    """The writing anew of the journal, if that makes it shorter."""
    if not home.journal.is_file():
        return []
    n_bytes = home.journal.stat().st_size
    content = journal_lines(compacted(home.journal))
    if len(content) >= n_bytes:
        return []
    what = f"{(n_bytes - len(content)) / 1e6:.1f} MB of {home.journal}, about what was removed"
    return [Step(what, partial(rewrite_journal, home.journal, content, n_bytes))]
