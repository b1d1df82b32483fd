"""The examples of the documents: studies on data of one's own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlstudy.study import loader
from tests.helpers.full_form import in_full_form

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted(path for path in (DOCS / "examples").glob("*.py") if path.name != "get_data.py")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_compares_two_arms_on_rows_of_its_own(path):
    study = loader.load(path).study
    assert len(study.arms) == 2
    assert len(study.claims) == 1
    assert study.data is not None


def test_the_page_shows_every_example_with_its_length():
    page = (DOCS / "own-data.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"\| \[[\w ]+\]\(examples/(\w+)\.py\) \| (\d+) ", page))
    assert shown == {path.stem: str(len(path.read_text(encoding="utf-8").splitlines())) for path in EXAMPLES}


@in_full_form
@pytest.mark.slow
def test_each_example_takes_a_step_on_its_data(tmp_path):
    for path in (DOCS / "examples").glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    subprocess.run([sys.executable, tmp_path / "get_data.py"], check=True)
    for path in EXAMPLES:
        command = [
            sys.executable,
            "-m",
            "dlstudy.cli",
            "check",
            str(tmp_path / path.name),
            "--home",
            str(tmp_path / "home"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}, check=False)
        assert done.returncode == 0, done.stderr
