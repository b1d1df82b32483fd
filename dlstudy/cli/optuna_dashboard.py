"""`dlstudy dashboard`: Optuna Dashboard on 127.0.0.1, with a copy of the searches, so that the record never changes."""

import copy
import importlib.util
import math
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from tempfile import TemporaryDirectory
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

from dlstudy.cli.serving import free_port, own_hosts, show_page
from dlstudy.common.processes import stopping_signals
from dlstudy.errors import RecordError, UsageError
from dlstudy.store.earlier import upgraded_attributes
from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from dlstudy.store.record import Record
from dlstudy.study.phases import Phase

__all__ = ["copy_searches", "for_own_pages", "serve_dashboard"]


def serve_dashboard(study: str | None, home: Home, storage: str | None, port: int, open_browser: bool) -> None:
    """Serves optuna-dashboard with a study's searches, or those of all studies, until Ctrl-C.

    Raises:
        UsageError: optuna-dashboard is not installed.
        RecordError: there are no searches.
    """
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise UsageError("optuna-dashboard is not installed here: pip install 'dlstudy[dashboard]'")
    from optuna_dashboard import wsgi

    app = wsgi(copy_searches(study, home, storage))
    free = free_port(port)
    server = make_server("127.0.0.1", free, for_own_pages(app, free), _Server, _Quiet)
    with server, stopping_signals():
        try:
            show_page(f"http://127.0.0.1:{server.server_port}", open_browser)
            print("This is a copy of the searches: edits do not change results. Press Ctrl-C to stop.", flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            pass  # the usual way to stop it


def copy_searches(study: str | None, home: Home, storage: str | None) -> InMemoryStorage:
    """The searches of a study, or of all, in memory: every variant and arm under its name in the record.

    The metric of the search after each epoch becomes the intermediate values that Optuna draws.

    Raises:
        RecordError: there are no searches.
    """
    made = InMemoryStorage()
    with TemporaryDirectory() as folder:
        source = _whole_record(home, storage, Path(folder))
        for name, stored in sorted(source.names(study).items(), key=lambda pair: pair[1]):
            if name.phase is Phase.SEARCH:
                _copy(optuna.load_study(study_name=stored, storage=source.storage), made)
    if not made.get_all_studies():
        which, what = (f" of {study}", study) if study else ("", "STUDY")
        raise RecordError(f"no searches{which} here: run `dlstudy run {what}` first, or name another --home")
    return made


def for_own_pages(app: WSGIApplication, port: int) -> WSGIApplication:
    """The app, restricted to requests for this machine's own names from its own pages; others get 403."""
    hosts = own_hosts(port)

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        if host in hosts and environ.get("HTTP_ORIGIN") in (None, f"http://{host}"):
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [f"Only pages of http://{hosts[0]} may send requests.\n".encode()]

    return guarded


class _Server(ThreadingMixIn, WSGIServer):
    """Serves a browser's connections in parallel."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Does not log requests."""

    def log_message(self, format: str, *args: Any) -> None:  # Any: as in the standard library
        pass


def _whole_record(home: Home, storage: str | None, folder: Path) -> Record:
    """The record with parameters. Reading a journal leaves them out, so a copy of it is opened for writing."""
    if storage is not None:
        return Record.open(home, storage, for_writing=False)
    for path in (seal_of(home.journal), home.journal):  # in this order: the journal may grow meanwhile
        if path.exists():
            shutil.copyfile(path, folder / path.name)
    return Record.open(Home(folder))


def _copy(source: optuna.Study, storage: InMemoryStorage) -> None:
    made = optuna.create_study(storage=storage, study_name=source.study_name, directions=source.directions)
    definition = source.user_attrs.get("definition", {"metric": "value"})  # missing while a run is just starting
    metric = definition["metric"].rpartition(" ")[2]  # in version 1, after the direction
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        made.set_metric_names([metric])
    made.add_trials([_shown(trial, metric) for trial in source.get_trials(deepcopy=False)])


def _shown(trial: FrozenTrial, metric: str) -> FrozenTrial:
    """A trial with its epochs, and with attributes that fit into a table."""
    shown, kept = copy.copy(trial), upgraded_attributes(trial.user_attrs)
    result = kept.get("result", {})
    epochs = enumerate(result.get("history", {}).get(metric, []), 1)
    shown.intermediate_values = {epoch: value for epoch, value in epochs if value is not None}
    about = {name: kept.get(name) for name in ("index", "seed")} | {
        name: result.get(name) for name in ("state", "reason")
    }
    metrics = {name: value for name, value in result.get("metrics", {}).items() if math.isfinite(value)}
    shown.user_attrs = {name: value for name, value in about.items() if value not in (None, "")} | metrics
    return shown
