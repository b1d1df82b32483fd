"""The store where MLflow keeps runs: which one, and how it is opened."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from dlstudy.common.text import without_passwords
from dlstudy.errors import UsageError
from dlstudy.store.home import Home
from dlstudy.tracking.runs import MlflowRuns
from dlstudy.tracking.study_run import StudyRun

__all__ = ["is_unmade", "make_store", "open_runs", "tracking_uri"]

_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file")


def tracking_uri(home: Home, given: str | None = None) -> str:
    """The given MLflow server or store, else `MLFLOW_TRACKING_URI`, else SQLite in the results folder.

    Raises:
        UsageError: MLflow knows no such kind of store.
    """
    uri = given or os.environ.get("MLFLOW_TRACKING_URI") or _own_store(home)
    scheme, mark, _ = uri.partition("://")
    if mark and scheme.partition("+")[0] not in _SCHEMES:
        raise UsageError(
            f"a tracking URI begins with one of {', '.join(_SCHEMES)}, got {without_passwords(uri)!r}: "
            "correct --tracking-uri"
        )
    return uri


def open_runs(uri: str, home: Home, study_run: StudyRun) -> MlflowRuns:
    """Opens a store; that of the results folder is made under another name first.

    So MLflow never opens a store that a kill or a full disk left half-made, nor one that two processes make at once.
    """
    if uri == _own_store(home) and not home.mlflow_db.exists():
        from filelock import FileLock

        with FileLock(home.mlflow_db.with_suffix(".lock")):
            if not home.mlflow_db.exists():
                for left in home.root.glob("mlflow-*"):
                    shutil.rmtree(left, ignore_errors=True)
                # A new name each time: MLflow keeps its connections, also to a file that is gone.
                with TemporaryDirectory(dir=home.root, prefix="mlflow-") as folder:
                    made = Path(folder) / home.mlflow_db.name
                    make_store(made)
                    made.replace(home.mlflow_db)
    return MlflowRuns(uri, home, study_run)


def make_store(path: Path) -> None:
    """Makes an empty store of MLflow's, which takes some seconds."""
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments(max_results=1)


def is_unmade(uri: str) -> bool:
    """Whether a store, of MLflow or another, is a file that is not there: opening it would make it."""
    return uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists()


def _own_store(home: Home) -> str:
    return f"sqlite:///{home.mlflow_db}"
