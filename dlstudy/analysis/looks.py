"""Which looks at a comparison there were, and what of the level they have left for the present one."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from dlstudy.analysis.results import Unit
from dlstudy.analysis.sequential import FIRST_SHARE, Spending, share_spent
from dlstudy.study.claims import Claim, ClaimPhase
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Study

__all__ = ["Seen", "first_share", "joined", "planned_unit", "spending"]

_NOTHING_LEFT = 1e-6
"""The share for a comparison that has none left: its p is 1, and its interval as wide as it can be."""


@dataclass(frozen=True)
class Seen:
    """What one look saw of a comparison.

    Args:
        unit: what was paired.
        units: numbers of the seeds, or of the searches.
        seeds: the most seeds that a search had.
        winners: (arm, search, key of the setting) of each winner in it; empty keys where settings are stated.
    """

    unit: Unit
    units: frozenset[int]
    seeds: int
    winners: frozenset[tuple[str, int, str]] = frozenset()

    def goes_on_as(self, later: "Seen") -> bool:
        """Whether a later look at the same kind of units saw these runs and perhaps more."""
        same_runs = self.units <= later.units and self.winners <= later.winners
        return same_runs and (self.unit is Unit.SEED or self.seeds == later.seeds)


def planned_unit(study: Study, claim: Claim) -> Unit:
    """The units that a claim pairs, once all runs are done."""
    return Unit.SEARCH if study.will_pair_searches(claim, study.protocol) else Unit.SEED


def first_share(claim: Claim, protocol: Protocol) -> float:
    """The share of the level that a claim's first stage spends: all, where more searches or seeds add nothing to it."""
    is_stated = claim.phase is ClaimPhase.SWEEP or (claim.phase is ClaimPhase.REPORTED and protocol.searches > 1)
    return 1.0 if is_stated else FIRST_SHARE


def joined(looks: Sequence[Seen]) -> list[list[Seen]]:
    """The looks in parts that can be joined, the last with the present one.

    A look at other runs, such as of the winners before a search went on, cannot be joined with later ones. A look at
    another kind of units asked another question, and is left out: seeds are about the settings that were found,
    searches about the methods.

    Args:
        looks: of a comparison, in their order; the last has at least two units.
    """
    seen = [look for look in looks if len(look.units) >= 2 and look.unit is looks[-1].unit]
    ends = [i for i, (look, later) in enumerate(itertools.pairwise(seen), 1) if not look.goes_on_as(later)]
    return [seen[begin:end] for begin, end in itertools.pairwise([0, *ends, len(seen)])]


def spending(parts: Sequence[Sequence[Seen]], first: int, share: float = FIRST_SHARE) -> Spending:
    """The looks of the last part, and the shares of the level that they may spend.

    What the parts before it may have spent is taken from the level (Bonferroni).

    Args:
        parts: of the looks, as `joined` gives them.
        first: units that the first stage was planned to have.
        share: what the first stage spends.
    """

    def shares(part: Sequence[Seen]) -> dict[int, float]:
        counts = [len(look.units) for look in part]
        return {n: share_spent(n, max(first, counts[0]), share) for n in counts}

    left = 1.0
    for part in parts[:-1]:
        left *= 1 - max(shares(part).values())
    own = shares(parts[-1])
    return Spending(tuple(own), tuple(max(left * spent, _NOTHING_LEFT) for spent in own.values()))
