"""Commands know the studies that were made in Python and are kept in the results folder."""

import json
import re

import numpy as np
import pytest

from dlstudy import Arm, Data, Protocol, Split, Study
from dlstudy.cli.app import main
from dlstudy.report.tables.reproduction import command
from dlstudy.study import loader
from dlstudy.study.archive import newest
from dlstudy.study.packing import pack
from dlstudy.study.saving import origin_of
from dlstudy.study.variant import Variant

ROWS = np.arange(40.0).reshape(20, 2)


def build(p):
    raise RuntimeError("no test trains this")


def make(question, name, **more):
    study = Study(question=question, build=build, arms=[Arm("a"), Arm("b")], protocol=Protocol(split=SPLIT), **more)
    return pack(study, name)


SPLIT = Split(0.2, test=0.2, random_state=0)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "a home"
    make("How many digits?", "digital", dataset="digits").write(home / "studies")
    make("How many rows?", "framed", data=Data(ROWS, ROWS[:, 0] > 5)).write(home / "studies")
    return home


def listed(capsys, *words):
    assert main(["list", "--json", *map(str, words)]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_they_are_listed_with_those_of_files(home, capsys, monkeypatch):
    monkeypatch.setattr("pickle.loads", lambda data: pytest.fail("a pickle was read to list a study"))
    rows = listed(capsys, "--home", home)
    assert (rows["digital"]["question"], rows["digital"]["dataset"]) == ("How many digits?", "digits")
    assert (rows["framed"]["question"], rows["framed"]["dataset"]) == ("How many rows?", "its own")
    assert rows["digital"]["path"] == str(newest(home / "studies")["digital"])
    assert rows["digital"]["from"].startswith("Python, in ")
    assert rows["xor"]["from"] == rows["xor"]["path"]
    assert "digital" not in listed(capsys)


def test_one_whose_file_is_damaged_is_listed_with_that(home, capsys):
    newest(home / "studies")["digital"].write_bytes(b"PK")
    row = listed(capsys, "--home", home)["digital"]
    assert re.fullmatch(r"cannot be loaded: digital-\w+.dlstudy is damaged: .*", row["question"])


def test_a_plan_of_one_is_registered_with_the_home_to_give_to_run(home, capsys):
    assert main(["register", "digital", "--home", str(home), "-o", "a plan.json"]) == 0
    out = capsys.readouterr().out
    assert f"`dlstudy run digital --registered 'a plan.json' --home '{home}'`" in out
    assert json.loads((home.parent / "a plan.json").read_text())["study"] == "digital"
    assert main(["register", "digital"]) == 2
    assert "no study is named 'digital'" in capsys.readouterr().err


def test_a_report_says_how_it_is_found_and_whether_it_can_be_saved(home):
    origins = {name: origin_of(loader.load(path)) for name, path in newest(home / "studies").items()}
    assert 'dlstudy.load("digital").save() writes it as digital.py' in origins["digital"]
    assert origins["framed"].endswith("It cannot be saved as a study file: there is no source text of data.")
    assert origin_of(loader.load(loader.find("xor"))) == ""
    protocol = {"searches": 1, "trials": 2, "seeds": 3}
    asked = [
        command(name, origin, Variant(), protocol) for name, origin in (("mine", origins["digital"]), ("mine", ""))
    ]
    assert [line.split()[2] for line in asked] == ["mine", "mine.py"], "there is no file of the first"
