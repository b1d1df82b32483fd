"""MLflow is brought to what the record says, and what it has already is not read again."""

import io
from collections import Counter
from dataclasses import replace

import pytest
from mlflow import MlflowClient
from PIL import Image

from dlstudy.store.home import Home
from dlstudy.study.claims import Claim
from dlstudy.tracking.pages import PICTURE, newest_view
from dlstudy.tracking.runs import MlflowRuns, StudyRun
from tests.helpers.builders import make_study, make_trial, runs_of, sum_up

STUDY = make_study()
ABOUT = {"name": "digits", "digest": "0f", "source": "here", "profile": "{}"}
HISTORY = {"val_accuracy": [0.4, 0.5]}


class Place:
    """An MLflow store in a home, with a count of what is asked of it."""

    def __init__(self, home, monkeypatch):
        self.home, self.uri = home, f"sqlite:///{home.mlflow_db}"
        self.client = MlflowClient(tracking_uri=self.uri)
        self.calls, self.read = Counter(), []
        for name in ("create_run", "log_batch", "set_terminated", "get_metric_history", "create_logged_model"):
            monkeypatch.setattr(MlflowClient, name, self.counted(name))
        monkeypatch.setattr(MlflowClient, "search_runs", self.searched())

    def counted(self, name):
        method = getattr(MlflowClient, name)

        def call(client, *args, **options):
            self.calls[name] += 1
            return method(client, *args, **options)

        return call

    def searched(self):
        search = MlflowClient.search_runs

        def call(client, *args, **options):
            found = search(client, *args, **options)
            self.read += [run.data.tags["dlstudy.key"] for run in found if "dlstudy.key" in run.data.tags]
            return found

        return call

    def connect(self, variant="default"):
        params = {"metric": "val_accuracy"}
        about = StudyRun("s", variant, {}, params, ABOUT, "Is a better?", arms=["b", "a"], tuned=["rate"])
        runs = MlflowRuns(self.uri, self.home, about)
        self.calls.clear()
        self.read.clear()
        return runs

    def children(self, parent):
        runs = self.client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{parent}'")
        return {run.info.run_id: run for run in runs}

    def keys(self, parent):
        return sorted(run.data.tags["dlstudy.key"] for run in self.children(parent).values())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A home with an empty MLflow store, which takes seconds to make."""
    home = Home.at(tmp_path_factory.mktemp("home"))
    MlflowClient(tracking_uri=f"sqlite:///{home.mlflow_db}").create_experiment("s", home.artifacts.as_uri())
    return home.mlflow_db.read_bytes()


@pytest.fixture
def place(store, tmp_path, monkeypatch):
    home = Home.at(tmp_path / "home")
    home.create()
    home.mlflow_db.write_bytes(store)
    return Place(home, monkeypatch)


def trial(row, hours=0, **changes):
    began_s = 1e9 + 3600 * hours + row
    return make_trial(
        STUDY, "a", "search", row, started_s=began_s, ended_s=began_s + 10, history=HISTORY, run_id="r", **changes
    )


EARLIER, LATER = [trial(row) for row in range(3)], [trial(row, hours=1) for row in range(3, 5)]
KEYS = [trial.key for trial in (*EARLIER, *LATER)]


def test_what_mlflow_has_is_neither_read_nor_written_again(place):
    place.connect().catch_up(EARLIER)
    runs = place.connect()
    runs.catch_up(EARLIER)
    assert place.read == []
    assert place.calls == {}
    assert place.keys(runs.parent) == KEYS[:3]


def test_what_came_since_is_written_and_only_runs_of_that_time_are_read(place):
    place.connect().catch_up(EARLIER)
    place.connect().catch_up([*EARLIER, LATER[0]])
    runs = place.connect()
    runs.catch_up([*EARLIER, *LATER])
    assert set(place.read) <= set(KEYS[3:])
    assert place.calls["create_run"] == 1
    assert place.keys(runs.parent) == KEYS
    (run,) = [run for run in place.children(runs.parent).values() if run.data.tags["dlstudy.key"] == KEYS[4]]
    assert (run.info.status, run.data.metrics["val_accuracy"]) == ("FINISHED", 0.5)
    curve = place.client.get_metric_history(run.info.run_id, "val_accuracy")
    assert [(metric.step, metric.value) for metric in curve] == [(1, 0.4), (2, 0.5)]


def test_a_run_is_not_written_twice_when_a_process_died_before_it_left_its_mark(place):
    runs = place.connect()
    runs.catch_up(EARLIER)
    mark = place.client.get_run(runs.parent).data.tags["dlstudy.written"]
    runs.catch_up([*EARLIER, *LATER])
    place.client.set_tag(runs.parent, "dlstudy.written", mark)
    again = place.connect()
    again.catch_up([*EARLIER, *LATER])
    assert sorted(place.read) == KEYS[3:]
    assert place.calls["create_run"] == 0
    assert place.client.get_run(runs.parent).data.tags["dlstudy.written"] > mark


@pytest.mark.parametrize("mark", ["", "nonsense", "nan 0", "inf 0", "1e9 ", "1000000012.0 0123456789abcdef"])
def test_a_mark_of_other_trials_is_not_believed(place, mark):
    runs = place.connect()
    runs.catch_up(EARLIER)
    own = place.client.get_run(runs.parent).data.tags["dlstudy.written"]
    place.client.set_tag(runs.parent, "dlstudy.written", mark)
    again = place.connect()
    again.catch_up(EARLIER)
    assert sorted(place.read) == KEYS[:3]
    assert place.calls["create_run"] == 0
    assert place.client.get_run(runs.parent).data.tags["dlstudy.written"] == own


def test_a_record_that_has_changed_before_the_mark_is_gone_through_again(place):
    place.connect().catch_up(EARLIER)
    runs = place.connect()
    runs.catch_up([*EARLIER, trial(3)])  # it ended a second after the others, and a trial before them is new
    runs = place.connect()
    early = make_trial(STUDY, "b", "search", 0, started_s=1e9 - 60, ended_s=1e9 - 50)
    runs.catch_up([early, *EARLIER, trial(3)])
    assert place.calls["create_run"] == 1
    assert len(place.children(runs.parent)) == 5


def test_a_run_that_was_left_open_is_ended_whatever_the_mark(place):
    runs = place.connect()
    runs.catch_up(EARLIER)
    place.client.update_run(runs.run_ids[KEYS[1]], status="RUNNING")
    again = place.connect()
    again.catch_up(EARLIER)
    assert set(place.read) == {KEYS[1]}
    assert place.client.get_run(runs.run_ids[KEYS[1]]).info.status == "FINISHED"


def test_a_run_that_the_record_does_not_name_is_looked_up(place):
    place.connect().catch_up(EARLIER)
    again = place.connect()
    again.catch_up([*EARLIER[:2], replace(EARLIER[2], run_id="")])
    assert KEYS[2] in place.read
    assert place.calls["create_run"] == 0
    assert place.client.get_run(again.run_ids[KEYS[2]]).data.tags["dlstudy.key"] == KEYS[2]


def test_another_store_has_no_mark_and_gets_everything(place, store, tmp_path):
    place.connect().catch_up(EARLIER)
    place.home.mlflow_db.write_bytes(store)
    runs = place.connect()
    runs.catch_up(EARLIER)
    assert place.calls["create_run"] == 3
    assert place.calls["get_metric_history"] == 0  # a run that was just made has no epochs
    assert place.keys(runs.parent) == KEYS[:3]


def test_a_model_goes_to_its_run_once_also_when_that_run_was_not_read(place, tmp_path):
    place.connect().catch_up(EARLIER)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("{}")
    models = []
    for _ in range(2):
        runs = place.connect()
        runs.catch_up(EARLIER)
        runs.log_model(EARLIER[1], tmp_path / "model")
        models.append(place.calls["create_logged_model"])
        assert set(place.read) == {KEYS[1]}
    assert models == [1, 0]


def test_a_home_without_the_model_gets_it_back_with_its_pictures(place, tmp_path):
    runs, trained = place.connect(), tmp_path / "one" / "a-0f"
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
    place.connect().fetch_model(EARLIER[1], folder)
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in files} == {
        "a-0f/MLmodel": b"MLmodel",
        "a-0f/data/model.keras": b"model.keras",
        "a-0f.pictures/x, y.png": b"x, y.png",
    }
    place.connect().fetch_model(EARLIER[0], tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_was_missed_takes_four_requests_a_trial_and_is_counted(place):
    runs, heard = place.connect(), []
    runs.catch_up(EARLIER, lambda *counts: heard.append(counts))
    assert heard == [(0, 3), (1, 3), (2, 3)]
    assert {name: place.calls[name] for name in ("create_run", "log_batch", "set_terminated")} == {
        "create_run": 3, "log_batch": 3, "set_terminated": 3,
    }  # fmt: skip
    (run,) = [run for run in place.children(runs.parent).values() if run.data.tags["dlstudy.key"] == KEYS[0]]
    assert (run.data.params["arm"], run.data.metrics["val_accuracy"]) == ("a", 0.5)


def test_runs_of_an_arm_have_its_colour_and_further_searches_their_number(place):
    runs = place.connect()
    runs.catch_up([trial(0), replace(trial(1), search=2, key="s/default/a/search.2#1")])
    first, second = sorted(place.children(runs.parent).values(), key=lambda run: run.info.run_name)
    assert (first.info.run_name, second.info.run_name) == ("search 2 · a · #1", "search · a · #0")
    assert {run.data.tags["mlflow.runColor"] for run in (first, second)} == {"#D55E00"}  # the second of our colours
    assert (first.data.params["search"], second.data.params.get("search")) == ("2", None)


def test_the_variant_that_ran_last_has_the_newest_view(place):
    place.connect("quick")
    parent = place.connect().parent
    tags = place.client.get_experiment("1").tags
    assert newest_view(tags) == (f"dlstudy-{parent}", parent)
    assert "params.`rate`" in tags[f"mlflow.sharedViewState.dlstudy-{parent}"]


def png(width, height):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


def test_the_study_s_run_ends_with_answer_claims_report_and_a_picture_that_fits(place, tmp_path):
    study = make_study(claims=[Claim("a wins", better="a", than="b", metric="test_accuracy")])
    trials = [*runs_of(study, "a", "replicate", [0.9] * 8), *runs_of(study, "b", "replicate", [0.7] * 8)]
    summary = sum_up(study, trials)
    report = tmp_path / "s-default.html"
    report.write_text("<p>report")
    runs = place.connect()
    runs.end_parent("FINISHED", summary, [report], png(1320, 500))
    run = place.client.get_run(runs.parent)
    assert run.info.status == "FINISHED"
    assert run.data.tags["dlstudy.answer"] == summary.answer
    assert run.data.tags["dlstudy.claim.1"] == f"{summary.claims[0].verdict}: a wins"
    note = run.data.tags["mlflow.note.content"]
    assert f"#/experiments/1/runs/{runs.parent}/artifacts/report/s-default.html" in note
    assert f"get-artifact?path={PICTURE}&run_uuid={runs.parent}" in note
    with Image.open(place.client.download_artifacts(runs.parent, PICTURE, str(tmp_path))) as picture:
        assert picture.size == (660, 250)


def test_a_run_that_was_stopped_says_what_is_known_without_report_and_picture(place):
    runs = place.connect()
    runs.end_parent("KILLED", sum_up(STUDY, EARLIER))
    run = place.client.get_run(runs.parent)
    assert run.info.status == "KILLED"
    assert "Is a better?" in run.data.tags["mlflow.note.content"]
    assert "](" not in run.data.tags["mlflow.note.content"]
    assert place.client.list_artifacts(runs.parent) == []
