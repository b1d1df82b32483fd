"""Numbers that a study's own code logs while it trains."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from dlstudy.common.text import is_line, short_repr
from dlstudy.errors import TrialError, UsageError

__all__ = ["log_metric", "metrics_logged_into"]

_Target = MutableMapping[str, float]

_targets: list[_Target | None] = [None]
"""Targets of `log_metric`; the last one is used. No `ContextVar`: a study's code may run in threads of its own."""


def log_metric(name: str, value: float) -> None:
    """Logs a number of the current epoch as the metric `train_<name>`, from any function of a study.

    The number joins the metrics of the next epoch that ends, as if a callback had put it into Keras's `logs`: its
    history has a value for that epoch, and the last value is the trial's. What is logged after the last epoch, or from
    an estimator, joins the metrics at the end of the trial. Logged twice in an epoch, the last value counts.

    Args:
        name: text in one line, 200 characters at most, as of a Keras metric.
        value: a number. One that is not finite is None in the history.

    Raises:
        UsageError: no trial is being trained, or its metrics are complete (in `figures`).
        TrialError: the name or the value is not valid; the trial fails with that reason.

    Example:
        >>> import keras
        >>> from dlstudy.toolkit.logging import log_metric
        >>> class Norm(keras.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         log_metric("weight_norm", sum((w.numpy() ** 2).sum() for w in self.model.weights) ** 0.5)
    """
    target = _targets[-1]
    if target is None:
        raise UsageError(
            f"log_metric({short_repr(name)}, ...) was called outside of a training: call it from a study's functions, "
            "such as callbacks or continue_training"
        )
    if not is_line(name):
        raise TrialError(f"log_metric needs a name in one line of 200 characters at most, got {short_repr(name)}")
    target[f"train_{name}"] = _number(name, value)


@contextmanager
def metrics_logged_into(target: _Target | None) -> Iterator[None]:
    """While active, `log_metric` writes into `target`, under the full names of metrics; with None it raises."""
    _targets.append(target)
    try:
        yield
    finally:
        _targets.pop()


def _number(name: str, value: Any) -> float:  # Any: whatever a study has logged
    try:
        if hasattr(value, "__float__") or hasattr(value, "__index__"):
            return float(value)
    except Exception:  # arrays of several numbers, symbolic tensors: each library raises its own kind
        pass
    raise TrialError(f"log_metric needs a number for {name}, got {short_repr(value)}")
