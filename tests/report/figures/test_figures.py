"""The style that all pictures share, and the training curves."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from dlstudy.report.figures.curves import _draw_curves, curves, curves_png
from dlstudy.report.figures.style import (
    WIDTH,
    elide,
    heading,
    legend_below,
    pens,
    plain_numbers,
    png,
    view,
    view_of_curves,
    winners,
)
from dlstudy.report.labels import label
from dlstudy.study.trial import TrainedBy
from dlstudy.toolkit.plots import PALETTE
from tests.helpers.builders import make_study, make_trial, sum_up

HISTORY = {"val_accuracy": [0.5, 0.8], "val_loss": [0.6, 0.4]}


def size_of(picture):
    """Width and height of a PNG in pixels."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", picture[16:24])


def runs(study, arm, histories, metric="val_accuracy"):
    """A search, and a replicate of its winner for each history of a metric."""
    replicates = [make_trial(study, arm, "replicate", row, history={metric: h}) for row, h in enumerate(histories)]
    return [make_trial(study, arm, "search", value=0.9), *replicates]


@pytest.fixture
def study():
    return make_study()


@pytest.fixture
def trials(study):
    return [*runs(study, "a", [[0.5, 0.8], [0.7, 0.9]]), *runs(study, "b", [[0.4, 0.6]])]


def test_an_arm_has_the_same_colour_in_every_study_of_the_same_arms():
    drawn = pens(sum_up(make_study(arms=["x", "y"]), []))
    assert [drawn[arm].colour for arm in "xy"] == ["#0072B2", "#D55E00"]


def test_more_arms_than_colours_differ_in_marker_and_line():
    drawn = pens(sum_up(make_study(arms=[f"arm{i}" for i in range(3 * len(PALETTE))]), []))
    assert len(set(drawn.values())) == 24
    assert drawn["arm0"].colour == drawn["arm8"].colour
    assert drawn["arm0"].marker != drawn["arm8"].marker
    assert drawn["arm0"].line != drawn["arm8"].line


def test_metrics_are_named_in_words():
    assert label("val_accuracy") == "validation accuracy"
    assert label("train_end_rise") == "training end rise"
    assert label("epochs until val_loss reaches 0.1") == "epochs until validation loss reaches 0.1"
    assert label("val_interval_score") == "validation interval score"
    assert label("test_F1@strain_rate") == "test F1@strain rate"


def test_long_names_lose_their_middle_and_lines_become_one():
    assert elide("adam", 10) == "adam"
    assert elide("a\nb\t c", 10) == "a b c"
    assert elide("momentum_with_a_small_rate", 13) == "momentum…rate"
    assert len(elide("x" * 200, 30)) == 30


def test_a_view_holds_all_values_where_none_is_far_out():
    shown = view([0.8, 0.9], [0.6, 0.8, 0.9])
    assert (shown.low, shown.high) == pytest.approx((0.582, 0.918))  # six per cent of 0.3 beyond
    assert not shown.clipped
    assert not shown.log


def test_a_view_leaves_out_values_that_would_flatten_the_rest():
    shown = view([0.96, 0.98], [0.1, 0.96, 0.98])
    assert shown.clipped
    assert (shown.low, shown.high) == pytest.approx((0.9 - 0.0048, 0.98 + 0.0048))  # 0.96 less three times 0.02


def test_a_view_of_equal_values_has_room():
    for value in (0.0, -2.0, 1e-9):
        shown = view([value, value], [value, value])
        assert shown.low < value < shown.high


def test_values_over_decades_are_shown_on_a_logarithmic_axis():
    shown = view([0.001, 0.1], [0.001, 0.1])
    assert shown.log
    assert 0 < shown.low < 0.001
    assert shown.high > 0.1
    assert not view([0.0, 0.1], [0.0, 0.1]).log
    assert not view([0.4, 0.9], [0.4, 0.9, 1e200]).log


def test_far_values_are_left_out_of_a_logarithmic_axis_too():
    shown = view([0.001, 0.1], [0.001, 0.1, 1e200])
    assert shown.log
    assert shown.clipped
    assert shown.high < 1e7


