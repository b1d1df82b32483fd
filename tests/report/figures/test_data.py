"""The pictures of a data set, and the command that shows them with their tables."""

import dataclasses
import json

import numpy as np
import pandas
import pytest
from matplotlib.image import imread

from dlstudy.cli.app import main
from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.datasets.profile import profile_of
from dlstudy.report.figures.data import (
    balance_figure,
    box_figure,
    draw_profile,
    pixel_figure,
    sample_figure,
    target_figure,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits():
    return registry.load("digits")


@pytest.fixture(scope="module")
def diabetes():
    return registry.load("diabetes")


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("digits", ["balance", "samples", "pixels"]),
        ("diabetes", ["target", "boxes"]),
        ("gates", ["balance"]),  # eight rows are seen better than boxes of them
    ],
)
def test_each_data_set_gets_the_pictures_that_fit_it(name, pictures, tmp_path) -> None:
    data = registry.load(name)
    paths = draw_profile(data, profile_of(data), tmp_path / "new folder")
    assert [path.name for path in paths] == [f"{picture}.png" for picture in pictures]
    for path in paths:
        assert imread(path)[..., :3].std() > 0.01, "something is drawn"


TEXTS = np.array(["no", "yes"] * 20)
PIXELS = np.arange(40 * 16, dtype=np.uint8).reshape(40, 4, 4)


@pytest.mark.parametrize(
    ("x", "y", "pictures"),
    [
        (PIXELS, TEXTS, ["balance", "samples", "pixels"]),
        (PIXELS, PIXELS, ["samples", "pixels"]),
        (np.tile(PIXELS, (1, 9, 9)), PIXELS, ["samples"]),
        (PIXELS[..., None], TEXTS, ["balance", "samples", "pixels"]),
        (np.stack([PIXELS] * 4, -1), TEXTS, ["balance", "samples", "pixels"]),
        (pandas.DataFrame({"a": np.arange(40.0), "b": TEXTS, "c": [1, None] * 20}), TEXTS, ["balance", "boxes"]),
        (np.arange(40.0), np.random.default_rng(0).normal(size=(40, 2)), ["target"]),
        (TEXTS, np.array([[1, 1, 0], [0, 1, 0]] * 20), ["balance"]),
        ({"a": TEXTS}, {"b": np.arange(40)}, []),
    ],
    ids=[
        "pictures",
        "autoencoder",
        "large pictures",
        "one channel",
        "four channels",
        "table",
        "two targets",
        "labels",
        "other",
    ],
)
def test_rows_of_ones_own_get_the_pictures_of_their_task(x, y, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    data = registry.load(store_own(plain_rows(Data(x, y))))
    assert [path.stem for path in draw_profile(data, profile_of(data), tmp_path)] == pictures


def test_bars_are_as_high_as_the_classes_are_large(digits) -> None:
    profile = profile_of(digits)
    (axes,) = balance_figure(digits.description, profile).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [counts[part] for part in (0, 1) for counts in profile.balance.values()]
    assert [label.get_text() for label in axes.get_xticklabels()] == [*"0123456789"]
    assert "largest / smallest 1.04" in axes.get_title()


def test_a_histogram_holds_every_target(diabetes) -> None:
    (axes,) = target_figure(diabetes).axes
    assert sum(bar.get_height() for bar in axes.patches) == 442
    assert axes.get_xlabel() == diabetes.description.target_name


def test_each_feature_has_a_box_and_no_place_is_left_framed(diabetes) -> None:
    axes = box_figure(diabetes).axes
    assert [one.get_title() for one in axes if one.axison] == list(diabetes.description.feature_names)
    assert len(axes) == 12


def test_classes_have_a_box_each_and_far_values_a_log_scale() -> None:
    gates = registry.load("gates")
    x = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0], [100.0, 3.0]])
    axes = box_figure(dataclasses.replace(gates, x_train=x, y_train=np.array([0, 1, 0, 1]))).axes
    assert [one.get_title() for one in axes] == ["a, log scale", "b"]
    assert [one.get_yscale() for one in axes] == ["log", "linear"]
    assert [len(one.patches) for one in axes] == [2, 2]


def test_samples_are_three_of_each_class_side_by_side(digits) -> None:
    axes = sample_figure(digits).axes
    assert [one.get_title() for one in axes] == [*"0123456789"] * 3
    first_seven = digits.x_train[np.flatnonzero(digits.y_train == 7)[0]]
    np.testing.assert_array_equal(axes[7].images[0].get_array() * 16, first_seven)


def test_a_grey_image_shows_the_number_of_each_pixel(digits) -> None:
    axes = pixel_figure(digits).axes[0]
    assert [int(text.get_text()) for text in axes.texts] == digits.x_train[0].ravel().tolist()


def test_a_colour_image_is_taken_apart_into_its_channels() -> None:
    digits = registry.load("digits")
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(1, 4, 4, 3)
    figure = pixel_figure(dataclasses.replace(digits, x_train=image, y_train=np.array([2])))
    shown = [axes.images[0].get_array() for axes in figure.axes[:4]]
    for i in range(3):
        np.testing.assert_array_equal(shown[1 + i], image[0, ..., i])
    assert figure.get_suptitle().endswith(": 2")


def typed(capsys, *words: str) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_data_show_prints_tables_and_draws_into_the_home(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    code, out, err = typed(capsys, "data", "show", "gates", "--home", tmp_path / "home")
    assert code == 0
    assert "gates: verified and cached in" in err
    assert "a      uint8" in out
    assert "Largest class / smallest class (train): 3." in out
    assert out.splitlines()[-1] == str(tmp_path / "home" / "data" / "gates" / "balance.png")
    assert (tmp_path / "home" / "data" / "gates" / "balance.png").is_file()


def test_data_show_json_is_the_look_with_its_pictures(capsys, tmp_path) -> None:
    code, out, _ = typed(capsys, "data", "show", "diabetes", "--json", "--output", tmp_path)
    shown = json.loads(out)
    assert code == 0
    assert shown["targets"][0]["spread"]["highest"] == 346.0
    assert shown["pictures"] == [str(tmp_path / "target.png"), str(tmp_path / "boxes.png")]


def test_a_regression_shows_its_target_and_no_classes(capsys, tmp_path) -> None:
    _, out, _ = typed(capsys, "data", "show", "diabetes", "--output", tmp_path)
    assert "These rows come undivided: a study's split divides them." in out
    assert "of each class" not in out
    first, numbers = [line for line in out.splitlines() if "progress of the disease" in line][-2:]
    assert first.split()[-3:] == ["151;", "75;", "141"]
    assert numbers.split()[-5:] == ["87", "140.5", "211.5", "152.13", "77.093"]  # as pandas describes them


def test_a_caveat_is_shown_first(capsys, tmp_path, monkeypatch) -> None:
    about = dataclasses.replace(registry.describe("gates"), caveat="half of the truth")
    monkeypatch.setattr(registry, "describe", lambda name: about)
    _, out, _ = typed(capsys, "data", "show", "gates", "--output", tmp_path)
    assert out.startswith("DATA: gates is half of the truth\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["minst"], "did you mean mnist?"),
        (["gates", "--output", "file"], "the pictures cannot be written to file (File exists): name another --output"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, words, message) -> None:
    registry.ensure("gates")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    code, out, err = typed(capsys, "data", "show", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
