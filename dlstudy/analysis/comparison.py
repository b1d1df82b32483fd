"""A claim's arm against one other: the paired differences and their statistics.

Results from elsewhere that no seed pairs with ours stand in for a run of every seed by their mean.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from functools import cached_property

from dlstudy.analysis import crossed, unpaired
from dlstudy.analysis.elsewhere import figures_of, is_paired
from dlstudy.analysis.inference import (
    SLACK,
    Interval,
    effect_size,
    mean_and_sd,
    paired_interval,
    pairs_needed,
    prediction_p,
    smallest_difference,
    t_test_p,
    variance_components,
    win_share,
)
from dlstudy.analysis.looks import Seen, first_share, joined, spending
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.resampled import overlap_of, widened, widening
from dlstudy.analysis.results import Unit
from dlstudy.analysis.row_scope import rows_of_pair
from dlstudy.analysis.sequential import ONE_LOOK, Spending, repeated_level, sequential_flip_p, sequential_t_p
from dlstudy.analysis.sign_flips import asymmetry_p, sign_flip_interval, sign_flip_p, smallest_shift
from dlstudy.study.elsewhere import Figures
from dlstudy.study.request import ResolvedStudy

__all__ = ["LEAST_SEARCHES", "Comparison", "compare", "smallest_in_metric", "smallest_shown", "units_for"]

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

    @cached_property
    def overlap(self) -> float:
        """Rows judged / all other rows of a split, where each unit has a split of its own; else 0."""
        return overlap_of(self._study, self._claim, self.by_search)

    @property
    def over_splits(self) -> str:
        """How many splits the comparison is over, in words; empty where splits are not resampled."""
        claim = self._claim
        arms = self._study.trained(claim)
        if not any(self._study.split_of(arm, claim.phase.runs).resample for arm in arms):
            return ""
        of_arms = [[set(self._measurements.values(arm.name, search)) for search in self._used] for arm in arms]
        n = self.n_searches if self.by_search else sum(len(set.intersection(*k)) for k in zip(*of_arms, strict=True))
        return f", on {n} splits" if self.overlap and n > 1 else ", on one split"

    def pair(self, other: str) -> Pair | None:
        """The claim's arm against another; None with fewer than two units that both have."""
        by_search = self._differences(other)
        units = self._units(by_search)
        if len(units) < 2:
            return None
        order, looks = self._looks(other)
        several_seeds = self.by_search and any(len(runs) > 1 for runs in by_search.values())
        spread = variance_components([list(v.values()) for v in by_search.values()]) if several_seeds else (None, None)
        units = {unit: units[unit] for unit in order}
        rows, why_no_rows = rows_of_pair(self._study, self._measurements, other, by_search, self.unit)
        unpaired, by_chance = self._unpaired(other), self._is_random(other, units)
        is_single = unpaired is not None and unpaired.sd is None and by_chance
        runs = [difference for of_search in by_search.values() for difference in of_search.values()]
        return dataclasses.replace(
            compare(other, units, self.unit, by_chance, overlap=self.overlap, looks=looks, elsewhere=unpaired),
            sd_seeds=spread[0],
            sd_searches=spread[1],
            rows=rows,
            why_no_rows=why_no_rows,
            one_more_p=prediction_p(runs, 0.0) if is_single else None,
        )

    @property
    def _used(self) -> Sequence[int]:
        """The searches whose runs are compared: all, but for the settings that searches found where these are few."""
        is_one = self._study.pairs_searches(self._claim) and not self.by_search
        return [1] if is_one else self._searches

    def _is_random(self, other: str, units: Mapping[int, float]) -> bool:
        """Whether seeds matter: not where the two arms are equal on each, or where each gives the same on all."""
        if unpaired := self._unpaired(other):
            return bool(unpaired.sd) or len(set(units.values())) > 1
        return any(units.values()) and not all(self._is_exact(arm) for arm in (self._claim.better, other))

    def _is_exact(self, arm: str) -> bool:
        """Whether all runs of an arm gave the same in whatever they measured."""
        if figures := figures_of(self._study, self._claim, arm):
            return not figures.sd
        runs = [run for search in self._used for run in self._measurements.runs(arm, search, diverged=True).values()]
        return bool(runs) and all(run.metrics == runs[0].metrics for run in runs)

    def seen(self, other: str) -> Seen:
        """What a look sees of the comparison with another arm."""
        by_search = {search: seeds for search, seeds in self._differences(other).items() if seeds}
        arms = [arm.name for arm in self._study.trained(self._claim)]
        winners = frozenset((arm, k, self._measurements.winner_key(arm, k)) for arm in arms for k in by_search)
        n_seeds = max(map(len, by_search.values()), default=0)
        return Seen(self.unit, frozenset(self._units(by_search)), n_seeds, winners)

    def _units(self, by_search: Mapping[int, Mapping[int, float]]) -> dict[int, float]:
        """The difference of each unit, by its number."""
        if self.by_search:
            return {search: statistics.fmean(values.values()) for search, values in by_search.items()}
        n = self._study.protocol.seeds
        return {(k - 1) * n + seed: value for k, values in by_search.items() for seed, value in values.items()}

    def _looks(self, other: str) -> tuple[list[int], Spending]:
        """The units in the order in which looks saw them, and what the looks may spend, this one included."""
        now, plan = self.seen(other), self._measurements.planned(self._study.protocol)
        if plan is None:  # one look, with all of the level: nothing else was fixed in advance
            return sorted(now.units), ONE_LOOK
        parts = joined([*(Comparison(self._study, past).seen(other) for past in self._measurements.past), now])
        order = list(dict.fromkeys(unit for look in parts[-1] for unit in sorted(look.units)))
        return order, spending(parts, self._study.paired_units(self._claim, plan), first_share(self._claim, plan))

    @cached_property
    def _searches(self) -> Sequence[int]:
        """The searches of which every arm of the claim has runs on the same seeds."""
        arms = [arm.name for arm in self._study.trained(self._claim)]
        return [
            search
            for search in self._measurements.searches
            if set.intersection(*(set(self._measurements.values(arm, search)) for arm in arms))
        ]

    def _differences(self, other: str) -> dict[int, dict[int, float]]:
        """How much better the claim's arm is than another, by search and seed, over the seeds that both have."""
        found = {}
        for search in self._used:
            ours, theirs = self._values(other, search)
            seeds = sorted(set(ours) & set(theirs))
            found[search] = {seed: self._claim.sign * _less(ours[seed], theirs[seed]) for seed in seeds}
        return found

    def _values(self, other: str, search: int) -> list[dict[int, float]]:
        """The values of the claim's arm and of another in a search, by index; of unpaired results their mean."""
        arms = (self._claim.better, other)
        figures = [figures_of(self._study, self._claim, arm) for arm in arms]
        found = [
            {} if known else self._measurements.values(arm, search) for arm, known in zip(arms, figures, strict=True)
        ]
        for place, known in enumerate(figures):
            if known is not None and self._unpaired(other):
                found[place] = dict.fromkeys(found[1 - place], known.mean)
            elif known is not None:
                ours, phase = self._study.arm(arms[1 - place]), self._claim.phase.runs
                seeds = {index: self._study.seed(ours, phase, index, search) for index in found[1 - place]}
                found[place] = {i: known.by_seed[seed] for i, seed in seeds.items() if seed in known.seeds}
        return found

    def _unpaired(self, other: str) -> Figures | None:
        """The results from elsewhere, of the claim's arm or of another, that no seed pairs; else None."""
        for arm in (self._claim.better, other):
            figures = figures_of(self._study, self._claim, arm)
            if figures is not None and not is_paired(self._study, self._claim, arm):
                return figures
        return None


