"""Simulated studies with a known truth: how often the whole machinery of verdicts is wrong, and whether it is awake.

Small versions of `python -m benchmarks.truth`: bounds are three standard errors from what is promised.
"""

import numpy as np
import pytest

from dlstudy.analysis.combining import heterogeneity
from dlstudy.analysis.comparison import compare
from dlstudy.analysis.inference import prediction_interval
from dlstudy.analysis.ranks import average_ranks
from dlstudy.analysis.results import Unit
from dlstudy.analysis.sign_flips import smallest_shift
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.study.claims import Claim
from dlstudy.study.protocol import Protocol
from tests.helpers.builders import make_study, runs_of
from tests.helpers.full_form import also_in_full_form, in_full_form

N_STUDIES = 300
N_SEEDS = Protocol(searches=1).seeds
CLAIMS = [
    Claim("a beats b", better="a", than="b", metric="test_accuracy"),
    Claim("c beats b", better="c", than="b", metric="test_accuracy"),
    Claim("a beats both", better="a", than=("b", "c"), metric="test_accuracy"),
    Claim("b beats a", better="b", than="a", metric="test_accuracy"),
]
DECIDED = {"supported", "contradicted", "equivalent"}


def verdicts_of(draw, claims, n_studies=N_STUDIES, arms="abc", n_seeds=N_SEEDS):
    """The verdicts on the claims in studies whose runs are drawn: (seeds, arms) for each study."""
    study = make_study(arms=arms, claims=claims, seeds=n_seeds)
    verdicts = []
    for _ in range(n_studies):
        values = draw()
        trials = [
            run
            for i, arm in enumerate(arms)
            for run in runs_of(study, arm, "replicate", list(map(float, values[:, i])))
        ]
        verdicts.append([claim.verdict for claim in judge_claims(study, claims, TrialIndex(study, trials), [])])
    return verdicts


def share(verdicts, words):
    """The share of studies with any of these verdicts."""
    return np.mean([bool(words & set(study)) for study in verdicts])


def normal(rng, effects=(0, 0, 0), n_seeds=N_SEEDS):
    """Runs whose paired differences have a standard deviation of 1, shifted by the effects; seeds have an own part."""
    return rng.standard_normal((n_seeds, 1)) + rng.standard_normal((n_seeds, len(effects))) / np.sqrt(2) + effects


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n_claims"), [("normal", 4), pytest.param("both arms skewed", 1, marks=in_full_form)])
def test_where_arms_are_alike_few_studies_have_any_claim_decided(kind, n_claims):
    """Two arms with the same skewed distribution have differences that are symmetric: the test is exact."""
    rng = np.random.default_rng(7)
    draw = {"normal": lambda: normal(rng), "both arms skewed": lambda: rng.exponential(size=(N_SEEDS, 3))}[kind]
    assert share(verdicts_of(draw, CLAIMS[:n_claims]), DECIDED) <= 0.09


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least", "most"), [("exponential", 0.03, 0.15), ("fails 1 in 10", 0.35, 0.5)])
def test_arms_with_equal_means_but_other_shapes_are_told_apart_more_often(kind, least, most):
    """What p does not promise: its hypothesis is that arms are alike, not that their means are equal.

    Eight seeds of an arm that fails in one run of ten show no failure in 43 % of studies, and then it is ahead on each.
    """
    rng = np.random.default_rng(9)

    def draw():
        failing = 0.1 - (rng.random(N_SEEDS) < 0.1) + 0.01 * rng.standard_normal(N_SEEDS)
        skewed = {"exponential": 1 - rng.exponential(size=N_SEEDS), "fails 1 in 10": failing}[kind]
        return np.stack([skewed, 0.01 * rng.standard_normal(N_SEEDS)], axis=1)

    verdicts = verdicts_of(draw, CLAIMS[:1], arms="ab")
    assert share(verdicts, {"contradicted"}) <= 0.05
    assert least < share(verdicts, {"supported"}) < most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_claims", "least", "most"), [(8, 0.01, 0.11), pytest.param(1, 0.01, 0.09, marks=in_full_form)]
)
def test_few_studies_have_any_claim_equivalent_where_all_differ_by_the_margin(n_claims, least, most):
    """Eight claims, of which each unadjusted is called equivalent in 5 % of studies: any of them in 33 %."""
    rng, others = np.random.default_rng(11), "bcdefghi"[:n_claims]
    claims = [Claim(f"a beats {other}", "a", other, "test_accuracy", rope=1.5) for other in others]

    def draw():
        behind = 1.5 + rng.standard_normal((12, n_claims))  # independent, so that adjusting is needed most
        return np.concatenate([np.zeros((12, 1)), -behind], axis=1)

    verdicts = verdicts_of(draw, claims, 300 if n_claims == 1 else 120, arms="a" + others, n_seeds=12)
    assert least <= share(verdicts, {"equivalent", "contradicted"}) <= most


@pytest.mark.slow
def test_the_smallest_difference_is_found_in_four_of_five_studies():
    rng, shift = np.random.default_rng(8), smallest_shift(N_SEEDS, 0.05 / 2)
    verdicts = verdicts_of(lambda: normal(rng, (shift, 0, 0)), CLAIMS[:2])
    assert np.mean([study[0] == "supported" for study in verdicts]) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("tau", [0.0, 1.0])
@pytest.mark.parametrize("n_datasets", [5, *also_in_full_form(3, 10)])
def test_over_data_sets_intervals_cover_and_alike_data_sets_are_seldom_called_different(n_datasets, tau):
    rng = np.random.default_rng(n_datasets)
    n_studies, n_seeds, covered, foreseen, different = 400, 6, 0, 0, 0
    for _ in range(n_studies):
        noise = np.exp(rng.standard_normal(n_datasets + 1)) * np.sqrt(n_seeds)  # standard errors around 1, unlike
        truth = tau * rng.standard_normal(n_datasets + 1)
        runs = truth[:, None] + noise[:, None] * rng.standard_normal((n_datasets + 1, n_seeds))
        *means, one_more = runs.mean(axis=1)
        low, high = compare("b", dict(enumerate(means)), Unit.DATASET).interval
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
