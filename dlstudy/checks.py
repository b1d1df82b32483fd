"""Rules that a study's definition must keep; each check raises `StudyError` with rule, value and remedy."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dlstudy.errors import StudyError

__all__ = ["frozen", "is_count", "is_number", "require", "require_direction", "require_metric", "require_name"]

_RESERVED = ("seed", "input_shape", "n_classes")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_METRIC = re.compile(r"(train|val|test)_[a-z0-9_]+")


def require(condition: bool, message: str) -> None:
    """Raises `StudyError` with the message unless the condition holds."""
    if not condition:
        raise StudyError(message)


def is_number(value: object) -> bool:
    """Whether it is a finite int or float (True and False are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: object) -> bool:
    """Whether it is a whole number from 1 to a million."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000


def require_name(what: str, value: object) -> None:
    """A name is short, and safe in file names and in the record."""
    require(
        isinstance(value, str) and _NAME.fullmatch(value) is not None,
        f"{what} must be 1 to 64 letters, digits, _, . or - and not start with . or -, got {value!r}",
    )


def require_metric(what: str, value: object) -> None:
    """A metric says which rows it is of."""
    require(
        isinstance(value, str) and _METRIC.fullmatch(value) is not None,
        f"{what} must be train_, val_ or test_ and a name in small letters, got {value!r}",
    )


def require_direction(what: str, value: object) -> None:
    """A direction is one of two words."""
    require(value in ("maximize", "minimize"), f"{what} must be maximize or minimize, got {value!r}")


def frozen(what: str, mapping: object, kind: type | None = None) -> Mapping[str, Any]:  # Any: as Arm.setting
    """A read-only copy of a parameter mapping, checked."""
    require(isinstance(mapping, Mapping), f"{what} must map names to values, got {mapping!r}")
    assert isinstance(mapping, Mapping)
    for key, value in mapping.items():
        require(
            isinstance(key, str) and key.isidentifier() and key not in _RESERVED,
            f"{what}: a parameter's name must be an identifier other than {', '.join(_RESERVED)}, got {key!r}",
        )
        if kind is not None:
            require(isinstance(value, kind), f"{what}: {key} must be an Optuna distribution, got {value!r}")
        else:
            plain = value is None or isinstance(value, str | bool) or is_number(value)
            require(plain, f"{what}: {key} must be text, a finite number, true, false or None, got {value!r}")
    for key in {"epochs", "batch_size"} & set(mapping) if kind is None else ():
        value = mapping[key]
        require(is_count(value), f"{what}: {key} must be a whole number from 1 to 1,000,000, got {value!r}")
    return MappingProxyType(dict(mapping))
