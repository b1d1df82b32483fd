"""Adjusted p: by hand, against statsmodels, by brute force over all sets of hypotheses, and by simulation."""

import itertools
import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from dlstudy.analysis.multiplicity import adjust


def test_claims_of_one_hypothesis_have_holms_p():
    ps = list(np.random.default_rng(1).uniform(0, 0.3, 7))
    assert [p for (p,) in adjust([[p] for p in ps])] == pytest.approx(multipletests(ps, method="holm")[1])
    assert adjust([]) == []


def test_two_hypotheses_of_one_claim_take_nothing_from_each_other():
    assert adjust([[0.04, 0.9]]) == [[0.04, 0.9]]


def test_a_claim_that_is_decided_one_way_still_counts_for_the_others():
    """Holm would test the second claim at 5 % once the first is decided; its other hypothesis may be true."""
    assert adjust([[0.001, 0.6], [0.03]]) == [[pytest.approx(0.002), 0.6], [pytest.approx(0.06)]]
    assert adjust([[0.001], [0.03]]) == [[pytest.approx(0.002)], [pytest.approx(0.03)]]


def closure(claims):
    """By definition: the largest p of any set that holds a hypothesis and could all be true, by Bonferroni."""
    options = [[None, *range(len(ps))] for ps in claims]
    adjusted = [[0.0] * len(ps) for ps in claims]
    for chosen in itertools.product(*options):
        held = [(i, j) for i, j in enumerate(chosen) if j is not None]
        p_of_set = min(1.0, len(held) * min((claims[i][j] for i, j in held), default=1.0))
        for i, j in held:
            adjusted[i][j] = max(adjusted[i][j], p_of_set)
    return adjusted


@pytest.mark.parametrize("seed", range(20))
def test_adjusted_p_are_those_of_the_closure_over_all_sets(seed):
    rng = np.random.default_rng(seed)
    claims = [list(rng.uniform(0, 0.2, rng.integers(1, 4)).round(2)) for _ in range(5)]
    for ours, theirs in zip(adjust(claims), closure(claims), strict=True):
        assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("shifts", [(0, 0, 0, 0), (3, 3, 3, 3), (0, 3, 0, 3), (0, 3, 1.5, 6)])
def test_any_false_rejection_happens_in_5_percent_of_families(shifts):
    """Normal means with a margin of 3: one hypothesis is true at 0, the other from the margin on."""
    rng, n_studies, wrong = np.random.default_rng(4), 4_000, 0
    for z in rng.standard_normal((n_studies, len(shifts))) + shifts:
        unequal = [math.erfc(abs(mean) / math.sqrt(2)) for mean in z]
        equivalent = [math.erfc((3 - abs(mean)) / math.sqrt(2)) / 2 for mean in z]
        adjusted = adjust([list(pair) for pair in zip(unequal, equivalent, strict=True)])
        wrong += any(
            (shift == 0 and p <= 0.05) or (shift >= 3 and p_equivalent <= 0.05)
            for shift, (p, p_equivalent) in zip(shifts, adjusted, strict=True)
        )
    assert wrong / n_studies <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_studies)
