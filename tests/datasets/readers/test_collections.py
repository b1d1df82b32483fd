"""Data sets of scikit-learn, OpenML and the Hugging Face Hub; the last two from local servers."""

import datetime
import gzip
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pandas
import pytest
from pandas.testing import assert_frame_equal

from dlstudy.datasets.data import Data
from dlstudy.errors import DataError

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.helpers.huggingface_hub", "tests.helpers.local_servers"]


def test_a_table_of_scikit_learn_has_its_columns_and_names_of_labels() -> None:
    from sklearn.datasets import load_breast_cancer

    data, expected = Data.sklearn("breast_cancer", title="Cells"), load_breast_cancer(as_frame=True)
    assert_frame_equal(data.x, expected.frame)
    assert (data.y, list(data.label_names), data.name) == ("target", ["malignant", "benign"], "breast_cancer")
    assert data.title == "Cells"
    assert data.source.endswith("sklearn.datasets.load_breast_cancer")


def test_options_of_scikit_learn_are_passed_on() -> None:
    data = Data.sklearn("load_digits", options={"n_class": 5, "as_frame": False})
    assert data.x.shape == (901, 64)
    assert sorted(set(data.y)) == [0, 1, 2, 3, 4]


def test_several_targets_of_scikit_learn_are_columns() -> None:
    data = Data.sklearn("linnerud")
    assert data.y == ["Weight", "Waist", "Pulse"]
    assert data.label_names is None


def test_diabetes_is_not_scaled_by_rows_that_test() -> None:
    from sklearn.datasets import load_diabetes

    assert_frame_equal(Data.sklearn("diabetes").x, load_diabetes(as_frame=True, scaled=False).frame)


def test_subsets_of_scikit_learn_are_the_datas_own_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.datasets
    from sklearn.utils import Bunch

    def fetch_20newsgroups(*, subset="train", remove=()):
        texts = {"train": ["a", "bb", "c"], "test": ["d"]}[subset]
        return Bunch(
            data=[*texts], target=np.array([0, 1, 1][: len(texts)]), target_names=["alt", "comp"][: len(texts)]
        )

    monkeypatch.setattr(sklearn.datasets, "fetch_20newsgroups", fetch_20newsgroups)
    data = Data.sklearn("20newsgroups")
    assert list(data.x) == ["a", "bb", "c", "d"]
    assert list(data.y) == [0, 1, 1, 0]
    assert list(data.split) == ["train"] * 3 + ["test"]
    assert data.label_names == ["alt", "comp"]
    assert Data.sklearn("20newsgroups", options={"subset": "train"}).split is None


@pytest.fixture
def openml(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """OpenML's iris, id 61, as scikit-learn's own tests ship it, from a local server."""
    from sklearn.datasets import _openml

    folder = resources.files("sklearn.datasets.tests.data.openml.id_61")
    api = "api/v1/json/data"
    places = {
        f"{api}/61": "api-v1-jd-61.json.gz",
        f"{api}/features/61": "api-v1-jdf-61.json.gz",
        f"{api}/qualities/61": "api-v1-jdq-61.json.gz",
        f"{api}/list/data_name/iris/limit/2/data_version/1": "api-v1-jdl-dn-iris-l-2-dv-1.json.gz",
        "data/v1/download/61/iris.arff": "data-v1-dl-61.arff.gz",
    }
    server.files = {place: gzip.decompress((folder / name).read_bytes()) for place, name in places.items()}

    def urlopen(request, **options):
        _, _, path = request.full_url.removeprefix("https://").partition("/")
        if path not in server.files:  # as OpenML answers
            raise urllib.error.HTTPError(request.full_url, 412, "Precondition Failed", None, None)
        return urllib.request.urlopen(f"{server.url}/{path}", **options)

    monkeypatch.setattr(_openml, "urlopen", urlopen)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    return


def test_a_data_set_of_openml_is_known_by_its_id_or_by_name_and_version(openml: None) -> None:
    for data in (Data.openml(61), Data.openml("iris", version=1)):
        assert list(data.x.columns) == ["sepallength", "sepalwidth", "petallength", "petalwidth", "class"]
        assert isinstance(data.x["class"].dtype, pandas.CategoricalDtype)
        assert (data.y, data.name, data.licence) == ("class", "iris", "Public")
        assert data.source == "OpenML, data set 61: iris, version 1"
    assert Data.openml(61, target="petalwidth", name="own").y == "petalwidth"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"id_or_name": 62},
            "Data.openml cannot read 62 .*data_id 62 not found.*: check id, name, version and the connection",
        ),
        ({"id_or_name": "iris", "version": 7}, "Data.openml cannot read iris 7 "),
        ({"id_or_name": 61, "target": "clas"}, "target must name a column, got 'clas': did you mean 'class'"),
        ({"id_or_name": 61, "options": {"parser": "none"}}, "Data.openml cannot read 61 .*'parser' parameter"),
    ],
)
def test_what_openml_does_not_have_is_said(openml: None, arguments: dict[str, object], message: str) -> None:
    options = {"n_retries": 1, "delay": 0.001, **arguments.pop("options", {})}
    with pytest.raises(DataError, match=message):
        Data.openml(**arguments, options=options)


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield datasets
    datasets.enable_progress_bars()


