"""`dlstudy show`: what a study compares and how, or the model of one arm."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from json import loads
from typing import Any

from optuna.distributions import distribution_to_json

from dlstudy.analysis.answer import rate_warning
from dlstudy.analysis.formatting import NOTHING, params_text, space_text, with_sd
from dlstudy.analysis.measurements import how_measured
from dlstudy.analysis.reading import files_text
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.api.terminal import make_console, print_table
from dlstudy.common.processes import ask
from dlstudy.datasets import registry
from dlstudy.errors import StudyError
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.runner.rehearsal import sample_spec
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.arm import Arm
from dlstudy.study.claims import Claim
from dlstudy.study.conditions import conditions_json
from dlstudy.study.fingerprint import files_entry
from dlstudy.study.leakage import twins_of
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, resolve
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord, make_parameters, params_key
from dlstudy.study.variant import Variant
from dlstudy.training.study_rows import with_rows

__all__ = ["show_model", "show_study"]


def show_study(name: str, home: Home, json: bool) -> None:
    """Shows a study's definition."""
    file = with_rows(loader.load(loader.find(name, home.studies)))
    if json:
        sys.stdout.write(as_json({"name": file.name, **_definition(file.study), **files_entry(file)}))
        return
    console = make_console()
    console.print(file.study.question, style="bold", markup=False)
    for table in _definition_tables(file.study):
        if table.rows:
            print_table(console, table)
    notes = [*file.study.remarks, rate_warning(file.study), *_twins(file)]
    if file.study.other_datasets:
        notes.append(f"also runs on: {', '.join(f'--dataset {other}' for other in file.study.other_datasets)}")
    for note in filter(None, notes):
        console.print(f"note: {note}", markup=False, highlight=False)
    if files := files_entry(file).get("files"):
        console.print(f"files: {files_text(files)}", markup=False, highlight=False)


def show_model(name: str, arm_name: str, variant: str | None, home: Home, storage: str | None, *, json: bool) -> None:
    """Shows layers, shapes and parameter counts of an arm's model, and statistics of a trained winner's weights.

    Raises:
        StudyError: the arm has neither a winner nor a reported setting, or its `build` fails.
    """
    from dlstudy.training.inspection import describe_model

    file = with_rows(loader.load(loader.find(name, home.studies)))
    record = Record.open(home, storage, for_writing=False)
    wanted = None if variant is None else Variant.parse(variant)
    study = resolve(file, Request(variant=record.latest(file.name, wanted)))
    arm, trials = study.arm(arm_name), record.trials(file.name, study.variant)
    best = TrialIndex(study, trials).winner(arm.name)
    if best is None and arm.reported is None:
        raise StudyError(f"arm {arm.name} has no winner and no reported setting: run `dlstudy run {file.name}` first")
    params = best.params if best else make_parameters(arm, study.protocol, arm.reported or {})
    spec = sample_spec(study, arm, "show", params)
    folder = home.model(file.name, study.variant, arm.name, params_key(params))
    trained = best is not None and folder.is_dir()
    digest = _saved([trial for trial in trials if trial.arm == arm.name], params_key(params))
    about = ask(describe_model, spec.to_json(), str(folder) if trained else None, digest)
    if json:
        sys.stdout.write(as_json({"study": file.name, "arm": arm.name, "params": dict(params), **about}))
    else:
        setting = f"the {'winner' if best else 'reported setting'}: {params_text(params)}"
        _print_model(f"{arm.name}, {about['model']}, {setting}", about)


def _saved(trials: Sequence[TrialRecord], key: str) -> str:
    """The digest of the model that the first replicate with these parameters saved; empty where the record has none."""
    saved = (trial.result for trial in trials if trial.keeps_model and trial.setting_key == key)
    return next((result.model for result in saved if result and result.model), "")


def _print_model(title: str, about: Mapping[str, Any]) -> None:  # Any: JSON
    console = make_console()
    console.print(title, markup=False, highlight=False)
    if "layers" not in about:
        console.print(about["description"], markup=False)
        return
    layers = [[layer["name"], layer["kind"], layer["output"], f"{layer['parameters']:,}"] for layer in about["layers"]]
    note = f"{about['parameters']:,} parameters, {about['trainable']:,} of them trained"
    print_table(console, Table("Layers", ["layer", "kind", "output", "parameters"], layers, note))
    heads = ["name", "shape", "mean", "std", "min", "max"]
    weights = [[w["name"], w["shape"], *(f"{w[head]:+.4f}" for head in heads[2:])] for w in about["weights"]]
    if weights:
        print_table(console, Table("Weights of the trained winner (first seed)", heads, weights))


