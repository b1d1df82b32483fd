"""What must hold of the studies width_depth, scaling and classifiers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dlstudy.study import loader
from dlstudy.study.split import Split

ROOT = Path(__file__).parents[2]


def study_of(name):
    return loader.load(ROOT / "studies" / f"{name}.py").study


@pytest.mark.parametrize(("arm", "units", "total"), [("one", 133, 9_985), ("two", 68, 9_802),
                                                     ("four", 46, 9_946), ("eight", 32, 9_802)])  # fmt: skip
def test_each_shape_has_the_units_that_its_text_says_and_fills_10_000_parameters(arm, units, total):
    study = study_of("width_depth")
    chosen = study.arm(arm)
    model = study.build({"input_shape": (8, 8), "n_classes": 10, "learning_rate": 0.001, **chosen.setting})
    dense = [layer.units for layer in model.layers if hasattr(layer, "kernel")]
    assert dense == [units] * chosen.setting["layers"] + [10]
    assert f"{units} units" in chosen.text
    assert model.count_params() == total
    (constraint,) = study.protocol.constraints
    assert constraint.holds({"parameters": total})
    assert not constraint.holds(
        {"parameters": total + units + 1 + 64 + 10 + units * 7 * 2}
    )  # a unit more in each layer


def test_inputs_are_scaled_by_the_rows_that_train():
    study, x, y = study_of("scaling"), pd.DataFrame({"a": [1.0, 3.0, 5.0], "b": [10.0, 30.0, 0.0]}), np.arange(3)
    expected = {
        "raw": [[1, 10], [3, 30], [5, 0]],
        "standard": [[-1, -1], [1, 1], [3, -2]],
        "range": [[0, 0], [1, 1], [2, -0.5]],
        "layer": [[1, 10], [3, 30], [5, 0]],
    }
    for arm in study.arms:
        scaled, targets = study.prepare(x, y, np.array([0, 1]), dict(arm.setting))
        np.testing.assert_allclose(scaled, expected[arm.name])
        assert targets is y


def test_the_layer_takes_the_place_of_the_scaling():
    study = study_of("scaling")
    kinds = {
        arm.name: type(study.build({"input_shape": (30,), "learning_rate": 0.01, **arm.setting}).layers[0]).__name__
        for arm in study.arms
    }
    assert kinds == {"raw": "Dense", "standard": "Dense", "range": "Dense", "layer": "BatchNormalization"}


def test_the_classifiers_are_trained_as_the_paper_did():
    study = study_of("classifiers")
    assert study.protocol.reported_split == Split()  # all 60,000 rows
    assert {figure.arm: figure.value for figure in study.reported} == {
        "naive_bayes": "0.524", "extra_tree": "0.806", "tree_gini": "0.866", "tree_entropy": "0.873",
        "perceptron": "0.845", "sgd": "0.914", "net": "0.933", "forest": "0.949",
    }  # fmt: skip
    made = {arm.name: study.build({"n_classes": 10, "seed": 7, **arm.setting})[-1] for arm in study.arms}
    assert made["naive_bayes"].priors == [0.1] * 10
    assert {(made[name].max_iter, made[name].tol) for name in ("perceptron", "sgd")} == {(5, None)}
    assert made["net"].hidden_layer_sizes == (10,)
    assert (made["forest"].n_estimators, made["forest"].criterion, made["forest"].max_depth) == (10, "entropy", 50)
    assert {model.random_state for name, model in made.items() if name != "naive_bayes"} == {7}


def test_each_claim_about_classifiers_names_its_two_figures():
    for claim in study_of("classifiers").family:
        figures = {figure.arm: figure.value for figure in study_of("classifiers").reported}
        assert f"({figures[claim.better]} against {figures[claim.than[0]]})" in claim.text
        assert float(figures[claim.better]) > float(figures[claim.than[0]])
