"""Values of single test rows as text: their precision, their size, and when they are of the metric."""

import numpy as np
import pytest

from dlstudy.study.row_values import MOST_ROWS, pack_agreeing, pack_bits, pack_numbers, unpack_numbers, values_of_rows
from dlstudy.study.trial import TrialResult, TrialState


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1.0, 1e12, 1e200])
def test_numbers_come_back_to_one_part_in_two_thousand(size):
    values = size * np.exp(np.random.default_rng(0).normal(-4, 4, 1000)) * np.array([1, -1] * 500)
    assert unpack_numbers(pack_numbers(values)) == pytest.approx(values, rel=1 / 2048, abs=2e-12 * abs(values).max())


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [0.0, -3.0]])
def test_zeros_come_back_exactly(values):
    assert unpack_numbers(pack_numbers(np.array(values))).tolist() == values


def test_ten_thousand_losses_take_thirty_kilobytes_and_the_most_rows_less_than_three_hundred():
    losses = np.random.default_rng(0).exponential(size=MOST_ROWS)
    assert len(pack_numbers(losses[:10_000])) < 30_000
    assert len(pack_numbers(losses)) < 300_000


@pytest.mark.parametrize("text", ["", "no base64!", "AAAA", pack_bits(np.ones(100, bool))])
def test_other_text_gives_none(text):
    assert unpack_numbers(text) is None


@pytest.mark.parametrize("values", [np.array([1.0, np.inf]), np.array([1.0, np.nan]), np.ones(MOST_ROWS + 1)])
def test_what_is_not_finite_or_too_long_is_not_kept(values):
    assert pack_agreeing({"test_loss": values}, {"test_loss": 1.0}) == {}


def result(**changes):
    return TrialResult(TrialState.FINISHED, **changes)


def test_bits_are_the_values_of_the_accuracy_whose_share_they_are():
    kept = {"metrics": {"test_accuracy": 0.75, "test_top_accuracy": 1.0, "test_auc": 0.75}}
    trial = result(correct=pack_bits(np.array([1, 1, 0, 1], bool)), **kept)
    assert values_of_rows(trial, "test_accuracy", 4).tolist() == [1, 1, 0, 1]
    assert values_of_rows(trial, "test_top_accuracy", 4) is None
    assert values_of_rows(trial, "test_auc", 4) is None
    assert values_of_rows(result(**kept), "test_accuracy", 4) is None


def test_values_of_another_number_of_rows_are_none():
    trial = result(row_values={"test_loss": pack_numbers(np.array([1.0, 2.0]))}, metrics={"test_loss": 1.5})
    assert values_of_rows(trial, "test_loss", 2).tolist() == [1.0, 2.0]
    assert values_of_rows(trial, "test_loss", 3) is None
    assert values_of_rows(trial, "test_mse", 2) is None
