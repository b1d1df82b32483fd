"""Options that a file in the current folder gives commands, and the environment."""

import json

import pytest

from dlstudy.api.keywords import backend_of
from dlstudy.cli.app import main
from dlstudy.store.home import Home
from tests.helpers import fake_runs


@pytest.fixture
def here(tmp_path, monkeypatch, tiny):
    """The current folder, with results in `my results`."""
    monkeypatch.chdir(tmp_path)
    for name in ("DLSTUDY_HOME", "DLSTUDY_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    home = Home.at(tmp_path / "my results")
    home.create()
    fake_runs.run(tiny, home)
    return tmp_path


def studies(capsys, *words):
    assert main(["status", "--json", *words]) == 0
    return {row["study"] for row in json.loads(capsys.readouterr().out)}


def test_a_file_of_the_folder_gives_options_and_what_is_typed_goes_first(here, capsys):
    assert studies(capsys) == set()
    (here / "dlstudy.toml").write_text('home = "my results"\nworkers = 2\n')
    assert studies(capsys) == {"tiny"}
    assert studies(capsys, "--home", "another") == set()


def test_a_project_has_them_in_a_table_of_its_own(here, capsys):
    (here / "pyproject.toml").write_text('[tool.other]\nx = 1\n\n[tool.dlstudy]\nhome = "my results"\n')
    assert studies(capsys) == {"tiny"}
    (here / "dlstudy.toml").write_text("workers = 2\n")
    assert studies(capsys) == set(), "the folder's own file goes first, as a whole"
    (here / "dlstudy.toml").unlink()
    (here / "pyproject.toml").write_text("not toml at all")
    assert studies(capsys) == set(), "its faults are others' to tell"


def test_each_command_takes_the_options_that_it_has(here, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr("dlstudy.cli.run.run_studies", lambda *given: asked.append(given) or 0)
    (here / "dlstudy.toml").write_text(
        'workers = 3\nquick = true\nper-gpu = 2\ndataset = ["mnist"]\nsamples = 4\nhours = 1.5\n'
    )
    assert main(["run", "optimizers", "--workers", "1"]) == 0
    ((_, _, request, backend, *_),) = asked
    assert (backend.workers, backend.per_gpu, backend.hours) == (1, 2, 1.5)
    assert (request.variant.quick, request.datasets) == (True, ("mnist",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker = 2", "dlstudy.toml names the option 'worker', which no command has: did you mean workers?"),
        ("fresh = true", "dlstudy.toml must hold options of every day, got fresh: type it"),
        ("workers = ", "dlstudy.toml cannot be read: Invalid value"),
        ('workers = "many"', "Invalid value for '--workers'"),
        ("workers = 0", "--workers must be at least 1, got 0"),
        ("[workers]\na = 1", "Invalid value for '--workers'"),
    ],
)
def test_a_file_that_is_wrong_is_said_in_one_line(here, capsys, text, message):
    (here / "dlstudy.toml").write_text(text)
    assert main(["plan", "optimizers"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_the_record_may_be_named_by_the_environment(here, monkeypatch, capsys):
    monkeypatch.setenv("DLSTUDY_STORAGE", "nonsense")
    assert main(["status"]) == 2
    assert "begins with 'nonsense'" in capsys.readouterr().err
    assert backend_of({}).storage == "nonsense"
    assert backend_of({"storage": "sqlite:///a.db"}).storage == "sqlite:///a.db"
    monkeypatch.setenv("DLSTUDY_STORAGE", "")
    assert backend_of({}).storage is None
