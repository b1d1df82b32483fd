"""`dlstudy ui`: MLflow's web interface on 127.0.0.1, opened at a study's runs."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from dlstudy.cli.serving import free_port, own_hosts, serve_until_stopped, show_page
from dlstudy.errors import RecordError
from dlstudy.store.home import Home
from dlstudy.tracking.pages import TRAINING, newest_view
from dlstudy.tracking.stores import tracking_uri

__all__ = ["serve_mlflow"]


def serve_mlflow(study: str | None, home: Home, uri: str | None, port: int, open_browser: bool) -> None:
    """Serves until Ctrl-C; a tracking server that already runs is opened instead.

    Raises:
        RecordError: the home has no MLflow store.
        DlstudyError: the server does not start.
    """
    store = tracking_uri(home, uri)
    if store.startswith("http"):
        _show(store.rstrip("/"), study, open_browser)
        return
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).exists():
        raise RecordError(f"no runs in {home.root} yet: run a study first, or name another --home")
    free = free_port(port)
    address = f"http://127.0.0.1:{free}"
    command = [
        "mlflow", "server", "--backend-store-uri", store, "--artifacts-destination", home.artifacts.as_uri(),
        "--host", "127.0.0.1", "--port", str(free), "--workers", "1", "--allowed-hosts", ",".join(own_hosts(free)),
    ]  # fmt: skip
    serve_until_stopped(command, f"{address}/health", lambda: _show(address, study, open_browser))


def _show(address: str, study: str | None, open_browser: bool) -> None:
    page, answer = f"{address}/#/experiments", ""
    if study is not None:
        page, answer = _pages_of(address, study)
    show_page(page, open_browser)
    if answer:
        print(f"The answer: {answer}", flush=True)


def _pages_of(address: str, study: str) -> tuple[str, str]:
    """The page with the runs of the study's newest variant, and the page of its answer, if there is one."""
    query = urllib.parse.urlencode({"experiment_name": study})
    try:
        with urllib.request.urlopen(f"{address}/api/2.0/mlflow/experiments/get-by-name?{query}", timeout=10) as answer:
            experiment = json.load(answer)["experiment"]
    except urllib.error.HTTPError as error:
        raise RecordError(f"MLflow has no experiment {study!r}: run `dlstudy run {study}` first") from error
    runs = f"{address}/#/experiments/{experiment['experiment_id']}/runs"
    found = newest_view({tag["key"]: tag["value"] for tag in experiment.get("tags", [])})
    if found is None:  # the last run was one of an earlier version
        return runs, ""
    view, run = found
    return f"{runs}?viewStateShareKey={view}&{TRAINING}", f"{runs}/{run}?{TRAINING}"
