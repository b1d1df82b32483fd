"""Looks at one hand-in, and runs its code for that: for a process of its own, see `common.processes.ask_in_time`."""

import dataclasses
import hashlib
import json
from collections import Counter
from pathlib import Path

from dlstudy.analysis.class_results import Looked
from dlstudy.analysis.formatting import params_text
from dlstudy.analysis.reading import find_variant, grown, summary_of
from dlstudy.analysis.results import StudySummary
from dlstudy.common.text import describe_error, message_of, one_line
from dlstudy.datasets.structure import Structure
from dlstudy.errors import DlstudyError, RecordError
from dlstudy.runner.hand_ins import facts_of
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.fingerprint import code_of, define, define_all
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord

__all__ = ["code_digest", "look_at"]


def look_at(path: Path, home: Path, dataset: str, given: Structure) -> Looked:
    """What there is to say of a hand-in, with its predictions for held-out rows.

    Args:
        path: of its study file.
        home: its results folder.
        dataset: the name of the assignment's data.
        given: (n, ...) inputs of the held-out rows; their targets are not shown to its code.
    """
    looked = Looked()
    try:
        record = Record.open(Home.at(home), for_writing=False)
        study = _study_of(path, dataset, record)
        summary = summary_of(study, record)
        looked = _facts(study, summary, record)
        return dataclasses.replace(looked, predicted=_predicted(study, summary, looked.arm, Home.at(home), given))
    except BaseException as error:  # the code of a hand-in may raise anything, also what ends a process
        text = message_of(error) if isinstance(error, DlstudyError) else describe_error(error)
        return dataclasses.replace(looked, why=one_line(text).replace(f"{path.parent.parent}/", ""))


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


def _predicted(
    study: ResolvedStudy, summary: StudySummary, arm: str, home: Home, given: Structure
) -> dict[str, object] | None:
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
