"""The names of the files that a study reads, and what counts of their content."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from dlstudy.errors import StudyError
from dlstudy.study import input_files, loader
from dlstudy.study.fingerprint import changes, define_all, files_entry
from dlstudy.study.input_files import digest_of, files_in, name_of, names_of, path_of, stated_names
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve

STUDY = '''"""A study that reads files."""
from pathlib import Path

from dlstudy import Arm, Protocol, Split, Study

HERE = Path(__file__).parent
READ = [path.read_text() for path in sorted(HERE.glob("*.txt"))]


def build(p):
    return (HERE / "late.csv").read_text()


STUDY = Study(
    question="What is read?", dataset="digits", build=build, arms=[Arm("a"), Arm("b")], files=[],
    protocol=Protocol(searches=1, seeds=6, split=Split(validation=0.2)),
)
'''


@pytest.fixture
def study(tmp_path):
    """A study file in a folder with a space in its name, with a text beside it."""
    path = tmp_path / "my project" / "studies" / "read.py"
    path.parent.mkdir(parents=True)
    path.write_text(STUDY)
    (path.parent / "one.txt").write_text("one")
    return path


def stating(study: Path, files: str) -> Path:
    study.write_text(STUDY.replace("files=[]", f"files={files}"))
    return study


def definition(study: Path, *seen: str):
    """The definition of one part, which was seen to read these files."""
    resolved = resolve(loader.load(study), Request())
    name = resolved.record_name(resolved.arms[0], Phase.SEARCH)
    return define_all(resolved, resolved.arms, {name: seen})[name]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/p/studies/c.yaml", "c.yaml"),
        ("/p/studies/a b/c.yaml", "a b/c.yaml"),
        ("/p/data/c.yaml", "../data/c.yaml"),
        ("/data/c.yaml", "/data/c.yaml"),
    ],
)
def test_a_file_near_the_study_has_a_name_that_holds_elsewhere(path, name):
    folder = Path("/p/studies")
    assert name_of(Path(path), folder) == name
    assert path_of(name, folder) == Path(path)


def test_a_study_at_the_top_of_a_disk_gives_other_files_their_absolute_path():
    assert name_of(Path("/data/c.yaml"), Path("/studies")) == "/data/c.yaml"


def test_more_than_a_hundred_files_of_a_folder_are_named_by_it(study):
    few, many = ([study.parent / name / f"{i:03}.png" for i in range(n)] for name, n in (("few", 100), ("many", 101)))
    beside = [study.parent / f"{i:03}.png" for i in range(101)]
    names = names_of([*few, *many, *beside], study.parent)
    assert names == sorted([*(f"few/{i:03}.png" for i in range(100)), *(f"{i:03}.png" for i in range(101)), "many/"])


def test_the_digest_is_the_start_of_sha256(study):
    assert digest_of(study.parent / "one.txt") == hashlib.sha256(b"one").hexdigest()[:16]
    assert digest_of(study.parent / "nothing") == digest_of(study / "below a file") == ""


def test_a_file_is_hashed_once_while_it_is_as_it_was(study, monkeypatch):
    path, hashed = study.parent / "one.txt", []
    digest = hashlib.file_digest
    monkeypatch.setattr(input_files.hashlib, "file_digest", lambda *about: hashed.append(1) or digest(*about))
    first = digest_of(path)
    assert digest_of(path) == first
    assert len(hashed) == 1
    path.touch()
    assert digest_of(path) == first
    path.write_text("two")
    assert digest_of(path) != first
    assert len(hashed) == 3


def test_an_edit_that_keeps_size_and_time_is_noticed(study):
    path = study.parent / "one.txt"
    before, about = digest_of(path), path.stat()
    path.write_text("eno")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert digest_of(path) != before


def test_a_folder_stands_for_all_files_in_it_and_below(study):
    folder = study.parent / "model"
    for name in ("a.txt", "b/c.txt", ".hidden/x", ".y"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert [file.name for file in files_in(folder)] == ["a.txt", "c.txt"]
    seen = [digest_of(folder)]
    (folder / ".y").write_text("other")
    assert digest_of(folder) == seen[0]
    for change in (
        lambda: (folder / "b" / "c.txt").write_text("other"),
        lambda: (folder / "b" / "c.txt").rename(folder / "b" / "d.txt"),
        lambda: (folder / "b" / "new.txt").touch(),
        lambda: (folder / "a.txt").unlink(),
    ):
        change()
        seen.append(digest_of(folder))
    assert len(set(seen)) == 5


def test_a_file_that_cannot_be_read_is_named(study, monkeypatch):
    def refuse(self, *_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "is_dir", lambda self: False)
    with pytest.raises(StudyError, match=r"one\.txt, which the study reads, cannot be read \(Permission denied\)"):
        digest_of(study.parent / "one.txt")


def test_stated_files_are_found_from_the_study_file_whatever_folder_is_current(study, monkeypatch):
    monkeypatch.chdir("/")
    (study.parent.parent / "data").mkdir()
    (study.parent.parent / "data" / "x.h5").touch()
    absolute = str(study.parent / "one.txt")
    assert stated_names(study, ["one.txt", "./one.txt", "../data", "../data/x.h5", absolute]) == [
        "one.txt", "one.txt", "../data/", "../data/x.h5", "one.txt"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["nothing.yaml", "x" * 5000, "a\0b", "one.txt/below", "~"])
def test_a_stated_file_that_is_not_there_is_refused(study, name):
    with pytest.raises(StudyError, match=r"^read\.py: Study\.files names '.*, and there is no such file in .*studies"):
        stated_names(study, [name])


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_a_folder_that_holds_the_study_itself_is_refused(study, name):
    with pytest.raises(StudyError, match=rf"names '{name}', a folder that the study file is in: name files"):
        stated_names(study, [name])


def test_a_loaded_study_knows_what_it_states_and_what_it_read(study):
    (study.parent / "late.csv").touch()
    file = loader.load(stating(study, '["late.csv", Path("one.txt")]'))
    assert file.study.files == ("late.csv", "one.txt")
    assert file.inputs == ("late.csv", "one.txt")
    assert file.input_paths == [study.parent / "late.csv", study.parent / "one.txt"]


def test_modules_of_its_own_are_no_files_that_it_reads_but_what_they_read_is(study):
    (study.parent / "helper.py").write_text(
        "import inspect, sys\nfrom pathlib import Path\n"
        "RATE = Path(__file__).with_name('rate.json').read_text()\n"
        "def one(): pass\nSOURCE = inspect.getsource(one)\n"
    )
    (study.parent / "rate.json").write_text("1")
    study.write_text(STUDY.replace("HERE = ", "import helper\n\nHERE = "))
    for _ in range(2):  # compiled by then
        assert loader.load(study).inputs == ("one.txt", "rate.json")


def test_a_study_that_reads_nothing_is_defined_as_in_earlier_versions(study):
    (study.parent / "one.txt").unlink()
    assert "files" not in definition(study)
    assert files_entry(loader.load(study)) == {}


def test_every_part_has_all_files(study):
    resolved = resolve(loader.load(study), Request())
    one = hashlib.sha256(b"one").hexdigest()[:16]
    assert [found["files"] for found in define_all(resolved, resolved.arms).values()] == [{"one.txt": one}] * 4


def test_an_edit_is_a_change_and_a_touch_is_none(study):
    before = definition(study)
    (study.parent / "one.txt").touch()
    assert changes(before, definition(study)) == []
    (study.parent / "one.txt").write_text("two")
    assert changes(before, definition(study)) == ["the file one.txt changed"]
    (study.parent / "one.txt").write_text("one")
    assert changes(before, definition(study)) == []


def test_files_that_only_workers_open_are_compared_where_they_are(study):
    late = study.parent / "late.csv"
    late.write_text("1,2")
    before = definition(study, "late.csv")
    assert set(before["files"]) == {"late.csv", "one.txt"}
    assert changes(before, definition(study, "late.csv")) == []
    late.write_text("1,3")
    assert changes(before, definition(study, "late.csv")) == ["the file late.csv changed"]
    late.unlink()
    assert changes(before, definition(study, "late.csv")) == ["the file late.csv is gone"]
    assert changes(before, definition(study)) == [], "nothing is known of it"


def test_a_file_that_the_study_has_begun_to_read_is_a_change(study):
    before = definition(study)
    (study.parent / "two.txt").write_text("two")
    assert changes(before, definition(study)) == ["the file two.txt is read now, and was not"]


def test_a_definition_of_an_earlier_version_says_nothing_of_files(study):
    new = definition(study)
    old = {name: value for name, value in new.items() if name != "files"}
    assert changes(old, new) == []
    assert changes({**old, "epochs": 99}, new) == ["epochs is 10 and was 99"]


def test_a_link_that_comes_to_mean_another_file_is_a_change(study):
    link = study.parent / "link.txt"
    link.symlink_to("one.txt")
    before = definition(study)
    (study.parent / "other").write_text("other")
    link.unlink()
    link.symlink_to("other")
    assert changes(before, definition(study)) == ["the file link.txt changed"]


def test_a_project_that_has_moved_has_the_same_definition(study):
    (study.parent.parent / "data").mkdir()
    (study.parent.parent / "data" / "x.csv").write_text("1")
    before = definition(study, "../data/x.csv")
    moved = shutil.copytree(study.parents[1], study.parents[2] / "moved")
    shutil.rmtree(study.parents[1])
    assert changes(before, definition(moved / "studies" / "read.py", "../data/x.csv")) == []
