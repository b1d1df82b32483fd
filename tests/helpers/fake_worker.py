"""`dlstudy` whose workers train without TensorFlow: all that starts, ends and records them is the
real thing, but for the reports at the end of a run.

Run as a script it is the command line. A worker imports this module, as its main module or for a `LightSlot`, and finds
the trainer below in place of dlstudy's.
"""

import multiprocessing
import sys
import types
from pathlib import Path

from dlstudy.engines.devices import Slot
from dlstudy.study import loader
from tests.helpers.fake_engine import made_up


class LightSlot(Slot):
    """A slot whose worker imports this module."""


class Trainer:
    """Calls `build`, tells of the epochs of a made-up result, and gives that."""

    def __init__(self, slot):
        pass

    def use(self, shared):
        pass

    def train(self, spec, on_epoch):
        study = loader.load(Path(spec.study_path)).study
        study.build({**spec.params, "seed": spec.seed})
        result = made_up(spec)
        for epoch in range(1, spec.epochs + 1):
            on_epoch(epoch, {name: series[epoch - 1] for name, series in result.history.items()})
        return result


if multiprocessing.current_process().name != "MainProcess":
    light = types.ModuleType("dlstudy.engines.trainer")
    light.Trainer = Trainer
    sys.modules[light.__name__] = light

if __name__ == "__main__":
    from dlstudy.cli.app import main
    from dlstudy.runner import session

    session.export_all = lambda *arguments: []  # reports take most of the time
    session.differences_png = lambda summary: None

    sys.exit(main())
