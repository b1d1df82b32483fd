"""Studies by name, path or module, and the errors for files that are none."""

import sys

import pytest

from dlstudy.errors import StudyError
from dlstudy.study import loader

STUDY = """from dlstudy import Arm, Study
STUDY = Study({question!r}, "digits", dict, [Arm("a")])
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A function that writes studies/NAME.py in the current folder; the folder has a space and quotes in its name."""
    folder = tmp_path / "a 'folder'"
    (folder / "studies").mkdir(parents=True)
    monkeypatch.chdir(folder)

    def write(name, source=None):
        path = folder / "studies" / name
        path.write_text(STUDY.format(question=f"Is it {name}?") if source is None else source, encoding="utf-8")
        return path.resolve()

    return write


def test_studies_are_listed_by_name(here):
    mine = here("mine.py")
    here("_helper.py")
    here("notes.txt")
    known = loader.paths()
    assert known["mine"] == mine
    assert {"mine", "optimizers"} <= set(known)
    assert not {"_helper", "notes"} & set(known)


def test_own_studies_hide_the_bundled_ones(here):
    bundled = loader.find("optimizers")
    own = here("optimizers.py")
    assert loader.find("optimizers") == own != bundled
    assert loader.load(own).study.question == "Is it optimizers.py?"


def test_a_study_is_found_by_name_or_path(here):
    path = here("mine.py")
    assert loader.find("mine") == loader.find("studies/mine.py") == loader.find(str(path)) == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optimisers", r"no study is named 'optimisers': did you mean optimizers\?"),
        ("zzz", r"no study is named 'zzz': choose from .*optimizers.*, or give a path"),
        ("nowhere.py", r"no study file at 'nowhere\.py': check the path"),
        ("studies/mine", r"no study file at 'studies/mine': check the path"),
        ("./studies", r"no study file at '\./studies': check the path"),
        ("", "no study is named ''"),
    ],
)
def test_a_name_without_a_file_is_refused(here, name, message):
    here("mine.py")
    with pytest.raises(StudyError, match=message):
        loader.find(name)


def test_a_study_s_name_is_known_by_name_or_path(here):
    here("mine.py")
    assert loader.name_of("mine") == loader.name_of("studies/mine.py") == "mine"
    assert loader.name_of("of no file") == "of no file"
    with pytest.raises(StudyError, match=r"no study file at 'studies/other\.py'"):
        loader.name_of("studies/other.py")


def test_a_loaded_study_has_its_file_and_source(here):
    path = here("mine.py")
    file = loader.load(path)
    assert (file.name, file.path, file.source) == ("mine", path, path.read_text())
    assert file.study.question == "Is it mine.py?"
    assert sys.modules["dlstudy_studies.mine"].STUDY is file.study


def test_each_load_runs_the_file_anew(here):
    path = here("mine.py")
    before = loader.load(path)
    here("mine.py", STUDY.format(question="Is it changed?"))
    assert loader.load(path).study.question == "Is it changed?" != before.study.question


def test_classes_of_a_study_file_find_their_module(here):
    source = "from dataclasses import dataclass\n@dataclass\nclass Rate:\n    value: 'float'\n" + STUDY.format(
        question="?"
    )
    assert loader.load(here("mine.py", source)).study.arms[0].name == "a"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", r"mine\.py must define STUDY = Study\(\.\.\.\), got nothing of that name"),
        ("STUDY = 3", r"mine\.py must define STUDY = Study\(\.\.\.\), got int"),
        ("x = 1\ndef f(:\n", r"mine\.py, line 2: invalid syntax"),
        ("\nx = 1 / 0", r"mine\.py, line 2: ZeroDivisionError: division by zero"),
        ("import no_such_module_at_all", r"mine\.py, line 1: ModuleNotFoundError: No module named 'no_such_module"),
        ("from dlstudy import Arm\n\n\nArm('a b')", r"mine\.py, line 4: Arm\.name must be 1 to 64 letters"),
        ("def f():\n    g()\ndef g():\n    raise KeyError('k')\nf()", r"mine\.py, line 4: KeyError: 'k'"),
        ("x = '\0'", r"mine\.py.*null bytes"),
    ],
)
def test_a_file_that_is_no_study_is_refused_with_its_line(here, source, message):
    with pytest.raises(StudyError, match=message):
        loader.load(here("mine.py", source))


def test_a_file_that_is_no_text_is_refused(here):
    path = here("mine.py")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match=r"mine\.py is not UTF-8 text, byte 0 is invalid: save it as UTF-8"):
        loader.load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"gone\.py cannot be read: .*No such file"):
        loader.load(tmp_path / "gone.py")


def test_a_file_whose_name_cannot_go_into_the_record_is_refused(here):
    with pytest.raises(StudyError, match=r"the name of a study file must be 1 to 64 letters, .* got 'my study'"):
        loader.load(here("my study.py"))


def test_a_file_that_exits_is_refused(here):
    with pytest.raises(StudyError, match="mine"):
        loader.load(here("mine.py", "import sys\nsys.exit(3)"))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with a study and a module that it imports, in a folder of `sys.path`, with its path."""
    package = tmp_path / "site-packages" / "teaching_studies" / "nets"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "helpers.py").write_text("def build(p): return 3")
    imports = "from dlstudy import Arm, Study\nfrom .helpers import build\n"
    (package / "first.py").write_text(f'{imports}STUDY = Study("Is it?", "digits", build, [Arm("a")])')
    (package.parent / "broken").mkdir()
    (package.parent / "broken" / "__init__.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "teaching_studies"]:
        del sys.modules[name]


def test_a_module_of_an_installed_package_is_a_study(here, installed):
    path = loader.find("teaching_studies.nets.first")
    assert path == installed / "first.py"
    assert loader.name_of("teaching_studies.nets.first") == "first"
    file = loader.load(path)
    assert (file.name, file.modules.package, file.study.build({})) == ("first", "teaching_studies.nets", 3)


def test_a_module_of_a_package_in_the_current_folder_is_a_study(here):
    path = here("mine.py")
    assert loader.find("studies.mine") == path
    assert str(path.parents[1]) not in sys.path


@pytest.mark.parametrize(
    "name",
    [
        "teaching_studies.nets.second", "teaching_studies.none.first", "no_such_package.first", "teaching_studies.nets",
        "teaching_studies.broken.first", "teaching_studies..first", ".first", "teaching studies.first",
        "numpy._core._multiarray_umath", "math.sin",
    ],
)  # fmt: skip
def test_a_module_that_is_not_there_is_refused_in_one_line(here, installed, name):
    with pytest.raises(StudyError, match=r"no study is named '.*': (choose from|did you mean) .*") as caught:
        loader.find(name)
    assert "\n" not in str(caught.value)


def test_classes_of_a_study_in_a_package_find_their_module(installed):
    source = (installed / "first.py").read_text()
    dataclass = "from dataclasses import dataclass\n@dataclass\nclass Rate:\n    value: 'float'\n"
    (installed / "first.py").write_text(dataclass + source)
    assert loader.load(installed / "first.py").study.arms[0].name == "a"
