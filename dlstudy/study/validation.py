"""Rules that a study's definition must follow; each check raises `StudyError` with rule, value and remedy."""

import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, NoReturn, Protocol, TypeVar

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

from dlstudy.common.text import short_repr
from dlstudy.errors import StudyError
from dlstudy.study.phases import Direction

__all__ = [
    "direction_from",
    "enum_from",
    "frozen",
    "frozen_limits",
    "frozen_space",
    "frozen_start",
    "has_value",
    "is_count",
    "is_number",
    "item_named",
    "items_of",
    "paths_of",
    "require",
    "require_function",
    "require_name",
    "require_text",
]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Enum = TypeVar("_Enum", bound=StrEnum)
_Item = TypeVar("_Item", bound=_Named)

_EXACT = 2**53
_RESERVED = ("seed", "input_shape", "n_classes", "feature_names", "folder", "logs", "artifacts")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def require(condition: bool, message: str) -> None:
    """Raises `StudyError` with the message unless the condition holds."""
    if not condition:
        raise StudyError(message)


def is_number(value: object) -> bool:
    """Whether it is a finite int or float, no larger than a float can be (True and False are not numbers)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def is_count(value: object) -> bool:
    """Whether it is a whole number from 1 to a million."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000


def require_name(what: str, value: object) -> None:
    """Checks that a name is short, and safe in file names and in the record."""
    other = re.sub(r"[^A-Za-z0-9_.-]+", "_", value).strip("_.-")[:64] if isinstance(value, str) else ""
    require(
        isinstance(value, str) and _NAME.fullmatch(value) is not None,
        f"{what} must be 1 to 64 letters, digits, _, . or - and not start with . or -, got {short_repr(value)}"
        + (f": such as {other}" if other else ""),
    )


def direction_from(what: str, value: object) -> Direction:
    """The direction of that name."""
    return enum_from(what, Direction, value)


def enum_from(what: str, kind: type[_Enum], value: object) -> _Enum:
    """The member of a `StrEnum` with that value."""
    try:
        return kind(str(value)) if isinstance(value, str) else _refuse(what, kind, value)
    except ValueError:
        return _refuse(what, kind, value)


def _refuse(what: str, kind: type[_Enum], value: object) -> NoReturn:
    *words, last = kind
    raise StudyError(f"{what} must be {', '.join(words)} or {last}, got {short_repr(value)}")


def require_text(what: str, value: object, may_be_empty: bool = False) -> None:
    """Checks a text, which must not be blank unless it may be empty."""
    require(
        isinstance(value, str) and (may_be_empty or bool(value.strip())),
        f"{what} must be text{' (or empty)' if may_be_empty else ' that is not blank'}, got {short_repr(value)}",
    )


def require_function(what: str, value: object, *calls: str, may_be_left_out: bool = False) -> None:
    """Checks a function of a study: that it can be called in one of these ways.

    Args:
        what: names it in messages.
        value: the function.
        calls: names of the positional arguments of each way, as `model, p`; the first is what is usual.
        may_be_left_out: whether None is right too.
    """
    if value is None and may_be_left_out:
        return
    kind = "a function or None" if may_be_left_out else f"a function of {calls[0]}"
    require(callable(value), f"{what} must be {kind}, got {short_repr(value)}")
    assert callable(value)
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # of a callable that does not say
        return
    name = what.rpartition(".")[2]
    require(
        any(_takes(signature, len(call.split(", "))) for call in calls),
        f"{what} is called as {' or '.join(f'{name}({call})' for call in calls)}, got a function that takes "
        f"{signature}: write def {name}({calls[0]})",
    )


def _takes(signature: inspect.Signature, n: int) -> bool:
    try:
        signature.bind(*range(n))
    except TypeError:
        return False
    return True


def items_of(what: str, value: object, kind: type) -> tuple[Any, ...]:  # Any: of that kind
    """The items of a list, each of that kind."""
    is_list = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    names = "texts" if kind is str else f"{kind.__name__} objects"
    require(is_list, f"{what} must be a list of {names}, got {short_repr(value)}")
    assert isinstance(value, Iterable)
    items = tuple(value)
    wrong = [item for item in items if not isinstance(item, kind)]
    require(not wrong, f"{what} must hold {names} only, got {short_repr(wrong[0] if wrong else None)} among them")
    return items


def item_named(what: str, name: object, items: Sequence[_Item]) -> _Item:
    """The item of a study that has that name."""
    for item in items:
        if item.name == name:
            return item
    known = ", ".join(item.name for item in items) or "none"
    raise StudyError(f"this study has no {what} {short_repr(name)}: choose from {known}")


