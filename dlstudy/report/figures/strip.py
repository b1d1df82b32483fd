"""A difference at a glance, as an SVG element: dots, mean, intervals and the region that does not matter."""

from dataclasses import dataclass

from dlstudy.analysis.inference import Interval
from dlstudy.report.blocks import Mood
from dlstudy.report.figures.claims import Row

__all__ = ["colourful", "strip"]

_WIDTH, _MARGIN = 320, 16
_TOP, _MIDDLE, _BASE, _LABELS, _HEIGHT = 4, 18, 34, 48, 52  # from above: the row, its axis, the axis's labels
_MANY = 20  # dots, from which on they are fainter

_COLOURS = (
    "<style>.rope{fill:#dfe2e6}.axis{stroke:#777777}.tick{fill:#555555}.mean{stroke:#ffffff}"
    ".good{fill:#00694a;stroke:#00694a}.bad{fill:#a33c00;stroke:#a33c00}.open{fill:#444444;stroke:#444444}</style>"
)


@dataclass(frozen=True)
class _Axis:
    """Where the values of an axis are, in the units of the picture."""

    low: float
    high: float

    def at(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_MARGIN + (_WIDTH - 2 * _MARGIN) * share, 1)

    def line(self, ends: Interval, y: tuple[float, float], looks: str) -> str:
        return f'<line x1="{self.at(ends[0])}" y1="{y[0]}" x2="{self.at(ends[1])}" y2="{y[1]}" {looks}/>'


def strip(row: Row, limits: Interval, shaded: float | None, mood: Mood) -> str:
    """The row of a claim's differences.

    Args:
        row: to be drawn.
        limits: of the axis, zero among them; claims about the same quantity share it.
        shaded: how far from zero differences do not matter; None where that is not stated.
        mood: of the verdict, which names the class of what has its colour.
    """
    axis = _Axis(*limits)
    parts = [f'<svg aria-hidden="true" viewBox="0 0 {_WIDTH} {_HEIGHT}" xmlns="http://www.w3.org/2000/svg">']
    if shaded:
        left, right = axis.at(-shaded), axis.at(shaded)
        parts.append(f'<rect class="rope" x="{left}" y="{_TOP}" width="{right - left:.1f}" height="{_BASE - _TOP}"/>')
    parts.append(axis.line((0, 0), (_TOP, _BASE), 'class="axis"'))
    parts.append(axis.line(limits, (_BASE, _BASE), 'class="axis"'))
    parts += [_tick(axis, tick) for tick in _ticks(axis)]
    parts += [f'<g class="{mood}">', *_dots(row, axis)]
    for interval, width in ((row.on_other_rows, 1.2), (row.interval, 3.6)):
        if interval:
            parts.append(axis.line(interval, (_MIDDLE, _MIDDLE), f'stroke-width="{width}"'))
    mean = f'<circle class="mean" cx="{axis.at(row.mean)}" cy="{_MIDDLE}" r="5.5" stroke-width="1.5"/>'
    return "".join([*parts, mean, "</g></svg>"])


def _dots(row: Row, axis: _Axis) -> list[str]:
    """A dot for each value; the golden ratio keeps neighbours apart."""
    opacity = 0.5 if len(row.values) < _MANY else 0.25
    return [
        f'<circle cx="{axis.at(value)}" cy="{_MIDDLE + 18 * (i * 0.618 % 1 - 0.5):.1f}" r="2.2" stroke="none" '
        f'opacity="{opacity}"/>'
        for i, value in enumerate(row.values)
    ]


def _ticks(axis: _Axis) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    return [float(tick) for tick in MaxNLocator(4).tick_values(axis.low, axis.high) if axis.low <= tick <= axis.high]


def _tick(axis: _Axis, value: float) -> str:
    text = f"{value:+.6g}".replace("-", "−") if abs(value) > 1e-12 else "0"
    return f'<text class="tick" x="{axis.at(value)}" y="{_LABELS}" font-size="11" text-anchor="middle">{text}</text>'


def colourful(drawn: str) -> str:
    """A strip with colours on white, for formats that have no style for its classes."""
    return drawn.replace(">", f">{_COLOURS}", 1)
