"""`dlstudy new`: each study that it writes loads, and fits its rows."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dlstudy.cli.new import Wanted, write_study
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


def assert_formatted(path):
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "120", "--check", str(path)],
        capture_output=True,
        check=False,
    )
    assert formatted.returncode == 0 or b"No module named ruff" in formatted.stderr


@pytest.mark.parametrize("case", CASES)
def test_the_study_loads_and_fits_its_rows(here, case):
    rows, target, task, split = CASES[case]
    path = write_study("mine", Wanted(None if rows is None else here / rows, target))
    text = path.read_text()
    assert split in text
    study = resolve(with_rows(loader.load(path.resolve())), Request())
    assert (study.about.task, len(study.arms), len(study.claims)) == (task, 2, 1)
    assert_formatted(path)


FACTS = {
    "input": [3], "output": [1], "dtype": "float32", "scales": False, "metrics": [],
    "optimizer": {"name": "SGD", "settings": "momentum=0.9", "rate": 0.05}, "loss": {"name": "mse", "text": '"mse"'},
}  # fmt: skip
LABELS = {"loss": {"name": "binary_crossentropy", "text": '"binary_crossentropy"'}}
ONE_HOT = {"output": [2], "loss": {"name": "categorical_crossentropy", "text": '"categorical_crossentropy"'}}
MODELS = {
    "a table": ({"input": [2]}, "numbers.csv", "size", 'Data.csv("numbers.csv", target="size")'),
    "labels": (LABELS, "labels.csv", "label", "data=data"),
    "pictures": (
        {"input": [4, 4, 1], **ONE_HOT}, "pictures", None,
        'return np.asarray(x, "float32").reshape(-1, 4, 4, 1) / 255, np.eye(2, dtype="float32")[y]',
    ),
    "pictures that the model scales": (
        {"input": [None, None, 3], **LABELS, "scales": True}, "pictures", None, 'Data.images("pictures", color="rgb")'
    ),
    "a data set of dlstudy's": ({}, None, None, 'dataset="advertising"'),
    "one of another shape": (
        {**ONE_HOT, "input": [64], "output": [10]}, None, None, 'np.asarray(x, "float32").reshape(-1, 64), np.eye(10'
    ),
}  # fmt: skip


@pytest.fixture
def model(here, monkeypatch):
    """The path of a model of which the given facts are known."""
    (here / "numbers.csv").write_text("\n".join(["a,b,size", *[f"{i},{i % 5},{i / 7}" for i in range(40)]]))
    (here / "labels.csv").write_text("\n".join(["a,b,c,label", *[f"{i},{i % 5},1,{i % 2}" for i in range(40)]]))
    (here / "m.keras").touch()

    def known(facts):
        monkeypatch.setattr("dlstudy.cli.new_model.ask", lambda function, path: FACTS | facts)
        return here / "m.keras"

    return known


@pytest.mark.parametrize("case", MODELS)
def test_the_study_of_a_model_loads_and_has_rows_that_fit_it(here, model, case):
    facts, rows, target, line = MODELS[case]
    path = write_study("mine", Wanted(None if rows is None else here / rows, target, model=model(facts)))
    assert line in path.read_text()
    study = resolve(with_rows(loader.load(path.resolve())), Request())
    assert ([arm.name for arm in study.arms], len(study.claims)) == (["as_it_is", "new_weights", "adam"], 2)
    assert (study.protocol.metric, study.protocol.direction) == ("val_loss", "minimize")
    assert study.arms[0].space["learning_rate"].high == 2.0
    if study.prepare:
        about = study.about
        x = np.full((5, *about.input_shape), 255, np.uint8)
        x, y = study.prepare(x, np.arange(5) % about.n_classes, np.arange(3), {})
        assert (list(x.shape[1:]), list(y.shape[1:])) == (facts["input"], facts["output"])
        assert x.max() == (1 if rows else 255), "a data set of dlstudy's is scaled already"
    assert_formatted(path)


MISFITS = {
    "another shape": ({}, "numbers.csv", "size", "takes inputs of the shape (3), got (2) in numbers"),
    "columns of text": (
        {"input": [4]}, "rows.csv", "size",
        "takes numbers of the shape (4), got the columns age, plan, kind, label, not all numbers, in rows: give rows",
    ),
    "texts": ({"input": [1]}, "texts", None, "takes inputs of the shape (1), got texts in texts"),
    "labels for a regression": ({}, "labels.csv", "label", "takes mse of (1), got the task binary in labels"),
    "too many classes": (
        {**ONE_HOT, "output": [7]}, "labels.csv", "label",
        "takes categorical_crossentropy of (7), got 2 classes in labels",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_rows_that_do_not_fit_a_model_are_refused(here, model, case):
    facts, rows, target, message = MISFITS[case]
    with pytest.raises(UsageError) as caught:
        write_study("mine", Wanted(here / rows, target, model=model(facts)))
    assert message in str(caught.value)
    assert not (here / "mine.py").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.keras", "no file at gone.keras: check --model"),
        ("pictures", "--model takes a .keras or .h5 file, got pictures: load it in Keras 3, and save it as .keras"),
        ("rows.csv", "--model takes a .keras or .h5 file, got rows.csv"),
    ],
)
def test_what_is_no_model_is_refused_before_a_process_starts(here, name, message):
    with pytest.raises(UsageError) as caught:
        write_study("mine", Wanted(model=here.__class__(name)))
    assert message in str(caught.value)


def test_quotes_in_names_of_files_and_columns_are_kept(here):
    (here / 'my "rows".csv').write_text((here / "rows.csv").read_text().replace("label", 'the ""label"" \\ é'))
    header, _, rest = (here / 'my "rows".csv').read_text().partition("\n")
    (here / 'my "rows".csv').write_text(",".join(f'"{name}"' for name in header.split(",")) + "\n" + rest)
    path = write_study("mine", Wanted(here / 'my "rows".csv', 'the "label" \\ é'))
    assert resolve(with_rows(loader.load(path.resolve())), Request()).about.target_name == 'the "label" \\ é'


def test_a_question_of_ones_own_is_asked():
    path = write_study("mine", Wanted(question="Is this so?"))
    assert loader.load(path.resolve()).study.question == "Is this so?"


BAD = {
    "a name with a slash": (("a/b", None, None, None), "the name of a study must"),
    "no such path": (("mine", "nothing.csv", "y", None), "no file or folder at nothing.csv: check --data"),
    "a target of no table": (("mine", None, "y", None), "--target is a column of --data, got --target y without it"),
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
        write_study(name, Wanted(None if rows is None else here.__class__(rows), target, question))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(here.glob("*.py"))


def test_a_file_that_is_there_is_kept(here):
    (here / "mine.py").write_text("mine")
    with pytest.raises(UsageError, match=r"mine.py is there already: give another name"):
        write_study("mine", Wanted())
    assert (here / "mine.py").read_text() == "mine"
