"""A study's own metrics, against scikit-learn called directly on what the trained model predicts."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as by_sklearn
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.svm import SVC

from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.split import Split
from dlstudy.study.splits import split_rows
from dlstudy.training.train import DatasetContext
from tests.helpers.trainings import net, run, spec_of

PARTS = ("val", "test", "train_end")
SEARCH = {"phase": Phase.SEARCH, "read_test": ReadTest.NEVER}


def head(units, activation, loss, **compiled):
    """A function that builds a net of one layer."""

    def build(p):
        import keras

        layers = [keras.layers.Flatten(), keras.layers.Dense(units, activation)]
        model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
        found = getattr(keras.losses, loss)(**compiled)
        model.compile(keras.optimizers.SGD(p["learning_rate"]), loss=found)
        return model

    return build


def changed(change):
    """A function that prepares targets."""
    return lambda x, y, train, p: (x, change(y))


def parts_of(context, spec, change):
    """Inputs and targets of each part, as prepared."""
    arrays = context.arrays
    rows = split_rows(spec.split, RowFacts(len(arrays.y), len(arrays.y_test)), spec.rows)
    inside = {"val": rows.validation, "train_end": rows.train, **({"test": rows.test} if rows.test_inside else {})}
    parts = {part: (arrays.x[found], change(arrays.y)[found]) for part, found in inside.items()}
    return parts if rows.test_inside else {**parts, "test": (arrays.x_test, change(arrays.y_test))}


def trained(context, spec, build, change, metrics, **functions):
    """The result of a training with these metrics, and what the trained model predicts, by part, beside the targets."""
    predicted = {}

    def look(model, *_):
        for part, (x, y) in parts_of(context, spec, change).items():
            predicted[part] = y, model.predict(x, verbose=0)
        return {}

    result = run(
        context, spec, build, prepare=changed(change), extra_metrics=look, metrics=metrics, **functions
    )  # fmt: skip
    assert result.state == "finished", (result.reason, result.traceback)
    return result, predicted


def require_equal(result, predicted, expected):
    """Each metric of each part is what a function gives for its targets and the model's outputs."""
    for part in PARTS:
        for name, compute in expected.items():
            assert result.metrics[f"{part}_{name}"] == pytest.approx(compute(*predicted[part]), rel=1e-5, abs=2e-6), (
                part,
                name,
            )


@pytest.mark.parametrize("fits", [True, False], ids=["graph", "fit"])
def test_of_a_softmax_labels_are_its_largest_and_probabilities_itself(digits, fits):
    context = DatasetContext(digits.description, dataclasses.replace(digits.arrays, fits=fits))
    wanted = {
        "f1": "f1_macro",
        "balanced": by_sklearn.balanced_accuracy_score,
        "neg": "neg_log_loss",
        "loss_by_sklearn": "log_loss",
        "auc": "roc_auc_ovr",
        "top2": make_scorer(by_sklearn.top_k_accuracy_score, response_method="predict_proba", k=2),
        "own": lambda y_true, y_pred: float(np.mean(y_true == y_pred)),
    }
    result, predicted = trained(context, spec_of(), net, lambda y: y, wanted)
    assert result.trained_by == ("epoch graph" if fits else "fit")
    require_equal(
        result,
        predicted,
        {
            "f1": lambda y, p: by_sklearn.f1_score(y, p.argmax(1), average="macro"),
            "balanced": lambda y, p: by_sklearn.balanced_accuracy_score(y, p.argmax(1)),
            "neg": lambda y, p: -by_sklearn.log_loss(y, p),
            "loss_by_sklearn": lambda y, p: by_sklearn.log_loss(y, p),
            "auc": lambda y, p: by_sklearn.roc_auc_score(y, p / p.sum(1, keepdims=True), multi_class="ovr"),
            "top2": lambda y, p: by_sklearn.top_k_accuracy_score(y, p, k=2),
        },
    )
    assert [result.metrics[f"{part}_own"] for part in ("val", "test")] == pytest.approx(
        [result.metrics[f"{part}_accuracy"] for part in ("val", "test")]
    )


def test_of_logits_of_classes_probabilities_are_their_softmax(digits):
    def one_hot(y):
        return np.eye(10, dtype="float32")[y]

    build = head(10, "linear", "CategoricalCrossentropy", from_logits=True)
    wanted = {
        "f1": "f1_weighted",
        "nll": "log_loss",
        "margin": make_scorer(by_sklearn.hinge_loss, response_method="decision_function"),
    }
    result, predicted = trained(digits, spec_of(), build, one_hot, wanted)
    require_equal(
        result,
        predicted,
        {
            "f1": lambda y, z: by_sklearn.f1_score(y.argmax(1), z.argmax(1), average="weighted"),
            "nll": lambda y, z: by_sklearn.log_loss(y.argmax(1), softmax(z.astype(float), axis=1)),
            "margin": lambda y, z: by_sklearn.hinge_loss(y.argmax(1), z.astype(float)),
        },
    )


