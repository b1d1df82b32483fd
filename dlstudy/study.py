"""The study model: a question, its arms, its protocol, and what was printed and claimed about it.

Everything here is frozen and checked when it is made; a broken rule raises `StudyError`. Importing this module loads no
Keras and reads no file.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution

from dlstudy.checks import frozen, is_count, is_number, require, require_direction, require_metric, require_name
from dlstudy.errors import StudyError

__all__ = [
    "PHASES",
    "Arm",
    "Claim",
    "Printed",
    "Protocol",
    "Split",
    "Study",
    "direction_of",
    "require_name",
    "seeds_needed",
]

PHASES = ("printed", "search", "replicate")
SIGNIFICANCE = 0.05

_UP = ("accuracy", "auc", "r2", "precision", "recall", "f1")
_DOWN = ("loss", "error", "mse", "mae", "rmse")


@dataclass(frozen=True)
class Split:
    """Which rows train, which validate and which test.

    Args:
        validation: how many rows (int) or which share of them (float in [0, 1)) validate; 0 for none.
        test: None for the data set's own test rows, else the share in (0, 1) that is split off first.
        random_state: None takes the first rows; a number goes to scikit-learn's `train_test_split`.
    """

    validation: int | float = 0
    test: float | None = None
    random_state: int | None = None

    def __post_init__(self) -> None:
        share = isinstance(self.validation, float)
        require(
            is_number(self.validation) and 0 <= self.validation < (1 if share else math.inf),
            f"Split.validation must be a number of rows or a share in [0, 1), got {self.validation!r}",
        )
        require(
            self.test is None or (isinstance(self.test, float) and 0 < self.test < 1),
            f"Split.test must be None (the data set's own test rows) or a share in (0, 1), got {self.test!r}",
        )
        state = self.random_state
        require(
            state is None or (isinstance(state, int) and not isinstance(state, bool) and 0 <= state < 2**32),
            f"Split.random_state must be None or a whole number in [0, 2^32), got {state!r}",
        )
        require(
            self.test is None or self.random_state is not None,
            f"Split.random_state must be a number when Split.test is a share, got {self.random_state!r}",
        )

    def scaled(self, factor: float) -> "Split":
        """The same split of a data set `factor` times as large: a number of rows scales, a share stays."""
        rows = self.validation if isinstance(self.validation, float) else round(self.validation * factor)
        return Split(rows, self.test, self.random_state)


@dataclass(frozen=True)
class Arm:
    """One of the alternatives compared.

    Args:
        name: short, unique in its study: letters, digits, `_`, `.` and `-`.
        setting: what makes this arm that arm; goes to `build` in `p`.
        space: the nuisance parameters that the search tunes, name to Optuna distribution; may be empty.
        printed: the document's own value of every parameter in `space`; None where it printed no run of this arm.
        text: one line for readers.
    """

    name: str
    setting: Mapping[str, Any] = field(default_factory=dict)  # values are JSON scalars of the study's choosing
    space: Mapping[str, BaseDistribution] = field(default_factory=dict)
    printed: Mapping[str, Any] | None = None  # as setting
    text: str = ""

    def __post_init__(self) -> None:
        require_name("Arm.name", self.name)
        object.__setattr__(self, "setting", frozen(f"arm {self.name}: setting", self.setting))
        object.__setattr__(self, "space", frozen(f"arm {self.name}: space", self.space, BaseDistribution))
        both = sorted(set(self.setting) & set(self.space))
        require(not both, f"arm {self.name}: a parameter is either in setting or in space, got {both} in both")
        if self.printed is not None:
            object.__setattr__(self, "printed", frozen(f"arm {self.name}: printed", self.printed))
            missing = sorted(set(self.space) - set(self.printed))
            require(
                not missing,
                f"arm {self.name}: printed must give every parameter of space, got none for {missing}: add them",
            )


@dataclass(frozen=True)
class Protocol:
    """How every arm is treated.

    Args:
        epochs: passes over the training rows of a trial.
        batch_size: rows in a step. An arm may carry its own `epochs` or `batch_size` in setting, space or printed.
        trials: search trials for each arm.
        seeds: replicates for each arm, and trainings of each printed setting.
        metric: what the search looks at: a `val_` metric at the end of training.
        direction: "maximize" or "minimize".
        split: rows of search and replicate.
        printed_split: rows of the printed phase, where the document's differ; without validation rows the test rows
            are judged after every epoch, as the document did.
        rows: train and validate on so many rows only; None for all.
    """

    epochs: int = 10
    batch_size: int = 32
    trials: int = 8
    seeds: int = 8
    metric: str = "val_accuracy"
    direction: str = "maximize"
    split: Split = field(default_factory=lambda: Split(validation=0.1))
    printed_split: Split | None = None
    rows: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "trials", "seeds"):
            value = getattr(self, name)
            require(
                is_count(value),
                f"{name} must be a whole number from 1 to 1,000,000, got {value!r}: mend Protocol.{name}",
            )
        require(
            self.rows is None or is_count(self.rows),
            f"rows must be None or a whole number from 1 to 1,000,000, got {self.rows!r}: mend Protocol.rows",
        )
        require_metric("Protocol.metric", self.metric)
        require(
            self.metric.startswith("val_"),
            f"a search must not see the test set or judge by its training rows, got Protocol.metric={self.metric!r}: "
            "name a val_ metric",
        )
        require_direction("Protocol.direction", self.direction)
        require(
            self.split.validation > 0,
            f"the search needs validation rows, got Protocol.split={self.split!r}: raise Split.validation",
        )


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
        mantissa, _, exponent = str(self.value).strip().lower().partition("e")
        return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


@dataclass(frozen=True)
class Claim:
    """A sentence of the document, turned into a comparison.

    Args:
        text: the claim as the document words it.
        better: the arm that is said to be better.
        than: the arms it is said to be better than; the claim holds only if it is better than each of them.
        metric: what "better" means; each run's own value, at `epoch` if given, else at the end of training.
        phase: "replicate" compares the tuned winners, "printed" the document's own settings.
        epoch: counted from 1; None for the end of training.
        direction: "maximize" or "minimize"; None reads it from the metric's name.
        untestable: why this study cannot test the claim; then the other arguments may be left out.
    """

    text: str
    better: str = ""
    than: Sequence[str] = ()
    metric: str = ""
    phase: str = "replicate"
    epoch: int | None = None
    direction: str | None = None
    untestable: str = ""

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
        require(
            self.phase in ("printed", "replicate"),
            f"Claim.phase of {self.text!r} must be printed or replicate, got {self.phase!r}",
        )
        require(
            self.epoch is None or is_count(self.epoch),
            f"Claim.epoch of {self.text!r} must be None or at least 1, got {self.epoch!r}",
        )
        if self.direction is None:
            object.__setattr__(self, "direction", direction_of(self.metric))
        require_direction(f"Claim.direction of {self.text!r}", self.direction)


@dataclass(frozen=True)
class Study:
    """A question, its data, its arms and its protocol.

    Args:
        question: one sentence that ends in a question mark, as a reader would ask it.
        dataset: the name of a data set (`dlstudy data list`).
        build: `build(p)` returns a compiled Keras model or a scikit-learn estimator. `p` is a dict: the arm's setting,
            the trial's parameters, `batch_size`, `epochs`, `seed`, `input_shape` and `n_classes`.
        arms: at least one.
        protocol: how every arm is treated.
        printed: what the document prints.
        claims: what the document claims.
    """

    question: str
    dataset: str
    build: Callable[[dict[str, Any]], Any]  # Any: p holds JSON scalars; a model or estimator comes back
    arms: Sequence[Arm]
    protocol: Protocol = field(default_factory=Protocol)
    printed: Sequence[Printed] = ()
    claims: Sequence[Claim] = ()

    def __post_init__(self) -> None:
        require(
            isinstance(self.question, str) and bool(self.question.strip()),
            f"Study.question must ask something, got {self.question!r}",
        )
        require(isinstance(self.protocol, Protocol), f"Study.protocol must be a Protocol, got {self.protocol!r}")
        require_name("Study.dataset", self.dataset)
        require(callable(self.build), f"Study.build must be a function of p, got {self.build!r}")
        for name, kind in (("arms", Arm), ("printed", Printed), ("claims", Claim)):
            items = tuple(getattr(self, name))
            wrong = [item for item in items if not isinstance(item, kind)]
            require(not wrong, f"Study.{name} must hold {kind.__name__} objects only, got {wrong[:1]!r}")
            object.__setattr__(self, name, items)
        self._check_arms()
        self._check_seeds()

    def arm(self, name: str) -> Arm:
        """The arm of that name.

        Raises:
            StudyError: there is none.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        known = ", ".join(arm.name for arm in self.arms)
        raise StudyError(f"this study has no arm {name!r}: choose from {known}")

    def _check_arms(self) -> None:
        require(bool(self.arms), "a study needs at least one arm, got none: fill Study.arms")
        names = [arm.name.lower() for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"arm names must differ by more than case, got {twice} twice: rename one")
        for figure in self.printed:
            arm = self.arm(figure.arm)
            require(
                arm.printed is not None,
                f"a printed figure needs the setting it was made with, got Printed for {arm.name} without Arm.printed",
            )
        for claim in self.claims:
            if claim.untestable:
                continue
            for name in (claim.better, *claim.than):
                arm = self.arm(name)
                require(
                    claim.phase != "printed" or arm.printed is not None,
                    f"claim {claim.text!r} compares printed settings, got arm {name} without Arm.printed: add it",
                )

    def _check_seeds(self) -> None:
        n_claims = sum(not claim.untestable for claim in self.claims)
        needed = seeds_needed(n_claims)
        require(
            self.protocol.seeds >= needed,
            f"{n_claims} claims need at least {needed} seeds to reach significance "
            f"(2 / 2^seeds must not exceed {SIGNIFICANCE} / {n_claims}), got {self.protocol.seeds}: "
            "raise Protocol.seeds",
        )


def seeds_needed(n_claims: int) -> int:
    """The fewest paired seeds with which each of `n_claims` claims can reach significance at all.

    The smallest two-sided p of an exact sign-flip test on n pairs is 2 / 2^n; Bonferroni asks for 0.05 / n_claims.
    """
    return math.ceil(math.log2(2 * n_claims / SIGNIFICANCE)) if n_claims else 1


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
