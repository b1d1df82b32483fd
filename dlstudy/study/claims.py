"""What a document prints and claims: figures of runs, figures that can be computed, sentences made comparisons.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlstudy.common.text import shown, told
from dlstudy.errors import StudyError
from dlstudy.study.validation import (
    frozen,
    is_count,
    is_number,
    items_of,
    require,
    require_direction,
    require_metric,
    require_text,
)

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
        require_text("Printed.arm", self.arm)
        require_metric(f"Printed.metric of arm {self.arm}", self.metric)
        _require_figure(f"Printed.value of {self.arm} {self.metric}", self.value, "")
        require(
            self.epoch is None or is_count(self.epoch),
            f"Printed.epoch of {self.arm} {self.metric} must be None or at least 1, got {shown(self.epoch)}",
        )
        object.__setattr__(self, "setting", frozen(f"Printed.setting of arm {self.arm}", self.setting))
        require_text(f"Printed.place of arm {self.arm}", self.place, may_be_empty=True)

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
        require_text("Computed.text", self.text)
        _require_figure(f"Computed.printed of {shown(self.text)}", self.printed, ",")
        require(
            callable(self.compute),
            f"Computed.compute of {shown(self.text)} must be a function, got {shown(self.compute)}",
        )
        require_text(f"Computed.why of {shown(self.text)}", self.why, may_be_empty=True)

    @property
    def number(self) -> float:
        """The printed figure as a number."""
        return float(str(self.printed).replace(",", ""))

    def value(self) -> float:
        """The right value.

        Raises:
            StudyError: `compute` fails, or gives no finite number.
        """
        try:
            value = float(self.compute())
        except Exception as error:  # whatever the study's own code raises
            raise StudyError(f"Computed.compute of {shown(self.text)} must give a number, got {told(error)}") from error
        require(math.isfinite(value), f"Computed.compute of {shown(self.text)} must give a finite number, got {value}")
        return value

    def agrees(self) -> bool:
        """Whether the right value rounds to what is printed."""
        half_unit = _half_unit(str(self.printed).replace(",", ""))
        return abs(self.value() - self.number) <= half_unit * (1 + 1e-9)  # in float64, 0.80 - 0.795 exceeds 0.005


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
        require_text("Claim.text", self.text)
        of = f"of {shown(self.text)}"
        for name in ("better", "sweep", "untestable"):
            require_text(f"Claim.{name} {of}", getattr(self, name), may_be_empty=True)
        require(isinstance(self.control, bool), f"Claim.control {of} must be True or False, got {shown(self.control)}")
        than = (self.than,) if isinstance(self.than, str) else items_of(f"Claim.than {of}", self.than, str)
        object.__setattr__(self, "than", than)
        if self.untestable:
            return
        self._check_comparison()
        self._check_numbers()
        if self.direction is None:
            object.__setattr__(self, "direction", direction_of(self.metric))
        require_direction(f"Claim.direction {of}", self.direction)

    def _check_comparison(self) -> None:
        of = f"of {shown(self.text)}"
        require_metric(f"Claim.metric {of}", self.metric)
        require(bool(self.than), f"Claim.than {of} must name at least one arm, got none")
        require(
            self.better not in self.than,
            f"Claim.than {of} must not name the better arm, got {shown(self.than)}",
        )
        require(
            len(set(self.than)) == len(self.than),
            f"Claim.than {of} must name each arm once, got {shown(self.than)}",
        )
        for name, allowed in (("phase", CLAIM_PHASES), ("over", REDUCTIONS)):
            value = getattr(self, name)
            require(
                value in allowed,
                f"Claim.{name} {of} must be one of {', '.join(allowed)}, got {shown(value)}",
            )
        require(
            (self.phase == "sweep") == bool(self.sweep),
            f"Claim.sweep {of} names a sweep where phase is sweep, got phase {shown(self.phase)} and "
            f"sweep {shown(self.sweep)}",
        )
        object.__setattr__(self, "at", frozen(f"Claim.at {of}", self.at))
        require(
            bool(self.sweep) or (self.over == "mean" and not self.at),
            f"Claim.over and Claim.at {of} are about a sweep, got over {shown(self.over)} and at "
            f"{shown(dict(self.at))}: name the sweep, or leave them out",
        )

    @property
    def sign(self) -> int:
        """1 where more of what the claim compares is better, else -1."""
        fewer = self.target is not None or self.phase == "tuning" or self.over == "spread"
        return -1 if fewer or self.direction == "minimize" else 1

    def _check_numbers(self) -> None:
        of = f"of {shown(self.text)}"
        require(
            self.epoch is None or is_count(self.epoch),
            f"Claim.epoch {of} must be None or at least 1, got {shown(self.epoch)}",
        )
        require(
            self.target is None or (is_number(self.target) and self.epoch is None),
            f"Claim.target {of} must be a number, and then epoch must be None, got {shown(self.target)}",
        )
        for name in ("within", "region"):
            value = getattr(self, name)
            require(
                value is None or (is_number(value) and value > 0),
                f"Claim.{name} {of} must be a number above 0, got {shown(value)}",
            )
        require(
            self.within is None or self.region is None,
            f"Claim.region {of} must be None where within is given, got both: a likeness has its margin",
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
    raise StudyError(f"the name of metric {shown(metric)} does not say which way is better: state direction")


def _require_figure(what: str, value: object, left_out: str) -> None:
    """A printed figure is a number, or the text of one with such letters in it."""
    try:
        text = "".join(letter for letter in str(value) if letter not in left_out)
        finite = math.isfinite(float(text)) and math.isfinite(_half_unit(text))
    except (TypeError, ValueError, OverflowError):
        finite = False
    require(finite, f"{what} must be a finite number, got {shown(value)}")


def _half_unit(text: str) -> float:
    mantissa, _, exponent = text.strip().lower().partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
