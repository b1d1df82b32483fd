"""The p of several claims, adjusted together."""

from collections.abc import Sequence

from dlstudy.analysis.inference import holm

__all__ = ["adjust"]


def adjust(claims: Sequence[Sequence[float]]) -> list[list[float]]:
    """Each p adjusted, so that the chance of any false rejection among all claims stays at the level of one.

    A claim may have several hypotheses of which at most one is true, such as "there is no difference" and "the
    difference is as large as the margin". By the closure principle, a hypothesis is rejected where every set that holds
    it, and could all be true, is. Such a set has at most one hypothesis of each claim, and is tested at its smallest p
    times its size. The set that is hardest to reject has of every other claim the one with the largest p: so the
    adjusted p is Holm's, in a family where every other claim stands with its largest. With one hypothesis each, that is
    Holm's method itself.

    Args:
        claims: of each claim the p of its hypotheses, at least one; at most one of them is true.

    Source: Marcus, Peritz and Gabriel 1976 (closure); Shaffer 1986 (hypotheses that cannot all be true); Holm 1979.
    """
    largest = [max(ps) for ps in claims]
    return [
        [holm([p, *largest[:i], *largest[i + 1 :]])[0] for p in ps]  # Holm's order is that of the p, not of the list
        for i, ps in enumerate(claims)
    ]
