"""A claim's arm against one other: the paired differences and all that is known of them."""

import statistics
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from dlstudy.analysis.inference import (
    difference_interval,
    effect_size,
    mean_and_sd,
    sign_flip_p,
    t_test_p,
    test_set_noise,
    variance_components,
    win_share,
)
from dlstudy.analysis.measurements import Measures
from dlstudy.analysis.results import Pair
from dlstudy.datasets import registry
from dlstudy.study.fingerprint import split_of
from dlstudy.study.splits import divide
from dlstudy.study.study import Study
from dlstudy.study.trial import number_of, unpack_bits

__all__ = ["LEAST_SEARCHES", "Comparison"]

LEAST_SEARCHES = 3
"""With fewer independent searches nothing can be said of the methods apart from the settings that were found."""


class Comparison:
    """The paired differences of a claim, of seeds or, where there are enough searches, of whole searches."""

    def __init__(self, study: Study, measures: Measures) -> None:
        self._study, self._measures = study, measures
        self._claim = measures.claim
        self.by_search = len(self._searches) >= LEAST_SEARCHES

    @property
    def unit(self) -> str:
        """What is paired: `seed`, or `search`."""
        return "search" if self.by_search else "seed"

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
            units = by_search.get(1, {})
        if len(units) < 2:
            return None
        values = [units[unit] for unit in sorted(units)]
        rng = np.random.default_rng(number_of("resampling", claim.text, other))
        several_seeds = self.by_search and any(len(runs) > 1 for runs in by_search.values())
        spread = variance_components([list(v.values()) for v in by_search.values()]) if several_seeds else (None, None)
        # Three searches have eight sign patterns: no exact test can say anything of so few, Student's t can.
        p = t_test_p(values) if self.by_search else sign_flip_p(values, rng)
        wins, wins_interval = win_share(values)
        return Pair(
            against=other,
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
            test_noise=self._test_noise(other),
            sd_seeds=spread[0],
            sd_searches=spread[1],
        )

    @cached_property
    def _searches(self) -> Sequence[int]:
        """The searches of which every arm of the claim has runs on the same seeds."""
        arms = (self._claim.better, *self._claim.than)
        return [
            search
            for search in self._measures.searches
            if set.intersection(*(set(self._measures.values(arm, search)) for arm in arms))
        ]

    def _differences(self, other: str) -> dict[int, dict[int, float]]:
        """How much better the claim's arm is than another, by search and row, over the rows that both have."""
        found = {}
        for search in self._searches if self.by_search else (1,):
            ours, theirs = (self._measures.values(arm, search) for arm in (self._claim.better, other))
            rows = sorted(set(ours) & set(theirs))
            found[search] = {row: self._claim.sign * (ours[row] - theirs[row]) for row in rows}
        return found

    def _test_noise(self, other: str) -> float | None:
        """What another test set of the same size would change, in a comparison of test accuracy."""
        claim = self._claim
        split, theirs_split = (
            split_of(self._study, self._study.arm(arm), claim.phase) for arm in (claim.better, other)
        )
        if claim.metric != "test_accuracy" or claim.target or claim.epoch or split != theirs_split:
            return None
        texts = []
        for search in self._searches if self.by_search else (1,):
            ours, theirs = (self._measures.runs(arm, search) for arm in (claim.better, other))
            texts += [
                (ours[row].result.correct, theirs[row].result.correct)  # type: ignore[union-attr]  # it has ended
                for row in sorted(set(ours) & set(theirs))
            ]
        if not texts or not all(all(pair) for pair in texts):
            return None
        about, protocol = registry.describe(self._study.dataset), self._study.protocol
        n_rows = len(divide(split, about.n_train, about.n_test, protocol.rows).test)
        right, other_right = (
            np.array([unpack_bits(text, n_rows) for text in column]) for column in zip(*texts, strict=True)
        )
        return test_set_noise(right, other_right)
