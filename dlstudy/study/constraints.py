"""Constraints on what a search may choose, such as a number of parameters at most.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dlstudy.common.text import short_repr
from dlstudy.study.metrics import require_metric
from dlstudy.study.validation import is_number, require

__all__ = ["PARAMETERS", "Constraint", "require_searchable"]

PARAMETERS = "parameters"
"""The metric that counts the parameters of a model."""


@dataclass(frozen=True)
class Constraint:
    """A bound that the winner of a search has to keep.

    Args:
        metric: a `val_` or `train_` metric at the end of training, or `parameters`, the number of them in the model.
        at_least, at_most: the bounds; None for none.

    Example::

        Protocol(constraints=[Constraint("parameters", at_most=50_000), Constraint("val_recall", at_least=0.9)])
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        require_searchable("Constraint.metric", self.metric)
        for name in ("at_least", "at_most"):
            bound = getattr(self, name)
            require(
                bound is None or is_number(bound),
                f"Constraint.{name} must be None or a number, got {short_repr(bound)}",
            )
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        require(
            bool(bounds) and bounds == sorted(bounds),
            f"a constraint needs at_least, at_most or both in this order, got {short_repr(bounds)}: change them",
        )

    def __str__(self) -> str:
        bounds = [
            f"{how} {bound:,g}" for how, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]  # fmt: skip
        return f"{self.metric} {' and '.join(bounds)}"

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether metrics keep the bounds; those that are not there do not."""
        value = metrics.get(self.metric)
        if value is None:
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def require_searchable(what: str, metric: object) -> None:
    """Checks that a search may go by a metric: it is none of the test rows."""
    if metric == PARAMETERS:
        return
    require_metric(what, metric)
    require(
        not str(metric).startswith("test_"),
        f"a search must not see the test set, got {what}={metric!r}: name a val_ metric",
    )
