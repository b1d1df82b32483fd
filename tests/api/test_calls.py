"""`dlstudy.run` from scripts: no main guard is needed, and the command line goes on with the same numbers."""

import json
import os
import signal
import subprocess
import sys

import pytest

import dlstudy
from dlstudy.cli.app import main
from dlstudy.errors import StudyError, UsageError
from dlstudy.study import loader
from tests.helpers.full_form import in_full_form

pytestmark = pytest.mark.slow

STUDY = """
from dlstudy import Arm, Claim, Protocol, Split, Study

DEPTHS = (2, 5)


def depth_of(p):
    return DEPTHS[p["which"]]


def build(p):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=depth_of(p), max_features=8, random_state=p["seed"])


STUDY = Study(
    question="How deep?",
    dataset="digits",
    build=build,
    arms=[Arm("flat", {"which": 0}), Arm("deep", {"which": 1})],
    protocol=Protocol(searches=1, seeds=6, split=Split(validation=0.25)),
    claims=[Claim("deep is better", better="deep", than="flat", metric="test_accuracy")],
)
"""
SCRIPT = (
    STUDY
    + """
import helper
import dlstudy

print("once")
results = dlstudy.run(STUDY, home="home", workers=1, phases="search", arms=["deep"])
print(len(results.trials), helper.NAME)
"""
)
WITHOUT_SOURCE = """
import threading, dlstudy
from dlstudy import Arm, Protocol, Split, Study

print("once")

def tree(p):
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(max_depth=p["depth"], random_state=p["seed"])

study = Study(question="Is it?", dataset="digits", build=tree, arms=[Arm("tree", {"depth": 3})],
              protocol=Protocol(searches=1, seeds=1, split=Split(validation=0.25)))

def go():
    print("trained", len(dlstudy.run(study, home="home", workers=1, phases=["search"]).trials))

thread = threading.Thread(target=go)
thread.start()
thread.join()
"""


def python(folder, *words, given=None):
    """Runs Python in a folder; returns standard output and standard error."""
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, input=given, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def metrics_of(results):
    frame = results.trials.sort_values(["phase", "arm", "index"])
    return frame[["phase", "arm", "index", "seed", "val_accuracy", "test_accuracy"]].fillna(-1).values.tolist()


def test_a_script_without_a_main_guard_runs_once_and_the_command_line_goes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "trees.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("print('imported')\nNAME = 'beside'\n")
    out, err = python(tmp_path, "trees.py")
    assert out.split() == ["imported", "once", "1", "beside"]
    assert "search deep #0: 0." in err, "progress goes to standard error"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trees.py").unlink()
    for words in (["status", "trees"], ["show", "trees"], ["report", "trees", "--output", "trees.md"]):
        assert main([*words, "--home", "home"]) == 0
    assert "How deep?" in capsys.readouterr().out
    assert main(["run", "trees", "--home", "home", "--engine", "inline", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["trials"]) == 14
    results = dlstudy.load("trees", home="home")
    saved = results.save("home")  # a folder
    assert main(["run", str(saved), "--home", "home", "--engine", "inline"]) == 0
    assert "nothing was missing, no trainings" in capsys.readouterr().out, "the definition is the same"
    (tmp_path / "trees.py").write_text(STUDY)
    beside = dlstudy.run("trees.py", home="other", engine="inline")
    assert metrics_of(beside) == metrics_of(results), "number for number"
    check_report(results, tmp_path)


def check_report(results, folder):
    for suffix in ("html", "csv", "json"):
        assert results.report(folder / f"trees.{suffix}").stat().st_size > 1000
    with pytest.raises(UsageError, match=r"the suffix of a report must be one of .html, .*, got 'trees.docx'"):
        results.report(folder / "trees.docx")
    assert [type(figure).__module__ for figure in results.figures.values()] == ["matplotlib.figure"]
    with pytest.raises(UsageError, match=r"known to the record by the name of its file, trees.py, got other.py"):
        results.save(folder / "other.py")
    with pytest.raises(UsageError, match=r"trees.py holds something else"):
        results.save(folder)


@in_full_form
@pytest.mark.parametrize("words", [["-c", WITHOUT_SOURCE], ["-"]], ids=["-c", "standard input"])
def test_code_without_a_file_runs_once_also_in_a_thread(tmp_path, words):
    out, _ = python(tmp_path, *words, given=WITHOUT_SOURCE if words == ["-"] else None)
    assert out.split() == ["once", "trained", "1"]
    results = dlstudy.load("study", home=tmp_path / "home")
    if sys.version_info < (3, 13):  # which keeps the source of -c
        with pytest.raises(StudyError, match="there is no source text of build"):
            results.save(tmp_path)


@in_full_form
def test_ctrl_c_keeps_what_is_recorded_and_says_so(tmp_path):
    (tmp_path / "trees.py").write_text(SCRIPT.replace(', phases="search", arms=["deep"]', ""))
    (tmp_path / "helper.py").touch()
    with subprocess.Popen(
        [sys.executable, "trees.py"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("search "):
                process.send_signal(signal.SIGINT)
                break
        said += process.stderr.readlines()
        assert process.wait(60) != 0
    assert "stopped; all that had ended is recorded: run the same again to continue\n" in said
    assert "finished" in set(dlstudy.load("trees", home=tmp_path / "home").trials.state)


def test_a_plan_and_a_check_show_what_the_commands_say(tiny, tmp_path):
    study = loader.load(tiny).study
    plan = dlstudy.plan(study, name="tiny", home=tmp_path / "home", engine="inline", quick=True)
    assert "Does a softmax net beat logistic regression? (digits)" in repr(plan)
    assert "About " in repr(plan)
    assert plan.minutes > 0
    assert "<td>replicate</td>" in plan._repr_html_()
    check = dlstudy.check(study, name="tiny", home=tmp_path / "home", engine="inline")
    assert check.passed
    assert [row["arm"] for row in check.rows] == ["net", "logistic"]
    assert "650" in repr(check)
    assert not (tmp_path / "home").exists(), "neither writes anything"


def test_an_arm_that_cannot_be_trained_is_a_fault_of_the_check(tmp_path):
    def build(p):
        raise RuntimeError(f"no {p['kind']} here")

    study = dlstudy.Study(
        question="Is it?",
        dataset="digits",
        build=build,
        arms=[dlstudy.Arm("a", {"kind": "net"})],
        protocol=dlstudy.Protocol(searches=1, seeds=1, split=dlstudy.Split(validation=0.25)),
    )
    check = dlstudy.check(study, home=tmp_path, engine="inline")
    assert not check.passed
    assert "no net here" in repr(check)
