"""What must hold of the studies wine, housing, callbacks and lenet."""

import os
from pathlib import Path

import numpy as np
import pytest

from dlstudy.datasets import registry
from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.split import Split
from dlstudy.study.splits import split_rows
from dlstudy.study.trial import TrialSpec, TrialState, make_parameters
from dlstudy.training.arrays import prepare
from dlstudy.training.shared_memory import SharedArrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train
from tests.helpers.full_form import in_full_form

ROOT = Path(__file__).parents[2]
NAMES = ("wine", "housing", "callbacks", "lenet")
SHAPES = {"wine": ((11,), 2), "housing": ((8,), 0), "callbacks": ((28, 28), 10), "lenet": ((32, 32, 3), 10)}

needs_data = pytest.mark.skipif(
    not os.environ.get("DLSTUDY_DATA"), reason="DLSTUDY_DATA, a folder with the tables, is not set"
)


def study_of(name):
    return loader.load(ROOT / "studies" / f"{name}.py").study


def p_of(name, arm, **more):
    study = study_of(name)
    chosen = study.arm(arm)
    input_shape, n_classes = SHAPES[name]
    shape = {"input_shape": input_shape, "n_classes": n_classes, "seed": 1}
    return {**make_parameters(chosen, study.protocol, chosen.reported or chosen.defaults or {}), **shape, **more}


def trained(name, arm, context, folder, **changes):
    study = study_of(name)
    chosen = study.arm(arm)
    params = make_parameters(chosen, study.protocol, {**(chosen.reported or chosen.defaults or {}), **changes})
    spec = TrialSpec(
        key="t#0", study_path="", dataset=study.dataset, arm=arm, phase=Phase.REPORTED, index=0, params=params, seed=1,
        epochs=params["epochs"], batch_size=params["batch_size"], split=study.protocol.split, read_test=ReadTest.AT_END,
        folder=str(folder),
    )  # fmt: skip
    return train(spec, StudyFunctions.of(study), context, lambda epoch, metrics: True)


def real(name):
    registry.ensure(name)
    dataset = registry.load(name)
    return dataset, DatasetContext(dataset.description, prepare(SharedArrays.of(dataset), memory_gb=4))


@pytest.mark.parametrize(
    ("name", "arm", "n"),
    [
        ("wine", "net", 731),
        ("housing", "net", 641),
        ("callbacks", "straight", 266_610),
        ("lenet", "rate_1", 62_006),
    ],
)
def test_networks_have_the_course_s_parameters(name, arm, n):
    assert study_of(name).build(p_of(name, arm)).count_params() == n


@pytest.mark.parametrize(("shape", "n"), [((28, 28), 61_706), ((8, 8), 61_706), ((32, 32, 3), 62_006)])
def test_lenet_pads_every_image_to_32_pixels(shape, n):
    """One colour for three takes 6 * 2 * 25 = 300 weights from the first convolution."""
    model = study_of("lenet").build(p_of("lenet", "rate_1", input_shape=shape))
    (first, *_) = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert tuple(first.output.shape) == (None, 28, 28, 6)
    assert model.count_params() == n


@pytest.mark.parametrize("name", NAMES)
def test_every_derived_figure_is_right(name):
    study = study_of(name)
    assert study.derived
    assert [figure.text for figure in study.derived if not figure.agrees()] == []


@pytest.mark.parametrize(("name", "n"), [("wine", 11), ("housing", 6), ("callbacks", 12), ("lenet", 14)])
def test_all_reported_figures_are_there(name, n):
    study = study_of(name)
    assert len(study.reported) == n
    assert len({(figure.arm, figure.metric, figure.epoch) for figure in study.reported}) == n


@pytest.mark.parametrize(("name", "n_rows", "expected"), [("wine", 1_599, (899, 300, 400)),
                                                          ("housing", 20_640, (11_610, 3_870, 5_160)),
                                                          ("callbacks", 60_000, (55_000, 5_000, 10_000))])  # fmt: skip
def test_splits_have_the_course_s_rows(name, n_rows, expected):
    rows = split_rows(study_of(name).protocol.split, RowFacts(n_rows, 10_000))
    assert (len(rows.train), len(rows.validation), len(rows.test)) == expected


def test_lenet_is_judged_by_the_test_images_where_the_course_did_so():
    study = study_of("lenet")
    assert study.protocol.reported_split == Split()
    assert {arm.name: arm.setting.get("learning_rate") for arm in study.arms} == {
        "rate_1": 1.0,
        "rate_0_001": 0.001,
        "tuned": None,
    }


