"""The summary of a variant, read from the record."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.summary import summarize
from dlstudy.common.provenance import made_with
from dlstudy.errors import RecordError, UsageError
from dlstudy.store.notes import read_notes
from dlstudy.store.record import Record
from dlstudy.study.fingerprint import define_all
from dlstudy.study.loader import StudyFile
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord
from dlstudy.study.variant import Variant

__all__ = ["difference_of", "files_text", "find_variant", "grown", "read_summary", "summary_of"]


def read_summary(file: StudyFile, record: Record, variant: str | None) -> StudySummary:
    """The summary of a variant that the record holds, by its name; None for the default, or the only one there is.

    Raises:
        RecordError: there is no such variant, or no result yet; names what there is.
    """
    study = resolve(file, Request(variant=find_variant(record, file.name, variant)))
    summary = summary_of(study, record)
    if difference := difference_of(study, record):
        return dataclasses.replace(summary, notes=[f"RECORD: {difference}", *summary.notes])
    return summary


def difference_of(study: ResolvedStudy, record: Record) -> str:
    """How a study, or a file that it reads, differs from what the record began with; empty where nothing does."""
    return record.difference(define_all(study, study.arms, record.files(study.name, study.variant)))


def find_variant(record: Record, study: str, name: str | None) -> Variant:
    """The newest generation of the variant of that name, or the generation of that name.

    Raises:
        RecordError: the record has none; names what there is.
    """
    known = record.variants(study)
    if not known:
        raise RecordError(f"{study} has no results here: run `dlstudy run {study}` first, or name another --home")
    generations = [generation for group in known.values() for generation in group]
    try:
        found = record.latest(study, None if name is None else Variant.parse(name))
    except UsageError:
        found = None
    if found not in generations:
        missing = repr(str(found or name))
        raise RecordError(
            f"{study} has no variant {missing}: name one with --variant: {', '.join(map(str, generations))}"
        )
    return found


def summary_of(study: ResolvedStudy, record: Record) -> StudySummary:
    """The summary of the trials that a record has of a study, finished or not."""
    trials = record.trials(study.name, study.variant)
    made = record.made_with(study.name, study.variant) or made_with(study.file.folder)  # early records hold none
    files = {name: of for part in record.files(study.name, study.variant).values() for name, of in part.items()}
    made |= {"files": files_text(files)} if files else {}
    notes = read_notes(record, study.name, study.variant)
    return summarize(grown(study, trials), trials, made, notes)


def files_text(files: Mapping[str, str]) -> str:
    """Files that a study reads, each with the first digits of its SHA-256."""
    return ", ".join(f"{name} (sha256 {digest})" for name, digest in sorted(files.items()))


def grown(study: ResolvedStudy, trials: Sequence[TrialRecord]) -> ResolvedStudy:
    """The study with as many trials, seeds and searches as the record has, where it was run with others.

    A single search with a larger budget than each of several has was run as a single one.
    """
    protocol = study.protocol
    n_trials = _count(trial for trial in trials if trial.phase is Phase.SEARCH and not trial.round)
    n_seeds = _count(trial for trial in trials if trial.phase in (Phase.REPLICATE, Phase.DEFAULTS))
    searches = max((trial.search for trial in trials), default=1)
    if searches == 1 and (n_trials > protocol.trials or n_seeds > protocol.seeds):
        protocol = protocol.with_searches(1)
    else:
        searches = max(searches, protocol.searches)
    grown = dataclasses.replace(
        protocol,
        trials=max(protocol.trials, n_trials),
        seeds=max(protocol.seeds, n_seeds),
        searches=3 if searches == 2 else searches,  # the third of three has not begun yet
        reported_seeds=max(protocol.seeds_of(Phase.REPORTED), _count(t for t in trials if t.phase is Phase.REPORTED)),
    )
    return dataclasses.replace(study, protocol=grown)


def _count(trials: Iterable[TrialRecord]) -> int:
    """How many trainings of one part, the indices counted from 0."""
    return 1 + max((trial.index for trial in trials), default=-1)
