"""A trial as plain data: what to train (`TrialSpec`), its outcome (`TrialResult`), its record (`TrialRecord`)."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from dlstudy.common.text import one_line, short_repr
from dlstudy.datasets.twins import Twins
from dlstudy.errors import RecordError
from dlstudy.study.arm import Arm
from dlstudy.study.outputs import OutputReading, is_reading
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.protocol import Protocol
from dlstudy.study.split import Split

__all__ = [
    "KILLED_WITHOUT_MEMORY",
    "MOST_POINTS",
    "NODE_WITHOUT_MEMORY",
    "OUT_OF_MEMORY",
    "TrainedBy",
    "TrialRecord",
    "TrialResult",
    "TrialSpec",
    "TrialState",
    "figures_beside",
    "has_no_memory",
    "kind_of_slot",
    "make_parameters",
    "params_key",
]

MOST_POINTS = 100
"""Points of an estimator's history that are kept, spread evenly: a curve needs no more."""

OUT_OF_MEMORY = "out of memory"
"""How the reason of a trial begins that failed because of that."""

KILLED_WITHOUT_MEMORY = "the system does that when memory runs out"
NODE_WITHOUT_MEMORY = "its node ran out of memory"
"""What the reason of a trial says whose worker was ended from outside."""

_LONGEST_REASON = 700  # an error in one line, and what it is about
_MAY_BE_LEFT_OUT = ("opened", "warnings")  # fields of a result that a record does not have


class TrialState(StrEnum):
    """The state of a trial.

    ::

        running ──► finished    it has a value                     ┐
                ──► pruned      a pruner ended it early            │
                ──► infeasible  it breaks a constraint             ├ final: they say something about their arm
                ──► diverged    its loss is no longer finite       │
                ──► over time   it took longer than it may         ┘
                ──► failed      an error in its own code, or its worker died twice   ┐
                ──► lost        its worker died or was silent                        ├ tried again by the next run
                ──► killed      the run was stopped                                  ┘
    """

    RUNNING = "running"
    FINISHED = "finished"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    OVER_TIME = "over time"
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    LOST = "lost"
    KILLED = "killed"

    @property
    def is_final(self) -> bool:
        """Whether the trial need not be trained again."""
        return self in (TrialState.FINISHED, TrialState.PRUNED, TrialState.INFEASIBLE) or self.counts_as_worst

    @property
    def counts_as_worst(self) -> bool:
        """Whether the training gave no value, through its arm's own doing."""
        return self in (TrialState.DIVERGED, TrialState.OVER_TIME)


class TrainedBy(StrEnum):
    """The code that trained a model."""

    EPOCH_GRAPH = "epoch graph"
    """A whole epoch as one TensorFlow graph: the fast way."""
    FIT = "fit"
    """Keras's own `fit`, on a `tf.data` pipeline."""
    FIT_WITH_XLA = "fit with XLA"
    ESTIMATOR = "estimator"
    """The estimator's own `fit`."""


