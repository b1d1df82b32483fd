"""What must hold of the studies batchnorm, regularization, activations and optimizers."""

from pathlib import Path

import numpy as np
import pytest

from dlstudy.study import loader
from dlstudy.study.split import Split
from dlstudy.study.trial import make_parameters

ROOT = Path(__file__).parents[2]
SHAPES = {"input_shape": (28, 28), "n_classes": 10, "seed": 1, "learning_rate": 0.001}


def study_of(name):
    return loader.load(ROOT / "studies" / f"{name}.py").study


def built(study, name, **more):
    arm = study.arm(name)
    return study.build({**SHAPES, **(arm.reported or {}), **more, **arm.setting})


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def claim_about(study, words):
    (claim,) = (claim for claim in study.claims if words in claim.text)
    return claim


@pytest.mark.parametrize(("arm", "total", "fixed"), [("without", 266_610, 0), ("bn_after", 268_210, 800),
                                                     ("bn_before", 268_210, 800)])  # fmt: skip
def test_batchnorm_has_the_course_s_parameters(arm, total, fixed):
    model = built(study_of("batchnorm"), arm)
    assert model.count_params() == total
    assert sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights) == fixed


def test_batchnorm_s_arms_differ_in_the_place_of_the_normalization():
    study = study_of("batchnorm")
    hidden = {arm.name: kinds(built(study, arm.name))[1:4] for arm in study.arms}
    assert hidden["without"] == ["Dense", "ReLU", "Dense"]
    assert hidden["bn_after"] == ["Dense", "ReLU", "BatchNormalization"]
    assert hidden["bn_before"] == ["Dense", "BatchNormalization", "ReLU"]


def test_batchnorm_trains_its_reported_arms_as_the_course_did():
    study = study_of("batchnorm")
    assert (study.protocol.split, study.protocol.reported_split) == (Split(validation=5_000), None)
    assert {arm.name for arm in study.arms if arm.reported} == {"without", "bn_after"}
    arm = study.arm("bn_after")
    params = make_parameters(arm, study.protocol, arm.reported)
    assert params == {"bn": "after", "learning_rate": 0.001, "epochs": 10, "batch_size": 64}
    assert len(study.reported) == 12
    figures = {(figure.arm, figure.metric, figure.epoch): figure.value for figure in study.reported}
    assert figures["bn_after", "test_loss", None] == "0.0748"
    assert figures["without", "val_accuracy", 10] == "0.9814"


@pytest.mark.parametrize(("name", "deviation"), [("normal 0.01", 0.01), ("normal 1", 1.0), ("glorot_uniform", 0.043),
                                                 ("he_normal", 0.0505), ("orthogonal", 0.0357)])  # fmt: skip
def test_batchnorm_s_initializers_draw_with_their_deviation(name, deviation):
    """784 x 300 kernels: sqrt(2 / 1084), sqrt(2 / 784) and, with orthonormal columns, 1 / sqrt(784)."""
    kernel = built(study_of("batchnorm"), "without", initializer=name).layers[1].kernel
    assert np.std(kernel) == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize(("name", "misprints"), [("batchnorm", ["1,100"]), ("regularization", [])])
def test_derived_figures_are_right_but_for_the_course_s_misprint(name, misprints):
    study = study_of(name)
    assert study.derived
    assert [figure.reported for figure in study.derived if not figure.agrees()] == misprints


def test_batchnorm_s_sweeps_ask_what_is_claimed():
    study = study_of("batchnorm")
    assert claim_about(study, "larger learning rates").sweep == "large_rates"
    assert min(study.sweep("large_rates").grid["learning_rate"]) > 0.001
    assert claim_about(study, "initialization").over == "spread"
    assert len(study.sweep_settings(study.sweep("initializers"), study.arm("without"))) == 5


def test_regularization_has_the_course_s_strengths_and_two_epochs():
    reported = {arm.name: dict(arm.reported) for arm in study_of("regularization").arms if arm.reported}
    assert {values.pop("epochs") for values in reported.values()} == {2}
    assert {values.pop("learning_rate") for values in reported.values()} == {0.001}
    assert reported == {
        "none": {},
        "l2": {"l2": 0.01},
        "l1": {"l1": 0.1},
        "l1_l2": {"l1": 0.1, "l2": 0.01},
        "l2_maxnorm": {"l2": 0.01, "max_norm": 1.0},
        "dropout": {"dropout": 0.2},
    }
    assert study_of("regularization").protocol.reported_split == Split(validation=5_000)


