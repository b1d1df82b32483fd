"""Results from elsewhere: what an arm keeps of them, and the files that they are read from."""

import statistics

import numpy as np
import pandas as pd
import pytest

from dlstudy.errors import StudyError
from dlstudy.study.arm import Arm
from dlstudy.study.claims import Claim
from dlstudy.study.elsewhere import Figures
from dlstudy.study.loader import load
from dlstudy.study.study import Study
from tests.helpers.builders import build

VALUES = [0.91, 0.93, 0.92]
COLUMNS = {"test_accuracy": "accuracy"}


def known(results):
    return Arm.from_results("paper", {"test_accuracy": results}, source="Table 2").elsewhere.figures["test_accuracy"]


def test_values_are_kept_with_their_mean_and_spread():
    assert known(VALUES) == Figures(statistics.fmean(VALUES), statistics.stdev(VALUES), 3, tuple(VALUES))
    assert known({7: 0.91, 9: 0.93}).by_seed == {7: 0.91, 9: 0.93}
    assert known({"mean": 0.92, "sd": 0.01, "n": 4}).standard_error == pytest.approx(0.005)


@pytest.mark.parametrize("given", [0.91, [0.91], {5: 0.91}, np.float32(0.91), np.array([0.91])])
def test_one_value_is_a_single_figure_without_a_spread(given):
    found = known(given)
    assert (found.mean, found.sd, found.n) == (pytest.approx(0.91), None, 1)
    assert found.standard_error == 0


@pytest.mark.parametrize("given", [tuple(VALUES), np.array(VALUES), pd.Series(VALUES), (value for value in VALUES)])
def test_any_list_of_numbers_is_taken(given):
    assert known(given).values == tuple(VALUES)


def test_what_is_no_share_may_be_any_number():
    arm = Arm.from_results("paper", {"test_loss": [3.5, 12], "test_r2": -2.0}, source="Table 2")
    assert set(arm.elsewhere.figures) == {"test_loss", "test_r2"}


def study(*arms):
    return Study("Is it?", "digits", build, arms)


def test_a_study_keeps_them_apart_from_the_arms_that_it_trains():
    paper = Arm.from_results("paper", {"test_accuracy": VALUES}, source="Table 2")
    found = study(paper, Arm("a"))
    assert [arm.name for arm in found.arms] == ["a"]
    assert found.elsewhere == (paper,)
    assert found.results_of("paper") is paper.elsewhere
    with pytest.raises(StudyError, match="the results of arm 'paper' are from elsewhere, it is not trained: choose"):
        found.arm("paper")


def test_few_seeds_are_enough_where_nothing_is_paired():
    paper = Arm.from_results("paper", {"test_accuracy": VALUES}, source="Table 2")
    claim = Claim("a wins", "a", "paper", "test_accuracy")
    protocol = study(Arm("a")).protocol.with_searches(1)
    few = {"protocol": type(protocol)(searches=1, seeds=3), "arms": [Arm("a"), Arm("b"), paper]}
    assert Study("Is it?", "digits", build, claims=[claim], **few).claims == (claim,)
    with pytest.raises(StudyError, match="1 claims need at least 6 seeds"):
        Study("Is it?", "digits", build, claims=[Claim("a wins", "a", ("b", "paper"), "test_accuracy")], **few)


@pytest.fixture
def csv(tmp_path):
    """Writes the lines of a CSV file in a folder whose name has a space."""

    def write(*lines, encoding="utf-8"):
        path = tmp_path / "a folder" / "results.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


def test_a_csv_file_has_a_row_for_each_run(csv):
    path = csv("seed,accuracy,note", "3,0.91,x", '4,0.93,"with, comma"', "5.0,0.92,")
    by_seed = Arm.from_csv("paper", path, COLUMNS, seed="seed", text="boosting")
    assert by_seed.elsewhere.figures["test_accuracy"].by_seed == {3: 0.91, 4: 0.93, 5: 0.92}
    assert (by_seed.elsewhere.source, by_seed.text) == ("results.csv", "boosting")
    plain = Arm.from_csv("paper", str(path), COLUMNS, source="a colleague")
    assert plain.elsewhere.figures["test_accuracy"] == known(VALUES)
    assert plain.elsewhere.source == "a colleague"


def test_a_csv_file_may_begin_with_a_byte_order_mark(csv):
    path = csv("accuracy", "0.5", encoding="utf-8-sig")
    assert Arm.from_csv("paper", path, COLUMNS).elsewhere.figures["test_accuracy"].mean == 0.5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["seed,accuracy"], "must have a row for each run, got none"),
        (["acc", "0.9"], "must have a column 'accuracy', got acc"),
        (["accuracy", "0.9"], "must have a column 'seed', got accuracy"),
        (["seed,accuracy", "1,0.9", "2,"], r"line 3, column 'accuracy' must be a finite number, got ''"),
        (["seed,accuracy", "1,0.9", "2"], r"line 3, column 'accuracy' must be a finite number, got None"),
        (["seed,accuracy", "1,nan"], r"line 2, column 'accuracy' must be a finite number, got 'nan'"),
        (["seed,accuracy", "1,91 %"], r"line 2, column 'accuracy' must be a finite number, got '91 %'"),
        (["seed,accuracy", "1.5,0.9"], r"line 2, column 'seed' must be a seed, a whole number, got '1.5'"),
        (["seed,accuracy", "-1,0.9"], r"line 2, column 'seed' must be a seed, a whole number, got '-1'"),
        (["seed,accuracy", "7,0.9", "7,0.8"], r"must have each seed once, got \[7\] twice"),
        (["seed,accuracy", "1,91.2"], "must be from 0 to 1, got 91.2: divide per cent by 100"),
    ],
)
def test_a_csv_file_that_is_not_as_it_must_be(csv, lines, message):
    with pytest.raises(StudyError, match=message):
        Arm.from_csv("paper", csv(*lines), COLUMNS, seed="seed")


def test_a_file_that_is_no_text(csv):
    path = csv("accuracy")
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(StudyError, match=r"must be a CSV file in UTF-8, got .*results\.csv"):
        Arm.from_csv("paper", path, COLUMNS)


@pytest.mark.slow
def test_runs_of_mlflow_are_taken_from_the_csv_file_that_mlflow_writes(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("boosting")
    for seed, value in enumerate(VALUES, 5):
        run = client.create_run(experiment)
        client.log_param(run.info.run_id, "seed", seed)
        client.log_metric(run.info.run_id, "accuracy", value)
    mlflow.search_runs([experiment]).to_csv(tmp_path / "runs.csv")
    arm = Arm.from_csv("boosting", tmp_path / "runs.csv", {"test_accuracy": "metrics.accuracy"}, seed="params.seed")
    assert arm.elsewhere.figures["test_accuracy"].by_seed == dict(enumerate(VALUES, 5))


def test_a_relative_path_starts_at_the_study_file(tmp_path, monkeypatch):
    (tmp_path / "b.csv").write_text("accuracy\n0.9\n0.8\n")
    text = """from dlstudy import Arm, Study
STUDY = Study("Is it?", "digits", print, [Arm("a"), Arm.from_csv("b", "b.csv", {"test_accuracy": "accuracy"})])
"""
    (tmp_path / "one.py").write_text(text)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(tmp_path / "one.py").study.elsewhere[0].elsewhere.figures["test_accuracy"].n == 2
    with pytest.raises(StudyError, match=r"must be a CSV file in UTF-8, got b\.csv"):
        Arm.from_csv("b", "b.csv", COLUMNS)