def test_curves_that_fall_through_decades_are_shown_whole_and_rising_ones_are_not_stretched():
    falling = view_of_curves([330.0, 331.0], [40_000.0, 330.0, 331.0], upward=False)
    assert (falling.log, falling.clipped) == (True, False)
    rising = view_of_curves([0.75, 0.8], [0.01, 0.75, 0.8], upward=True)
    assert (rising.log, rising.clipped) == (False, True)


def test_text_with_dollars_is_no_mathematics_and_unknown_letters_are_no_warning():
    def draw():
        figure = Figure(figsize=(3, 1))
        hostile = "$\\cup \\frac{$ 日本 <b>\x07"
        figure.text(0.1, 0.5, hostile)
        lines = figure.subplots().plot([0, 1])
        legend_below(figure, lines, [hostile])
        return figure

    assert size_of(png(draw)) == (450, 150)


def test_numbers_on_axes_are_whole_and_no_mathematics():
    axes = Figure().subplots()
    axes.set_xscale("log")
    axes.set_xlim(2, 8)
    plain_numbers(axes.xaxis)
    assert [text.get_text() for text in axes.get_xticklabels(which="minor")] == ["2", "5"]
    axes.set_xlim(0.001, 100)
    plain_numbers(axes.xaxis)
    assert "0.001" in [text.get_text() for text in axes.get_xticklabels()]
    axes.set_ylim(-1e-9, 1e-9)
    plain_numbers(axes.yaxis)
    assert axes.get_yticklabels()[0].get_text() == "−1e−09"
    axes.set_ylim(1000.0001, 1000.0002)
    plain_numbers(axes.yaxis)
    assert axes.get_yticklabels()[0].get_text().startswith("1000.0")


def test_a_legend_has_as_many_columns_as_fit():
    figure = Figure()
    lines = [figure.subplots().plot([0, 1])[0]] * 3
    legend_below(figure, lines, ["a", "b", "c"])
    legend_below(figure, lines, ["a" * 30, "b" * 30, "c" * 30])
    assert [legend._ncols for legend in figure.legends] == [3, 2]


def test_a_quick_run_says_so(study):
    assert heading(sum_up(study, []), "Curves") == "Curves"
    assert heading(sum_up(study, [], "quick"), "Curves") == "QUICK RUN, a first look\nCurves"


def test_each_search_has_its_winner(study):
    search = [make_trial(study, "a", "search", row, {"rate": 0.1 + row}, value=0.5 + row / 10) for row in range(2)]
    second = [replace(search[0], search=2, value=0.7)]
    summary = replace(sum_up(study, []), trials=[*search, *second])
    assert winners(summary, "a") == {(1, search[1].setting_key), (2, search[0].setting_key)}
    assert winners(summary, "b") == set()


def test_curves_by_hand(study, trials):
    found = curves(sum_up(study, trials))
    assert list(found) == ["val_accuracy"]
    np.testing.assert_array_equal(found["val_accuracy"]["a"], [[0.5, 0.8], [0.7, 0.9]])
    np.testing.assert_array_equal(found["val_accuracy"]["b"], [[0.4, 0.6]])


def test_curves_are_of_the_metric_and_of_the_loss_once_where_these_are_the_same(study):
    trials = [make_trial(study, "a", "search", value=0.9), make_trial(study, "a", "replicate", history=HISTORY)]
    assert list(curves(sum_up(study, trials))) == ["val_accuracy", "val_loss"]
    same = [trials[0], make_trial(study, "a", "replicate", history={**HISTORY, "val_loss": [0.5, 0.8]})]
    assert list(curves(sum_up(study, same))) == ["val_accuracy"]


def test_curves_show_replicates_of_the_winner_that_finished_and_nothing_else(study, trials):
    more = [
        make_trial(study, "a", "replicate", 5, state="failed", history=HISTORY),
        make_trial(study, "a", "replicate", 6, {"rate": 0.2}, history=HISTORY),
        make_trial(study, "a", "search", 7, value=0.1, history=HISTORY),
        make_trial(study, "a", "replicate", 8, history=HISTORY, search=2),
    ]
    summary = sum_up(study, trials)
    assert len(curves(replace(summary, trials=[*trials, *more]))["val_accuracy"]["a"]) == 2
    further = [*trials, make_trial(study, "a", "search", 0, value=0.8, search=2), more[-1]]
    assert len(curves(replace(summary, trials=further))["val_accuracy"]["a"]) == 3


