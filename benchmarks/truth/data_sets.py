"""Whether an interval over data sets covers the mean difference, and how often data sets that are alike seem unlike."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import chdtrc, stdtrit

from dlstudy.analysis.combining import heterogeneity, paule_mandel
from dlstudy.analysis.inference import paired_interval, prediction_interval

__all__ = ["table"]

_SEEDS = 6
_EACH = 20
"""Simulations for each study that is asked for: one takes a fraction of a millisecond."""


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table: shares of simulations, in which a difference has a standard error around 1 on each data set."""
    yield (
        "data sets, tau, precision | mean covered, equal weights | mean covered, Hartung-Knapp's weights | one more "
        "covered | p < 0.05, Welch's | p < 0.05, chi-squared"
    )
    for k in (3, 5, 10):
        for tau in (0.0, 0.5, 1.0, 3.0):
            for unlike in (0.0, 1.0):
                rng = np.random.default_rng(k)
                found = np.mean([_one(rng, k, tau, unlike) for _ in range(_EACH * n_studies)], axis=0)
                precision = "unlike" if unlike else "alike"
                yield f"{k}, {tau}, {precision} | {' | '.join(f'{share:.1%}' for share in found)}"


def _one(rng: np.random.Generator, k: int, tau: float, unlike: float) -> list[bool]:
    noise = np.exp(unlike * rng.standard_normal(k + 1)) * math.sqrt(_SEEDS)
    truth = tau * rng.standard_normal(k + 1)
    runs = truth[:, None] + noise[:, None] * rng.standard_normal((k + 1, _SEEDS))
    means, errors = runs.mean(axis=1), runs.std(axis=1, ddof=1) / math.sqrt(_SEEDS)
    one_more, means, errors, runs = means[-1], means[:-1], errors[:-1], runs[:-1]
    low, high = paired_interval(means)
    weighted_low, weighted_high = _hartung_knapp(means, errors)
    least, most = prediction_interval(means)
    found = heterogeneity(list(runs))
    assert found, "normal draws are never all alike"
    return [
        low <= 0 <= high,
        weighted_low <= 0 <= weighted_high,
        least <= one_more <= most,
        found.p <= 0.05,
        bool(chdtrc(k - 1, found.q) <= 0.05),
    ]


def _hartung_knapp(means: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """The usual random-effects interval, which weighs data sets by their precision.

    With Paule and Mandel's tau, the factor of Hartung and Knapp is 1 where tau is above 0, and is set to 1 where it is
    less (Roever, Knapp and Friede 2015).
    """
    weights = 1 / (errors**2 + paule_mandel(means, errors**2))
    mean = float(weights @ means / weights.sum())
    reach = float(stdtrit(len(means) - 1, 0.975)) / math.sqrt(weights.sum())
    return mean - reach, mean + reach
