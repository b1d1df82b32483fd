"""Several objectives: what each is worth, and the hypervolume of what reaches them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dlstudy.common.text import short_repr
from dlstudy.study.constraints import PARAMETERS, require_searchable
from dlstudy.study.metrics import test_metric_of
from dlstudy.study.validation import is_number, require

__all__ = ["HYPERVOLUME", "Objective", "Point", "hypervolume", "hypervolumes_alone", "point_of"]

HYPERVOLUME = "val_hypervolume"
"""The metric of a search with several objectives; `test_hypervolume` is that of claims about it."""

Point = tuple[float, ...]
"""How far each objective is reached: from 0 for the worst value that counts to 1 for the best."""


@dataclass(frozen=True)
class Objective:
    """One of several objectives of a search.

    Args:
        metric: a `val_` metric at the end of training, or `parameters`, the number of them in the model.
        worst: the value from which on a setting is worth nothing; one coordinate of the reference point.
        best: the value that counts as reached whole; larger than `worst` for a metric to be maximized.
        log: whether what counts is by how many times, not by how much, a value is better.

    Example::

        Protocol(objectives=[
            Objective("val_accuracy", worst=0.5, best=1.0), Objective("parameters", worst=1e6, best=1e3, log=True),
        ])
    """

    metric: str
    worst: float
    best: float
    log: bool = False

    def __post_init__(self) -> None:
        require_searchable("Objective.metric", self.metric)
        require(
            not self.metric.startswith("train_"),
            f"what is good on its training rows need not be on others, got Objective.metric={self.metric!r}: name a "
            "val_ metric",
        )
        require(
            is_number(self.worst) and is_number(self.best) and self.worst != self.best,
            f"an objective needs two numbers that differ, got worst={short_repr(self.worst)} and "
            f"best={short_repr(self.best)}",
        )
        require(isinstance(self.log, bool), f"Objective.log must be True or False, got {short_repr(self.log)}")
        require(
            not self.log or min(self.worst, self.best) > 0,
            f"an objective on a log scale needs values above 0, got worst={self.worst} and best={self.best}",
        )

    def __str__(self) -> str:
        scale = " on a log scale" if self.log else ""
        return f"{self.metric} from {self.worst:,g} to {self.best:,g}{scale}"

    @property
    def test_metric(self) -> str:
        """The metric on the test rows that corresponds to the one of the search."""
        return self.metric if self.metric == PARAMETERS else test_metric_of(self.metric)

    def reached(self, value: float) -> float:
        """How far a value reaches the objective, from 0 to 1."""
        ends = (self.worst, self.best)
        inside = min(max(value, min(ends)), max(ends))
        worst, best, here = (math.log(each) if self.log else each for each in (*ends, inside))
        return (here - worst) / (best - worst)


def point_of(objectives: Sequence[Objective], metrics: Mapping[str, float], part: str = "val") -> Point | None:
    """Where a training's metrics lie; None where they lack one.

    Args:
        objectives: of the protocol.
        metrics: at the end of training.
        part: the rows that count, `val` or `test`.
    """
    names = [each.test_metric if part == "test" else each.metric for each in objectives]
    if not all(name in metrics for name in names):
        return None
    return tuple(each.reached(metrics[name]) for each, name in zip(objectives, names, strict=True))


def hypervolumes_alone(objectives: Sequence[Objective], metrics: Mapping[str, float]) -> dict[str, float]:
    """The hypervolume of a training alone, on validation and on test rows, as far as its metrics tell."""
    points = {f"{part}_hypervolume": point_of(objectives, metrics, part) for part in ("val", "test")}
    return {name: hypervolume([point]) for name, point in points.items() if point is not None}


def hypervolume(points: Iterable[Point]) -> float:
    """The share of the unit cube that points dominate: of which another value is better in one objective at least.

    0 where every point is as bad as the reference point in some objective, 1 where one reaches all objectives whole.

    Source: While et al. 2006, hypervolume by slicing objectives, doi:10.1109/TEVC.2005.851275.
    """
    left = [point for point in points if min(point) > 0]
    if not left:
        return 0.0
    if len(left[0]) == 1:
        return max(point[0] for point in left)
    total, below = 0.0, 0.0
    for height in sorted({point[-1] for point in left}):
        total += (height - below) * hypervolume(point[:-1] for point in left if point[-1] >= height)
        below = height
    return total
