"""Looks at one hand-in, and runs its code for that: for a process of its own, see `common.processes.ask_in_time`."""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dlstudy.analysis.class_results import SAME_NUMBERS, Looked
from dlstudy.analysis.formatting import params_text
from dlstudy.analysis.inference import Interval
from dlstudy.analysis.places import score_interval
from dlstudy.analysis.reading import find_variant, grown, summary_of
from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.common.text import describe_error, message_of, one_line
from dlstudy.datasets.structure import Structure
from dlstudy.errors import DataError, DlstudyError, RecordError
from dlstudy.runner.hand_ins import facts_of
from dlstudy.runner.replay import model_of, replayed
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.fingerprint import code_of, define, define_all
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.row_values import values_of_rows
from dlstudy.study.splits import sizes_of
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["Asked", "code_digest", "look_at"]


@dataclass(frozen=True)
class Asked:
    """What is asked of a hand-in.

    Args:
        path: of its study file.
        home: its results folder.
        dataset: the name of the assignment's data.
        data: the digest that its data must have; empty for any.
        given: (n, ...) inputs of the held-out rows; their targets are not shown to its code.
        retrain: how many replicates of its winner to train again; 0 takes the model in the pack.
    """

    path: Path
    home: Path
    dataset: str
    data: str
    given: Structure
    retrain: int = 0


def look_at(asked: Asked) -> Looked:
    """What there is to say of a hand-in, with its predictions for held-out rows."""
    looked = Looked()
    try:
        home = Home.at(asked.home)
        record = Record.open(home, for_writing=False)
        study = _study_of(asked.path, asked.dataset, record)
        summary = summary_of(study, record)
        looked = _facts(study, summary, record)
        if asked.data and looked.facts["data"] != asked.data:
            raise DataError("it is a study of other data, and not of this assignment")
        if asked.retrain:
            return _retrained(looked, study, summary, asked)
        predicted = [_predicted(study, summary, looked.arm, home, asked.given)]
        return dataclasses.replace(looked, predicted=predicted)
    except BaseException as error:  # the code of a hand-in may raise anything, also what ends a process
        text = message_of(error) if isinstance(error, DlstudyError) else describe_error(error)
        return dataclasses.replace(looked, why=one_line(text).replace(f"{asked.path.parent.parent}/", ""))


def code_digest(study: ResolvedStudy) -> str:
    """A digest of a study's functions, arms and spaces: the same for copies, whatever their names and comments."""
    parts = [define(study, arm, Phase.SEARCH, code_of(study.file)) for arm in study.arms]
    for part in parts:
        part.pop("data")
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _study_of(path: Path, dataset: str, record: Record) -> ResolvedStudy:
    """The study as it was run, on the assignment's data: rows of one's own are in no pack."""
    file = loader.load(path)
    file = dataclasses.replace(file, study=dataclasses.replace(file.study, dataset=dataset, data=None))
    study = resolve(file, Request(variant=find_variant(record, file.name, None)))
    return grown(study, record.trials(study.name, study.variant))


def _facts(study: ResolvedStudy, summary: StudySummary, record: Record) -> Looked:
    trials = record.trials(study.name, study.variant)
    variants = [each for group in record.variants(study.name).values() for each in group]
    means = {
        arm.name: arm.replicates[summary.test_metric] for arm in summary.arms if summary.test_metric in arm.replicates
    }
    sign = study.protocol.direction.sign
    arm = max(means, key=lambda name: sign * means[name].mean, default="")
    of_arm = next((each for each in summary.arms if each.name == arm), None)
    return Looked(
        facts=facts_of(study, record.definitions(study.name, study.variant), trials),
        differs=_difference(study, record),
        is_complete=summary.complete,
        code=code_digest(study),
        n_trials=sum(len(record.trials(study.name, each)) for each in variants),
        others=[str(each) for each in variants if each != study.variant],
        arm=arm,
        setting=params_text(of_arm.best.params) if of_arm and of_arm.best else "",
        claimed=means.get(arm),
        claimed_interval=_claimed_interval(study, TrialIndex(study, trials).all_replicates(arm), summary.test_metric),
        optimism=of_arm.optimism if of_arm else None,
        failed_checks=[check.text for check in summary.checks if not check.passed],
        passed_checks=[check.text for check in summary.checks if check.passed],
        lost=dict(Counter(str(trial.state) for trial in trials if trial.state.counts_as_worst)),
    )


