"""Figures that arithmetic can check, and what a claim may say; the rest is tested with the study model."""

import math
from functools import partial

import pytest

from dlstudy.errors import StudyError
from dlstudy.study.claims import Claim, ClaimPhase, Derived, Reported
from dlstudy.study.phases import Phase

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
SWEPT = partial(BETTER, phase="sweep", sweep="s")


@pytest.mark.parametrize(
    ("reported", "right", "agrees"),
    [
        ("0.80", 0.8049, True),
        ("0.80", 0.805, True),
        ("0.80", 0.795, True),  # in float64, 0.80 - 0.795 is more than 0.005
        ("0.80", 0.8051, False),
        ("0.800", 0.8049, False),
        (0.8, 0.84, True),
        ("1,100", 1_100.4, True),
        ("1,100", 1_100.6, False),
        ("1e-3", 0.00149, True),
        ("1e-3", 0.00151, False),
        ("-2", -2.4, True),
        ("2", -2, False),
    ],
)
def test_a_figure_agrees_with_what_rounds_to_it(reported, right, agrees):
    assert Derived("a sum", reported, right).agrees() is agrees


@pytest.mark.parametrize(("reported", "number"), [("1,100", 1_100.0), ("12,345.60", 12_345.6), (3, 3.0), (" 4 ", 4.0)])
def test_a_figure_is_a_number_with_or_without_commas(reported, number):
    assert Derived("a sum", reported, number).agrees()
    assert not Derived("a sum", reported, number + 1).agrees()


def test_a_derived_figure_keeps_the_words_of_the_document_and_the_right_number():
    figure = Derived("a sum", "1,100", 1_000, why="a digit was left out")
    assert (figure.text, figure.reported, figure.value) == ("a sum", "1,100", 1_000)
    assert figure.why == "a digit was left out"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": " "}, r"Derived\.text must be text that is not blank, got ' '"),
        ({"text": None}, r"Derived\.text must be text that is not blank, got None"),
        ({"reported": "high"}, r"Derived\.reported of 'a sum' must be a finite number, got 'high'"),
        ({"reported": "nan"}, "a finite number, got 'nan'"),
        ({"reported": None}, "a finite number, got None"),
        ({"value": "1"}, r"Derived\.value of 'a sum' must be a finite number, got '1'"),
        ({"value": float}, r"Derived\.value of 'a sum' must be a finite number, got <class 'float'>"),
        ({"value": math.nan}, r"Derived\.value of 'a sum' must be a finite number, got nan"),
        ({"why": None}, r"Derived\.why of 'a sum' must be text \(or empty\), got None"),
    ],
)
def test_derived_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Derived(**({"text": "a sum", "reported": "1", "value": 1.0} | fields))


def test_several_figures_of_one_run_are_told_apart_by_their_metrics():
    assert Reported.several("sgd", epoch=10, place="table 2", train_accuracy="0.9465", test_accuracy=0.956) == [
        Reported("sgd", "train_accuracy", "0.9465", epoch=10, place="table 2"),
        Reported("sgd", "test_accuracy", 0.956, epoch=10, place="table 2"),
    ]


def test_several_figures_may_share_the_beginning_of_their_metrics_and_a_setting():
    assert Reported.several("sgd", prefix="train_end_", setting={"epochs": 3}, slope="1.5", bias=-2) == [
        Reported("sgd", "train_end_slope", "1.5", setting={"epochs": 3}),
        Reported("sgd", "train_end_bias", -2, setting={"epochs": 3}),
    ]
    assert Reported.several("sgd") == []


def test_each_of_several_figures_keeps_the_rules():
    with pytest.raises(StudyError, match=r"Reported\.metric of arm sgd must be train_, val_ or test_ .*'accuracy'"):
        Reported.several("sgd", test_loss="0.1", accuracy="0.9")


def test_the_phases_of_a_claim_say_what_they_compare():
    assert [phase for phase in ClaimPhase if phase.compares_winners] == ["replicate", "tuning"]
    assert {phase: phase.stated_phase for phase in ClaimPhase} == {
        "replicate": None, "reported": Phase.REPORTED, "defaults": Phase.DEFAULTS, "tuning": Phase.DEFAULTS,
        "sweep": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phase": "sweep"}, r"Claim\.sweep of .* where phase is sweep, got phase 'sweep' and sweep ''"),
        ({"sweep": "s"}, r"where phase is sweep, got phase 'replicate' and sweep 's'"),
        ({"over": "median"}, r"Claim\.over of 'a is better' must be mean, worst or spread, got 'median'"),
        ({"over": "spread"}, r"are about a sweep, got over 'spread' and at \{\}: name the sweep, or leave them out"),
        ({"at": {"rate": 1}}, r"are about a sweep, got over 'mean' and at \{'rate': 1\}"),
        ({"target": "high"}, r"Claim\.target of .* must be a number, and then epoch must be None, got 'high'"),
        ({"target": 0.9, "epoch": 3}, r"and then epoch must be None, got 0\.9"),
        ({"target": math.inf}, "got inf"),
        *[
            ({name: value}, rf"Claim\.{name} of 'a is better' must be a number above 0, got {value}")
            for name in ("margin", "rope")
            for value in (0, -0.1, True, math.nan)
        ],
        (
            {"margin": 0.1, "rope": 0.1},
            r"Claim\.rope .* must be None where margin is given, got both: a claim of equivalence has",
        ),
        ({"phase": "sweep", "sweep": "s", "at": {"rate": [1]}}, r"Claim\.at of .*: rate must be text"),
    ],
)
def test_claim_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        BETTER(**fields)


@pytest.mark.parametrize(
    ("claim", "sign"),
    [
        (BETTER(), 1),
        (BETTER(metric="test_loss"), -1),
        (BETTER(target=0.9, metric="val_accuracy"), -1),  # fewer epochs
        (BETTER(phase="tuning"), -1),  # less is left to gain
        (BETTER(phase="tuning", metric="test_loss"), -1),
        (SWEPT(), 1),
        (SWEPT(over="worst", metric="val_loss"), -1),
        (SWEPT(over="spread"), -1),
    ],
)
def test_more_is_better_or_less(claim, sign):
    assert claim.sign == sign


def test_a_gap_to_the_training_rows_is_better_when_it_is_less():
    assert BETTER(metric="test_gap").direction == "minimize"
    assert BETTER(metric="train_epochs").direction == "minimize"
