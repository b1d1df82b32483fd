"""One empty MLflow store for each module of tests, and a copy of it for each test."""

import pytest
from mlflow import MlflowClient

from dlstudy.store.home import Home
from tests.helpers.mlflow_store import MlflowStore


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A home with an empty MLflow store, which takes seconds to make."""
    home = Home.at(tmp_path_factory.mktemp("home"))
    MlflowClient(tracking_uri=f"sqlite:///{home.mlflow_db}").create_experiment("s", home.artifacts.as_uri())
    return home.mlflow_db.read_bytes()


@pytest.fixture
def mlflow(store, tmp_path, monkeypatch):
    home = Home.at(tmp_path / "home")
    home.create()
    home.mlflow_db.write_bytes(store)
    return MlflowStore(home, monkeypatch)
