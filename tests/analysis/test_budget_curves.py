"""What the arms' searches had found after a number of trials, by hand."""

import itertools
import math
import random

import pytest

from dlstudy.analysis.budget_curves import budget_curves, crossings
from dlstudy.analysis.cost_results import BudgetCurve
from dlstudy.study.phases import Direction
from dlstudy.study.trial import TrialState
from tests.helpers.builders import make_study, make_trial

STUDY = make_study(("a", "b", "c"))


def search_of(values, arm="a", search=1, seconds=2.0):
    """One trial for each value; a trial without one diverged."""
    return [
        make_trial(
            STUDY, arm, "search", index, value=value, search=search, cost={"seconds": seconds},
            state="diverged" if value is None else "finished",
        )
        for index, value in enumerate(values)
    ]  # fmt: skip


def curve_of(values, sampler="sobol", study=STUDY):
    (curve,) = budget_curves(study, sampler, search_of(values))
    return curve


def curves_of(**bests):
    return [BudgetCurve(arm, "best so far", 1, best) for arm, best in bests.items()]


def test_one_search_gives_the_best_so_far_alone():
    assert curve_of([0.5, 0.4, 0.8, 0.6]) == BudgetCurve(
        "a", "best so far", 1, [0.5, 0.5, 0.8, 0.8], (), (), [2.0, 4.0, 6.0, 8.0]
    )


def test_a_search_that_minimizes_goes_down():
    study = make_study(("a",), metric="val_loss", direction="minimize")
    assert curve_of([0.5, 0.4, 0.8], study=study).best == [0.5, 0.4, 0.4]
    assert curve_of([0.5, 0.4, 0.9], "random", study).best == pytest.approx([0.6, (0.4 + 0.4 + 0.5) / 3, 0.4])


def test_several_searches_give_their_mean_and_range_as_far_as_the_shortest_goes():
    trials = search_of([0.5, 0.9], search=1, seconds=1.0) + search_of([0.7, 0.6, 0.99], search=2, seconds=2.0)
    (curve,) = budget_curves(STUDY, "tpe", trials)
    assert curve.n_searches == 2
    assert curve.best == pytest.approx([0.6, 0.8])
    assert (curve.low, curve.high) == ([0.5, 0.7], [0.7, 0.9])
    assert curve.seconds == [1.5, 3.0]


def test_a_trial_without_a_value_spends_its_place_and_its_seconds():
    curve = curve_of([None, 0.5, None, 0.6])
    assert curve.best == [None, 0.5, 0.5, 0.6]
    assert curve.seconds == [2.0, 4.0, 6.0, 8.0]


def test_the_mean_over_searches_waits_until_each_has_found_something():
    (curve,) = budget_curves(STUDY, "sobol", search_of([None, 0.5]) + search_of([0.7, 0.7], search=2))
    assert curve.best == [None, 0.6]
    assert (curve.low, curve.high) == ([None, 0.5], [None, 0.7])


def test_independent_draws_give_the_expected_best_of_that_many():
    curve = curve_of([0.5, 0.8, 0.2], "random")
    assert curve.kind == "expected best"
    assert curve.best == pytest.approx([0.5, (0.8 + 0.5 + 0.8) / 3, 0.8])
    assert (curve.low, curve.high) == ((), ())


def test_the_draws_of_all_searches_count_together_and_each_gives_the_range():
    values = [[0.1, 0.4], [0.3, 0.8]]
    (curve,) = budget_curves(STUDY, "random", search_of(values[0]) + search_of(values[1], search=2))
    pairs = list(itertools.combinations([0.1, 0.4, 0.3, 0.8], 2))
    assert curve.best == pytest.approx([0.4, sum(map(max, pairs)) / len(pairs)])
    assert curve.low == pytest.approx([0.25, 0.4])
    assert curve.high == pytest.approx([0.55, 0.8])


def test_a_draw_that_diverged_counts_as_the_worst_of_its_arm():
    assert curve_of([0.5, None, 0.8], "random") == curve_of([0.5, 0.5, 0.8], "random")
    study = make_study(("a",), metric="val_loss", direction="minimize")
    assert curve_of([0.5, None, 0.8], "random", study) == curve_of([0.5, 0.8, 0.8], "random", study)


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_an_arm_that_only_diverged_found_nothing(sampler):
    assert curve_of([None, None], sampler).best == [None, None]


