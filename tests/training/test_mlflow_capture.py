"""What a study's code logs to MLflow stays with its trial, and nothing of it reaches the next one or another store."""

import os
from pathlib import Path

import pytest

from dlstudy.study.own_log import OwnLog
from dlstudy.training.mlflow_capture import mlflow_apart, mlflow_begun_anew, mlflow_captured
from tests.helpers.trainings import run, spec_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working folder in which a stray store would show, and MLflow's variables as a user sets them."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)


def mlflow_variables():
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}


def captured(tmp_path, code, key="s/a#0"):
    """What some code logs in a trial, and its artifacts by name."""
    remarks, variables = [], mlflow_variables()
    spec = spec_of(key=key, folder=str(tmp_path / "a trial's files"))
    with mlflow_captured(spec, remarks):
        code()
    assert mlflow_variables() == variables
    assert (remarks, list(Path.cwd().iterdir())) == ([], [])
    folder = Path(spec.folder)
    artifacts = {path.relative_to(folder / "artifacts").as_posix() for path in folder.glob("artifacts/**/*.*")}
    return OwnLog.read(folder, key), artifacts


def test_all_of_the_fluent_interface_is_kept_with_steps_and_types(tmp_path):
    def code():
        import mlflow
        import numpy as np
        from matplotlib.figure import Figure

        mlflow.set_experiment("my experiment")
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"F1": 1.0, "η": float("inf")}, step=7, synchronous=False)
        mlflow.log_param("depth", 3)
        mlflow.log_params({"kind": "deep", "none": None})
        mlflow.set_tag("author", "me")
        mlflow.set_tags({"mlflow.note.content": "a note"})
        mlflow.log_text("hello", "notes/note.txt")
        mlflow.log_dict({"a": 1}, "a.json")
        mlflow.log_figure(Figure(), "figure.png")
        mlflow.log_image(np.zeros((2, 2, 3), np.uint8), "image.png")
        (tmp_path / "own.txt").write_text("own")
        mlflow.log_artifact(str(tmp_path / "own.txt"))
        with mlflow.start_run(run_name="fold 1/2", nested=True):
            mlflow.log_metric("loss", 9.0)
            mlflow.log_text("nested", "nested.txt")

    log, artifacts = captured(tmp_path, code)
    assert sorted((name, value, step) for name, value, _, step in log.metrics) == [
        ("F1", 1.0, 7), ("fold 1_2/loss", 9.0, 0), ("loss", 0.25, 2), ("loss", 0.5, 1), ("η", float("inf"), 7),
    ]  # fmt: skip
    assert log.params == {"depth": "3", "kind": "deep", "none": "None"}
    assert log.tags == {"author": "me", "mlflow.note.content": "a note"}
    assert artifacts == {
        "notes/note.txt", "a.json", "figure.png", "image.png", "own.txt", "fold 1_2/nested.txt"
    }  # fmt: skip


def test_nothing_of_a_trial_reaches_the_next_one(tmp_path):
    import mlflow
    from mlflow.utils.autologging_utils import autologging_is_disabled

    def first():
        mlflow.set_experiment("of the first")
        mlflow.start_run()
        mlflow.sklearn.autolog()
        mlflow.log_metric("first", 1.0)

    def second():
        assert mlflow.active_run() is None
        assert autologging_is_disabled("sklearn")
        mlflow.log_metric("second", 2.0)

    assert [name for name, *_ in captured(tmp_path, first)[0].metrics] == ["first"]
    assert mlflow.active_run() is None
    assert [name for name, *_ in captured(tmp_path, second, "s/a#1")[0].metrics] == ["second"]
    assert OwnLog.read(tmp_path / "a trial's files", "s/a#0") is None, "a later try has the same folder"
    assert captured(tmp_path, lambda: None) == (None, set())
    assert not (tmp_path / "a trial's files").exists()


def test_a_training_that_begins_again_has_logged_once(tmp_path):
    def code():
        import mlflow

        mlflow_begun_anew()
        mlflow.log_metric("loss", 1.0)
        mlflow.log_text("hello", "first.txt")
        mlflow_begun_anew()
        mlflow.log_metric("loss", 2.0)

    mlflow_begun_anew()
    log, artifacts = captured(tmp_path, code)
    assert ([value for _, value, *_ in log.metrics], artifacts) == ([2.0], set())


def test_a_store_that_the_process_had_chosen_is_chosen_again_afterwards(tmp_path):
    import mlflow

    chosen = (tmp_path / "chosen").as_uri()
    mlflow.set_tracking_uri(chosen)
    try:
        with mlflow_apart():
            mlflow.log_metric("apart", 1.0)
            assert mlflow.get_tracking_uri() != chosen
        assert mlflow.get_tracking_uri() == chosen
        assert not (tmp_path / "chosen").exists()
    finally:
        mlflow.set_tracking_uri(None)


def test_a_study_that_fails_keeps_what_it_logged_and_its_restarts_log_once(digits, tmp_path):
    from sklearn.tree import DecisionTreeClassifier

    def build(p):
        import mlflow

        mlflow.log_metric("seed", p["seed"])
        Path(p["artifacts"], f"{p['seed']}.txt").touch()
        if p.get("fails"):
            raise RuntimeError("no luck")
        return DecisionTreeClassifier(max_depth=2)

    def log_of(**changes):
        spec = spec_of("digits", epochs=1, folder=str(tmp_path / "trial"), **changes)
        result = run(digits, spec, build=build)
        log = OwnLog.read(tmp_path / "trial", spec.key)
        return result, [value for name, value, *_ in log.metrics], len(list(tmp_path.glob("trial/artifacts/*")))

    failed, seeds, n_files = log_of(params={"fails": True})
    assert (failed.reason.partition(" (")[0], seeds, n_files) == ("RuntimeError: no luck", [11.0], 1)
    best, seeds, n_files = log_of(restarts=2)
    assert (best.state, len(seeds), n_files) == ("finished", 1, 1), best.reason
    assert list(Path.cwd().iterdir()) == []


def test_what_cannot_be_read_back_is_a_remark(tmp_path):
    remarks = []
    with mlflow_captured(spec_of(folder=str(tmp_path / "trial")), remarks):
        import mlflow

        mlflow.log_metric("x", 1.0)
        (tmp_path / "trial").write_text("a file in the place of the folder")
    assert remarks[0].startswith("what it logged to MLflow could not be kept: FileExistsError")
