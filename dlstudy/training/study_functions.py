"""The functions of a study that a training calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from dlstudy.study.own_metrics import Metric
from dlstudy.study.study import Study

__all__ = ["Build", "StudyFunctions"]

Build = Callable[..., Any]
"""A study's `build`. Any: it takes JSON scalars, and perhaps the rows that train; a Keras model or an estimator."""

_Function = Callable[..., Any]  # Any: models, arrays and figures, whose types this module must not import


@dataclass(frozen=True)
class StudyFunctions:
    """The functions of a study, and its metrics, each as `Study` describes it."""

    build: Build
    prepare: _Function | None = None
    callbacks: _Function | None = None
    continue_training: _Function | None = None
    extra_metrics: _Function | None = None
    figures: _Function | None = None
    class_weight: _Function | None = None
    prepare_sees_all_rows: bool = False
    metrics: Mapping[str, Metric] = field(default_factory=dict)

    def continues(self, p: Mapping[str, Any]) -> bool:  # Any: JSON scalars
        """Whether a trial with these parameters has a second training."""
        return self.continue_training is not None and "more_epochs" in p

    @classmethod
    def of(cls, study: Study) -> "StudyFunctions":
        """The functions of this study."""
        return cls(**{item.name: getattr(study, item.name) for item in fields(cls)})
