"""A trial as plain data: what to train (`TrialSpec`), what came of it (`TrialResult`), and its seed."""

import base64
import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.common.text import one_line, shown
from dlstudy.errors import RecordError
from dlstudy.study.protocol import Protocol, Split
from dlstudy.study.study import Arm

__all__ = [
    "ENDED_FOR_GOOD",
    "MOST_POINTS",
    "STATES",
    "TrialRecord",
    "TrialResult",
    "TrialSpec",
    "make_parameters",
    "number_of",
    "pack_bits",
    "params_key",
    "pictures_beside",
    "seed_of",
    "stream_of",
    "unpack_bits",
]

STATES = ("finished", "pruned", "diverged", "failed", "lost", "killed")
"""How a trial can end. `finished`, `pruned` and `diverged` say something about its arm; `failed` (an error in its own
code, or its worker died twice), `lost` (its worker died) and `killed` (the study was stopped) do not, and are tried
again by the next run."""

ENDED_FOR_GOOD = ("finished", "pruned", "diverged")


@dataclass(frozen=True)
class TrialSpec:
    """One training, as plain data that goes to a worker.

    Args:
        key: unique in the record: the name of its Optuna study, `#`, its number.
        study_path: the study file that holds `build`.
        dataset: the name of the data set.
        arm, phase: where it belongs.
        row: its row of the search's design, or the index of its seed.
        search: which of the arm's searches it belongs to, counted from 1.
        params: what goes to `build`, complete but for the shape of the data.
        seed: of initial weights, batch order and dropout.
        epochs, batch_size: how long and in which steps.
        split: which rows train, validate and test.
        rows: train and validate on so many rows only; None for all.
        metrics_of: "test" to score the test rows at the end and keep which were right; "test each epoch" to judge them
            after every epoch too, as a document may have done; "validation" never to read them.
        prunable: wait after each epoch for the word to go on.
        model_folder: where to save the trained model; None for nowhere.
        folder: where the study's callbacks may write; None where it has none.
        silence_s: see `Protocol`.
    """

    key: str
    study_path: str
    dataset: str
    arm: str
    phase: str
    row: int
    params: Mapping[str, Any]  # JSON scalars
    seed: int
    epochs: int
    batch_size: int
    split: Split
    rows: int | None = None
    metrics_of: str = "validation"
    prunable: bool = False
    model_folder: str | None = None
    folder: str | None = None
    search: int = 1
    silence_s: int = Protocol.silence_s

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return {**dataclasses.asdict(dataclasses.replace(self, params={})), "params": dict(self.params)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrialSpec":
        """The spec that `to_json` gave."""
        return cls(**{**data, "split": Split(**data["split"])})


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Args:
        state: one of `STATES`.
        reason: why it did not finish, in one line; empty when it did.
        metrics: what the seed determines, at the end of training: `train_`, `val_`, `test_` and a name; `parameters`.
        history: the same after each epoch; None stands for a number that was not finite.
        cost: clocks and memory: `seconds`, `seconds_per_epoch`, the peaks `memory_mb` and, on a GPU, `gpu_memory_mb`.
        way: how it was trained, and why not the fast way.
        correct: base64 of one bit a test row, whether it was predicted rightly, in the order of the test rows; empty
            where that has no meaning.
        slot: where it trained.
        traceback: of its own code, for whoever mends it.
        initial: a digest of each initial weight that was drawn, by name and shape; empty where no run is paired by it.
        model: SHA-256 of the file of the saved model, so that no other is loaded in its place; empty where none was.
    """

    state: str
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, list[float | None]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    way: str = ""
    correct: str = ""
    slot: str = ""
    traceback: str = ""
    initial: Mapping[str, str] = field(default_factory=dict)
    model: str = ""

    def __post_init__(self) -> None:
        for name in ("reason", "way"):  # what a study's code and its libraries say may hold anything
            object.__setattr__(self, name, one_line(getattr(self, name)))

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrialResult":
        """The result that `to_json` gave; fields of a later version are left out.

        Raises:
            RecordError: it is none, or of a state that this version does not know.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        kept = {name: value for name, value in data.items() if name in known} if isinstance(data, Mapping) else {}
        wrong = [name for name, value in kept.items() if not _IS_RIGHT.get(name, _is_text)(value)]
        if kept.get("state") not in STATES or wrong:
            name = wrong[0] if wrong else "state"
            raise RecordError(
                f"a result in the record has {name} {shown(kept.get(name))}: another version of dlstudy wrote it, or "
                "it is damaged: use that version, restore it from a backup, or begin anew in another --home"
            )
        return cls(**kept)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _holds_texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value.values()))


