"""Verdicts on reported figures: those of one run of the document together, with p and what would be noticed."""

import math

import numpy as np
import pytest
from scipy import stats

from dlstudy.analysis.reported import judge_reported
from dlstudy.analysis.trial_index import TrialIndex
from dlstudy.study.claims import Reported
from tests.helpers.builders import figure, make_study, make_trial, runs_of, sum_up

RUNS = [0.949, 0.950, 0.951, 0.950, 0.952, 0.948, 0.950, 0.950]  # mean 0.95, sd sqrt(10e-6 / 7)
SD = math.sqrt(10e-6 / 7)


def judged(figures, values=RUNS):
    study = make_study(reported=figures)
    return sum_up(study, runs_of(study, "a", "reported", values)).reported


def test_p_is_that_of_one_more_run_as_far_away_less_what_rounding_hides():
    (found,) = judged([figure("0.9530")])
    by_hand = 2 * stats.t.sf((0.003 - 0.00005) / (SD * math.sqrt(1 + 1 / 8)), 7)
    assert found.p == found.p_adjusted == pytest.approx(by_hand)
    assert (found.verdict, found.why, found.sd) == ("compatible", "", pytest.approx(SD))


def test_a_figure_is_noticed_three_and_a_half_standard_deviations_away_with_eight_seeds():
    (found,) = judged([figure("0.9530")])
    assert (found.noticed - 0.00005) / SD == pytest.approx(3.47, abs=0.005)
    rng = np.random.default_rng(0)
    ours, theirs = rng.standard_normal((4_000, 8)), rng.standard_normal(4_000) + 3.468
    reach = stats.t.ppf(0.975, 7) * ours.std(axis=1, ddof=1) * math.sqrt(1 + 1 / 8)
    assert np.mean(theirs - ours.mean(axis=1) > reach) == pytest.approx(0.8, abs=0.02)


def test_figures_of_one_run_are_adjusted_together_and_those_of_another_are_not():
    study = make_study(reported=[figure("0.9540"), figure("0.9500", epoch=1), figure("0.9540", "b")])
    trials = [
        make_trial(
            study, arm, "reported", i, metrics={"test_accuracy": value}, history={"test_accuracy": [value, value]}
        )
        for arm in "ab"
        for i, value in enumerate(RUNS)
    ]
    end, first, alone = sum_up(study, trials).reported
    assert end.p == alone.p == pytest.approx(2 * stats.t.sf((0.004 - 0.00005) / (SD * math.sqrt(1 + 1 / 8)), 7))
    assert (end.p_adjusted, first.p_adjusted, alone.p_adjusted) == (2 * end.p, 1.0, alone.p)
    assert end.noticed > alone.noticed


def test_a_figure_outside_its_range_may_be_compatible_for_its_run_and_says_why():
    figures = [figure("0.9540"), *(Reported("a", f"test_m{i}", "0.9500") for i in range(3))]
    study = make_study(reported=figures)
    metrics = ["test_accuracy", *(f"test_m{i}" for i in range(3))]
    trials = [
        make_trial(study, "a", "reported", i, metrics=dict.fromkeys(metrics, value)) for i, value in enumerate(RUNS)
    ]
    found, *others = sum_up(study, trials).reported
    assert found.interval[1] < 0.954
    assert (found.verdict, found.p_adjusted) == ("compatible", pytest.approx(4 * found.p))
    assert found.why == "p 0.017, which is 0.068 for the 4 figures of its run"
    assert [other.why for other in others] == [""] * 3


def test_an_exact_method_and_an_undecidable_figure_take_no_p():
    (exact,) = judged([figure("0.9500")], [0.95] * 4)
    assert (exact.verdict, exact.p, exact.p_adjusted, exact.noticed) == ("compatible", None, None, None)
    (wide,) = judged([figure("0.9500")], [0.94, 0.95, 0.96])
    assert (wide.verdict, wide.p, wide.noticed) == ("undecidable", None, None)


@pytest.mark.slow
def test_one_run_in_twenty_has_a_figure_that_is_not_compatible_however_many_it_has():
    """Twelve figures with a correlation of 0.8: at 5 % each, 21 % of runs would have one."""
    rng, n_studies, k = np.random.default_rng(2), 150, 12
    metrics = [f"test_m{i}" for i in range(k)]
    missed = missed_each = 0
    for _ in range(n_studies):
        shared, own = rng.standard_normal((9, 1)), rng.standard_normal((9, k))
        values = 100 + math.sqrt(0.8) * shared + math.sqrt(0.2) * own
        study = make_study(reported=[Reported("a", m, f"{v:.9f}") for m, v in zip(metrics, values[8], strict=True)])
        trials = [
            make_trial(study, "a", "reported", i, metrics=dict(zip(metrics, map(float, values[i]), strict=True)))
            for i in range(8)
        ]
        found = judge_reported(study, study.reported, TrialIndex(study, trials), "")
        missed += any(item.verdict == "not compatible" for item in found)
        missed_each += any(item.p <= 0.05 for item in found)
    assert missed / n_studies <= 0.1
    assert missed_each / n_studies > 0.1
