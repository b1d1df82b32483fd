"""Whether the arm with the better optimum wins where its range was stated too low."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from optuna.distributions import FloatDistribution

from benchmarks.truth.simulated import build, resolved, trials_of
from dlstudy import Arm, Protocol, Study
from dlstudy.analysis.search_rounds import open_ends
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.runner.plan import Training

__all__ = ["Surface", "table"]

_LOW, _HIGH = 1e-4, 1e-1
_BETTER = 0.02
"""By how much the optimum of the one arm is better: of an accuracy, two points."""


@dataclass(frozen=True)
class Surface:
    """A response surface in places of the stated ranges: quadratic, and a cliff above the optimum of the first one.

    Args:
        n: parameters; from the third on they hardly matter.
        optimum: place of the first one's optimum in the arm that is better; 0 to 1 is inside of its range.
        noise: standard deviation of a run.
        flat: nothing matters, and no arm is better.
    """

    n: int
    optimum: float
    noise: float
    flat: bool = False

    def value(self, places: np.ndarray, optima: np.ndarray) -> float:
        """The quality at places (n,): 0 at the optima (n,)."""
        if self.flat:
            return 0.0
        weights = np.where(np.arange(self.n) < 2, 0.3, 0.03)
        cliff = 8 * max(0.0, float(places[0] - optima[0]) - 0.25)
        return max(-1.0, -float(weights @ (places - optima) ** 2) - cliff)


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table: for each surface and each way to search, how often the right arm won, and what it took."""
    ways = {
        "8 trials": Protocol(searches=1, trials=8, rounds=0),
        "16 trials": Protocol(searches=1, trials=16, rounds=0),
        "8, then rounds": Protocol(searches=1),
    }
    yield "parameters, optimum, noise | way | right arm | lost to the optimum | not bracketed | trials an arm"
    surfaces = [Surface(n, optimum, noise) for n in (1, 2, 3, 4) for optimum in (0.6, 1.3) for noise in (0.01, 0.03)]
    for surface in [*surfaces, *(Surface(n, 0.6, 0.01, flat=True) for n in (1, 4))]:
        for way, protocol in ways.items():
            found = np.array([one(surface, protocol, i) for i in range(n_studies)])
            right, lost, is_open, n_trials = found.mean(axis=0)
            place = "flat" if surface.flat else f"{surface.optimum}"
            of_surface = f"{surface.n}, {place}, {surface.noise} | {way}"
            yield f"{of_surface} | {right:.0%} | {lost:.3f} | {is_open:.0%} | {n_trials:.1f}"


def one(surface: Surface, protocol: Protocol, number: int) -> tuple[float, float, float, float]:
    """One study: whether the better arm's winner is better, what it lacks, whether it is open, the trials."""
    rng = np.random.default_rng(number)
    space = {f"p{i}": FloatDistribution(_LOW, _HIGH, log=True) for i in range(surface.n)}
    optima = {name: rng.uniform(0.3, 0.7, surface.n) for name in ("better", "worse")}
    optima["better"][0] = surface.optimum + rng.uniform(-0.1, 0.1)
    study = resolved(
        Study("Is it?", "digits", build, [Arm(name, {"kind": name}, space) for name in optima], protocol), f"s{number}"
    )

    def value(arm: str, tuned: dict[str, float]) -> float:
        width = math.log(_HIGH / _LOW)
        places = np.array([math.log(tuned[f"p{i}"] / _LOW) / width for i in range(surface.n)])
        less = 0.0 if arm == "better" or surface.flat else _BETTER
        return 0.9 - less + surface.value(places, optima[arm])

    def truth(training: Training, seed: int) -> dict[str, float]:
        drawn = np.random.default_rng([seed, number]).normal(0, surface.noise) if surface.noise else 0.0
        quality = value(training.arm.name, dict(training.tuned or {})) + drawn
        return {"val_accuracy": quality, "test_accuracy": quality}

    trials = trials_of(study, truth)
    index = TrialIndex(study, trials)
    best = {arm: index.winner(arm) for arm in optima}
    reached = {arm: value(arm, dict(trial.tuned)) for arm, trial in best.items() if trial}
    is_open = bool(open_ends(study, study.arm("better"), index.searched("better")))
    n_trials = len(index.searched("better"))
    right = reached["better"] > reached["worse"]
    return float(right), 0.9 - reached["better"], float(is_open), float(n_trials)
