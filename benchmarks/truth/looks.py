"""Looks at a study that grows: how often a claim gets a false verdict, and how many units a true one takes."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dlstudy.analysis.inference import t_test_p
from dlstudy.analysis.sequential import (
    MOST_STAGES,
    Spending,
    sequential_flip_p,
    sequential_t_p,
    share_spent,
)
from dlstudy.analysis.sign_flips import sign_flip_p

__all__ = ["DRAWS", "Way", "first_rejection", "table"]

Draw = Callable[[np.random.Generator, int], np.ndarray]
_ALPHA = 0.05
_MORE = 4
"""So many times as many studies as in the other tables, since these train nothing."""

DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "t3": lambda rng, n: rng.standard_t(3, n) / math.sqrt(3),
    "Laplace": lambda rng, n: rng.laplace(size=n) / math.sqrt(2),
    "skewed": lambda rng, n: rng.exponential(size=n) - 1,
}
"""Paired differences with mean 0 and standard deviation 1; in the last, they are not symmetric."""


@dataclass(frozen=True)
class Way:
    """How units are tested.

    Args:
        name: of the unit.
        looks: units at each look.
        by_search: whether the test is Student's t, as between searches, and not the flipping of signs.
    """

    name: str
    looks: tuple[int, ...]
    by_search: bool

    def sequential_p(self, values: Sequence[float], n_looks: int) -> float:
        """The p over the first looks."""
        units = self.looks[:n_looks]
        spending = Spending(units, tuple(share_spent(n, units[0]) for n in units))
        if self.by_search:
            return sequential_t_p([t_test_p(values[:n]) for n in units], spending)
        first_p = sign_flip_p(values[: units[0]])
        return sequential_flip_p(values[: units[-1]], spending, first_p)


SEEDS = Way("seeds", (8, 12, 16, 24, 32), by_search=False)
SEARCHES = Way("searches", (5, 7, 10, 15, 20), by_search=True)


def first_rejection(way: Way, values: Sequence[float]) -> int | None:
    """The units at the first look whose p over all looks so far rejects "no difference"; None where none does."""
    if way.sequential_p(values, len(way.looks)) > _ALPHA:
        return None
    return next(n for i, n in enumerate(way.looks, 1) if way.sequential_p(values, i) <= _ALPHA)


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table: for each way and each distribution, what looking costs and what going on gives."""
    yield "looks | differences | shift, sd | verdicts, t test at each look | verdicts, level spent | units on average"
    cases = [*((draw, 0.0) for draw in DRAWS), ("normal", 0.5), ("normal", 1.0)]
    for way, (draw, shift) in itertools.product((SEEDS, SEARCHES), cases):
        rng, naive, spent = np.random.default_rng(11), [], []
        for _ in range(_MORE * n_studies):
            values = list(DRAWS[draw](rng, way.looks[-1]) + shift)
            naive.append(any(t_test_p(values[:n]) <= _ALPHA for n in way.looks))
            spent.append(first_rejection(way, values))
        found = np.mean([n is not None for n in spent])
        units = np.mean([n or way.looks[-1] for n in spent])
        fixed = f"; fixed, with the same power: {_fixed(shift, float(found))}" if shift else ""
        of_looks = f"{', '.join(map(str, way.looks))} {way.name} | {draw} | {shift}"
        yield f"{of_looks} | {np.mean(naive):.1%} | {found:.1%} | {units:.1f}{fixed}"


def _fixed(shift: float, power: float) -> int:
    """The pairs of one t test, at the whole level, with this power."""
    from scipy.special import nctdtr, stdtrit

    for n in range(2, 100 * MOST_STAGES):
        if 1 - nctdtr(n - 1, shift * math.sqrt(n), stdtrit(n - 1, 1 - _ALPHA / 2)) >= min(power, 0.999):
            return n
    raise ValueError(f"no fixed design reaches a power of {power}")
