"""Which looks at a comparison there were, and what of the level they have left for the present one."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from dlstudy.analysis.results import Unit
from dlstudy.analysis.sequential import FIRST_SHARE, Spending, share_spent

__all__ = ["Seen", "spending"]

_NOTHING_LEFT = 1e-6
"""The share for a comparison that has none left: its p is 1, and its interval as wide as it can be."""


@dataclass(frozen=True)
class Seen:
    """What one look saw of a comparison.

    Args:
        unit: what was paired.
        n: units.
        seeds: the most seeds that a search had.
        winners: (arm, search, key of the setting) of each winner in it; empty where settings are stated.
    """

    unit: Unit
    n: int
    seeds: int
    winners: frozenset[tuple[str, int, str]] = frozenset()

    def goes_on_as(self, later: "Seen") -> bool:
        """Whether a later look at the same units saw these runs and perhaps more."""
        same_runs = self.n <= later.n and self.winners <= later.winners
        return same_runs and (self.unit is Unit.SEED or self.seeds == later.seeds)


def spending(looks: Sequence[Seen], first: int, first_share: float = FIRST_SHARE) -> Spending:
    """The looks that the last one goes on from, itself included, and the shares of the level that they may spend.

    A look at other runs, such as of the winners before a search went on, cannot be joined with later ones: what it may
    have spent is taken from the level (Bonferroni). A look at other units asked another question, and costs nothing:
    seeds are about the settings that were found, searches about the methods.

    Args:
        looks: of a comparison, in their order; the last has at least two units.
        first: units that the first stage was planned to have.
        first_share: what the first stage spends.
    """
    seen = [look for look in looks if look.n >= 2 and look.unit is looks[-1].unit]
    ends = [i for i, (look, later) in enumerate(itertools.pairwise(seen), 1) if not look.goes_on_as(later)]
    parts = [seen[begin:end] for begin, end in itertools.pairwise([0, *ends, len(seen)])]
    left = 1.0
    for part in parts[:-1]:
        left *= 1 - share_spent(part[-1].n, max(first, part[0].n), first_share)
    units = tuple(dict.fromkeys(look.n for look in parts[-1]))
    shares = (max(left * share_spent(n, max(first, units[0]), first_share), _NOTHING_LEFT) for n in units)
    return Spending(units, tuple(shares))
