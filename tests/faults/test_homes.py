"""Homes on odd paths, and homes that one may only read."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from dlstudy.store.home import Home
from tests.helpers.full_form import in_full_form

pytest_plugins = ["tests.helpers.made_up_runs"]
STORED = Path(__file__).parents[1] / "data" / "home-1"
GOOD = ['two  words, it\'s "quoted", ñandú 字 😀', "100% #1 & co; [a]{b} $HOME `x` \\n * | ~ @ = + "]
BAD = ["line\nbreak", "tab\there", "\x1b[31mred", "what?", "per%20cent", "no\udcfftext", "paragraph\u2029s"]


@pytest.fixture
def no_privileges():
    """What makes a command of root's obey permissions; nothing where they are obeyed in any case."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv here")
    dropped = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"]


@pytest.mark.parametrize("name", GOOD)
def test_a_home_on_an_odd_path_has_everything_in_it(table, tiny, command, tmp_path, undisturbed, capsys, name):
    parent = tmp_path / "parent"
    home = Home.at(parent / name / "home")
    assert command(["run", str(tiny), "--home", str(home.root)]) == 0
    assert "MLflow could not" not in capsys.readouterr().out
    assert table(home) == undisturbed
    assert home.mlflow_db.stat().st_size > 100_000
    assert [path.name for path in parent.iterdir()] == [name]
    assert command(["run", str(tiny), "--home", str(home.root)]) == 0
    assert len(table(home)) == len(undisturbed)
    for arguments in (["status"], ["report", str(tiny)]):
        capsys.readouterr()
        assert main([*arguments, "--home", str(home.root)]) == 0
        assert "tiny" in capsys.readouterr().out


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("first", ["run", "status", "report", "ui"])
def test_a_home_whose_path_would_not_work_is_refused_before_anything_is_written(
    table, tiny, tmp_path, capsys, name, first
):
    parent = tmp_path / "parent"
    parent.mkdir()
    arguments = [first] if first == "status" else [first, str(tiny)]
    assert main([*arguments, "--home", str(parent / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "dlstudy: the path of a results folder must not contain line breaks, control characters, byte"
    )
    assert line.endswith(": choose another with --home")
    assert line.isprintable()
    assert list(parent.iterdir()) == []


@in_full_form
def test_mlflow_s_pages_open_on_an_odd_path(tiny, command, tmp_path):
    home = tmp_path / 'it\'s a "home" ñ字 100% #1'
    assert command(["run", str(tiny), "--home", str(home)]) == 0
    serving = [sys.executable, "-m", "dlstudy", "ui", "tiny", "--no-open", "--home", str(home), "--port", "0"]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as process:
        page = process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert "/#/experiments/" in page
    assert process.returncode == 0


def test_a_home_that_one_may_only_read_is_read_and_never_run_in(no_privileges, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(STORED, home)
    home.chmod(0o555)

    def dlstudy(*words):
        call = [*no_privileges, sys.executable, "-m", "dlstudy", *words, "--home", str(home)]
        ended = subprocess.run(call, capture_output=True, text=True)
        return ended.returncode, ended.stdout, ended.stderr

    try:
        code, out, _ = dlstudy("status", "--json")
        assert (code, out.count('"study": "penalty"')) == (0, 4)
        code, out, _ = dlstudy("report", str(home / "penalty.py"))
        assert (code, "supported" in out) == (0, True)
        code, _, err = dlstudy("run", str(home / "penalty.py"), "--fresh")
        assert (code, err) == (
            2, f"dlstudy: the results folder {home} cannot be written to (Permission denied): choose another with "
            "--home\n"
        )  # fmt: skip
        assert sorted(path.name for path in home.iterdir()) == ["optuna.journal", "penalty.py"]
    finally:
        home.chmod(0o755)
