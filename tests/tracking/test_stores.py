"""Where MLflow keeps runs, and how a store is made."""

import pytest

from dlstudy.errors import UsageError
from dlstudy.store.home import Home
from dlstudy.tracking import stores
from dlstudy.tracking.stores import open_runs, tracking_uri


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.create()
    return home


def test_a_given_store_goes_before_the_environment_and_this_before_the_home_folder(home, monkeypatch):
    assert tracking_uri(home) == f"sqlite:///{home.mlflow_db}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of-the-environment")
    assert tracking_uri(home) == "http://of-the-environment"
    assert tracking_uri(home, "postgresql+psycopg://me@host/runs") == "postgresql+psycopg://me@host/runs"


def test_a_store_of_an_unknown_kind_is_refused_without_its_password(home):
    with pytest.raises(
        UsageError, match=r"begins with one of http, .*, got 'ftp://me:\*\*\*@host': correct --tracking"
    ):
        tracking_uri(home, "ftp://me:secret@host")


@pytest.mark.slow
def test_the_store_of_a_home_folder_is_made_under_another_name_first(home, monkeypatch):
    left = home.root / "mlflow-left"  # by a run that was killed
    left.mkdir()
    monkeypatch.setattr(stores, "MlflowRuns", lambda *arguments: arguments)
    uri = tracking_uri(home)
    assert open_runs(uri, home, None) == (uri, home, None)
    made = home.mlflow_db.read_bytes()
    assert made.startswith(b"SQLite format 3")
    assert not left.exists()
    open_runs(uri, home, None)
    assert home.mlflow_db.read_bytes() == made
    assert not [path for path in home.root.iterdir() if path.is_dir()]


def test_another_store_is_opened_as_it_is(home, monkeypatch):
    monkeypatch.setattr(stores, "MlflowRuns", lambda *arguments: arguments)
    assert open_runs("http://nowhere", home, None) == ("http://nowhere", home, None)
    assert not home.mlflow_db.exists()
