"""Profiles of data sets: worked out by hand, or by NumPy and pandas."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset, Description
from dlstudy.datasets.profile import ClassCount, DatasetProfile, Part, profile_of
from dlstudy.datasets.twins import Twins
from dlstudy.errors import DataError

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


def test_shapes_types_and_balance_are_given_of_each_part() -> None:
    profile = profile_of(dataset(np.zeros((5, 2), np.uint8), np.array([0, 1, 0, 0, 1], np.uint8), 1, ("no", "yes")))
    assert profile.parts == (
        Part("train", (4, 2), "uint8", (4,), "uint8", 0, 0),
        Part("test", (1, 2), "uint8", (1,), "uint8", 0, 0),
    )
    assert profile.balance == (ClassCount("no", 3, 0), ClassCount("yes", 1, 1))
    assert profile.ratio == 3.0
    assert profile.target is None


def test_rows_that_nobody_divided_are_one_part() -> None:
    assert [part.name for part in profile_of(dataset([[1.0], [2.0]], [1.0, 2.0])).parts] == ["all"]


def test_repeated_rows_and_twins_of_test_rows_are_counted() -> None:
    profile = profile_of(
        dataset([[1.0], [1.0], [2.0], [2.0], [3.0]], np.array([0, 1, 0, 1, 1], np.uint8), 2, ("no", "yes"))
    )
    assert profile.n_repeats == 1
    assert profile.twins == Twins(n_test=2, n_equal=1, n_contrary=1)


def test_a_class_without_training_rows_has_no_ratio() -> None:
    profile = profile_of(dataset(np.ones((3, 1)), np.array([0, 0, 1], np.uint8), 1, ("no", "yes")))
    assert profile.balance[1] == ClassCount("yes", 0, 1)
    assert profile.ratio is None


def test_spread_is_what_pandas_describes_and_the_test_rows_are_not_in_it() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)).round(1), rng.normal(size=50)
    profile = profile_of(dataset(x, y, n_test=13))
    for column, row in zip([*x[:37].T, y[:37]], [*profile.features, profile.target], strict=True):
        seen = pd.Series(column).describe()
        ours = (row.mean, row.sd, row.lowest, row.lower_quartile, row.median, row.upper_quartile, row.highest)
        np.testing.assert_allclose(ours, seen.to_numpy()[1:], rtol=1e-12, atol=1e-15)
    assert [row.name for row in profile.features] == ["a", "b", "c"]
    assert profile.target.name == "price"
    assert profile.first_rows == tuple((*x[i], y[i]) for i in range(5))


def test_missing_values_are_counted_and_left_out() -> None:
    profile = profile_of(dataset([[1.0, 5.0], [np.nan, 6.0], [3.0, 7.0], [np.inf, 8.0]], [1.0, 2.0, 3.0, np.nan]))
    assert (profile.parts[0].x_missing, profile.parts[0].y_missing) == (2, 1)
    assert [row.missing for row in profile.features] == [2, 0]
    assert (profile.features[0].mean, profile.features[0].median, profile.features[0].highest) == (2.0, 2.0, 3.0)
    assert (profile.target.missing, profile.target.mean) == (1, 2.0)


def test_a_column_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(DataError, match="at least two finite values, got 1 of 'b': correct the data"):
        profile_of(dataset([[1.0, np.nan], [2.0, 3.0]], [1.0, 2.0]))


@pytest.mark.parametrize("shape", [(2_345, 3, 4), (1_000, 2, 2, 3), (2, 1, 1)])
def test_all_pixels_are_counted_together_however_many_images(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    (row,) = profile_of(dataset(images, np.zeros(shape[0], np.uint8), labels=("all",))).features
    assert row.name == "pixels"
    quartiles = (row.lowest, row.lower_quartile, row.median, row.upper_quartile, row.highest)
    np.testing.assert_allclose(quartiles, np.quantile(images, [0, 0.25, 0.5, 0.75, 1]))
    np.testing.assert_allclose([row.mean, row.sd], [images.mean(), images.std(ddof=1)])


@pytest.mark.parametrize("name", ["digits", "diabetes", "gates"])
def test_a_look_goes_to_json_and_back(name: str) -> None:
    profile = profile_of(registry.load(name))
    assert DatasetProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


@real_data
def test_wine_has_the_balance_that_the_course_prints() -> None:
    profile = profile_of(registry.load("wine"))
    assert profile.balance == (ClassCount("bad", 744, 0), ClassCount("good", 855, 0))
    assert profile.ratio == 855 / 744
    assert (profile.n_repeats, profile.twins) == (240, None)
    assert profile.first_rows[0] == (7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.4, 0)


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
    assert profile.features[0].mean / 255 == pytest.approx(0.1307, abs=5e-5)  # as everybody normalises it
    assert profile.features[0].sd / 255 == pytest.approx(0.3081, abs=5e-5)
