"""What MLflow refuses, what users delete in it, and what a study's own code logs: the rest is written, runs end."""

from dataclasses import replace

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from dlstudy.study.own_log import OwnLog
from dlstudy.study.trial_output import output_file
from tests.helpers.builders import sum_up
from tests.helpers.mlflow_store import EARLIER, KEYS, LATER, STUDY, trial

pytestmark = pytest.mark.slow


def test_a_study_s_run_that_was_deleted_is_restored_with_all_that_was_deleted_with_it(mlflow):
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    for run_id in (runs.parent, runs.run_ids[KEYS[0]]):
        mlflow.client.delete_run(run_id)
    again = mlflow.connect()
    again.catch_up(EARLIER)
    assert again.parent == runs.parent
    assert mlflow.calls["create_run"] == 1
    assert mlflow.keys(again.parent) == KEYS[:3]
    assert again.notes == [
        "the run of s · default had been deleted in MLflow: it was restored, and what it lacks is written again"
    ]
    mlflow.client.delete_run(again.parent)
    again.catch_up([*EARLIER, *LATER])  # deleted while the study runs
    again.end_parent("FINISHED", sum_up(STUDY, EARLIER))
    parent = mlflow.client.get_run(again.parent).info
    assert (parent.lifecycle_stage, parent.status, mlflow.keys(again.parent)) == ("active", "FINISHED", KEYS)
    assert mlflow.connect().notes == []


def test_of_two_runs_of_a_study_the_one_with_the_newer_trials_is_written_to_and_the_user_hears_of_it(mlflow):
    first = mlflow.connect()
    first.catch_up(EARLIER)
    mlflow.client.delete_run(first.parent)
    tags = {"dlstudy.variant": "default", "dlstudy.kind": "study", "dlstudy.written": "1.5 00"}
    second = mlflow.client.create_run("1", tags=tags).info.run_id
    runs = mlflow.connect()
    assert (runs.parent, runs.notes) == (second, []), "a deleted one is not looked at while there is another"
    mlflow.client.restore_run(first.parent)
    runs = mlflow.connect()
    assert runs.parent == first.parent
    assert runs.notes == [
        f"MLflow has 2 runs of s · default: this one is written to run {first.parent}; delete what you do not need of "
        f"{second}"
    ]


def test_an_experiment_that_was_deleted_comes_back_with_its_runs(mlflow):
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    mlflow.client.delete_experiment("1")
    again = mlflow.connect()
    again.catch_up(EARLIER)
    assert (again.parent, again.notes, mlflow.calls["create_run"]) == (runs.parent, [], 0)
    assert mlflow.keys(runs.parent) == KEYS[:3]


def test_what_mlflow_refuses_is_left_out_and_named_and_every_run_ends(mlflow, monkeypatch, tmp_path):
    def refusing(name, refuses):
        method = getattr(MlflowClient, name)

        def call(client, *args, **options):
            if refuses in repr((args, options.get("name"), [vars(item) for item in options.get("metrics", ())])):
                raise MlflowException("not this one", INVALID_PARAMETER_VALUE)
            return method(client, *args, **options)

        monkeypatch.setattr(MlflowClient, name, call)

    refusing("log_batch", "val_accuracy")
    refusing("create_run", KEYS[1])
    refusing("create_logged_model", "s-a")
    refusing("set_experiment_tag", "sharedViewState")
    (tmp_path / "MLmodel").write_text("{}")
    runs = mlflow.connect()
    runs.begin(EARLIER[1], "cpu:0", 0)
    runs.catch_up([*EARLIER, *LATER])
    runs.log_model(EARLIER[0], tmp_path)
    runs.end_parent("FINISHED", sum_up(STUDY, EARLIER))
    children = {run.data.tags["dlstudy.key"]: run for run in mlflow.children(runs.parent).values()}
    assert sorted(children) == sorted({*KEYS} - {KEYS[1]})
    assert {run.info.status for run in (*children.values(), mlflow.client.get_run(runs.parent))} == {"FINISHED"}
    assert children[KEYS[0]].data.metrics == {"system/seconds": 1.5}
    assert children[KEYS[0]].data.tags["dlstudy.refused"].startswith("metric val_accuracy: ")
    assert set(runs.refused) == {
        ("s · default", "view"), (KEYS[1], "run"), (KEYS[0], "model"),
        *((key, "metric val_accuracy") for key in children),
    }  # fmt: skip
    monkeypatch.undo()
    mlflow.connect().catch_up([*EARLIER, *LATER])
    assert mlflow.keys(runs.parent) == KEYS, "a trial that is absent is tried again by the next run"


