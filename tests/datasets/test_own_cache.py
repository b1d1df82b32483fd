"""A user's own rows in the cache: what comes back, and what names them."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import difference, own_folder, store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.datasets.twins import row_digests
from dlstudy.errors import DataError
from dlstudy.study.row_facts import facts_in
from dlstudy.study.split import Split

N = 12
X = np.arange(2.0 * N).reshape(N, 2)
Y = np.arange(N) % 2


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path))
    return tmp_path


def stored(*args, **named):
    return store_own(plain_rows(Data(*args, **named)))


def table(**columns):
    kinds = pd.Categorical(["low", "high"] * 6, ["low", "high"], ordered=True)
    days = pd.date_range("2024-01-01", periods=N)
    texts = pd.Series(["a", None] * 6, dtype="str")
    return pd.DataFrame({"age": X[:, 0], "kind": kinds, "day": days, "text": texts, **columns})


def test_arrays_come_back_as_memory_maps_of_their_own_types():
    data = registry.load(stored(X.astype(np.float16), Y))
    assert isinstance(data.x_train, np.memmap)
    assert data.x_train.dtype == np.float16
    np.testing.assert_array_equal(data.x_train, X)
    assert (len(data.x_test), data.weight_train, data.groups) == (0, None, None)


def test_a_table_comes_back_with_its_types():
    data = registry.load(stored(table(), Y))
    pd.testing.assert_frame_equal(data.x_train, table())


def test_structures_texts_and_rows_of_differing_lengths_come_back():
    x = {"words": ["a b", None] * 6, "pair": (X, [[1], [2, 3]] * 6)}
    data = registry.load(stored(x, {"one": Y, "two": X[:, 0]}))
    assert data.x_train["words"].tolist() == ["a b", None] * 6
    assert isinstance(data.x_train["pair"], tuple)
    assert [row.tolist() for row in data.x_train["pair"][1][:2]] == [[1], [2, 3]]
    np.testing.assert_array_equal(data.y_train["two"], X[:, 0])


def test_sentences_call_rows_by_their_title_and_named_data_by_their_name():
    assert registry.describe(stored(X, Y, name="churn-2024")).shown_name == "churn-2024"
    assert registry.describe(stored(X, Y, title="Who leaves?")).shown_name == "Who leaves?"
    assert registry.describe("digits").shown_name == "digits"


def test_names_of_targets_come_back_and_count():
    one, other = (stored(table(kg=X[:, 0], m=X[:, 1]).rename(columns={"m": name}), ["kg", name]) for name in "mh")
    assert registry.describe(one).target_names == ("kg", "m")
    assert registry.describe(one).names_of_targets(2) == ("kg", "m")
    assert registry.describe("digits").names_of_targets(2) == ("target 0", "target 1")
    assert difference(one, other) == "another target_names"


def test_an_autoencoder_has_its_inputs_as_targets_and_a_density_model_none():
    assert registry.load(stored(X, X)).y_train is not None
    np.testing.assert_array_equal(registry.load(stored(X, X)).y_train, X)
    assert registry.load(stored(X)).y_train is None


def test_stated_parts_groups_and_weights_are_kept_apart():
    split = ["test", "train", "validation", "train"] * 3
    data = registry.load(stored(X, Y, split=split, weight=np.arange(N), groups=np.arange(N) % 4))
    assert data.description.n_train, data.description.n_test == (9, 3)
    np.testing.assert_array_equal(data.x_test, X[[0, 4, 8]])
    np.testing.assert_array_equal(data.x_train[data.validation_rows], X[[2, 6, 10]])
    assert data.weight_test.tolist() == [0, 4, 8]
    assert data.description.n_validation == len(data.validation_rows) == 3
    assert len(data.groups) == 9


def test_the_description_says_what_the_data_is():
    about = registry.describe(stored(table(churn=["no", "yes"] * 6), "churn", name="churn", source="a survey"))
    assert (about.task, about.n_classes, about.label_names, about.target_name) == ("binary", 2, ("no", "yes"), "churn")
    assert about.feature_names == ("age", "kind", "day", "text")
    assert about.input_shape == {"age": (1,), "kind": (1,), "day": (1,), "text": (1,)}
    assert (about.n_train, about.n_test, about.source) == (N, 0, "a survey")
    assert about.name.startswith("churn-")


def test_equal_content_has_one_name_and_is_kept_once(cache):
    assert stored(X, Y) == stored(X.copy(), Y.tolist())
    assert len(list((cache / "own").iterdir())) == 1


ORIGINAL = {"x": X, "y": Y}
CHANGES = {
    "a value": {"x": X + (X == 3)},
    "a type": {"x": X.astype(np.float32)},
    "a label": {"y": 1 - Y},
    "a name of a label": {"label_names": ["no", "yes"]},
    "a row less": {"x": X[:-1], "y": Y[:-1]},
    "weights": {"weight": np.ones(N)},
    "groups": {"groups": np.arange(N) // 2},
    "a split": {"split": ["train", "train", "test", "test"] * 3},
    "a structure": {"x": [X]},
    "a table": {"x": pd.DataFrame(X, columns=["a", "b"])},
    "a task": {"task": "regression"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_changes_the_name(what):
    assert stored(**ORIGINAL) != stored(**{**ORIGINAL, **CHANGES[what]})


def test_a_change_within_a_table_changes_the_name():
    names = {
        stored(frame, Y)
        for frame in (
            table(), table().rename(columns={"age": "Age"}), table(age=X[:, 0].astype(np.float32)),
            table(kind=pd.Categorical(["low", "high"] * 6, ["high", "low"], ordered=True)),
            table(text=["a", ""] * 6), table()[["kind", "age", "day", "text"]],
        )
    }  # fmt: skip
    assert len(names) == 6


def test_what_differs_between_two_contents_is_said():
    first = stored(X, Y)
    assert difference(first, stored(X[:-1], Y[:-1])) == "11 train rows and not 12"
    assert difference(first, stored(X + 1, Y)) == "other values in x_train"
    assert difference(first, stored(X, 1 - Y)) == "other values in y_train"
    assert difference(first, "mnist") == ""


def test_rows_that_are_gone_or_damaged_are_said_in_one_line():
    name = stored(table(), Y)
    (own_folder(name) / "x_train-0.table.arrow").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"cannot be read .* delete that folder and run the study again"):
        registry.load(name)
    (own_folder(name) / "about.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(DataError, match="of another version of dlstudy: delete"):
        registry.load(name)
    (own_folder(name) / "about.json").unlink()
    with pytest.raises(DataError, match="a data set is one of"):
        registry.load(name)


def test_a_cache_that_cannot_be_written_is_said_in_one_line(cache):
    (cache / "own").write_text("a file in the way")
    with pytest.raises(DataError, match=r"cannot be written .* set DLSTUDY_CACHE to another folder"):
        stored(X, Y)


def pictures(folder, size=(4, 6)):
    for number in range(8):
        path = folder / f"{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def test_images_in_their_files_are_the_same_rows_wherever_these_are(tmp_path):
    first = store_own(plain_rows(Data.images(pictures(tmp_path / "here"), name="pets", stream=True)))
    held = Data.images(tmp_path / "here").x
    np.testing.assert_array_equal(registry.load(first).x_train[:], held)
    moved = (tmp_path / "here").rename(tmp_path / "there")
    assert store_own(plain_rows(Data.images(moved, name="pets", stream=True))) == first
    np.testing.assert_array_equal(registry.load(first).x_train[:], held)
    Image.fromarray(held[0]).save(moved / "a" / "2.png")
    assert store_own(plain_rows(Data.images(moved, name="pets", stream=True))) != first


def test_a_parquet_file_is_kept_as_one_array_with_its_parts_and_groups(tmp_path):
    whole = pd.DataFrame({"a": X[:, 0], "g": Y, "b": X[:, 1], "part": ["test"] * 2 + ["train"] * 10, "y": Y})
    whole["g"] = np.arange(N) // 2
    whole.to_parquet(tmp_path / "t.parquet", row_group_size=5)
    names = {"groups": "g", "split": "part", "task": "regression"}
    held, kept = (
        registry.load(store_own(plain_rows(Data.parquet(tmp_path / "t.parquet", "y", stream=stream, **names))))
        for stream in (False, True)
    )
    np.testing.assert_array_equal(kept.x_train[:], held.x_train)
    np.testing.assert_array_equal(kept.x_test[[1, 0]], held.x_test.iloc[[1, 0]])
    np.testing.assert_array_equal(kept.groups, held.groups)
    np.testing.assert_array_equal(kept.y_train, held.y_train)
    split = Split(0.2, groups="b", random_state=1)
    np.testing.assert_array_equal(facts_in(split, kept).groups, facts_in(split, held).groups)
    same = ("feature_names", "target_name", "group_name", "input_shape", "n_train", "n_test", "task")
    assert [getattr(kept.description, name) for name in same] == [getattr(held.description, name) for name in same]
    assert kept.x_train.astype(np.float32)[:2].dtype == np.float32
    np.testing.assert_array_equal(row_digests(kept.x_train), row_digests(np.asarray(held.x_train)))
