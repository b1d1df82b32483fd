"""The whole path on real data, inline: record, MLflow, models, reports."""

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from dlstudy.analysis.reading import read_summary
from dlstudy.report.export import FORMATS, export
from dlstudy.runner import session
from dlstudy.runner.backend import Backend
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.tracking.stores import tracking_uri
from tests.helpers.builders import make_study, runs_of, sum_up
from tests.helpers.fake_engine import Deaf

pytestmark = pytest.mark.slow

LOGGING = """
    import pathlib, keras, mlflow

    mlflow.log_metric("F1", p["learning_rate"], step=3)
    mlflow.log_text("hello", "notes/note.txt")
    pathlib.Path(p["artifacts"], "own.txt").write_text("own")
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A tiny study, run in a home whose path has a space, a quote and a letter outside ASCII."""
    from tests.conftest import TINY

    folder = tmp_path_factory.mktemp("a user's füße")
    path = folder / "tiny.py"
    path.write_text(TINY.replace("    import keras\n", LOGGING))
    backend = Backend(Home.at(folder / "my runs"), engine="inline")
    outcome = run_study(loader.load(path), Request(), backend, Deaf(), lambda line: None)
    return path, backend, outcome


def client(backend: Backend):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(backend.home))


def mlflow_runs(backend: Backend):
    mlflow = client(backend)
    experiment = mlflow.get_experiment_by_name("tiny")
    runs = mlflow.search_runs([experiment.experiment_id], max_results=1000)
    kinds = {"study": [], "trial": []}
    for run in runs:
        kinds[run.data.tags["dlstudy.kind"]].append(run)
    return kinds["study"], kinds["trial"]


def test_what_a_study_logs_to_mlflow_is_in_the_runs_of_its_trials_and_nowhere_else(ran):
    _, backend, _ = ran
    _, children = mlflow_runs(backend)
    nets = [run for run in children if run.data.params["arm"] == "net"]
    for run in nets:
        assert str(run.data.metrics["F1"]) == run.data.params["learning_rate"]
        artifacts = {file.path for file in client(backend).list_artifacts(run.info.run_id)}
        assert artifacts >= {"notes", "own.txt"}
    others = [run for run in children if run not in nets]
    assert (len(nets) > 0, len(others) > 0) == (True, True)
    assert not any("F1" in run.data.metrics for run in others)
    assert len(client(backend).search_experiments()) == 2, "the study's, and MLflow's own"
    assert not Path("mlflow.db").exists()
    assert not list(backend.home.files.glob("tiny/default/logistic")), "no trace of folders that stayed empty"


def test_mlflow_holds_one_parent_and_a_child_for_each_trial_all_ended(ran):
    _, backend, outcome = ran
    parents, children = mlflow_runs(backend)
    assert len(parents) == 1
    assert len(children) == outcome.n_trained == 21
    assert {run.info.status for run in [*parents, *children]} == {"FINISHED"}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parents[0].info.run_id}
    assert outcome.summary.answer.split(",")[0] in parents[0].data.tags["mlflow.note.content"]


def test_a_child_run_holds_parameters_curves_and_the_data_set(ran):
    _, backend, outcome = ran
    mlflow = client(backend)
    (trial, *_) = [t for t in outcome.summary.trials if t.phase == "replicate" and t.arm == "net"]
    run = mlflow.get_run(trial.run_id)
    assert run.info.run_name == "replicate · net · #0"
    assert run.data.params["seed"] == str(trial.seed)
    assert float(run.data.params["learning_rate"]) == trial.params["learning_rate"]
    curve = mlflow.get_metric_history(trial.run_id, "val_accuracy")
    assert [metric.step for metric in curve] == [1, 2]
    assert [metric.value for metric in curve] == trial.result.history["val_accuracy"]
    assert run.data.metrics["test_accuracy"] == trial.metrics["test_accuracy"]
    assert run.inputs.dataset_inputs[0].dataset.name == "digits"


def test_the_winner_s_model_can_be_loaded_from_mlflow(ran, monkeypatch):
    import mlflow

    from dlstudy.datasets import registry

    _, backend, outcome = ran
    (trial, *_) = [t for t in outcome.summary.trials if t.phase == "replicate" and t.arm == "net"]
    uri = client(backend).get_run(trial.run_id).data.tags["dlstudy.model"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(backend.home))
    model = mlflow.keras.load_model(uri)
    data = registry.load("digits")
    right = model.predict(data.x_test / 16.0, verbose=0).argmax(1) == data.y_test
    assert right.mean() == pytest.approx(trial.metrics["test_accuracy"], abs=1e-6)