def _holds_numbers(value: object) -> bool:
    return isinstance(value, Mapping) and all(type(number) in (int, float) for number in value.values())


def _holds_histories(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(series, list) and all(number is None or type(number) in (int, float) for number in series)
        for series in value.values()
    )


_IS_RIGHT: Mapping[str, Callable[[object], bool]] = {
    "metrics": _holds_numbers,
    "history": _holds_histories,
    "cost": _holds_numbers,
    "initial": _holds_texts,
}
"""Of the fields of a result that are no texts, whether a value from a record may stand in them."""


def number_of(*words: object) -> int:
    """A number in [0, 2^31) that depends on these words alone."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, words)).encode()).digest()[:4], "big") >> 1


def stream_of(arm: Arm, search: int) -> tuple[str, ...]:
    """What tells the random draws of a search apart: nothing in the first one, where all arms share their draws.

    A control shares none: paired with its own copy on the same seeds, an arm would differ from it by nothing at all.
    """
    later = (f"search {search}",) if search > 1 else ()
    return (*later, f"control of {arm.control_of}") if arm.control_of else later


def seed_of(study: str, phase: str, row: int, stream: Sequence[str] = ()) -> int:
    """The seed of a trial, in [0, 2^31): the same for every arm, whatever happened before.

    Runs at the library's defaults have the seeds of the replicates: what tuning gains is then a paired difference.
    """
    return number_of(study, "replicate" if phase == "defaults" else phase, row, *stream)


def make_parameters(arm: Arm, protocol: Protocol, params: Mapping[str, Any]) -> dict[str, Any]:
    """All that distinguishes a training but its seed: the protocol's fixed part, the arm's setting, the trial's own."""
    return {"batch_size": protocol.batch_size, "epochs": protocol.epochs, **arm.setting, **params}


def params_key(params: Mapping[str, Any]) -> str:
    """A short name for a set of parameters: equal sets, equal names."""
    text = "|".join(f"{name}={_exactly(params[name])}" for name in sorted(params))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _exactly(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return repr(int(value))  # 1 and 1.0 are the same setting
    return repr(value)


@dataclass(frozen=True)
class TrialRecord:
    """A trial as the record holds it.

    Args:
        key: unique in the record.
        phase, arm, search, row: where it belongs; a second try of a row has the same row. Searches count from 1.
        number: counts the trials of its arm and phase, second tries included.
        seed: of initial weights, batch order and dropout.
        params: what was trained, complete.
        tuned: the part of it that the search chose, or the document printed.
        result: what came of it; None while it runs.
        value: what the search looks at; None where it gave none.
        run_id: of its MLflow run; empty where MLflow was away.
        started_s, ended_s: Unix time; `ended_s` is None while it runs.
        setting_key: names its parameters.
    """

    key: str
    phase: str
    arm: str
    row: int
    number: int
    seed: int
    params: Mapping[str, Any]  # JSON scalars
    tuned: Mapping[str, Any]  # JSON scalars
    result: TrialResult | None
    value: float | None
    run_id: str
    started_s: float
    ended_s: float | None
    setting_key: str
    search: int = 1

    @property
    def state(self) -> str:
        """How it ended, or `running`."""
        return self.result.state if self.result else "running"

    @property
    def ended_for_good(self) -> bool:
        """Whether it need not be trained again."""
        return self.state in ENDED_FOR_GOOD

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics at the end of training."""
        return self.result.metrics if self.result else {}


def pictures_beside(model: Path) -> Path:
    """The folder of the pictures that a study drew of a saved model."""
    return model.with_name(f"{model.name}.pictures")


def pack_bits(right: np.ndarray) -> str:
    """(n,) bool as base64, one bit a row, most significant first."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack_bits(text: str, n: int) -> np.ndarray:
    """The (n,) bool that `pack_bits` packed."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n).astype(bool)


MOST_POINTS = 100
"""Points of a history that are kept, spread evenly: a thousand tiny steps are a curve, not a thousand facts."""
