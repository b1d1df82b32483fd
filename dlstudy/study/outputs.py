"""How the outputs of a model are read, as plain data: which numbers they are, and how they give a label."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Decision", "OutputReading", "Scale", "is_reading"]


class Scale(StrEnum):
    """What the numbers are that a model gives for a row."""

    PROBABILITIES = "probabilities"
    """One for each class, together 1."""
    LOGITS = "logits"
    """One for each class: their softmax are probabilities."""
    PROBABILITY = "probability"
    """Each is the probability of label 1: of the only column, or of its own."""
    LOGIT = "logit"
    """The sigmoid of each is such a probability."""
    VALUE = "value"
    """The target of a regression."""
    RAW = "raw"
    """Not told by loss, activation or task."""


class Decision(StrEnum):
    """How the numbers give a label."""

    ARGMAX = "argmax"
    """The class with the largest number."""
    THRESHOLD = "threshold"
    """1 where the number is above the threshold, else 0; for each column by itself."""
    NONE = "none"


@dataclass(frozen=True)
class OutputReading:
    """How the outputs of a model, (n, columns), are read.

    Args:
        scale: what the numbers are.
        decision: how they give a label.
        threshold: on the outputs as they are, where the decision is by threshold.
        why: why they are shown as they are, in one line; empty where that is not so.
    """

    scale: Scale = Scale.RAW
    decision: Decision = Decision.NONE
    threshold: float = 0.5
    why: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "OutputReading":
        """The reading of which `dataclasses.asdict` gave this, where `is_reading` says so."""
        return cls(
            Scale(str(data["scale"])), Decision(str(data["decision"])),
            float(data["threshold"]), str(data["why"]),  # type: ignore[arg-type]  # is_reading has checked it
        )  # fmt: skip


def is_reading(value: object) -> bool:
    """Whether a value from a record is a reading that this version knows."""
    return (
        isinstance(value, Mapping)
        and value.get("scale") in frozenset(Scale)
        and value.get("decision") in frozenset(Decision)
        and type(value.get("threshold")) in (int, float)
        and isinstance(value.get("why"), str)
    )
