"""Images by `Data.images`, held against what Pillow and Keras read."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from PIL import Image

from dlstudy.datasets import known_files
from dlstudy.datasets.data import Data
from dlstudy.datasets.readers import images
from dlstudy.datasets.readers.image_files import ImageFiles
from dlstudy.datasets.twins import row_digests
from dlstudy.errors import DataError


def save(path: Path, seed: int, size: tuple[int, int] = (4, 6), mode: str = "RGB") -> np.ndarray:
    """Write an image of noise; returns its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if mode == "L" else (*size, len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def pets(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "my pets"
    for seed, name in enumerate(["dogs/b.png", "cats/z.png", "cats/inner/a.PNG", "dogs/a.bmp"]):
        save(folder / name, seed)
    (folder / "cats" / "notes.md").write_text("not an image")
    save(folder / ".hidden" / "a.png", 9)
    save(folder / "cats" / ".trash" / "a.png", 9)
    return folder


def test_a_folder_for_each_class_gives_pixels_and_labels(pets: Path) -> None:
    data = Data.images(pets)
    assert (data.x.shape, data.x.dtype) == ((4, 4, 6, 3), np.uint8)
    assert list(data.y) == ["cats", "cats", "dogs", "dogs"]
    np.testing.assert_array_equal(data.x[3], np.asarray(Image.open(pets / "dogs" / "b.png")))
    assert (data.name, data.source, data.split) == ("my-pets", "my pets", None)


def test_images_are_made_gray_and_of_a_size_as_pillow_does_it(pets: Path) -> None:
    data = Data.images(pets, size=(8, 5), color="grayscale")
    assert data.x.shape == (4, 8, 5)
    image = Image.open(pets / "dogs" / "b.png").convert("L").resize((5, 8))
    np.testing.assert_array_equal(data.x[3], np.asarray(image))


@pytest.mark.slow
def test_pixels_labels_and_their_order_are_those_of_keras(pets: Path) -> None:
    import keras

    for hidden in (pets / ".hidden", pets / "cats" / ".trash"):
        (hidden / "a.png").unlink()
        hidden.rmdir()
    read = keras.utils.image_dataset_from_directory(pets, image_size=(4, 6), shuffle=False, batch_size=4, verbose=False)
    x, y = next(iter(read.as_numpy_iterator()))
    data = Data.images(pets)
    places = [int(np.flatnonzero((data.x == image).all(axis=(1, 2, 3)))[0]) for image in x]
    assert sorted(places) == [0, 1, 2, 3]
    assert [read.class_names[label] for label in y] == list(data.y[places])


def test_folders_of_parts_are_the_datas_own_parts(tmp_path: Path) -> None:
    pixels = [
        save(tmp_path / part / label / "1.png", seed)
        for seed, (part, label) in enumerate(
            [("train", "cat"), ("train", "dog"), ("val", "cat"), ("val", "dog"), ("test", "cat"), ("test", "dog")]
        )
    ]
    data = Data.images(tmp_path)
    np.testing.assert_array_equal(data.x, pixels)
    assert list(data.y) == ["cat", "dog"] * 3
    assert list(data.split) == ["train", "train", "validation", "validation", "test", "test"]


def test_a_table_of_files_gives_targets_groups_and_parts_by_column(tmp_path: Path) -> None:
    pixels = [save(tmp_path / "scans" / f"{i}.png", i, mode="L") for i in range(3)]
    table = pandas.DataFrame({"scan": ["2.png", "0.png", "1.png"], "size": [2.5, 0.5, 1.5], "patient": ["a", "b", "a"]})
    table.to_csv(tmp_path / "scans" / "list.csv", index=False)
    stated = {"path": "scan", "target": "size", "groups": "patient", "color": "grayscale"}
    data = Data.images(tmp_path / "scans" / "list.csv", **stated)
    np.testing.assert_array_equal(data.x, [pixels[2], pixels[0], pixels[1]])
    assert (list(data.y), list(data.groups), data.name) == ([2.5, 0.5, 1.5], ["a", "b", "a"], "list")
    same = Data.images(table, folder=tmp_path / "scans", **stated)
    np.testing.assert_array_equal(same.x, data.x)


def test_without_targets_any_folder_of_images_will_do(tmp_path: Path) -> None:
    pixels = [save(tmp_path / name, seed) for seed, name in enumerate(["a.png", "b/c.png"])]
    data = Data.images(tmp_path, target=None)
    np.testing.assert_array_equal(data.x, pixels)
    assert data.y is None


@pytest.mark.parametrize("options", [{}, {"size": (8, 5), "color": "grayscale"}])
def test_images_that_stay_in_their_files_have_the_same_pixels_and_labels(pets: Path, options: Any) -> None:
    held, kept = Data.images(pets, **options), Data.images(pets, stream=True, **options)
    assert (kept.x.shape, kept.x.dtype, len(kept.x)) == (held.x.shape, held.x.dtype, 4)
    assert list(kept.y) == list(held.y)
    for rows in ([2, 0], slice(1, None), slice(None), 3, np.array([], int)):
        np.testing.assert_array_equal(kept.x[rows], held.x[rows])


def test_images_stay_in_their_files_where_they_would_take_more_than_the_bound(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MEMORY_BOUND", 4 * 4 * 6 * 3)
    assert isinstance(Data.images(pets).x, np.ndarray)
    monkeypatch.setattr(images, "MEMORY_BOUND", 4 * 4 * 6 * 3 - 1)
    assert isinstance(Data.images(pets).x, ImageFiles)
    assert isinstance(Data.images(pets, stream=False).x, np.ndarray)


def test_images_that_have_not_changed_are_not_read_again_to_be_named(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(known_files, "_SETTLED_NS", -1)
    first = Data.images(pets, stream=True).x
    shutil.copy(pets / "cats" / "z.png", pets / "dogs" / "b.png")
    reads: list[str] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path.name) or read_bytes(path))
    again = Data.images(pets, stream=True).x
    assert reads == ["b.png"]
    assert again.shape == first.shape
    assert [(one == other).all() for one, other in zip(first.hashes, again.hashes, strict=True)] == [True] * 3 + [False]
    save(pets / "dogs" / "b.png", 0, (5, 6))
    with pytest.raises(DataError, match="one size, got 4 x 6"):
        Data.images(pets, stream=True)


@pytest.mark.parametrize("change", ["gone", "another", "damaged"])
def test_an_image_that_has_changed_since_is_no_row_any_more(pets: Path, change: str) -> None:
    kept = Data.images(pets, stream=True).x
    path = pets / "dogs" / "b.png"
    if change == "gone":
        path.unlink()
    elif change == "another":
        save(path, 99)
    else:
        path.write_bytes(path.read_bytes()[:-20])
    assert kept[[0, 1, 2]].shape == (3, 4, 6, 3)
    with pytest.raises(DataError, match=r"the image .*b\.png cannot be read \(.*\): restore it, or run"):
        kept[[3]]


def test_equal_files_are_equal_rows_and_no_image_is_decoded_for_that(pets: Path) -> None:
    (pets / "dogs" / "c.png").write_bytes((pets / "cats" / "z.png").read_bytes())
    digests = row_digests(Data.images(pets, stream=True).x)
    assert [int(n) for n in (digests[:, None] == digests).sum(axis=1)] == [1, 2, 1, 1, 2]
