"""Pictures of the search: budgets, slices and importances, from trials made by hand."""

from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlstudy.analysis.cost_results import BudgetCurve
from dlstudy.report.figures.search import (
    Slice,
    Tried,
    budget_png,
    importance_png,
    importances,
    slices,
    slices_png,
)
from dlstudy.report.figures.style import WIDTH
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Arm, Study
from tests.helpers.builders import build, make_study, make_trial, resolved, sum_up
from tests.report.figures.test_figures import size_of

SPACE = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "units": IntDistribution(1, 64),
    "kind": CategoricalDistribution(["$\\cup", None, True]),
}


@pytest.fixture
def one_rate():
    return make_study()


@pytest.fixture
def mixed():
    """An arm that tunes three parameters of all kinds, and one that tunes nothing."""
    arms = [Arm("many", space=SPACE), Arm("none", setting={"fixed": 1})]
    return resolved(Study(question="?", dataset="digits", build=build, arms=arms, protocol=Protocol(searches=1)))


def searched(study, values, arm="a", **changes):
    """A trial of a search for each value, at the rates 0.1, 0.2, ..."""
    rates = [{"rate": round(0.1 * (row + 1), 1)} for row in range(len(values))]
    return [
        make_trial(study, arm, "search", row, rates[row], value=value, **changes) for row, value in enumerate(values)
    ]


def tried(study, rows):
    """Trials of the arm `many`: rate, units, kind and value of each."""
    return [
        make_trial(study, "many", "search", row, dict(zip(SPACE, at, strict=True)), value=value)
        for row, (*at, value) in enumerate(rows)
    ]


def by_units(study, n):
    """Trials whose value is the number of their units, whatever the rest."""
    rates, kinds = (0.3, 0.001, 0.02), ("$\\cup", True, None)
    return tried(study, [(rates[i * 7 % 3], 1 + i * 37 % 64, kinds[i % 3], 1.0 + i * 37 % 64) for i in range(n)])


def with_budgets(study, *curves):
    return replace(sum_up(study, []), budget_curves=curves)


def test_a_slice_has_the_trials_of_an_arm_with_the_winner_marked(one_rate):
    trials = [*searched(one_rate, [0.7, 0.9]), *searched(one_rate, [0.5], "b")]
    assert slices(sum_up(one_rate, trials)) == {
        "rate": [
            Slice("a", [Tried(0.1, 0.7, False), Tried(0.2, 0.9, True)], alone=True),
            Slice("b", [Tried(0.1, 0.5, True)], alone=True),
        ]
    }


def test_trials_that_diverged_have_no_value_and_those_that_failed_no_place(one_rate):
    lost = make_trial(one_rate, "a", "search", 5, {"rate": 0.5}, state="diverged", value=None)
    failed = make_trial(one_rate, "a", "search", 6, {"rate": 0.6}, state="failed")
    (part,) = slices(sum_up(one_rate, [*searched(one_rate, [0.7]), lost, failed]))["rate"]
    assert part.trials == [Tried(0.1, 0.7, True), Tried(0.5, None, False)]
    assert part.values == [0.7]


def test_each_search_has_its_winner_in_a_slice(one_rate):
    second = searched(one_rate, [0.8, 0.6], search=2)
    (part,) = slices(sum_up(one_rate, [*searched(one_rate, [0.7, 0.9]), *second]))["rate"]
    assert [trial.won for trial in part.trials] == [False, True, True, False]


def test_an_arm_that_tunes_several_parameters_is_in_each_of_their_slices(mixed):
    trials = [*tried(mixed, [(0.1, 8, None, 0.5)]), make_trial(mixed, "none", "search", tuned={"x": 1}, value=0.4)]
    found = slices(sum_up(mixed, [trials[0], replace(trials[1], tuned={})]))
    assert {name: [(part.arm, part.alone) for part in parts] for name, parts in found.items()} == {
        "rate": [("many", False)], "units": [("many", False)], "kind": [("many", False)]
    }  # fmt: skip


def test_slices_are_a_picture_with_two_panels_a_row(one_rate, mixed):
    one = sum_up(one_rate, searched(one_rate, [0.7, 0.9]))
    three = sum_up(mixed, by_units(mixed, 6))
    assert slices_png(one) == slices_png(one)
    assert size_of(slices_png(one))[0] == size_of(slices_png(three))[0] == round(150 * WIDTH)
    assert size_of(slices_png(three))[1] > 1.6 * size_of(slices_png(one))[1]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_slices_with_far_and_lost_trials_are_drawn(direction):
    study = make_study(metric="val_accuracy" if direction == "maximize" else "val_loss")
    lost = make_trial(study, "a", "search", 9, {"rate": 0.9}, state="diverged", value=None)
    size_of(slices_png(sum_up(study, [*searched(study, [0.97, 0.98, 0.96, 1e200, 1e-9]), lost])))