def test_a_pruned_trial_has_no_value_and_open_ones_do_not_count():
    trials = [
        make_trial(STUDY, "a", "search", index, state=state, value=0.5 if state == "finished" else None)
        for index, state in enumerate(TrialState)
        if state is not TrialState.RUNNING
    ]
    (curve,) = budget_curves(STUDY, "sobol", [*trials, make_trial(STUDY, "a", "search", len(TrialState), result=None)])
    assert curve.best == [0.5] * 5  # finished, and four that are final without a value


def test_trials_are_in_the_order_of_their_index_and_the_latest_try_of_one_counts():
    trials = search_of([0.5, 0.6, 0.7])
    retried = make_trial(STUDY, "a", "search", 1, value=0.3, number=3)
    random.Random(0).shuffle(shuffled := [*trials, retried])
    assert budget_curves(STUDY, "sobol", shuffled)[0].best == [0.5, 0.5, 0.7]


def test_only_the_search_counts_and_an_arm_without_trials_has_no_curve():
    others = [make_trial(STUDY, "b", phase, value=0.9) for phase in ("reported", "replicate", "defaults", "sweep")]
    curves = budget_curves(STUDY, "sobol", [*search_of([0.7], arm="c"), *others, *search_of([0.5, 0.6])])
    assert [(curve.arm, curve.best) for curve in curves] == [("a", [0.5, 0.6]), ("c", [0.7])]


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_an_arm_with_nothing_to_tune_has_one_point(sampler):
    trials = [trial for search in (1, 2, 3) for trial in search_of([0.3 * search], search=search)]
    (curve,) = budget_curves(STUDY, sampler, trials)
    assert curve.best == pytest.approx([0.6])
    assert (curve.low, curve.high) == ([0.3], pytest.approx([0.9]))


def test_the_arm_that_overtakes_is_named_with_the_trials_it_took():
    curves = curves_of(sgd=[0.5, 0.6, 0.6, 0.6, 0.7], adam=[0.1, 0.2, 0.5, 0.8, 0.8])
    assert crossings(curves, Direction.MAXIMIZE) == ["adam overtakes sgd after 4 trials"]
    assert crossings(curves, Direction.MINIMIZE) == ["sgd overtakes adam after 4 trials"]
    assert crossings(curves[::-1], Direction.MAXIMIZE) == ["adam overtakes sgd after 4 trials"]


def test_of_several_changes_only_the_last_is_for_good():
    assert crossings(curves_of(a=[1, 3, 3, 3], b=[2, 2, 4, 5]), Direction.MAXIMIZE) == ["b overtakes a after 3 trials"]
    assert crossings(curves_of(a=[2, 2, 4], b=[1, 3, 3]), Direction.MAXIMIZE) == ["a overtakes b after 3 trials"]


@pytest.mark.parametrize(
    "bests",
    [
        {"a": [1, 2, 3], "b": [0, 1, 2]},
        {"a": [1, 2, 3], "b": [1, 2, 3]},
        {"a": [1, 2, 3], "b": [0, 2, 3]},
        {"a": [2, 2, 3], "b": [1, 2, 2]},
        {"a": [None, 2, 3], "b": [1, 1, 1]},
        {"a": [None, None], "b": [1, 1]},
        {"a": [2], "b": [1, 3]},
        {"a": [2]},
        {},
    ],
)
def test_nothing_crosses_where_the_leader_stays_or_one_has_no_value_or_they_are_equal(bests):
    assert crossings(curves_of(**bests), Direction.MAXIMIZE) == []


def test_a_tie_on_the_way_does_not_hide_a_change():
    assert crossings(curves_of(a=[2, 3, 3], b=[1, 3, 4]), Direction.MAXIMIZE) == ["b overtakes a after 3 trials"]


def test_every_two_arms_are_looked_at():
    curves = curves_of(a=[3, 3, 3], b=[2, 4, 4], c=[1, 1, 5])
    assert crossings(curves, Direction.MAXIMIZE) == [
        "b overtakes a after 2 trials",
        "c overtakes a after 3 trials",
        "c overtakes b after 3 trials",
    ]


def test_an_infinite_value_counts_as_none_so_that_means_over_searches_stay_finite():
    trials = search_of([math.inf, 2.0, 1.0], search=1) + search_of([3.0, 2.0, 1.5], search=2)
    study = make_study(("a",), metric="val_loss", direction="minimize")
    (curve,) = budget_curves(study, "sobol", trials)
    assert curve.best == [None, 2.0, 1.25]
    (random_curve,) = budget_curves(study, "random", trials)
    assert all(map(math.isfinite, random_curve.best))
