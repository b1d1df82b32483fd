"""How a study treats its arms: the protocol of search and replicates, and sweeps over stated values.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.study.constraints import Constraint
from dlstudy.study.metrics import direction_of, require_metric, test_metric_of
from dlstudy.study.objectives import HYPERVOLUME, Objective
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.split import Split
from dlstudy.study.validation import (
    direction_from,
    frozen,
    is_count,
    is_number,
    items_of,
    require,
    require_name,
)

__all__ = ["Protocol", "Sweep"]

_MOST_POINTS = 10_000
_MOST_OBJECTIVES = 4
_USUAL_METRIC = "val_accuracy"
_FROM_THE_NAME: Any = None  # Any: once a Protocol is made, it has a Direction
_BY_SEARCHES: Any = None  # Any: once a Protocol is made, it has a number
_BUDGETS = {True: {"trials": 5, "seeds": 3}, False: {"trials": 8, "seeds": 9}}
"""The budget of each search where a study states none: of one of several searches, and of a single one."""
_WITH_BUDGET = {"trials": 1024, "rounds": 0}
"""Likewise with a budget in time or energy."""
_LIMITS = {
    "checkpoint_minutes": (True, "number of minutes"),
    "trial_minutes": (False, "number of minutes"),
    "budget_seconds": (False, "number"),
    "budget_joules": (False, "number"),
}
"""Whether a limit may be 0, and what it is."""


@dataclass(frozen=True)
class Protocol:
    """The protocol that applies to every arm.

    Args:
        epochs: passes over the training rows of a trial.
        batch_size: rows in a step. An arm may carry its own `epochs` or `batch_size` in setting, space or reported.
        trials: settings that each search of an arm begins with; None for 5, or 8 with a single search. With a budget,
            the most that it tries; None then for 1,024.
        seeds: replicates of the winner of each search; None for 3, or 9 with a single search.
        searches: independent searches of each arm, each with replicates on seeds of its own. With one, verdicts hold
            for the settings that it found; with three or more, for the methods.
        reported_seeds: trainings of each reported setting; None for 8, or as many as `seeds` with a single search.
        metric: what the search optimizes: a `val_` metric at the end of training.
        direction: "maximize" or "minimize"; None reads it from the metric's name, which has to tell it.
        split: rows of search and replicates.
        reported_split: rows of the reported phase, where the document's differ. Without validation rows the test rows
            are judged after every epoch, as the document did.
        rows: train and validate on this many rows only; None for all.
        silence_s: a worker that sends nothing for this many seconds counts as hung: it is ended, and its trial tried
            once more. A Keras model reports after every epoch, an estimator when it has been fitted.
        trial_minutes: a training that takes longer is ended, and counts as one that diverged does: as the worst. None
            for no limit. It is part of the definition of results.
        checkpoint_minutes: how often the state of a Keras training is written to disk, between two epochs: one that
            was killed goes on from there, and gives the same numbers. 0 for after every epoch, None for never.
        rounds: the most rounds in which the first search goes on around its winner, each with half as many trials
            again. There is at least one round, and there are more, for all arms alike, until every winner is bracketed:
            a setting on either side of it did no better. Ranges are widened for that, as far as `Arm.limits`. Further
            searches begin in the ranges that the first one reached, and have one round each. 0 for no rounds. None for
            4, or 0 with a budget.
        budget_seconds, budget_joules: what each search of an arm may spend, in place of a number of trials: seconds of
            slot time, or energy of the GPU that a trial has to itself. Settings are tried one after another until it is
            spent; one that ends later does not count. None for no such budget. Search times depend on the machine, and
            so do then the results.
        objectives: what a search is about where that is more than one metric: two to four. `metric` is then
            `val_hypervolume`, of a setting the share of the objectives that it reaches, and claims are about
            `test_hypervolume`, that of all settings of a front together. Empty for `metric` alone.
        front: with several objectives, the most settings of each search that are trained again, on `seeds` seeds each.
        constraints: what a search's winner has to keep. A setting that does not is *infeasible*, however good it is.
    """

    epochs: int = 10
    batch_size: int = 32
    trials: int = _BY_SEARCHES
    seeds: int = _BY_SEARCHES
    searches: int = 5
    reported_seeds: int | None = None
    metric: str = _USUAL_METRIC
    direction: Direction = _FROM_THE_NAME
    split: Split = field(default_factory=lambda: Split(validation=0.1))
    reported_split: Split | None = None
    rows: int | None = None
    silence_s: int = 1800
    rounds: int = _BY_SEARCHES
    checkpoint_minutes: float | None = None
    trial_minutes: float | None = None
    budget_seconds: float | None = None
    budget_joules: float | None = None
    constraints: Sequence[Constraint] = ()
    objectives: Sequence[Objective] = ()
    front: int = 4

    def __post_init__(self) -> None:
        usual = {**_BUDGETS[self.searches != 1], "rounds": 4}
        for name, number in (usual | (_WITH_BUDGET if self.budget is not None else {})).items():
            if getattr(self, name) is _BY_SEARCHES:
                object.__setattr__(self, name, number)
        self._check_limits()
        for name in ("epochs", "batch_size", "trials", "seeds", "searches", "reported_seeds", "silence_s"):
            value = getattr(self, name)
            require(
                is_count(value) or (value is None and name == "reported_seeds"),
                f"{name} must be a whole number from 1 to 1,000,000, got {short_repr(value)}: change Protocol.{name}",
            )
        require(
            isinstance(self.rounds, int) and not isinstance(self.rounds, bool) and 0 <= self.rounds <= 100,
            f"rounds must be a whole number from 0 to 100, got {short_repr(self.rounds)}: change Protocol.rounds",
        )
        require(
            self.rows is None or is_count(self.rows),
            f"rows must be None or a whole number from 1 to 1,000,000, got {short_repr(self.rows)}: change "
            "Protocol.rows",
        )
        require(
            self.searches != 2,
            "searches must be 1, or at least 3 to compare methods, got 2: change Protocol.searches or --searches",
        )
        self._check_objectives()
        require_metric("Protocol.metric", self.metric)
        require(
            self.metric.startswith("val_"),
            f"a search must not see the test set or judge by its training rows, got Protocol.metric={self.metric!r}: "
            "name a val_ metric",
        )
        given = direction_of(self.metric) if self.direction is _FROM_THE_NAME else self.direction
        object.__setattr__(self, "direction", direction_from("Protocol.direction", given))
        for name in ("split", "reported_split"):
            value = getattr(self, name)
            may_be_none = value is None and name == "reported_split"
            require(
                isinstance(value, Split) or may_be_none, f"Protocol.{name} must be a Split, got {short_repr(value)}"
            )
        object.__setattr__(self, "constraints", items_of("Protocol.constraints", self.constraints, Constraint))
        require(
            bool(self.split.validation),
            f"the search needs validation rows, got Protocol.split={self.split!r}: raise Split.validation",
        )

    def _check_objectives(self) -> None:
        object.__setattr__(self, "objectives", items_of("Protocol.objectives", self.objectives, Objective))
        require(is_count(self.front), f"front must be a whole number from 1, got {short_repr(self.front)}")
        if not self.objectives:
            return
        names = [each.metric for each in self.objectives]
        require(
            2 <= len(set(names)) == len(names) <= _MOST_OBJECTIVES,
            f"Protocol.objectives must be two to four of different metrics, got {short_repr(names)}",
        )
        require(
            self.metric in (_USUAL_METRIC, HYPERVOLUME) and self.direction in (_FROM_THE_NAME, "maximize"),
            f"a search with objectives maximizes {HYPERVOLUME}, got Protocol.metric={short_repr(self.metric)} and "
            f"direction={short_repr(self.direction)}: leave them out",
        )
        object.__setattr__(self, "metric", HYPERVOLUME)

    @property
    def budget(self) -> float | None:
        """What each search of an arm may spend, in seconds or joules; None where trials are counted."""
        return self.budget_joules if self.budget_seconds is None else self.budget_seconds

    @property
    def budget_kind(self) -> str:
        """The cost of trials that the budget is in, as their results name it; empty without one."""
        if self.budget is None:
            return ""
        return "gpu_energy_j" if self.budget_seconds is None else "seconds"

    @property
    def budget_text(self) -> str:
        """The budget in words; empty without one."""
        if self.budget is None:
            return ""
        return f"{self.budget:g} {'J of GPU energy' if self.budget_seconds is None else 's of slot time'}"

    def _check_limits(self) -> None:
        for name, (may_be_0, what) in _LIMITS.items():
            value = getattr(self, name)
            require(
                value is None or (is_number(value) and value >= 0 and (may_be_0 or value > 0)),
                f"{name} must be None or a {what} {'from' if may_be_0 else 'above'} 0, got {short_repr(value)}: change "
                f"Protocol.{name}",
            )
        require(
            self.budget_seconds is None or self.budget_joules is None,
            f"a search has one budget, got both budget_seconds={self.budget_seconds} and "
            f"budget_joules={self.budget_joules}: leave one of them out",
        )
        require(
            self.budget is None or self.rounds == 0,
            f"rounds need a fixed number of trials, and a budget has none, got rounds={short_repr(self.rounds)} with "
            f"{self.budget_text}: leave one of them out",
        )

    @property
    def test_metric(self) -> str:
        """The test metric that corresponds to the metric of the search."""
        return test_metric_of(self.metric)

    def with_searches(self, n: int) -> "Protocol":
        """The same protocol with another number of searches: of a single one, or of several, with the budget for that.

        A number of trials or seeds that the study states otherwise stays.
        """
        usual, wanted = _BUDGETS[self.searches != 1], _BUDGETS[n != 1]
        trials = wanted["trials"] if self.trials == usual["trials"] else self.trials
        seeds = wanted["seeds"] if self.seeds == usual["seeds"] else self.seeds
        return dataclasses.replace(self, searches=n, trials=trials, seeds=seeds)

    def seeds_of(self, phase: Phase) -> int:
        """The trainings of each setting in a phase other than the search and sweeps, in each search that has it."""
        if phase is not Phase.REPORTED:
            return self.seeds
        return self.reported_seeds or (self.seeds if self.searches == 1 else 8)

    def rounds_of(self, search: int) -> int:
        """The most rounds of a search, counted from 1: the others rest on the first, but for resampled splits."""
        return self.rounds if search == 1 or self.split.resample else min(self.rounds, 1)


@dataclass(frozen=True)
class Sweep:
    """Stated values at which every arm is trained, beside its search: for claims about a range, not about a winner.

    All arms share the values, unless they have their own, and the seeds. Judged on validation rows; the test set is not
    read.

    Args:
        name: short, unique in its study.
        grid: parameter name to the values that it takes; every combination is trained.
        seeds: trainings of each combination.
        arms: whose; empty for all.
        fixed: other parameters that hold throughout. What an arm tunes and neither `grid` nor `fixed` states is taken
            from the arm's `defaults`, else from its `reported`.
        own: for arms whose values differ: arm name to parameter name to its own values, as many as in `grid`, in the
            same order. Claims and reports name a point by the values of `grid`.
    """

    name: str
    grid: Mapping[str, Sequence[Any]]  # Any: JSON scalars, as Arm.setting
    seeds: int = 6
    arms: Sequence[str] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)  # as Arm.setting
    own: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)  # as grid

    def __post_init__(self) -> None:
        require_name("Sweep.name", self.name)
        require(
            isinstance(self.grid, Mapping) and all(map(_is_list, self.grid.values())),
            f"sweep {self.name}: grid must map names to lists of values, got {short_repr(self.grid)}",
        )
        grid = {name: tuple(values) for name, values in self.grid.items()}
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "arms", items_of(f"sweep {self.name}: arms", self.arms, str))
        object.__setattr__(self, "fixed", frozen(f"sweep {self.name}: fixed", self.fixed))
        n_points = math.prod(map(len, grid.values()))
        require(
            n_points <= _MOST_POINTS,
            f"sweep {self.name}: grid may have {_MOST_POINTS:,} combinations at most, got {short_repr(n_points)}: "
            "leave out values",
        )
        for point in self.points():
            frozen(f"sweep {self.name}: grid", point)
        require(
            bool(grid) and all(len(values) == len(set(values)) > 0 for values in grid.values()),
            f"sweep {self.name}: grid must give each parameter at least one value, each once, got {short_repr(grid)}",
        )
        require(
            is_count(self.seeds),
            f"sweep {self.name}: seeds must be a whole number from 1, got {short_repr(self.seeds)}",
        )
        both = sorted(set(grid) & set(self.fixed))
        require(not both, f"sweep {self.name}: a parameter is either in grid or in fixed, got {both} in both")
        self._check_own()

    def points(self) -> list[dict[str, Any]]:  # Any: JSON scalars
        """Every combination of the grid's values."""
        return _combinations(self.grid)

    def points_of(self, arm: str) -> list[dict[str, Any]]:  # Any: JSON scalars
        """The values of an arm at each of `points`, in the same order."""
        return _combinations({**self.grid, **self.own.get(arm, {})})

    def _check_own(self) -> None:
        is_map = isinstance(self.own, Mapping) and all(isinstance(grid, Mapping) for grid in self.own.values())
        require(
            is_map and all(_is_list(values) for grid in self.own.values() for values in grid.values()),
            f"sweep {self.name}: own must map arms to names to lists of values, got {short_repr(self.own)}",
        )
        own = {arm: {name: tuple(values) for name, values in grid.items()} for arm, grid in self.own.items()}
        object.__setattr__(self, "own", own)
        for arm, grid in own.items():
            for name, values in grid.items():
                n_wanted = len(self.grid.get(name, ()))
                require(
                    len(values) == n_wanted > 0,
                    f"sweep {self.name}: own must give {arm} as many values of {short_repr(name)} as grid does "
                    f"({n_wanted}), got {short_repr(values)}",
                )
            for point in self.points_of(arm):
                frozen(f"sweep {self.name}: own", point)
            require(
                all(len(values) == len(set(values)) for values in grid.values()),
                f"sweep {self.name}: own must give {arm} each value once, got {short_repr(grid)}",
            )


def _combinations(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:  # Any: JSON scalars
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _is_list(values: object) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)