def paths_of(what: str, value: object) -> tuple[str, ...]:
    """The paths of a list, texts or `pathlib`'s, as texts that are not blank."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        value = [str(item) if isinstance(item, PurePath) else item for item in value]
    items: tuple[str, ...] = items_of(what, value, str)
    for item in items:
        require_text(f"a path in {what}", item)
    return items


def frozen(what: str, mapping: object) -> Mapping[str, Any]:  # Any: as Arm.setting
    """A read-only copy of a mapping of parameters, checked."""
    copy = _named(what, mapping)
    for key, value in copy.items():
        require(
            _is_plain(value),
            f"{what}: {key} must be text, a finite number, true, false or None, got {short_repr(value)}",
        )
    for key in {"epochs", "more_epochs", "batch_size"} & set(copy):
        require(
            is_count(copy[key]),
            f"{what}: {key} must be a whole number from 1 to 1,000,000, got {short_repr(copy[key])}",
        )
    return copy


def frozen_space(what: str, mapping: object) -> Mapping[str, BaseDistribution]:
    """A read-only copy of a mapping of parameters to distributions, checked: each can be drawn from."""
    copy = _named(what, mapping)
    for key, value in copy.items():
        if isinstance(value, CategoricalDistribution):
            _check_choices(f"{what}: {key}", value.choices)
            possible = all(map(is_count, value.choices))
        else:
            require(
                isinstance(value, FloatDistribution | IntDistribution),
                f"{what}: {key} must be an Optuna distribution (Float, Int or Categorical), got {short_repr(value)}: "
                f"{_as_distribution(value)}",
            )
            _check_range(f"{what}: {key}", value)
            possible = isinstance(value, IntDistribution) and is_count(value.low) and is_count(value.high)
        require(
            possible or key not in ("epochs", "more_epochs", "batch_size"),
            f"{what}: {key} must be whole numbers from 1 to 1,000,000, got {short_repr(value)}",
        )
    return copy


def _as_distribution(value: object) -> str:
    """What to write in place of something that is no distribution."""
    if isinstance(value, tuple | list) and len(value) == 2 and all(map(is_number, value)) and value[0] < value[1]:
        kind = "Int" if all(isinstance(each, int) for each in value) else "Float"
        return f"write {kind}Distribution({value[0]!r}, {value[1]!r})"
    if isinstance(value, tuple | list | set):
        return f"write CategoricalDistribution({short_repr(list(value))})"
    return "a value that is not tuned goes into setting"


def frozen_limits(
    what: str, mapping: object, space: Mapping[str, BaseDistribution]
) -> Mapping[str, tuple[float, float]]:
    """A read-only copy of the limits of a space's numeric parameters, checked: each contains the stated range."""
    copy = _named(what, mapping)
    for key, value in copy.items():
        known = space.get(key)
        require(
            isinstance(known, FloatDistribution | IntDistribution),
            f"{what}: must name numeric parameters of space, got {short_repr(key)}",
        )
        assert isinstance(known, FloatDistribution | IntDistribution)
        are_two = isinstance(value, tuple | list) and len(value) == 2 and all(map(is_number, value))
        require(
            are_two and value[0] <= known.low and known.high <= value[1],
            f"{what}: {key} must be two numbers that contain its range {known.low!r} to {known.high!r}, got "
            f"{short_repr(value)}",
        )
    return MappingProxyType({key: (value[0], value[1]) for key, value in copy.items()})


def frozen_start(
    what: str, settings: object, space_at: Callable[[Mapping[str, Any]], Mapping[str, BaseDistribution]]
) -> tuple[Mapping[str, Any], ...]:  # Any: JSON scalars
    """A read-only copy of settings of a space, checked: each is complete, and within the ranges.

    Args:
        what: names them in messages.
        settings: of the space.
        space_at: the part of the space that exists at a setting.
    """
    found = items_of(what, settings, Mapping)
    for setting in found:
        space = space_at(setting)
        missing, others = sorted(set(space) - set(setting)), sorted(set(setting) - set(space))
        require(
            not missing and not others,
            f"{what} must give each parameter of space and no other, got {short_repr(dict(setting))}: "
            + (f"add {', '.join(missing)}" if missing else f"leave out {', '.join(map(str, others))}"),
        )
        outside = [name for name, value in setting.items() if not has_value(space[name], value)]
        require(
            not outside,
            f"{what} must be within the ranges of space, got {short_repr(dict(setting))}: change "
            f"{', '.join(outside)}, or widen the range",
        )
    require(
        len({tuple(sorted(setting.items())) for setting in found}) == len(found),
        f"{what} must give each setting once, got one twice: leave it out",
    )
    return tuple(frozen(what, {name: setting[name] for name in space_at(setting)}) for setting in found)


def has_value(distribution: BaseDistribution, value: object) -> bool:
    """Whether Optuna accepts a value of a distribution, whose own method for this is private."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are close to a step
            create_trial(params={"value": value}, distributions={"value": distribution}, value=0.0)
    except (ValueError, TypeError):
        return False
    return True


def _named(what: str, mapping: object) -> Mapping[str, Any]:
    require(isinstance(mapping, Mapping), f"{what} must map names to values, got {short_repr(mapping)}")
    assert isinstance(mapping, Mapping)
    for key in mapping:
        require(
            isinstance(key, str) and key.isidentifier() and key not in _RESERVED,
            f"{what}: a parameter's name must be an identifier other than {', '.join(_RESERVED)}, got "
            f"{short_repr(key)}",
        )
    return MappingProxyType(dict(mapping))


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool) or is_number(value)


def _check_choices(what: str, choices: tuple[Any, ...]) -> None:
    wrong = [choice for choice in choices if not _is_plain(choice)]
    require(
        not wrong,
        f"{what}: a choice must be text, a finite number, true, false or None, got "
        f"{short_repr(wrong[0] if wrong else 0)}",
    )
    require(
        len({repr(choice) for choice in choices}) == len(choices),
        f"{what}: choices must differ, got {short_repr(choices)}",
    )


def _check_range(what: str, value: FloatDistribution | IntDistribution) -> None:
    numbers = [value.low, value.high, 1 if value.step is None else value.step]
    require(
        all(map(is_number, numbers)) and is_number(value.high - value.low),
        f"{what}: low, high and step must be finite numbers, got {short_repr(value)}",
    )
    require(
        not isinstance(value, IntDistribution) or max(map(abs, numbers)) <= _EXACT,
        f"{what}: whole numbers are exact up to 2^53, got {short_repr(value)}: use a FloatDistribution",
    )