def test_reports_are_written_and_logged(ran):
    _, backend, outcome = ran
    parents, _ = mlflow_runs(backend)
    names = {Path(item.path).name for item in client(backend).list_artifacts(parents[0].info.run_id, "report")}
    assert names == {path.name for path in outcome.reports} | {"answer.png"}
    assert {path.suffix for path in outcome.reports} == {f".{kind}" for kind in FORMATS}
    (data,) = [json.loads(path.read_text()) for path in outcome.reports if path.suffix == ".json"]
    assert len(data["trials"]) == 21
    assert all(trial["run_id"] for trial in data["trials"])


def test_running_again_trains_nothing_and_adds_no_run(ran):
    path, backend, _ = ran
    outcome = run_study(loader.load(path), Request(), backend, Deaf(), lambda line: None)
    assert outcome.n_trained == 0
    parents, children = mlflow_runs(backend)
    assert (len(parents), len(children)) == (1, 21)


def test_a_report_is_made_from_the_record_alone(ran):
    path, backend, outcome = ran
    file = loader.load(path)
    summary = read_summary(file, Record.open(backend.home, for_writing=False), None)
    assert json.loads(export(summary, "json"))["claims"] == json.loads(export(outcome.summary, "json"))["claims"]


def test_what_mlflow_lost_is_written_again_from_the_record(ran, tmp_path):
    path, backend, _ = ran
    home = Home.at(tmp_path / "copy")
    home.create()
    home.journal.write_bytes(backend.home.journal.read_bytes())
    outcome = run_study(loader.load(path), Request(), Backend(home, engine="inline"), Deaf(), lambda line: None)
    assert outcome.n_trained == 0
    _, children = mlflow_runs(Backend(home))
    assert len(children) == 21
    (trial, *_) = [t for t in outcome.summary.trials if t.phase == "replicate" and t.arm == "net"]
    (run,) = [run for run in children if run.data.tags["dlstudy.key"] == trial.key]
    curve = client(Backend(home)).get_metric_history(run.info.run_id, "val_accuracy")
    assert [metric.value for metric in curve] == trial.result.history["val_accuracy"]


def test_a_run_without_typst_says_that_no_pdf_was_written(ran, monkeypatch):
    path, backend, _ = ran
    monkeypatch.setitem(sys.modules, "typst", None)  # as if it were not installed
    outcome = run_study(loader.load(path), Request(), backend, Deaf(), lambda line: None)
    assert ".pdf" not in {report.suffix for report in outcome.reports}
    (remark,) = outcome.remarks
    assert remark == (
        "no PDF of the report was written: a PDF, and a card, needs typst, which is not installed here: "
        "pip install 'dlstudy[pdf]'"
    )


def test_an_unreachable_mlflow_costs_no_trial_and_is_reported(ran, tmp_path):
    path, _, _ = ran
    backend = Backend(Home.at(tmp_path / "away"), engine="inline", tracking="http://127.0.0.1:9")
    request = Request(phases=("search",), arms=("logistic",))
    outcome = run_study(loader.load(path), request, backend, Deaf(), lambda line: None)
    assert outcome.n_trained == 1
    assert "MLflow could not be written" in outcome.remarks[0]
    again = run_study(loader.load(path), request, Backend(backend.home, engine="inline"), Deaf(), lambda line: None)
    assert (again.n_trained, again.remarks) == (0, [])
    assert len(mlflow_runs(Backend(backend.home))[1]) == 1


def test_runs_left_open_by_a_dead_process_are_ended_as_killed(ran, tmp_path):
    path, backend, outcome = ran
    trial = outcome.summary.trials[0]
    with sqlite3.connect(backend.home.mlflow_db) as database:
        database.execute("update runs set status = 'RUNNING', end_time = null where run_uuid = ?", [trial.run_id])
    run_study(loader.load(path), Request(), backend, Deaf(), lambda line: None)
    assert client(backend).get_run(trial.run_id).info.status == "FINISHED"


def test_a_report_says_that_the_study_file_has_changed_since(ran, tmp_path):
    path, backend, _ = ran
    changed = tmp_path / "tiny.py"
    changed.write_text(path.read_text().replace("Dropout(0.1)", "Dropout(0.2)"))
    summary = read_summary(loader.load(changed), Record.open(backend.home, for_writing=False), None)
    assert summary.notes[0].startswith("RECORD: tiny/default/net/")
    assert "the code of build changed" in summary.notes[0]


def test_what_loading_a_winner_s_model_needs_is_said_once_for_each_arm():
    study = make_study(("a", "b"))
    needs = [runs_of(study, arm, "replicate", [0.8, 0.9], model_remark="the model needs Own") for arm in "ab"]
    plain = runs_of(study, "b", "replicate", [0.8, 0.9])
    assert session._remarks_on_files(sum_up(study, [*needs[0], *plain])) == ["a: the model needs Own"]
    assert len(session._remarks_on_files(sum_up(study, [*needs[0], *needs[1]]))) == 2
