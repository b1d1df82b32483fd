"""A disk that fills up in mid-study, or is full or too small from the start."""

import contextlib
import os
import sqlite3
import subprocess

import pytest

from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant
from tests.helpers.full_form import FULL

pytest_plugins = ["tests.helpers.made_up_runs"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte, and a function that fills it but for some bytes."""
    disk = tmp_path / "small disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")

    def fill(left):
        with (disk / "ballast").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 65_536) == 65_536:
                pass
        os.truncate(disk / "ballast", (disk / "ballast").stat().st_size - left)

    yield disk, fill
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize(
    ("moment", "left"), [(n, 4096 * k) for n in range(15) for k in (0, 1)] if FULL else [(0, 0), (12, 4096)]
)
def test_a_full_disk_ends_a_run_with_one_line_and_the_next_run_finishes_it(
    table, tiny, command, tmp_path, small_disk, undisturbed, capsys, moment, left
):
    disk, fill = small_disk
    home = Home.at(disk / "home")
    arguments = ["run", str(tiny), "--home", str(home.root), "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    assert command(arguments, lambda n: fill(left) if n == moment else None) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("dlstudy: ")
    assert "could not be read or written (No space left on device): make room there, then run the same" in said
    assert home.journal.read_bytes().endswith(b"\n")
    n_done = len(table(home))
    assert moment <= n_done < len(undisturbed)
    (disk / "ballast").unlink()
    assert command(arguments) == 0
    assert table(home) == undisturbed


def test_a_disk_that_is_full_from_the_start_is_reported(tiny, command, small_disk, capsys):
    disk, fill = small_disk
    fill(0)
    home = disk / "home"
    assert command(["run", str(tiny), "--home", str(home)]) == 1
    assert "No space left on device): make room there" in capsys.readouterr().err
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_disk_too_small_for_mlflow_s_store_costs_no_trial_and_is_caught_up_when_there_is_room(
    table, tiny, command, small_disk, undisturbed, capsys
):
    disk, fill = small_disk
    home = Home.at(disk / "home")
    arguments = ["run", str(tiny), "--home", str(home.root)]
    code, n_runs = command(arguments, lambda n: fill(200_000) if n == 0 else None), 1
    while code and n_runs < 5:  # while MLflow tries, it may take what the record needs: the same command goes on
        code, n_runs = command(arguments), n_runs + 1
    assert "MLflow could not be written (" in " ".join(capsys.readouterr().out.split())
    assert table(home) == undisturbed
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert command(arguments) == 0
    assert "MLflow could not" not in capsys.readouterr().out
    with contextlib.closing(sqlite3.connect(home.mlflow_db)) as database:
        assert database.execute("select status, count(*) from runs group by status").fetchall() == [
            ("FINISHED", len(undisturbed) + 1)
        ]


def test_a_database_on_a_full_disk_is_reported_and_the_next_run_finishes_it(
    tiny, command, tmp_path, small_disk, undisturbed, capsys
):
    disk, fill = small_disk
    url = f"sqlite:///{disk / 'record.db'}"
    arguments = ["run", str(tiny), "--home", str(tmp_path / "home"), "--storage", url]
    assert command(arguments, lambda n: fill(0) if n == 3 else None) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message == (
        "dlstudy: the storage that --storage names did not answer or take a result (database or disk is full): "
        "correct that, then run the same command again"
    )
    (disk / "ballast").unlink()
    assert command(arguments) == 0
    trials = Record.open(Home.at(tmp_path / "home"), url, for_writing=False).trials("tiny", Variant())
    assert len([trial for trial in trials if trial.state == "finished"]) == len(undisturbed)
