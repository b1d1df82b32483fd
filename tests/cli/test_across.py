"""A study on several data sets: `run`, `report`, `plan` and `check` with `--dataset` several times."""

import json

import pytest

from dlstudy.analysis.reading import read_summary
from dlstudy.api import checks, plans, runs
from dlstudy.cli.app import main
from dlstudy.engines.base import TrialOutcome
from dlstudy.report import across
from dlstudy.report import export as exporting
from dlstudy.runner import session
from dlstudy.runner.session import Outcome
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.trial import TrialResult, TrialState
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine

THREE = ("--dataset", "digits", "--dataset", "mnist", "--dataset", "fashion_mnist")


class Checking(FakeEngine):
    """Says of every step on fashion_mnist that it failed, if it is to."""

    def __init__(self, dataset, fails):
        super().__init__()
        self._fails = fails and dataset == "fashion_mnist"

    def wait(self, timeout_s):
        spec = self._waiting[0]
        if not (spec.check and self._fails):
            return super().wait(timeout_s)
        self._waiting.pop(0)
        return [TrialOutcome(spec, TrialResult(TrialState.FAILED, reason="ValueError: too wide"))]


@pytest.fixture
def home(tmp_path):
    return Home.at(tmp_path / "my home")


@pytest.fixture
def happened(tiny, home, monkeypatch):
    """What happened, in order; nothing is trained, no MLflow is written, and figures cost nothing."""
    happened = []

    def engine_maker(backend, dataset, *_):
        def make(n, decide):
            happened.append(f"engine on {dataset}")
            return Checking(dataset, "fails" in happened)

        return make

    def run_study(file, request, backend, progress, say):
        dataset = request.variant.dataset or file.study.dataset
        happened.append(f"run on {dataset}")
        backend.home.create()
        n_trained = fake_runs.run(file.path, backend.home, request)
        summary = read_summary(file, Record.open(backend.home, None, for_writing=False), str(request.variant))
        return Outcome(summary, n_trained, [], [f"a remark of {dataset}"])

    for module in (session, plans, checks):
        monkeypatch.setattr(module, "engine_maker", engine_maker)
    monkeypatch.setattr(runs, "run_study", run_study)
    monkeypatch.setattr(exporting, "draw", lambda _: {})
    monkeypatch.setattr(across, "formats_here", lambda: ("html", "json"))
    return happened


@pytest.fixture
def typed(tiny, home, happened, capsys):
    def typed(command, *words):
        code = main([command, str(tiny), "--home", str(home.root), *words])
        return code, *capsys.readouterr()

    return typed


def test_a_study_runs_on_each_data_set_once_all_of_them_are_checked(typed, happened, home):
    code, out, _ = typed("run", *THREE)
    assert code == 0
    assert happened == [
        "engine on digits", "engine on mnist", "engine on fashion_mnist",
        "run on digits", "run on mnist", "run on fashion_mnist",
    ]  # fmt: skip
    known = Record.open(home, None, for_writing=False).variants("tiny")
    assert [str(variant) for variant in known] == [
        "default",
        "dataset=mnist",
        "dataset=fashion_mnist",
    ]  # digits is its own
    answer = " ".join(out.split())
    assert "Best mean test accuracy:" in answer
    assert "of 3 data sets" in answer
    assert "note: mnist: a remark of mnist" in answer
    assert "63 trainings. Next steps:" in answer
    assert "tiny-default-across-digits-mnist-fashion_mnist.html" in answer


def test_the_same_command_again_trains_and_checks_nothing(typed, happened):
    typed("run", *THREE)
    happened.clear()
    code, out, _ = typed("run", *THREE)
    assert code == 0
    assert happened == ["run on digits", "run on mnist", "run on fashion_mnist"]
    assert "nothing was missing, no trainings" in out


def test_a_data_set_that_cannot_work_is_found_before_anything_is_trained(typed, happened, home):
    happened.append("fails")
    code, _, err = typed("run", *THREE)
    assert code == 2
    assert err.splitlines()[-1] == (
        "dlstudy: arms net and logistic cannot be trained on fashion_mnist: ValueError: too wide"
    )
    assert not any(event.startswith("run") for event in happened)
    assert not home.root.exists()


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("wine", "replicates are judged on test rows, but wine has none of its own"),
        ("digts", "'digts' (did you mean digits?)"),
        ("mnist", "--dataset names each data set once, got mnist twice: leave one of them out"),
    ],
)
def test_a_data_set_that_does_not_go_with_the_study_is_refused_in_a_line(typed, happened, dataset, message):
    code, _, err = typed("run", "--dataset", "mnist", "--dataset", dataset)
    assert (code, len(err.splitlines()), happened) == (2, 1, [])
    assert message in err


