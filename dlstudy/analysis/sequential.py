"""Tests that may be repeated while a study grows: each look spends a part of the level.

A look is made at a number of units: paired seeds, or whole searches. How much of the level the looks up to n units may
spend is fixed in advance (Lan and DeMets 1983): most of it at the first stage, which has the units that the study
plans, and the rest linearly up to `MOST_STAGES` times as many. The boundaries follow from how a statistic moves from
look to look if nothing differs: exactly for signs that are flipped, by normal theory for Student's t.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlstudy.analysis.inference import SLACK
from dlstudy.study.claims import SIGNIFICANCE

__all__ = [
    "FIRST_SHARE",
    "MOST_STAGES",
    "ONE_LOOK",
    "Spending",
    "repeated_level",
    "sequential_flip_p",
    "sequential_t_p",
    "share_spent",
]

FIRST_SHARE = 0.8
"""The share of the level that the first stage spends: decision 073 says what others cost."""
MOST_STAGES = 4
"""The level is spent once a study has this many times the units of its first stage."""

_PATHS = 1 << 16
_LEVELS = sorted(
    {SIGNIFICANCE / k for k in range(1, 31)} | {SIGNIFICANCE * 2 ** (k / 8) for k in range(-80, 35)}, reverse=True
)
"""The levels that a p can be after several looks: those that Holm's method compares with, and others 9 % apart."""


@dataclass(frozen=True)
class Spending:
    """The looks at a comparison, and what they may spend.

    Args:
        units: at each look, ascending.
        shares: of the level, spent up to each look, ascending, 1 at most.

    Both are empty where there is one look, with all of the level.
    """

    units: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    def counts(self, n: int) -> tuple[int, ...]:
        """The units at each look; n are there now."""
        return self.units or (n,)

    @property
    def first_share(self) -> float:
        """What the first look spends."""
        return self.shares[0] if self.shares else 1.0


ONE_LOOK = Spending()
"""One look, with all of the level."""


def share_spent(n: int, first: int, first_share: float = FIRST_SHARE) -> float:
    """The share of the level that looks at up to n units may have spent.

    Args:
        n: units.
        first: units of the first stage.
        first_share: what the first stage spends.
    """
    stages = n / first
    if stages <= 1:
        return first_share * stages
    return min(1.0, first_share + (1 - first_share) * (stages - 1) / (MOST_STAGES - 1))


def sequential_flip_p(differences: Sequence[float], spending: Spending, first_p: float) -> float:
    """The smallest level at which flipping signs rejects "no difference", at the last look or before.

    Up to 17 units all patterns of signs are counted; beyond, each goes on with random signs, the same every time.

    Args:
        differences: (n,) float64, in the order in which the looks saw them.
        spending: the last look is at n.
        first_p: of the first look alone.
    """
    return _sequential_p(first_p, spending, lambda: _flipped_sums(differences, spending.units))


def sequential_t_p(ps: Sequence[float], spending: Spending, two_sided: bool = True) -> float:
    """The smallest level at which tests with these p reject, at the last look or before.

    Each p is judged as that of a normal mean of as many units with a known standard deviation (the significance level
    approach).

    Args:
        ps: (looks,) of each look alone.
        spending: of the looks.
        two_sided: whether the p are.

    Source: Jennison and Turnbull 2000, Group Sequential Methods, section 4.4.
    """

    def paths() -> np.ndarray:
        from scipy.special import ndtri

        z = -ndtri(np.clip(ps, 1e-300, 1) / (2 if two_sided else 1))[:, None]
        under_none = _normal_paths(spending.units)
        return np.hstack([z, abs(under_none) if two_sided else under_none])

    return _sequential_p(ps[0], spending, paths)


@lru_cache(maxsize=256)
def repeated_level(spending: Spending, alpha: float) -> float:
    """The level of an interval at the last look such that the intervals of all looks hold together at 1 - alpha.

    Source: Jennison and Turnbull 1989 (repeated confidence intervals), with boundaries of normal theory.
    """
    if len(spending.units) < 2:
        return 1 - alpha * spending.first_share
    paths = abs(_normal_paths(spending.units))
    n_outside = int(np.sum(paths[-1] > _boundaries(paths, spending.shares, alpha)[-1]))
    return 1 - max(1, n_outside) / _PATHS


def _sequential_p(first_p: float, spending: Spending, make_paths: Callable[[], np.ndarray]) -> float:
    """The smallest of `_LEVELS` at which, as at each above it, the first path leaves the boundaries.

    What a discrete statistic leaves of a level at one look, the next may use, and more of a higher level: so asking for
    all levels above, and rounding up to one of them, is what makes it a p. With one look there is no need for that.
    """
    first = min(1.0, first_p / spending.first_share)
    if len(spending.units) < 2:
        return first
    paths, reached = make_paths(), min((level for level in _LEVELS if level >= first), default=1.0)
    for level in (level for level in _LEVELS if level < first):
        if not np.any(paths[:, 0] > _boundaries(paths, spending.shares, level)):
            break
        reached = level
    return min(1.0, reached)


def _boundaries(paths: np.ndarray, shares: Sequence[float], level: float) -> np.ndarray:
    """The boundary at each look: as low as it can be without more paths outside so far than the level allows.

    Args:
        paths: (looks, paths) float64, the statistic if nothing differs.
        shares: (looks,) of the level.
        level: in (0, 1].
    """
    n_paths = paths.shape[1]
    inside, boundaries = np.ones(n_paths, bool), np.full(len(shares), np.inf)
    for k, (statistic, share) in enumerate(zip(paths, shares, strict=True)):
        values = statistic[inside]
        n_may_leave = int(level * share * n_paths + SLACK) - (n_paths - len(values))
        if n_may_leave > 0:
            place = len(values) - 1 - n_may_leave
            boundaries[k] = np.partition(values, place)[place] + SLACK if place >= 0 else -np.inf
        inside &= statistic <= boundaries[k]
    return boundaries


def _flipped_sums(differences: Sequence[float], units: Sequence[int]) -> np.ndarray:
    """(looks, paths) absolute sums so far of the differences with flipped signs; the first path has their own.

    Flipping all signs changes no absolute sum, so the first keeps its sign. The next 16 take all combinations.
    """
    rng, path = np.random.default_rng(0), np.arange(_PATHS)
    scaled = np.asarray(differences, np.float64) / (np.sum(np.abs(differences)) or 1.0)
    own, sums, found = np.cumsum(scaled), np.full(_PATHS, scaled[0]), []
    for i, difference in enumerate(scaled):
        if i:
            plus = path >> (i - 1) & 1 if i <= 16 else rng.integers(0, 2, _PATHS)
            sums = sums + difference * (2 * plus - 1)
        if i + 1 in units:
            found.append(abs(np.append(own[i], sums)))
    return np.array(found)


@lru_cache(maxsize=16)
def _normal_paths(units: tuple[int, ...]) -> np.ndarray:
    """(looks, paths) standard normal statistics of sums of independent units; at the first look, evenly spaced ones."""
    from scipy.special import ndtri

    rng = np.random.default_rng(0)
    first = ndtri((np.arange(_PATHS) + 0.5) / _PATHS)
    sums, found = math.sqrt(units[0]) * first, [first]
    for before, n in itertools.pairwise(units):
        sums = sums + math.sqrt(n - before) * rng.standard_normal(_PATHS)
        found.append(sums / math.sqrt(n))
    return np.array(found)
