"""Names of metrics: the rows that they are of, and the direction that they tell."""

import re

from dlstudy.common.hints import meant
from dlstudy.common.text import is_line, short_repr
from dlstudy.errors import StudyError
from dlstudy.study.phases import Direction
from dlstudy.study.validation import require

__all__ = ["direction_of", "has_no_unit", "require_metric", "test_metric_of", "told_direction", "train_metric_of"]

_PREFIXES = ("train_", "val_", "test_")

_UP = (
    "accuracy acc auc precision recall sensitivity specificity f1 fbeta r2 r_squared iou io_u true_positives "
    "true_negatives pearson_correlation concordance_correlation hypervolume top"
)
_DOWN = (
    "loss cost error error_rate gap epochs mse mae rmse mape msle perplexity nll bce crossentropy cross_entropy "
    "logloss poisson hinge huber logcosh log_cosh kld kl_divergence ctc false_positives false_negatives"
)
_TOLD = dict.fromkeys(_UP.split(), Direction.MAXIMIZE) | dict.fromkeys(_DOWN.split(), Direction.MINIMIZE)
"""The last words of a name. `cosine_similarity` and `dice` are left out: Keras's metric and its loss differ."""

_UNITLESS = "accuracy acc auc precision recall sensitivity specificity f1 fbeta r2 r_squared iou io_u top error_rate"
"""Those of them that mean the same on all data: shares, and scores without a unit."""

_QUALIFIERS = ("k", "score", "macro", "micro", "weighted", "roc", "pr")
"""Words after the one that tells, as in `f1_macro`; numbers too, as in `auc_1` and `top_5`."""
_PREPOSITIONS = ("at", "by", "for", "from", "of", "over", "per", "to", "under", "until", "with", "without")
"""What follows is not what is measured: `recall_at_precision`, `epochs_to_accuracy`."""
_TURNED = re.compile(r"[\W_]((neg|negative|inverse|minus|d2)[\W_]|1 ?[-−])")
"""What may turn a direction round: `neg_mean_squared_error`, `1-accuracy`, `d2_log_loss_score`."""


def require_metric(what: str, value: object) -> None:
    """Checks that a metric's name says which rows it is computed on; the rest is as Keras has it."""
    remedy = f": did you mean test_{value}?" if isinstance(value, str) and told_direction(value) else ""
    require(
        isinstance(value, str) and value.startswith(_PREFIXES) and is_line(value.partition("_")[2]),
        f"{what} must be train_, val_ or test_ and the name of a metric, in one line of 200 characters at most, got "
        f"{short_repr(value)}{remedy}",
    )


def test_metric_of(metric: str) -> str:
    """The test metric that corresponds to a validation metric: `test_accuracy` to `val_accuracy`."""
    return f"test_{metric.removeprefix('val_')}"


def train_metric_of(metric: str) -> str:
    """The training metric that corresponds to a validation metric: `train_accuracy` to `val_accuracy`."""
    return f"train_{metric.removeprefix('val_')}"


def direction_of(metric: str) -> Direction:
    """The direction in which a metric gets better, read from its name.

    Raises:
        StudyError: the name does not tell it.
    """
    told = told_direction(metric)
    if told is None:
        close = meant(metric, [f"{prefix}{name}" for prefix in _PREFIXES for name in _TOLD], 0.85)
        raise StudyError(
            f'the name of metric {short_repr(metric)} does not say which way is better: state direction="maximize" or '
            f'direction="minimize"{close and f", or {close}"}'
        )
    return told


def told_direction(metric: str) -> Direction | None:
    """The direction that the name of a metric tells by its last word, as those of Keras do; None if it tells none."""
    return _TOLD.get(_telling(metric))


def has_no_unit(metric: str) -> bool:
    """Whether a metric's name says that its values are on the same scale on all data, as those of a loss are not."""
    return _telling(metric) in _UNITLESS.split()


def _telling(metric: str) -> str:
    """The last words of a metric's name that tell its direction; empty if none do."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", metric).lower()  # as in MeanSquaredError
    if _TURNED.search(spaced):
        return ""
    words = re.findall(r"[^\W_]+", spaced)
    end = next((i for i, word in enumerate(words) if word in _PREPOSITIONS), len(words))
    words = [re.sub(r"^(auc|top)\d+$", r"\1", word) for word in words[:end]]
    while words and (words[-1].isdecimal() or words[-1] in _QUALIFIERS):
        words.pop()
    endings = ("_".join(words[-n:]) for n in (3, 2, 1))
    return next((ending for ending in endings if ending in _TOLD), "")
