"""The trials of a variant that count: of each winner, each stated setting and each sweep, by seed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlstudy.results import TrialRecord
from dlstudy.study import Arm, Study
from dlstudy.trial import make_parameters, params_key

__all__ = ["Finished", "Runs", "value_at", "winner"]

Runs = Mapping[int, TrialRecord]
"""Trials of one setting, by row: the same row, the same seed."""


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
        self.winners: dict[str, TrialRecord | None] = {}
        self._runs: dict[tuple[str, str, str], dict[int, TrialRecord]] = {}
        self._ended: dict[tuple[str, str, str], dict[int, TrialRecord]] = {}
        for arm in study.arms:
            search = [trial for trial in trials if trial.arm == arm.name and trial.phase == "search"]
            self.winners[arm.name] = winner(search, study.protocol.direction)
        for trial in trials:
            part = (trial.phase, trial.arm, trial.setting_key)
            if trial.ended_for_good:
                self._ended.setdefault(part, {})[trial.row] = trial
            if trial.state == "finished" and trial.phase != "search":
                self._runs.setdefault(part, {})[trial.row] = trial

    def replicates(self, arm: str) -> Runs:
        """The replicates of the arm's winner."""
        best = self.winners[arm]
        return self._runs.get(("replicate", arm, best.setting_key), {}) if best else {}

    def printed(self, arm: Arm, setting: Mapping[str, Any] | None = None) -> Runs:  # Any: JSON scalars
        """The runs of a printed setting: the arm's, and what differs from it."""
        return self._runs.get(self._part("printed", arm, {**(arm.printed or {}), **(setting or {})}), {})

    def defaults(self, arm: Arm) -> Runs:
        """The runs at the library's defaults."""
        return self._runs.get(self._part("defaults", arm, arm.defaults or {}), {})

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
        """Whether every run of the arm that the study asks for has ended for good."""
        best, n_seeds = self.winners[arm.name], self._study.protocol.seeds
        if best is None:
            return False
        wanted = [(("replicate", arm.name, best.setting_key), n_seeds)]
        for phase in ("printed", "defaults"):
            setting = getattr(arm, phase)
            wanted += [] if setting is None else [(self._part(phase, arm, setting), n_seeds)]
        for sweep in self._study.sweeps:
            for point in self._study.sweep_settings(sweep, arm):
                wanted.append((self._part("sweep", arm, point), sweep.seeds))
        return all(len(self._ended.get(part, ())) >= n for part, n in wanted)

    def _part(self, phase: str, arm: Arm, setting: Mapping[str, Any]) -> tuple[str, str, str]:  # Any: as above
        return phase, arm.name, params_key(make_parameters(arm, self._study.protocol, setting))