def test_of_a_single_logit_label_1_is_above_0_and_its_probability_the_sigmoid(digits):
    build = head(1, "linear", "BinaryCrossentropy", from_logits=True)
    wanted = {
        "f1": "f1",
        "auc": "roc_auc",
        "brier": "brier_score",
        "ap": "average_precision",
        "kappa": by_sklearn.cohen_kappa_score,
        "none": make_scorer(by_sklearn.f1_score, pos_label=0),
    }
    result, predicted = trained(digits, spec_of(), build, lambda y: (y >= 5).astype("float32"), wanted)
    require_equal(
        result,
        predicted,
        {
            "f1": lambda y, z: by_sklearn.f1_score(y, z[:, 0] > 0),
            "auc": lambda y, z: by_sklearn.roc_auc_score(y, z[:, 0]),
            "brier": lambda y, z: by_sklearn.brier_score_loss(y, expit(z[:, 0].astype(float))),
            "ap": lambda y, z: by_sklearn.average_precision_score(y, z[:, 0]),
            "kappa": lambda y, z: by_sklearn.cohen_kappa_score(y, z[:, 0] > 0),
            "none": lambda y, z: by_sklearn.f1_score(y, z[:, 0] > 0, pos_label=0),
        },
    )


@pytest.mark.parametrize(("activation", "from_logits"), [("softmax", False), ("linear", True)])
def test_of_two_outputs_the_second_is_of_label_1(digits, activation, from_logits):
    build = head(2, activation, "SparseCategoricalCrossentropy", from_logits=from_logits)
    result, predicted = trained(
        digits, spec_of(), build, lambda y: (y % 3 == 0).astype("int32"), {"auc": "roc_auc", "f1": "f1"}
    )
    require_equal(
        result,
        predicted,
        {
            "auc": lambda y, p: by_sklearn.roc_auc_score(y, p[:, 1] - p[:, 0]),
            "f1": lambda y, p: by_sklearn.f1_score(y, p[:, 1] > p[:, 0]),
        },
    )


@pytest.mark.parametrize(
    ("labels", "activation", "above"), [(2, "sigmoid", 0.5), (2, "linear", 0), (4, "sigmoid", 0.5)]
)
def test_of_several_labels_each_column_has_one(digits, labels, activation, above):
    def bits(y):
        return (y[:, None] >> np.arange(labels) & 1).astype("int32")

    wanted = {"f1": "f1_macro", "auc": "roc_auc", "jaccard": "jaccard_samples", "hamming": by_sklearn.hamming_loss}
    build = head(labels, activation, "BinaryCrossentropy", from_logits=activation == "linear")
    result, predicted = trained(digits, spec_of(epochs=8), build, bits, wanted)
    require_equal(
        result,
        predicted,
        {
            "f1": lambda y, p: by_sklearn.f1_score(y, p > above, average="macro"),
            "auc": by_sklearn.roc_auc_score,
            "jaccard": lambda y, p: by_sklearn.jaccard_score(y, p > above, average="samples", zero_division=0),
            "hamming": lambda y, p: by_sklearn.hamming_loss(y, p > above),
        },
    )


def test_of_a_regression_metrics_get_its_values(diabetes):
    wanted = {
        "r2": "r2",
        "neg_mae": "neg_mean_absolute_error",
        "worst": "max_error",
        "pinball": by_sklearn.mean_pinball_loss,
        "correlation": lambda y_true, y_pred: np.corrcoef(y_true, y_pred)[0, 1],
    }
    spec = spec_of("diabetes", params={"learning_rate": 1e-6})
    result, predicted = trained(diabetes, spec, head(1, "linear", "MeanSquaredError"), lambda y: y, wanted)
    require_equal(
        result,
        predicted,
        {
            "r2": lambda y, p: by_sklearn.r2_score(y, p[:, 0].astype(float)),
            "neg_mae": lambda y, p: -by_sklearn.mean_absolute_error(y, p[:, 0].astype(float)),
            "correlation": lambda y, p: np.corrcoef(y, p[:, 0].astype(float))[0, 1],
        },
    )
    for name, compute in {"worst": by_sklearn.max_error, "pinball": by_sklearn.mean_pinball_loss}.items():
        assert result.metrics[f"test_{name}"] == pytest.approx(compute(*predicted["test"]), rel=1e-5)


