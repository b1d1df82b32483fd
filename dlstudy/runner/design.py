"""The search's design, fixed in advance: a table of points in an arm's space, the same for any number of workers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dlstudy.study.seeds import number_of

__all__ = ["design_table", "point"]


def design_table(
    study: str, space: Mapping[str, BaseDistribution], n_rows: int, sampler: str, stream: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The first rows of a study's design, mapped to a space.

    A longer table begins with the shorter one. Arms whose spaces have the same number of parameters share the points
    of the unit cube, so that no arm has a luckier draw; they map them to their own ranges.

    Args:
        study: the study's name, which fixes the scramble.
        space: parameter name to distribution; columns go by name.
        n_rows: how many.
        stream: distinguishes independent designs of the same study.
        sampler: "sobol" for a scrambled Sobol sequence, "random" for independent uniform draws.

    Source: Owen 1995 (scrambling); Joe and Kuo 2008 (direction numbers), as in `scipy.stats.qmc.Sobol`.
    """
    names = sorted(space)
    if not names:
        return [{} for _ in range(n_rows)]
    seed = number_of(study, "design", sampler, *stream)
    if sampler == "random":
        cube = np.random.default_rng(seed).random((n_rows, len(names)))
    else:
        from scipy.stats import qmc

        sobol = qmc.Sobol(len(names), scramble=True, rng=np.random.default_rng(seed))
        cube = sobol.random_base2(max(0, math.ceil(math.log2(n_rows))))[:n_rows]
    return [{name: point(space[name], u) for name, u in zip(names, row, strict=True)} for row in cube]


def point(distribution: BaseDistribution, u: float) -> Any:  # Any: whatever the distribution holds
    """The value of a distribution at u in [0, 1): its quantile under a uniform draw, on a log scale if it says so."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(u * len(distribution.choices))]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if isinstance(distribution, FloatDistribution) and step is None:
        if distribution.log:
            value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
            return min(high, max(low, value))
        return low + u * (high - low)
    step = step or 1
    if distribution.log:  # an integer's cell reaches half a step to either side, as in Optuna
        bottom, top = math.log(low - 0.5), math.log(high + 0.5)
        return min(int(high), max(int(low), round(math.exp(bottom + u * (top - bottom)))))
    value = low + step * int(u * (round((high - low) / step) + 1))
    return int(value) if isinstance(distribution, IntDistribution) else min(high, value)
