"""Welch's t test of our runs against results from elsewhere that are not on the same seeds.

The difference of a run is that from the mean of the results from elsewhere, so that the differences have the spread of
our runs; the standard error of that mean is added to theirs. A single figure has none: it is a fixed number, and
Welch's t is then Student's, of one sample.

With fewer than five values on a side, Welch's degrees of freedom promise too much: with two or three, up to 12 % of
equal results are told apart. The quantile is there the mean of those of both sides, weighted by their variances of the
mean (Cochran and Cox): see decision 082.

Source: Welch 1947; Satterthwaite 1946; Cochran and Cox 1950, Experimental Designs, section 4.14.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dlstudy.analysis.inference import SLACK, Interval, mean_and_sd
from dlstudy.study.elsewhere import Figures

__all__ = ["beyond_p", "difference_p", "equivalence_p", "interval", "smallest_difference"]

_FEW = 5
_SMALLEST_LOG_P = -690.0  # of a float64


def difference_p(differences: Sequence[float], elsewhere: Figures) -> float:
    """Two-sided p that there is no difference.

    Args:
        differences: (n,) float64, of each of our runs from the mean of the results from elsewhere, at least two.
        elsewhere: those results.
    """
    mean, error = _mean_and_error(differences, elsewhere)
    return min(1.0, 2 * error.tail_p(abs(mean)))


def interval(differences: Sequence[float], elsewhere: Figures, level: float = 0.95) -> Interval:
    """The interval of the mean difference; arguments as of `difference_p`, and its coverage in (0, 1)."""
    mean, error = _mean_and_error(differences, elsewhere)
    half = error.size * error.quantile((1 - level) / 2)
    return mean - half, mean + half


def equivalence_p(differences: Sequence[float], elsewhere: Figures, margin: float) -> float:
    """The larger p of two one-sided tests: small where the difference lies within the margin (Schuirmann 1987)."""
    mean, error = _mean_and_error(differences, elsewhere)
    return error.tail_p(margin - abs(mean))


def beyond_p(differences: Sequence[float], elsewhere: Figures, margin: float) -> float:
    """One-sided p: small where the difference lies beyond the margin, on its own side (Murphy and Myors 1999)."""
    mean, error = _mean_and_error(differences, elsewhere)
    return error.tail_p(abs(mean) - margin)


def smallest_difference(sd: float, n: int, elsewhere: Figures, alpha: float) -> float:
    """The true difference that a two-sided test of n such runs finds in four of five cases; 0 without any spread.

    Args:
        sd: standard deviation of our runs.
        n: how many there are, at least two.
        elsewhere: the results from elsewhere.
        alpha: level of the test.
    """
    from scipy.special import nctdtrinc

    error = _Error(sd / math.sqrt(n), n, elsewhere.standard_error, elsewhere.n)
    if not error.size:
        return 0.0
    return error.size * float(nctdtrinc(error.degrees, 0.2, error.quantile(alpha / 2)))


@dataclass(frozen=True)
class _Error:
    """The standard errors of two means, of `n` of our runs and of `n_theirs` results from elsewhere."""

    ours: float
    n: int
    theirs: float
    n_theirs: int

    @property
    def size(self) -> float:
        """The standard error of their difference."""
        return math.hypot(self.ours, self.theirs)

    @property
    def degrees(self) -> float:
        """Satterthwaite's degrees of freedom of it."""
        sides = [(error, n) for error, n in ((self.ours, self.n), (self.theirs, self.n_theirs)) if error]
        return 1 / sum((error / self.size) ** 4 / (n - 1) for error, n in sides)

    def quantile(self, p: float) -> float:
        """What Welch's t exceeds with this probability, below 1/2; 0 without any spread."""
        from scipy.special import stdtrit

        if not self.size:
            return 0.0
        if not self.theirs or min(self.n, self.n_theirs) >= _FEW:
            return -float(stdtrit(self.degrees, p))
        ours, theirs = (-float(stdtrit(n - 1, p)) for n in (self.n, self.n_theirs))
        return (self.ours**2 * ours + self.theirs**2 * theirs) / self.size**2

    def tail_p(self, distance: float) -> float:
        """One-sided p of a difference that lies this distance beyond a value; without any spread, 0 or 1."""
        if not self.size:
            return 0.0 if distance > 0 else 1.0
        low, high = _SMALLEST_LOG_P, math.log(0.5)
        for _ in range(60):
            middle = (low + high) / 2
            far = self.size * self.quantile(math.exp(middle)) > abs(distance)
            low, high = (middle, high) if far else (low, middle)
        return math.exp(high) if distance > 0 else 1 - math.exp(high)


def _mean_and_error(differences: Sequence[float], elsewhere: Figures) -> tuple[float, _Error]:
    mean, sd = mean_and_sd(differences)
    alike = max(differences) - min(differences) <= SLACK * max(map(abs, differences))
    ours = 0.0 if alike else (sd or 0.0) / math.sqrt(len(differences))
    return mean, _Error(ours, len(differences), elsewhere.standard_error, elsewhere.n)
