"""The trials of a variant that count: of each winner, each stated setting and each sweep, by seed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlstudy.analysis.inference import mean_and_sd
from dlstudy.analysis.results import MetricSummary
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, make_parameters, params_key

__all__ = ["Finished", "Runs", "metric_summaries", "training_of", "unmended", "value_at", "winner"]

Runs = Mapping[int, TrialRecord]
"""Trials of one setting, by row: the same row, the same seed."""

_Key = tuple[str, str, int, str]
"""Phase, arm, search, and the key of a setting."""


def winner(trials: Sequence[TrialRecord], direction: str) -> TrialRecord | None:
    """The best finished search trial; of equals, the one of the lowest row."""
    finished = [trial for trial in trials if trial.state == "finished" and trial.value is not None]
    sign = -1 if direction == "maximize" else 1
    return min(finished, key=lambda trial: (sign * (trial.value or 0.0), trial.row), default=None)


def value_at(trial: TrialRecord, metric: str, epoch: int | None) -> float | None:
    """A metric of a trial at an epoch, counted from 1, or at the end of training; None where it has none."""
    if epoch is None:
        value = trial.metrics.get(metric)
    else:
        history = trial.result.history.get(metric, []) if trial.result else []
        value = history[epoch - 1] if epoch <= len(history) else None
    return value if value is not None and math.isfinite(value) else None


class Finished:
    """Looks trials up by what they are of. Those of earlier winners are kept out."""

    def __init__(self, study: Study, trials: Sequence[TrialRecord]) -> None:
        self._study = study
        self._runs: dict[_Key, dict[int, TrialRecord]] = {}
        self._ended: dict[_Key, dict[int, TrialRecord]] = {}
        searched: dict[tuple[str, int], list[TrialRecord]] = {}
        for trial in trials:
            if trial.phase == "search":
                searched.setdefault((trial.arm, trial.search), []).append(trial)
        self._searched = {part: [t.row for t in tried if t.ended_for_good] for part, tried in searched.items()}
        self.n_searches = max((search for _, search in searched), default=1)
        self._winners = {part: winner(tried, study.protocol.direction) for part, tried in searched.items()}
        for trial in trials:
            part = (trial.phase, trial.arm, trial.search, trial.setting_key)
            if trial.ended_for_good:
                self._ended.setdefault(part, {})[trial.row] = trial
            if trial.state == "finished" and trial.phase != "search":
                self._runs.setdefault(part, {})[trial.row] = trial

    def winner(self, arm: str, search: int = 1) -> TrialRecord | None:
        """The winner of one of the arm's searches."""
        return self._winners.get((arm, search))

    def replicates(self, arm: str, search: int = 1) -> Runs:
        """The replicates of a search's winner."""
        best = self.winner(arm, search)
        return self._runs.get(("replicate", arm, search, best.setting_key), {}) if best else {}

    def all_replicates(self, arm: str) -> list[TrialRecord]:
        """The replicates of the winners of all searches."""
        return [
            runs[row]
            for k in range(1, 1 + self.n_searches)
            for runs in [self.replicates(arm, k)]
            for row in sorted(runs)
        ]

    def printed(self, arm: Arm, setting: Mapping[str, Any] | None = None) -> Runs:  # Any: JSON scalars
        """The runs of a printed setting: the arm's, and what differs from it."""
        return self._runs.get(self._part("printed", arm, {**(arm.printed or {}), **(setting or {})}), {})

    def defaults(self, arm: Arm, search: int = 1) -> Runs:
        """The runs at the library's defaults on the seeds of a search's replicates."""
        return self._runs.get(self._part("defaults", arm, arm.defaults or {}, search), {})

    def sweep(self, name: str, arm: Arm, at: Mapping[str, Any]) -> list[Runs]:  # Any: JSON scalars
        """The runs of a sweep that ended for good, diverged ones too, at each point that has the values of `at`."""
        sweep = self._study.sweep(name)
        settings = self._study.sweep_settings(sweep, arm)
        chosen = [
            setting
            for setting, point in zip(settings, sweep.points(), strict=bool(settings))
            if all(point[key] == value for key, value in at.items())
        ]
        return [self._ended.get(self._part("sweep", arm, setting), {}) for setting in chosen]

    def is_complete(self, arm: Arm) -> bool:
        """Whether every run of the arm beside its search that the study asks for has ended for good."""
        return all(done >= wanted for phase, (done, wanted) in self.progress(arm).items() if phase != "search")

    def progress(self, arm: Arm) -> dict[str, tuple[int, int]]:
        """Trainings of the arm that have ended for good, and those that the study asks for, by phase."""
        protocol, searches = self._study.protocol, range(1, 1 + self._study.protocol.searches)
        n_trials = protocol.trials if arm.space else 1
        searched = [len({row for row in self._searched.get((arm.name, k), ()) if row < n_trials}) for k in searches]
        found = {"search": (sum(searched), n_trials * len(searches))}
        winners = [self.winner(arm.name, k) for k in searches]
        parts = [
            ("replicate", arm.name, k, best.setting_key if best else "")
            for k, best in zip(searches, winners, strict=True)
        ]
        found["replicate"] = self._progress(parts, protocol.seeds)
        if arm.defaults is not None:
            parts = [self._part("defaults", arm, arm.defaults, k) for k in searches]
            found["defaults"] = self._progress(parts, protocol.seeds)
        if arm.printed is not None:
            found["printed"] = self._progress([self._part("printed", arm, arm.printed)], protocol.seeds)
        for sweep in self._study.sweeps:
            parts = [self._part("sweep", arm, point) for point in self._study.sweep_settings(sweep, arm)]
            done, wanted = self._progress(parts, sweep.seeds)
            before = found.get("sweep", (0, 0))
            found["sweep"] = (before[0] + done, before[1] + wanted)
        return found

    def _progress(self, parts: Sequence[_Key], n_seeds: int) -> tuple[int, int]:
        done = sum(len([row for row in self._ended.get(part, ()) if row < n_seeds]) for part in parts)
        return done, n_seeds * len(parts)

    def _part(self, phase: str, arm: Arm, setting: Mapping[str, Any], search: int = 1) -> _Key:  # Any: as above
        return phase, arm.name, search, params_key(make_parameters(arm, self._study.protocol, setting))


def metric_summaries(runs: Iterable[TrialRecord]) -> dict[str, MetricSummary]:
    """Each metric over these runs at the end of training, by its name."""
    ordered = sorted(runs, key=lambda trial: (trial.search, trial.row))
    names = sorted({name for trial in ordered for name in trial.metrics} - {"parameters"})
    found = {}
    for name in names:
        pairs = [(value, trial.seed) for trial in ordered if (value := value_at(trial, name, None)) is not None]
        if pairs:
            values, seeds = [value for value, _ in pairs], [seed for _, seed in pairs]
            found[name] = MetricSummary(*mean_and_sd(values), len(values), values, seeds)
    return found


def unmended(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Trainings that failed or were lost, the latest try of each, where no other try made it good."""
    good = {training_of(trial) for trial in trials if trial.ended_for_good}
    latest = {training_of(trial): trial for trial in trials if trial.state in ("failed", "lost")}
    return [trial for part, trial in latest.items() if part not in good]


def training_of(trial: TrialRecord) -> tuple[str, str, int, str, int]:
    """What makes two trials tries of the same training."""
    return trial.phase, trial.arm, trial.search, trial.setting_key, trial.row
