"""Data that cannot be read: one line says what is wrong, what was received and what to do."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

from dlstudy.datasets.data import Data
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import DataError

LONG = "https://me:passw0rd@127.0.0.1:1/a.csv?token=s3cret"


def text(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def image(folder: Path, name: str, size: tuple[int, int] = (3, 2), mode: str = "RGB") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)
    return path


def pets(folder: Path) -> Path:
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png"):
        image(folder, name)
    return folder


def parts(folder: Path, *names: str) -> Path:
    for name in names:
        pets(folder / name)
    return folder


def cut_off(folder: Path) -> Path:
    path = image(pets(folder), "dogs/2.bmp", (30, 20))
    path.write_bytes(path.read_bytes()[:200])
    return folder


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def table(
    folder: Path, content: str | bytes = "a,b,y\n1,2,0\n3,4,1\n", target: object = "y", **options: object
) -> Data:
    return Data.csv(text(folder, content), target, **options)


def parquet(folder: Path, **columns: object) -> Path:
    path = folder / "t.parquet"
    pandas.DataFrame({"a": [1.5, 2.5], "y": [0, 1]}).assign(**columns).to_parquet(path)
    return path


def pieces(folder: Path, *contents: str) -> str:
    for number, content in enumerate(contents):
        text(folder, content, f"{number}.csv")
    return str(folder / "*.csv")


def reviews(folder: Path, content: str | bytes, name: str = "r.csv", **options: object) -> Data:
    return Data.text(text(folder, content, name), **options)


def listed(folder: Path, *files: object, label: object = 1) -> pandas.DataFrame:
    return pandas.DataFrame({"file": list(files), "label": [label] * len(files)})


BAD: dict[str, list[Callable[[Path], Data]]] = {
    # paths and addresses
    r"needs what is at a path, got '.*chrun.csv', and nothing is there: did you mean 'churn.csv'\?": [
        lambda folder: Data.csv(text(folder, "a", "churn.csv").with_name("chrun.csv"), "y"),
    ],
    r"got 'gone.parquet', and nothing is there in /.*: correct the path": [lambda f: Data.parquet("gone.parquet", "y")],
    "a path must be a text or a Path, got 5": [lambda folder: Data.csv(5, "y"), lambda f: Data.images(5)],
    "Data.csv needs what is at a path, got '(aaa.*aaa|~nobody-of-that-name/a.csv|a.*x00.*b)', and nothing is there": [
        lambda folder: Data.csv("a" * 5_000, "y"),
        lambda folder: Data.csv("~nobody-of-that-name/a.csv", "y"),
        lambda folder: Data.csv("a\0/b", "y"),
    ],
    "a path must be a text or a Path, got ''": [lambda folder: Data.csv("", "y")],
    "needs at least one path, got an empty list": [lambda folder: Data.csv([], "y")],
    "got none for the pattern": [lambda folder: Data.csv(str(folder / "*.csv"), "y")],
    "addresses that begin with http:// or https://, got s3://bucket/a.csv: download it first": [
        lambda folder: Data.csv("s3://key:s3cret@bucket/a.csv?x=1", "y"),
    ],
    r"cannot read https://127.0.0.1:1/a.csv \(the download failed: .*\): check the address": [
        lambda folder: Data.csv(LONG, "y"),
        lambda folder: Data.npz(LONG),
    ],
    "sha256 must be 64 hexadecimal digits, got 'abc'": [lambda folder: table(folder, sha256="abc")],
    "sha256 is of one file, got 2 files": [
        lambda folder: Data.csv(pieces(folder, "a,y\n1,2", "a,y\n1,2"), "y", sha256="0" * 64),
    ],
    # columns
    "target must name a column, got 'yy': did you mean 'y'": [lambda folder: table(folder, target="yy")],
    "target must name a column, got 'zzz': there are a, b, y": [lambda folder: table(folder, target="zzz")],
    "target must be the name of a column, or a list of names, got 3": [lambda folder: table(folder, target=3)],
    r"target must be the name of a column, or a list of names, got \['y', 3\]": [
        lambda folder: table(folder, target=["y", 3]),
    ],
    "drop must name a column, got 'c'": [lambda folder: table(folder, drop=["c"])],
    "either the target or dropped, got 'y' for both": [lambda folder: table(folder, drop="y")],
    "dtypes must name a column, got 'aa'": [lambda folder: table(folder, dtypes={"aa": "int"})],
    "missing target 'y' in 3 of 4 rows of t.csv, the first is row 1, counted from 0: drop them or fill them": [
        lambda folder: table(folder, "a,y\n1,0\n2,\n3,NA\n4,nan\n"),
    ],
    "columns must differ in name, got 'a' twice in t.csv: rename one": [
        lambda folder: table(folder, "a,a,y\n1,2,3\n"),
        lambda folder: table(folder, gzip.compress(b"x,a,a,y\n0,1,2,3\n"), options={"compression": "gzip"}),
    ],
    "each column needs a name, got none for column 1: name it, or state index=True if it numbers the rows": [
        lambda folder: table(folder, ",a,y\n0,1,2\n"),
    ],
    "each column needs a name, got none for column 2: name it": [lambda folder: table(folder, "a,,y\n0,1,2\n")],
    "needs a column beside the target, got none in t.csv": [
        lambda folder: table(folder, "y\n1\n"),
        lambda folder: table(folder, drop=["a", "b"]),
    ],
    "a column of truth values must have one in each row, got none in 1 rows of 'a': state dtypes={'a': 'boolean'}": [
        lambda folder: table(folder, "a,y\nTrue,1\n,0\nFalse,1\n"),
    ],
    "parse_dates must name columns of dates, got 'soon' in 'a'": [
        lambda folder: table(folder, "a,y\nsoon,1\n", parse_dates="a"),
    ],
    # CSV
    "needs rows, got the empty file t.csv": [lambda folder: table(folder, ""), lambda folder: table(folder, "\n\n")],
    "needs rows, got none in t.csv": [lambda folder: table(folder, "a,y\n")],
    r"cannot read t.csv \(.*Expected 3 fields in line 3, saw 4.*\): correct the file": [
        lambda folder: table(folder, "a,b,y\n1,2,3\n1,2,3,4\n"),
    ],
    "needs as many cells in a row as in the header, got another number in t.csv": [
        lambda folder: table(folder, "a,y\n1,2,3\n4,5,6\n"),
    ],
    "needs 3 cells in each row, got 2 in line 3 of t.csv: correct that line or sep": [
        lambda folder: table(folder, "y,a,b\n1,2,3\n1,2\n"),
    ],
    r"cannot read t.csv \(byte 0xe9 is no utf-8 text\): state its encoding": [
        lambda folder: table(folder, "a,y\ncafé,1\n".encode("latin-1")),
    ],
    r"cannot read t.csv \(could not convert string to float: 'x'\)": [
        lambda folder: table(folder, "a,y\nx,1\n", dtypes={"a": "float64"}),
    ],
    "data type 'flaot' not understood": [lambda folder: table(folder, dtypes={"a": "flaot"})],
    "unexpected keyword argument 'seperator'": [lambda folder: table(folder, options={"seperator": ";"})],
    "options of Data.csv must be a dict, got 'utf-8'": [lambda folder: table(folder, options="utf-8")],
    "reads a whole table, got the option chunksize": [lambda folder: table(folder, options={"chunksize": 1})],
    "sep must be a text, or None to find it, got ''": [lambda folder: table(folder, sep="")],
    r"cannot read t.csv.gz \(Not a gzipped file": [
        lambda folder: Data.csv(text(folder, "a,y\n1,2\n", "t.csv.gz"), "y"),
    ],
    "all files need the same columns, got 'b' in one of 0.csv and 1.csv alone": [
        lambda folder: Data.csv(pieces(folder, "a,y\n1,2\n", "a,b,y\n1,2,3\n"), "y"),
    ],
    "a column needs one type in all files, got int64 and (str|object) in 'a': state its type in dtypes": [
        lambda folder: Data.csv(pieces(folder, "a,y\n1,2\n", "a,y\nx,2\n"), "y"),
    ],
    "Data has no argument 'titel': did you mean 'title'": [
        lambda folder: table(folder, titel="Mine"),
        lambda folder: Data.images(folder, titel="Mine"),
    ],
    "Data.csv reads y itself, got y= too": [lambda folder: table(folder, y=[1, 2])],
    # Parquet and npz
    r"Data.parquet cannot read t.parquet \(.*\): it must be a Parquet file": [
        lambda folder: Data.parquet(text(folder, "a,y\n1,2\n", "t.parquet"), "y"),
        lambda folder: Data.parquet(text(folder, "", "t.parquet"), "y"),
    ],
    "a.npz must hold an array 'y': there are x, z": [lambda folder: Data.npz(npz(folder, x=[1], z=[2]))],
    "a.npz must hold an array 'images': did you mean 'image'": [
        lambda folder: Data.npz(npz(folder, image=[1], y=[2]), x="images"),
    ],
    "arrays need equally many rows, got 3 of 'x' and 2 of 'y' in a.npz": [
        lambda folder: Data.npz(npz(folder, x=[1, 2, 3], y=[1, 2])),
        lambda folder: Data.npz(npz(folder, x_train=[1, 2, 3], y_train=[1, 2], x_test=[1], y_test=[1])),
    ],
    "Object arrays cannot be loaded .*it must be an .npz file of arrays without Python objects": [
        lambda folder: Data.npz(npz(folder, x=np.array([{}, None], object), y=[1, 2])),
    ],
    r"cannot read a.npz \(File is not a zip file\)": [lambda folder: Data.npz(text(folder, "PK", "a.npz"))],
    "a.npz must hold 'y_test' beside 'x_test', got": [
        lambda folder: Data.npz(npz(folder, x_train=[1], y_train=[1], x_test=[1])),
    ],
    "needs a part test beside train and validation, got none in a.npz": [
        lambda folder: Data.npz(npz(folder, x_train=[1], y_train=[1], x_val=[1], y_val=[1])),
    ],
    r"rows of 'x' need one shape in all parts of a.npz, got \(2,\) and \(3,\)": [
        lambda folder: Data.npz(
            npz(folder, x_train=np.zeros((1, 2)), y_train=[1], x_test=np.zeros((1, 3)), y_test=[1])
        ),
    ],
    "needs rows, got none of 'x' in a.npz": [
        lambda folder: Data.npz(npz(folder, x=[], y=[])),
        lambda folder: Data.npz(npz(folder, x=3, y=4)),
    ],
    # images
    r"cannot read dogs/2.png \(cannot identify image file": [
        lambda folder: Data.images(text(pets(folder), "not an image", "dogs/2.png").parents[1]),
    ],
    # what stays in files
    "stream must be True, False, or None to go by the size, got 'yes'": [
        lambda folder: Data.images(pets(folder), stream="yes"),
        lambda folder: Data.parquet(parquet(folder), "y", stream="yes"),
    ],
    r"cannot read dogs/2.png \(cannot identify image file.*": [
        lambda folder: Data.images(text(pets(folder), "not an image", "dogs/2.png").parents[1], stream=True),
    ],
    "images must have one size, got 2 x 3 in cats/1.png and 5 x 4 in dogs/2.png: state size": [
        lambda folder: Data.images(image(pets(folder), "dogs/2.png", (4, 5)).parents[1], stream=True),
    ],
    "parquet.stream=True. reads columns of numbers, got (str|object) in 'city': drop it, or state stream=False": [
        lambda folder: plain_rows(Data.parquet(parquet(folder, city="Ulm"), "y", stream=True)),
    ],
    "reads files as they are, got options: give the files alone": [
        lambda folder: Data.parquet(parquet(folder), "y", stream=True, options={"columns": ["a", "y"]}),
    ],
    "reads files as they are, got an address or a folder: give the files alone": [
        lambda folder: Data.parquet(parquet(folder).parent, "y", stream=True),
    ],
    "target must name a column, got 'z': there are a, y": [
        lambda folder: Data.parquet(parquet(folder), "z", stream=True),
    ],
    "Data.parquet cannot read t.parquet .*: it must be a Parquet file": [
        lambda folder: Data.parquet(text(folder, "a,y", "t.parquet"), "y", stream=True),
    ],
    "targets must fit into memory, got rows that stay in files: state stream=False, or take fewer": [
        lambda folder: plain_rows(replace(data := Data.images(pets(folder), target=None, stream=True), y=data.x)),
    ],
    r"cannot read dogs/2.bmp \(image file is truncated": [lambda folder: Data.images(cut_off(folder))],
    r"images must have one size, got 2 x 3 in cats/1.png and 5 x 4 in dogs/2.png: state size=\(height, width\)": [
        lambda folder: Data.images(image(pets(folder), "dogs/2.png", (4, 5)).parents[1]),
    ],
    "it has more than 8 bits a pixel, Pillow's mode I;16; save it with 8": [
        lambda folder: Data.images(image(pets(folder), "cats/0.png", mode="I;16").parents[1]),
    ],
    "needs files in each folder of a class, got none that ends in .png, .*/birds: fill it or remove it": [
        lambda folder: Data.images(text(pets(folder), "", "birds/notes.md").parents[1]),
    ],
    "needs a folder for each of at least two classes, got none in .*: make them, or give a table": [
        lambda folder: Data.images(image(folder, "1.png").parent),
        lambda folder: Data.images(folder),
    ],
    "needs a folder for each of at least two classes, got only 'cats'": [
        lambda folder: Data.images(image(folder, "cats/1.png").parents[1]),
        lambda folder: Data.text(text(folder, "a", "cats/1.txt").parents[1]),
    ],
    "needs the classes of train in each part, got 'birds' in .*/test alone": [
        lambda folder: Data.images(image(parts(folder, "train", "test"), "test/birds/1.png").parents[2]),
    ],
    "beside train there may be validation and test in .*, got 'extra'": [
        lambda folder: Data.images(parts(folder, "train", "test", "extra")),
    ],
    "needs a part test beside train and validation, got none in /": [
        lambda folder: Data.images(parts(folder, "train", "val")),
    ],
    "needs one folder for validation, got validation and val": [
        lambda folder: Data.images(parts(folder, "train", "validation", "val")),
    ],
    "needs images, got none that ends in .png": [lambda folder: Data.images(folder, target=None)],
    "color must be rgb or grayscale, got 'grey'": [lambda folder: Data.images(pets(folder), color="grey")],
    r"size must be \(height, width\) in pixels, got ": [
        lambda folder: Data.images(pets(folder), size=32),
        lambda folder: Data.images(pets(folder), size=(0, 5)),
        lambda folder: Data.images(pets(folder), size=(2.5, 5)),
    ],
    "path must name a column, got 'image': there are file, label": [
        lambda folder: Data.images(listed(folder, "1.png"), path="image"),
    ],
    "got '.*/2.png', and nothing is there: did you mean '1.png'": [
        lambda folder: Data.images(listed(folder, "2.png"), folder=image(folder, "1.png").parent),
    ],
    "missing file in column 'file' in 1 of 2 rows, the first is row 0": [
        lambda folder: Data.images(listed(folder, None, "1.png")),
    ],
    "missing target 'label' in 1 of 1 rows": [lambda folder: Data.images(listed(folder, "1.png", label=None))],
    "Data.images needs rows, got an empty table": [lambda folder: Data.images(listed(folder))],
    "Data.groups must name a column, got 'patient'": [
        lambda folder: Data.images(listed(folder, "1.png"), folder=image(folder, "1.png").parent, groups="patient"),
    ],
    # texts
    r"cannot read b/1.txt \(byte 0xe9 is no utf-8 text\): state its encoding": [
        lambda folder: Data.text(
            [text(folder, "a", "a/1.txt"), text(folder, "é".encode("latin-1"), "b/1.txt")][0].parents[1]
        ),
    ],
    "text must name a column, got 'text': there are review, label": [lambda f: reviews(f, "review,label\na,1\n")],
    "text must name a column of texts, got int64 in 'text': choose another one": [
        lambda folder: reviews(folder, "text,label\n007,1\n"),
    ],
    "missing text in column 'text' in 1 of 2 rows, the first is row 1": [
        lambda folder: reviews(folder, "text,label\na,1\n,0\n"),
        lambda folder: reviews(folder, '{"text": "a", "label": 1}\n{"label": 0}\n', "r.jsonl"),
    ],
    r"cannot read r.jsonl \(line 2 is no JSON": [lambda folder: reviews(folder, '{"text": "a"}\n{"text"\n', "r.jsonl")],
    r"cannot read r.jsonl \(line 1 is no object: \[1, 2\]\)": [lambda folder: reviews(folder, "[1, 2]", "r.jsonl")],
    "Data.text needs rows, got none in r.jsonl": [lambda folder: reviews(folder, "", "r.jsonl")],
    "takes the option encoding alone for such files, got 'lines'": [
        lambda folder: reviews(folder, '{"text": "a", "label": 1}', "r.jsonl", options={"lines": True}),
        lambda folder: Data.text(
            [text(folder, "a", "a/1.txt"), text(folder, "b", "b/1.txt")][0].parents[1], options={"lines": True}
        ),
    ],
    # collections
    "needs a data set of scikit-learn, got 'brest_cancer': did you mean 'breast_cancer'": [
        lambda folder: Data.sklearn("brest_cancer"),
    ],
    "needs the name of a data set, got 5: there are ": [lambda folder: Data.sklearn(5)],
    r"cannot read iris \(.*got an unexpected keyword argument 'n'\)": [
        lambda folder: Data.sklearn("iris", options={"n": 3}),
    ],
    "got options that give others": [lambda folder: Data.sklearn("iris", options={"return_X_y": True})],
    "needs the version of 'adult', got None: state version=1": [lambda folder: Data.openml("adult")],
    "needs the version of 'adult', got 'active'": [lambda folder: Data.openml("adult", version="active")],
    "an OpenML id is of one version, got version=1 too": [lambda folder: Data.openml(61, version=1)],
    "needs an id, a whole number from 1, or a name, got ": [
        lambda folder: Data.openml(0),
        lambda folder: Data.openml(True),
        lambda folder: Data.openml(" "),
    ],
}

CASES = [
    pytest.param(message, make, id=f"{message[:60]}-{number}")
    for message, makes in BAD.items()
    for number, make in enumerate(makes)
]


@pytest.mark.parametrize(("message", "make"), CASES)
def test_bad_data_is_one_line_that_says_what_to_do(
    message: str, make: Callable[[Path], Data], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DataError, match=message) as caught:
        make(tmp_path)
    line = str(caught.value)
    assert "\n" not in line
    assert not {"passw0rd", "s3cret"} & set(line.replace("@", " ").replace("=", " ").replace(":", " ").split())


def test_each_reader_is_tried_with_enough_bad_data() -> None:
    assert len(CASES) >= 35


@pytest.mark.slow
def test_the_hub_needs_a_revision() -> None:
    pytest.importorskip("datasets")
    with pytest.raises(DataError, match="needs the revision of 'someone/reviews', a commit or a tag, got None"):
        Data.huggingface("someone/reviews", y="label")
    with pytest.raises(DataError, match="needs the name of a data set, such as user/name, or a folder, got 5"):
        Data.huggingface(5, y="label")