def test_runs_of_unequal_length_are_padded_and_epochs_without_a_number_are_gaps(study):
    summary = sum_up(study, runs(study, "a", [[0.5], [None, 0.6, 0.7], [0.1, 0.2]]))
    expected = [[0.5, np.nan, np.nan], [np.nan, 0.6, 0.7], [0.1, 0.2, np.nan]]
    np.testing.assert_array_equal(curves(summary)["val_accuracy"]["a"], expected)
    size_of(curves_png(summary))


def test_metrics_with_series_of_unequal_length_have_curves_of_their_own(study):
    series = {"val_accuracy": [0.5, 0.7, 0.8], "val_loss": [0.5, 0.7]}  # the second stage is compiled without a loss
    trials = [make_trial(study, "a", "search", value=0.9), make_trial(study, "a", "replicate", history=series)]
    summary = sum_up(study, trials)
    assert {metric: runs["a"].shape for metric, runs in curves(summary).items()} == {
        "val_accuracy": (1, 3), "val_loss": (1, 2)
    }  # fmt: skip
    size_of(curves_png(summary))


def test_a_metric_of_some_epochs_is_drawn_with_gaps_and_its_lone_values_as_points(study):
    series = [0.1, 0.2, None, 0.4, *[None, 0.5] * 13]
    summary = sum_up(study, runs(study, "a", [series, [*series[:-1], 0.7]]))
    axes = Figure().subplots()
    _draw_curves(axes, summary, "val_accuracy", curves(summary)["val_accuracy"])
    (line,) = axes.get_lines()
    assert line.get_xdata().tolist() == list(range(1, 31))
    expected = [np.nan if value is None else value for value in [*series[:-1], 0.6]]
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
    assert list(line.get_markevery()) == [3, *range(5, 30, 2)]


@pytest.mark.parametrize("histories", [[], [[]], [[0.9]], [[0.9], [0.8]], [[None, 0.9], [0.8]], [[0.1, 0.2], [], []]])
def test_there_are_no_curves_without_a_second_epoch(study, histories):
    summary = sum_up(study, runs(study, "a", histories))
    assert curves(summary) == {}
    assert curves_png(summary) is None


def test_arms_that_are_not_validated_while_they_train_show_their_training(study):
    summary = sum_up(study, runs(study, "a", [[2.0, 1.0]], metric="train_cost"))
    assert list(curves(summary)) == ["train_cost"]
    validated = sum_up(study, [*summary.trials, *runs(study, "b", [[0.1, 0.2]])])
    assert list(curves(validated)) == ["val_accuracy"]


def test_curves_are_a_picture_that_stays_the_same_and_changes_with_the_runs(study, trials):
    summary = sum_up(study, trials)
    picture = curves_png(summary)
    width, height = size_of(picture)
    assert width == round(150 * WIDTH)
    assert 300 < height < 900
    assert curves_png(summary) == picture
    assert curves_png(sum_up(study, trials, "quick")) != picture
    assert curves_png(sum_up(study, [*trials, make_trial(study, "a", "replicate", 5, history=HISTORY)])) != picture


def test_many_arms_with_long_names_fit(study):
    study = make_study(arms=[f"arm_{'x' * 55}{i}" for i in range(20)])
    trials = [trial for arm in study.arms for trial in runs(study, arm.name, [[0.5, 0.6], [0.7, 0.8]])]
    assert size_of(curves_png(sum_up(study, trials)))[0] == round(150 * WIDTH)


def test_points_of_a_long_history_stand_at_their_epochs(study):
    from dlstudy.report.figures.curves import _epochs

    def run(**changes):
        return sum_up(study, [make_trial(study, "a", "replicate", tuned={"rate": 0.5, "epochs": 1000}, **changes)])

    assert list(_epochs(run(trained_by=TrainedBy.ESTIMATOR), "a", 100)[[0, -1]]) == [1, 1000]
    assert list(_epochs(run(trained_by=TrainedBy.ESTIMATOR), "a", 50)[[0, -1]]) == [1, 50]
    assert list(_epochs(run(trained_by=TrainedBy.EPOCH_GRAPH), "a", 100)[[0, -1]]) == [1, 100]
