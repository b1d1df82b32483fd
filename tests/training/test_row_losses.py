"""What is kept of single test rows has the metric as its mean, and is what Keras gives for each row alone."""

import numpy as np
import pytest

from dlstudy.study.row_values import pack_agreeing, unpack_numbers, values_of_rows
from dlstudy.training.row_losses import losses_of_rows
from tests.helpers.trainings import context_of, run, spec_of

N = 60
LABELS = np.random.default_rng(1).integers(0, 3, N)
X = np.random.default_rng(2).normal(size=(N, 4)).astype("float32")


def judged(columns, activation, loss, metrics, y, scale=1.0, **more):
    """A model with large weights, what Keras scores in a graph, the same for each row alone, and the rows' losses."""
    import keras

    layer = keras.layers.Dense(columns, activation=activation, **more)
    model = keras.Sequential([keras.Input((4,)), layer])
    model.compile("sgd", loss, metrics=metrics)
    model.set_weights([np.random.default_rng(3).normal(0, scale, w.shape) for w in model.get_weights()])
    scores = model.evaluate(X, y, verbose=0, return_dict=True)
    alone = [model.evaluate(X[i : i + 1], y[i : i + 1], verbose=0, return_dict=True) for i in range(8)]
    found = losses_of_rows(model, y, scores, lambda: model.predict(X, verbose=0))
    return found, scores, {name: [row[name] for row in alone] for name in scores}


@pytest.mark.parametrize(
    ("columns", "activation", "loss", "metrics", "y"),
    [
        (3, "softmax", "sparse_categorical_crossentropy", ["accuracy"], LABELS),
        (3, "softmax", "CategoricalCrossentropy", ["mse", "mae"], np.eye(3)[LABELS]),
        (1, "sigmoid", "binary_crossentropy", ["BinaryCrossentropy"], LABELS[:, None] % 2),
        (1, None, "mse", ["mae", "RootMeanSquaredError"], X @ np.ones(4)),
        (2, None, "huber", ["MeanSquaredError"], X[:, :2]),
    ],
)
def test_losses_of_rows_are_those_that_keras_gives_for_each_row_alone(columns, activation, loss, metrics, y):
    found, scores, alone = judged(columns, activation, loss, metrics, y)
    means = set(scores) - {"accuracy", "RootMeanSquaredError"}  # of which one is no loss, and one no mean over rows
    assert set(found) == means
    for name in means:
        assert found[name][:8] == pytest.approx(alone[name], rel=1e-4, abs=1e-6), name
        assert found[name].mean() == pytest.approx(scores[name], rel=1e-5), name


def test_a_row_may_be_more_wrong_than_an_output_in_float32_says():
    loss = "sparse_categorical_crossentropy"
    found, scores, alone = judged(3, "softmax", loss, [], LABELS, scale=5.0)
    assert max(alone["loss"]) > 20  # of outputs that are clipped to 1e-7, no loss is above 16.2
    assert found["loss"][:8] == pytest.approx(alone["loss"], rel=1e-4, abs=1e-6)
    assert found["loss"].mean() == pytest.approx(scores["loss"], rel=1e-5)


def test_losses_that_saturated_outputs_do_not_tell_are_not_kept():
    y = LABELS[:, None] % 2
    found, scores, _ = judged(1, "sigmoid", "binary_crossentropy", [], y, scale=9.0)  # 1 - p is 0 in float32
    assert pack_agreeing(found, scores) == {}


def test_penalties_count_in_each_row():
    found, scores, _ = judged(3, "softmax", "sparse_categorical_crossentropy", [], LABELS, kernel_regularizer="l2")
    without, less, _ = judged(3, "softmax", "sparse_categorical_crossentropy", [], LABELS)
    assert scores["loss"] > less["loss"]
    assert found["loss"] - without["loss"] == pytest.approx(scores["loss"] - less["loss"], rel=1e-4)


def test_a_loss_of_a_study_s_own_is_not_called():
    def own(y, outputs):
        raise AssertionError

    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", own)
    assert losses_of_rows(model, X[:, 0], {"loss": 1.0}, lambda: model.predict(X, verbose=0)) == {}


@pytest.mark.parametrize("predict", [lambda: {"a": np.zeros(N)}, lambda: 1 / 0, lambda: np.zeros((N - 1, 1))])
def test_outputs_that_are_not_one_array_give_none(predict):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert losses_of_rows(model, X[:, 0], {"loss": 1.0}, predict) == {}


def test_a_training_keeps_the_losses_that_its_metrics_are_means_of():
    result = run(context_of("digits"), spec_of())
    kept = values_of_rows(result, "test_loss", 360)
    assert kept.mean() == pytest.approx(result.metrics["test_loss"], rel=5e-4)
    assert set(result.row_values) == {"test_loss"}
    assert values_of_rows(result, "test_accuracy", 360).mean() == pytest.approx(result.metrics["test_accuracy"])


def test_a_trial_that_does_not_read_test_rows_keeps_none():
    from dlstudy.study.phases import ReadTest

    assert run(context_of("digits"), spec_of(read_test=ReadTest.NEVER)).row_values == {}


def test_a_metric_that_the_study_computes_anew_is_not_that_of_the_rows():
    given = {"loss": np.array([1.0, 2.0])}
    assert unpack_numbers(pack_agreeing(given, {"loss": 1.5})["loss"]) == pytest.approx([1.0, 2.0])
    assert pack_agreeing(given, {"loss": 1.6}) == {}


@pytest.mark.parametrize("model", ["LinearRegression", "KNeighborsRegressor"])
def test_a_regressor_keeps_squared_and_absolute_errors(model):
    from sklearn import linear_model, neighbors

    kind = getattr(linear_model, model, None) or getattr(neighbors, model)
    result = run(context_of("diabetes"), spec_of("diabetes"), lambda _: kind())
    assert set(result.row_values) == {"test_loss", "test_mse", "test_mae"}
    for name in result.row_values:
        assert values_of_rows(result, name, 89).mean() == pytest.approx(result.metrics[name], rel=5e-4)


def test_a_classifier_keeps_its_log_losses():
    from sklearn.linear_model import LogisticRegression

    result = run(context_of("digits"), spec_of(), lambda _: LogisticRegression(max_iter=500))
    assert values_of_rows(result, "test_loss", 360).mean() == pytest.approx(result.metrics["test_loss"], rel=5e-4)
