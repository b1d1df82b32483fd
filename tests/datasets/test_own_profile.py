"""The profile of a user's own rows, against pandas and by hand."""

import numpy as np
import pandas as pd
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_profile import own_profile_of
from dlstudy.datasets.own_rows import plain_rows

N = 12


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path))


def profile_of(*args, **named):
    return own_profile_of(registry.load(store_own(plain_rows(Data(*args, **named)))))


def test_columns_of_a_table_are_told_by_kind():
    table = pd.DataFrame(
        {
            "age": [20.5, np.nan, *range(10)],
            "plan": ["a", "b", None] * 4,
            "size": pd.Categorical(["s", "l"] * 6),
            "day": pd.date_range("2024-01-01", periods=N),
        }
    )
    profile = profile_of(table, [0, 1] * 6)
    age, plan, size, day = profile.inputs
    assert (age.kind, age.missing, age.different, age.spread) == ("float64", 1, 11, "0 to 20.5")
    assert age.samples == ("20.5", "missing", "0")
    assert (plan.kind, plan.missing, plan.different) == ("text", 4, 2)
    assert plan.spread == "a 4, b 4"
    assert (size.kind, size.spread) == ("category", "l 6, s 6")
    assert day.spread == "2024-01-01 00:00:00 to 2024-01-12 00:00:00"


def test_texts_lists_and_images_of_a_structure():
    x = {"words": ["a bc", "d"] * 6, "ids": [[1, 2, 3], [4]] * 6, "image": np.zeros((N, 4, 4), np.uint8)}
    words, ids, image = profile_of(x, np.arange(N) / 7).inputs
    assert (words.name, words.kind, words.spread) == ("words", "text", "1 to 4 letters, 2 in the middle")
    assert (ids.kind, ids.spread) == ("lists of int64", "1 to 3 numbers, 2 in the middle")
    assert (image.kind, image.shape, image.spread, image.samples) == ("uint8", (4, 4), "0 to 0", ())


def test_parts_balance_groups_and_twins():
    x = np.array([[0.0], [0.0], [1.0], [2.0]] * 3)
    split = ["train"] * 8 + ["test"] * 4
    profile = profile_of(x, ["yes", "no"] * 6, split=split, groups=[0, 0, 1, 1] * 2 + [2, 2, 3, 3])
    assert profile.rows == {"train": 8, "test": 4}
    assert profile.balance == {"no": (4, 2), "yes": (4, 2)}
    assert (profile.n_repeats, profile.n_groups) == (5, 2)
    assert (profile.twins.n_test, profile.twins.n_equal) == (4, 4)


@pytest.mark.parametrize("y", [None, np.ones((N, 2)) * 0.5, {"a": np.arange(N), "b": np.zeros(N)}])
def test_targets_may_be_none_or_several(y):
    profile = profile_of(np.arange(2.0 * N).reshape(N, 2), y, split=["train", "test"] * 6)
    assert profile.twins.n_equal == 0
    assert len(profile.targets) == (0 if y is None else 1 if isinstance(y, np.ndarray) else 2)
    assert profile.to_json()["task"] == profile.task


def test_labels_are_counted_by_row_or_by_step():
    x = np.arange(N * 1.0).reshape(N, 1)
    tags = profile_of(x, np.array([[1, 1], [1, 0], [0, 0]] * 4), label_names=("a", "b"))
    assert tags.balance == {"a": (8,), "b": (4,)}
    steps = profile_of(
        x, np.array([[0, 1, 2], [2, 2, 2]] * 6), label_names=("x", "y", "z"), split=["train", "test"] * 6
    )
    assert steps.balance == {"x": (6, 0), "y": (6, 0), "z": (6, 18)}
    assert profile_of(x, np.array([[0, 1, 9], [2, 2, 2]] * 6)).balance == {}


def test_targets_have_the_names_of_their_columns():
    table = pd.DataFrame({"age": np.arange(N), "kg": np.arange(N) / 7, "m": np.arange(N) / 9})
    assert [column.name for column in profile_of(table, ["kg", "m"]).targets] == ["kg", "m"]
    assert [column.name for column in profile_of(table, "kg").targets] == ["kg"]
    pixels = np.zeros((N, 4, 4), np.uint8)
    assert profile_of(pixels, pixels).targets == ()
