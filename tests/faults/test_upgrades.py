"""Homes of other versions of dlstudy, and what this version does with them.

Two homes of version 1 are stored. `home-1` was made when homes had no mark and journals no seal. `home-1-full` has
both, every phase but a sweep, a model of each kind, a run with `fit`, and an A/A test; its study file is as it was
then, and `data/softmax.py` is the same study in the names of this version.
"""

import json
import shutil
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from dlstudy.cli.optuna_dashboard import copy_searches
from dlstudy.common.version import __version__
from dlstudy.report.export import FORMATS
from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from tests.helpers.full_form import also_in_full_form

pytest_plugins = ["tests.helpers.made_up_runs"]
DATA = Path(__file__).parents[1] / "data"
PENALTY, SOFTMAX = DATA / "home-1" / "penalty.py", DATA / "softmax.py"
COMMANDS = [
    ["run", "STUDY"],
    ["plan", "STUDY"],
    ["show", "STUDY", "--arm", "weak"],
    ["status"],
    ["report", "STUDY"],
    ["report", "--all"],
    ["predict", "STUDY"],
    ["ui", "--no-open"],
    ["dashboard", "--no-open"],
    ["tensorboard", "--no-open"],
    ["data", "show", "digits"],
]


def copy_of(name, tmp_path):
    shutil.copytree(DATA / name, tmp_path / "home")
    return Home.at(tmp_path / "home")


@pytest.fixture
def home(tmp_path):
    return copy_of("home-1", tmp_path)


@pytest.fixture
def full(tmp_path):
    return copy_of("home-1-full", tmp_path)


@pytest.fixture(params=[("home-1", PENALTY), ("home-1-full", SOFTMAX)], ids=["home-1", "home-1-full"])
def either(request, tmp_path):
    """Each of the stored homes, with its study."""
    name, study = request.param
    return copy_of(name, tmp_path), study


@pytest.fixture
def answer(capsys):
    """Runs `dlstudy` on a home; gives what it printed."""

    def answer(home, *words):
        capsys.readouterr()
        assert main([*map(str, words), "--home", str(home.root)]) == 0
        return capsys.readouterr().out

    return answer


def contents(home):
    return {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}


def done(rows, variant="default"):
    return {(row["phase"], row["arm"]): row["done"] for row in rows if row["variant"] == variant}


def test_a_home_of_the_first_version_is_read_whole(home, answer):
    before = contents(home)
    assert done(json.loads(answer(home, "status", "--json"))) == {
        ("search", "strong"): 2,
        ("search", "weak"): 1,
        ("replicate", "strong"): 6,
        ("replicate", "weak"): 6,
    }
    report = json.loads(answer(home, "report", PENALTY, "--format", "json"))
    assert [claim["verdict"] for claim in report["claims"]] == ["withheld"], "it did not look around a winner"
    assert report["answer"].startswith("Each tuned on its own, weak leads: weak reached a mean test accuracy of 0.9139")
    assert len(report["trials"]) == 15
    assert report["notes"][0].startswith("RECORD: penalty/default/weak/search was begun by an earlier version of dlst")
    assert contents(home) == before


def test_every_part_of_the_first_version_has_its_present_name(full, answer):
    before = contents(full)
    rows = json.loads(answer(full, "status", "--json"))
    assert done(rows) == {
        ("reported", "net"): 14, ("reported", "logistic"): 7, ("defaults", "net"): 7,
        ("search", "net"): 2, ("search", "logistic"): 2, ("search", "eager"): 1,
        ("replicate", "net"): 7, ("replicate", "logistic"): 7, ("replicate", "eager"): 7,
    }  # fmt: skip
    assert done(rows, "aa-test") == {
        (phase, arm): n
        for phase, n in (("search", 1), ("replicate", 7))
        for arm in ("net", "net-copy", "logistic", "eager")
    }
    assert contents(full) == before


def test_a_report_on_a_home_of_the_first_version_has_the_numbers_that_it_had_then(full, answer):
    report = json.loads(answer(full, "report", SOFTMAX, "--format", "json"))
    assert report["answer"].startswith("Each tuned on its own, logistic leads: logistic reached a mean test accuracy o")
    assert [(figure["n"], figure["verdict"]) for figure in report["reported"]] == [(7, "not compatible")] * 2
    assert [(claim["phase"], claim["verdict"]) for claim in report["claims"]] == [
        ("replicate", "withheld"), ("reported", "contradicted"),
    ]  # fmt: skip
    differences = [claim["difference"] for claim in report["claims"]]
    assert differences == pytest.approx([-0.37380952257958666, -0.40039682085551914], rel=1e-12)
    ours = [figure["ours"] for figure in report["reported"]]
    assert ours == pytest.approx([0.4773809569222586, 0.6626984136445182], rel=1e-12)
    by = {(trial["trained_by"], *trial["remarks"]) for trial in report["trials"]}
    assert by == {("epoch graph",), ("fit", "the model runs eagerly"), ("estimator",)}
    assert [trial["index"] for trial in report["trials"] if trial["phase"] == "defaults"] == list(range(7))


def test_an_aa_test_of_the_first_version_is_still_one(full, answer):
    for name in ("control", "aa-test"):
        report = json.loads(answer(full, "report", SOFTMAX, "--variant", name, "--format", "json"))
        (claim,) = [claim for claim in report["claims"] if claim["aa_test"]]
        assert (report["variant"], claim["against"], claim["n"]) == ("aa-test", "net-copy", 7)
        assert len(report["trials"]) == 32


