"""Runs of a study with an engine that trains nothing, as the command line would make them."""

from pathlib import Path

from dlstudy.engines.base import Decide, Engine
from dlstudy.runner import session
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.loop import train_missing
from dlstudy.runner.plan import Plan
from dlstudy.runner.recorder import TrialRecorder
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.events import Listener
from dlstudy.study.request import Request, resolve
from tests.helpers.fake_engine import Deaf, FakeEngine


def begin_run(
    path: Path, home: Home, request: Request | None = None, storage: str | None = None
) -> tuple[Plan, TrialRecorder]:
    """What a run does before it trains: its plan, and what writes its trials down."""
    request, record = request or Request(), Record.open(home, storage)
    _, plan, recorder = session.begin_run(resolve(loader.load(path), request), request, home, record)
    return plan, recorder


def run(
    path: Path,
    home: Home,
    request: Request | None = None,
    engine: Engine | None = None,
    listener: Listener | None = None,
    limits: RunLimits | None = None,
) -> int:
    """Trains what is missing; how many trainings that were."""
    plan, recorder = begin_run(path, home, request)
    listeners, used = [listener or Deaf()], engine or FakeEngine()

    def make_engine(_: int, decide: Decide) -> Engine:
        if isinstance(used, FakeEngine):
            used.decide = decide
        return used

    return train_missing(plan, recorder, make_engine, listeners, lambda key: "", limits or RunLimits())
