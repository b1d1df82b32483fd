"""How often two methods are told apart that are equal, or that differ, by the number of searches and seeds."""

from collections.abc import Iterator

import numpy as np
from optuna.distributions import FloatDistribution

from benchmarks.truth.simulated import build, resolved, trials_of
from dlstudy import Arm, Claim, Protocol, Study
from dlstudy.analysis.registration import plan_of
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.runner.plan import Training
from dlstudy.store.notes import Notes

__all__ = ["table"]

_CURVATURE = 0.3
_WAYS = {
    "1 search, 9 seeds": Protocol(searches=1),
    "3 searches, 8 seeds": Protocol(searches=3, trials=8, seeds=8),
    "5 searches, 3 seeds": Protocol(),
}
_NOISES = {"flat": 0.01, "0.5": 0.03, "0.7": 0.01, "1.5": 0.0035}
"""Standard deviation of a run, by that of a search in units of it, as two parameters of this curvature give it."""


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table: for each noise and each way, how often equal and different methods were told apart."""
    yield "sd of a search / of a seed | way | equal: told apart | 2 sd apart: supported | trainings an arm"
    for ratio, noise in _NOISES.items():
        for way, protocol in _WAYS.items():
            equal, apart = (
                [_one(ratio, noise, protocol, difference, i) for i in range(n_studies)] for difference in (0, 2 * noise)
            )
            false = np.mean([verdict in ("supported", "contradicted") for verdict, _ in equal])
            found = np.mean([verdict == "supported" for verdict, _ in apart])
            yield f"{ratio} | {way} | {false:.0%} | {found:.0%} | {np.mean([n for _, n in equal]):.0f}"


def _one(ratio: str, noise: float, protocol: Protocol, difference: float, number: int) -> tuple[str, float]:
    """One study of two arms with optima in places of their own: the verdict, and the trainings of an arm."""
    rng = np.random.default_rng(number)
    curvature = 0.0 if ratio == "flat" else _CURVATURE
    optima = {name: rng.uniform(0.25, 0.75, 2) for name in ("a", "b")}
    space = {name: FloatDistribution(0.0, 1.0) for name in ("p0", "p1")}
    claim = Claim("a is better", better="a", than="b", metric="test_accuracy")
    arms = [Arm(name, {"kind": name}, space) for name in optima]
    study = resolved(Study("Is it?", "digits", build, arms, protocol, claims=[claim]), f"s{number}")

    def truth(training: Training, seed: int) -> dict[str, float]:
        arm, tuned = training.arm.name, training.tuned or {}
        lost = curvature * sum((tuned[name] - best) ** 2 for name, best in zip(space, optima[arm], strict=True))
        quality = 0.9 + (difference if arm == "a" else 0.0) - lost
        # A validation and a test value of the same run, each with a noise of its own.
        drawn = np.random.default_rng([seed, number, arm == "a"]).normal(0, noise, 2)
        return {"val_accuracy": quality + drawn[0], "test_accuracy": quality + drawn[1]}

    trials = trials_of(study, truth)
    trial_index = TrialIndex(study, trials, Notes(plan_of(study), planned_s=1.0))
    (judged,) = judge_claims(study, study.claims, trial_index, [])
    return str(judged.verdict), len(trials) / 2
