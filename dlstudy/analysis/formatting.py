"""Numbers as text, with the digits that their uncertainty leaves: reports and the terminal show the same."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from dlstudy.analysis.inference import Interval
from dlstudy.study.conditions import Conditions

__all__ = [
    "NOTHING",
    "NOTHING_TO_TUNE",
    "ROUNDING",
    "difference",
    "exact_beside",
    "interval_text",
    "like_reported",
    "mean_text",
    "number",
    "p_text",
    "params_text",
    "places",
    "rounded",
    "seconds_text",
    "share_text",
    "space_text",
    "with_sd",
]

NOTHING = "–"
"""Stands for a missing number."""

NOTHING_TO_TUNE = "nothing to tune"

ROUNDING = 1e-13
"""Relative difference that float64 sums may have: less is no spread."""

_MOST_PLACES = 16
_LARGE = 1e7  # from here on powers of ten are easier to read


def places(uncertainty: float) -> int | None:
    """Decimals that show two significant digits of an uncertainty, negative for hundreds; None where there is none."""
    if not math.isfinite(uncertainty) or uncertainty <= 0:
        return None
    return 1 - int(f"{uncertainty:.1e}".partition("e")[2])


def rounded(value: float, decimals: int, signed: bool = False) -> str:
    """A number to this many decimals, in powers of ten where it is very large or has very many."""
    value = round(value, decimals) + 0.0  # which turns -0.0 into 0.0
    sign = "+" if signed else ""
    if abs(value) < _LARGE and decimals <= _MOST_PLACES:
        return f"{value:{sign}.{max(0, decimals)}f}"
    exponent = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:{sign}.{max(0, exponent + decimals)}e}" if value else "0"


def number(value: float | None, signed: bool = False) -> str:
    """A number whose uncertainty is not known, to four decimals unless that hides it."""
    if value is None or not math.isfinite(value):
        return NOTHING
    sign = "+" if signed else ""
    value += 0.0  # which turns -0.0 into 0.0
    return f"{value:{sign}.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:{sign}.3g}"


def mean_text(mean: float, sd: float | None) -> str:
    """A mean, to the second significant digit of its standard deviation."""
    decimals = _places_of_sd(mean, sd)
    return number(mean) if decimals is None else rounded(mean, decimals)


def with_sd(mean: float, sd: float | None) -> str:
    """Mean ± standard deviation: two significant digits of it, the mean to the same place."""
    if sd is None or not math.isfinite(mean + sd):
        return number(mean)
    decimals = _places_of_sd(mean, sd)
    if decimals is None:
        return f"{number(mean)} ± 0"
    spread = f"{sd:.1e}" if abs(mean) >= _LARGE or decimals > _MOST_PLACES else rounded(sd, decimals)
    return f"{rounded(mean, decimals)} ± {spread}"


def _places_of_sd(mean: float, sd: float | None) -> int | None:
    """Decimals that a standard deviation leaves; None where there is none, or rounding alone."""
    if sd is None or not math.isfinite(mean + sd) or sd <= ROUNDING * abs(mean):
        return None
    return places(sd)


def interval_text(interval: Interval | None, signed: bool = True) -> str:
    """An interval, to two significant digits of half its width; an end that is not 0 is never shown as 0."""
    if interval is None:
        return NOTHING
    return " to ".join(_end(end, _half_width(interval), signed) for end in interval)


def difference(value: float | None, interval: Interval | None, signed: bool = True) -> str:
    """A difference to the place of its interval."""
    if value is None or interval is None or _half_width(interval) <= ROUNDING * abs(value):
        return number(value, signed)
    return rounded(value, places(_half_width(interval)) or 0, signed)


def like_reported(value: float | None, reported: str, interval: Interval | None) -> str:
    """Our number beside a reported one: to the place of its interval; without one, with its decimals, or four."""
    if value is None:
        return NOTHING
    if interval is not None and (decimals := places(_half_width(interval))) is not None:
        return rounded(value, decimals)
    fraction = reported.partition(".")[2]
    return rounded(value, max(4, len(fraction))) if fraction.isdecimal() else number(value)


def exact_beside(value: float, reported: str) -> str:
    """An exact number beside a reported one: two more decimals than that, or fewer if they suffice."""
    exact, decimals = f"{value:,.15g}", len(reported.partition(".")[2]) + 2
    return min(exact, f"{value:,.{decimals}f}", key=len) if abs(value) >= 10.0**-decimals else exact


def p_text(p: float | None) -> str:
    """A p value; rounding never moves it across 0.05."""
    if p is None:
        return NOTHING
    if p < 0.001:
        return "< 0.001"
    if round(p, 3) == 0.05 and p != 0.05:
        return "< 0.05" if p < 0.05 else "> 0.05"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def share_text(share: float | None, interval: Interval | None = None) -> str:
    """A share in per cent, with its interval."""
    if share is None:
        return NOTHING
    text = f"{100 * share:.0f} %"
    return text if interval is None else f"{text} ({100 * interval[0]:.0f} to {100 * interval[1]:.0f})"


def seconds_text(seconds: float | None) -> str:
    """A duration, in the units that a reader would use."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 59.5:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def space_text(space: Mapping[str, BaseDistribution], conditions: Conditions = MappingProxyType({})) -> str:
    """The ranges that a search chooses from: `learning_rate 0.0001 to 0.1 on a log scale`.

    Args:
        space: of an arm.
        conditions: where its parameters exist.
    """
    ranges = (
        f"{name} {_range_text(distribution)}{_where(conditions.get(name, {}))}" for name, distribution in space.items()
    )
    return ", ".join(ranges) or NOTHING_TO_TUNE


def _where(parents: Mapping[str, Sequence[Any]]) -> str:  # Any: JSON scalars
    texts = [f"{parent} is {' or '.join(map(str, values))}" for parent, values in parents.items()]
    return f" where {' and '.join(texts)}" if texts else ""


def _range_text(distribution: BaseDistribution) -> str:
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return f"one of {', '.join(map(str, getattr(distribution, 'choices', ())))}"
    steps = "" if distribution.step in (None, 1) else f" in steps of {distribution.step}"
    return f"{distribution.low} to {distribution.high}{steps}{' on a log scale' if distribution.log else ''}"


def params_text(params: Mapping[str, Any]) -> str:  # Any: JSON scalars
    """Parameters in one line."""
    shown = (f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items())
    return ", ".join(shown) or NOTHING_TO_TUNE


def _half_width(interval: Interval) -> float:
    return (interval[1] - interval[0]) / 2


def _end(value: float, half_width: float, signed: bool) -> str:
    decimals = places(half_width)
    if decimals is None or half_width <= ROUNDING * abs(value):
        return number(value, signed)
    if abs(value) > ROUNDING * half_width and round(value, decimals) == 0:
        decimals = (places(abs(value)) or decimals) - 1
    return rounded(value, decimals, signed)
