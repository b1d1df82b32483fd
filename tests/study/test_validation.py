"""What `test_study.py` does not reach of the rules."""

import math

import pytest

from dlstudy.study.validation import is_count, is_number


@pytest.mark.parametrize(
    ("value", "answer"), [(1, True), (10**6, True), (10**6 + 1, False), (0, False), (True, False), (1.0, False)]
)
def test_a_count_is_a_whole_number_from_one_to_a_million(value, answer):
    assert is_count(value) is answer


@pytest.mark.parametrize(
    ("value", "answer"), [(0, True), (-0.5, True), (math.nan, False), (-math.inf, False), (True, False), ("1", False)]
)
def test_a_number_is_finite_and_no_truth_value(value, answer):
    assert is_number(value) is answer
