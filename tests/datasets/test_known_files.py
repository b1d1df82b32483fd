"""Files that have not changed are read once, and again when they have."""

import os
from pathlib import Path

import pytest

from dlstudy.datasets import known_files
from dlstudy.datasets.cache import cache_folder
from dlstudy.datasets.known_files import known_files as knowing
from dlstudy.datasets.known_files import sha256_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "a cache"))
    monkeypatch.setattr(known_files, "_SETTLED_NS", -1)


class Finds:
    """Finds the text of a file, and counts how often."""

    def __init__(self, path: Path, kind: str = "text") -> None:
        self.path, self.kind, self.n = path, kind, 0

    def __call__(self) -> str:
        with knowing(self.kind) as known:
            return known(self.path, self._find)

    def _find(self) -> str:
        self.n += 1
        return self.path.read_text()


@pytest.fixture
def find(tmp_path: Path) -> Finds:
    path = tmp_path / "a.txt"
    path.write_text("one")
    return Finds(path)


def test_a_file_is_read_once_while_it_stays_as_it_is(find: Finds) -> None:
    assert [find(), find(), find.n] == ["one", "one", 1]


def test_a_file_that_changes_is_read_again_also_where_its_size_does_not(find: Finds) -> None:
    find()
    find.path.write_text("two")
    assert [find(), find(), find.n] == ["two", "two", 2]


def test_a_file_put_in_its_place_with_the_same_time_and_size_is_another(find: Finds, tmp_path: Path) -> None:
    find()
    about, other = find.path.stat(), tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(find.path)
    assert find() == "two"


def test_what_is_found_in_another_way_is_found_apart(find: Finds) -> None:
    find()
    other = Finds(find.path, "another kind")
    assert [other(), other.n] == ["one", 1]


def test_a_file_that_has_just_changed_is_not_remembered(find: Finds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_files, "_SETTLED_NS", 10**12)
    assert [find(), find(), find.n] == ["one", "one", 2]


def test_a_file_that_cannot_be_read_is_the_callers_error(find: Finds, tmp_path: Path) -> None:
    with knowing("text") as known:
        known(find.path, find._find)
        with pytest.raises(FileNotFoundError):
            known(tmp_path / "absent", find._find)
    assert [find(), find.n] == ["one", 1]


@pytest.mark.parametrize("trouble", ["damaged", "a folder", "no cache"])
def test_without_its_database_files_are_read_each_time(find: Finds, tmp_path: Path, trouble: str) -> None:
    place = cache_folder() / "known-files.sqlite"
    if trouble == "no cache":
        (tmp_path / "a cache").write_text("in the way")
    elif trouble == "a folder":
        place.mkdir(parents=True)
    else:
        place.parent.mkdir()
        place.write_text("no database at all, " * 100)
    assert [find(), find(), find.n] == ["one", "one", 2]


def test_the_sha256_of_a_file_is_that_of_sha256sum(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the example of FIPS 180-4
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" == sha256_of(path)
