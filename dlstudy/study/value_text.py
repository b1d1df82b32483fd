"""Values as Python writes them: a study, its arms and its protocol as the source text that makes them again."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from optuna.distributions import BaseDistribution

from dlstudy.common.text import short_repr

__all__ = ["NoTextError", "Writer"]

_WIDTH = 100
_LONGEST = 100_000
"""Characters of a value's text: more is data, and no part of a definition to read."""


class NoTextError(Exception):
    """A value cannot be written as source text; the message says which."""


@dataclasses.dataclass(frozen=True)
class Writer:
    """Writes plain values, containers, Optuna's distributions and the dataclasses of a study.

    Args:
        name_of: returns the name that stands for a class or a function, and sees to it that the name is bound; raises
            NoTextError where it cannot.
    """

    name_of: Callable[[Any], str]  # Any: a class or a function

    def write(self, value: Any, indent: int = 0) -> str:  # Any: whatever a study holds
        """The text of a value, in lines of moderate length.

        Args:
            value: to write.
            indent: spaces before the line that it begins in.

        Raises:
            NoTextError: it, or a part of it, cannot be written.
        """
        if isinstance(value, StrEnum):
            return repr(value.value)
        if value is None or type(value) in (bool, int, str, bytes, complex):
            return _short(repr(value))
        if type(value) is float:
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if isinstance(value, BaseDistribution):
            self.name_of(type(value))
            return repr(value)
        if type(value) in (list, tuple, set, frozenset) or isinstance(value, Mapping):
            return self._container(value, indent)
        if dataclasses.is_dataclass(value) and type(value).__module__.startswith("dlstudy.study."):
            return self._dataclass(value, indent)
        if callable(value):
            return self.name_of(value)
        raise NoTextError(f"{type(value).__name__} {short_repr(value)}")

    def _dataclass(self, value: Any, indent: int) -> str:  # Any: one of a study's dataclasses
        fields = [item for item in dataclasses.fields(value) if item.init]
        parts = [(f"{item.name}=", getattr(value, item.name)) for item in fields if not _is_default(value, item)]
        return self._joined(f"{self.name_of(type(value))}(", parts, ")", indent)

    def _container(self, value: Any, indent: int) -> str:  # Any: list, tuple, set or mapping
        if isinstance(value, Mapping):
            return self._joined("{", [(f"{self.write(key)}: ", item) for key, item in value.items()], "}", indent)
        if isinstance(value, set | frozenset):
            items = "{" + ", ".join(sorted(map(self.write, value))) + "}" if value else ""
            return f"{type(value).__name__}({items})"
        begin, end = "[]" if isinstance(value, list) else "()"
        return self._joined(
            begin, [("", item) for item in value], ",)" if len(value) == 1 and end == ")" else end, indent
        )

    def _joined(self, begin: str, parts: list[tuple[str, Any]], end: str, indent: int) -> str:  # Any: items
        """Parts in one line where they fit, else each on lines of its own."""
        flat = f"{begin}{', '.join(label + self.write(item) for label, item in parts)}{end}"
        if len(flat) + indent <= _WIDTH and "\n" not in flat:
            return _short(flat)
        inner = " " * (indent + 4)
        lines = [f"{inner}{label}{self.write(item, indent + 4)},\n" for label, item in parts]
        return _short(f"{begin}\n{''.join(lines)}{' ' * indent}{end.lstrip(',')}")


def _is_default(value: Any, item: "dataclasses.Field[Any]") -> bool:  # Any: one of a study's dataclasses
    if item.default_factory is not dataclasses.MISSING:
        return bool(getattr(value, item.name) == item.default_factory())
    held = getattr(value, item.name)
    return held is item.default or (type(held) is type(item.default) and bool(held == item.default))


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        raise NoTextError(f"a value of {len(text):,} characters")
    return text