def test_there_are_no_slices_where_nothing_was_tuned_or_nothing_finished(one_rate, mixed):
    assert slices_png(sum_up(mixed, [])) is None
    lost = make_trial(one_rate, "a", "search", 0, {"rate": 0.9}, state="diverged", value=None)
    assert slices_png(sum_up(one_rate, [lost])) is None


def test_budgets_are_a_picture_that_stays_the_same(one_rate):
    summary = with_budgets(
        one_rate,
        BudgetCurve("a", "best so far", 1, [None, 0.1, 0.97, 0.98], seconds=[1.0, 2.0, 3.0, 4.0]),
        BudgetCurve("b", "best so far", 1, [0.96], seconds=[100.0]),
    )
    picture = budget_png(summary)
    assert budget_png(summary) == picture
    assert size_of(picture)[0] == round(150 * WIDTH)


def test_a_band_is_drawn_over_several_searches(one_rate):
    plain = BudgetCurve("a", "best so far", 3, [None, 0.6, 0.7], seconds=[1.0, 2.0, 3.0])
    banded = replace(plain, low=[None, 0.5, 0.6], high=[None, 0.7, 0.8])
    assert budget_png(with_budgets(one_rate, banded)) != budget_png(with_budgets(one_rate, plain))
    expected = replace(plain, kind="expected best", n_searches=1, seconds=())
    size_of(budget_png(with_budgets(one_rate, expected)))


@pytest.mark.parametrize("best", [[], [None, None], [0.5]])
def test_there_is_no_budget_without_two_trials(one_rate, best):
    assert budget_png(with_budgets(one_rate, BudgetCurve("a", "best so far", 1, best))) is None


def test_the_parameter_that_makes_the_difference_is_the_important_one(mixed):
    found = importances(sum_up(mixed, by_units(mixed, 32)))
    assert list(found) == ["many"]
    assert next(iter(found["many"])) == "units"
    assert found["many"]["units"] > 0.8
    assert sum(found["many"].values()) == pytest.approx(1)
    assert set(found["many"]) == set(SPACE)


def test_importances_know_in_which_direction_better_lies(mixed):
    trials = [
        (0.5, 60, True, 0.9), (0.4, 61, None, 0.8), (0.6, 59, True, 0.7), (0.5, 60, None, 0.6),
        (0.001, 1, True, 0.1), (0.9, 20, None, 0.2), (0.0002, 40, True, 0.3), (0.03, 64, None, 0.4),
    ]  # fmt: skip
    up = sum_up(mixed, tried(mixed, trials))
    down = replace(up, protocol={**up.protocol, "direction": "minimize"})
    assert importances(up) != importances(down)


def test_settings_outside_of_the_stated_ranges_count_and_are_drawn(mixed):
    trials = [
        (0.5, 60, True, 0.9), (0.4, 61, None, 0.8), (2.5, 59, True, 0.7), (0.5, 90, None, 0.6),
        (1e-6, 1, True, 0.1), (0.9, 20, None, 0.2), (0.0002, 40, True, 0.3), (0.03, 64, None, 0.4),
    ]  # fmt: skip
    summary = sum_up(mixed, tried(mixed, trials))
    assert sum(importances(summary)["many"].values()) == pytest.approx(1)
    size_of(importance_png(summary))
    size_of(slices_png(summary))


def test_importances_need_two_parameters_four_trials_and_a_difference(one_rate, mixed):
    assert importances(sum_up(one_rate, searched(one_rate, [0.1, 0.2, 0.3, 0.4, 0.5]))) == {}
    assert importances(sum_up(mixed, by_units(mixed, 3))) == {}
    alike = sum_up(mixed, [replace(trial, value=0.5) for trial in by_units(mixed, 8)])
    assert importances(alike) == {}
    assert importance_png(alike) is None


def test_importance_is_a_picture_that_stays_the_same(mixed):
    summary = sum_up(mixed, by_units(mixed, 8))
    picture = importance_png(summary)
    assert importance_png(summary) == picture
    assert size_of(picture)[0] == round(150 * WIDTH)


def test_many_arms_with_the_longest_names_are_drawn():
    study = make_study(arms=[f"arm_{'x' * 55}{i}" for i in range(20)])
    summary = sum_up(study, [trial for arm in study.arms for trial in searched(study, [0.5, 0.6], arm.name)])
    budgets = [BudgetCurve(arm.name, "best so far", 1, [0.5, 0.6], seconds=[1.0, 2.0]) for arm in study.arms]
    for picture in (slices_png(summary), budget_png(replace(summary, budget_curves=budgets))):
        assert size_of(picture)[0] == round(150 * WIDTH)
        assert size_of(picture)[1] < 1500
