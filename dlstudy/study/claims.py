"""The figures and claims of a document: figures of runs, figures that arithmetic can check, claims as comparisons.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dlstudy.common.text import short_repr
from dlstudy.study.metrics import direction_of, require_metric
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.validation import (
    direction_from,
    enum_from,
    frozen,
    is_count,
    is_number,
    items_of,
    require,
    require_text,
)

__all__ = ["SIGNIFICANCE", "Claim", "ClaimPhase", "Derived", "Reduction", "Reported", "seeds_needed"]

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Reported:
    """A figure that the document reports of a run.

    Args:
        arm: the arm that it describes.
        metric: `train_`, `val_` or `test_` and a name. A figure from test images is `test_`, whatever the document
            calls it.
        value: the figure; as text where trailing zeros matter ("0.9560" was given to four decimals).
        epoch: the epoch it was read at, counted from 1; None for the end of training.
        setting: where it was not trained at the arm's reported setting: the parameters that differ, `batch_size` and
            `epochs` included. Such figures are trained on request only (`--reported-variants`).
        place: where it is in the document.
    """

    arm: str
    metric: str
    value: float | str
    epoch: int | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)  # as Arm.setting
    place: str = ""

    def __post_init__(self) -> None:
        require_text("Reported.arm", self.arm)
        require_metric(f"Reported.metric of arm {self.arm}", self.metric)
        _require_figure(f"Reported.value of {self.arm} {self.metric}", self.value, "")
        require(
            self.epoch is None or is_count(self.epoch),
            f"Reported.epoch of {self.arm} {self.metric} must be None or at least 1, got {short_repr(self.epoch)}",
        )
        object.__setattr__(self, "setting", frozen(f"Reported.setting of arm {self.arm}", self.setting))
        require_text(f"Reported.place of arm {self.arm}", self.place, may_be_empty=True)

    @classmethod
    def several(
        cls,
        arm: str,
        *,
        prefix: str = "",
        epoch: int | None = None,
        setting: Mapping[str, Any] | None = None,  # as Arm.setting
        place: str = "",
        **values: float | str,
    ) -> list["Reported"]:
        """Several figures of one run, by metric.

        Args:
            arm, epoch, setting, place: as for one figure.
            prefix: goes before each metric's name, such as `train_end_`.
            values: metric to figure.

        Example::

            Reported.several("sgd", epoch=10, train_accuracy="0.9465", test_accuracy="0.9560")
        """
        return [cls(arm, f"{prefix}{metric}", value, epoch, setting or {}, place) for metric, value in values.items()]

    @property
    def number(self) -> float:
        """The figure as a number."""
        return float(self.value)

    @property
    def half_unit(self) -> float:
        """Half a unit of the last digit given: what rounding may have hidden."""
        return _half_unit(str(self.value))


@dataclass(frozen=True)
class Derived:
    """A figure of the document that follows from its own statements by arithmetic: no training is needed to check it.

    Args:
        text: what the figure is.
        reported: as the document has it, digits and all ("1,100").
        value: the right value.
        why: the cause, if the document is wrong.
    """

    text: str
    reported: float | str
    value: float
    why: str = ""

    def __post_init__(self) -> None:
        require_text("Derived.text", self.text)
        of = f"of {short_repr(self.text)}"
        _require_figure(f"Derived.reported {of}", self.reported, ",")
        require(is_number(self.value), f"Derived.value {of} must be a finite number, got {short_repr(self.value)}")
        require_text(f"Derived.why {of}", self.why, may_be_empty=True)

    def agrees(self) -> bool:
        """Whether the right value rounds to the reported one."""
        text = str(self.reported).replace(",", "")
        # In float64, 0.80 - 0.795 exceeds 0.005.
        return abs(self.value - float(text)) <= _half_unit(text) * (1 + 1e-9)


class ClaimPhase(StrEnum):
    """Which runs a claim compares."""

    REPLICATE = "replicate"
    """The tuned winners."""
    REPORTED = "reported"
    """The document's own settings."""
    DEFAULTS = "defaults"
    """The library's settings."""
    TUNING = "tuning"
    """What each seed gained by tuning: the winner's value less that of the defaults."""
    SWEEP = "sweep"
    """The runs of a sweep."""

    @property
    def compares_winners(self) -> bool:
        """Whether the winners of searches enter, so that the claim may be about methods."""
        return self in (ClaimPhase.REPLICATE, ClaimPhase.TUNING)

    @property
    def runs(self) -> Phase:
        """The phase of the runs."""
        return Phase.REPLICATE if self is ClaimPhase.TUNING else Phase(self.value)

    @property
    def stated_phase(self) -> Phase | None:
        """The phase whose setting each arm of the claim has to state; None where there is none."""
        return {
            ClaimPhase.REPORTED: Phase.REPORTED,
            ClaimPhase.DEFAULTS: Phase.DEFAULTS,
            ClaimPhase.TUNING: Phase.DEFAULTS,
        }.get(self)


class Reduction(StrEnum):
    """How the runs of one seed over the points of a sweep become one number."""

    MEAN = "mean"
    WORST = "worst"
    SPREAD = "spread"
    """Standard deviation, of which less is better."""


