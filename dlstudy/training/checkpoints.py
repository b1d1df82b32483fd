"""Checkpoints of a trial: the file, when it is written, and whether it may be used."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlstudy.common.provenance import versions
from dlstudy.study.trial import TrialSpec
from dlstudy.training.checkpoint_file import Checkpoint, NotPlainError, read_checkpoint, write_checkpoint
from dlstudy.training.costs import CostMeter

__all__ = ["CheckpointError", "Checkpoints", "OnCheckpoint"]

OnCheckpoint = Callable[[Path], None]
"""Is called after a checkpoint was written, with its file."""

_PLACES = ("key", "study_path", "folder", "model_folder", "checkpoint")
_LIMITS = ("checkpoint_minutes", "silence_s", "trial_minutes")
"""What of a spec may differ where a training goes on: its place and its limits, not the training."""
_VERSIONS = ("dlstudy", "keras", "numpy", "python", "tensorflow")


class CheckpointError(Exception):
    """A checkpoint cannot be used; the message says why. The training begins anew."""


class Checkpoints:
    """The checkpoints of one trial, of which the last is kept.

    It has `found` (the one that an interrupted training has left, if this is the same training) and `remarks`.
    """

    def __init__(self, spec: TrialSpec, on_checkpoint: OnCheckpoint, meter: CostMeter) -> None:
        """Reads what is there.

        Args:
            spec: with a path and a number of minutes for checkpoints.
            on_checkpoint: is called after each.
            meter: of the trial.
        """
        assert spec.checkpoint is not None
        assert spec.checkpoint_minutes is not None
        self.remarks: list[str] = []
        self._path, self._every_s = Path(spec.checkpoint), 60 * spec.checkpoint_minutes
        self._on_checkpoint, self._meter = on_checkpoint, meter
        self._of = _identity(spec)
        self._last_s = time.monotonic()
        self._failed = ""
        found = read_checkpoint(self._path)
        self.found = found if found is not None and found.of == self._of else None

    @property
    def spent_before(self) -> Mapping[str, float]:
        """What the epochs cost that were trained before the interruption."""
        return self.found.spent if self.found else {}

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next one."""
        return not self._failed and time.monotonic() - self._last_s >= self._every_s

    def write(self, epoch: int, content: Mapping[str, Any], files: Mapping[str, bytes]) -> None:  # Any: as `packed`
        """Writes one; where that is not possible, as on a full disk, the training goes on, and a remark says so."""
        spent = {name: value + self.spent_before.get(name, 0.0) for name, value in self._meter.spent.items()}
        try:
            write_checkpoint(Checkpoint(self._of, epoch, spent, content, files), self._path)
            self._on_checkpoint(self._path)
        except NotPlainError as error:
            self.give_up(f"what it holds of class {error} cannot be kept")
        except OSError as error:
            self.give_up(error.strerror or type(error).__name__)
        self._last_s = time.monotonic()

    def give_up(self, why: str) -> None:
        """From now on, none is written."""
        if not self._failed:
            self._failed = why
            self.remarks.append(f"no checkpoint is kept: {why}")

    def forget(self, why: str = "") -> None:
        """Removes what there is: the training begins anew.

        Args:
            why: said in a remark where the training would have gone on.
        """
        if self.found is not None and why:
            self.remarks.append(f"trained anew, as its checkpoint cannot be used: {why}")
        self.found, self._failed = None, ""
        self._last_s = time.monotonic()
        self._path.unlink(missing_ok=True)


def _identity(spec: TrialSpec) -> dict[str, Any]:  # Any: JSON
    """What tells a training from others that might have the same file."""
    import tensorflow as tf

    of_spec = {name: value for name, value in spec.to_json().items() if name not in (*_PLACES, *_LIMITS)}
    found = versions()
    content = {
        "spec": of_spec,
        "versions": {name: found[name] for name in _VERSIONS},
        "on_gpu": bool(tf.config.list_physical_devices("GPU")),
    }
    identity: dict[str, Any] = json.loads(json.dumps(content))  # as it comes back from the file
    return identity
