"""`dlstudy` whose workers train without TensorFlow.

All that starts, ends and records trials is real; reports are left out.

Run as a script it is the command line. A worker imports this module for its `FakeWorkerSlot`, and finds the trainer
below in place of dlstudy's.
"""

import multiprocessing
import os
import shutil
import sys
import types
from pathlib import Path

from dlstudy.engines.devices import Slot
from dlstudy.study import loader
from dlstudy.study.trial import TrialResult, TrialState
from tests.helpers.fake_engine import made_up


class FakeWorkerSlot(Slot):
    """A slot whose worker imports this module."""


class Trainer:
    """Calls `build`, reports the epochs of a made-up result, and returns it."""

    def __init__(self, slot):
        pass

    def use(self, shared):
        pass

    def train(self, spec, on_epoch):
        if spec.check:  # the studies of these tests count, delay or kill their trials
            return TrialResult(TrialState.FINISHED)
        file = loader.load(Path(spec.study_path))
        with file.modules.importable():
            file.study.build({**spec.params, "seed": spec.seed})
        result = made_up(spec)
        for epoch in range(1, spec.epochs + 1):
            on_epoch(epoch, {name: series[epoch - 1] for name, series in result.history.items()})
        return result


if multiprocessing.current_process().name != "MainProcess":
    fake = types.ModuleType("dlstudy.engines.trainer")
    fake.Trainer = Trainer
    sys.modules[fake.__name__] = fake

if __name__ == "__main__":
    from dlstudy.cli.app import main
    from dlstudy.runner import backend, session
    from dlstudy.tracking import stores
    from tests.helpers import fake_worker

    choose = backend.choose_slots

    def choose_fake(*arguments):
        slots, remark = choose(*arguments)
        # Of the module's class: workers do not run the main module, and so know none of its own.
        return [fake_worker.FakeWorkerSlot(**vars(slot)) for slot in slots], remark

    backend.choose_slots = choose_fake
    session.export_all = lambda *arguments: []  # reports take most of the time
    session.differences_png = lambda summary: None
    stores.make_store = lambda path: shutil.copyfile(os.environ["STUDY_PROCESS_STORE"], path)  # so does a new store

    sys.exit(main())
