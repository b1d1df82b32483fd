"""The summary of a variant, read from the record."""

import dataclasses
from collections.abc import Sequence

from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.summary import summarize
from dlstudy.common.provenance import made_with
from dlstudy.errors import RecordError
from dlstudy.store.record import Record
from dlstudy.study.fingerprint import define_all
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, resolve
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord
from dlstudy.study.variant import Variant

__all__ = ["read_summary", "summary_of"]


def read_summary(file: StudyFile, record: Record, name: str | None) -> StudySummary:
    """The summary of a variant that the record holds, by its name; None for the default, or the only one there is.

    Raises:
        RecordError: there is no such variant, or no result yet; names what there is.
    """
    known = record.variants(file.name)
    if not known:
        raise RecordError(
            f"{file.name} has no results here: run `dlstudy run {file.name}` first, or name another --home"
        )
    generations = [generation for group in known.values() for generation in group]
    found = record.latest(file.name, name)
    if found not in generations:
        raise RecordError(f"{file.name} has no variant {found!r}: name one with --variant: {', '.join(generations)}")
    variant = Variant.from_name(found)
    study = resolve(file, Request(variant=variant))
    summary = summary_of(file, study, found, record)
    definitions = define_all(file, study, variant, found, [arm.name for arm in study.arms])
    try:
        record.refuse_other(dict(definitions.values()))
    except RecordError as error:
        return dataclasses.replace(summary, notes=[f"THE STUDY FILE HAS CHANGED SINCE: {error}", *summary.notes])
    return summary


def summary_of(file: StudyFile, study: Study, variant: str, record: Record) -> StudySummary:
    """The summary of the trials that a record has of a variant, finished or not."""
    trials = record.trials(file.name, variant)
    made = record.made_with(file.name, variant) or made_with(file.path)  # records of earlier versions hold none
    return summarize(file.name, _grown(study, trials), variant, trials, made)


def _grown(study: Study, trials: Sequence[TrialRecord]) -> Study:
    """The study with as many trials, seeds and searches as the record has, where those were topped up."""
    protocol = study.protocol
    searched = [trial.row + 1 for trial in trials if trial.phase == "search"]
    seeded = [trial.row + 1 for trial in trials if trial.phase not in ("search", "sweep")]
    searches = max([protocol.searches, *[trial.search for trial in trials]])
    grown = dataclasses.replace(
        protocol,
        trials=max([protocol.trials, *searched]),
        seeds=max([protocol.seeds, *seeded]),
        searches=3 if searches == 2 else searches,  # the third of three has not begun yet
    )
    return dataclasses.replace(study, protocol=grown)
