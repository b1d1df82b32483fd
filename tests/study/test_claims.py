"""Figures that arithmetic can check, and what a claim may say; the rest is tested with the study model."""

import math
from functools import partial

import pytest

from dlstudy.errors import StudyError
from dlstudy.study.claims import Claim, Computed

BETTER = partial(Claim, "a is better", better="a", than="b", metric="test_accuracy")
SWEPT = partial(BETTER, phase="sweep", sweep="s")


@pytest.mark.parametrize(
    ("printed", "right", "agrees"),
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
def test_a_figure_agrees_with_what_rounds_to_it(printed, right, agrees):
    assert Computed("a sum", printed, lambda: right).agrees() is agrees


@pytest.mark.parametrize(("printed", "number"), [("1,100", 1_100.0), ("12,345.60", 12_345.6), (3, 3.0), (" 4 ", 4.0)])
def test_a_figure_is_a_number_with_or_without_commas(printed, number):
    assert Computed("a sum", printed, lambda: 0.0).number == number


def test_nothing_is_computed_before_it_is_asked_for():
    Computed("a sum", "1", lambda: 1 / 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": " "}, r"Computed\.text must be text that says something, got ' '"),
        ({"text": None}, r"Computed\.text must be text that says something, got None"),
        ({"printed": "high"}, r"Computed\.printed of 'a sum' must be a finite number, got 'high'"),
        ({"printed": "nan"}, "a finite number, got 'nan'"),
        ({"printed": None}, "a finite number, got None"),
        ({"compute": 1.0}, r"Computed\.compute of 'a sum' must be a function, got 1\.0"),
    ],
)
def test_computed_rules(fields, message):
    with pytest.raises(StudyError, match=message):
        Computed(**({"text": "a sum", "printed": "1", "compute": float} | fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phase": "sweep"}, r"Claim\.sweep of .* where phase is sweep, got phase 'sweep' and sweep ''"),
        ({"sweep": "s"}, r"where phase is sweep, got phase 'replicate' and sweep 's'"),
        ({"over": "median"}, r"Claim\.over of 'a is better' must be one of mean, worst, spread, got 'median'"),
        ({"over": "spread"}, r"are about a sweep, got over 'spread' and at \{\}: name the sweep, or leave them out"),
        ({"at": {"rate": 1}}, r"are about a sweep, got over 'mean' and at \{'rate': 1\}"),
        ({"target": "high"}, r"Claim\.target of .* must be a number, and then epoch must be None, got 'high'"),
        ({"target": 0.9, "epoch": 3}, r"and then epoch must be None, got 0\.9"),
        ({"target": math.inf}, "got inf"),
        *[
            ({name: value}, rf"Claim\.{name} of 'a is better' must be a number above 0, got {value}")
            for name in ("within", "region")
            for value in (0, -0.1, True, math.nan)
        ],
        (
            {"within": 0.1, "region": 0.1},
            r"Claim\.region .* must be None where within is given, got both: a likeness has",
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
