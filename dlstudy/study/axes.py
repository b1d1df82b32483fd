"""The numeric parameters of a search space as axes: where a value lies, and how far its range may be widened."""

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

__all__ = ["Axis", "End", "Number", "axes_of", "reaching"]

Number = FloatDistribution | IntDistribution
"""A distribution of numbers."""


class End(StrEnum):
    """A side of a range; its value is the word for values on that side."""

    LOWER = "below"
    UPPER = "above"

    @property
    def sign(self) -> int:
        """-1 towards smaller values, 1 towards larger ones."""
        return -1 if self is End.LOWER else 1


@dataclass(frozen=True)
class Axis:
    """A numeric parameter. A place is 0 at the lower end of the stated range and 1 at its upper end, on its scale.

    Args:
        distribution: the range as the study states it; not of a single value.
        limits: values beyond which the range is never widened.
    """

    distribution: Number
    limits: tuple[float, float]

    @classmethod
    def of(cls, distribution: Number, stated: tuple[float, float] | None) -> "Axis":
        """The axis of a distribution with the limits that the study states, else those that its kind of number has."""
        return cls(distribution, stated or _usual_limits(distribution))

    def place(self, value: float) -> float:
        """Where a value lies."""
        if self.distribution.log and value <= 0:
            return -math.inf
        low, high = self._scaled(self.distribution.low), self._scaled(self.distribution.high)
        return (self._scaled(value) - low) / (high - low)

    def between(self, start: float, end: float, least: tuple[float, float]) -> Number:
        """The distribution of the values between two places, no further than the limits.

        Args:
            start, end: places.
            least: two values that it reaches to at least, such as one step to either side of another value.
        """
        first, last = (min(max(self._value(place), self.limits[0]), self.limits[1]) for place in (start, end))
        stated = self.distribution
        if stated.step is None:
            return FloatDistribution(first, last, log=stated.log)
        grid = [
            stated.low + stated.step * math.floor((value - stated.low) / stated.step + 0.5) for value in (first, last)
        ]
        low, high = min(grid[0], least[0]), max(grid[1], least[1])
        if isinstance(stated, IntDistribution):
            return IntDistribution(int(low), int(high), log=stated.log, step=stated.step)
        return FloatDistribution(low, high, step=stated.step)

    def next_to(self, value: float, end: End) -> float:
        """The next value on that side of a grid of steps, within the limits; without steps, the value itself."""
        step = self.distribution.step
        if step is None:
            return value
        beyond = value + end.sign * step
        return beyond if self.limits[0] <= beyond <= self.limits[1] else value

    def has_room(self, value: float, end: End) -> bool:
        """Whether values on that side of a value may still be tried, before the limit."""
        limit = self.limits[0] if end is End.LOWER else self.limits[1]
        if end.sign * (self.place(limit) - self.place(value)) <= _ROOM:
            return False
        return self.distribution.step is None or self.next_to(value, end) != value

    def ends_by_nature(self, value: float, end: End) -> bool:
        """Whether there are no values on that side of a value, or next to none, or the stated range ends where they do.

        No number of layers is below 1, no strength below 0, and no share above 1.
        """
        low, high = self.distribution.low, self.distribution.high
        if end is End.UPPER:
            return _is_share(self.distribution) and (high == 1 or self.place(1) - self.place(value) <= _ROOM)
        return low == 0 or (isinstance(self.distribution, IntDistribution) and (low == 1 or value <= 1 < low))

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.distribution.log else float(value)

    def _value(self, place: float) -> float:
        low, high = self._scaled(self.distribution.low), self._scaled(self.distribution.high)
        there = low + place * (high - low)
        return math.exp(min(there, math.log(sys.float_info.max))) if self.distribution.log else there


_ROOM = 0.05
"""A share of the stated range: less than this before a limit is not worth a trial."""
_FAR = 2.0**53
"""Whole numbers are exact up to there."""


def axes_of(space: Mapping[str, BaseDistribution], limits: Mapping[str, tuple[float, float]]) -> dict[str, Axis]:
    """The numeric parameters of a space that have more than one value, by name."""
    return {
        name: Axis.of(distribution, limits.get(name))
        for name, distribution in space.items()
        if isinstance(distribution, Number) and distribution.low < distribution.high
    }


def reaching(distribution: BaseDistribution, values: Iterable[Any]) -> BaseDistribution:  # Any: its values
    """The distribution with a range that contains these values too; a choice as it is."""
    if not isinstance(distribution, Number):
        return distribution
    low, high = (end([distribution.low, distribution.high, *values]) for end in (min, max))
    if isinstance(distribution, IntDistribution):
        return IntDistribution(low, high, log=distribution.log, step=distribution.step)
    return FloatDistribution(low, high, log=distribution.log, step=distribution.step)


def _usual_limits(distribution: Number) -> tuple[float, float]:
    """How far a range may be widened where the study does not say.

    A count stays at least 1. A number that is not negative stays so; one above 0, on a scale that is not logarithmic,
    halves at most. A share, which ends at 1 or below, comes half as near to 1 at most.
    """
    low, high, far = distribution.low, distribution.high, max(_FAR, distribution.high)
    if isinstance(distribution, IntDistribution):
        return (min(1, low) if low >= 0 else -_FAR), far
    if distribution.log:
        return min(low, sys.float_info.min), far
    return (low / 2 if low >= 0 else min(low, -_FAR)), ((1 + high) / 2 if _is_share(distribution) else far)


def _is_share(distribution: Number) -> bool:
    is_plain = isinstance(distribution, FloatDistribution) and not distribution.log
    return is_plain and distribution.low >= 0 and distribution.high <= 1
