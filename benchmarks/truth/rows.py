"""Whether intervals contain the difference over all test rows there could be, and all seeds."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import stdtrit

from dlstudy.analysis.crossed import crossed_mean
from dlstudy.analysis.inference import paired_interval

__all__ = ["table"]

_SIZES = ((2, 100), (3, 100), (5, 20), (5, 100), (5, 400), (5, 10_000), (8, 100), (8, 400))
"""Units and rows."""

_EFFECTS = ((0.0, 0.0), (0.0, 0.1), (0.0, 1.0), (0.3, 1.0), (1.0, 0.0), (1.0, 1.0), (3.0, 1.0))
"""Standard deviations of a unit's effect, in standard errors that rows of standard deviation 1 give the mean, and of a
row's effect. What is left of a row in a unit has a standard deviation of 1."""

_ANSWERS = ((0.0, 0.0), (0.0, 0.5), (0.1, 0.5), (0.1, 0.0))
"""Likewise of right and wrong answers: effects of a unit and of a row on how an arm decides, where a row's hardness for
both arms has a standard deviation of 1.5 and what is left of a row in a unit one of 1."""


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table: for each size, and each size of effects, how often four 95 % intervals cover the truth.

    In ten times as many studies. The intervals are the one over units alone, the one with the standard error of the
    rows' means added (as until schema 3), the crossed one, and what a verdict takes: the smallest that contains the
    first and the third.
    """
    yield "units, rows, values, sd of units, sd of rows | units alone | with rows added | crossed | both"
    for size in _SIZES:
        for kind, effects in (("normal", _EFFECTS), ("right or wrong", _ANSWERS)):
            for of_units, of_rows in effects:
                rng = np.random.default_rng([*size, len(kind), int(10 * of_units), int(10 * of_rows)])
                draw = _normal if kind == "normal" else _answers
                found = [_covered(draw(rng, size, of_units, of_rows)) for _ in range(10 * n_studies)]
                shares = " | ".join(f"{share:.1%}" for share in np.mean(found, axis=0))
                yield f"{size[0]}, {size[1]:,}, {kind}, {of_units:g}, {of_rows:g} | {shares}"


def _normal(rng: np.random.Generator, size: tuple[int, int], of_units: float, of_rows: float) -> np.ndarray:
    """(units, rows) differences whose true mean is 0."""
    n_units, n_rows = size
    units = of_units * math.sqrt(n_units / n_rows) * rng.normal(size=(n_units, 1))
    return units + of_rows * rng.normal(size=(1, n_rows)) + rng.normal(size=size)


def _answers(rng: np.random.Generator, size: tuple[int, int], of_units: float, of_rows: float) -> np.ndarray:
    """(units, rows) of 1, 0 and -1: two arms that are equally good over all rows, though not on the same ones."""
    n_units, n_rows = size
    units, rows = of_units * rng.normal(size=(2, n_units, 1)), of_rows * rng.normal(size=(2, 1, n_rows))
    right = rng.normal(1.5, 1.5, n_rows) + units + rows + rng.normal(size=(2, *size)) > 0
    differences: np.ndarray = right[0].astype(float) - right[1]
    return differences


def _covered(differences: np.ndarray) -> list[bool]:
    n_rows = differences.shape[1]
    found, units = crossed_mean(differences), paired_interval(differences.mean(axis=1))
    of_rows = differences.mean(axis=0).std(ddof=1) / math.sqrt(n_rows)
    half = math.hypot((units[1] - units[0]) / 2, float(stdtrit(len(differences) - 1, 0.975)) * of_rows)
    added = found.mean - half, found.mean + half
    both = min(units[0], found.interval[0]), max(units[1], found.interval[1])
    return [low <= 0 <= high for low, high in (units, added, found.interval, both)]
