"""Profiles of data sets: worked out by hand, or by NumPy and pandas."""

import os

import numpy as np
import pandas as pd
import pytest

from dlstudy.datasets import profile, registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.datasets.profile import profile_of
from dlstudy.datasets.twins import Twins

DATA = os.environ.get("DLSTUDY_DATA", "")
real_data = pytest.mark.skipif(not DATA, reason="DLSTUDY_DATA, a folder with the tables, is not set")


def dataset(x, y, n_test: int = 0, labels: tuple[str, ...] = ()) -> Dataset:
    """A data set of our own; the last `n_test` rows test."""
    x, y = np.asarray(x), np.asarray(y)
    n_train = len(x) - n_test
    about = Description(
        name="own",
        title="",
        task="classification" if labels else "regression",
        input_shape=x.shape[1:],
        n_classes=len(labels),
        label_names=labels,
        n_train=n_train,
        n_test=n_test,
        units="",
        scale=1.0,
        source="",
        licence="",
        sha256="",
        feature_names=tuple("abcdefgh"[: x.shape[1]]) if x.ndim == 2 else (),
        target_name="" if labels else "price",
    )
    return Dataset(about, x[:n_train], y[:n_train], x[n_train:], y[n_train:])


def test_types_and_balance_are_given() -> None:
    profile = profile_of(dataset(np.zeros((5, 2), np.uint8), np.array([0, 1, 0, 0, 1], np.uint8), 1, ("no", "yes")))
    assert profile.rows == {"train": 4, "test": 1}
    assert [(column.name, column.kind, column.shape) for column in profile.inputs] == [
        ("a", "uint8", ()),
        ("b", "uint8", ()),
    ]
    assert profile.balance == {"no": (3, 0), "yes": (1, 1)}
    assert profile.ratio == 3.0


def test_rows_that_nobody_divided_are_one_part() -> None:
    assert profile_of(dataset([[1.0], [2.0]], [1.0, 2.0])).rows == {"all": 2}


def test_repeated_rows_and_twins_of_test_rows_are_counted() -> None:
    profile = profile_of(
        dataset([[1.0], [1.0], [2.0], [2.0], [3.0]], np.array([0, 1, 0, 1, 1], np.uint8), 2, ("no", "yes"))
    )
    assert profile.n_repeats == 1
    assert profile.twins == Twins(n_test=2, n_equal=1, n_contrary=1)


def test_a_class_without_training_rows_has_no_ratio() -> None:
    profile = profile_of(dataset(np.ones((3, 1)), np.array([0, 0, 1], np.uint8), 1, ("no", "yes")))
    assert profile.balance["yes"] == (0, 1)
    assert profile.ratio is None


def test_spread_is_what_pandas_describes_and_the_test_rows_are_not_in_it() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)).round(1), rng.normal(size=50)
    profile = profile_of(dataset(x, y, n_test=13))
    for values, column in zip([*x[:37].T, y[:37]], [*profile.inputs, *profile.targets], strict=True):
        seen, row = pd.Series(values).describe(), column.spread
        ours = (row.mean, row.sd, row.lowest, row.lower_quartile, row.median, row.upper_quartile, row.highest)
        np.testing.assert_allclose(ours, seen.to_numpy()[1:], rtol=1e-12, atol=1e-15)
    assert [column.name for column in [*profile.inputs, *profile.targets]] == ["a", "b", "c", "price"]
    assert profile.inputs[0].samples == tuple(f"{value:.5g}" for value in x[:3, 0])


def test_missing_values_are_counted_and_left_out() -> None:
    profile = profile_of(dataset([[1.0, 5.0], [np.nan, 6.0], [3.0, 7.0], [np.inf, 8.0]], [1.0, 2.0, 3.0, np.nan]))
    first, second, target = [*profile.inputs, *profile.targets]
    assert [column.missing for column in (first, second, target)] == [2, 0, 1]
    assert (first.spread.mean, first.spread.median, first.spread.highest, first.summary) == (2.0, 2.0, 3.0, "1 to 3")
    assert target.spread.mean == 2.0


def test_a_column_with_next_to_nothing_in_it_has_no_spread() -> None:
    one, none = profile_of(dataset([[1.0, np.nan], [np.nan, np.nan]], [1.0, 2.0])).inputs
    assert (one.missing, one.different, one.summary, one.spread) == (1, 1, "1 to 1", None)
    assert (none.missing, none.different, none.summary, none.spread) == (2, 0, "", None)


def test_of_very_many_numbers_the_first_rows_are_looked_at(monkeypatch) -> None:
    monkeypatch.setattr(profile, "_MOST_NUMBERS", 3_000)
    x = np.arange(4_000.0).reshape(2_000, 2, 1)
    (column,) = profile_of(dataset(x, np.zeros(2_000))).inputs
    assert (column.summary, column.different) == ("0 to 1999 in the first 1,000 rows", None)


