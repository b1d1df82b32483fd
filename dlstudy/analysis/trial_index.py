"""The trials of a variant that count: of each winner, each stated setting and each sweep, by seed."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from dlstudy.analysis.fronts import front, with_front
from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.results import MetricSummary
from dlstudy.analysis.search_budget import is_over, n_tried
from dlstudy.analysis.search_rounds import rounds_wanted, trials_in, winner
from dlstudy.store.notes import Notes
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, TrialState, make_parameters, params_key

__all__ = ["Runs", "TrialIndex", "epochs_to", "metric_summaries", "unrecovered", "value_at", "without_value"]

Runs = Mapping[int, TrialRecord]
"""Trials of one setting, by index: the same index, the same seed."""

_Key = tuple[Phase, str, int, str]
"""Phase, arm, search, and the key of a setting."""


def value_at(trial: TrialRecord, metric: str, epoch: int | None) -> float | None:
    """A metric of a trial at an epoch, counted from 1, or at the end of training; None where it has none."""
    if epoch is None:
        value = trial.metrics.get(metric)
    else:
        history = trial.history.get(metric, [])
        value = history[epoch - 1] if epoch <= len(history) else None
    return value if value is not None and math.isfinite(value) else None


def epochs_to(trial: TrialRecord, metric: str, target: float, direction: Direction) -> int | None:
    """The first epoch, counted from 1, after which a metric was at least as good as a target; None if it never was."""
    for epoch, value in enumerate(trial.history.get(metric, []), 1):
        if value is not None and direction.sign * value >= direction.sign * target:
            return epoch
    return None


class TrialIndex:
    """Looks trials up by what they are of. Replicates of earlier winners are kept out."""

    def __init__(self, study: Study, trials: Sequence[TrialRecord], notes: Notes | None = None) -> None:
        self._study, self._trials, self.notes = study, trials, notes or Notes()
        self._runs: dict[_Key, dict[int, TrialRecord]] = {}
        self._ended: dict[_Key, dict[int, TrialRecord]] = {}
        self._rounds: dict[int, int] = {}
        self._fronts: dict[tuple[str, int], list[TrialRecord]] = {}
        searched: dict[tuple[str, int], list[TrialRecord]] = {}
        for trial in trials:
            if trial.phase is Phase.SEARCH:
                searched.setdefault((trial.arm, trial.search), []).append(trial)
        self._searched = searched
        self.n_searches = max((search for _, search in searched), default=1)
        self._winners = {part: winner(tried, study.protocol.direction) for part, tried in searched.items()}
        for trial in trials:
            part = (trial.phase, trial.arm, trial.search, trial.setting_key)
            if trial.state.is_final:
                self._ended.setdefault(part, {})[trial.index] = trial
            if trial.state is TrialState.FINISHED and trial.phase is not Phase.SEARCH:
                self._runs.setdefault(part, {})[trial.index] = trial

    @cached_property
    def past(self) -> list["TrialIndex"]:
        """What was there at each look that is noted."""
        return [
            TrialIndex(self._study, [trial for trial in self._trials if (trial.ended_s or math.inf) <= look.at_s])
            for look in self.notes.looks
        ]

    @property
    def searches(self) -> range:
        """The numbers of the searches."""
        return range(1, 1 + self.n_searches)

    def winner(self, arm: str, search: int = 1) -> TrialRecord | None:
        """The winner of one of the arm's searches."""
        return self._winners.get((arm, search))

    def front(self, arm: str, search: int = 1) -> list[TrialRecord]:
        """The trials of one of the arm's searches whose settings are trained again, the winner first."""
        if (arm, search) not in self._fronts:
            protocol, tried = self._study.protocol, self._searched.get((arm, search), [])
            self._fronts[arm, search] = front(tried, protocol.direction, protocol.objectives, protocol.front)
        return self._fronts[arm, search]

    def searched(self, arm: str, search: int = 1) -> list[TrialRecord]:
        """The final trials of one of the arm's searches."""
        return [trial for trial in self._searched.get((arm, search), ()) if trial.state.is_final]

    def n_trials(self, arm: Arm, search: int = 1) -> int:
        """The trials that the study asks for in one of the arm's searches, as far as that is known."""
        if arm.space and self._study.protocol.budget is not None:
            tried = self._searched.get((arm.name, search), [])
            return n_tried(tried) + (not is_over(tried, self._study.protocol))
        return trials_in(self._study.protocol, self._n_rounds(search)) if arm.space else 1

    def _n_rounds(self, search: int) -> int:
        if search not in self._rounds:
            tried = {arm.name: self.searched(arm.name, search) for arm in self._study.arms}
            ended = {arm: {trial.index for trial in of_arm} for arm, of_arm in tried.items()}
            self._rounds[search] = rounds_wanted(self._study, search, tried, ended, ended.keys())
        return self._rounds[search]

    def replicates(self, arm: str, search: int = 1, diverged: bool = False) -> Runs:
        """The replicates of a search's winner that finished, or those too that diverged.

        With several objectives, those on seeds on which each setting of the front has ended, with its hypervolume.
        """
        best = self.winner(arm, search)
        runs = self._found((Phase.REPLICATE, arm, search, best.setting_key), diverged) if best else {}
        objectives = self._study.protocol.objectives
        if not objectives:
            return runs
        keys = [(Phase.REPLICATE, arm, search, trial.setting_key) for trial in self.front(arm, search)[1:]]
        others = [self._ended.get(key, {}) for key in keys]
        return {
            i: with_front(run, [ended[i] for ended in others], objectives)
            for i, run in runs.items()
            if all(i in ended for ended in others)
        }

    def all_replicates(self, arm: str) -> list[TrialRecord]:
        """The replicates of the winners of all searches."""
        return [runs[index] for k in self.searches for runs in [self.replicates(arm, k)] for index in sorted(runs)]

    def reported(
        self, arm: Arm, setting: Mapping[str, Any] | None = None, diverged: bool = False
    ) -> Runs:  # Any: JSON scalars
        """The runs of a reported setting: the arm's, and what differs from it."""
        part = self._part(Phase.REPORTED, arm, {**(arm.reported or {}), **(setting or {})})
        return self._found(part, diverged)

    def defaults(self, arm: Arm, search: int = 1, diverged: bool = False) -> Runs:
        """The runs at the library's defaults on the seeds of a search's replicates."""
        return self._found(self._part(Phase.DEFAULTS, arm, arm.defaults or {}, search), diverged)

    def _found(self, part: _Key, diverged: bool) -> Runs:
        return (self._ended if diverged else self._runs).get(part, {})

    def sweep(self, name: str, arm: Arm, at: Mapping[str, Any]) -> list[Runs]:  # Any: JSON scalars
        """The final runs of a sweep, diverged ones too, at each point that has the values of `at`."""
        sweep = self._study.sweep(name)
        settings = self._study.sweep_settings(sweep, arm)
        chosen = [
            setting
            for setting, point in zip(settings, sweep.points(), strict=bool(settings))
            if all(point[key] == value for key, value in at.items())
        ]
        return [self._ended.get(self._part(Phase.SWEEP, arm, setting), {}) for setting in chosen]

    def is_complete(self, arm: Arm) -> bool:
        """Whether every run of the arm beside its search that the study asks for is final."""
        return all(done >= wanted for phase, (done, wanted) in self.progress(arm).items() if phase is not Phase.SEARCH)

    def progress(self, arm: Arm) -> dict[Phase, tuple[int, int]]:
        """Trainings of the arm that are final, and those that the study asks for, by phase."""
        protocol, searches = self._study.protocol, range(1, 1 + self._study.protocol.searches)
        n_trials = [self.n_trials(arm, k) for k in searches]
        n_searched = [
            len({trial.index for trial in self.searched(arm.name, k) if trial.index < n})
            for k, n in zip(searches, n_trials, strict=True)
        ]
        found = {Phase.SEARCH: (sum(n_searched), sum(n_trials))}
        parts = [
            (Phase.REPLICATE, arm.name, k, key)
            for k in searches
            for key in [best.setting_key for best in self.front(arm.name, k)] or [""]
        ]
        found[Phase.REPLICATE] = self._progress(parts, protocol.seeds)
        if arm.defaults is not None:
            parts = [self._part(Phase.DEFAULTS, arm, arm.defaults, k) for k in searches]
            found[Phase.DEFAULTS] = self._progress(parts, protocol.seeds)
        if arm.reported is not None:
            found[Phase.REPORTED] = self._progress(
                [self._part(Phase.REPORTED, arm, arm.reported)], protocol.seeds_of(Phase.REPORTED)
            )
        for sweep in self._study.sweeps:
            parts = [self._part(Phase.SWEEP, arm, point) for point in self._study.sweep_settings(sweep, arm)]
            done, wanted = self._progress(parts, sweep.seeds)
            before = found.get(Phase.SWEEP, (0, 0))
            found[Phase.SWEEP] = (before[0] + done, before[1] + wanted)
        return found

    def _progress(self, parts: Sequence[_Key], n_seeds: int) -> tuple[int, int]:
        done = sum(len([index for index in self._ended.get(part, ()) if index < n_seeds]) for part in parts)
        return done, n_seeds * len(parts)

    def _part(self, phase: Phase, arm: Arm, setting: Mapping[str, Any], search: int = 1) -> _Key:  # Any: as above
        return phase, arm.name, search, params_key(make_parameters(arm, self._study.protocol, setting))


