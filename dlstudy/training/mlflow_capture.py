"""MLflow in a study's own code: what it logs goes to a store of the trial's own, and from there to the trial's run.

Trials train where no MLflow server may be reachable, and the trial's run is the parent's to write. So MLflow's fluent
interface writes to files of this process, which are read back at the end of the training.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from dlstudy.common.text import describe_error
from dlstudy.study.own_log import ARTIFACTS, OwnLog
from dlstudy.study.trial import TrialSpec

__all__ = ["mlflow_apart", "mlflow_begun_anew", "mlflow_captured", "mlflow_was_used"]

_DEFAULT_EXPERIMENT = "0"
_OF_ITS_RUN = ("mlflow.user", "mlflow.source.", "mlflow.runName", "mlflow.parentRunId", "mlflow.runColor")
"""Tags that say where a run comes from: the trial's run has its own."""

_stores: list[Path] = []
"""Where MLflow writes while `mlflow_apart` is active; the last one is used."""


@contextmanager
def mlflow_captured(spec: TrialSpec, remarks: list[str]) -> Iterator[None]:
    """While active, what the trial's code logs to MLflow is kept, and at the end put into the folder of its spec.

    Args:
        spec: without a folder, all is dropped.
        remarks: gets a line if what was logged could not be read back: the trial counts anyway.
    """

    def keep(store: Path) -> None:
        if spec.folder is None:
            return
        try:
            _keep(store, Path(spec.folder), spec.key)
        except Exception as error:  # the study's code may have done anything to the store; a disk may be full
            remarks.append(f"what it logged to MLflow could not be kept: {describe_error(error)}")

    if spec.folder is not None:
        shutil.rmtree(spec.folder, ignore_errors=True)  # left by an earlier try
    with mlflow_apart(keep):
        yield


@contextmanager
def mlflow_apart(keep: Callable[[Path], None] = lambda _: None) -> Iterator[None]:
    """While active, MLflow writes into a folder of its own, which `keep` receives and which is then removed.

    The folder is not there where MLflow was not used. A `mlflow.set_tracking_uri` in the study's functions still holds.
    Afterwards, no run that the study began is active, and its experiment and its `autolog` hold no longer.
    """
    with TemporaryDirectory(prefix="dlstudy-mlflow-", ignore_cleanup_errors=True) as name:
        store = Path(name, "mlflow")  # not there: then MLflow makes the experiment that it uses by default
        here = {"MLFLOW_TRACKING_URI": store.as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
        before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
        for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
            os.environ.pop(variable, None)
        uri, automatic = _forget_uri(), _autologging()
        os.environ |= here
        _stores.append(store)
        try:
            yield
        finally:
            _stores.pop()
            _forget_uri()
            os.environ |= here
            keep(store)
            _reset(uri, automatic, was_used=store.exists())
            for variable in [name for name in os.environ if name.startswith("MLFLOW_") and name not in before]:
                del os.environ[variable]
            os.environ |= before


def mlflow_begun_anew() -> None:
    """Drops what the trial has logged to MLflow so far, and ends its runs: its training begins again."""
    if not mlflow_was_used():
        return
    import mlflow

    _end_runs()
    client = mlflow.MlflowClient(tracking_uri=_stores[-1].as_uri())
    experiments = _experiments(client)
    for run in client.search_runs(experiments):
        client.delete_run(run.info.run_id)
    for model in client.search_logged_models(experiments):
        client.delete_logged_model(model.model_id)


def mlflow_was_used() -> bool:
    """Whether the trial's code has logged anything to MLflow so far."""
    return bool(_stores) and _stores[-1].exists()


def _end_runs() -> None:
    import mlflow

    while mlflow.active_run() is not None:
        with suppress(Exception):  # of a server that the study chose; the run is no longer active then
            mlflow.end_run()


def _experiments(client: Any) -> list[str]:  # Any: MLflow's client
    from mlflow.entities import ViewType

    return [found.experiment_id for found in client.search_experiments(view_type=ViewType.ALL)]


def _forget_uri() -> str | None:
    """Ends this thread's runs, and lets MLflow ask the environment for its store; returns what was set instead."""
    if "mlflow" not in sys.modules:
        return None
    import mlflow

    _end_runs()
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    uri = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(None)
    return uri


def _autologging() -> dict[str, Any]:  # Any: options
    """The libraries for which MLflow logs by itself, with their options."""
    if "mlflow" not in sys.modules:
        return {}
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    return dict(AUTOLOGGING_INTEGRATIONS)


def _reset(uri: str | None, automatic: Mapping[str, Any], was_used: bool) -> None:  # Any: options
    """Sets MLflow back to what it was."""
    if "mlflow" not in sys.modules:
        return
    import mlflow
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    AUTOLOGGING_INTEGRATIONS.update({name: automatic.get(name, {}) for name in AUTOLOGGING_INTEGRATIONS})
    if was_used:  # the experiment that the study chose is in no other store
        with suppress(Exception):  # of a store that the study's code has damaged
            mlflow.set_experiment(experiment_id=_DEFAULT_EXPERIMENT)
    mlflow.set_tracking_uri(uri)


def _keep(store: Path, folder: Path, key: str) -> None:
    """Puts what the store has into a trial's folder: artifacts as files, the rest as an `OwnLog`."""
    log = _read(store, folder / ARTIFACTS, key) if store.exists() else OwnLog(key)
    if log != OwnLog(key) or (folder / ARTIFACTS).is_dir():
        log.write(folder)


def _read(store: Path, artifacts: Path, key: str) -> OwnLog:
    import mlflow

    mlflow.flush_async_logging()
    client = mlflow.MlflowClient(tracking_uri=store.as_uri())
    experiments = _experiments(client)
    metrics: list[tuple[str, float, int, int]] = []
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    for run in client.search_runs(experiments, order_by=["attributes.start_time ASC"]):
        before = _prefix(run)
        for name in run.data.metrics:
            history = client.get_metric_history(run.info.run_id, name)
            metrics += [(before + name, metric.value, metric.timestamp, metric.step) for metric in history]
        params |= {before + name: value for name, value in run.data.params.items()}
        tags |= {before + name: text for name, text in run.data.tags.items() if not name.startswith(_OF_ITS_RUN)}
        _copy(run.info.artifact_uri, artifacts / before)
    for model in client.search_logged_models(experiments):
        _copy(model.artifact_location, artifacts / model.name)
    return OwnLog(key, metrics, params, tags)


def _prefix(run: Any) -> str:  # Any: MLflow's Run
    """What tells the items of a nested run from those of the trial: its name."""
    if "mlflow.parentRunId" not in run.data.tags:
        return ""
    return re.sub(r"[^\w -]", "_", run.info.run_name or run.info.run_id) + "/"


def _copy(uri: str, folder: Path) -> None:
    source = Path(url2pathname(urlparse(uri).path))
    if source.is_dir() and any(source.iterdir()):
        shutil.copytree(source, folder, dirs_exist_ok=True)
