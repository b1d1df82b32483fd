"""What a study's own code gave to MLflow in one trial, as a file in the trial's folder: plain data."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ARTIFACTS", "OwnLog"]

ARTIFACTS = "artifacts"
"""The folder, in that of a trial, whose files become artifacts of the trial's run."""

_FILE = "mlflow.json"


@dataclass(frozen=True)
class OwnLog:
    """What a study's code logged in a trial, beside the files in `ARTIFACTS`.

    Args:
        key: of the trial: a later try of the same training has the same folder.
        metrics: (name, value, Unix time in ms, step) in the order of logging.
        params, tags: as MLflow keeps them.
    """

    key: str
    metrics: Sequence[tuple[str, float, int, int]] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Writes it into the folder of its trial."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, folder: Path, key: str) -> "OwnLog | None":
        """What that trial logged; None where it logged nothing and left no artifacts."""
        try:
            log = cls(**json.loads((folder / _FILE).read_text()))
        except FileNotFoundError:
            return None
        return log if log.key == key else None
