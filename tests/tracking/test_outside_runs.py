"""Runs of other tools as rows, and as an arm that a study compares with."""

import csv
import json

import optuna
import pytest

from dlstudy import Arm
from dlstudy.cli.app import main
from dlstudy.errors import UsageError
from dlstudy.tracking.outside_runs import runs_from

SEEDS = {3: 0.91, 5: 0.92, 8: 0.93}


def of_mlflow(folder, monkeypatch):
    import mlflow

    uri = f"sqlite:///{folder / 'their.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("theirs", (folder / "artifacts").as_uri())
    for seed, value in SEEDS.items():
        run = client.create_run(experiment)
        client.log_param(run.info.run_id, "seed", seed)
        client.log_metric(run.info.run_id, "acc", value)
        client.set_terminated(run.info.run_id)
    failed = client.create_run(experiment)
    client.set_terminated(failed.info.run_id, "FAILED")
    return "mlflow:theirs", uri, "metrics.acc", "params.seed"


def of_optuna(folder, monkeypatch):
    uri = f"sqlite:///{folder / 'study.db'}"
    study = optuna.create_study(study_name="theirs", storage=uri, direction="maximize")
    for seed, value in SEEDS.items():
        trial = study.ask({"seed": optuna.distributions.IntDistribution(seed, seed)})
        study.tell(trial, value)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    return "optuna:theirs", uri, "value", "params.seed"


def of_wandb(folder, monkeypatch):
    """As `wandb.init(config={"seed": 3})` and `wandb.log({"acc": 0.91})` leave them."""
    for i, (seed, value) in enumerate(SEEDS.items()):
        files = folder / "wandb" / f"run-20260101_00000{i}-abc{i}" / "files"
        files.mkdir(parents=True)
        (files / "wandb-summary.json").write_text(json.dumps({"acc": value, "_step": 9, "_wandb": {"runtime": 3}}))
        settings = f"_wandb:\n    value:\n        cli_version: 0.19\nseed:\n    value: {seed}\n"
        (files / "config.yaml").write_text(settings)
    return str(folder / "wandb"), None, "acc", "config.seed"


def of_csv(folder, monkeypatch):
    """As the page of Weights & Biases exports a table."""
    path = folder / "export.csv"
    path.write_text("\ufeffName,State,seed,acc\n" + "".join(f"run,finished,{s},{v}\n" for s, v in SEEDS.items()))
    return str(path), None, "acc", "seed"


def of_json(folder, monkeypatch):
    path = folder / "export.json"
    path.write_text(json.dumps([{"config": {"seed": s}, "summary": {"acc": v}} for s, v in SEEDS.items()]))
    return str(path), None, "summary.acc", "config.seed"


@pytest.mark.parametrize("made", [of_mlflow, of_optuna, of_wandb, of_csv, of_json])
def test_runs_of_another_tool_become_an_arm_with_its_seeds(tmp_path, monkeypatch, capsys, made):
    source, uri, column, seed = made(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    asked = ["import", source, "--metric", f"test_accuracy={column}", "--seed", seed, "-o", "theirs.csv"]
    assert main([*asked, *(["--from", uri] if uri else [])]) == 0
    said = capsys.readouterr().out
    assert said.startswith("theirs.csv: 3 runs.")
    arm = eval(said.strip().splitlines()[-1].strip().rstrip(","), {"Arm": Arm})
    assert arm.elsewhere.figures["test_accuracy"].by_seed == SEEDS
    assert main(["import", source, *(["--from", uri] if uri else [])]) == 0
    listed = capsys.readouterr().out
    assert column in listed
    assert "0.91, 0.92, 0.93" in listed


@pytest.mark.parametrize(("made", "message"), [(of_mlflow, "no experiment 'theirss'"), (of_optuna, "'optuna:theirss'")])
def test_a_name_that_is_not_in_the_store_is_one_line(tmp_path, monkeypatch, capsys, made, message):
    source, uri, *_ = made(tmp_path, monkeypatch)
    assert main(["import", f"{source}s", "--from", uri]) == 2
    assert message in capsys.readouterr().err


def test_only_runs_that_have_a_value_are_taken(tmp_path, monkeypatch, capsys):
    source, *_ = of_csv(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert main(["import", source, "--metric", "acc", "--where", "seed=5"]) == 0
    with (tmp_path / "runs.csv").open() as file:
        assert [row["acc"] for row in csv.DictReader(file)] == ["0.92"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "runs are imported from mlflow:EXPERIMENT, optuna:STUDY"),
        (["optuna:theirs"], "a study of Optuna is in a storage, got no --from"),
        (["mlflow:theirs", "--from", "sqlite:///{folder}/none.db"], "--from must name a store that is there, got"),
        (["optuna:nope", "--from", "sqlite:///{folder}/none.db"], "--from must name a store that is there, got"),
        (["{folder}"], "must have at least one run that ended well, got none"),
        (["{folder}/bad.json"], "must hold a list of runs, each a mapping, got 3"),
        (["{folder}/export.csv", "--metric", "acc=loss"], "the runs have no column 'loss': known are Name, State"),
        (["{folder}/export.csv", "--metric", "acc", "--where", "seed=7"], "no run has seed=7"),
        (["{folder}/export.csv", "--metric", "acc", "--where", "seed"], "--where must be COLUMN=VALUE, got 'seed'"),
        (["{folder}/export.csv", "--metric", "acc=Name"], "must be a finite number, got 'run'"),
        (["{folder}/export.csv", "--metric", "acc", "-o", "{folder}/none/x.csv"], "cannot be written"),
    ],
)
def test_what_cannot_be_imported_is_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    of_csv(tmp_path, monkeypatch)
    (tmp_path / "bad.json").write_text("3")
    assert main(["import", *(word.format(folder=tmp_path) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_oldest_run_of_mlflow_comes_first(tmp_path, monkeypatch):
    source, uri, column, _ = of_mlflow(tmp_path, monkeypatch)
    assert [row[column] for row in runs_from(source, uri)] == list(SEEDS.values())


def test_a_source_that_is_no_file_of_runs_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("not json")
    with pytest.raises(UsageError, match=r"x\.json' cannot be read"):
        runs_from(str(tmp_path / "x.json"), None)
