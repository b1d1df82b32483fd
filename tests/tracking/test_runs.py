"""MLflow is brought to what the record says, and what it has already is not read again."""

import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlparse

import pytest
from PIL import Image

from dlstudy.study.claims import Claim
from dlstudy.study.trial import TrainedBy
from dlstudy.tracking.pages import PICTURE, newest_view
from tests.helpers.builders import make_study, make_trial, runs_of, sum_up
from tests.helpers.mlflow_store import EARLIER, KEYS, LATER, STUDY, trial

pytestmark = pytest.mark.slow


def test_what_mlflow_has_is_neither_read_nor_written_again(mlflow):
    mlflow.connect().catch_up(EARLIER)
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    assert mlflow.read == []
    assert mlflow.calls == {}
    assert mlflow.keys(runs.parent) == KEYS[:3]


def test_what_came_since_is_written_and_only_runs_of_that_time_are_read(mlflow):
    mlflow.connect().catch_up(EARLIER)
    mlflow.connect().catch_up([*EARLIER, LATER[0]])
    runs = mlflow.connect()
    runs.catch_up([*EARLIER, *LATER])
    assert set(mlflow.read) <= set(KEYS[3:])
    assert mlflow.calls["create_run"] == 1
    assert mlflow.keys(runs.parent) == KEYS
    (run,) = [run for run in mlflow.children(runs.parent).values() if run.data.tags["dlstudy.key"] == KEYS[4]]
    assert (run.info.status, run.data.metrics["val_accuracy"]) == ("FINISHED", 0.5)
    curve = mlflow.client.get_metric_history(run.info.run_id, "val_accuracy")
    assert [(metric.step, metric.value) for metric in curve] == [(1, 0.4), (2, 0.5)]


def test_a_run_is_not_written_twice_when_a_process_died_before_it_left_its_mark(mlflow):
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    mark = mlflow.client.get_run(runs.parent).data.tags["dlstudy.written"]
    runs.catch_up([*EARLIER, *LATER])
    mlflow.client.set_tag(runs.parent, "dlstudy.written", mark)
    again = mlflow.connect()
    again.catch_up([*EARLIER, *LATER])
    assert sorted(mlflow.read) == KEYS[3:]
    assert mlflow.calls["create_run"] == 0
    assert mlflow.client.get_run(runs.parent).data.tags["dlstudy.written"] > mark


@pytest.mark.parametrize("mark", ["", "nonsense", "nan 0", "inf 0", "1e9 ", "1000000012.0 0123456789abcdef"])
def test_a_mark_of_other_trials_is_not_believed(mlflow, mark):
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    own = mlflow.client.get_run(runs.parent).data.tags["dlstudy.written"]
    mlflow.client.set_tag(runs.parent, "dlstudy.written", mark)
    again = mlflow.connect()
    again.catch_up(EARLIER)
    assert sorted(mlflow.read) == KEYS[:3]
    assert mlflow.calls["create_run"] == 0
    assert mlflow.client.get_run(runs.parent).data.tags["dlstudy.written"] == own


def test_a_record_that_has_changed_before_the_mark_is_gone_through_again(mlflow):
    mlflow.connect().catch_up(EARLIER)
    runs = mlflow.connect()
    runs.catch_up([*EARLIER, trial(3)])  # it ended a second after the others, and a trial before them is new
    runs = mlflow.connect()
    early = make_trial(STUDY, "b", "search", 0, started_s=1e9 - 60, ended_s=1e9 - 50)
    runs.catch_up([early, *EARLIER, trial(3)])
    assert mlflow.calls["create_run"] == 1
    assert len(mlflow.children(runs.parent)) == 5


def test_a_run_that_was_left_open_is_ended_whatever_the_mark(mlflow):
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    mlflow.client.update_run(runs.run_ids[KEYS[1]], status="RUNNING")
    again = mlflow.connect()
    again.catch_up(EARLIER)
    assert set(mlflow.read) == {KEYS[1]}
    assert mlflow.client.get_run(runs.run_ids[KEYS[1]]).info.status == "FINISHED"


def test_epochs_of_a_run_that_was_left_open_are_not_written_again_though_a_metric_lacks_some(mlflow):
    history = {"val_accuracy": [0.4, None, 0.5], "val_loss": [0.6, 0.5, 0.4, 0.3]}
    gappy = replace(EARLIER[0], result=replace(EARLIER[0].result, history=history))
    runs = mlflow.connect()
    runs.catch_up([gappy])
    run_id = runs.run_ids[gappy.key]
    mlflow.client.update_run(run_id, status="RUNNING")
    mlflow.connect().catch_up([replace(gappy, ended_s=gappy.ended_s + 1)])
    assert [metric.step for metric in mlflow.client.get_metric_history(run_id, "val_loss")] == [1, 2, 3, 4]


