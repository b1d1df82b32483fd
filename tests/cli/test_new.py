"""`dlstudy new`: each study that it writes loads, and fits its rows."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dlstudy.cli.new import write_study
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.training.study_rows import with_rows


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    lines = [f"{i},{'ab'[i % 2]},{i % 3},{i % 2},{i / 7}" for i in range(40)]
    (folder / "rows.csv").write_text("\n".join(["age,plan,kind,label,size", *lines]))
    for name in ("one", "two"):
        for kind in ("pictures", "texts", "parted/train", "parted/test"):
            (folder / kind / name).mkdir(parents=True)
        for i in range(8):
            (folder / "texts" / name / f"{i}.txt").write_text(f"{name} {i}")
            for kind in ("pictures", "parted/train", "parted/test"):
                Image.fromarray(np.full((6, 6, 3), 9 * i, np.uint8)).save(folder / kind / name / f"{i}.png")
    return folder


CASES = {
    "digits": (None, None, "classification", "Split(validation=0.2)"),
    "two classes": ("rows.csv", "label", "binary", "stratify=True"),
    "three classes": ("rows.csv", "kind", "multiclass", "stratify=True"),
    "numbers": ("rows.csv", "size", "regression", "Split(validation=0.2, test=0.2, random_state=0)"),
    "pictures": ("pictures", None, "binary", "stratify=True"),
    "stated parts": ("parted", None, "binary", "Split(validation=0.2)"),
    "texts": ("texts", None, "binary", "stratify=True"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_study_loads_and_fits_its_rows(here, case):
    rows, target, task, split = CASES[case]
    path = write_study("mine", None if rows is None else here / rows, target, None)
    text = path.read_text()
    assert split in text
    study = resolve(with_rows(loader.load(path.resolve())), Request())
    assert (study.about.task, len(study.arms), len(study.claims)) == (task, 2, 1)
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "120", "--check", str(path)],
        capture_output=True,
        check=False,
    )
    assert formatted.returncode == 0 or b"No module named ruff" in formatted.stderr


def test_a_question_of_ones_own_is_asked():
    path = write_study("mine", None, None, "Is this so?")
    assert loader.load(path.resolve()).study.question == "Is this so?"


BAD = {
    "a name with a slash": (("a/b", None, None, None), "the name of a study must"),
    "no such path": (("mine", "nothing.csv", "y", None), "no file or folder at nothing.csv: check --data"),
    "no target": (("mine", "rows.csv", None, None), "--target must name the column of targets"),
    "an unknown target": (("mine", "rows.csv", "lable", None), "did you mean 'label'?"),
    "no question mark": (("mine", None, None, "Is this so"), "--question must be one line that ends in ?"),
    "a quote": (("mine", None, None, 'Is "this" so?'), "without quotes"),
    "a file of another kind": (("mine", "pictures/one/0.png", "y", None), "data are in a .csv, .tsv, .parquet or .npz"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_said_in_one_line_and_nothing_is_written(here, case):
    (name, rows, target, question), message = BAD[case]
    with pytest.raises(DlstudyError) as caught:
        write_study(name, None if rows is None else here.__class__(rows), target, question)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(here.glob("*.py"))


def test_a_file_that_is_there_is_kept(here):
    (here / "mine.py").write_text("mine")
    with pytest.raises(UsageError, match=r"mine.py is there already: give another name"):
        write_study("mine", None, None, None)
    assert (here / "mine.py").read_text() == "mine"
