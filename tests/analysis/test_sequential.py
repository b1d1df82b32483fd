"""Tests that look several times: exact for flipped signs, held against published boundaries, and by simulation."""

import itertools

import numpy as np
import pytest
from scipy import special

from benchmarks.truth.looks import DRAWS, SEARCHES, SEEDS, first_rejection
from dlstudy.analysis import sequential
from dlstudy.analysis.inference import t_test_p
from dlstudy.analysis.sequential import (
    FIRST_SHARE,
    Spending,
    repeated_level,
    sequential_flip_p,
    sequential_t_p,
    share_spent,
)
from dlstudy.analysis.sign_flips import sign_flip_p
from tests.helpers.full_form import in_full_form

SIZES = [0.3, 1.1, 0.7, 2.0, 0.4, 1.6, 0.9, 1.3]


def flip_p(differences, spending):
    return sequential_flip_p(differences, spending, sign_flip_p(differences[: spending.units[0]]))


def test_the_level_is_spent_at_the_first_stage_for_the_most_part_and_then_evenly_up_to_four_times_as_many():
    assert [share_spent(n, 8) for n in (4, 8, 20, 32, 100)] == pytest.approx(
        [FIRST_SHARE / 2, FIRST_SHARE, (1 + FIRST_SHARE) / 2, 1, 1]
    )
    assert share_spent(6, 6, first_share=1.0) == 1


def test_one_look_has_its_own_p_over_the_share_that_it_may_spend():
    assert flip_p(SIZES, Spending((8,), (0.8,))) == pytest.approx(2 / 256 / 0.8)
    assert sequential_t_p([0.03], Spending((5,), (0.5,))) == pytest.approx(0.06)
    assert flip_p([-1.0, 1.0], Spending((2,), (0.5,))) == 1


def test_over_all_patterns_of_signs_no_level_is_exceeded_at_any_look(monkeypatch):
    monkeypatch.setattr(sequential, "_PATHS", 1 << 10)  # which has all patterns of eight signs, too
    spending = Spending((4, 6, 8), (0.5, 0.75, 1.0))
    for n_looks in (2, 3):
        looks = Spending(spending.units[:n_looks], spending.shares[:n_looks])
        ps = np.array(
            [
                flip_p([s * d for s, d in zip(signs, SIZES, strict=False)], looks)
                for signs in itertools.product([1, -1], repeat=looks.units[-1])
            ]
        )
        for level in sorted(set(ps) - {1.0}):
            assert np.mean(ps <= level) <= level * looks.shares[-1] + 1e-9
        assert min(ps) <= 2 / 2 ** looks.units[-1] / looks.shares[-1] * 1.2, "and it is not idle"


def test_what_was_rejected_once_stays_so_and_more_looks_add_to_it():
    strong = [1.0, 1.2, 0.9, 1.1, 1.3, 0.8, 1.0, 1.1, -0.5, 0.2, -1.0, 0.1]
    one = flip_p(strong[:8], Spending((8,), (0.8,)))
    two = flip_p(strong, Spending((8, 12), (0.8, 0.84)))
    assert one == pytest.approx(2 / 256 / 0.8)
    assert two <= 1.1 * one, "a p over several looks is rounded up"
    for k in range(1, 6):
        assert (one <= 0.05 / k) == (two <= 0.05 / k), "but to no other verdict"
    late = [0.2, -0.1, 0.3, -0.2, 0.1, 0.2, -0.1, 0.1, *[1.0, 1.1, 0.9, 1.2] * 2]
    assert flip_p(late, Spending((8, 16), (0.8, 0.87))) < 0.05 < flip_p(late[:8], Spending((8,), (0.8,)))


def test_scale_and_sign_of_all_differences_change_nothing():
    spending = Spending((4, 8), (0.8, 1.0))
    expected = flip_p(SIZES, spending)
    assert flip_p([-1e-9 * size for size in SIZES], spending) == flip_p([1e9 * size for size in SIZES], spending)
    assert flip_p([1e9 * size for size in SIZES], spending) == expected
    assert flip_p([0.0] * 8, spending) == 1


def test_normal_boundaries_are_the_published_ones_of_o_brien_and_fleming_s_spending():
    # Lan and DeMets 1983, five equally spaced looks, 0.05 two-sided: 4.877, 3.357, 2.680, 2.290, 2.031. The first is
    # passed by one path in a million.
    times = np.arange(1, 6) / 5
    shares = tuple(4 * special.ndtr(-2.241403 / np.sqrt(times)) / 0.05)
    for k, boundary in enumerate([3.357, 2.680, 2.290, 2.031], 2):
        level = repeated_level(Spending((10, 20, 30, 40, 50)[:k], shares[:k]), 0.05)
        assert special.ndtri(0.5 + level / 2) == pytest.approx(boundary, abs=0.04)


def test_the_p_of_t_tests_reaches_a_level_where_the_interval_of_that_level_excludes_zero():
    rng = np.random.default_rng(3)
    spending = Spending((5, 7, 10), tuple(share_spent(n, 5) for n in (5, 7, 10)))
    level = repeated_level(spending, 0.05)
    for _ in range(30):
        values = rng.normal(0.5, 1, 10)
        now = t_test_p(values)
        if abs(now - (1 - level)) > 1e-3 and t_test_p(values[:5]) > 0.06 and t_test_p(values[:7]) > 0.06:
            over_looks = sequential_t_p([t_test_p(values[:n]) for n in (5, 7, 10)], spending)
            assert (over_looks <= 0.05) == (now <= 1 - level)


def test_a_one_sided_p_on_the_wrong_side_is_large():
    spending = Spending((5, 10), (0.8, 0.9))
    assert sequential_t_p([0.9, 0.97], spending, two_sided=False) > 0.9
    assert sequential_t_p([0.5, 1e-9], spending, two_sided=False) < 0.001


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "n_studies"),
    [pytest.param(SEEDS, 200, id="seeds"), pytest.param(SEARCHES, 400, id="searches", marks=in_full_form)],
)
def test_looking_five_times_gives_no_more_false_verdicts_than_looking_once(way, n_studies):
    rng, naive, spent = np.random.default_rng(1), 0, 0
    for _ in range(n_studies):
        values = list(DRAWS["normal"](rng, way.looks[-1]))
        naive += any(t_test_p(values[:n]) <= 0.05 for n in way.looks)
        spent += first_rejection(way, values) is not None
    assert spent / n_studies <= 0.05 + 2.5 * (0.05 * 0.95 / n_studies) ** 0.5
    assert naive / n_studies >= 0.09, "what is not paid for"
