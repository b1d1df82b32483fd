"""What a shell is offered when TAB is pressed."""

import pytest
from typer.testing import CliRunner

from dlstudy.cli.app import app
from dlstudy.store.home import Home
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a study of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLSTUDY_HOME", raising=False)
    for name in ("studies", "my_folder"):
        (tmp_path / name).mkdir()
    for name in ("my_own.py", "my_notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "studies" / "opinions.py").write_text("STUDY = None")


def offered(line):
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    asked = {"_DLSTUDY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return CliRunner().invoke(app, [], env=asked, prog_name="dlstudy").output.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dlstudy run opt", ["optimizers"]),
        ("dlstudy show opi", ["opinions"]),
        ("dlstudy run optimizers --dataset cifar", ["cifar10", "cifar10_subset"]),
        ("dlstudy run my", ["my_own.py", "my_folder/"]),
        ("dlstudy run ./my", ["./my_own.py", "./my_folder/"]),
        ("dlstudy run studies/o", ["studies/opinions.py"]),
        ("dlstudy run nowhere/o", []),
        ("dlstudy data fetch dig", ["digits"]),
        ("dlstudy run optimizers --phase re", ["reported", "replicate"]),
        ("dlstudy run optimizers --sampler t", ["tpe"]),
        ("dlstudy run optimizers --engine ", ["local", "ray", "inline"]),
        ("dlstudy report optimizers --format h", ["html"]),
        ("dlstudy regi", ["register"]),
        ("dlstudy run optimizers --arm ", ["sgd", "adam", "rmsprop"]),
        ("dlstudy show optimizers --arm r", ["rmsprop"]),
        ("dlstudy run opinions --arm ", []),
        ("dlstudy run nowhere --arm ", []),
        ("dlstudy logs optimizers --phase se", ["search"]),
        ("dlstudy rm ", []),
    ],
)
def test_names_and_words_are_completed(line, words):
    assert offered(line) == words


def test_a_folder_that_cannot_hold_results_costs_no_completion(monkeypatch):
    monkeypatch.setenv("DLSTUDY_HOME", "a?b")
    assert "optimizers" in offered("dlstudy run opt")


def test_what_has_results_is_completed_by_name_and_variant(tiny, tmp_path):
    home = Home.at("results")
    home.create()
    fake_runs.run(tiny, home)
    fake_runs.run(tiny, home, Request(variant=Variant(quick=True)))
    assert offered("dlstudy rm --home results t") == ["tiny"]
    assert offered("dlstudy report tiny --home results --variant ") == ["default", "quick"]
    assert offered("dlstudy rm tiny --home results --variant q") == ["quick"]
    assert offered("dlstudy report tiny --home nowhere --variant ") == []