@dataclass(frozen=True)
class TrialSpec:
    """One training, as plain data that goes to a worker.

    Args:
        key: unique in the record: the name of its Optuna study, `#`, its number.
        study_path: the study file that holds `build`.
        dataset: the name of the data set.
        arm, phase: where it belongs.
        index: its row of the search's design, or the index of its seed.
        search: which of the arm's searches it belongs to, counted from 1.
        params: what goes to `build`, complete but for the shape of the data.
        seed: of initial weights, batch order and dropout.
        epochs, batch_size: how long and in which steps.
        split: which rows train, validate and test.
        split_number: which of its splits, from 0, where it is resampled.
        rows: train and validate on this many rows only; None for all.
        read_test: when to score the test rows and, at the end, keep which of them were right.
        restarts: see `Arm`.
        prunable: wait after each epoch for the answer whether to continue.
        model_folder: where to save the trained model; None for nowhere.
        folder: where the study's code may write; None for nowhere.
        silence_s, trial_minutes: see `Protocol`.
        check: take one step only, to see whether the training works.
        checkpoint: the file of its checkpoint; None where none is kept.
        checkpoint_minutes: see `Protocol`.
        gpus: see `Arm`.
    """

    key: str
    study_path: str
    dataset: str
    arm: str
    phase: Phase
    index: int
    params: Mapping[str, Any]  # JSON scalars
    seed: int
    epochs: int
    batch_size: int
    split: Split
    rows: int | None = None
    read_test: ReadTest = ReadTest.NEVER
    restarts: int = 1
    prunable: bool = False
    model_folder: str | None = None
    folder: str | None = None
    search: int = 1
    silence_s: int = Protocol.silence_s
    check: bool = False
    split_number: int = 0
    checkpoint: str | None = None
    checkpoint_minutes: float | None = None
    trial_minutes: float | None = None
    gpus: int = 1

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return {**dataclasses.asdict(dataclasses.replace(self, params={})), "params": dict(self.params)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrialSpec":
        """The spec that `to_json` gave."""
        typed = {
            "split": Split(**data["split"]), "phase": Phase(data["phase"]), "read_test": ReadTest(data["read_test"])
        }  # fmt: skip
        return cls(**{**data, **typed})


@dataclass(frozen=True)
class TrialResult:
    """The outcome of a trial.

    Args:
        state: how it ended.
        reason: why it did not finish, in one line; empty when it did.
        metrics: what the seed determines, at the end of training: `train_`, `val_`, `test_` and a name; `parameters`.
        history: the same after each epoch; None stands for a number that was not finite or not given. A metric of some
            epochs may have a shorter series.
        cost: `seconds`, `cpu_seconds` of all threads, `seconds_per_epoch`, the peak `memory_mb`; on a GPU the peak
            `gpu_memory_mb`, and of one that it has to itself `gpu_utilization_percent`, `gpu_power_w`, `gpu_energy_j`.
        trained_by: what trained it; None where nothing did.
        remarks: what else to know, a line each: why it was not trained the fast way, a model that could not be saved.
        correct: base64 of one bit a test row, whether it was predicted right, in the order of the test rows; empty
            where that has no meaning, or would not agree with the model's own accuracy.
        slot: where it trained.
        traceback: of an error in its own code.
        initial: a digest of each initial weight that was drawn, by name and shape; empty where no run is paired by it.
        model: SHA-256 of the file of the saved model, so that no other is loaded in its place; empty where none was.
        model_remark: the one of the remarks that is about the saved model: why there is none, or what loads it.
        outputs: how the model's outputs are read; None for an estimator, and where the test rows were not judged.
        row_values: by the name of a test metric that is a mean over rows, its values for the test rows, packed (see
            `study.row_values`); without those that were not kept.
        twins: how many of its test rows are equal to a training row; None where that is not known.
        opened: the names of the files that it opened for reading, see `dlstudy.study.input_files`; the record has them
            in the definition, and not here.
        warnings: of a check: what a training does not fail of, and is probably meant otherwise, a line each.
    """

    state: TrialState
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, list[float | None]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    trained_by: TrainedBy | None = None
    remarks: Sequence[str] = ()
    correct: str = ""
    slot: str = ""
    traceback: str = ""
    initial: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    model_remark: str = ""
    outputs: OutputReading | None = None
    row_values: Mapping[str, str] = field(default_factory=dict)
    twins: Twins | None = None
    opened: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def __post_init__(self) -> None:
        # What a study's code and its libraries raise may hold anything.
        object.__setattr__(self, "reason", one_line(self.reason, _LONGEST_REASON))
        object.__setattr__(self, "remarks", tuple(one_line(remark, _LONGEST_REASON) for remark in self.remarks))
        object.__setattr__(self, "model_remark", one_line(self.model_remark, 1000))

    @property
    def n_epochs(self) -> int:
        """Epochs that it has a history of."""
        return max(map(len, self.history.values()), default=0)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        found = dataclasses.asdict(self) | {name: list(getattr(self, name)) for name in ("remarks", *_MAY_BE_LEFT_OUT)}
        return {name: value for name, value in found.items() if value or name not in _MAY_BE_LEFT_OUT}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrialResult":
        """The result that `to_json` gave; fields of a later version are left out.

        Raises:
            RecordError: it is not a result, or has a value that this version does not know.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        kept = {name: value for name, value in data.items() if name in known} if isinstance(data, Mapping) else {}
        wrong = [name for name in ("state", *kept) if not _IS_RIGHT.get(name, _is_text)(kept.get(name))]
        if wrong:
            raise RecordError(
                f"a result in the record has {wrong[0]} {short_repr(kept.get(wrong[0]))}: another version of dlstudy "
                "wrote it, or it is damaged: use that version, restore it from a backup, or start again in another "
                "--home"
            )
        trained_by, outputs, twins = (kept.get(name) for name in ("trained_by", "outputs", "twins"))
        typed = {
            "state": TrialState(kept["state"]), "trained_by": None if trained_by is None else TrainedBy(trained_by),
            "outputs": None if outputs is None else OutputReading.from_json(outputs),
            "twins": None if twins is None else Twins(**twins),
        }  # fmt: skip
        return cls(**{**kept, **typed})


@dataclass(frozen=True)
class TrialRecord:
    """A trial as the record holds it.

    Args:
        key: unique in the record.
        phase, arm, search, index: where it belongs; a second try has the same index. Searches count from 1.
        number: counts the trials of its arm and phase, second tries included.
        seed: of initial weights, batch order and dropout.
        params: what was trained, complete.
        tuned: the part of it that the search chose, or that the document or the library states.
        result: what came of it; None while it runs.
        value: what the search optimizes; None where it gave none.
        run_id: of its MLflow run; empty if MLflow was unreachable.
        started_s, ended_s: Unix time; `ended_s` is None while it runs.
        setting_key: names its parameters.
        round: of the search, in which it was begun; 0 for the design.
    """

    key: str
    phase: Phase
    arm: str
    index: int
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
    round: int = 0

    @property
    def state(self) -> TrialState:
        """Its state."""
        return self.result.state if self.result else TrialState.RUNNING

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics at the end of training."""
        return self.result.metrics if self.result else {}

    @property
    def history(self) -> Mapping[str, list[float | None]]:
        """Its metrics after each epoch."""
        return self.result.history if self.result else {}

    @property
    def n_epochs(self) -> int:
        """Epochs that it has a history of."""
        return self.result.n_epochs if self.result else 0

    @property
    def training(self) -> tuple[Phase, str, int, str, int]:
        """The key that all tries of the same training share."""
        return self.phase, self.arm, self.search, self.setting_key, self.index

    @property
    def keeps_model(self) -> bool:
        """Whether it is a replicate whose model is saved: the first one of a search's winner, of the first search."""
        return (self.phase, self.search, self.index) == (Phase.REPLICATE, 1, 0)


def make_parameters(arm: Arm, protocol: Protocol, params: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters that identify a training except its seed: the protocol's, the arm's setting, the trial's own."""
    return {"batch_size": protocol.batch_size, "epochs": protocol.epochs, **arm.setting, **params}


def params_key(params: Mapping[str, Any]) -> str:
    """A short name for a set of parameters: equal sets, equal names."""
    text = "|".join(f"{name}={_exactly(params[name])}" for name in sorted(params))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def kind_of_slot(name: str) -> str:
    """`cpu` or `gpu`, of a slot such as `gpu:0`."""
    return name.partition(":")[0]


def has_no_memory(result: TrialResult | None) -> bool:
    """Whether a training ended, as far as that can be known, since there was too little memory."""
    reason = result.reason if result is not None else ""
    return reason.startswith(OUT_OF_MEMORY) or KILLED_WITHOUT_MEMORY in reason or NODE_WITHOUT_MEMORY in reason


def figures_beside(model: Path) -> Path:
    """The folder of the figures of a saved model: those of its predictions, and those that the study drew."""
    return model.with_name(f"{model.name}.pictures")


def _exactly(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return repr(int(value))  # 1 and 1.0 are the same setting
    return repr(value)


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


_ENDS = frozenset(TrialState) - {TrialState.RUNNING}
_IS_RIGHT: Mapping[str, Callable[[object], bool]] = {
    "state": lambda value: isinstance(value, str) and value in _ENDS,
    "trained_by": lambda value: value is None or (isinstance(value, str) and value in frozenset(TrainedBy)),
    **dict.fromkeys(
        ("remarks", *_MAY_BE_LEFT_OUT), lambda value: isinstance(value, list) and all(map(_is_text, value))
    ),
    "metrics": _holds_numbers,
    "history": _holds_histories,
    "cost": _holds_numbers,
    "initial": _holds_texts,
    "row_values": _holds_texts,
    "outputs": lambda value: value is None or is_reading(value),
    "twins": lambda value: value is None or Twins.is_json(value),
}
"""Whether a value from a record is valid, for the fields of a result that are not plain text."""
