"""A study that is taken out of MLflow: its runs go, other studies' stay, and the next run begins anew."""

from mlflow.entities import ViewType

from dlstudy.tracking.removal import purge_runs, remove_runs
from tests.helpers.mlflow_store import EARLIER


def n_runs(mlflow, view):
    return len(mlflow.client.search_runs(["1"], "", view))


def test_removed_runs_are_deleted_and_the_next_run_begins_a_new_parent(mlflow):
    runs, other = mlflow.connect(), mlflow.connect("quick")
    runs.catch_up(EARLIER)
    assert remove_runs(mlflow.uri, "s", ["default"], only_count=True) == 1 + len(EARLIER)
    assert n_runs(mlflow, ViewType.DELETED_ONLY) == 0
    assert remove_runs(mlflow.uri, "s", ["default"]) == 1 + len(EARLIER)
    assert remove_runs(mlflow.uri, "s", ["default"]) == 0
    again = mlflow.connect()
    assert again.parent not in (runs.parent, other.parent)
    assert again.notes == []
    assert mlflow.connect("quick").parent == other.parent
    again.catch_up(EARLIER)
    assert len(mlflow.keys(again.parent)) == len(EARLIER)


def test_what_was_removed_can_be_forgotten_and_what_a_user_deleted_is_not(mlflow):
    runs, other = mlflow.connect(), mlflow.connect("quick")
    runs.catch_up(EARLIER)
    remove_runs(mlflow.uri, "s", ["default"])
    mlflow.client.delete_run(other.parent)
    assert purge_runs(mlflow.uri, only_count=True) == 1 + len(EARLIER)
    assert purge_runs(mlflow.uri) == 1 + len(EARLIER)
    assert purge_runs(mlflow.uri, only_count=True) == 0
    assert n_runs(mlflow, ViewType.DELETED_ONLY) == 1


def test_a_store_that_is_not_there_is_not_made(tmp_path):
    uri = f"sqlite:///{tmp_path / 'none.db'}"
    assert remove_runs(uri, "s", ["default"]) == purge_runs(uri) == 0
    assert list(tmp_path.iterdir()) == []
