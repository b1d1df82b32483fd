"""Data sets by name: fetched once, verified always, shared by memory maps."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import filelock
import numpy as np
import pytest
from sklearn.datasets import load_digits

from dlstudy.datasets import cache, registry
from dlstudy.datasets.dataset import checksum, checksum_of_files, undivided
from dlstudy.datasets.digits import DIGITS
from dlstudy.datasets.sources import Definition, Source, unchanged
from dlstudy.errors import DataError

TINY = {
    "x_train": np.arange(6, dtype=np.uint8).reshape(3, 2),
    "y_train": np.array([0, 1, 0], dtype=np.uint8),
    "x_test": np.array([[9, 9]], dtype=np.uint8),
    "y_test": np.array([1], dtype=np.uint8),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a 'cache' with \"quotes\""
    monkeypatch.setenv("DLSTUDY_CACHE", str(folder))
    return folder


@pytest.fixture
def define_tiny(monkeypatch: pytest.MonkeyPatch):
    """A function that makes `tiny` a data set with the given sources."""

    def define(*sources: Source, canonical=unchanged, **known: str) -> None:
        description = replace(DIGITS.description, **{"name": "tiny", "sha256": checksum(TINY)} | known)
        definition = Definition(description, sources=lambda: sources, remedy="do this", canonical=canonical)
        monkeypatch.setitem(registry._DEFINITIONS, "tiny", definition)

    return define


def broken() -> dict[str, np.ndarray]:
    raise DataError("the line is cut")


GOOD = Source("a good place", lambda: TINY)
BROKEN = Source("a broken place", broken)
WRONG = Source("a wrong place", lambda: TINY | {"y_test": np.array([0], dtype=np.uint8)})


def test_checksum_is_sha256_of_the_documented_bytes() -> None:
    expected = hashlib.sha256(
        b"x_train |u1 (3, 2)\n\x00\x01\x02\x03\x04\x05y_train |u1 (3,)\n\x00\x01\x00"
        b"x_test |u1 (1, 2)\n\x09\x09y_test |u1 (1,)\n\x01"
    )
    assert checksum(TINY) == expected.hexdigest()


def test_checksum_does_not_depend_on_memory_layout() -> None:
    floats = {name: values.astype("<f8") for name, values in TINY.items()}
    turned = {name: np.asfortranarray(values.astype(">f8")) for name, values in TINY.items()}
    assert checksum(turned) == checksum(floats) != checksum(TINY)


def test_digits_are_the_rows_of_scikit_learn_in_their_order() -> None:
    digits, original = registry.load("digits"), load_digits()
    assert digits.x_train.shape == (1437, 8, 8)
    assert digits.x_test.dtype == digits.y_test.dtype == np.uint8
    np.testing.assert_array_equal(np.concatenate([digits.x_train, digits.x_test]), original.images)
    np.testing.assert_array_equal(np.concatenate([digits.y_train, digits.y_test]), original.target)
    assert registry.verify("digits") == digits.description.sha256


def test_labels_of_digits_repeat_as_its_docstring_says() -> None:
    labels = "".join(map(str, load_digits().target))
    assert labels.count("95565098") == 14
    assert all(labels[start : start + 10] == "0123456789" != labels[start - 10 : start] for start in (1415, 1545, 1667))


def test_loaded_arrays_are_read_only_memory_maps() -> None:
    digits = registry.load("digits")
    assert all(isinstance(array, np.memmap) for array in (digits.x_train, digits.y_train, digits.x_test, digits.y_test))
    with pytest.raises(ValueError, match="read-only"):
        digits.x_train[0] = 0


def test_a_set_known_by_its_files_keeps_the_checksum_of_its_arrays(define_tiny) -> None:
    files = checksum_of_files({"b.gz": "22", "a.gz": "11"})
    assert files == hashlib.sha256(b"a.gz 11\nb.gz 22\n").hexdigest()
    define_tiny(GOOD, identified_by="files", sha256=files)
    folder = registry.ensure("tiny")
    assert (folder / "checksum").read_text() == checksum(TINY)
    assert registry.verify("tiny") == files
    np.testing.assert_array_equal(registry.load("tiny").y_test, [1])
    change_last_byte(folder / "y_test.npy")
    with pytest.raises(DataError, match=rf"damaged: expected sha256 {checksum(TINY)}, got"):
        registry.verify("tiny")
    (folder / "checksum").unlink()
    with pytest.raises(DataError, match=r"No such file .*checksum"):
        registry.verify("tiny")
    registry.ensure("tiny")
    assert registry.verify("tiny") == files


def test_arrays_are_made_canonical_before_they_are_judged_and_stored(define_tiny) -> None:
    rough = Source("a rough place", lambda: {name: values + np.float64(0.1) for name, values in TINY.items()})
    define_tiny(rough, canonical=lambda arrays: {name: np.rint(a).astype(np.uint8) for name, a in arrays.items()})
    registry.ensure("tiny")
    np.testing.assert_array_equal(registry.load("tiny").x_train, TINY["x_train"])


def test_a_set_without_any_place_to_look_says_so(define_tiny) -> None:
    define_tiny()
    with pytest.raises(DataError, match=r"do this\n  there is no source to try: DLSTUDY_DATA is not set"):
        registry.ensure("tiny")


def test_undivided_rows_all_train() -> None:
    arrays = undivided(np.zeros((3, 2)), np.ones(3))
    assert [arrays[name].shape for name in TINY] == [(3, 2), (3,), (0, 2), (0,)]
    assert len(checksum(arrays)) == 64


@pytest.mark.skipif(not os.environ.get("DLSTUDY_DATA"), reason="DLSTUDY_DATA, a folder with mnist.npz, is not set")
def test_mnist_comes_from_the_users_folder() -> None:
    lines: list[str] = []
    folder = registry.ensure("mnist", lines.append)
    mnist = registry.load("mnist")
    assert "DLSTUDY_DATA" in lines[0]
    assert "verified" in lines[1]
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.npy" for name in TINY)
    assert mnist.x_train.shape == (mnist.description.n_train, *mnist.description.input_shape)
    assert mnist.x_test.shape == (mnist.description.n_test, 28, 28)
    assert mnist.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert registry.verify("mnist") == mnist.description.sha256


@pytest.mark.parametrize("name", registry.names())
def test_a_description_is_complete_and_agrees_with_itself(name: str) -> None:
    known = registry.describe(name)
    assert known.name == name
    assert len(known.sha256) == 64
    assert known.task in ("classification", "regression")
    assert len(known.label_names) == known.n_classes
    assert (known.task == "regression") == (known.n_classes == 0) == bool(known.target_name)
    assert len(known.feature_names) in (0, *known.input_shape)
    assert (known.scale == 255) == ("255" in known.units)
    assert bool(known.caveat) == bool(known.stands_for)
    assert not known.stands_for or known.stands_for in registry.names()


@pytest.mark.parametrize("name", ["digits", "diabetes", "gates"])
def test_a_bundled_set_has_the_arrays_of_its_description(name: str) -> None:
    known, data = registry.describe(name), registry.load(name)
    assert registry.verify(name) == known.sha256
    assert data.x_train.shape == (known.n_train, *known.input_shape)
    assert data.x_test.shape == (known.n_test, *known.input_shape)
    assert data.y_train.dtype == (np.uint8 if known.task == "classification" else np.float64)


def test_unknown_name_is_answered_with_the_closest() -> None:
    with pytest.raises(DataError, match=r"one of mnist, digits, .*, gates, got 'minst' \(did you mean mnist\?\)"):
        registry.describe("minst")


def test_state_follows_the_cache() -> None:
    assert registry.state("mnist") == "not fetched"
    assert registry.state("digits") == "bundled"
    registry.ensure("digits")
    assert registry.state("digits") == "cached"


def test_wrong_arrays_are_refused_and_the_next_source_is_tried(define_tiny) -> None:
    define_tiny(BROKEN, WRONG, GOOD)
    lines: list[str] = []
    registry.ensure("tiny", lines.append)
    assert "the line is cut" in lines[1]
    assert "its arrays are not those of tiny: expected sha256" in lines[3]
    np.testing.assert_array_equal(registry.load("tiny").y_test, [1])


def test_error_lists_each_source_and_the_remedy(define_tiny) -> None:
    define_tiny(BROKEN, WRONG)
    with pytest.raises(DataError) as caught:
        registry.ensure("tiny")
    first, *others = str(caught.value).splitlines()
    assert first == "tiny is not available from any of its sources: do this"
    assert others[0] == "  a broken place: the line is cut"
    assert others[1].startswith("  a wrong place: its arrays are not those of tiny")
    assert registry.state("tiny") == "not fetched"


def test_a_good_cache_asks_no_source(define_tiny) -> None:
    define_tiny(GOOD)
    folder = registry.ensure("tiny")
    define_tiny(BROKEN)
    lines: list[str] = []
    assert registry.ensure("tiny", lines.append) == folder
    assert lines == []


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


@pytest.mark.parametrize("damage", [cut_off, change_last_byte, Path.unlink])
def test_damaged_cache_is_reported_and_fetched_again(damage, define_tiny) -> None:
    define_tiny(GOOD)
    folder = registry.ensure("tiny")
    damage(folder / "x_train.npy")
    with pytest.raises(DataError, match="run `dlstudy data fetch tiny`"):
        registry.verify("tiny")
    lines: list[str] = []
    registry.ensure("tiny", lines.append)
    assert "fetching it again" in lines[0]
    assert registry.verify("tiny") == checksum(TINY)
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_loading_a_cut_off_file_says_what_to_do(define_tiny) -> None:
    define_tiny(GOOD)
    cut_off(registry.ensure("tiny") / "x_train.npy")
    with pytest.raises(DataError, match=r"cannot be read: .*run `dlstudy data fetch tiny`"):
        registry.load("tiny")


def test_verify_of_nothing_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"mnist is not in the cache .* run `dlstudy data fetch mnist`"):
        registry.verify("mnist")


def test_what_a_killed_process_left_does_not_count(define_tiny) -> None:
    define_tiny(GOOD)
    folder = cache.folder_of(registry.describe("tiny"))
    partial = folder.with_name(f"{folder.name}.partial")
    partial.mkdir(parents=True)
    (partial / "x_train.npy").write_bytes(b"half")
    assert registry.state("tiny") == "not fetched"
    registry.ensure("tiny")
    assert not partial.exists()


@pytest.mark.slow
def test_two_processes_at_once_fetch_once() -> None:
    code = "from dlstudy.datasets import registry; registry.ensure('digits', print); registry.load('digits')"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "".join(outputs).count("digits: trying") == 1


def test_a_lock_held_too_long_is_an_error(define_tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    define_tiny(GOOD)
    monkeypatch.setattr(cache, "LOCK_WAIT_S", 0.1)
    folder = cache.folder_of(registry.describe("tiny"))
    folder.parent.mkdir()
    lines: list[str] = []
    with (
        filelock.FileLock(f"{folder}.lock"),
        pytest.raises(DataError, match="another process has been fetching it"),
    ):
        registry.ensure("tiny", lines.append)
    assert lines == ["tiny: waiting for another process that is fetching it"]


def test_a_cache_that_cannot_be_written_says_so(own_cache: Path) -> None:
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be written .*: set DLSTUDY_CACHE"):
        registry.ensure("digits")


def test_an_empty_variable_means_the_users_own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", "")
    assert registry.cache_folder().parts[-1] == "datasets"
    assert "dlstudy" in registry.cache_folder().parts


def test_importing_loads_none_of_the_slow_packages() -> None:
    code = "import sys; from dlstudy.datasets import registry; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    slow = {"tensorflow", "keras", "sklearn", "pandas", "pooch", "requests", "platformdirs", "filelock", "yfinance"}
    assert not slow & set(output.split())