def test_of_outputs_that_are_no_labels_a_function_gets_them_as_they_are(digits):
    seen = {}

    def spread(y_true, y_pred):
        seen[len(y_true)] = y_true.shape, y_pred.shape
        return float(((y_true - y_pred) ** 2).mean())

    build = head(3, "linear", "MeanSquaredError")

    def three(y):
        return np.stack([y, y % 2, y % 3], axis=1).astype("float32")

    result, predicted = trained(digits, spec_of(), build, three, {"spread": spread})
    require_equal(result, predicted, {"spread": lambda y, p: ((y - p) ** 2).mean()})
    assert seen == {100: ((100, 3), (100, 3)), 360: ((360, 3), (360, 3)), 300: ((300, 3), (300, 3))}


@pytest.mark.parametrize("make", [lambda: LogisticRegression(max_iter=500), lambda: SVC()], ids=["logistic", "svc"])
def test_of_a_classifier_they_are_what_scikit_learn_gives_for_it(digits, make):
    made = []

    def build(p):
        made.append(make())
        return made[-1]

    names = ["f1", "balanced_accuracy", "roc_auc", "average_precision"]
    wanted = {**{name: name for name in names}, "mcc": by_sklearn.matthews_corrcoef}
    wanted |= {"brier": "neg_brier_score"} if hasattr(make(), "predict_proba") else {}
    spec = spec_of()
    result = run(digits, spec, build, prepare=changed(lambda y: (y >= 5).astype("int32")), metrics=wanted)
    assert result.state == "finished", (result.reason, result.traceback)
    for part, (x, y) in parts_of(digits, spec, lambda y: (y >= 5).astype("int32")).items():
        x = x.reshape(len(x), -1)
        for name, source in wanted.items():
            scorer = by_sklearn.get_scorer(source) if isinstance(source, str) else make_scorer(source)
            assert result.metrics[f"{part}_{name}"] == pytest.approx(scorer(made[-1], x, y), abs=1e-12), (part, name)


def test_of_a_regressor_they_are_what_scikit_learn_gives_for_it(diabetes):
    made = []

    def build(p):
        made.append(LinearRegression())
        return made[-1]

    spec = spec_of("diabetes")
    wanted = {"worst": "max_error", "d2": by_sklearn.d2_absolute_error_score}
    result = run(diabetes, spec, build, metrics=wanted)
    for part, (x, y) in parts_of(diabetes, spec, lambda y: y).items():
        guessed = made[-1].predict(x)
        assert result.metrics[f"{part}_worst"] == pytest.approx(by_sklearn.max_error(y, guessed))
        assert result.metrics[f"{part}_d2"] == pytest.approx(by_sklearn.d2_absolute_error_score(y, guessed))


@pytest.mark.parametrize("build", [net, lambda p: LogisticRegression(max_iter=500)], ids=["net", "logistic"])
def test_a_search_scores_validation_rows_alone(digits, build):
    seen = []

    def count(y_true, y_pred):
        seen.append(len(y_true))
        return 1.0

    result = run(digits, spec_of(**SEARCH), build, metrics={"count": count})
    assert seen == [100]
    assert [name for name in result.metrics if name.endswith("count")] == ["val_count"]


def test_a_prefix_restricts_a_metric_to_those_rows(digits):
    result = run(digits, spec_of(), metrics={"test_f1": "f1_macro", "val_kappa": by_sklearn.cohen_kappa_score})
    own = {name for name in result.metrics if name.endswith(("f1", "kappa"))}
    assert own == {"test_f1", "val_kappa"}


def test_without_validation_rows_test_rows_are_scored(digits):
    spec = spec_of(split=Split(), read_test=ReadTest.EACH_EPOCH)
    result = run(digits, spec, metrics={"f1": "f1_macro"})
    assert {name for name in result.metrics if name.endswith("f1")} == {"test_f1", "train_end_f1"}


def test_metrics_change_nothing_else(digits):
    plain, scored = run(digits, spec_of()), run(digits, spec_of(), metrics={"f1": "f1_macro"})
    assert {name: scored.metrics[name] for name in plain.metrics} == plain.metrics
    assert (scored.history, scored.correct, scored.row_values) == (plain.history, plain.correct, plain.row_values)
    assert scored.metrics.keys() - plain.metrics.keys() == {"val_f1", "test_f1", "train_end_f1"}
    assert run(digits, spec_of(), metrics={"f1": "f1_macro"}).metrics == scored.metrics


