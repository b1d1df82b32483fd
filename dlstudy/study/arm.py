"""An arm of a study: one of the alternatives compared.

Frozen, and checked when it is made; a broken rule raises `StudyError`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution

from dlstudy.common.text import short_repr
from dlstudy.study.conditions import Conditions, applicable, frozen_conditions
from dlstudy.study.elsewhere import Elsewhere, read_csv
from dlstudy.study.phases import Phase
from dlstudy.study.split import Split
from dlstudy.study.validation import (
    frozen,
    frozen_limits,
    frozen_space,
    frozen_start,
    is_count,
    require,
    require_name,
    require_text,
)

__all__ = ["Arm"]

_MOST_GPUS = 64


@dataclass(frozen=True)
class Arm:
    """One of the alternatives compared.

    Args:
        name: short, unique in its study: letters, digits, `_`, `.` and `-`.
        setting: the parameters that define this arm; passed to `build` in `p`.
        space: the nuisance parameters that the search tunes, name to Optuna distribution; may be empty.
        reported: the document's own value of every parameter in `space`; None where it reports no run of this arm.
        defaults: the library's own value of every parameter in `space`, for a run out of the box; None for none.
        reported_split: rows of this arm's reported setting, where they differ from the protocol's.
        restarts: trainings of each trial, from the seeds `seed`, `seed + 1`, ...; the one with the lowest training loss
            is kept.
        text: one line for readers.
        copy_of: the arm that this one is an identical copy of, in an A/A test. It has seeds and a search of its own, so
            any difference between the two is noise.
        limits: how far the range of a parameter in `space` may be widened, name to lowest and highest value. What it
            does not name has limits by its kind: see `dlstudy.study.axes`.
        start: settings of `space`, each complete and within it, that every search of the arm tries first: what is known
            to be good. They take the place of the first trials, so that all arms have equally many.
        gpus: on how many GPUs at once a training of a Keras model runs, each with a part of every batch
            (`tf.distribute.MirroredStrategy`). On a machine without GPUs, as many parts of a CPU stand for them.
        conditions: where a parameter of `space` exists, if it does not always: name to categorical parameters of
            `space`, each with the value or values at which it does, `{"momentum": {"optimizer": "sgd"}}`. Elsewhere it
            is not in `p`.
        elsewhere: results of an arm that this study does not train, as `from_results` and `from_csv` make it; it has
            nothing else but a name and a text.
    """

    name: str
    setting: Mapping[str, Any] = field(default_factory=dict)  # values are JSON scalars of the study's choosing
    space: Mapping[str, BaseDistribution] = field(default_factory=dict)
    reported: Mapping[str, Any] | None = None  # as setting
    defaults: Mapping[str, Any] | None = None  # as setting
    reported_split: Split | None = None
    restarts: int = 1
    text: str = ""
    copy_of: str = ""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    elsewhere: Elsewhere | None = None
    start: Sequence[Mapping[str, Any]] = ()  # as setting
    conditions: Conditions = field(default_factory=dict)
    gpus: int = 1

    def __post_init__(self) -> None:
        require_name("Arm.name", self.name)
        object.__setattr__(self, "setting", frozen(f"arm {self.name}: setting", self.setting))
        object.__setattr__(self, "space", frozen_space(f"arm {self.name}: space", self.space))
        both = sorted(set(self.setting) & set(self.space))
        require(not both, f"arm {self.name}: a parameter is either in setting or in space, got {both} in both")
        object.__setattr__(self, "limits", frozen_limits(f"arm {self.name}: limits", self.limits, self.space))
        conditions = frozen_conditions(f"arm {self.name}: conditions", self.conditions, self.space)
        object.__setattr__(self, "conditions", conditions)
        for what in ("reported", "defaults"):
            self._check_values(what)
        require(
            self.reported_split is None or isinstance(self.reported_split, Split),
            f"arm {self.name}: reported_split must be None or a Split, got {short_repr(self.reported_split)}",
        )
        require(
            is_count(self.restarts) and self.restarts <= 1_000,
            f"arm {self.name}: restarts must be a whole number from 1 to 1,000, got {short_repr(self.restarts)}",
        )
        require(
            is_count(self.gpus) and self.gpus <= _MOST_GPUS,
            f"arm {self.name}: gpus must be a whole number from 1 to {_MOST_GPUS}, got {short_repr(self.gpus)}",
        )
        for what in ("text", "copy_of"):
            require_text(f"arm {self.name}: {what}", getattr(self, what), may_be_empty=True)
        object.__setattr__(self, "start", frozen_start(f"arm {self.name}: start", self.start, self.active))
        self._check_elsewhere()

    @classmethod
    def from_results(cls, name: str, results: Mapping[str, Any], *, source: str, text: str = "") -> "Arm":
        """An arm whose results are from elsewhere: it is never trained, and claims may compare with it.

        Args:
            name, text: as of every arm.
            results: what is known of each metric (`test_accuracy`, ...), as a paper gives it: a number, a list of
                values, a mapping of seeds to values, or of `mean`, `sd` and `n`.
            source: where they are from, for readers.

        Raises:
            StudyError: there are none, or a value is not possible.

        Example::

            Arm.from_results("boosting", {"test_accuracy": [0.912, 0.917, 0.909]}, source="Table 2 of Smith 2020")
            Arm.from_results("boosting", {"test_accuracy": {"mean": 0.913, "sd": 0.004, "n": 3}}, source="Smith 2020")
        """
        return cls(name, text=text, elsewhere=Elsewhere(results, source))

    @classmethod
    def from_csv(
        cls,
        name: str,
        path: str | Path,
        columns: Mapping[str, str],
        *,
        seed: str = "",
        source: str = "",
        text: str = "",
    ) -> "Arm":
        """An arm whose results are in a CSV file with a row for each run, such as MLflow writes of its runs.

        Args:
            name, text: as of every arm.
            path: of the file, relative to the study file if it is there, else to the current folder.
            columns: metric to the column with its values.
            seed: the column with the seeds; empty where they are not known.
            source: where the results are from; empty for the name of the file.

        Raises:
            StudyError: the file cannot be read, lacks a column or rows, or has a cell that is no number.

        Example::

            Arm.from_csv("boosting", "runs.csv", {"test_accuracy": "metrics.accuracy"}, seed="params.seed")
        """
        return cls.from_results(name, read_csv(path, columns, seed), source=source or Path(path).name, text=text)

    def applicable(self, values: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON scalars
        """The parameters that exist at these values: without those whose condition does not hold."""
        return applicable(self.conditions, values)

    def active(self, values: Mapping[str, Any]) -> Mapping[str, BaseDistribution]:  # Any: JSON scalars
        """The part of `space` that exists at these values."""
        if not self.conditions:  # as for nearly all arms, and this is asked of every trial of a search
            return self.space
        kept = self.applicable({**dict.fromkeys(self.space), **values})
        return {name: self.space[name] for name in self.space if name in kept}

    def stated(self, phase: Phase) -> Mapping[str, Any] | None:  # Any: JSON scalars
        """The setting that the arm states for a phase, REPORTED or DEFAULTS; None where it states none."""
        return self.reported if phase is Phase.REPORTED else self.defaults

    def _check_values(self, what: str) -> None:
        values = getattr(self, what)
        if values is None:
            return
        object.__setattr__(self, what, frozen(f"arm {self.name}: {what}", values))
        active = set(self.active(values))
        missing, absent = sorted(active - set(values)), sorted((set(values) & set(self.space)) - active)
        require(
            not missing,
            f"arm {self.name}: {what} must give every parameter of space, got none for {missing}: add them",
        )
        require(
            not absent,
            f"arm {self.name}: {what} must not give {absent}, which do not exist at its other values: leave them out",
        )

    def _check_elsewhere(self) -> None:
        require(
            self.elsewhere is None or isinstance(self.elsewhere, Elsewhere),
            f"arm {self.name}: elsewhere must be None or what Arm.from_results gives, got {short_repr(self.elsewhere)}",
        )
        own = [name for name in ("setting", "space", "limits", "copy_of", "start", "conditions") if getattr(self, name)]
        own += [name for name in ("reported", "defaults", "reported_split") if getattr(self, name) is not None]
        own += [name for name in ("restarts", "gpus") if getattr(self, name) != 1]
        require(
            self.elsewhere is None or not own,
            f"arm {self.name}: results from elsewhere are not trained, got {', '.join(own)} too: leave that out",
        )
