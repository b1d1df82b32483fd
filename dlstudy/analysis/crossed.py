"""The mean of a difference that every unit has for every row: units and rows are both samples, and they are crossed.

A unit is a seed or a search, a row is one of the test set. An interval over units alone holds for these rows; the one
here holds for other units and other rows of the same kinds. Pure functions.
"""

import math
from dataclasses import dataclass

import numpy as np

from dlstudy.analysis.inference import SLACK, Interval
from dlstudy.analysis.student import found_shift, interval_of, tail_p
from dlstudy.errors import DataError

__all__ = ["CrossedMean", "beyond_p", "crossed_mean", "equivalence_p", "smallest_difference"]


@dataclass(frozen=True)
class CrossedMean:
    """The mean over units and rows, for other units and other rows.

    Args:
        n_units, n_rows: how many there are.
        mean: of all differences.
        standard_error: of the mean; 0 where all differences are equal.
        degrees_of_freedom: of the standard error (Satterthwaite); infinite where that is 0.
        interval, interval_90: of the mean, at 95 and 90 %.
        p: two-sided, that the mean is zero.
        sd_units, sd_rows, sd_interaction: standard deviations of the effects: of a unit on all rows, of a row in all
            units, and of what is left of one row in one unit. Those that would be negative are 0.
    """

    n_units: int
    n_rows: int
    mean: float
    standard_error: float
    degrees_of_freedom: float
    interval: Interval
    interval_90: Interval
    p: float
    sd_units: float
    sd_rows: float
    sd_interaction: float


@dataclass(frozen=True)
class _Variances:
    """Variances of the mean: of the means of units, of the means of rows, and of the interaction in both of them."""

    units: float
    rows: float
    interaction: float
    n_units: int
    n_rows: int

    @property
    def of_mean(self) -> float:
        """The interaction is in the first two, and counts once. What is left of the units is not below zero."""
        return self.rows + max(0.0, self.units - self.interaction)

    @property
    def degrees(self) -> float:
        """Satterthwaite's degrees of freedom of `of_mean`; infinite where it is 0."""
        m, n = self.n_units - 1, self.n_rows - 1
        spread = self.units**2 / m + self.rows**2 / n + self.interaction**2 / (m * n)
        return self.of_mean**2 / spread if self.of_mean > 0 else math.inf


def crossed_mean(differences: np.ndarray) -> CrossedMean:
    """The mean with what units and rows add to its variance.

    Var = V_rows + max(0, V_units - V_interaction), with V_units the variance of the mean of the units' means (what an
    interval over units rests on), V_rows likewise of the rows, and V_interaction that of the residuals.

    Coverage in simulations: see `docs/numbers.md`.

    Args:
        differences: (units, rows) float64, complete.

    Raises:
        DataError: fewer than two units or two rows, or a difference that is not finite.

    Source: Searle, Casella and McCulloch 1992, Variance Components, chapter 4 (two-way crossed, random); Satterthwaite
    1946; Gallas, Bandos, Samuelson and Wagner 2009 (readers and cases, as in iMRMC).
    """
    array = np.asarray(differences, np.float64)
    if array.ndim != 2 or min(array.shape) < 2 or not np.isfinite(array).all():
        raise DataError(f"at least 2 units of at least 2 rows, all finite, are needed, got shape {array.shape}")
    n_units, n_rows = array.shape
    apart = array - array[0, 0]  # of which equal ones are 0 exactly
    apart[abs(apart) <= SLACK * abs(array).max()] = 0.0
    mean, of_units, of_rows = float(apart.mean() + array[0, 0]), apart.mean(axis=1), apart.mean(axis=0)
    residuals = apart - of_units[:, None] - of_rows + apart.mean()
    interaction = float((residuals**2).sum()) / ((n_units - 1) * (n_rows - 1))
    variances = _Variances(
        float(of_units.var(ddof=1)) / n_units, float(of_rows.var(ddof=1)) / n_rows, interaction / array.size,
        n_units, n_rows,
    )  # fmt: skip
    error, degrees = math.sqrt(variances.of_mean), variances.degrees
    return CrossedMean(
        n_units, n_rows, mean, error, degrees,
        interval=interval_of(mean, error, degrees, 0.95),
        interval_90=interval_of(mean, error, degrees, 0.90),
        p=min(1.0, 2 * tail_p(abs(mean), error, degrees)),
        sd_units=math.sqrt(max(0.0, variances.units - variances.interaction) * n_units),
        sd_rows=math.sqrt(max(0.0, variances.rows - variances.interaction) * n_rows),
        sd_interaction=math.sqrt(interaction),
    )  # fmt: skip


def equivalence_p(found: CrossedMean, margin: float) -> float:
    """The larger p of two one-sided t tests: below 0.05 where the 90 % interval lies within the margin (TOST).

    Source: Schuirmann 1987.
    """
    return tail_p(margin - abs(found.mean), found.standard_error, found.degrees_of_freedom)


def beyond_p(found: CrossedMean, margin: float) -> float:
    """The p of a one-sided t test: small where the true mean lies beyond the margin, on the side of the mean.

    Source: Murphy and Myors 1999.
    """
    return tail_p(abs(found.mean) - margin, found.standard_error, found.degrees_of_freedom)


def smallest_difference(found: CrossedMean, n_units: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true mean difference that a two-sided test of this many units, on as many rows, finds with this power.

    Source: noncentral t, with Satterthwaite's degrees of freedom of the variances to be expected.
    """
    interaction = found.sd_interaction**2 / (n_units * found.n_rows)
    units, rows = found.sd_units**2 / n_units + interaction, found.sd_rows**2 / found.n_rows + interaction
    expected = _Variances(units, rows, interaction, n_units, found.n_rows)
    return found_shift(math.sqrt(expected.of_mean), expected.degrees, alpha, power)
