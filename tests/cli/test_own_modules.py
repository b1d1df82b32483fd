"""Studies that import what lies beside them, and studies that are modules of a package, from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from dlstudy.store.home import Home
from tests.helpers.fake_runs import run
from tests.helpers.full_form import also_in_full_form

FILES = {
    "__init__.py": "",
    "models/__init__.py": "",
    "models/sizes.py": "DEPTH = 3\n",
    "models/trees.py": """
def tree():
    from sklearn.tree import DecisionTreeClassifier

    from {package}sizes import DEPTH

    return DecisionTreeClassifier(max_depth=DEPTH)
""",
    "models/helpers.py": """
def build(p):
    from {package}trees import tree  # in a worker, long after the study file was loaded

    return tree()
""",
    "models/study.py": '''"""A study of scikit-learn's alone."""
from dlstudy import Arm, Protocol, Split, Study
from {package}helpers import build

STUDY = Study(
    question="How deep?", dataset="digits", build=build, arms=[Arm("tree")],
    protocol=Protocol(searches=1, epochs=1, trials=1, seeds=1, split=Split(validation=300)),
)
''',
}


def write(folder: Path, package: str) -> Path:
    """A project whose modules import each other from this package, or by their bare names; its study file."""
    for name, text in FILES.items():
        path = folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{package}", package))
    return folder / "project" / "models" / "study.py"


def dlstudy(*words: object, cwd: Path) -> tuple[int, str, str]:
    """Runs the program as it is installed: with neither the current folder nor the tests among its modules."""
    command = [sys.executable, "-P", "-m", "dlstudy", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


CASES = {
    "a path, bare names": ("", "project/models/study.py", ""),
    "a path, relative imports": (".", "project/models/study.py", ""),
    "a path, absolute imports": ("project.models.", "project/models/study.py", ""),
    "a module of the current folder": (".", "project.models.study", ""),
    "a module of an installed package": ("project.models.", "project.models.study", "installed"),
}

SHORT_FORM = "a module of the current folder"


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Makes this process stand in the folder, with no module of another project."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "project"]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize("case", [SHORT_FORM, *also_in_full_form(*(case for case in CASES if case != SHORT_FORM))])
def test_a_study_builds_with_its_own_modules_and_a_change_in_any_of_them_counts(in_folder, monkeypatch, capsys, case):
    package, study, installed = CASES[case]
    file, home = write(in_folder / installed, package), Home.at(in_folder / "my runs")
    if installed:
        monkeypatch.syspath_prepend(in_folder / installed)
    options = ["--home", str(home.root), "--engine", "inline"]
    assert main(["plan", study, "--json", *options]) == 0  # which trains, and writes nothing
    plan = json.loads(capsys.readouterr().out)
    assert (plan["study"], [phase["n_wanted"] for phase in plan["phases"]]) == ("study", [1, 1])
    home.create()
    assert run(file, home) == 2
    assert main(["status", study, "--json", "--home", str(home.root)]) == 0
    assert [row["done"] for row in json.loads(capsys.readouterr().out)] == [1, 1]
    (file.parent / "sizes.py").write_text("DEPTH = 4\n")  # three imports away from the study file
    assert main(["run", study, *options]) == 2
    err = capsys.readouterr().err
    assert "was begun with another definition: the code of " in err
    assert "sizes.py changed: undo that, or run with --fresh" in err


@pytest.mark.slow
@pytest.mark.parametrize("study", ["project.models.study", *also_in_full_form("project/models/study.py")])
def test_workers_import_a_study_s_own_modules(tmp_path, study):
    write(tmp_path, ".")
    run = ("run", study, "--home", tmp_path / "my runs", "--workers", 1, "--phase", "search", "--json")
    code, out, err = dlstudy(*run, cwd=tmp_path)
    assert code == 0, err
    report = json.loads(out)
    assert (report["study"], [trial["state"] for trial in report["trials"]]) == ("study", ["finished"])


def test_a_module_that_is_missing_is_named_with_its_line(tmp_path):
    file = write(tmp_path, "")
    (file.parent / "helpers.py").unlink()
    code, out, err = dlstudy("run", file, "--home", tmp_path / "home", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err == (
        "dlstudy: study.py, line 3: ModuleNotFoundError: No module named 'helpers': install what has helpers into the "
        "Python that runs dlstudy, or correct the name\n"
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["project.models.nothing", "no.such.package", "project"])
def test_a_module_that_is_not_there_is_refused_as_an_unknown_study(tmp_path, name):
    write(tmp_path, "")
    code, out, err = dlstudy("run", name, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith(f"dlstudy: no study is named '{name}': ")
    assert len(err.splitlines()) == 1
