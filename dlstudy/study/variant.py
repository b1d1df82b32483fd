"""Variants: a study run otherwise than its file says, with a name of its own in the record."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlstudy.datasets.dataset import Description
from dlstudy.errors import UsageError
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Protocol, Split
from dlstudy.study.study import Study

__all__ = ["PRUNERS", "SAMPLERS", "Variant"]

SAMPLERS = ("sobol", "random", "tpe")
PRUNERS = ("none", "median", "hyperband")

_QUICK_EPOCHS = 2
_QUICK_TRIALS = 3
_QUICK_ROWS = 6_000
_SMALL_ROWS = 2_000


@dataclass(frozen=True)
class Variant:
    """What differs from the study file in a way that changes what results mean.

    Trials and seeds are no part of it: they may grow.

    Args:
        quick: fewer epochs, rows and trials, for a first look; never fewer seeds. Small data keeps its epochs: there
            they cost next to nothing.
        dataset: another data set.
        epochs: another number of epochs.
        sampler: where the search's parameters come from: one of `SAMPLERS`.
        pruner: what ends hopeless trials early: one of `PRUNERS`.
        control: with a copy of an arm under another name, to see what is said about two identical things.
    """

    quick: bool = False
    dataset: str | None = None
    epochs: int | None = None
    sampler: str = "sobol"
    pruner: str = "none"
    control: bool = False

    def __post_init__(self) -> None:
        for option, value, allowed in (("--sampler", self.sampler, SAMPLERS), ("--pruner", self.pruner, PRUNERS)):
            if value not in allowed:
                raise UsageError(f"{option} must be one of {', '.join(allowed)}, got {value!r}")
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(f"--epochs must be at least 1, got {self.epochs}")

    @property
    def name(self) -> str:
        """Its name in the record: `default`, or what differs, joined by +."""
        parts = ["quick"] if self.quick else []
        for option in ("dataset", "epochs"):
            if getattr(self, option) is not None:
                parts.append(f"{option}={getattr(self, option)}")
        parts += [f"sampler={self.sampler}"] if self.sampler != "sobol" else []
        parts += [f"pruner={self.pruner}"] if self.pruner != "none" else []
        parts += ["control"] if self.control else []
        return "+".join(parts) or "default"

    @classmethod
    def from_name(cls, name: str) -> "Variant":
        """The variant of that name, of whatever generation.

        Raises:
            UsageError: the name is none that `name` gives.
        """
        options: dict[str, Any] = {}  # Any: as the fields
        for part in name.partition("~")[0].split("+"):
            option, _, value = part.partition("=")
            if option in ("dataset", "sampler", "pruner") and value:
                options[option] = value
            elif option == "epochs" and value.isdecimal():
                options[option] = int(value)
            elif part in ("quick", "control"):
                options[part] = True
            elif name.partition("~")[0] != "default":
                raise UsageError(f"no variant is named {name!r}: `dlstudy status` lists them")
        return cls(**options)

    @property
    def order_matters(self) -> bool:
        """Whether results depend on the order in which trials end, and so on the number of workers."""
        return self.sampler == "tpe" or self.pruner != "none"

    def apply(self, study: Study, own: Description, used: Description) -> Study:
        """The study as this variant runs it.

        Args:
            study: as its file says.
            own: the data set that the file names.
            used: the data set of this variant. A stated number of validation rows keeps its share of all rows.
        """
        protocol = study.protocol
        rows = min(protocol.rows or used.n_train, used.n_train)
        if self.quick:
            rows = min(rows, _QUICK_ROWS)
        factor = rows / min(protocol.rows or own.n_train, own.n_train)

        def resized(split: Split) -> Split:
            return split.scaled(factor) if used == own else split.elsewhere(own.n_train).scaled(factor)

        changed: Protocol = dataclasses.replace(
            protocol,
            epochs=self._limited({"epochs": protocol.epochs}, used)["epochs"],
            trials=min(protocol.trials, _QUICK_TRIALS) if self.quick else protocol.trials,
            rows=rows if rows < used.n_train else None,
            split=resized(protocol.split),
            printed_split=resized(protocol.printed_split) if protocol.printed_split else None,
        )
        arms = [
            dataclasses.replace(
                arm,
                printed_split=resized(arm.printed_split) if arm.printed_split else None,
                setting=self._limited(arm.setting, used),
                printed=None if arm.printed is None else self._limited(arm.printed, used),
                defaults=None if arm.defaults is None else self._limited(arm.defaults, used),
            )
            for arm in study.arms
        ]
        sweeps = [dataclasses.replace(sweep, fixed=self._limited(sweep.fixed, used)) for sweep in study.sweeps]
        changed_study = dataclasses.replace(study, dataset=used.name, protocol=changed, arms=arms, sweeps=sweeps)
        return _with_control(changed_study) if self.control else changed_study

    def _limited(self, values: Mapping[str, Any], used: Description) -> dict[str, Any]:  # Any: JSON scalars
        """Parameters with the epochs of this variant, where they state any."""
        limited = dict(values)
        if self.epochs is not None and "epochs" in limited:
            limited["epochs"] = self.epochs
        elif self.quick and used.n_train > _SMALL_ROWS:
            for name in {"epochs", "more_epochs"} & set(limited):
                limited[name] = min(limited[name], _QUICK_EPOCHS)
        return limited


def _with_control(study: Study) -> Study:
    """The study with a copy of its first tuned arm, and the claim that the arm beats its copy."""
    arm = next((arm for arm in study.arms if arm.space), study.arms[0])
    copy = dataclasses.replace(
        arm, name=f"{arm.name}-control", control_of=arm.name, printed=None, defaults=None, text=f"a copy of {arm.name}"
    )
    claim = Claim(
        f"Control: {arm.name} is better than {copy.name}, its exact copy on other seeds",
        better=arm.name,
        than=copy.name,
        metric=study.test_metric,
        direction=study.protocol.direction,
        control=True,
    )
    everyone = tuple(other.name for other in study.arms)
    sweeps = [dataclasses.replace(sweep, arms=sweep.arms or everyone) for sweep in study.sweeps]
    return dataclasses.replace(study, arms=[*study.arms, copy], sweeps=sweeps, claims=[*study.claims, claim])
