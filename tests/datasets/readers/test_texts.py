"""Texts by `Data.text`, held against scikit-learn's `load_files`."""

import gzip
import json
from pathlib import Path

import pandas
import pytest

from dlstudy.datasets.data import Data


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    for name, text in {"good/1": "Fine – très bien\n", "good/2": "007", "bad/9": "None", "bad/10": ""}.items():
        path = tmp_path / "reviews" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return tmp_path / "reviews"


def test_a_folder_for_each_class_gives_texts_as_scikit_learn_reads_them(reviews: Path) -> None:
    from sklearn.datasets import load_files

    data = Data.text(reviews)
    read = load_files(reviews, encoding="utf-8", shuffle=False)
    assert dict(zip(data.x, data.y, strict=True)) == {
        text: read.target_names[label] for text, label in zip(read.data, read.target, strict=True)
    }
    assert list(data.x) == ["", "None", "Fine – très bien\n", "007"]
    assert data.x.dtype == object


def test_folders_of_parts_are_the_datas_own_parts(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / part / label).mkdir(parents=True)
            (tmp_path / part / label / "1.txt").write_text(f"{part} {label}")
    data = Data.text(tmp_path)
    assert list(data.x) == ["train a", "train b", "test a", "test b"]
    assert list(data.split) == ["train", "train", "test", "test"]


def test_a_column_of_a_table_gives_texts(tmp_path: Path) -> None:
    table = pandas.DataFrame({"review": ["good, really", "bad"], "stars": [5, 1], "author": ["a", "b"]})
    table.to_csv(tmp_path / "r.csv", index=False)
    table.to_csv(tmp_path / "r.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "r.parquet")
    for source in (table, tmp_path / "r.csv", tmp_path / "r.tsv", tmp_path / "r.parquet"):
        data = Data.text(source, "stars", text="review", groups="author", task="regression")
        assert list(data.x) == ["good, really", "bad"]
        assert (list(data.y), list(data.groups)) == ([5, 1], ["a", "b"])


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    lines = [{"text": "007", "label": "1", "date": "2024-01-01"}, {"text": "é", "label": "2", "date": "never"}]
    written = "".join(json.dumps(line) + "\n" for line in lines) + "\n"
    (tmp_path / "r.jsonl").write_text(written)
    (tmp_path / "r.jsonl.gz").write_bytes(gzip.compress(written.encode()))
    for name in ("r.jsonl", "r.jsonl.gz"):
        data = Data.text(tmp_path / name)
        assert (list(data.x), list(data.y), data.name) == (["007", "é"], ["1", "2"], "r")


def test_another_encoding_is_stated(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_bytes("é".encode("latin-1"))
    assert list(Data.text(tmp_path, options={"encoding": "latin-1"}).x) == ["é", "é"]