@pytest.mark.parametrize("name", ["wine", "housing"])
def test_tables_are_scaled_by_the_training_rows_alone(name):
    x = np.array([[1.0, 10.0], [3.0, 30.0], [100.0, 0.0]])
    scaled, y = study_of(name).prepare(x, np.arange(3), np.array([0, 1]), {})
    np.testing.assert_allclose(scaled, [[-1, -1], [1, 1], [98, -2]])
    np.testing.assert_array_equal(y, np.arange(3))


@pytest.mark.parametrize(("arm", "added"), [("straight", []), ("early_stopping", ["EarlyStopping"]),
                                            ("reduce_lr", ["ReduceLROnPlateau"]), ("continued", [])])  # fmt: skip
def test_the_arms_of_callbacks_differ_in_their_callbacks(arm, added, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    made = study_of("callbacks").callbacks(p_of("callbacks", arm, folder=str(tmp_path)))
    assert [type(callback).__name__ for callback in made] == ["ModelCheckpoint", *added]


def test_callbacks_writes_tensorboard_s_logs_where_it_is_installed(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "tensorboard")
    p = p_of("callbacks", "straight", folder=str(tmp_path), logs=str(tmp_path / "logs"))
    assert study_of("callbacks").callbacks(p)[-1].log_dir == str(tmp_path / "logs")


@pytest.mark.parametrize(("name", "arm"), [("wine", "net"), ("housing", "net"), ("callbacks", "early_stopping")])
def test_only_the_continued_arm_is_trained_further(name, arm):
    assert "more_epochs" not in p_of(name, arm)
    assert "more_epochs" in study_of(name).arm("continued").setting


def test_housing_continues_at_a_tenth_of_the_rate(tmp_path):
    study, p = study_of("housing"), p_of("housing", "continued", folder=str(tmp_path))
    model, made = study.continue_training(study.build(p), p)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert (made[0].patience, made[0].restore_best_weights) == (5, True)


class Oracle:
    """A classifier that always gives the same answer to four wines."""

    def predict_proba(self, x):
        good = np.array([0.9, 0.2, 0.8, 0.7])
        return np.stack([1 - good, good], axis=1)


def test_wine_draws_what_was_taken_for_what():
    """Of two bad wines one is taken for good, of two good ones none for bad."""
    figures = study_of("wine").figures(Oracle(), np.zeros((4, 11)), np.array([0, 0, 1, 1]), {})
    texts = {title: [text.get_text() for text in figure.axes[0].texts] for title, figure in figures.items()}
    assert texts["confusion matrix"] == ["1", "1", "0", "2"]
    assert texts["classification report"] == ["1.00", "0.50", "0.67", "0.67", "1.00", "0.80"]
    assert figures["confusion matrix"].axes[0].get_title() == "accuracy 0.7500"


@in_full_form
@needs_data
def test_wine_s_second_fit_notes_where_it_starts(tmp_path, keras_at_rest):
    _, context = real("wine")
    result = trained("wine", "continued", context, tmp_path / "files", epochs=3, more_epochs=2)
    assert result.state is TrialState.FINISHED, result.reason
    losses = result.history["train_loss"]
    assert result.metrics["train_epochs"] == 5
    assert result.metrics["train_second_fit_epochs"] == 2
    assert result.metrics["train_second_fit_first_loss"] == losses[3] < losses[0]


@needs_data
def test_wine_s_remark_on_twins_is_true():
    dataset, _ = real("wine")
    rows = split_rows(study_of("wine").protocol.split, RowFacts(len(dataset.y_train), 0))
    known = {tuple(wine) for wine in dataset.x_train[rows.train]}
    assert len(dataset.x_train) - len(np.unique(dataset.x_train, axis=0)) == 240
    assert sum(tuple(wine) in known for wine in dataset.x_train[rows.test]) == 60


@needs_data
def test_housing_s_linear_arm_is_least_squares(tmp_path, keras_at_rest):
    dataset, context = real("housing")
    result = trained("housing", "linear", context, tmp_path / "files")
    rows = split_rows(study_of("housing").protocol.split, RowFacts(len(dataset.y_train), 0))
    x = np.column_stack([np.ones(len(dataset.x_train)), dataset.x_train])
    weights = np.linalg.lstsq(x[rows.train], dataset.y_train[rows.train], rcond=None)[0]
    expected = np.mean((x[rows.test] @ weights - dataset.y_train[rows.test]) ** 2)
    assert result.metrics["test_loss"] == pytest.approx(expected, rel=1e-6)