def test_a_run_that_the_record_does_not_name_is_looked_up(mlflow):
    mlflow.connect().catch_up(EARLIER)
    again = mlflow.connect()
    again.catch_up([*EARLIER[:2], replace(EARLIER[2], run_id="")])
    assert KEYS[2] in mlflow.read
    assert mlflow.calls["create_run"] == 0
    assert mlflow.client.get_run(again.run_ids[KEYS[2]]).data.tags["dlstudy.key"] == KEYS[2]


def test_another_store_has_no_mark_and_gets_everything(mlflow, store, tmp_path):
    mlflow.connect().catch_up(EARLIER)
    mlflow.home.mlflow_db.write_bytes(store)
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    assert mlflow.calls["create_run"] == 3
    assert mlflow.calls["get_metric_history"] == 0  # a run that was just made has no epochs
    assert mlflow.keys(runs.parent) == KEYS[:3]


def test_a_model_goes_to_its_run_once_also_when_that_run_was_not_read(mlflow, tmp_path):
    mlflow.connect().catch_up(EARLIER)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("{}")
    models = []
    for _ in range(2):
        runs = mlflow.connect()
        runs.catch_up(EARLIER)
        runs.log_model(EARLIER[1], tmp_path / "model")
        models.append(mlflow.calls["create_logged_model"])
        assert set(mlflow.read) == {KEYS[1]}
    assert models == [1, 0]


def test_a_model_has_the_parameters_of_its_trial_and_its_metrics_on_the_data_set(mlflow, tmp_path):
    replicate = trial(1, metrics={"test_accuracy": 0.9, "val_accuracy": 0.5, "parameters": 10})
    runs = mlflow.connect()
    runs.catch_up([replicate])
    (tmp_path / "MLmodel").write_text("{}")
    runs.log_model(replicate, tmp_path)
    run = mlflow.client.get_run(runs.run_ids[KEYS[1]])
    (known,) = run.outputs.model_outputs
    model = mlflow.client.get_logged_model(known.model_id)
    assert model.params == {name: str(value) for name, value in replicate.params.items()}
    at_end = {"test_accuracy": 0.9}
    assert {metric.key: metric.value for metric in model.metrics} == at_end
    assert {metric.dataset_name for metric in model.metrics} == {run.inputs.dataset_inputs[0].dataset.name}
    for name in at_end:
        assert len(mlflow.client.get_metric_history(run.info.run_id, name)) == 1


def test_a_model_is_registered_once_and_the_next_one_is_the_next_version(mlflow, tmp_path):
    runs = mlflow.connect()
    runs.catch_up(EARLIER)
    (tmp_path / "MLmodel").write_text("{}")
    assert runs.register_model(EARLIER[1], "best of all", "why") == ""
    runs.log_model(EARLIER[1], tmp_path)
    assert [runs.register_model(EARLIER[1], "best of all", "why") for _ in range(2)] == ["1", "1"]
    runs.log_model(EARLIER[0], tmp_path)
    assert runs.register_model(EARLIER[0], "best of all", "why") == "2"
    version = mlflow.client.get_model_version("best of all", "1")
    assert (version.run_id, version.description) == (runs.run_ids[KEYS[1]], "why")
    assert Path(urlparse(version.source).path, "MLmodel").is_file()


def test_the_model_of_an_arm_with_a_dot_in_its_name_is_logged(mlflow, tmp_path):
    trial = replace(EARLIER[1], arm="huber_0.1")
    (tmp_path / "MLmodel").write_text("{}")
    runs = mlflow.connect("dotted")
    runs.catch_up([trial])
    runs.log_model(trial, tmp_path)
    models = {model.source_run_id: model.name for model in mlflow.client.search_logged_models(["1"])}
    assert [models[run] for run in mlflow.children(runs.parent)] == ["s-huber_0_1"]