def test_names_that_mlflow_does_not_take_are_escaped_and_keep_their_epochs(mlflow):
    odd = replace(trial(0), params={"η": 0.1, "index": "a" * 7000, "seed": 3})
    odd = replace(odd, result=replace(odd.result, history={"val_top@3": [0.4, None, 0.5]}, metrics={"val_F1": 1.0}))
    runs = mlflow.connect()
    runs.begin(odd, "cpu:0", 0)
    runs.log_epochs(odd.key, [(1, 0, {"val_top@3": 0.4})])
    runs.catch_up([odd])
    run = mlflow.client.get_run(runs.run_ids[odd.key])
    curve = mlflow.client.get_metric_history(run.info.run_id, "val_top_x0040_3")
    assert [(metric.step, metric.value) for metric in curve] == [(1, 0.4), (3, 0.5)]
    assert (run.data.metrics["val_F1"], run.data.params["η"], run.data.params["index"]) == (1.0, "0.1", "0")
    assert run.data.params["study/index"].endswith("aaa [cut: 7,000 characters]")
    assert (run.info.status, runs.refused) == ("FINISHED", {})


def test_what_a_study_s_code_logged_is_in_the_run_of_its_trial(mlflow):
    folder = mlflow.home.trial_files("s", "default", EARLIER[0])
    (folder / "artifacts" / "notes").mkdir(parents=True)
    (folder / "artifacts" / "notes" / "note.txt").write_text("hello")
    output = output_file(folder, KEYS[0])
    output.write_text("what it printed")
    metrics = [("mine", 1.0, 5, 0), ("mine", 2.0, 6, 7), ("val_accuracy", 0.9, 6, 0)]
    OwnLog(KEYS[0], metrics, {"depth": "3", "index": "x", "arm": "a"}, {"author": "me", "dlstudy.key": "k"}).write(
        folder
    )
    runs = mlflow.connect()
    runs.catch_up(EARLIER[:2])
    run, other = (mlflow.client.get_run(runs.run_ids[key]) for key in KEYS[:2])
    assert [(m.step, m.value) for m in mlflow.client.get_metric_history(run.info.run_id, "mine")] == [
        (0, 1.0),
        (7, 2.0),
    ]
    values = {name: run.data.metrics[name] for name in ("val_accuracy", "study/val_accuracy")}
    assert values == {"val_accuracy": 0.5, "study/val_accuracy": 0.9}, "two curves are not one"
    params = {name: run.data.params.get(name) for name in ("depth", "index", "study/index", "arm", "study/arm")}
    assert params == {"depth": "3", "index": "0", "study/index": "x", "arm": "a", "study/arm": None}
    tags = [run.data.tags[name] for name in ("author", "dlstudy.key", "study/dlstudy.key")]
    assert tags == ["me", KEYS[0], "k"]
    assert [file.path for file in mlflow.client.list_artifacts(run.info.run_id, "notes")] == ["notes/note.txt"]
    assert [file.path for file in mlflow.client.list_artifacts(run.info.run_id)] == ["notes", output.name]
    assert mlflow.client.list_artifacts(other.info.run_id) == []
    assert "mine" not in other.data.metrics
    assert runs.refused == {}


def test_files_that_cannot_be_stored_leave_no_run_open(mlflow, monkeypatch):
    def log_artifacts(*_):
        raise PermissionError("not here")

    folder = mlflow.home.trial_files("s", "default", EARLIER[0])
    (folder / "artifacts").mkdir(parents=True)
    OwnLog(KEYS[0]).write(folder)
    monkeypatch.setattr(MlflowClient, "log_artifacts", log_artifacts)
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    run = mlflow.client.get_run(runs.run_ids[KEYS[0]])
    assert (run.info.status, run.data.tags["dlstudy.refused"]) == ("FINISHED", "files: PermissionError: not here")
