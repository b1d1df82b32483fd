"""Runs of ours against results from elsewhere that no seed pairs with them: Welch's t, of what is known of each side.

The difference of a run is that from the mean of the results from elsewhere, so that the differences have the spread of
our runs; the standard error of that mean is added to theirs. A single figure has none: it is a fixed number, and
Welch's t is then Student's, of one sample.

Source: Welch 1947, with the degrees of freedom of Satterthwaite 1946.
"""

import math
from collections.abc import Sequence

from dlstudy.analysis.inference import SLACK, Interval, mean_and_sd
from dlstudy.analysis.student import found_shift, interval_of, tail_p
from dlstudy.study.elsewhere import Figures

__all__ = ["beyond_p", "difference_p", "equivalence_p", "interval", "smallest_difference"]


def difference_p(differences: Sequence[float], elsewhere: Figures) -> float:
    """Two-sided p that there is no difference.

    Args:
        differences: (n,) float64, of each of our runs from the mean of the results from elsewhere, at least two.
        elsewhere: those results.
    """
    mean, error, degrees = _welch(differences, elsewhere)
    return min(1.0, 2 * tail_p(abs(mean), error, degrees))


def interval(differences: Sequence[float], elsewhere: Figures, level: float = 0.95) -> Interval:
    """The interval of the mean difference; arguments as of `difference_p`, and its coverage in (0, 1)."""
    return interval_of(*_welch(differences, elsewhere), level)


def equivalence_p(differences: Sequence[float], elsewhere: Figures, margin: float) -> float:
    """The larger p of two one-sided tests: small where the difference lies within the margin (Schuirmann 1987)."""
    mean, error, degrees = _welch(differences, elsewhere)
    return tail_p(margin - abs(mean), error, degrees)


def beyond_p(differences: Sequence[float], elsewhere: Figures, margin: float) -> float:
    """One-sided p: small where the difference lies beyond the margin, on its own side (Murphy and Myors 1999)."""
    mean, error, degrees = _welch(differences, elsewhere)
    return tail_p(abs(mean) - margin, error, degrees)


def smallest_difference(sd: float, n: int, elsewhere: Figures, alpha: float) -> float:
    """The true difference that a two-sided test of n such runs finds in four of five cases; 0 without any spread.

    Args:
        sd: standard deviation of our runs.
        n: how many there are, at least two.
        elsewhere: the results from elsewhere.
        alpha: level of the test.
    """
    return found_shift(*_error(sd / math.sqrt(n), n, elsewhere), alpha, 0.8)


def _welch(differences: Sequence[float], elsewhere: Figures) -> tuple[float, float, float]:
    """The mean difference, its standard error, and the degrees of freedom of that."""
    mean, sd = mean_and_sd(differences)
    alike = max(differences) - min(differences) <= SLACK * max(map(abs, differences))
    ours = 0.0 if alike else (sd or 0.0) / math.sqrt(len(differences))
    return mean, *_error(ours, len(differences), elsewhere)


def _error(ours: float, n: int, elsewhere: Figures) -> tuple[float, float]:
    """The standard error of a difference, by that of our n runs, and its degrees of freedom (Satterthwaite)."""
    theirs = elsewhere.standard_error
    spread = ours**4 / (n - 1) + (theirs**4 / (elsewhere.n - 1) if theirs else 0.0)
    return math.hypot(ours, theirs), (ours**2 + theirs**2) ** 2 / spread if spread else math.inf
