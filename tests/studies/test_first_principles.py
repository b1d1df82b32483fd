"""The studies of exact methods and first principles: their facts, and the figures that must come out to the digit."""

import os
from pathlib import Path

import numpy as np
import pytest

from dlstudy.analysis.verdicts import judge_derived
from dlstudy.datasets import registry
from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrainedBy, TrialSpec, TrialState, make_parameters
from dlstudy.training.arrays import Arrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train
from tests.helpers.full_form import in_full_form

STUDIES = Path(__file__).parents[2] / "studies"
NEEDS_DATA = pytest.mark.skipif("DLSTUDY_DATA" not in os.environ, reason="DLSTUDY_DATA names no folder with the data")
LABELS = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "xor": [0, 1, 1, 0]}
TABLE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)


def load(name):
    return loader.load(STUDIES / f"{name}.py").study


def train_arm(name, arm_name, values, split=None, dataset=None, seed=1, **changes):
    """The result of one training at stated values, on the study's own data."""
    study = load(name)
    arm = study.arm(arm_name)
    data = registry.load(dataset or study.dataset)
    arrays = Arrays(data.x_train * 1.0, data.y_train, data.x_test * 1.0, data.y_test)
    params = make_parameters(arm, study.protocol, values)
    rows = (split or study.protocol.split).with_rows(data.description.stated_rows)
    spec = TrialSpec(
        key="t#0", study_path="", dataset=data.description.name, arm=arm_name, phase=Phase.REPORTED, index=0,
        params=params, seed=seed, epochs=params["epochs"], batch_size=params["batch_size"], split=rows,
        read_test=ReadTest.NEVER if rows.test is None else ReadTest.AT_END, restarts=arm.restarts, **changes,
    )  # fmt: skip
    context = DatasetContext(data.description, arrays)
    result = train(spec, StudyFunctions.of(study), context, lambda epoch, metrics: True)
    assert result.state is TrialState.FINISHED, f"{result.reason}\n{result.traceback}"
    return result


def assert_to_the_digit(study, arm, result):
    figures = [figure for figure in study.reported if figure.arm == arm and not figure.setting]
    assert figures
    for figure in figures:
        ended = figure.epoch is None
        found = result.metrics[figure.metric] if ended else result.history[figure.metric][figure.epoch - 1]
        assert abs(found - figure.number) <= max(figure.half_unit, 1e-12 * abs(figure.number)), figure


@pytest.mark.parametrize(
    ("name", "n_arms", "n_reported"),
    [
        ("regression", 4, 20),
        ("regression_advertising", 3, 15),
        ("perceptron", 3, 11),
        ("xor", 3, 4),
        ("descent", 15, 0),
        ("losses", 8, 0),
    ],
)
def test_a_study_has_its_arms_and_reported_figures(name, n_arms, n_reported):
    study = load(name)
    assert (len(study.arms), len(study.reported)) == (n_arms, n_reported)


@pytest.mark.parametrize("name", ["descent", "losses", "regression", "regression_advertising"])
def test_a_study_of_tables_trains_on_diabetes(name, keras_at_rest):
    study = load(name)
    for arm in study.arms:
        if arm.name == "keras":
            continue
        values = {space: distribution.low for space, distribution in arm.space.items()}
        result = train_arm(name, arm.name, {**values, "epochs": 2}, dataset="diabetes")
        assert study.protocol.metric in result.metrics


@NEEDS_DATA
@pytest.mark.parametrize("arm", ["closed_form", "sklearn"])
def test_exact_methods_give_every_reported_digit_of_the_stocks(arm, keras_at_rest):
    study = load("regression")
    result = train_arm("regression", arm, {}, study.arm(arm).reported_split)
    assert_to_the_digit(study, arm, result)


@in_full_form
@NEEDS_DATA
def test_the_course_s_keras_line_is_judged_on_322_rows(keras_at_rest):
    result = train_arm("regression", "keras", {"learning_rate": 0.01})
    n = result.metrics["train_end_sse"] / result.metrics["train_end_mse"]
    assert n == pytest.approx(322)
    assert result.metrics["train_end_mse"] == pytest.approx(339.18, abs=1)
    assert result.metrics["train_end_mse"] > 339.111  # least squares there


