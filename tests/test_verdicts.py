"""Verdicts on likenesses, on exact methods and on what can be computed; the rest is tested with the summary."""

from functools import partial

import pytest
from builders import figure, make_study, runs_of, sum_up

from dlstudy.document import Claim, Computed, Printed
from dlstudy.verdicts import judge_computed

ALIKE = partial(Claim, "a is as good as b", better="a", than="b", metric="test_accuracy")
BASE = [0.90, 0.91, 0.92]
CLOSE = [0.901, 0.911, 0.921]  # ahead by 0.001 on every seed
AHEAD = [0.92, 0.931, 0.939]  # ahead by 0.0175 to 0.0225
UNSURE = [0.91, 0.93, 0.95]  # ahead by -0.0048 to 0.0448


@pytest.mark.parametrize(
    ("ours", "within", "verdict"),
    [
        (CLOSE, 0.01, "supported"),
        (AHEAD, 0.03, "supported"),
        (AHEAD, 0.02, "undecided"),
        (AHEAD, 0.01, "contradicted"),
        (UNSURE, 0.01, "undecided"),
        (UNSURE, 0.05, "supported"),
        ([value - 0.02 for value in BASE], 0.01, "contradicted"),  # as far apart the other way round
        (BASE, 1e-9, "supported"),
    ],
)
def test_a_likeness_holds_when_the_whole_interval_is_within_its_bounds(ours, within, verdict):
    study = make_study(claims=[ALIKE(within=within)])
    (found,) = sum_up(study, runs_of(study, "a", "replicate", ours) + runs_of(study, "b", "replicate", BASE)).claims
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("third", "verdict", "against"), [(CLOSE, "supported", "b"), (AHEAD, "contradicted", "c"), (None, "not run", "")]
)
def test_a_likeness_to_several_arms_is_one_to_the_most_different(third, verdict, against):
    study = make_study(arms="abc", claims=[ALIKE(than=("b", "c"), within=0.01)])
    trials = runs_of(study, "a", "replicate", BASE) + runs_of(study, "b", "replicate", CLOSE)
    (found,) = sum_up(study, trials + (runs_of(study, "c", "replicate", third) if third else [])).claims
    assert (found.verdict, found.against) == (verdict, against)


@pytest.mark.parametrize(
    ("printed", "compute", "verdict"), [("7.5", lambda: 7.46, "right"), ("7.5", lambda: 6, "wrong")]
)
def test_a_computed_figure_is_right_or_wrong(printed, compute, verdict):
    found = judge_computed(Computed("a sum", printed, compute, why="a slip"))
    assert (found.text, found.printed, found.value, found.verdict, found.why) == (
        "a sum", printed, float(compute()), verdict, "a slip",
    )  # fmt: skip


def test_computed_figures_are_judged_without_any_run():
    study = make_study()
    object.__setattr__(study, "computed", (Computed("one and one", 2, lambda: 2), Computed("two", "3", lambda: 2.0)))
    assert [item.verdict for item in sum_up(study, []).computed] == ["right", "wrong"]


@pytest.mark.parametrize(
    ("printed", "ours", "verdict"),
    [
        ("1.5913559345714653", 1.5913559345714653, "reproduced"),
        ("1.5913559345714653", 1.5913559345714653 * (1 + 5e-13), "reproduced"),  # sums in another order
        ("1.5913559345714653", 1.5913559345714653 * (1 + 5e-12), "not reproduced"),
        ("1.591356", 1.5913559345714653, "reproduced"),
        ("1.591355", 1.5913559345714653, "not reproduced"),
    ],
)
def test_an_exact_method_reproduces_every_printed_digit_but_for_rounding(printed, ours, verdict):
    study = make_study(printed=[Printed("a", "train_slope", printed)])
    (found,) = sum_up(study, runs_of(study, "a", "printed", [ours] * 3, "train_slope")).printed
    assert found.reproduced == verdict


@pytest.mark.parametrize(
    ("printed", "ours", "interval"),
    [
        ("50005100", 50_005_000.0, "50004999.5000 to 50005000.5000"),
        ("0.1234567", 0.123, "0.1229999 to 0.1230000"),
    ],
)
def test_where_runs_fall_is_told_to_as_many_places_as_were_printed(printed, ours, interval):
    study = make_study(printed=[Printed("a", "train_slope", printed)])
    (found,) = sum_up(study, runs_of(study, "a", "printed", [ours] * 3, "train_slope")).printed
    assert found.why == f"printed {printed}, and 95 % of runs fall in {interval}"


def test_runs_on_data_with_a_caveat_are_not_compared_with_what_was_printed():
    study = make_study(dataset="cifar10_subset", printed=[figure("0.91")])
    summary = sum_up(study, runs_of(study, "a", "printed", BASE))
    (found,) = summary.printed
    assert (found.reproduced, found.interval) == ("not comparable", None)
    assert found.why.startswith("the data is ")
    assert any(note.startswith("DATA: cifar10_subset is ") for note in summary.notes)


@pytest.mark.parametrize(("epoch", "why"), [(None, "no run gives test_f1"), (3, "no run gives test_f1 at epoch 3")])
def test_a_figure_whose_metric_no_run_gives_says_so(epoch, why):
    study = make_study(printed=[Printed("a", "test_f1", "0.9", epoch=epoch)])
    (found,) = sum_up(study, runs_of(study, "a", "printed", BASE)).printed
    assert (found.reproduced, found.why) == ("not run", why)