def _twins(file: StudyFile) -> list[str]:
    """What is said of the test rows, where the data is here."""
    study = resolve(file, Request())
    if registry.state(study.dataset) != "cached":
        return []
    twins = twins_of(study.dataset, study.protocol.split, rows=study.protocol.rows)
    return [str(twins)] if twins.n_equal else []


def _definition(study: Study) -> dict[str, Any]:  # Any: JSON
    return {
        "question": study.question,
        "dataset": study.dataset,
        "protocol": dataclasses.asdict(study.protocol),
        "arms": [
            {
                "name": arm.name,
                "text": arm.text,
                "setting": dict(arm.setting),
                "space": {name: loads(distribution_to_json(space)) for name, space in arm.space.items()},
                **({"conditions": conditions_json(arm.conditions)} if arm.conditions else {}),
                "reported": None if arm.reported is None else dict(arm.reported),
                "defaults": None if arm.defaults is None else dict(arm.defaults),
                "restarts": arm.restarts,
            }
            for arm in study.arms
        ],
        "elsewhere": [_elsewhere(arm) for arm in study.elsewhere],
        "sweeps": [{**vars(sweep), "fixed": dict(sweep.fixed)} for sweep in study.sweeps],
        "reported": [{**vars(figure), "setting": dict(figure.setting)} for figure in study.reported],
        "derived": [{**vars(item), "reported": str(item.reported)} for item in study.derived],
        "claims": [{**vars(claim), "at": dict(claim.at)} for claim in study.claims],
        "remarks": list(study.remarks),
        "other_datasets": list(study.other_datasets),
    }


def _elsewhere(arm: Arm) -> dict[str, Any]:  # Any: JSON
    assert arm.elsewhere is not None
    figures = {metric: dataclasses.asdict(known) for metric, known in arm.elsewhere.figures.items()}
    return {"name": arm.name, "text": arm.text, "source": arm.elsewhere.source, "figures": figures}


def _tested_as(claim: Claim) -> str:
    sign = ">" if claim.margin is None else "≈"
    margin = "" if claim.margin is None else f", within {claim.margin:g}"
    return f"{claim.better} {sign} {', '.join(claim.than)}: {how_measured(claim)}{margin}, {claim.phase}"


def _searched(arm: Arm) -> str:
    begins = [f"begins with {params_text(setting)}" for setting in arm.start]
    return "; ".join([space_text(arm.space, arm.conditions), *begins])


def _definition_tables(study: Study) -> list[Table]:
    arms = [
        [
            arm.name,
            params_text(arm.setting),
            _searched(arm),
            *(NOTHING if stated is None else params_text(stated) for stated in (arm.reported, arm.defaults)),
        ]
        for arm in study.arms
    ]
    elsewhere = [
        [arm.name, metric, with_sd(known.mean, known.sd), str(known.n), arm.elsewhere.source]
        for arm in study.elsewhere
        if arm.elsewhere
        for metric, known in arm.elsewhere.figures.items()
    ]
    protocol = [[item.name, str(getattr(study.protocol, item.name))] for item in dataclasses.fields(study.protocol)]
    figures = [
        [figure.arm, figure.metric, str(figure.value), str(figure.epoch or "end"),
         params_text(figure.setting) if figure.setting else NOTHING]
        for figure in study.reported
    ]  # fmt: skip
    sweeps = [
        [sweep.name, params_text({name: list(values) for name, values in sweep.grid.items()}), str(sweep.seeds)]
        for sweep in study.sweeps
    ]
    claims = [[claim.text, claim.untestable or _tested_as(claim)] for claim in study.claims]
    return [
        Table("Arms", ["arm", "setting", "space", "reported", "defaults"], arms),
        Table("From elsewhere", ["arm", "metric", "mean ± sd", "values", "source"], elsewhere),
        Table("Protocol", ["setting", "value"], [["dataset", study.dataset], *protocol]),
        Table("Sweeps", ["sweep", "values", "seeds"], sweeps),
        Table("Reported figures", ["arm", "metric", "reported", "epoch", "own setting"], figures),
        Table("Claims", ["claim", "tested as, or why not"], claims),
    ]
