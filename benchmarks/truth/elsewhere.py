"""How often runs are told apart from results from elsewhere, where the truth is known."""

from collections.abc import Iterator

import numpy as np

from dlstudy.analysis.comparison import compare
from dlstudy.analysis.results import Unit
from dlstudy.study.elsewhere import Elsewhere, Figures

__all__ = ["table"]

_SPREADS = (0.3, 1.0, 3.0)
"""Standard deviations of the results from elsewhere, where that of our runs is 1."""


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table; each row rests on `n_studies` simulated studies of equal means."""
    yield "ours | elsewhere | their sd | told apart, of equal ones | a difference of 1 found"
    for ours in (3, 5, 8, 15):
        yield _row(ours, 1, 0.0, n_studies)
        for theirs in (2, 3, 5, 10):
            for sd in _SPREADS:
                yield _row(ours, theirs, sd, n_studies)


def _row(ours: int, theirs: int, sd: float, n_studies: int) -> str:
    rng = np.random.default_rng(ours)
    apart, found = 0, 0
    for _ in range(n_studies):
        values, results = rng.standard_normal(ours), _results(sd * rng.standard_normal(theirs))
        apart += _p(values - results.mean, results) <= 0.05
        found += _p(values + 1 - results.mean, results) <= 0.05
    return f"{ours} | {theirs} | {sd:g} | {apart / n_studies:.1%} | {found / n_studies:.0%}"


def _results(values: np.ndarray) -> Figures:
    return Elsewhere({"test_score": list(map(float, values))}, "a simulation").figures["test_score"]


def _p(differences: np.ndarray, results: Figures) -> float:
    return compare("paper", dict(enumerate(map(float, differences))), Unit.SEED, elsewhere=results).p or 0.0