def compare(
    against: str,
    units: Mapping[int, float],
    unit: Unit,
    by_chance: bool = True,
    *,
    overlap: float = 0.0,
    looks: Spending = ONE_LOOK,
    elsewhere: Figures | None = None,
) -> Pair:
    """The statistics of paired differences.

    Args:
        against: the other arm.
        units: the difference of each unit, at least two, positive where the claim says so; in the order in which looks
            saw them.
        unit: what they are.
        by_chance: whether seeds matter; else there is no p, and the interval is a point.
        overlap, looks, elsewhere: as of `Pair`.
    """
    values = list(units.values())
    mean, by_sign = mean_and_sd(values)[0], unit is Unit.SEED and not overlap and elsewhere is None
    wide = widened(values, overlap)
    # Three searches have eight sign patterns: too few for an exact test, but not for Student's t.
    p = _flip_p(values, looks) if by_sign else _t_p(values, looks, overlap, elsewhere)
    level = repeated_level(looks, 0.05)
    interval = sign_flip_interval(values, level) if by_sign else _t_interval(wide, elsewhere, level)
    wins, wins_interval = (None, None) if elsewhere else win_share(values)
    return Pair(
        against=against,
        units=list(units),
        differences=values,
        mean=mean,
        median=statistics.median(values),
        interval=interval if by_chance else (mean, mean),
        interval_90=_t_interval(wide, elsewhere, repeated_level(looks, 0.10)),
        p=p if by_chance else None,
        by_chance=by_chance,
        asymmetry_p=asymmetry_p(values) if by_chance and by_sign else None,
        wins=wins,
        wins_interval=None if overlap else wins_interval,
        effect_size=None if elsewhere else effect_size(values),
        overlap=overlap,
        looks=looks,
        elsewhere=elsewhere,
    )


