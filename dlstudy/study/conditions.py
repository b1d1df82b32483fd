"""Conditional parameters: those of an arm's space that exist only where another has certain values."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from dlstudy.common.text import short_repr
from dlstudy.study.validation import require

__all__ = ["Conditions", "applicable", "conditions_json", "frozen_conditions", "in_order"]

Conditions = Mapping[str, Mapping[str, Sequence[Any]]]
"""Parameter to the parameters that it depends on, each with the values at which it exists."""


def frozen_conditions(what: str, mapping: object, space: Mapping[str, BaseDistribution]) -> Conditions:
    """A read-only copy of the conditions of a space's parameters, checked.

    Args:
        what: names them in messages.
        mapping: parameter to parent to a value, or a list of values.
        space: of the arm. Parents are its categorical parameters: rounds of a search keep those of the winner.

    Raises:
        StudyError: one names no parameter or no choice of `space`, or they depend on each other in a circle.
    """
    is_map = isinstance(mapping, Mapping) and all(isinstance(of, Mapping) and of for of in mapping.values())
    require(is_map, f"{what} must map names to parents to values, got {short_repr(mapping)}")
    assert isinstance(mapping, Mapping)
    found = {}
    for name, parents in mapping.items():
        require(name in space, f"{what} must name parameters of space, got {short_repr(name)}")
        found[name] = MappingProxyType(
            {parent: _values(f"{what}: {name}", parent, value, space) for parent, value in parents.items()}
        )
    require(
        len(in_order(space, found)) == len(space), f"{what} must not go round in a circle, got {short_repr(mapping)}"
    )
    return MappingProxyType(found)


def applicable(conditions: Conditions, values: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON scalars
    """The parameters that exist at these values: all whose parents exist and have one of the values named."""
    kept = dict(values)
    while absent := [name for name in kept if name in conditions and not _holds(conditions[name], kept)]:
        for name in absent:
            del kept[name]
    return kept


def conditions_json(conditions: Conditions) -> dict[str, dict[str, list[Any]]]:  # Any: JSON scalars
    """The conditions as JSON."""
    return {name: {parent: list(values) for parent, values in parents.items()} for name, parents in conditions.items()}


def in_order(space: Mapping[str, BaseDistribution], conditions: Conditions) -> list[str]:
    """The parameters of a space, each after those that it depends on; without those that go round in a circle."""
    known: list[str] = []
    while ready := [
        name for name in space if name not in known and all(parent in known for parent in conditions.get(name, ()))
    ]:
        known += ready
    return known


def _holds(parents: Mapping[str, Sequence[Any]], values: Mapping[str, Any]) -> bool:
    return all(parent in values and values[parent] in allowed for parent, allowed in parents.items())


def _values(what: str, parent: object, value: object, space: Mapping[str, BaseDistribution]) -> tuple[Any, ...]:
    known = space.get(str(parent))
    require(
        isinstance(known, CategoricalDistribution),
        f"{what} must depend on categorical parameters of space, got {short_repr(parent)}",
    )
    assert isinstance(known, CategoricalDistribution)
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    others = [each for each in values if each not in known.choices]
    require(
        bool(values) and not others,
        f"{what} exists at choices of {parent}, {short_repr(known.choices)}, got {short_repr(value)}",
    )
    return values
