"""A study's own rows: read once in a process of their own, remembered, and read anew before a run."""

import dataclasses
import textwrap

import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.errors import DataError, StudyError
from dlstudy.study import loader
from dlstudy.study.fingerprint import changes, define
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve
from dlstudy.training.study_rows import with_rows

STUDY = """
from pathlib import Path
import numpy as np
from dlstudy import Arm, Data, Protocol, Split, Study

HERE = Path(__file__).parent

def data():
    (HERE / "calls").open("a").write("x")
    {body}

def build(p):
    raise RuntimeError("no test trains this")

STUDY = Study("Is a better?", data=data, build=build, arms=[Arm("a"), Arm("b")],
              protocol=Protocol(split=Split(0.2, test=0.25, random_state=0)))
"""
ROWS = 'return Data(np.loadtxt(HERE / "rows.csv", delimiter=","), [0, 1] * 20, name="own")'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "a cache"))
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "rows.csv").write_text("".join(f"{i},{i * i}\n" for i in range(40)))
    return folder


def study_in(folder, body=ROWS):
    path = folder / "mine.py"
    path.write_text(STUDY.format(body=textwrap.indent(body, "    ").strip()))
    return loader.load(path)


def calls_in(folder):
    return len((folder / "calls").read_text())


def test_rows_are_read_in_another_process_and_make_a_data_set(folder):
    file = with_rows(study_in(folder))
    assert file.study.data is None
    assert file.study.dataset.startswith("own-")
    assert registry.describe(file.study.dataset).n_train == 40
    study = resolve(file, Request())
    assert (study.about.task, study.about.n_classes) == ("binary", 2)


def test_rows_that_were_read_are_remembered_until_a_run_reads_them_anew(folder):
    file = study_in(folder)
    first, again = with_rows(file), with_rows(file)
    assert (first.study.dataset, calls_in(folder)) == (again.study.dataset, 1)
    with_rows(file, anew=True)
    assert calls_in(folder) == 2


def test_a_file_that_has_changed_is_noticed_by_commands_that_only_look(folder):
    file = study_in(folder)
    first = with_rows(file)
    (folder / "rows.csv").write_text("".join(f"{i},{i + 2}\n" for i in range(40)))
    assert with_rows(file).study.dataset != first.study.dataset
    assert calls_in(folder) == 2


def test_another_code_of_the_function_reads_them_anew(folder):
    with_rows(study_in(folder))
    changed = with_rows(study_in(folder, ROWS.replace('name="own"', 'name="other"')))
    assert changed.study.dataset.startswith("other-")


def test_changed_rows_are_another_data_set_and_the_definition_says_how(folder):
    file = study_in(folder)
    old = resolve(with_rows(file), Request())
    (folder / "rows.csv").write_text("".join(f"{i},{i * i + 1}\n" for i in range(40)))
    new = resolve(with_rows(file, anew=True), Request())
    before, after = (define(study, study.arms[0], Phase.REPLICATE, {}) for study in (old, new))
    (change,) = changes(before, after)
    assert change.startswith("data is 'own-")
    assert change.endswith("(other values in x_train)")


BAD = {
    "no data": ("return 3", DataError, "mine.py: Study.data must return Data(...), got int"),
    "an error of its own": ("raise KeyError('age')", DataError, "mine.py, line 10: Study.data: KeyError: 'age'"),
    "a missing file": (
        ROWS.replace("rows.csv", "none.csv"),
        DataError,
        "mine.py, line 10: Study.data: FileNotFoundError",
    ),
    "rows that are refused": (
        "return Data([[1.0]] * 4, [0] * 4)",
        DataError,
        "mine.py: a classification needs at least",
    ),
    "a wrong argument": ("return Data([1], [0], task='x')", DataError, "mine.py, line 10: Data.task must be one of"),
    "an exit": ("raise SystemExit(3)", DataError, "mine.py, line 10: Study.data"),
}


@pytest.mark.parametrize("name", BAD)
def test_rows_that_cannot_be_had_are_said_in_one_line_with_the_line_of_the_study(folder, name):
    body, kind, message = BAD[name]
    with pytest.raises(kind) as caught:
        with_rows(study_in(folder, body))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_study_without_test_rows_is_refused_with_the_remedy(folder):
    path = folder / "mine.py"
    path.write_text(STUDY.format(body=ROWS).replace("test=0.25, random_state=0", ""))
    with pytest.raises(StudyError, match=r"own has none of its own .* state Split.test"):
        resolve(with_rows(loader.load(path)), Request())


def test_paths_are_relative_to_the_study_file_in_whatever_folder_the_command_runs(folder, tmp_path, monkeypatch):
    (folder / "rows.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    monkeypatch.chdir(tmp_path)
    about = registry.describe(with_rows(study_in(folder, 'return Data.csv("rows.csv", target="y")')).study.dataset)
    assert (about.name.rpartition("-")[0], about.n_train, about.target_name) == ("rows", 40, "y")
    with pytest.raises(
        DataError, match=r"^mine\.py, line 10: Data\.csv needs what is at a path, got 'row\.csv'.* 'rows"
    ):
        with_rows(study_in(folder, 'return Data.csv("row.csv", target="y")'))


def test_rows_of_a_reader_at_the_top_of_a_file_are_read_once_and_in_another_process(folder, tmp_path, monkeypatch):
    (folder / "rows.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    path = folder / "mine.py"
    at_top = STUDY.replace("def data():", "ROWS = Data.csv('rows.csv', 'y')\n\ndef unused():")
    at_top = at_top.replace("data=data", "data=ROWS")
    path.write_text(at_top.format(body="pass"))
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("pandas.read_csv", lambda *_, **__: pytest.fail("the rows were read here"))
        file = loader.load(path)
        assert file.inputs == (), "their content counts"
        about = registry.describe(with_rows(file).study.dataset)
    assert (about.name.rpartition("-")[0], about.n_train) == ("rows", 40)
    assert isinstance(file.study.data, Data)
    assert repr(file.study.data) == "Data(not read yet)"
    assert (file.study.data.name, file.study.data.x.shape) == ("rows", (40, 2)), "with the target, relative to the file"
    assert dataclasses.replace(file.study.data, y=None).x is file.study.data.x
    assert type(file.study.data) is Data
    path.write_text(at_top.format(body="pass").replace("rows.csv", "row.csv"))
    with pytest.raises(DataError, match=r"^mine\.py: Data\.csv needs what is at a path, got 'row\.csv'.* 'rows"):
        with_rows(loader.load(path))
    path.write_text(at_top.format(body="pass").replace('Arm("a")', "Arm(str(ROWS.x.shape[1]))"))
    assert loader.load(path).study.arms[0].name == "2", "what a file itself uses is read"
