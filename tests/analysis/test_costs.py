"""What winners cost, worked out by hand."""

import pytest

from dlstudy.analysis.costs import cost_summaries
from tests.helpers.builders import make_study, make_trial


def runs(study, arm, histories, metric="val_accuracy", costs=({},), **changes):
    """Replicates, one a history; their costs are taken in turn."""
    return [
        make_trial(
            study, arm, "replicate", index, history={metric: history},
            metrics={metric: history[-1], "parameters": 650.0}, cost=costs[index % len(costs)], **changes,
        )
        for index, history in enumerate(histories)
    ]  # fmt: skip


def test_all_arms_are_asked_for_what_the_worst_reaches_in_the_end():
    study = make_study()
    slow = runs(study, "a", [[0.1, 0.5], [0.2, 0.6], [0.3, 0.7]], costs=[{"seconds_per_epoch": 2.0}])
    fast = runs(study, "b", [[0.6, 0.9], [0.5, 0.9], [0.1, 0.9]], costs=[{"seconds_per_epoch": 3.0}])
    a, b = cost_summaries(study, {"a": slow, "b": fast})
    assert a.target == b.target == 0.6
    assert (a.n_reached, a.n, a.seconds_to_target) == (2, 3, 4.0)
    assert (b.n_reached, b.n, b.seconds_to_target) == (3, 3, 6.0)  # after 1, 2 and 2 epochs


def test_a_loss_is_reached_from_above_and_gaps_of_a_history_count_for_nothing():
    study = make_study(metric="val_loss", direction="minimize")
    each = [{"seconds_per_epoch": 1.0}, {"seconds_per_epoch": 5.0}]
    good = runs(study, "a", [[None, 0.4, 0.1], [0.5, 0.3, 0.2]], "val_loss", each)
    bad = runs(study, "b", [[0.9, 0.8, 0.4]], "val_loss", each)
    a, b = cost_summaries(study, {"a": good, "b": bad})
    assert a.target == 0.4
    assert a.seconds_to_target == 6.0  # the median of 2 epochs of 1 s and 2 of 5 s
    assert (b.seconds_to_target, b.n_reached) == (3.0, 1)


def test_time_is_a_median_memory_the_highest_and_slots_are_kinds():
    study = make_study(("a",))
    costs = [
        {"seconds": 10.0, "seconds_per_epoch": 1.0, "memory_mb": 800.0},
        {"seconds": 30.0, "seconds_per_epoch": 2.0, "memory_mb": 950.5},
        {"seconds": 11.0, "seconds_per_epoch": 9.0, "memory_mb": 700.0},
    ]
    of_cpu = runs(study, "a", [[0.5]] * 3, costs=costs, slot="cpu:1")
    of_gpu = runs(study, "a", [[0.5]], costs=costs[:1], slot="gpu:0/1")
    (a,) = cost_summaries(study, {"a": of_cpu})
    assert (a.seconds, a.seconds_per_epoch, a.memory_mb) == (11.0, 2.0, 950.5)
    assert (a.parameters, a.slots) == (650, ["cpu"])
    assert cost_summaries(study, {"a": of_gpu + of_cpu})[0].slots == ["cpu", "gpu"]


def test_what_an_estimator_does_not_report_is_not_known():
    study = make_study(("a",))
    (a,) = cost_summaries(study, {"a": [make_trial(study, "a", "replicate", metrics={"val_accuracy": 0.9})]})
    assert (a.parameters, a.seconds_per_epoch, a.seconds_to_target, a.memory_mb) == (None, None, None, None)
    assert (a.seconds, a.n, a.n_reached, a.target) == (1.5, 1, 0, 0.9)


@pytest.mark.parametrize("of_b", [{}, {"b": []}])
def test_an_arm_without_runs_costs_nothing_that_is_known(of_b):
    study = make_study()
    assert [cost.arm for cost in cost_summaries(study, {"a": runs(study, "a", [[0.5]]), **of_b})] == ["a"]
    assert cost_summaries(study, of_b) == []


def test_without_the_metric_there_is_no_target():
    study = make_study(("a",))
    (a,) = cost_summaries(study, {"a": runs(study, "a", [[0.5]], "val_loss")})
    assert (a.target, a.n_reached, a.seconds_to_target) == (None, 0, None)