@pytest.mark.parametrize("kind", FORMATS)
def test_a_home_of_the_first_version_has_a_report_in_every_format(full, answer, tmp_path, kind):
    before, file = contents(full), tmp_path / f"report.{kind}"
    answer(full, "report", SOFTMAX, "--output", file)
    assert file.stat().st_size > 1000
    assert contents(full) == before


def test_all_reports_of_a_home_of_the_first_version_are_written(full, answer, tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    shutil.copy(SOFTMAX, tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    assert {"default", "aa-test"} <= set(answer(full, "report", "--all").split(" | "))


@pytest.mark.parametrize("arm", ["net", *also_in_full_form("logistic")])
def test_a_model_of_the_first_version_predicts_and_is_shown(full, answer, arm):
    report = json.loads(answer(full, "report", SOFTMAX, "--format", "json"))
    (first,) = [t for t in report["trials"] if (t["phase"], t["arm"], t["index"]) == ("replicate", arm, 0)]
    rows = json.loads(answer(full, "predict", SOFTMAX, "--arm", arm, "--samples", 360, "--json"))["rows"]
    assert sum(row["right"] for row in rows) / 360 == pytest.approx(first["metrics"]["test_accuracy"], abs=1e-6)
    shown = answer(full, "show", SOFTMAX, "--arm", arm)
    assert f"{arm}, " in shown
    assert "Weights of the trained winner (first seed)" in shown or "LogisticRegression(C=0.521" in shown


def test_searches_of_the_first_version_are_copied_for_the_dashboard(full):
    before = contents(full)
    copied = copy_searches("softmax", full, None)
    (search,) = [study for study in copied.get_all_studies() if study.study_name == "softmax/default/net/search"]
    trials = copied.get_all_trials(search._study_id)
    assert [trial.user_attrs["index"] for trial in trials] == [0, 1]
    assert all(set(trial.params) == {"rate"} and set(trial.intermediate_values) == {1, 2} for trial in trials)
    assert len(copied.get_all_studies()) == 3 + 4
    assert contents(full) == before


def test_a_run_in_a_home_of_the_first_version_is_refused_and_leaves_it_to_that_version(either, capsys):
    home, study = either
    before = contents(home)
    assert main(["run", str(study), "--home", str(home.root)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"dlstudy: {study.stem}/default/")
    assert line.endswith(
        "was begun by an earlier version of dlstudy: its results can be read as they are; run with --fresh to begin a "
        "new generation beside them"
    )
    assert contents(home) == before


def test_fresh_begins_a_generation_beside_that_of_the_first_version(either, command, answer):
    home, study = either
    journal, rows = home.journal.read_bytes(), json.loads(answer(home, "status", "--json"))
    assert command(["run", str(study), "--fresh", "--searches", "1", "--home", str(home.root)]) == 0
    assert home.journal.read_bytes().startswith(journal)
    n_bytes, _ = seal_of(home.journal).read_text().split()
    assert int(n_bytes) == home.journal.stat().st_size > len(journal)
    assert json.loads(home.mark.read_text()) == {"version": 2, "dlstudy": __version__}
    now = json.loads(answer(home, "status", "--json"))
    assert [row for row in now if row["variant"] != "default~2"] == rows
    wanted = {part: 7 if part[0] == "reported" else n for part, n in done(rows).items()}  # none with other settings
    wanted |= {part: n + 2 for part, n in wanted.items() if part[0] == "search" and n > 1}  # a round, new since then
    assert done(now, "default~2") == wanted
    grown = home.journal.read_bytes()
    assert command(["run", str(study), "--searches", "1", "--home", str(home.root)]) == 0
    assert home.journal.read_bytes() == grown, "nothing was missing"
    assert "RECORD" not in answer(home, "report", study)
    assert "was begun by an earlier version" not in answer(home, "report", study)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_home_of_a_later_version_is_refused_by_every_command_and_left_as_it_is(home, capsys, arguments):
    home.mark.write_text(json.dumps({"version": 3, "dlstudy": "9.9", "more": []}))
    before = contents(home)
    words = [str(PENALTY) if word == "STUDY" else word for word in arguments]
    assert main([*words, "--home", str(home.root)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"dlstudy: the results folder {home.root} must be of version 2 or earlier, got 3, made by dlstudy '9.9' (this "
        f"is {__version__}): install that one, or choose another with --home"
    )
    assert contents(home) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "2", "null", '{"version": null}', '{"version": "new"}', "{}", "\x00"])
def test_a_mark_that_cannot_be_read_is_refused_with_its_remedy(home, capsys, text):
    home.mark.write_text(text)
    before = contents(home)
    for arguments in (["status"], ["run", str(PENALTY)]):
        assert main([*arguments, "--home", str(home.root)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        rule = f"dlstudy: {home.mark} must say the version of the results folder, got {text!r}: restore it, or "
        assert line.startswith(rule)
    assert contents(home) == before


def test_a_mark_that_is_no_text_is_refused(home, capsys):
    home.mark.write_bytes(b"\xff\xfe")
    assert main(["status", "--home", str(home.root)]) == 2
    assert "must say the version of the results folder" in capsys.readouterr().err


def test_the_mark_is_written_once(home):
    home.create()
    home.mark.write_text('{"version": 2, "dlstudy": "0.0.9"}')
    home.create()
    assert json.loads(home.mark.read_text())["dlstudy"] == "0.0.9"


def test_the_mark_of_an_earlier_version_is_replaced_once_this_one_writes(full):
    full.create()
    assert json.loads(full.mark.read_text()) == {"version": 2, "dlstudy": __version__}
