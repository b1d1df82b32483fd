"""What a training needs of a study: its functions."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from dlstudy.study.study import Study

__all__ = ["Build", "Code"]

Build = Callable[[dict[str, Any]], Any]
"""A study's `build`. Any: JSON scalars go in; a Keras model or an estimator comes out."""

_Function = Callable[..., Any]  # Any: models, arrays and pictures, whose types this module must not import


@dataclass(frozen=True)
class Code:
    """The functions of a study, each as `Study` describes it."""

    build: Build
    prepare: _Function | None = None
    callbacks: _Function | None = None
    go_on: _Function | None = None
    probe: _Function | None = None
    draw: _Function | None = None

    @classmethod
    def of(cls, study: Study) -> "Code":
        """Those of a study."""
        return cls(**{item.name: getattr(study, item.name) for item in fields(cls)})