@dataclass(frozen=True)
class Claim:
    """A sentence of the document, turned into a comparison over paired seeds.

    Args:
        text: the claim as the document words it.
        better: the arm that is claimed to be better.
        than: the arms it is claimed to be better than; the claim holds only if it is better than each of them.
        metric: what "better" means; each run's own value, at `epoch` if given, else at the end of training.
        phase: which runs: "replicate", "reported", "defaults", "tuning" or "sweep", as `ClaimPhase` describes them.
        epoch: counted from 1; None for the end of training.
        target: if given, "better" means fewer epochs until the metric reaches it; a run that never does counts one
            more than the longest run had.
        direction: "maximize" or "minimize"; None reads it from the metric's name.
        margin: if given, the claim is one of equivalence: the arms differ by less than this.
        rope: differences smaller than this do not matter to anyone (the region of practical equivalence).
        sweep: the name of the sweep.
        at: the values of the sweep that the claim is about; empty for all.
        over: how a seed's runs over those values become one number: "mean", "worst" or "spread".
        untestable: why this study cannot test the claim; then the other arguments may be left out.
        aa_test: it is not a claim of the document but an A/A test of two identical arms, judged by itself.
    """

    text: str
    better: str = ""
    than: Sequence[str] = ()
    metric: str = ""
    phase: ClaimPhase = ClaimPhase.REPLICATE
    epoch: int | None = None
    target: float | None = None
    direction: Direction | None = None
    margin: float | None = None
    rope: float | None = None
    sweep: str = ""
    at: Mapping[str, Any] = field(default_factory=dict)  # JSON scalars
    over: Reduction = Reduction.MEAN
    untestable: str = ""
    aa_test: bool = False

    def __post_init__(self) -> None:
        require_text("Claim.text", self.text)
        of = f"of {short_repr(self.text)}"
        for name in ("better", "sweep", "untestable"):
            require_text(f"Claim.{name} {of}", getattr(self, name), may_be_empty=True)
        require(
            isinstance(self.aa_test, bool), f"Claim.aa_test {of} must be True or False, got {short_repr(self.aa_test)}"
        )
        than = (self.than,) if isinstance(self.than, str) else items_of(f"Claim.than {of}", self.than, str)
        object.__setattr__(self, "than", than)
        if self.untestable:
            return
        self._check_comparison()
        self._check_numbers()
        given = direction_of(self.metric) if self.direction is None else self.direction
        object.__setattr__(self, "direction", direction_from(f"Claim.direction {of}", given))

    def _check_comparison(self) -> None:
        of = f"of {short_repr(self.text)}"
        require_metric(f"Claim.metric {of}", self.metric)
        require(bool(self.than), f"Claim.than {of} must name at least one arm, got none")
        require(
            self.better not in self.than,
            f"Claim.than {of} must not name the better arm, got {short_repr(self.than)}",
        )
        require(
            len(set(self.than)) == len(self.than),
            f"Claim.than {of} must name each arm once, got {short_repr(self.than)}",
        )
        for name, kind in (("phase", ClaimPhase), ("over", Reduction)):
            object.__setattr__(self, name, enum_from(f"Claim.{name} {of}", kind, getattr(self, name)))
        require(
            (self.phase is ClaimPhase.SWEEP) == bool(self.sweep),
            f"Claim.sweep {of} names a sweep where phase is sweep, got phase {short_repr(self.phase.value)} and "
            f"sweep {short_repr(self.sweep)}",
        )
        object.__setattr__(self, "at", frozen(f"Claim.at {of}", self.at))
        require(
            bool(self.sweep) or (self.over is Reduction.MEAN and not self.at),
            f"Claim.over and Claim.at {of} are about a sweep, got over {short_repr(self.over.value)} and at "
            f"{short_repr(dict(self.at))}: name the sweep, or leave them out",
        )

    @property
    def n_hypotheses(self) -> int:
        """How many of its null hypotheses can be true at once: of several arms, one may be equal and another not."""
        return 2 if self.rope and len(self.than) > 1 else 1

    @property
    def sign(self) -> int:
        """1 where more of what the claim compares is better, else -1."""
        fewer = self.target is not None or self.phase is ClaimPhase.TUNING or self.over is Reduction.SPREAD
        return -1 if fewer else self.better_direction.sign

    @property
    def better_direction(self) -> Direction:
        """The direction of its metric, once it has been checked."""
        assert self.direction is not None
        return self.direction

    def _check_numbers(self) -> None:
        of = f"of {short_repr(self.text)}"
        require(
            self.epoch is None or is_count(self.epoch),
            f"Claim.epoch {of} must be None or at least 1, got {short_repr(self.epoch)}",
        )
        require(
            self.target is None or (is_number(self.target) and self.epoch is None),
            f"Claim.target {of} must be a number, and then epoch must be None, got {short_repr(self.target)}",
        )
        for name in ("margin", "rope"):
            value = getattr(self, name)
            require(
                value is None or (is_number(value) and value > 0),
                f"Claim.{name} {of} must be a number above 0, got {short_repr(value)}",
            )
        require(
            self.margin is None or self.rope is None,
            f"Claim.rope {of} must be None where margin is given, got both: a claim of equivalence has its margin",
        )


def seeds_needed(n_claims: int) -> int:
    """The fewest paired seeds with which each of `n_claims` claims can reach significance at all.

    The smallest two-sided p of an exact sign-flip test on n pairs is 2 / 2^n; Bonferroni asks for 0.05 / n_claims.
    """
    return math.ceil(math.log2(2 * n_claims / SIGNIFICANCE)) if n_claims else 1


def _require_figure(what: str, value: object, left_out: str) -> None:
    """A reported figure is a number, or the text of one, which may have the given letters in it."""
    try:
        text = "".join(letter for letter in str(value) if letter not in left_out)
        finite = math.isfinite(float(text)) and math.isfinite(_half_unit(text))
    except (TypeError, ValueError, OverflowError):
        finite = False
    require(finite, f"{what} must be a finite number, got {short_repr(value)}")


def _half_unit(text: str) -> float:
    mantissa, _, exponent = text.strip().lower().partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