def _difference(study: ResolvedStudy, record: Record) -> str:
    """How the code in the pack differs from what was run; other data are told apart from that."""
    definitions = define_all(study, study.arms, record.files(study.name, study.variant))
    known = record.definitions(study.name, study.variant)
    for name, definition in definitions.items():
        if "data" in known.get(name, {}):
            definition["data"] = known[name]["data"]
    return record.difference(definitions).partition(": undo that")[0]


def _claimed_interval(study: ResolvedStudy, runs: Sequence[TrialRecord], metric: str) -> Interval | None:
    """Of the mean over runs, for other test rows; None where rows have no values, or each run has its own."""
    split = study.protocol.split
    sizes = None if split.resample else sizes_of(split, study.about, study.protocol.rows)
    found = [values_of_rows(run.result, metric, sizes[2]) for run in runs if run.result] if sizes else []
    values = [each for each in found if each is not None]
    return score_interval(np.mean(values, axis=0)) if values and len(values) == len(runs) else None


def _predicted(
    study: ResolvedStudy, summary: StudySummary, arm: str, home: Home, given: Structure
) -> dict[str, Any]:  # Any: arrays and text
    """What the winner's model predicts for rows.

    Raises:
        DlstudyError: there is no model, or it cannot predict; the study's own code may raise anything.
    """
    from dlstudy.training.prediction import predict_untouched

    trial: TrialRecord | None = summary.kept_models().get(arm)
    if trial is None or trial.result is None:
        raise RecordError("it has no winner: its replicates were not trained to the end")
    folder = home.model(study.name, study.variant, arm, trial.setting_key)
    if not folder.is_dir():
        raise RecordError("the pack holds no model of the winner: pack it with `dlstudy pack --files`")
    spec = study.spec(study.arm(arm), Phase.REPLICATE, trial.params, key="predict", seed=trial.seed)
    return predict_untouched(spec.to_json(), str(folder), trial.result.to_json(), given)


def _retrained(looked: Looked, study: ResolvedStudy, summary: StudySummary, asked: Asked) -> Looked:
    """The same with the predictions of the winner's first replicates, trained again.

    Raises:
        DlstudyError: one cannot be trained.
    """
    from dlstudy.engines.devices import choose_slots
    from dlstudy.engines.inline import InlineEngine
    from dlstudy.training.prediction import predict_untouched

    index = TrialIndex(study, summary.trials)
    trials = list(index.replicates(looked.arm).values())[: asked.retrain] if looked.arm else []
    if not trials:
        raise RecordError("it has no winner: its replicates were not trained to the end")
    predicted, said = [], {}
    engine = InlineEngine(choose_slots(1)[0][0], lambda *_: True)
    with TemporaryDirectory() as folder, closing(engine):
        for each in replayed(study, trials, engine, Path(folder)):
            if each.result.state is not TrialState.FINISHED:
                raise RecordError(f"its winner could not be trained again: {each.result.reason or each.result.state}")
            said[each.trial.seed] = f"numbers that differ by up to {each.largest:.2g}" if each.largest else SAME_NUMBERS
            spec = study.spec(
                study.arm(looked.arm), Phase.REPLICATE, each.trial.params, key="predict", seed=each.trial.seed
            )
            model = model_of(Path(folder), each.trial)
            predicted.append(predict_untouched(spec.to_json(), str(model), each.result.to_json(), asked.given))
    return dataclasses.replace(looked, predicted=predicted, retrained=said)
