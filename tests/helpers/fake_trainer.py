"""What trains in the slots of a cluster in tests that need no TensorFlow."""

import os
import time
from pathlib import Path

import dlstudy
from dlstudy.common.opened_files import opened_files
from dlstudy.engines.ray_slot import _GATHER_S
from dlstudy.study.input_files import names_of
from dlstudy.study.own_modules import OwnModules
from dlstudy.study.trial import TrialResult, TrialState, figures_beside
from tests.helpers.fake_engine import made_up


class FakeTrainer:
    """Trains nothing and does as the trial's `kind` says."""

    def __init__(self, slot):
        if slot.name.startswith("gpu"):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"

    def use(self, source):
        arrays = source.open()
        assert not any(part.flags.writeable for part in arrays.values()), "one copy for all slots of a node"

    def train(self, spec, on_epoch, on_checkpoint=None):
        kind = spec.params["kind"]
        if kind == "reads the study":
            assert "_ray_pkg_" in dlstudy.__file__, "the package comes from the parent"
            study = Path(spec.study_path)
            with OwnModules(study).importable():
                import helper
                from package import part

            sent = sorted(path.name for path in study.parent.iterdir() if path.name != "__pycache__")
            return TrialResult(TrialState.FINISHED, remarks=[str(study), *sent, f"{helper.SIZE} {part.SIZE}"])
        if kind == "reads files":
            study = Path(spec.study_path)
            with opened_files(study.parent) as opened:
                read = [(study.parent / name).read_text() for name in ("config.yaml", "data/x y.csv")]
            return TrialResult(TrialState.FINISHED, remarks=read, opened=names_of(opened.paths, study.parent))
        if kind == "writes":
            for folder in (
                Path(spec.model_folder),
                figures_beside(Path(spec.model_folder)),
                Path(spec.folder) / "logs",
            ):
                folder.mkdir(parents=True)
                (folder / "file").write_bytes(b"x" * 1_000_000)
            return TrialResult(TrialState.FINISHED, remarks=[spec.model_folder])
        if kind == "goes on":
            path = Path(spec.checkpoint)
            if path.is_file():
                return TrialResult(TrialState.FINISHED, remarks=[path.read_text()])
            path.write_text("half of it")
            on_checkpoint(path)
            time.sleep(2 * _GATHER_S)
            os._exit(3)
        if kind == "dies":
            os._exit(3)
        if kind == "raises":
            raise ValueError("what no trainer should raise")
        for epoch in range(1, spec.epochs + 1):
            time.sleep(spec.params.get("sleep", 0.0))
            if not on_epoch(epoch, {"val_accuracy": 0.5}):
                return TrialResult(TrialState.PRUNED)
        return made_up(spec)


def fake(slot):
    return FakeTrainer(slot)


def broken(slot):
    raise RuntimeError("nothing can be trained here")
