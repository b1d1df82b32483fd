"""What is sent between machines: nothing more than is needed, and nothing outside of its folder."""

import shutil
import sys
from pathlib import Path

import pytest

from dlstudy.common.files import write_files
from dlstudy.engines.file_transfer import (
    StudyFiles,
    collect,
    left_behind,
    put_in_place,
    read_study,
    spec_in,
)
from dlstudy.study import loader
from dlstudy.study.archive import Archive
from dlstudy.study.fingerprint import code_of
from dlstudy.study.trial import figures_beside
from tests.engines.test_engines import make_spec


def write(folder, files):
    """Writes texts by their paths, and returns the path of the first one."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / next(iter(files))


@pytest.mark.parametrize("source", [b"def \xff", b"import one\ndef", b"x = 1\0", b"(" * 10_000], ids=range(4))
def test_a_study_that_python_cannot_read_is_sent_as_it_is(tmp_path, source):
    write(tmp_path, {"one.py": ""})
    (tmp_path / "odd.py").write_bytes(source)
    assert read_study(tmp_path / "odd.py") == StudyFiles("odd.py", {"odd.py": source})


def test_modules_that_import_each_other_are_sent_once_and_others_stay(tmp_path):
    source = "import numpy\nfrom one import X\nfrom . import two"
    study = write(tmp_path, {"study.py": source, "one.py": "import study, one", "two.py": ""})
    assert sorted(read_study(study).files) == ["one.py", "study.py"]


def test_what_a_function_of_a_study_imports_is_sent_too(tmp_path):
    source = "def build(p):\n    import late\nif True:\n    import early"
    others = {"late.py": "import later", "later.py": "", "early.py": "", "other.py": ""}
    study = write(tmp_path, {"study.py": source, **others})
    assert sorted(read_study(study).files) == ["early.py", "late.py", "later.py", "study.py"]


PACKAGE = {
    "top/lab/study.py": """from dlstudy import Arm, Protocol, Split, Study
from . import near
from ..shared.helper import SIZE


def build(p):
    import beside

    return near.WHERE, SIZE, beside.SIZE


STUDY = Study(
    question="Where?", dataset="digits", build=build, arms=[Arm("a")],
    protocol=Protocol(searches=1, split=Split(validation=10)),
)
""",
    "top/__init__.py": "",
    "top/constants.py": "SIZE = 7",
    "top/unused.py": "",
    "top/lab/__init__.py": "",
    "top/lab/beside.py": "SIZE = 8",
    "top/lab/near.py": "WHERE = __name__",
    "top/shared/__init__.py": "",
    "top/shared/helper.py": "from top.constants import SIZE",
}


def test_a_study_in_a_package_is_sent_with_that_package_s_modules_and_loads_there(tmp_path):
    sent = read_study(write(tmp_path / "here", PACKAGE))
    assert sent.path == "top/lab/study.py"
    assert set(sent.files) == set(PACKAGE) - {"top/unused.py"}
    write_files(sent.files, tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    file = loader.load(tmp_path / "there" / sent.path)
    with file.modules.importable():
        assert file.study.build({}) == ("top.lab.near", 7, 8)
    assert not {"beside", "top"} & set(sys.modules)


def test_a_study_in_a_package_that_imports_nothing_is_in_the_same_package_elsewhere(tmp_path):
    files = {"top/study.py": "", "top/__init__.py": "import top.setup", "top/setup.py": ""}
    assert set(read_study(write(tmp_path, files)).files) == {"top/__init__.py", "top/study.py"}


def test_files_that_a_study_reads_are_sent_from_its_folder_and_below(tmp_path):
    files = {"study.py": "import one", "one.py": "", "c d.yaml": "c", "model/a/x": "x", "model/y": "y", "other.csv": ""}
    study = write(tmp_path / "here", files)
    inputs = [study.parent / "c d.yaml", study.parent / "model", study.parent / "one.py", study.parent / "gone"]
    outside = [tmp_path / "data.csv", Path("/etc/hostname")]
    assert set(read_study(study, [*inputs, *outside]).files) == set(files) - {"other.csv"}
    assert left_behind(study, [*inputs, *outside]) == outside


def test_files_of_the_package_that_a_study_is_in_are_sent(tmp_path):
    study = write(tmp_path, {"top/lab/study.py": "", "top/lab/__init__.py": "", "top/__init__.py": "", "top/x.csv": ""})
    assert read_study(study, [tmp_path / "top" / "x.csv"]).files["top/x.csv"] == b""


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_no_file_leaves_its_folder(tmp_path, name):
    with pytest.raises(ValueError, match="must be inside its folder"):
        write_files({name: b""}, tmp_path / "in")
    assert not (tmp_path / "out").exists()


def test_a_trial_that_wrote_nothing_leaves_what_an_earlier_one_wrote(tiny, tmp_path):
    spec = make_spec(tiny, 0, model_folder=str(tmp_path / "model"))
    (tmp_path / "model").mkdir()
    there = spec_in(spec, tiny, tmp_path / "there")
    put_in_place(collect(there), spec)
    assert (tmp_path / "model").is_dir()


def test_folders_travel_whole_with_empty_files(tiny, tmp_path):
    spec = make_spec(tiny, 0, model_folder=str(tmp_path / "home" / "model"))
    there = spec_in(spec, tiny, tmp_path / "there")
    for folder in (tmp_path / "there" / "model" / "data", figures_beside(tmp_path / "there" / "model")):
        folder.mkdir(parents=True)
        (folder / "empty").touch()
    put_in_place(collect(there), spec)
    found = sorted(str(path.relative_to(tmp_path / "home")) for path in (tmp_path / "home").rglob("empty"))
    assert found == ["model.pictures/empty", "model/data/empty"]


MADE = """
from dlstudy import Arm, Protocol, Split, Study
from helper import SIZE


def build(p):
    return SIZE


STUDY = Study("Where?", "digits", build, [Arm("a")], Protocol(searches=1, split=Split(validation=10)))
"""


def test_a_study_that_was_made_in_python_is_sent_with_its_own_modules_and_loads_there(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "helper.py").write_text("SIZE = 7")
    path = Archive("made", str(tmp_path / "here"), MADE).write(tmp_path / "home")
    definition = code_of(loader.load(path))
    assert "helper.py" in definition
    sent = read_study(path)
    assert set(sent.files) == {path.name, "helper.py"}
    write_files(sent.files, tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    file = loader.load(tmp_path / "there" / sent.path)
    assert (file.study.build({}), code_of(file), file.name) == (7, definition, "made")
