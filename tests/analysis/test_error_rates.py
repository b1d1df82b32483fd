"""Simulated studies with a known truth: how often the whole machinery of verdicts is wrong, and whether it is awake."""

import numpy as np
import pytest

from dlstudy.analysis.combining import heterogeneity
from dlstudy.analysis.comparison import compare
from dlstudy.analysis.inference import prediction_interval
from dlstudy.analysis.pairs import Unit
from dlstudy.analysis.ranks import average_ranks
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Protocol
from tests.helpers.builders import make_study, runs_of

N_STUDIES = 2_000
CLAIMS = [
    Claim("a beats b", better="a", than="b", metric="test_accuracy"),
    Claim("c beats b", better="c", than="b", metric="test_accuracy"),
    Claim("a beats both", better="a", than=("b", "c"), metric="test_accuracy"),
    Claim("b beats a", better="b", than="a", metric="test_accuracy"),
]


def simulate(rng, n_seeds, effects, n_studies=N_STUDIES, draw=None, claims=CLAIMS):
    """The verdicts of each claim in studies whose arms differ in truth by `effects`, in sd of a paired difference."""
    study = make_study(arms="abc", claims=claims)
    verdicts = []
    draw = draw or rng.standard_normal
    for _ in range(n_studies):
        shared = rng.standard_normal(n_seeds)  # what a seed has in common for all arms
        trials = []
        for arm in "abc":
            noise = draw(n_seeds) / np.sqrt(2)  # so that a paired difference has a standard deviation of 1
            trials += runs_of(study, arm, "replicate", list(shared + noise + effects.get(arm, 0.0)))
        verdicts.append([claim.verdict for claim in judge_claims(study, claims, TrialIndex(study, trials), [])])
    return verdicts


@pytest.mark.slow
@pytest.mark.parametrize("claims", [CLAIMS[:1], CLAIMS], ids=["one claim", "four claims"])
@pytest.mark.parametrize("draw", ["normal", "skewed"])
def test_where_nothing_differs_few_studies_have_any_claim_supported_or_contradicted(draw, claims):
    rng = np.random.default_rng(7)
    skewed = (lambda n: rng.exponential(size=n) - 1) if draw == "skewed" else None
    verdicts = simulate(rng, Protocol(searches=1).seeds, {}, draw=skewed, claims=claims)
    assert sum("supported" in study for study in verdicts) / N_STUDIES <= 0.06
    assert sum({"supported", "contradicted"} & set(study) != set() for study in verdicts) / N_STUDIES <= 0.06


@pytest.mark.slow
def test_an_effect_of_two_standard_deviations_is_found_at_the_default_seeds():
    verdicts = simulate(np.random.default_rng(8), Protocol(searches=1).seeds, {"a": 2.0}, n_studies=500)
    for claim in (0, 2):
        assert sum(study[claim] == "supported" for study in verdicts) / 500 >= 0.8
    assert sum(study[3] == "contradicted" for study in verdicts) / 500 >= 0.8


@pytest.mark.parametrize("tau", [0.0, 1.0])
@pytest.mark.parametrize("n_datasets", [3, 5, 10])
def test_over_data_sets_intervals_cover_and_alike_data_sets_are_seldom_called_different(n_datasets, tau):
    rng = np.random.default_rng(n_datasets)
    n_studies, n_seeds, covered, foreseen, different = 400, 6, 0, 0, 0
    for _ in range(n_studies):
        noise = np.exp(rng.standard_normal(n_datasets + 1)) * np.sqrt(n_seeds)  # standard errors around 1, unlike
        truth = tau * rng.standard_normal(n_datasets + 1)
        runs = truth[:, None] + noise[:, None] * rng.standard_normal((n_datasets + 1, n_seeds))
        *means, one_more = runs.mean(axis=1)
        low, high = compare("b", dict(enumerate(means)), Unit.DATASET, rng).interval
        covered += low <= 0 <= high
        low, high = prediction_interval(means)
        foreseen += low <= one_more <= high
        different += heterogeneity(runs[:-1]).p <= 0.05
    assert covered / n_studies >= 0.93
    assert foreseen / n_studies >= 0.90
    assert different / n_studies <= 0.09 if tau == 0 else different / n_studies >= 0.1


def test_arms_that_are_alike_seldom_rank_differently():
    rng = np.random.default_rng(5)
    ps = [average_ranks([dict(enumerate(rng.standard_normal(4))) for _ in range(5)], 1).p for _ in range(400)]
    assert np.mean(np.array(ps) <= 0.05) <= 0.09
