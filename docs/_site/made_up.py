"""Studies whose trainings are made up, so that a page can show what dlstudy makes of given numbers."""

import math
from collections.abc import Sequence

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Reported, Study
from dlstudy.analysis.search_rounds import around, open_ends, round_size
from dlstudy.report.notebook import Results
from dlstudy.runner.design import design_table
from dlstudy.study.trial import TrialRecord
from tests.helpers.builders import build, make_trial, resolved, sum_up

RATE = {"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)}
TRIED = (0.001, 0.003, 0.01, 0.03, 0.1)


def results(
    claims: Sequence[Claim],
    *,
    reported: Sequence[Reported] = (),
    elsewhere: Sequence[Arm] = (),
    best: dict[str, float] | None = None,
    **runs: Sequence[float],
) -> Results:
    """What dlstudy says of a study whose arms reached these test accuracies.

    Args:
        claims, reported, elsewhere: of the study.
        best: the learning rate that won an arm's search, of `TRIED`; 0.01 unless named.
        runs: the test accuracy on each seed, by arm.
    """
    own = {"learning_rate": 0.01} if reported else None
    study = resolved(
        Study(
            question="Which arm is better?", dataset="digits", build=build, claims=claims, reported=reported,
            elsewhere=elsewhere,
            arms=[Arm(name, {"kind": name}, RATE, reported=own) for name in runs],
            protocol=Protocol(searches=1, rounds=0, trials=len(TRIED), seeds=max(map(len, runs.values()))),
        )
    )  # fmt: skip
    trials: list[TrialRecord] = []
    for arm, values in runs.items():
        winner = (best or {}).get(arm, 0.01)
        for i, rate in enumerate(TRIED):
            value = max(values) - abs(TRIED.index(winner) - i) / 100
            trials.append(make_trial(study, arm, "search", i, {"learning_rate": rate}, value=value))
        for phase in ["replicate", *(["reported"] if reported else [])]:
            trials += [
                make_trial(study, arm, phase, i, {"learning_rate": winner}, metrics={"test_accuracy": value})
                for i, value in enumerate(values)
            ]
    return Results(sum_up(study, trials))


def a_search(best: float, stated: tuple[float, float], trials: int) -> list[list[tuple[float, float]]]:
    """The learning rates and values of a search whose arm is best at one rate: its design, then each of its rounds."""
    space = {"learning_rate": FloatDistribution(*stated, log=True)}
    study = resolved(
        Study(
            question="Where is the best rate?", dataset="digits", build=build, arms=[Arm("arm", {}, space)],
            protocol=Protocol(searches=1, trials=trials),
        )
    )  # fmt: skip
    arm, tried, parts = study.arms[0], list[TrialRecord](), list[list[tuple[float, float]]]()
    while not parts or open_ends(study, arm, tried):
        ranges = around(study, arm, tried, len(parts) - 1) if parts else space
        size = round_size(study.protocol) if parts else trials
        parts.append([])
        for setting in design_table("s", ranges or space, size, "sobol", [f"round {len(parts)}"]):
            value = 0.97 - 0.02 * abs(math.log10(setting["learning_rate"] / best)) ** 1.5
            tried.append(make_trial(study, "arm", "search", len(tried), setting, value=value))
            parts[-1].append((setting["learning_rate"], value))
    return parts
