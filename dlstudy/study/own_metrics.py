"""The metrics that a study names beside those that its models give: scikit-learn's, and functions of its own.

Each value of `Study.metrics` is one of these:

- the name of a scorer (`sklearn.metrics.get_scorer_names()`): `"f1_macro"`, `"roc_auc"`. `"neg_log_loss"` is negative,
  as in scikit-learn; `"log_loss"` is the loss itself.
- a scorer, as `make_scorer(fbeta_score, beta=2)` makes one: it says itself whether it takes labels, probabilities
  (`response_method="predict_proba"`) or logits (`"decision_function"`). More is better.
- a function `metric(y_true, y_pred)`, of scikit-learn or one's own, that returns a number, or an array of numbers,
  which are kept as `val_f1[0]`, `val_f1[1]`, ... Of a classification it gets (n,) labels, or (n, labels) of 0 and 1
  where a row may have several; else targets and outputs as they are, (n,) where a row has one number.

Labels and probabilities are those that the model's own loss and metrics take its outputs for. Each row counts once,
whatever its weight.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dlstudy.common.text import is_line, short_repr
from dlstudy.errors import StudyError
from dlstudy.study.claims import Claim
from dlstudy.study.metrics import told_direction
from dlstudy.study.phases import Direction
from dlstudy.study.protocol import Protocol
from dlstudy.study.validation import require

__all__ = ["Metric", "OwnMetric", "check_uses", "frozen_metrics", "is_scorer", "names_of", "own_metrics"]

Metric = str | Callable[..., Any]
"""The name of a scikit-learn scorer, a scorer, or a function. Any: a scorer takes an estimator, a function targets."""

_PARTS = ("val", "test", "train_end")
_TAKEN = ("gap",)
"""What dlstudy itself adds to the metrics of test rows."""

_OF_PROBABILITIES = {
    "roc_auc_score": "roc_auc", "average_precision_score": "average_precision", "brier_score_loss": "brier_score",
    "log_loss": "log_loss", "top_k_accuracy_score": "top_k_accuracy", "d2_log_loss_score": "d2_log_loss_score",
    "d2_brier_score": "d2_brier_score",
}  # fmt: skip
"""Functions of scikit-learn that take no labels, though they give a number of some, and the names of their scorers."""


@dataclass(frozen=True)
class OwnMetric:
    """A metric that a study names.

    Args:
        name: without the prefix that says which rows it is of.
        parts: the prefixes that it is computed for, of `val`, `test` and `train_end`.
        source: what computes it.
    """

    name: str
    parts: Sequence[str]
    source: Metric

    @property
    def names(self) -> list[str]:
        """The names that its values have."""
        return [f"{part}_{self.name}" for part in self.parts]

    @property
    def direction(self) -> Direction | None:
        """The direction in which it gets better, where its source tells: a scorer is greater where it is better."""
        if is_scorer(self.source) or (isinstance(self.source, str) and self.source.startswith("neg_")):
            return Direction.MAXIMIZE
        return told_direction(f"val_{self.source}") if isinstance(self.source, str) else None


def is_scorer(source: Metric) -> bool:
    """Whether it is a scorer of scikit-learn, called with an estimator, and no function of targets and predictions."""
    return hasattr(source, "set_score_request")


def own_metrics(metrics: Mapping[str, Metric]) -> list[OwnMetric]:
    """The metrics of `Study.metrics`, in order."""
    found = []
    for key, source in metrics.items():
        part, _, name = key.partition("_")
        alone = part in ("val", "test") and bool(name)
        found.append(OwnMetric(name, (part,), source) if alone else OwnMetric(key, _PARTS, source))
    return found


def names_of(metrics: Mapping[str, Metric]) -> list[str]:
    """The names of all values that `Study.metrics` gives."""
    return [name for metric in own_metrics(metrics) for name in metric.names]


def frozen_metrics(what: str, value: object) -> Mapping[str, Metric]:
    """A read-only copy of a mapping of names to metrics, checked.

    Raises:
        StudyError: it is none.
    """
    require(isinstance(value, Mapping), f"{what} must map names to metrics, got {short_repr(value)}")
    assert isinstance(value, Mapping)
    for key, source in value.items():
        bare = str(key).removeprefix("val_").removeprefix("test_")
        require(
            is_line(key) and is_line(bare) and not key.startswith("train_"),
            f"{what}: a name must be text in one line, without train_, as f1, or as test_f1 or val_f1 for those rows "
            f"alone, got {short_repr(key)}",
        )
        require(bare not in _TAKEN, f"{what}: the name {bare} is taken, test_{bare} is the gap of the loss: change it")
        require(
            is_line(source) or (callable(source) and not isinstance(source, type)),
            f"{what}: {key} must be the name of a scikit-learn scorer, a scorer, or a function of targets and "
            f"predictions, got {short_repr(source)}",
        )
        _require_labels_wanted(f"{what}: {key}", source)
    names = names_of(value)
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"{what} must give each metric once, got {', '.join(twice)} twice: leave one of them out")
    return MappingProxyType(dict(value))


def _require_labels_wanted(what: str, source: Metric) -> None:
    function = getattr(source, "func", source)  # of a `functools.partial`
    name = getattr(function, "__name__", "")
    is_theirs = str(getattr(function, "__module__", "")).startswith("sklearn.")
    require(
        not is_theirs or name not in _OF_PROBABILITIES,
        f"{what} must take labels, which a function gets, got {name}, which takes probabilities: give the name of its "
        f'scorer, {_OF_PROBABILITIES.get(name)!r}, or make_scorer({name}, response_method="predict_proba")',
    )


def check_uses(metrics: Mapping[str, Metric], protocol: Protocol, claims: Sequence[Claim]) -> None:
    """Checks that search and claims use the metrics of a study as they are.

    Raises:
        StudyError: one has the wrong direction or an epoch, or the search's is not of validation and test rows.
    """
    given = {name: metric for metric in own_metrics(metrics) for name in metric.names}
    searched = {protocol.metric, protocol.test_metric}
    absent = searched - given.keys()
    require(
        len(absent) != 1,
        f"Study.metrics must give the metric of the search for validation and test rows, got none for "
        f"{', '.join(absent)}: name it without val_ or test_",
    )
    _require_direction("Protocol", given.get(protocol.metric), protocol.direction)
    for claim in claims:
        if claim.untestable or claim.metric not in given:
            continue
        what = f"claim {short_repr(claim.text)}"
        _require_direction(what, given[claim.metric], claim.better_direction)
        require(
            claim.epoch is None and claim.target is None,
            f"{what} is about an epoch, got {claim.metric}, which is computed at the end of a training: leave out "
            "epoch and target",
        )


def _require_direction(what: str, metric: OwnMetric | None, direction: Direction) -> None:
    if metric is None or metric.direction in (None, direction):
        return
    way = "greater" if metric.direction is Direction.MAXIMIZE else "smaller"
    is_negated = isinstance(metric.source, str) and metric.source.startswith("neg_")
    remedy = f", or give {str(metric.source)[4:]!r}, which is not negated" if is_negated else ""
    raise StudyError(
        f'{what} must have direction="{metric.direction}", as {short_repr(metric.source)}, its metric {metric.name}, '
        f'is better where it is {way}, got "{direction}": change it{remedy}'
    )