def test_a_folder_in_a_format_of_the_hub_needs_no_revision(datasets, tmp_path: Path) -> None:
    folder = tmp_path / "reviews"
    folder.mkdir()
    (folder / "train.csv").write_text("text,stars,label\ngood,5,a\nbad,1,b\n")
    (folder / "test.csv").write_text("text,stars,label\nfine,4,a\n")
    data = Data.huggingface(str(folder), x="text", y="label")
    assert (list(data.x), list(data.y)) == (["good", "bad", "fine"], ["a", "b", "a"])
    assert list(data.split) == ["train", "train", "test"]
    assert (data.name, data.source) == ("reviews", "Hugging Face, reviews")
    table = Data.huggingface(str(folder), y="label", split="train+test", groups=[1, 2, 3])
    assert table.x.to_dict("list") == {"text": ["good", "bad", "fine"], "stars": [5, 1, 4]}
    assert (table.split, table.groups) == (None, [1, 2, 3])


def saved(datasets, folder: Path, columns: dict[str, list], features: dict[str, object]) -> str:
    folder.mkdir()
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    rows.to_parquet(folder / "train.parquet")
    return str(folder)


def test_types_of_the_hub_are_kept(datasets, tmp_path: Path) -> None:
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    double = datasets.Value("float64")
    name = saved(
        datasets,
        tmp_path / "kinds",
        {
            "image": list(pixels),
            "vector": [[0.1, 0.2], [0.3, 0.4]],
            "matrix": [[[0.1], [0.2]], [[0.3], [0.4]]],
            "words": [[1, 2, 3], [4]],
            "day": [datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 2)],
            "label": ["no", "yes"],
        },
        {
            "image": datasets.Image(),
            "vector": datasets.List(double),
            "matrix": datasets.List(datasets.List(double)),
            "words": datasets.List(datasets.Value("int32")),
            "day": datasets.Value("timestamp[us]"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        },
    )
    data = Data.huggingface(name, x=["image", "vector", "matrix", "words", "day"], y="label")
    np.testing.assert_array_equal(data.x["image"], pixels)
    np.testing.assert_array_equal(data.x["vector"], np.array([[0.1, 0.2], [0.3, 0.4]]))
    np.testing.assert_array_equal(data.x["matrix"], np.array([[[0.1], [0.2]], [[0.3], [0.4]]]))
    assert [list(words) for words in data.x["words"]] == [[1, 2, 3], [4]]
    assert data.x["day"].dtype.kind == "M"
    assert (list(data.y), data.label_names) == ([0, 1], ["no", "yes"])
    assert Data.huggingface(name, x="image", y=None, size=(2, 2), color="grayscale").x.shape == (2, 2, 2)


def test_labels_that_the_hub_keeps_secret_are_missing_targets(datasets, tmp_path: Path) -> None:
    label = datasets.ClassLabel(names=["no", "yes"])
    name = saved(datasets, tmp_path / "d", {"x": [1, 2], "y": [1, -1]}, {"x": datasets.Value("int64"), "y": label})
    with pytest.raises(DataError, match="missing target 'y' in 1 of 2 rows, the first is row 1"):
        Data.huggingface(name, y="y")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": "txt", "y": "label"}, "x must name a column, got 'txt': did you mean 'text'"),
        ({"y": "labels"}, "y must name a column, got 'labels': did you mean 'label'"),
        ({"x": 5, "y": "label"}, "x must be the name of a column, or a list of names, got 5"),
        ({"y": ["label", "text"]}, "needs rows, and a column beside y"),
        ({"y": "label", "split": "dev"}, 'cannot read .*Unknown split "dev".*: check name, config, split'),
        ({"y": "label", "config": "german"}, "cannot read .*: check name, config, split"),
        ({"y": "label", "color": "cmyk"}, "color must be rgb or grayscale, got 'cmyk'"),
    ],
)
def test_what_a_data_set_of_the_hub_does_not_have_is_said(
    datasets, tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    (tmp_path / "train.csv").write_text("text,label\ngood,1\n")
    with pytest.raises(DataError, match=message):
        Data.huggingface(str(tmp_path), **arguments)


def test_splits_of_other_names_are_to_be_chosen(datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = datasets.Dataset.from_dict({"x": [1], "y": [2]})
    for names in (["train", "validation"], ["train", "test", "unsupervised"]):
        found = datasets.DatasetDict(dict.fromkeys(names, rows))
        monkeypatch.setattr(datasets, "load_dataset", lambda *args, found=found, **options: found)
        with pytest.raises(DataError, match=r"takes splits called train, validation and test .* as in split='train\+"):
            Data.huggingface(str(tmp_path), y="y")


READ = """
import json
from dlstudy.datasets.data import Data
from dlstudy.errors import DataError

data = Data.huggingface("someone/reviews", x="text", y="label", revision="v1.0")
found = {"x": list(data.x), "y": data.y.tolist(), "split": list(data.split), "name": data.name, "source": data.source}
try:
    Data.huggingface("someone/reviews", y="label", revision="v2.0")
except DataError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


def test_a_revision_of_the_hub_is_read_with_the_token_of_the_environment(datasets, hub, tmp_path: Path) -> None:
    stated = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_s3cret", "NO_PROXY": "127.0.0.1"}
    answer = subprocess.run(
        [sys.executable, "-c", READ], env={**os.environ, **stated}, capture_output=True, text=True, check=True
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    error = found.pop("error")
    assert found == {
        "x": ["good", "bad", "fair", "fine"],
        "y": [1, 0, 1, 1],
        "split": ["train", "train", "train", "test"],
        "name": "reviews",
        "source": "Hugging Face, someone/reviews, revision v1.0",
    }
    assert "Bearer hf_s3cret" in hub.tokens
    assert error.startswith("Data.huggingface cannot read someone/reviews (")
    assert "s3cret" not in error + answer.stderr


def test_without_the_package_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"not installed: pip install 'dlstudy\[huggingface\]'"):
        Data.huggingface("someone/reviews", y="label", revision="v1.0")
