"""How outputs are read, against Keras's own losses and metrics on the same outputs."""

import dataclasses
import functools
import itertools
import json

import numpy as np
import pytest

from dlstudy.datasets import registry
from dlstudy.study.outputs import Decision, OutputReading, Scale
from dlstudy.study.row_values import unpack_bits
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.training.outputs import judge, labels_of, probabilities_of, proved_reading

# Keras warns of a sigmoid or a softmax before a loss with from_logits=True, and takes the logits before it.
pytestmark = pytest.mark.filterwarnings("ignore:.*received `from_logits=True`:UserWarning")

DIGITS = registry.describe("digits")
N = 60
LABELS = np.random.default_rng(1).integers(0, 3, N)
ONE_HOT = np.eye(3)[LABELS]


def net(columns, activation, loss, metrics):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(columns, activation=activation)])
    # Tracing a graph for every model would take minutes.
    model.compile("sgd", loss, metrics=metrics, run_eagerly=True)
    return model


def judged(model, y, task="classification"):
    """The judgement of a model with weights that are not small, its outputs, and what Keras scores."""
    import keras

    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 2, weight.shape) for weight in model.get_weights()])
    x = rng.normal(size=(N, 4)).astype("float32")
    scores = {name: float(value) for name, value in model.test_on_batch(x, y, return_dict=True).items()}
    outputs = keras.ops.convert_to_numpy(model(x))
    return judge(model, dataclasses.replace(DIGITS, task=task), y, scores, lambda: outputs), outputs, scores


def made(loss, from_logits):
    """A loss as a study names it or, where it takes logits, as an object or a function."""
    import keras

    if not from_logits:
        return loss
    kind = getattr(keras.losses, loss)
    return functools.partial(kind, from_logits=True) if loss.islower() else kind(from_logits=True)


def right(judgement):
    return unpack_bits(judgement.correct, N)


BINARY = ["binary_crossentropy", "BinaryCrossentropy", "BinaryFocalCrossentropy"]
THRESHOLDS = [None, "accuracy", "binary_accuracy", 0.0, 0.3, 0.5]


@pytest.mark.parametrize(
    ("loss", "from_logits"), [*itertools.product(BINARY, [False, True]), ("crossentropy", False), ("mse", False)]
)
def test_a_single_output_is_read_as_loss_and_accuracy_read_it(keras_at_rest, loss, from_logits):
    import keras

    y = LABELS % 2
    for activation, metric in itertools.product([None, "sigmoid"], THRESHOLDS):
        case = f"{loss} {from_logits} {activation} {metric}"
        named = isinstance(metric, float)
        metrics = [keras.metrics.BinaryAccuracy("accuracy", threshold=metric)] if named else [metric] * bool(metric)
        judgement, outputs, scores = judged(net(1, activation, made(loss, from_logits), metrics), y)
        if metric is not None:
            accuracy = scores.get("accuracy", scores.get("binary_accuracy"))
            assert right(judgement).mean() == pytest.approx(accuracy, abs=1e-6), case
        elif loss == "mse":
            assert judgement.correct == "", case
        else:
            middle = 0 if from_logits and activation is None else 0.5
            np.testing.assert_array_equal(right(judgement), (outputs[:, 0] > middle) == y, case)
        probabilities = probabilities_of(judgement.outputs, outputs)
        if activation is None and not from_logits:
            assert probabilities is None, case  # a linear output beyond [0, 1]
            continue
        logits = activation is None
        of_one = 1 / (1 + np.exp(-outputs[:, 0].astype(float))) if logits else outputs[:, 0]
        np.testing.assert_allclose(probabilities[:, 1], of_one, atol=1e-6, err_msg=case)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, err_msg=case)
        doubtful = logits and metric in ("accuracy", "binary_accuracy", 0.5)
        assert [remark for remark in judgement.remarks if "give the metric threshold=0" in remark] == [
            *judgement.remarks[:1] * doubtful
        ], case


SPARSE = ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"]
DENSE = ["categorical_crossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy"]


