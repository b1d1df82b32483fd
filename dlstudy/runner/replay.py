"""Trains trials of a pack again, and compares: with the machine that ran it, and number for number."""

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dlstudy.analysis.reading import find_variant, grown
from dlstudy.common.provenance import hardware, number_settings, packages, versions
from dlstudy.engines.base import Engine
from dlstudy.errors import RecordError
from dlstudy.runner.rehearsal import outcomes_of
from dlstudy.store.record import Record
from dlstudy.store.snapshots import last_snapshot
from dlstudy.study.fingerprint import define_all
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord, TrialResult, TrialState, params_key

__all__ = ["Replayed", "changed_here", "chosen_trials", "model_of", "replayed", "study_of"]


@dataclass(frozen=True)
class Replayed:
    """A trial that was trained again.

    Args:
        trial: as it is recorded.
        result: what came of it now.
    """

    trial: TrialRecord
    result: TrialResult

    @property
    def differences(self) -> dict[str, tuple[float | None, float | None]]:
        """Each metric at the end, and `after epoch N`, that is another number now: recorded, now."""
        then, now = self.trial.metrics, self.result.metrics
        found = {name: (then.get(name), now.get(name)) for name in dict.fromkeys([*then, *now])}
        for name in dict.fromkeys([*self.trial.history, *self.result.history]):
            pairs = zip(self.trial.history.get(name, ()), self.result.history.get(name, ()), strict=False)
            found |= {f"{name} after epoch {i}": pair for i, pair in enumerate(pairs, 1)}
        return {name: pair for name, pair in found.items() if pair[0] != pair[1]}

    @property
    def largest(self) -> float:
        """The largest difference between two numbers; infinite where one is missing, or the trial did not finish."""
        if self.result.state is not TrialState.FINISHED:
            return float("inf")
        gaps = [float("inf") if None in pair else abs(pair[0] - pair[1]) for pair in self.differences.values()]  # type: ignore[operator]
        return max(gaps, default=0.0)


def study_of(file: StudyFile, record: Record, variant: str | None) -> ResolvedStudy:
    """The packed study as it was run.

    Raises:
        RecordError: it has no such variant, or what it needs, such as its data, is not what it was.
    """
    study = resolve(file, Request(variant=find_variant(record, file.name, variant)))
    if difference := record.difference(define_all(study, study.arms)):
        raise RecordError(f"this pack cannot be replayed here: {difference.partition(': undo that')[0]}")
    return grown(study, record.trials(study.name, study.variant))


def changed_here(study: ResolvedStudy, record: Record) -> list[tuple[str, str, str]]:
    """What differs between the last run and here: packages, settings, machine; each as name, there, here."""
    made, here = record.made_with(study.name, study.variant), versions()
    snapshot = last_snapshot(record, study.name, study.variant)
    if snapshot is None:  # of an earlier version
        return _differing({name: text for name, text in made.items() if name in here}, here)
    there, now = (
        {f"package {name}": version for name, _, version in (line.partition("==") for line in lines)}
        for lines in (snapshot.packages, packages())
    )
    of_python = [{name: of.get(name, "") for name in ("python", "platform")} for of in (made, here)]
    return [
        *_differing(*of_python),
        *_differing(snapshot.hardware, hardware()),
        *_differing(there, now),
        *_differing(snapshot.settings, number_settings()),
    ]


def chosen_trials(trials: Sequence[TrialRecord], n: int, seed: int) -> list[TrialRecord]:
    """So many of the finished trials, drawn at random, in the order of the record."""
    finished = [trial for trial in trials if trial.state is TrialState.FINISHED]
    drawn = random.Random(seed).sample(range(len(finished)), min(n, len(finished)))
    return [finished[i] for i in sorted(drawn)]


def model_of(folder: Path, trial: TrialRecord) -> Path:
    """Where the model of a trial is that `replayed` was to keep in a folder."""
    return folder / params_key({"key": trial.key})


def replayed(
    study: ResolvedStudy, trials: Sequence[TrialRecord], engine: Engine, models: Path | None = None
) -> Iterator[Replayed]:
    """Trains trials again, each from its own parameters and seed, and yields what came of each. Records nothing.

    Args:
        study, trials: as they were run.
        engine: trains them.
        models: a folder for the models; None to keep none.
    """
    with TemporaryDirectory() as folder:
        specs = [
            dataclasses.replace(
                study.spec(
                    study.arm(trial.arm), trial.phase, trial.params, key=trial.key, index=trial.index,
                    search=trial.search, seed=trial.seed,
                ),
                folder=str(Path(folder) / str(i)), checkpoint_minutes=None, trial_minutes=None,
                model_folder=None if models is None else str(model_of(models, trial)),
            )
            for i, trial in enumerate(trials)
        ]  # fmt: skip
        by_key = {trial.key: trial for trial in trials}
        for outcome in outcomes_of(specs, engine):
            yield Replayed(by_key[outcome.spec.key], outcome.result)


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    pairs = [(name, then.get(name, "none"), now.get(name, "none")) for name in dict.fromkeys([*then, *now])]
    return [pair for pair in pairs if pair[1] != pair[2]]
