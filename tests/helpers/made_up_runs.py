"""Runs of the tiny study whose trainings are made up, so that a fault can be put between any two of them."""

from collections.abc import Callable

import pytest

from dlstudy.cli.app import main
from dlstudy.runner import session
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant
from tests.conftest import TINY
from tests.helpers import fake_runs
from tests.helpers.fake_engine import Deaf, FakeEngine, made_up


class Engine(FakeEngine):
    """Reports each epoch, as a real one does, and calls `at(n)` before the n-th training ends."""

    def __init__(self, decide, at=lambda n: None):
        super().__init__(n=1)
        self._decide, self._at = decide, at

    def wait(self, timeout_s):
        spec = self._waiting[0]
        if not spec.check:
            self._at(len(self.trained))
            for epoch in range(1, spec.epochs + 1):
                self._decide(spec, epoch, made_up(spec).metrics)
        return super().wait(timeout_s)


@pytest.fixture
def trained_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Replaces real engines by those that call `at(n)`, and leaves reports out: they take most of the time."""
    monkeypatch.setattr(session, "export_all", lambda *arguments: [])
    monkeypatch.setattr(session, "differences_png", lambda summary: None)

    def trained_by(at):
        monkeypatch.setattr(session, "engine_maker", lambda *about: lambda n, decide: Engine(decide, at))

    return trained_by


@pytest.fixture
def run(tiny, trained_by):
    """Runs the tiny study; `at(n)` happens before the n-th training ends."""

    def run(backend, at=lambda n: None):
        trained_by(at)
        return run_study(loader.load(tiny), Request(), backend, Deaf(), lambda line: None)

    return run


@pytest.fixture
def command(trained_by):
    """The command line; `at(n)` happens before the n-th training ends."""

    def command(arguments, at=lambda n: None):
        trained_by(at)
        return main(arguments)

    return command


@pytest.fixture(scope="session")
def table():
    """What a run is to end with, whatever happened: the metrics of each training, by part and index."""

    def table(home):
        trials = Record.open(home, for_writing=False).trials("tiny", Variant())
        done = [trial for trial in trials if trial.state.is_final]
        found = {(t.phase, t.arm, t.search, t.index, t.setting_key): dict(t.metrics) for t in done}
        assert len(found) == len(done), "a training was repeated"
        return found

    return table


@pytest.fixture(scope="session")
def undisturbed(table, tmp_path_factory):
    """The table of a run without faults."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.py").write_text(TINY)
    home = Home.at(folder / "home")
    home.create()
    assert fake_runs.run(folder / "tiny.py", home) == 21  # 6 reported, 2 and 1 searched, 12 replicates
    return table(home)
