"""What a document prints and claims: figures of runs, figures that can be computed, sentences made comparisons.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlstudy.checks import frozen, is_count, is_number, require, require_direction, require_metric
from dlstudy.errors import StudyError

__all__ = ["Claim", "Computed", "Printed", "direction_of"]

CLAIM_PHASES = ("replicate", "printed", "defaults", "tuning", "sweep")
REDUCTIONS = ("mean", "worst", "spread")

_UP = ("accuracy", "auc", "r2", "precision", "recall", "f1")
_DOWN = ("loss", "error", "mse", "mae", "rmse", "gap", "epochs", "crossentropy")


@dataclass(frozen=True)
class Printed:
    """A figure that the document prints.

    Args:
        arm: the arm it is of.
        metric: `train_`, `val_` or `test_` and a name. A figure from test images is `test_`, whatever it says there.
        value: the figure; as text where trailing zeros matter ("0.9560" was printed to four decimals).
        epoch: the epoch it was read at, counted from 1; None for the end of training.
        setting: where it was not trained at the arm's printed setting: the parameters that differ, `batch_size` and
            `epochs` included. Such figures are trained on request only.
        place: where in the document.
    """

    arm: str
    metric: str
    value: float | str
    epoch: int | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)  # as Arm.setting
    place: str = ""

    def __post_init__(self) -> None:
        require_metric(f"Printed.metric of arm {self.arm}", self.metric)
        try:
            finite = math.isfinite(float(self.value))
        except (TypeError, ValueError):
            finite = False
        require(finite, f"Printed.value of {self.arm} {self.metric} must be a finite number, got {self.value!r}")
        require(
            self.epoch is None or is_count(self.epoch),
            f"Printed.epoch of {self.arm} {self.metric} must be None or at least 1, got {self.epoch!r}",
        )
        object.__setattr__(self, "setting", frozen(f"Printed.setting of arm {self.arm}", self.setting))

    @property
    def number(self) -> float:
        """The figure as a number."""
        return float(self.value)

    @property
    def half_unit(self) -> float:
        """Half a unit of the last printed digit: what rounding may have hidden."""
        return _half_unit(str(self.value))


@dataclass(frozen=True)
class Computed:
    """A figure of the document that follows from its own words by arithmetic: no training is needed to check it.

    Args:
        text: what the figure is.
        printed: as the document prints it, digits and all ("1,100").
        compute: gives the right value; runs in a moment and needs NumPy at most.
        why: where the document is wrong, what happened there.
    """

    text: str
    printed: float | str
    compute: Callable[[], float]
    why: str = ""

    def __post_init__(self) -> None:
        require(
            isinstance(self.text, str) and bool(self.text.strip()), f"Computed.text must say what, got {self.text!r}"
        )
        try:
            finite = math.isfinite(self.number)
        except (TypeError, ValueError):
            finite = False
        require(finite, f"Computed.printed of {self.text!r} must be a finite number, got {self.printed!r}")
        require(callable(self.compute), f"Computed.compute of {self.text!r} must be a function, got {self.compute!r}")

    @property
    def number(self) -> float:
        """The printed figure as a number."""
        return float(str(self.printed).replace(",", ""))

    def agrees(self) -> bool:
        """Whether the right value rounds to what is printed."""
        half_unit = _half_unit(str(self.printed).replace(",", ""))
        return abs(self.compute() - self.number) <= half_unit * (1 + 1e-9)  # in float64, 0.80 - 0.795 exceeds 0.005


@dataclass(frozen=True)
class Claim:
    """A sentence of the document, turned into a comparison over paired seeds.

    Args:
        text: the claim as the document words it.
        better: the arm that is said to be better.
        than: the arms it is said to be better than; the claim holds only if it is better than each of them.
        metric: what "better" means; each run's own value, at `epoch` if given, else at the end of training.
        phase: which runs: "replicate" the tuned winners, "printed" the document's own settings, "defaults" the
            library's; "tuning" what each seed gained by tuning, the winner's value less the defaults'; "sweep" a sweep.
        epoch: counted from 1; None for the end of training.
        target: then "better" means fewer epochs until the metric reaches it; a run that never does counts one more
            than the longest run had.
        direction: "maximize" or "minimize"; None reads it from the metric's name.
        within: then the claim is a likeness: the arms differ by less than this.
        region: differences smaller than this do not matter to anyone (the region of practical equivalence).
        sweep: the name of the sweep.
        at: the values of the sweep that the claim is about; empty for all.
        over: how a seed's runs over those values become one number: their "mean", the "worst" of them, or their
            "spread" (standard deviation), of which less is better.
        untestable: why this study cannot test the claim; then the other arguments may be left out.
        control: it is no claim of the document but one about two identical arms, judged by itself.
    """

    text: str
    better: str = ""
    than: Sequence[str] = ()
    metric: str = ""
    phase: str = "replicate"
    epoch: int | None = None
    target: float | None = None
    direction: str | None = None
    within: float | None = None
    region: float | None = None
    sweep: str = ""
    at: Mapping[str, Any] = field(default_factory=dict)  # JSON scalars
    over: str = "mean"
    untestable: str = ""
    control: bool = False

    def __post_init__(self) -> None:
        require(
            isinstance(self.text, str) and bool(self.text.strip()), f"Claim.text must say the claim, got {self.text!r}"
        )
        object.__setattr__(self, "than", (self.than,) if isinstance(self.than, str) else tuple(self.than))
        if self.untestable:
            return
        require_metric(f"Claim.metric of {self.text!r}", self.metric)
        require(bool(self.than), f"Claim.than of {self.text!r} must name at least one arm, got none")
        require(
            self.better not in self.than, f"Claim.than of {self.text!r} must not name the better arm, got {self.than!r}"
        )
        for name, allowed in (("phase", CLAIM_PHASES), ("over", REDUCTIONS)):
            value = getattr(self, name)
            require(
                value in allowed, f"Claim.{name} of {self.text!r} must be one of {', '.join(allowed)}, got {value!r}"
            )
        require(
            (self.phase == "sweep") == bool(self.sweep),
            f"Claim.sweep of {self.text!r} names a sweep where phase is sweep, got phase {self.phase!r} and "
            f"sweep {self.sweep!r}",
        )
        object.__setattr__(self, "at", frozen(f"Claim.at of {self.text!r}", self.at))
        require(
            bool(self.sweep) or (self.over == "mean" and not self.at),
            f"Claim.over and Claim.at of {self.text!r} are about a sweep, got over {self.over!r} and at "
            f"{dict(self.at)!r}: name the sweep, or leave them out",
        )
        self._check_numbers()
        if self.direction is None:
            object.__setattr__(self, "direction", direction_of(self.metric))
        require_direction(f"Claim.direction of {self.text!r}", self.direction)

    @property
    def sign(self) -> int:
        """1 where more of what the claim compares is better, else -1."""
        fewer = self.target is not None or self.phase == "tuning" or self.over == "spread"
        return -1 if fewer or self.direction == "minimize" else 1

    def _check_numbers(self) -> None:
        require(
            self.epoch is None or is_count(self.epoch),
            f"Claim.epoch of {self.text!r} must be None or at least 1, got {self.epoch!r}",
        )
        require(
            self.target is None or (is_number(self.target) and self.epoch is None),
            f"Claim.target of {self.text!r} must be a number, and then epoch must be None, got {self.target!r}",
        )
        for name in ("within", "region"):
            value = getattr(self, name)
            require(
                value is None or (is_number(value) and value > 0),
                f"Claim.{name} of {self.text!r} must be a number above 0, got {value!r}",
            )
        require(
            self.within is None or self.region is None,
            f"Claim.region of {self.text!r} must be None where within is given, got both: a likeness has its margin",
        )


def direction_of(metric: str) -> str:
    """The direction in which a metric gets better, read from its name.

    Raises:
        StudyError: the name does not tell.
    """
    words = metric.split("_")
    if any(word in _UP for word in words):
        return "maximize"
    if any(word in _DOWN for word in words):
        return "minimize"
    raise StudyError(f"the name of metric {metric!r} does not say which way is better: state direction")


def _half_unit(text: str) -> float:
    mantissa, _, exponent = text.strip().lower().partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