@pytest.mark.parametrize("loss", [*SPARSE, *DENSE, "crossentropy", "mse"])
def test_classes_are_read_as_loss_and_accuracy_read_them(keras_at_rest, loss):
    y = LABELS if loss in SPARSE else ONE_HOT
    choices = itertools.product([False, True], [None, "softmax", "sigmoid"], [None, "accuracy", "named"])
    for from_logits, activation, metric in choices:
        if from_logits and loss in ("mse", "crossentropy"):
            continue
        case = f"{loss} {from_logits} {activation} {metric}"
        name = f"{'sparse_' if y is LABELS else ''}categorical_accuracy" if metric == "named" else metric
        judgement, outputs, scores = judged(net(3, activation, made(loss, from_logits), [name] * bool(name)), y)
        if name is not None:
            assert right(judgement).mean() == pytest.approx(scores[name], abs=1e-6), case
        elif loss == "mse":
            assert judgement.correct == "", case
        else:
            np.testing.assert_array_equal(right(judgement), outputs.argmax(axis=1) == LABELS, case)
        found = probabilities_of(judgement.outputs, outputs)
        if activation == "softmax":
            np.testing.assert_allclose(found, outputs, atol=1e-6, err_msg=case)
        elif from_logits:  # of what Keras takes the softmax of
            exps = np.exp(outputs.astype(float))
            np.testing.assert_allclose(found, exps / exps.sum(axis=1, keepdims=True), atol=1e-6, err_msg=case)
        elif loss == "mse" and activation == "sigmoid":  # one for each column
            np.testing.assert_allclose(found, outputs, atol=1e-6, err_msg=case)
        else:
            assert found is None, case


@pytest.mark.parametrize("from_logits", [False, True])
def test_several_labels_a_row_are_read_column_by_column(keras_at_rest, from_logits):
    y = np.random.default_rng(5).integers(0, 2, (N, 3))
    loss = made("BinaryCrossentropy", from_logits)
    for activation, metric in itertools.product([None, "sigmoid"], [[], ["binary_accuracy"]]):
        judgement, outputs, scores = judged(net(3, activation, loss, metric), y)
        labels = labels_of(judgement.outputs, outputs)
        if metric:
            assert (labels == y).mean() == pytest.approx(scores["binary_accuracy"], abs=1e-6)
        assert judgement.correct == ""  # which says for a row whether it was right
        assert "not kept: it has a label for each column" in judgement.remarks[0]
        found = probabilities_of(judgement.outputs, outputs)
        if activation == "sigmoid":
            np.testing.assert_allclose(found, outputs, atol=1e-6)
        elif from_logits:
            np.testing.assert_allclose(found, 1 / (1 + np.exp(-outputs.astype(float))), atol=1e-6)
        else:
            assert found is None


@pytest.mark.parametrize(
    ("columns", "activation", "loss"),
    [(3, "softmax", "sparse_categorical_crossentropy"), (1, "sigmoid", "binary_crossentropy")],
)
def test_a_label_of_each_step_is_read_as_the_accuracy_of_steps_reads_it(keras_at_rest, columns, activation, loss):
    import keras

    layer = keras.layers.Dense(columns, activation=activation)
    model = keras.Sequential([keras.Input((5, 4)), layer])
    model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(N, 5, 4)).astype("float32"), rng.integers(0, max(2, columns), (N, 5))
    scores = {name: float(value) for name, value in model.test_on_batch(x, y, return_dict=True).items()}
    outputs = keras.ops.convert_to_numpy(model(x))
    judgement = judge(model, dataclasses.replace(DIGITS, task="sequence"), y, scores, lambda: outputs)
    labels = labels_of(judgement.outputs, outputs)
    assert labels.shape == (N, 5)
    assert (labels == y).mean() == pytest.approx(scores["accuracy"], abs=1e-6)
    assert (judgement.correct, judgement.remarks) == ("", ())
    assert probabilities_of(judgement.outputs, outputs).shape == (N, 5, max(2, columns))


def test_an_accuracy_over_one_hot_targets_decides_before_a_loss_by_column(keras_at_rest):
    judgement, _, scores = judged(net(3, "sigmoid", "binary_crossentropy", ["accuracy"]), ONE_HOT)
    assert (judgement.outputs.scale, judgement.outputs.decision) == (Scale.PROBABILITY, Decision.ARGMAX)
    assert right(judgement).mean() == pytest.approx(scores["accuracy"], abs=1e-6)


def test_an_accuracy_that_the_outputs_do_not_explain_keeps_no_rows(keras_at_rest):
    def accuracy(y, outputs):
        return 0.123 + 0 * outputs[:, 0]

    told, _, _ = judged(net(3, "softmax", "sparse_categorical_crossentropy", [accuracy]), LABELS)
    assert told.correct == ""
    assert told.outputs == OutputReading(Scale.PROBABILITIES, Decision.ARGMAX)  # the loss says so
    assert "the model's accuracy is not the share of rows" in told.remarks[0]
    not_told, _, _ = judged(net(3, "softmax", "mse", [accuracy]), ONE_HOT)
    assert (not_told.correct, not_told.outputs.decision) == ("", Decision.NONE)