@pytest.mark.parametrize("arm", ["none", "l2", "l1", "l1_l2", "l2_maxnorm", "dropout"])
def test_regularization_has_the_course_s_net(arm):
    model = built(study_of("regularization"), arm)
    assert model.count_params() == 266_610
    assert type(model.optimizer).__name__ == "Nadam"
    dense = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [
        (300, "elu"),
        (100, "elu"),
        (10, "softmax"),
    ]


def test_dropout_comes_before_every_layer_the_inputs_included():
    model = built(study_of("regularization"), "dropout")
    assert kinds(model) == ["Flatten", *["Dropout", "Dense"] * 3]


def test_penalties_are_keras_s_sums_over_every_kernel():
    model = built(study_of("regularization"), "l1_l2")
    kernels = [np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    expected = sum(0.1 * np.abs(kernel).sum() + 0.01 * (kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_max_norm_bounds_the_weights_of_each_unit():
    model = built(study_of("regularization"), "l2_maxnorm")
    (first, *_) = (layer for layer in model.layers if hasattr(layer, "kernel"))
    constrained = np.asarray(first.kernel_constraint(first.kernel * 10))
    assert np.linalg.norm(constrained, axis=0) == pytest.approx(np.ones(300), rel=1e-4)


def test_regularization_judges_by_what_no_penalty_is_part_of():
    study = study_of("regularization")
    assert study.protocol.metric == "val_crossentropy"
    gaps = [claim for claim in study.claims if claim.metric == "test_gap"]
    assert {claim.better for claim in gaps} == {"l2", "l1", "l1_l2", "l2_maxnorm", "dropout"}
    assert {claim.than for claim in gaps} == {("none",)}


def test_activations_arms_are_eight_layers_deep_but_for_the_linear_map():
    study = study_of("activations")
    depths = {arm.name: kinds(built(study, arm.name)).count("Dense") for arm in study.arms}
    assert depths.pop("shallow") == 1
    assert depths == dict.fromkeys(["linear", "sigmoid", "tanh", "relu", "softplus"], 9)


def test_the_deep_net_without_activations_is_one_linear_map():
    model, x = built(study_of("activations"), "linear"), np.random.default_rng(0).random((20, 28, 28), np.float32)
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    matrix, offset = weights[0], weights[1]
    for kernel, bias in zip(weights[2::2], weights[3::2], strict=True):
        matrix, offset = matrix @ kernel, offset @ kernel + bias
    exponentials = np.exp(x.reshape(20, 784) @ matrix + offset)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert model.predict(x, verbose=0) == pytest.approx(expected, abs=1e-5)


def test_gradients_vanish_with_sigmoid_and_not_with_relu():
    study, rng = study_of("activations"), np.random.default_rng(0)
    x, y = rng.random((200, 28, 28), np.float32), rng.integers(0, 10, 200).astype(np.int32)

    def measured(arm):
        return study.extra_metrics(built(study, arm), x, y, dict(study.arm(arm).setting))

    assert measured("sigmoid")["gradient_ratio"] < 0.01
    relu = measured("relu")
    assert relu["gradient_ratio"] == pytest.approx(relu["gradient_first"] / relu["gradient_last"])
    assert relu["gradient_ratio"] > 0.5
    assert measured("shallow") == {}


def test_a_net_that_is_dead_has_no_ratio():
    study = study_of("activations")
    model, x = built(study, "relu"), np.zeros((4, 28, 28), np.float32)  # biases start at 0: no unit is on
    measured = study.extra_metrics(model, x, np.zeros(4, np.int32), dict(study.arm("relu").setting))
    assert measured["gradient_last"] == 0
    assert np.isnan(measured["gradient_ratio"])


def test_activations_draws_curves_and_gradients():
    study = study_of("activations")
    x, y = np.ones((10, 28, 28), np.float32), np.arange(10, dtype=np.int32)
    titles = {}
    for arm in study.arms:
        p = {**SHAPES, **arm.setting}
        titles[arm.name] = set(study.figures(built(study, arm.name), x, y, p))
    gradients = {"gradient norm by layer"}
    assert titles == {
        "shallow": set(),
        "linear": gradients,
        "sigmoid": gradients | {"logistic for several slopes"},
        "tanh": gradients | {"tanh for several slopes"},
        "relu": gradients | {"activation functions and their derivatives"},
        "softplus": gradients,
    }


def test_optimizers_know_keras_s_default_rates():
    import keras

    study = study_of("optimizers")
    for arm in study.arms:
        optimizer = keras.optimizers.get(arm.setting["optimizer"])
        assert arm.defaults["learning_rate"] == pytest.approx(float(optimizer.learning_rate))
    assert claim_about(study, "needs less tuning").phase == "tuning"
