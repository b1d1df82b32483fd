"""The numbers that a claim compares: one per arm and seed."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from dlstudy.analysis.trial_index import Runs, TrialIndex, epochs_to, value_at, without_value
from dlstudy.study.claims import Claim, ClaimPhase, Reduction
from dlstudy.study.phases import Direction
from dlstudy.study.protocol import Protocol
from dlstudy.study.row_values import values_of_rows
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord, TrialState

__all__ = ["ClaimMeasurements", "how_measured", "value_of_diverged"]


def how_measured(claim: Claim) -> str:
    """What a claim compares, in words, without its margin."""
    if claim.untestable:
        return ""
    what = claim.metric if claim.target is None else f"epochs until {claim.metric} reaches {claim.target:g}"
    what += f", epoch {claim.epoch}" if claim.epoch else ""
    if claim.phase is ClaimPhase.SWEEP:
        at = ", ".join(f"{name} {value}" for name, value in claim.at.items()) or "all its values"
        what = f"{claim.over} of {what} over sweep {claim.sweep} ({at})"
    return f"what tuning gains in {what}" if claim.phase is ClaimPhase.TUNING else what


def value_of_diverged(values: Sequence[float], direction: Direction) -> float:
    """What a run counts as that diverged: as far behind the worst value that any arm gave as the best is ahead of it.

    The worst value itself may be as good as the other arm's, where every run that did not diverge is good.
    """
    worst = direction.worst(values)
    return worst - (direction.best(values) - worst)


class ClaimMeasurements:
    """The numbers that a claim compares, read from a study's runs."""

    def __init__(self, study: Study, claim: Claim, trial_index: TrialIndex) -> None:
        self.claim = claim
        self._study, self._index = study, trial_index

    @property
    def past(self) -> "list[ClaimMeasurements]":
        """The same at each look that is noted."""
        return [ClaimMeasurements(self._study, self.claim, index) for index in self._index.past]

    def planned(self, protocol: Protocol) -> Protocol | None:
        """A protocol with the seeds and searches that were planned; None where no plan is noted."""
        planned = self._index.notes.planned
        return dataclasses.replace(protocol, **planned) if planned else None

    def winner_key(self, arm: str, search: int) -> str:
        """The key of the setting that an arm has in one of its searches; empty where it is stated."""
        best = self._index.winner(arm, search) if self.claim.phase.compares_winners else None
        return best.setting_key if best else ""

    @property
    def searches(self) -> range:
        """The searches whose seeds the claim's runs have: of reported settings and sweeps, one."""
        return self._index.searches if self.claim.phase.runs.is_repeated else range(1, 2)

    def values(self, arm: str, search: int = 1) -> dict[int, float]:
        """One number for each index, that is for each seed, that has all the runs it takes.

        Leaving out a run that diverged would favour its arm: see `value_of_diverged`.
        """
        if self.claim.phase is ClaimPhase.SWEEP:
            return self._values_over_sweep(arm)
        if self.claim.phase is not ClaimPhase.TUNING:
            return self._measured(self.runs(arm, search, diverged=True))
        tuned = self._measured(self._index.replicates(arm, search, diverged=True))
        plain = self._measured(self._index.defaults(self._study.arm(arm), search, diverged=True))
        sign = self.claim.better_direction.sign if self.claim.target is None else -1
        return {index: sign * (tuned[index] - plain[index]) for index in set(tuned) & set(plain)}

    def runs(self, arm: str, search: int = 1, diverged: bool = False) -> Runs:
        """The runs, by index, behind a comparison of one setting; none where several runs make one number.

        Those that finished, or those too that diverged.
        """
        if self.claim.phase is ClaimPhase.REPLICATE:
            return self._index.replicates(arm, search, diverged)
        if self.claim.phase is ClaimPhase.REPORTED:
            return self._index.reported(self._study.arm(arm), diverged=diverged)
        if self.claim.phase is ClaimPhase.DEFAULTS:
            return self._index.defaults(self._study.arm(arm), search, diverged)
        return {}

    def row_values(self, arm: str, search: int, n_rows: int) -> dict[int, np.ndarray]:
        """The (n_rows,) values of the metric for each test row, by index, of which `values` has the mean.

        Without the runs that have none.
        """
        if self.claim.phase is not ClaimPhase.TUNING:
            return self._by_row(self.runs(arm, search), n_rows)
        tuned = self._by_row(self._index.replicates(arm, search), n_rows)
        plain = self._by_row(self._index.defaults(self._study.arm(arm), search), n_rows)
        sign = self.claim.better_direction.sign
        return {index: sign * (tuned[index] - plain[index]) for index in set(tuned) & set(plain)}

    def _by_row(self, runs: Runs, n_rows: int) -> dict[int, np.ndarray]:
        found = {}
        for index, run in runs.items():
            values = values_of_rows(run.result, self.claim.metric, n_rows) if run.result else None
            if values is not None:
                found[index] = values
        return found

    def why_missing(self) -> str:
        """Why there is nothing to compare."""
        given = {name for arm in self._arms for run in self._runs_of(arm) for name in run.metrics}
        if given and self.claim.metric not in given:
            return f"no run gives {self.claim.metric}: they give {', '.join(sorted(given - {'parameters'}))}"
        return "runs are missing"

    def remark(self) -> str:
        """Notes on the runs: how many gave no value, or never reached the target."""
        remarks = []
        for arm in self._arms:
            runs = self._runs_of(arm)
            n_late = 0 if self.claim.target is None else sum(self._measure(run) == self._never for run in runs)
            remarks += [f"{n} of {len(runs)} runs of {arm} {how}" for how, n in without_value(runs).items()]
            remarks += [f"{n_late} of {len(runs)} runs of {arm} never reached the target"] if n_late else []
        return "; ".join(remarks)

    @property
    def _arms(self) -> list[str]:
        return [arm.name for arm in self._study.trained(self.claim)]

    def _runs_of(self, arm: str) -> list[TrialRecord]:
        """All runs of an arm that the claim is about, those too that diverged."""
        claim, index = self.claim, self._index
        if claim.phase is ClaimPhase.SWEEP:
            parts = index.sweep(claim.sweep, self._study.arm(arm), claim.at)
        elif claim.phase is ClaimPhase.TUNING:
            parts = [
                runs
                for search in self.searches
                for runs in (
                    index.replicates(arm, search, diverged=True),
                    index.defaults(self._study.arm(arm), search, diverged=True),
                )
            ]
        else:
            parts = [self.runs(arm, search, diverged=True) for search in self.searches]
        return [run for runs in parts for run in runs.values()]

    @cached_property
    def _never(self) -> float:
        """The value of a run that never reaches the target: one epoch more than the longest run had."""
        return 1.0 + max((run.n_epochs for arm in self._arms for run in self._runs_of(arm)), default=0)

    def _measured(self, runs: Runs) -> dict[int, float]:
        found = {}
        for index, run in runs.items():
            value = self._measure(run)
            if value is None and run.state.counts_as_worst:
                value = self._of_diverged
            if value is not None:
                found[index] = value
        return found

    @cached_property
    def _of_diverged(self) -> float | None:
        """What a run counts as that diverged; None where no run has a value."""
        runs = [run for arm in self._study.arms for run in self._runs_of(arm.name)]
        values = [value for run in runs if (value := self._measure(run)) is not None]
        if not values:
            return None
        if self.claim.target is not None:
            return self._never
        return value_of_diverged(values, self.claim.better_direction)

    def _measure(self, run: TrialRecord) -> float | None:
        claim = self.claim
        if claim.target is None:
            if claim.epoch is None and run.state.counts_as_worst:
                return None  # what it has is not of the end of a training
            return value_at(run, claim.metric, claim.epoch)
        epochs = epochs_to(run, claim.metric, claim.target, claim.better_direction)
        if epochs is not None:
            return float(epochs)
        return self._never if run.history.get(claim.metric) else None

    def _values_over_sweep(self, arm: str) -> dict[int, float]:
        """One number per seed over the points of a sweep, for the seeds that are final at every point.

        A run that diverged counts as the worst value that any arm gave in the sweep: leaving it out would favour its
        arm.
        """
        claim, index = self.claim, self._index
        everyone = [
            value
            for other in self._study.arms
            for runs in index.sweep(claim.sweep, other, {})
            for run in runs.values()
            if run.state is TrialState.FINISHED and (value := self._measure(run)) is not None
        ]
        if not everyone:
            return {}
        worst: Callable[[Sequence[float]], float] = max if claim.target is not None else claim.better_direction.worst
        reductions: dict[Reduction, Callable[[Sequence[float]], float]] = {
            Reduction.MEAN: statistics.fmean, Reduction.WORST: worst, Reduction.SPREAD: statistics.pstdev
        }  # fmt: skip
        points = index.sweep(claim.sweep, self._study.arm(arm), claim.at)
        reduced = {}
        for seed in set.intersection(*(set(runs) for runs in points)) if points else set[int]():
            runs_of_seed = [runs[seed] for runs in points]
            measured = [self._measure(run) if run.state is TrialState.FINISHED else None for run in runs_of_seed]
            values = [worst(everyone) if value is None else value for value in measured]
            reduced[seed] = reductions[claim.over](values)
        return reduced
