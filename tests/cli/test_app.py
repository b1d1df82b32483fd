"""The command line as a user types it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from tests.helpers.full_form import in_full_form

QUICK = ["--phase", "search", "--arm", "logistic"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(capsys, *words: str) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_version(capsys):
    assert typed(capsys, "--version")[:2] == (0, "dlstudy 0.1.0\n")


def test_bundled_studies_are_listed_and_those_of_the_folder_hide_them(capsys, here, tiny):
    assert "optimizers" in typed(capsys, "list")[1]
    (here / "studies").mkdir()
    tiny.rename(here / "studies" / "optimizers.py")
    (row,) = [row for row in json.loads(typed(capsys, "list", "--json")[1]) if row["name"] == "optimizers"]
    assert row["question"] == "Does a softmax net beat logistic regression?"


def test_a_broken_study_is_listed_with_its_fault_and_hides_no_other(capsys, here):
    (here / "studies").mkdir()
    (here / "studies" / "bad.py").write_text("STUDY = Study(\n")
    code, out, _ = typed(capsys, "list")
    assert code == 0
    assert "cannot be loaded: bad.py, line 1" in out
    assert "optimizers" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "optimisers"], "did you mean optimizers?"),
        (["run", "nothing/of/that.py"], "no study file at"),
        (["run", "optimizers", "--dataset", "minst"], "mnist"),
        (
            ["run", "optimizers", "--sampler", "grid"],
            "--sampler must be one of sobol, random, tpe, or one of Optuna's by name, got 'grid'",
        ),
        (
            ["run", "optimizers", "--pruner", "axe"],
            "--pruner must be one of none, median, hyperband, halving, or one of Optuna's by name, got 'axe'",
        ),
        (["run", "optimizers", "--trials", "1" + "0" * 20], "trials must be a whole number from 1 to 1,000,000"),
        (["run", "optimizers", "--tracking-uri", "foo://x"], "got 'foo://x': correct --tracking-uri"),
        (
            ["run", "optimizers", "--storage", "foo"],
            "a storage is sqlite:///FILE, postgresql",
        ),
        (["ui", "--port", "99999"], "99999"),
        (["run", "optimizers", "--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["run", "optimizers", "--trials", "many"], "many"),
        (["run", "optimizers", "--searches", "1", "--seeds", "4"], "6 claims need at least 8 seeds"),
        (["run", "optimizers", "--engine", "steam"], "--engine must be one of local, inline, ray, got 'steam'"),
        (["run", "optimizers", "--phase", "train"], "one of reported, defaults, search, replicate, sweep, got 'train'"),
        (["run", "optimizers", "--arm", "adamw"], "no arm 'adamw': choose from sgd, adam, rmsprop"),
        (["run"], "run takes a study's name or --all, got neither"),
        (["run", "optimizers", "--all"], "run takes a study's name or --all, got both"),
        (["run", "--all", "--arm", "adam"], "--all runs every study as it is, got --arm or --dataset"),
        (["predict", "optimizers"], "optimizers has no trained winner in variant default"),
        (["runn"], "runn"),
        (["show", "optimizers", "--arm", "sdg"], "choose from sgd, adam, rmsprop"),
        (["report", "optimizers"], "has no results here"),
        (["report", "optimizers", "--format", "docx"], "has no results here"),
        (["status", "optimizers"], "no results of 'optimizers'"),
        (["data", "fetch", "minst"], "mnist"),
        (["ui", "--no-open"], "no runs in"),
        (["devices", "--workers", "0"], "--workers must be at least 1, got 0"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2_and_writes_nothing(capsys, here, words, message):
    code, out, err = typed(capsys, *words)
    assert code == 2
    assert message in err
    assert err.startswith("dlstudy: ")
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err + out
    assert not (here / "mlruns" / "optuna.journal").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = = 1\n", "my.py, line 1: invalid syntax"),
        ("x = 1\n", "my.py must define STUDY = Study(...), got nothing of that name"),
        ("STUDY = 3\n", "got int"),
        ("import nothing_of_that_name\n", "my.py, line 1: ModuleNotFoundError"),
        ("from dlstudy import Arm\n\nArm('a b')\n", "my.py, line 3: Arm.name must be"),
    ],
)
def test_a_broken_study_file_is_named_with_its_line(capsys, here, text, message):
    (here / "my.py").write_text(text)
    code, _, err = typed(capsys, "run", "my.py")
    assert code == 2
    assert message in err


@pytest.mark.slow
def test_run_status_report_and_again(capsys, here, tiny):
    code, out, err = typed(capsys, "run", tiny, *QUICK, "--engine", "inline")
    assert code == 0, err
    assert "search logistic #0: 0." in out
    assert "Does a softmax net beat logistic regression?" in out
    assert "1 trainings. Next steps:" in out

    (row,) = json.loads(typed(capsys, "status", "--json")[1])
    assert (row["study"], row["phase"], row["arm"], row["done"], row["running"]) == ("tiny", "search", "logistic", 1, 0)

    code, out, _ = typed(capsys, "report", tiny, "--format", "json")
    assert json.loads(out)["arms"][1]["best"]["n_trials"] == 1
    page = here / "new folder" / "page.html"
    assert typed(capsys, "report", tiny, "--format", "html", "--output", page)[0] == 0
    assert page.read_text().startswith("<!doctype html>")

    code, out, _ = typed(capsys, "run", tiny, *QUICK, "--engine", "inline")
    assert "nothing was missing" in out


@pytest.mark.slow
def test_run_prints_json_alone_when_asked(capsys, here, tiny):
    code, out, _ = typed(capsys, "run", tiny, *QUICK, "--engine", "inline", "--json")
    assert code == 0
    assert json.loads(out)["study"] == "tiny"


@pytest.mark.slow
def test_what_is_wrong_in_every_trial_is_refused_by_run_and_check_in_one_line_for_each_arm(capsys, here, tiny):
    source = tiny.read_text()
    tiny.write_text(source.replace('"kind": "logistic"', '"kind": "broken"'))
    code, _, err = typed(capsys, "run", tiny, *QUICK, "--engine", "inline")
    assert code == 2
    (line,) = (line for line in err.splitlines() if line.startswith("dlstudy: "))
    assert line == "dlstudy: arm logistic cannot be trained: RuntimeError: this arm cannot be built (tiny.py, line 17)"
    assert "Traceback" not in err

    tiny.write_text(source.replace("epochs=2", 'metric="val_acc", epochs=2'))
    code, out, err = typed(capsys, "check", tiny, "--engine", "inline", "--json")
    assert code == 2
    assert [check["trained by"] for check in json.loads(out)] == ["epoch graph", "estimator"]
    assert "arm net cannot be trained: the model gives no metric val_acc, it gives val_accuracy, val_loss" in err
    assert "did you mean val_accuracy?" in err


def test_show_names_what_is_compared(capsys):
    out = typed(capsys, "show", "optimizers")[1]
    assert "rmsprop" in out
    assert "0.9645" in out
    assert json.loads(typed(capsys, "show", "optimizers", "--json")[1])["protocol"]["epochs"] == 10


def test_data_list_and_path(capsys):
    rows = json.loads(typed(capsys, "data", "list", "--json")[1])
    assert {"mnist", "digits"} <= {row["name"] for row in rows}
    assert typed(capsys, "data", "path")[1].strip() == os.environ["DLSTUDY_CACHE"]


def start(*words: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "dlstudy", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def statuses(home: Path) -> set[str]:
    import sqlite3

    with sqlite3.connect(home / "mlflow.db") as database:
        return {status for (status,) in database.execute("select status from runs")}


@pytest.fixture(scope="module")
def local_table(tmp_path_factory):
    """The table of the tiny study on the local engine with one worker, from a process that imports no TensorFlow."""
    from tests.conftest import TINY

    folder = tmp_path_factory.mktemp("one")
    (folder / "tiny.py").write_text(TINY)
    script = (
        "import sys; from dlstudy.cli.app import main\n"
        "code = main(sys.argv[1:]); print('tensorflow' in sys.modules, 'keras' in sys.modules, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    (folder / "run.py").write_text(f"if __name__ == '__main__':\n    {script.replace(chr(10), chr(10) + '    ')}\n")
    command = [sys.executable, "run.py", "run", "tiny.py", "--arm", "net", "--workers", "1", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "False False", "the parent imported TensorFlow"
    return table(json.loads(done.stdout))


def table(report: dict) -> list:
    keys = ("phase", "arm", "index", "seed", "params", "metrics", "history", "correct")
    ended = [trial for trial in report["trials"] if trial["state"] == "finished"]
    return sorted(([trial[key] for key in keys] for trial in ended), key=lambda row: row[:3])


# With fake workers, which are quicker, tests/faults/test_parents.py stops runs in all ways.
@pytest.mark.slow
@in_full_form
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_of_two_workers_continues_and_ends_with_the_table_of_one_worker(here, tiny, local_table, number):
    running = start("run", tiny, "--arm", "net", "--workers", 2, start_new_session=True)
    for _ in range(6):  # trials have ended, and others are in flight
        assert running.stdout.readline()
    running.send_signal(number)
    begun = time.monotonic()
    _, err = running.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert running.returncode == 130, err
        assert "run the same command again to continue" in err
        assert "Traceback" not in err
        assert "RUNNING" not in statuses(here / "mlruns")
        assert time.monotonic() - begun < 30
    out, err = start("run", tiny, "--arm", "net", "--workers", 2, "--json").communicate(timeout=300)
    report = json.loads(out)
    assert table(report) == local_table, err
    killed = [trial for trial in report["trials"] if trial["state"] == "killed"]
    assert len(report["trials"]) == len(local_table) + len(killed)
    assert len(killed) <= 2
    assert "RUNNING" not in statuses(here / "mlruns")


@pytest.mark.slow
def test_a_second_run_of_the_same_study_learns_which_process_runs_it(here, tiny):
    first = start("run", tiny, "--workers", 1, start_new_session=True)
    try:
        assert first.stdout.readline()
        _, err = (second := start("run", tiny)).communicate(timeout=60)
        assert second.returncode == 2
        assert f"is being run by process {first.pid} on" in err
    finally:
        first.kill()
        first.communicate()