def test_a_home_without_the_model_gets_it_back_with_its_pictures(mlflow, tmp_path):
    runs, trained = mlflow.connect(), tmp_path / "one" / "a-0f"
    runs.catch_up(EARLIER)
    for path in (
        trained / "MLmodel",
        trained / "data" / "model.keras",
        trained.with_name("a-0f.pictures") / "x, y.png",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    runs.log_model(EARLIER[1], trained)
    folder = tmp_path / "two" / "models" / "a-0f"
    mlflow.connect().fetch_model(EARLIER[1], folder)
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in files} == {
        "a-0f/MLmodel": b"MLmodel",
        "a-0f/data/model.keras": b"model.keras",
        "a-0f.pictures/x, y.png": b"x, y.png",
    }
    mlflow.connect().fetch_model(EARLIER[0], tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_was_missed_takes_four_requests_a_trial_and_is_counted(mlflow):
    runs, heard = mlflow.connect(), []
    runs.catch_up(EARLIER, lambda *counts: heard.append(counts))
    assert heard == [(0, 3), (1, 3), (2, 3)]
    assert {name: mlflow.calls[name] for name in ("create_run", "log_batch", "set_terminated")} == {
        "create_run": 3, "log_batch": 3, "set_terminated": 3,
    }  # fmt: skip
    (run,) = [run for run in mlflow.children(runs.parent).values() if run.data.tags["dlstudy.key"] == KEYS[0]]
    assert (run.data.params["arm"], run.data.metrics["val_accuracy"]) == ("a", 0.5)


def test_runs_of_an_arm_have_its_colour_and_further_searches_their_number(mlflow):
    runs = mlflow.connect()
    runs.catch_up([trial(0), replace(trial(1), search=2, key="s/default/a/search.2#1")])
    first, second = sorted(mlflow.children(runs.parent).values(), key=lambda run: run.info.run_name)
    assert (first.info.run_name, second.info.run_name) == ("search 2 · a · #1", "search · a · #0")
    assert {run.data.tags["mlflow.runColor"] for run in (first, second)} == {"#D55E00"}  # the second of our colours
    assert (first.data.params["search"], second.data.params.get("search")) == ("2", None)


def test_the_variant_that_ran_last_has_the_newest_view(mlflow):
    mlflow.connect("quick")
    parent = mlflow.connect().parent
    tags = mlflow.client.get_experiment("1").tags
    assert newest_view(tags) == (f"dlstudy-{parent}", parent)
    assert "params.`rate`" in tags[f"mlflow.sharedViewState.dlstudy-{parent}"]


def png(width, height):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


def test_the_study_s_run_ends_with_answer_claims_report_and_a_picture_that_fits(mlflow, tmp_path):
    study = make_study(claims=[Claim("a wins", better="a", than="b", metric="test_accuracy")])
    trials = [*runs_of(study, "a", "replicate", [0.9] * 8), *runs_of(study, "b", "replicate", [0.7] * 8)]
    summary = sum_up(study, trials)
    report = tmp_path / "s-default.html"
    report.write_text("<p>report")
    runs = mlflow.connect()
    runs.end_parent("FINISHED", summary, [report], png(1320, 500))
    run = mlflow.client.get_run(runs.parent)
    assert run.info.status == "FINISHED"
    assert run.data.tags["dlstudy.answer"] == summary.answer
    assert run.data.tags["dlstudy.claim.1"] == f"{summary.claims[0].verdict}: a wins"
    note = run.data.tags["mlflow.note.content"]
    assert f"#/experiments/1/runs/{runs.parent}/artifacts/report/s-default.html" in note
    assert f"get-artifact?path={PICTURE}&run_uuid={runs.parent}" in note
    with Image.open(mlflow.client.download_artifacts(runs.parent, PICTURE, str(tmp_path))) as picture:
        assert picture.size == (660, 250)


def test_a_run_that_was_stopped_says_what_is_known_without_report_and_picture(mlflow):
    runs = mlflow.connect()
    runs.end_parent("KILLED", sum_up(STUDY, EARLIER))
    run = mlflow.client.get_run(runs.parent)
    assert run.info.status == "KILLED"
    assert "Is a better?" in run.data.tags["mlflow.note.content"]
    assert "](" not in run.data.tags["mlflow.note.content"]
    assert mlflow.client.list_artifacts(runs.parent) == []


def test_what_trained_a_trial_and_its_remarks_are_tags(mlflow):
    runs = mlflow.connect()
    remarks = ["the model runs eagerly", "the model could not be saved"]
    runs.catch_up([trial(0, trained_by=TrainedBy.FIT, remarks=remarks), trial(1, state="failed", reason="no luck")])
    tags = {run.data.tags["dlstudy.key"]: run.data.tags for run in mlflow.children(runs.parent).values()}
    first, second = (tags[key] for key in KEYS[:2])
    assert (first["dlstudy.state"], first["dlstudy.trained_by"]) == ("finished", "fit")
    assert first["dlstudy.remarks"] == "the model runs eagerly; the model could not be saved"
    assert (second["dlstudy.state"], second["dlstudy.reason"]) == ("failed", "no luck")
    assert "dlstudy.remarks" not in second
