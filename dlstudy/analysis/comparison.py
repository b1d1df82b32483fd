"""A claim's arm against one other: the paired differences and their statistics."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from dlstudy.analysis.inference import (
    difference_interval,
    effect_size,
    mean_and_sd,
    sign_flip_p,
    t_test_p,
    variance_components,
    win_share,
)
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.pairs import Pair, Unit
from dlstudy.analysis.row_scope import rows_of_pair
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.seeds import number_of

__all__ = ["LEAST_SEARCHES", "Comparison", "compare"]

LEAST_SEARCHES = 3
"""With fewer independent searches, the methods cannot be distinguished from the settings that were found."""


class Comparison:
    """The paired differences of a claim: of whole searches where there are enough to compare methods, else of seeds.

    Where nothing is tuned, the seeds of all searches count, by running numbers.
    """

    def __init__(self, study: ResolvedStudy, measurements: ClaimMeasurements) -> None:
        self._study, self._measurements = study, measurements
        self._claim = measurements.claim
        self.by_search = len(self._searches) >= LEAST_SEARCHES and study.pairs_searches(self._claim)

    @property
    def unit(self) -> Unit:
        """The unit that is paired."""
        return Unit.SEARCH if self.by_search else Unit.SEED

    @property
    def n_searches(self) -> int:
        """Searches of which every arm of the claim has runs on the same seeds."""
        return len(self._searches)

    def pair(self, other: str) -> Pair | None:
        """The claim's arm against another; None with fewer than two units that both have."""
        claim, by_search = self._claim, self._differences(other)
        if self.by_search:
            units = {search: statistics.fmean(values.values()) for search, values in by_search.items()}
        else:
            n = self._study.protocol.seeds
            units = {(k - 1) * n + seed: value for k, values in by_search.items() for seed, value in values.items()}
        if len(units) < 2:
            return None
        several_seeds = self.by_search and any(len(runs) > 1 for runs in by_search.values())
        spread = variance_components([list(v.values()) for v in by_search.values()]) if several_seeds else (None, None)
        rng = np.random.default_rng(number_of("resampling", claim.text, other))
        rows, why_no_rows = rows_of_pair(self._study, self._measurements, other, by_search, self.unit)
        return dataclasses.replace(
            compare(other, units, self.unit, rng),
            sd_seeds=spread[0],
            sd_searches=spread[1],
            rows=rows,
            why_no_rows=why_no_rows,
        )

    @property
    def _used(self) -> Sequence[int]:
        """The searches whose runs are compared: all, but for the settings that searches found where these are few."""
        is_one = self._study.pairs_searches(self._claim) and not self.by_search
        return [1] if is_one else self._searches

    @cached_property
    def _searches(self) -> Sequence[int]:
        """The searches of which every arm of the claim has runs on the same seeds."""
        arms = (self._claim.better, *self._claim.than)
        return [
            search
            for search in self._measurements.searches
            if set.intersection(*(set(self._measurements.values(arm, search)) for arm in arms))
        ]

    def _differences(self, other: str) -> dict[int, dict[int, float]]:
        """How much better the claim's arm is than another, by search and seed, over the seeds that both have."""
        found = {}
        for search in self._used:
            ours, theirs = (self._measurements.values(arm, search) for arm in (self._claim.better, other))
            seeds = sorted(set(ours) & set(theirs))
            found[search] = {seed: self._claim.sign * (ours[seed] - theirs[seed]) for seed in seeds}
        return found


def compare(against: str, units: Mapping[int, float], unit: Unit, rng: np.random.Generator) -> Pair:
    """The statistics of paired differences.

    Args:
        against: the other arm.
        units: the difference of each unit, at least two, positive where the claim says so.
        unit: what they are.
        rng: draws resamples, where there are enough units for them.
    """
    values = [units[key] for key in sorted(units)]
    # Three searches have eight sign patterns: too few for an exact test, but not for Student's t.
    p = sign_flip_p(values, rng) if unit is Unit.SEED else t_test_p(values)
    wins, wins_interval = win_share(values)
    return Pair(
        against=against,
        units=sorted(units),
        differences=values,
        mean=mean_and_sd(values)[0],
        median=statistics.median(values),
        interval=difference_interval(values, 0.95, rng),
        interval_90=difference_interval(values, 0.90, rng),
        p=p,
        wins=wins,
        wins_interval=wins_interval,
        effect_size=effect_size(values),
    )