def unrecovered(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Trainings that failed or were lost, the latest try of each, where no other try is final."""
    final = {trial.training for trial in trials if trial.state.is_final}
    latest = {trial.training: trial for trial in trials if trial.state in (TrialState.FAILED, TrialState.LOST)}
    return [trial for training, trial in latest.items() if training not in final]


def metric_summaries(runs: Iterable[TrialRecord]) -> dict[str, MetricSummary]:
    """Each metric over these runs at the end of training, by its name."""
    ordered = sorted(runs, key=lambda trial: (trial.search, trial.index))
    names = sorted({name for trial in ordered for name in trial.metrics} - {"parameters"})
    found = {}
    for name in names:
        pairs = [(value, trial.seed) for trial in ordered if (value := value_at(trial, name, None)) is not None]
        if pairs:
            values, seeds = [value for value, _ in pairs], [seed for _, seed in pairs]
            found[name] = MetricSummary(*mean_and_sd(values), len(values), values, seeds)
    return found


def without_value(runs: Iterable[TrialRecord]) -> dict[str, int]:
    """How many runs gave no value, by what they did: "diverged" or "ran over time"."""
    found = Counter(run.state for run in runs if run.state.counts_as_worst)
    return {_DID[state]: n for state, n in found.items()}


_DID = {TrialState.DIVERGED: "diverged", TrialState.OVER_TIME: "ran over time"}