def test_an_array_of_numbers_is_kept_entry_by_entry(digits):
    def by_class(y_true, y_pred):
        return by_sklearn.f1_score(y_true, y_pred, average=None, labels=range(10))

    result, predicted = trained(digits, spec_of(), net, lambda y: y, {"f1": by_class})
    y, outputs = predicted["test"]
    found = [result.metrics[f"test_f1[{i}]"] for i in range(10)]
    assert found == pytest.approx(by_sklearn.f1_score(y, outputs.argmax(1), average=None))


def test_only_the_start_that_is_kept_is_scored(digits):
    calls = []
    result = run(
        digits, spec_of(restarts=3, **SEARCH), metrics={"calls": lambda y_true, y_pred: calls.append(1) or 1.0}
    )
    assert result.remarks[0].startswith("the best of 3 starts")
    assert len(calls) == 1


def test_a_continued_training_is_scored_at_its_end(digits):
    def continue_training(model, p):
        model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model, []

    spec = spec_of(params={"more_epochs": 2})
    result, predicted = trained(digits, spec, net, lambda y: y, {"f1": "f1_macro"}, continue_training=continue_training)
    assert len(result.history["train_loss"]) == 5
    require_equal(result, predicted, {"f1": lambda y, p: by_sklearn.f1_score(y, p.argmax(1), average="macro")})


def one_class_in_validation(x, y, train, p):
    """Rows that neither train nor are of the test part, of 1,437, have label 0."""
    is_validation = np.isin(np.arange(len(y)), [*train, *range(1_437, len(y))], invert=True)
    return x, np.where(is_validation, 0, y >= 5).astype("int32")


@pytest.mark.parametrize(
    "build",
    [head(1, "sigmoid", "BinaryCrossentropy"), lambda p: LogisticRegression(max_iter=500)],
    ids=["net", "logistic"],
)
def test_what_is_undefined_on_a_part_is_left_out_and_said(digits, build):
    result = run(digits, spec_of(), build, prepare=one_class_in_validation, metrics={"auc": "roc_auc"})
    assert result.state == "finished", result.reason
    assert {name for name in result.metrics if name.endswith("auc")} == {"test_auc", "train_end_auc"}
    assert result.remarks[0].startswith(
        "val_auc is not kept: metric auc of Study.metrics gives nan for the validation rows (Only one class is present"
    )


def test_a_metric_that_raises_on_test_rows_alone_is_left_out_and_said(digits):
    def picky(y_true, y_pred):
        if len(y_true) == 360:
            raise ZeroDivisionError("no such rows")
        return 1.0

    result = run(digits, spec_of(), metrics={"picky": picky})
    assert {name for name in result.metrics if name.endswith("picky")} == {"val_picky", "train_end_picky"}
    assert result.remarks[0].startswith(
        "test_picky is not kept: metric picky of Study.metrics cannot be computed, ZeroDivisionError: no such rows"
    )


def fail(y_true, y_pred):
    raise ZeroDivisionError("in a metric")


def change(y_true, y_pred):
    y_true[:] = y_pred
    return 1.0


FAULTS = {
    "changes": (change, "cannot be computed, ValueError: assignment destination is read-only: correct it"),
    "unknown": ("f1_marco", "must be a scorer of scikit-learn, got 'f1_marco': did you mean f1_macro?"),
    "far": ("qqq", "must be a scorer of scikit-learn, got 'qqq': sklearn.metrics.get_scorer_names() lists them"),
    "raises": (fail, "cannot be computed, ZeroDivisionError: in a metric: correct it, or leave it out of"),
    "binary": ("f1", "cannot be computed, ValueError: Target is multiclass but average='binary'"),
    "three": (lambda estimator, x, y: 0.0, "cannot be computed, TypeError: "),
    "text": (lambda y_true, y_pred: "good", "must give a number, or an array of 100 numbers at most, got 'good'"),
    "nothing": (lambda y_true, y_pred: None, "must give a number, or an array of 100 numbers at most, got None"),
    "many": (lambda y_true, y_pred: y_pred * 1.0, "must give a number, or an array of 100 numbers at most, got array"),
    "accuracy": ("accuracy", "has the name of another one, val_accuracy: give it another name"),
    "loss": ("log_loss", "has the name of another one, val_loss: give it another name"),
}
BUILDS = {"net": net, "logistic": lambda p: LogisticRegression(max_iter=500)}