@pytest.mark.parametrize("shape", [(2_345, 3, 4), (1_000, 2, 2, 3), (2, 1, 1)])
def test_all_pixels_are_counted_together_however_many_images(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    (column,) = profile_of(dataset(images, np.zeros(shape[0], np.uint8), labels=("all",))).inputs
    row = column.spread
    quartiles = (row.lowest, row.lower_quartile, row.median, row.upper_quartile, row.highest)
    np.testing.assert_allclose(quartiles, np.quantile(images, [0, 0.25, 0.5, 0.75, 1]))
    np.testing.assert_allclose([row.mean, row.sd], [images.mean(), images.std(ddof=1)])


@real_data
def test_wine_has_the_balance_that_the_course_prints() -> None:
    profile = profile_of(registry.load("wine"))
    assert profile.balance == {"bad": (744,), "good": (855,)}
    assert profile.ratio == 855 / 744
    assert (profile.n_repeats, profile.twins) == (240, None)
    first = [column.samples[0] for column in [*profile.inputs, *profile.targets]]
    assert first == ["7.4", "0.7", "0", "1.9", "0.076", "11", "34", "0.9978", "3.51", "0.56", "9.4", "0"]


@real_data
def test_mnist_is_counted_without_a_copy_in_floating_point() -> None:
    import tracemalloc

    data = registry.load("mnist")
    tracemalloc.start()
    profile = profile_of(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6  # one float64 copy would take 376 MB
    assert profile.ratio == 6_742 / 5_421
    assert profile.inputs[0].spread.mean / 255 == pytest.approx(0.1307, abs=5e-5)  # as everybody normalises it
    assert profile.inputs[0].spread.sd / 255 == pytest.approx(0.3081, abs=5e-5)


N = 12


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path))


def own_profile(*args, **named):
    return profile_of(registry.load(store_own(plain_rows(Data(*args, **named)))))


def test_columns_of_a_table_are_told_by_kind(own_cache):
    table = pd.DataFrame(
        {
            "age": [20.5, np.nan, *range(10)],
            "plan": ["a", "b", None] * 4,
            "size": pd.Categorical(["s", "l"] * 6),
            "day": pd.date_range("2024-01-01", periods=N),
        }
    )
    profile = own_profile(table, [0, 1] * 6)
    age, plan, size, day = profile.inputs
    assert (age.kind, age.missing, age.different, age.summary) == ("float64", 1, 11, "0 to 20.5")
    assert age.samples == ("20.5", "missing", "0")
    assert (plan.kind, plan.missing, plan.different) == ("text", 4, 2)
    assert plan.summary == "a 4, b 4"
    assert (size.kind, size.summary) == ("category", "l 6, s 6")
    assert day.summary == "2024-01-01 00:00:00 to 2024-01-12 00:00:00"


def test_texts_lists_and_images_of_a_structure(own_cache):
    x = {"words": ["a bc", "d"] * 6, "ids": [[1, 2, 3], [4]] * 6, "image": np.zeros((N, 4, 4), np.uint8)}
    words, ids, image = own_profile(x, np.arange(N) / 7).inputs
    assert (words.name, words.kind, words.summary) == ("words", "text", "1 to 4 letters, 2 in the middle")
    assert (ids.kind, ids.summary) == ("lists of int64", "1 to 3 numbers, 2 in the middle")
    assert (image.kind, image.shape, image.summary, image.samples) == ("uint8", (4, 4), "0 to 0", ())


def test_parts_balance_groups_and_twins(own_cache):
    x = np.array([[0.0], [0.0], [1.0], [2.0]] * 3)
    split = ["train"] * 8 + ["test"] * 4
    profile = own_profile(x, ["yes", "no"] * 6, split=split, groups=[0, 0, 1, 1] * 2 + [2, 2, 3, 3])
    assert profile.rows == {"train": 8, "test": 4}
    assert profile.balance == {"no": (4, 2), "yes": (4, 2)}
    assert (profile.n_repeats, profile.n_groups) == (5, 2)
    assert (profile.twins.n_test, profile.twins.n_equal) == (4, 4)


@pytest.mark.parametrize("y", [None, np.ones((N, 2)) * 0.5, {"a": np.arange(N), "b": np.zeros(N)}])
def test_targets_may_be_none_or_several(own_cache, y):
    profile = own_profile(np.arange(2.0 * N).reshape(N, 2), y, split=["train", "test"] * 6)
    assert profile.twins.n_equal == 0
    assert len(profile.targets) == (0 if y is None else 1 if isinstance(y, np.ndarray) else 2)
    assert profile.to_json()["task"] == profile.task


def test_labels_are_counted_by_row_or_by_step(own_cache):
    x = np.arange(N * 1.0).reshape(N, 1)
    tags = own_profile(x, np.array([[1, 1], [1, 0], [0, 0]] * 4), label_names=("a", "b"))
    assert tags.balance == {"a": (8,), "b": (4,)}
    steps = own_profile(
        x, np.array([[0, 1, 2], [2, 2, 2]] * 6), label_names=("x", "y", "z"), split=["train", "test"] * 6
    )
    assert steps.balance == {"x": (6, 0), "y": (6, 0), "z": (6, 18)}
    assert own_profile(x, np.array([[0, 1, 9], [2, 2, 2]] * 6)).balance == {}


def test_targets_have_the_names_of_their_columns(own_cache):
    table = pd.DataFrame({"age": np.arange(N), "kg": np.arange(N) / 7, "m": np.arange(N) / 9})
    assert [column.name for column in own_profile(table, ["kg", "m"]).targets] == ["kg", "m"]
    assert [column.name for column in own_profile(table, "kg").targets] == ["kg"]
    pixels = np.zeros((N, 4, 4), np.uint8)
    assert own_profile(pixels, pixels).targets == ()