def test_classification_and_regression_do_not_go_together(typed, tiny, happened):
    tiny.write_text(
        tiny.read_text().replace("Split(validation=200)", "Split(validation=200, test=0.25, random_state=1)")
    )
    code, _, err = typed("run", "--dataset", "digits", "--dataset", "housing")
    assert (code, happened) == (2, [])
    assert err == (
        "dlstudy: all data sets of a run must be for classification, as digits of tiny is, got housing, for "
        "regression: leave it out\n"
    )


def test_the_reports_over_data_sets_are_beside_those_of_each(typed, home):
    typed("run", *THREE)
    folder = home.reports("tiny")
    assert {path.suffix for path in folder.iterdir()} == {".html", ".json"}
    page = (folder / "tiny-default-across-digits-mnist-fashion_mnist.html").read_text()
    assert '<a href="tiny-dataset%3Dmnist.html">mnist</a>' in page


def test_json_is_the_report_over_data_sets(typed):
    code, out, err = typed("run", *THREE, "--json")
    report = json.loads(out)
    assert (code, report["schema"], report["study"]) == (0, 4, "tiny")
    assert [on["dataset"] for on in report["datasets"]] == ["digits", "mnist", "fashion_mnist"]
    assert "note: fashion_mnist: a remark of fashion_mnist" in err


def test_the_studys_own_data_set_alone_is_its_default_variant(typed, home):
    typed("run", "--dataset", "digits", "--json")
    assert [str(v) for v in Record.open(home, None, for_writing=False).variants("tiny")] == ["default"]


def test_report_makes_the_answer_again_from_the_record(typed, tmp_path):
    typed("run", *THREE)
    code, out, _ = typed("report", *THREE, "--format", "md")
    assert code == 0
    assert "of 3 data sets" in out
    page = tmp_path / "site" / "all.html"
    code, out, _ = typed("report", *THREE, "--output", str(page))
    assert (code, out.strip()) == (0, str(page))
    assert {path.name for path in page.parent.iterdir()} == {
        "all.html", "tiny-default.html", "tiny-dataset=mnist.html", "tiny-dataset=fashion_mnist.html",
    }  # fmt: skip
    assert '<a href="tiny-dataset%3Dfashion_mnist.html">fashion_mnist</a>' in page.read_text()
    assert "<a href" not in typed("report", *THREE, "--format", "html")[1].partition("<h2")[2]


def test_report_of_one_data_set_is_that_of_its_variant(typed):
    typed("run", *THREE)
    assert (
        json.loads(typed("report", "--dataset", "fashion_mnist", "--format", "json")[1])["variant"]
        == "dataset=fashion_mnist"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "mnist", "--dataset", "cifar10"),
         "tiny has no variant 'dataset=cifar10': name one with --variant: default, dataset=mnist, "),
        (("--dataset", "digits", "--variant", "dataset=mnist"),
         "--variant dataset=mnist names a data set, got --dataset digits too: leave one of them out"),
        (("--dataset", "mnist", "--dataset", "mnist"), "--dataset names each data set once, got mnist twice"),
    ],
)  # fmt: skip
def test_a_report_over_what_is_not_there_is_refused_in_a_line(typed, words, message):
    typed("run", *THREE)
    code, out, err = typed("report", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_a_plan_has_each_data_set_and_the_time_of_all(typed):
    code, out, _ = typed("plan", *THREE, "--json")
    plans = json.loads(out)
    assert (code, [planned["dataset"] for planned in plans]) == (0, ["digits", "mnist", "fashion_mnist"])
    assert all(planned["minutes"] > 0 for planned in plans)
    total = sum(planned["minutes"] for planned in plans)
    shown = typed("plan", *THREE)[1]
    assert "Does a softmax net beat logistic regression? (fashion_mnist)" in shown
    assert f"About {total:.1f} minutes" in shown


def test_check_takes_a_step_on_each_data_set_and_names_where_it_fails(typed, happened):
    rows = json.loads(typed("check", *THREE, "--json")[1])
    assert [(row["data set"], row["arm"]) for row in rows][::2] == [
        ("digits", "net"), ("mnist", "net"), ("fashion_mnist", "net"),
    ]  # fmt: skip
    happened.append("fails")
    assert "arms net and logistic cannot be trained on fashion_mnist: ValueError: too wide" in typed("check", *THREE)[2]


def test_replications_are_of_one_data_set(typed, happened):
    code, _, err = typed("replicate", *THREE)
    assert (code, happened) == (2, [])
    assert "replicate takes one data set, got digits and mnist and fashion_mnist: replicate on one after" in err