@pytest.mark.parametrize("check", [True, False], ids=["check", "trial"])
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_metric_fails_with_its_name_and_a_remedy(digits, name, build, check):
    source, words = FAULTS[name]
    spec = spec_of(epochs=1, rows=800, check=check, **SEARCH)  # 200 validation rows
    result = run(digits, spec, BUILDS[build], metrics={name: source})
    assert result.state == "failed"
    assert f"metric {name} of Study.metrics {words}" in result.reason
    assert not result.traceback


@pytest.mark.parametrize("build", BUILDS)
def test_a_check_refuses_a_metric_without_a_finite_value(digits, build):
    result = run(digits, spec_of(check=True, **SEARCH), BUILDS[build], metrics={"none": lambda *_: float("nan")})
    assert result.state == "failed"
    assert result.reason == (
        "metric none of Study.metrics gives nan for the validation rows: correct it, or leave it out of Study.metrics"
    )


def test_a_check_says_of_what_there_is_only_one_class(digits):
    spec, build = spec_of(check=True, **SEARCH), head(1, "sigmoid", "BinaryCrossentropy")
    result = run(digits, spec, build, prepare=one_class_in_validation, metrics={"test_auc": "roc_auc"})
    assert "gives nan for the validation rows (Only one class is present in y_true" in result.reason


@pytest.mark.parametrize("build", BUILDS)
def test_a_check_computes_each_metric_on_all_validation_rows(digits, build):
    seen = []

    def look(y_true, y_pred):
        seen.append((y_true.tolist(), y_pred.shape))
        return 1.0

    wanted = {"look": look, "nll": "log_loss", "test_f1": "f1_macro", "val_kappa": by_sklearn.cohen_kappa_score}
    spec = spec_of(check=True, **SEARCH)
    result = run(digits, spec, BUILDS[build], metrics=wanted)
    assert (result.state, result.reason) == ("finished", "")
    assert seen == [(parts_of(digits, spec, lambda y: y)["val"][1].tolist(), (100,))]
    own = {name for name in result.metrics if name.endswith(("look", "nll", "f1", "kappa"))}
    assert own == ({"val_look", "val_nll", "val_kappa"} if build == "net" else set())


class Plain(BaseEstimator):
    """A classifier that gives labels alone, and says nothing of classes."""

    def fit(self, x, y):
        self.usual = np.bincount(y).argmax()
        return self

    def predict(self, x):
        return np.full(len(x), self.usual)


@pytest.mark.parametrize("check", [True, False], ids=["check", "trial"])
@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda p: Plain(), "the estimator has no such method"),
        (head(1, "linear", "MeanSquaredError"), "neither loss nor metrics nor the last activation say what the "),
    ],
)
def test_a_model_without_probabilities_cannot_have_a_metric_of_them(digits, build, why, check):
    result = run(digits, spec_of(epochs=1, check=check), build, metrics={"nll": "log_loss"})
    assert result.state == "failed"
    assert f"metric nll of Study.metrics needs predict_proba, which the model does not give ({why}" in result.reason


def test_an_estimator_that_names_no_classes_is_scored_by_its_labels(digits):
    result = run(digits, spec_of(), lambda p: Plain(), metrics={"f1": "f1_micro"})
    assert result.metrics["test_f1"] == pytest.approx(result.metrics["test_accuracy"])


def test_of_several_outputs_a_function_gets_the_structures_and_a_scorer_cannot_be_asked(digits):
    def build(p):
        import keras

        inputs = keras.Input(p["input_shape"])
        flat = keras.layers.Flatten()(inputs)
        heads = {
            "label": keras.layers.Dense(10, "softmax", name="label")(flat),
            "value": keras.layers.Dense(1, name="value")(flat),
        }
        model = keras.Model(inputs, heads)
        model.compile("sgd", {"label": "sparse_categorical_crossentropy", "value": "mse"})
        return model

    def both(y):
        return {"label": y, "value": y.astype("float32")}

    def joint(y_true, y_pred):
        right = (y_pred["label"].argmax(axis=1) == y_true["label"]).mean()
        return float(right - abs(y_pred["value"][:, 0] - y_true["value"]).mean())

    spec = spec_of(epochs=1, **SEARCH)
    for check in (True, False):
        result = run(
            digits, dataclasses.replace(spec, check=check), build, prepare=changed(both), metrics={"joint": joint}
        )
        assert result.state == "finished", result.reason
        assert "val_joint" in result.metrics
    refused = run(digits, spec, build, prepare=changed(both), metrics={"auc": "roc_auc"})
    assert "needs decision_function or predict_proba, which the model does not give (its outputs or" in refused.reason