def test_classes_that_exclude_each_other_are_not_read_by_column(keras_at_rest):
    judgement, outputs, scores = judged(net(3, "softmax", "categorical_crossentropy", ["binary_accuracy"]), ONE_HOT)
    np.testing.assert_array_equal(labels_of(judgement.outputs, outputs), outputs.argmax(axis=1))
    assert judgement.correct == ""  # which is another share than this of all columns
    assert "binary_accuracy" in scores


def test_a_metric_with_a_threshold_decides_where_there_is_no_accuracy(keras_at_rest):
    import keras

    metric = keras.metrics.Precision(thresholds=0.0)
    judgement, outputs, _ = judged(net(1, None, "mse", [metric]), LABELS % 2)
    np.testing.assert_array_equal(labels_of(judgement.outputs, outputs), outputs[:, 0] > 0)


@pytest.mark.parametrize(
    ("columns", "activation", "loss", "y", "why"),
    [
        (8, None, None, LABELS, "neither loss nor metrics nor the last activation"),  # an embedding
        (4, "sigmoid", "binary_crossentropy", np.full((N, 4), 0.3), "the targets are not labels"),  # an autoencoder
        (1, "sigmoid", "binary_crossentropy", np.full(N, 0.05), "the targets are not labels"),  # smoothed
        (1, "tanh", "hinge", 2 * (LABELS % 2) - 1, "neither loss nor metrics"),
    ],
)
def test_outputs_that_are_no_labels_stay_as_they_are(keras_at_rest, columns, activation, loss, y, why):
    model = net(columns, activation, loss, [])
    outputs = np.zeros((N, columns), np.float32)
    judgement = judge(model, DIGITS, y, {"loss": 1.0}, lambda: outputs)
    assert judgement.correct == ""
    assert (judgement.outputs.scale, judgement.outputs.decision) == (Scale.RAW, Decision.NONE)
    assert why in judgement.outputs.why
    assert labels_of(judgement.outputs, outputs) is None is probabilities_of(judgement.outputs, outputs)


def test_outputs_of_other_shapes_are_not_read(keras_at_rest):
    model = net(3, "softmax", "sparse_categorical_crossentropy", ["accuracy"])
    for outputs in (np.zeros((N, 2, 3)), np.zeros(N), [np.zeros((N, 3))] * 2, {"a": np.zeros((N, 3))}):
        found = judge(model, DIGITS, LABELS, {"accuracy": 0.5}, lambda outputs=outputs: outputs)
        assert (found.correct, found.outputs.scale) == ("", Scale.RAW)
        assert found.remarks == [f"which test rows were right is not kept: {found.outputs.why}"]


def test_a_regression_has_values_unless_its_loss_is_of_classes(keras_at_rest):
    mean, _, _ = judged(net(1, None, "mse", []), np.linspace(0, 9, N), "regression")
    assert (mean.outputs, mean.correct, mean.remarks) == (OutputReading(Scale.VALUE), "", ())
    classes, _, scores = judged(net(1, "sigmoid", "binary_crossentropy", ["accuracy"]), LABELS % 2, "regression")
    assert right(classes).mean() == pytest.approx(scores["accuracy"], abs=1e-6)


def test_numbers_alone_prove_probabilities_only_where_a_row_is_one_together():
    rows = np.array([[0.2, 0.8], [0.5, 0.5]])
    assert proved_reading(rows) == OutputReading(Scale.PROBABILITIES, Decision.ARGMAX)
    for other in (rows * 2, rows * 0.9, np.array([[-0.5, 1.5]]), rows[:, :1], rows[0]):
        assert proved_reading(other).scale is Scale.RAW
        assert "the record does not say" in proved_reading(other).why


def test_a_reading_goes_into_a_result_and_back():
    result = TrialResult(TrialState.FINISHED, outputs=OutputReading(Scale.LOGIT, Decision.THRESHOLD, 0.0))
    data = json.loads(json.dumps(result.to_json()))
    assert TrialResult.from_json(data) == result
    del data["outputs"], data["model_remark"]  # as earlier versions wrote it
    assert TrialResult.from_json(data).outputs is None
