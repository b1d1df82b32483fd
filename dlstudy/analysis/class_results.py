"""What there is to say of the hand-ins of a class: frozen dataclasses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlstudy.analysis.inference import Interval
from dlstudy.analysis.places import Contrast, Place
from dlstudy.analysis.results import MetricSummary
from dlstudy.study.request import ResolvedStudy

__all__ = ["SAME_NUMBERS", "Board", "Graded", "Looked"]

SAME_NUMBERS = "the recorded numbers"


@dataclass(frozen=True)
class Looked:
    """What there is to say of a hand-in; plain data.

    Args:
        facts: what its assignment may fix, as text by name.
        differs: how the code in the pack differs from what was run; empty where it does not.
        is_complete: whether every training that it asks for was made.
        code: a digest of its functions, arms and spaces.
        n_trials: trainings in the pack, of all variants.
        others: further variants in the pack, by name.
        arm, setting: the winner, by the test rows that the student had.
        claimed: its test metric over its seeds, as recorded.
        claimed_interval: of that, for other test rows; None where the record has no value of each row.
        optimism: by how much its search was better than its replicates.
        failed_checks: on the searches, a sentence each.
        passed_checks: likewise.
        lost: how many trainings did not end well, by how they ended.
        predicted: of each model, entries of `Predicted` for the held-out rows.
        retrained: whether each replicate that was trained again gave the recorded numbers, in words by its seed.
        why: why there are no predictions.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""
    is_complete: bool = True
    code: str = ""
    n_trials: int = 0
    others: Sequence[str] = ()
    arm: str = ""
    setting: str = ""
    claimed: MetricSummary | None = None
    claimed_interval: Interval | None = None
    optimism: float | None = None
    failed_checks: Sequence[str] = ()
    passed_checks: Sequence[str] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    predicted: Sequence[Mapping[str, Any]] = ()  # Any: arrays and text
    retrained: Mapping[int, str] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, eq=False)
class Graded:
    """A hand-in with what came of it.

    Args:
        name: of who handed it in.
        looked: what there is to say of it.
        deviations: what it has other than the assignment, a sentence each.
        values: (k,) whose mean is the score, themselves means over its models; None where it could not be scored.
        of_models: the score of each model.
        why: why it could not be scored.
        interval: of the score, for other rows of this kind.
        place: among those that keep to the assignment; None for others.
        against: the contrast with the baseline; None without one.
        remarks: for the teacher, a sentence each.
    """

    name: str
    looked: Looked
    deviations: Sequence[str] = ()
    values: np.ndarray | None = None
    of_models: Sequence[float] = ()
    why: str = ""
    interval: Interval | None = None
    place: Place | None = None
    against: Contrast | None = None
    remarks: Sequence[str] = ()

    @property
    def is_confirmed(self) -> bool:
        """Whether all that was trained again gave the recorded numbers."""
        return all(text == SAME_NUMBERS for text in self.looked.retrained.values())

    @property
    def score(self) -> float | None:
        """On the held-out rows."""
        return None if self.values is None else float(self.values.mean())


@dataclass(frozen=True)
class Board:
    """All hand-ins, in the order of a board: those with a place first, each part by its score.

    Args:
        study: the assignment.
        n_rows: held-out rows.
        graded: the hand-ins.
        contrasts: of each pair that has places, the one with the better score first.
        baseline: what they are compared with; None without one.
    """

    study: ResolvedStudy
    n_rows: int
    graded: Sequence[Graded]
    contrasts: Mapping[tuple[str, str], Contrast] = field(default_factory=dict)
    baseline: Graded | None = None