def _flip_p(values: Sequence[float], looks: Spending) -> float:
    """The p of flipped signs over all looks."""
    return sequential_flip_p(values, looks, sign_flip_p(values[: looks.counts(len(values))[0]]))


def _t_p(values: Sequence[float], looks: Spending, overlap: float, elsewhere: Figures | None) -> float:
    """The p of Student's t, or of Welch's, over all looks."""
    seen = [widened(values[:n], overlap) for n in looks.counts(len(values))]
    return sequential_t_p(
        [t_test_p(d) if elsewhere is None else unpaired.difference_p(d, elsewhere) for d in seen], looks
    )


def _t_interval(wide: Sequence[float], elsewhere: Figures | None, level: float) -> Interval:
    """The interval of Student's t, or of Welch's."""
    return paired_interval(wide, level) if elsewhere is None else unpaired.interval(wide, elsewhere, level)


def smallest_shown(unit: Unit, n: int, alpha: float, overlap: float = 0.0) -> float:
    """The true mean difference, in its standard deviations, that the test of n such units finds in four of five cases.

    Infinite where so few cannot give a p as small as alpha.
    """
    if unit is Unit.SEED and not overlap:
        return smallest_shift(n, alpha)
    return smallest_difference(widening(n, overlap), n, alpha)


def smallest_in_metric(pair: Pair, unit: Unit, n: int, alpha: float) -> float:
    """The true mean difference that n such units find in four of five cases, on as many rows; 0 without spread."""
    sd = mean_and_sd(pair.differences)[1]
    if pair.elsewhere is not None:
        return unpaired.smallest_difference((sd or 0.0) * widening(n, pair.overlap), n, pair.elsewhere, alpha)
    shown = sd * smallest_shown(unit, n, alpha, pair.overlap) if sd else 0.0
    return max(shown, crossed.smallest_difference(pair.rows, n, alpha)) if pair.rows else shown


def units_for(pair: Pair, unit: Unit, difference: float, alpha: float) -> int | None:
    """Fewest units that find a difference so, on as many rows; None where no number of them does.

    More splits of the same rows too find a smaller difference only up to a limit.
    """
    if pair.overlap:
        return None
    n = pairs_needed(lambda n: smallest_in_metric(pair, unit, n, alpha), difference)
    return n if smallest_in_metric(pair, unit, n, alpha) <= difference else None


def _less(ours: float, theirs: float) -> float:
    """Their difference, and 0 where rounding alone makes it: exact methods differ by as much."""
    return 0.0 if math.isclose(ours, theirs, rel_tol=SLACK) else ours - theirs