@NEEDS_DATA
@pytest.mark.parametrize("arm", ["closed_form", "gradient_descent"])
def test_advertising_gives_every_reported_digit(arm, keras_at_rest):
    study = load("regression_advertising")
    result = train_arm("regression_advertising", arm, study.arm(arm).reported, Split())
    assert_to_the_digit(study, arm, result)


@NEEDS_DATA
def test_each_seed_draws_its_own_split_of_advertising(keras_at_rest):
    split = load("regression_advertising").arm("sklearn").reported_split
    slopes = [
        train_arm("regression_advertising", "sklearn", {"reordered": reordered}, split, seed=seed).metrics[
            "train_end_slope"
        ]
        for reordered in (True, False)
        for seed in (1, 2)
    ]
    assert slopes[0] != slopes[1]
    assert slopes[2] == slopes[3]


@pytest.mark.parametrize("arm", ["and", "or"])
def test_the_course_s_weights_come_out_to_the_digit(arm, keras_at_rest):
    study = load("perceptron")
    figures = [figure for figure in study.reported if figure.arm == arm]
    result = train_arm("perceptron", arm, {**study.arm(arm).reported, **figures[0].setting})
    for figure in figures:
        assert abs(result.metrics[figure.metric] - figure.number) <= figure.half_unit, figure


def test_a_saved_perceptron_can_be_loaded_and_predicts(tmp_path, keras_at_rest):
    import mlflow.sklearn

    for gate in ("and", "or"):
        folder = tmp_path / gate / "model"
        result = train_arm("perceptron", gate, {"learning_rate": 0.5}, model_folder=str(folder))
        assert result.trained_by is TrainedBy.ESTIMATOR
        assert mlflow.sklearn.load_model(str(folder)).predict(TABLE).tolist() == LABELS[gate]
        assert (folder.parent / "model.pictures" / "Decision boundary.png").stat().st_size > 5_000


def test_xor_is_never_right(keras_at_rest):
    for rate in (0.01, 0.5, 10.0):
        metrics = train_arm("perceptron", "xor", {"learning_rate": rate}).metrics
        assert metrics["train_end_converged"] == 0
        assert metrics["train_end_epochs"] == 50
        assert metrics["train_accuracy"] < 1


@in_full_form
def test_five_starts_are_at_least_as_good_as_the_first_of_them(keras_at_rest):
    for seed in (1, 2, 3):
        losses = [
            train_arm("xor", arm, {"learning_rate": 1.0, "epochs": 300}, seed=seed).metrics["train_loss"]
            for arm in ("plain", "five_starts")
        ]
        assert losses[1] <= losses[0]


def test_the_network_is_the_course_s(keras_at_rest):
    study = load("xor")
    network = study.build({"learning_rate": 1.0, "epochs": 1, "seed": 0}).fit(TABLE, LABELS["xor"])
    assert sum(part.size for part in (*network.weights_, *network.biases_)) == 9


def test_sparse_inputs_are_one_of_ten_intervals_each():
    study = load("descent")
    x = np.array([[0.0, 5.0], [10.0, 5.5], [4.9, 6.0]])
    sparse, _ = study.prepare(x, np.arange(3.0), np.array([0, 1, 2]), {"sparse": True})
    assert sparse.shape == (3, 20)
    assert sparse[:, :10].argmax(axis=1).tolist() == [0, 9, 4]
    assert sparse.sum() == 6


def test_outliers_are_among_the_training_rows_only():
    study, train_rows = load("losses"), np.arange(20)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=30)
    _, clean = study.prepare(x, y, train_rows, {"seed": 1, "outliers": 0.0})
    _, disturbed = study.prepare(x, y, train_rows, {"seed": 1})
    changed = np.flatnonzero(disturbed != clean)
    assert len(changed) == 2
    assert changed.max() < 20
    assert disturbed[changed] - clean[changed] == pytest.approx(10)


def test_the_figures_that_arithmetic_can_check():
    verdicts = {
        figure.reported: judge_derived(figure).verdict
        for name in ("losses", "perceptron", "regression_advertising")
        for figure in load(name).derived
    }
    assert verdicts == {
        "50,005,100": "right",
        "-1,572,109,088": "wrong",
        "14": "right",
        "0.6396891003419439": "right",
    }


def test_the_sum_of_squares_is_the_reported_one_before_it_overflowed():
    wrong = load("losses").derived[1]
    assert wrong.value == 333_435_340_000
    assert (wrong.value - int(wrong.reported.replace(",", ""))) % 2**32 == 0
