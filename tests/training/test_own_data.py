"""Trainings on a user's own rows, of every structure, against plain Keras and scikit-learn on the same rows."""

import dataclasses
import shutil
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.study.protocol import Split
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.splits import split_rows
from dlstudy.study.trial import figures_beside
from dlstudy.training.arrays import Task, prepare
from dlstudy.training.artifacts import save_figures
from dlstudy.training.shared_memory import filled
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext
from tests.helpers.full_form import in_full_form
from tests.helpers.trainings import run, spec_of

N = 240
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
SPLIT = Split(0.2, test=0.25, random_state=5)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path))


def context_of(*args, **named):
    data = args[0] if isinstance(args[0], Data) else Data(*args, **named)
    source = filled(store_own(plain_rows(data)))
    return DatasetContext(source.description, prepare(source, memory_gb=4))


def trained(context, build, split=SPLIT, **functions):
    result = run(context, spec_of("own", split=split, epochs=4), build, **functions)
    assert result.state == "finished", result.traceback
    return result


def both_ways(context, build, **functions):
    """The metrics by the graph of an epoch and by plain `fit`, which are equal up to rounding."""
    fast = trained(context, build, **functions)
    plain = trained(dataclasses.replace(context, graph_fault="not here", prepared=OrderedDict()), build, **functions)
    assert (fast.trained_by, plain.trained_by) == ("epoch graph", "fit")
    assert fast.metrics == pytest.approx(plain.metrics, rel=1e-3, abs=1e-4)
    return fast.metrics


def compiled(model, loss="binary_crossentropy", **named):
    import keras

    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=False, **named)
    return model


def dense(p):
    import keras

    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    return compiled(keras.Sequential([keras.Input(p["input_shape"]), *layers]), metrics=["accuracy"])


def people():
    plan = np.array(["basic", "plus", "pro"])[RNG.integers(0, 3, N)]
    table = pd.DataFrame({"age": X[:, 0], "plan": plan, "usage": X[:, 1]})
    table.loc[::9, "usage"] = np.nan
    return table.assign(churn=np.where((plan == "basic") ^ (X[:, 0] > 1), "yes", "no"))


def test_an_array_trains_as_a_built_in_data_set_does():
    metrics = both_ways(context_of(X, Y), dense)
    assert metrics["test_accuracy"] > 0.8


def test_a_table_of_numbers_is_an_array_to_keras():
    table = pd.DataFrame(X, columns=list("abcd"))
    assert trained(context_of(table, Y), dense).metrics == trained(context_of(X, Y), dense).metrics


def test_a_table_of_mixed_columns_goes_to_keras_by_column(tmp_path):
    def build(p, data):
        import keras

        assert p["n_train"] == len(data.x) == len(data.y) == 144
        inputs = {
            name: keras.Input(shape, name=name, dtype="string" if name == "plan" else "float32")
            for name, shape in p["input_shape"].items()
        }
        lookup = keras.layers.StringLookup(output_mode="one_hot")
        lookup.adapt(data.x["plan"].to_numpy(object).reshape(-1, 1))
        joined = keras.layers.Concatenate()([inputs["age"], inputs["usage"], lookup(inputs["plan"])])
        hidden = keras.layers.Dense(8, activation="relu")(joined)
        output = keras.layers.Dense(1, activation="sigmoid")(hidden)
        return compiled(keras.Model(inputs, output), metrics=["accuracy"])

    def filled_in(x, y, train, p):
        return x.assign(usage=x["usage"].fillna(x["usage"].iloc[train].mean())), y

    metrics = both_ways(context_of(people(), "churn"), build, prepare=filled_in)
    assert metrics["test_accuracy"] > 0.6


def test_an_estimator_gets_the_table_itself_as_scikit_learn_would():
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    def build(p):
        encode = make_column_transformer((OrdinalEncoder(), ["plan"]), remainder="passthrough")
        return make_pipeline(encode, HistGradientBoostingClassifier(max_iter=20))

    table = people()
    x, y = table.drop(columns="churn"), table["churn"]
    left, test_x, left_y, test_y = train_test_split(x, y, test_size=0.25, random_state=5)
    train_x, _, train_y, _ = train_test_split(left, left_y, test_size=0.2, random_state=5)
    expected = build({}).fit(train_x, train_y).score(test_x, test_y)
    assert trained(context_of(table, "churn"), build).metrics["test_accuracy"] == pytest.approx(expected)


@in_full_form
def test_texts_train_with_a_vocabulary_of_the_rows_that_train():
    words = np.array(["good", "fine", "bad", "poor"])[RNG.integers(0, 4, (N, 3))]
    texts = [" ".join(row) for row in words]
    labels = np.where(np.isin(words[:, 0], ["good", "fine"]), "positive", "negative")

    def build(p, data):
        import keras

        vectorize = keras.layers.TextVectorization(max_tokens=20, output_sequence_length=3)
        vectorize.adapt(data.x)
        layers = [vectorize, keras.layers.Embedding(20, 8), keras.layers.Flatten()]
        inputs = keras.Input(p["input_shape"], dtype="string")
        model = keras.Sequential([inputs, *layers, keras.layers.Dense(1, activation="sigmoid")])
        return compiled(model, metrics=["accuracy"])

    assert p_of(context_of(texts, labels))["input_shape"] == ()
    metrics = both_ways(context_of(texts, labels), build)
    assert metrics["test_accuracy"] > 0.8


def p_of(context):
    seen = {}

    def build(p):
        seen.update(p)
        return dense({**p, "input_shape": (1,)})

    run(context, spec_of("own", split=SPLIT), build)
    return seen


@in_full_form
def test_two_inputs_and_outputs_with_weights_of_rows():
    def build(p):
        import keras

        inputs = {name: keras.Input(shape, name=name) for name, shape in p["input_shape"].items()}
        hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Concatenate()(list(inputs.values())))
        outputs = {
            "label": keras.layers.Dense(1, activation="sigmoid", name="label")(hidden),
            "value": keras.layers.Dense(1, name="value")(hidden),
        }
        return compiled(keras.Model(inputs, outputs), {"label": "binary_crossentropy", "value": "mse"})

    x, y = {"left": X[:, :2], "right": X[:, 2:]}, {"label": Y, "value": X[:, 3]}
    equal = both_ways(context_of(x, y), build)
    weighted = both_ways(context_of(x, y, weight=np.where(Y == 1, 5.0, 1.0)), build)
    assert {"test_label_loss", "test_value_loss"} <= set(equal)
    assert weighted["test_loss"] != pytest.approx(equal["test_loss"], rel=0.01)


def test_an_autoencoder_learns_its_inputs():
    def build(p):
        import keras

        layers = [keras.layers.Dense(3), keras.layers.Dense(4)]
        return compiled(keras.Sequential([keras.Input(p["input_shape"]), *layers]), "mse")

    metrics = both_ways(context_of(X, X), build)
    assert metrics["test_loss"] < X.var()


def test_a_model_that_takes_no_targets_gets_none():
    def build(p):
        import keras

        class Density(keras.Model):
            def __init__(self):
                super().__init__()
                self.mean = self.add_weight(shape=(4,), initializer="ones", name="mean")

            def call(self, x):
                return keras.ops.sum(keras.ops.square(x - self.mean), axis=-1, keepdims=True)

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                assert y is None
                return keras.ops.mean(y_pred)

        return compiled(Density(), None)

    metrics = both_ways(context_of(X), build)
    assert metrics["test_loss"] == pytest.approx(4, abs=1.5)


def test_several_labels_a_row_are_judged_by_the_models_own_accuracy():
    import keras

    labels = np.stack([Y, (X[:, 2] > 0).astype(int)], axis=1)

    def build(p):
        layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(p["n_classes"], activation="sigmoid")]
        return compiled(keras.Sequential([keras.Input(p["input_shape"]), *layers]), metrics=["binary_accuracy"])

    metrics = both_ways(context_of(X, labels), build)
    assert metrics["test_binary_accuracy"] > 0.7


@pytest.mark.parametrize("missing", [False, True])
def test_dates_and_rows_of_differing_lengths_are_refused_for_keras_with_the_remedy(missing):
    dates = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=N), "a": X[:, 0]})
    given, message = ([[1, 2], [3]] * (N // 2), "pad them in prepare") if missing else (dates, "Keras takes no dates")
    result = run(context_of(given, Y), spec_of("own", split=SPLIT), lambda p: dense({"input_shape": (2,)}))
    assert result.state == "failed"
    assert message in result.reason


@in_full_form
def test_images_and_a_table_that_stay_in_files_train_to_the_numbers_of_those_in_memory(tmp_path):
    for i in range(60):
        path = tmp_path / "pets" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 200, (3, 2, 3), np.uint8) + np.uint8(50 * (i % 2))).save(path)
    pd.DataFrame(X.astype(float), columns=list("abcd")).assign(y=Y).to_parquet(
        tmp_path / "t.parquet", row_group_size=50
    )

    def build(p, data):
        import keras

        scale = keras.layers.Normalization()
        scale.adapt(np.asarray(data.x) if data.y is not None else data.x.map(lambda x, _: x))
        layers = [scale, keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
        return compiled(keras.Sequential([keras.Input(p["input_shape"]), *layers]), metrics=["accuracy"])

    def both(read, **options):
        contexts = [context_of(read(stream=stream)) for stream in (False, True)]
        found = [
            trained(
                dataclasses.replace(context, graph_fault="not here"), build, dataclasses.replace(SPLIT, **options),
                metrics={"auc": "roc_auc"}, class_weight=lambda y, p: {0: 1, 1: 2},
                extra_metrics=lambda model, x, y, p: {"mean": float(np.mean(np.asarray(x)) + y.mean())},
            )
            for context in contexts
        ]  # fmt: skip
        assert found[1].metrics == pytest.approx(found[0].metrics, rel=1e-4)
        assert found[1].correct == found[0].correct
        assert {"val_auc", "test_auc", "train_end_auc", "train_start_mean"} <= set(found[1].metrics)
        return contexts[1]

    both(lambda stream: Data.parquet(tmp_path / "t.parquet", "y", stream=stream))
    images = both(lambda stream: Data.images(tmp_path / "pets", stream=stream), stratify=True)
    shutil.rmtree(tmp_path / "pets")
    result = run(images, spec_of("own", split=SPLIT, check=True), build)
    assert result.state == "failed"
    assert ".png cannot be read (No such file or directory): restore it, or run the study again" in result.reason
    assert "Traceback" not in result.reason


@pytest.mark.parametrize("check", [False, True])
def test_what_needs_all_rows_in_memory_says_so_of_rows_in_files(tmp_path, check):
    from sklearn.linear_model import LogisticRegression

    pd.DataFrame(X, columns=list("abcd")).assign(y=Y).to_parquet(tmp_path / "t.parquet")
    context = context_of(Data.parquet(tmp_path / "t.parquet", "y", stream=True))
    spec = spec_of("own", split=SPLIT, check=check)
    for what, build, functions in (
        ("prepare", dense, {"prepare": lambda x, y, train, p: (x, y)}),
        ("figures", dense, {"figures": lambda model, x, y, p: {}}),
        ("an estimator", lambda p: LogisticRegression(), {}),
    ):
        result = run(context, spec, build, **functions)
        message = (
            f"{what} needs all rows in memory, but these stay in files: leave it out, or state stream=False in Data"
        )
        assert result.reason.startswith(message)


def test_the_pictures_of_predictions_read_no_rows_that_stay_in_files(tmp_path):
    pd.DataFrame(X, columns=list("abcd")).assign(y=Y).to_parquet(tmp_path / "t.parquet")
    context = context_of(Data.parquet(tmp_path / "t.parquet", "y", stream=True))
    context.arrays.x.path.unlink()
    rows = split_rows(SPLIT, RowFacts(N, 0))
    spec = spec_of("own", split=SPLIT, model_folder=str(tmp_path / "model"))
    task = Task(spec, StudyFunctions(dense), {}, context.description, context.arrays, rows, lambda *_: True, {})
    assert save_figures(None, task, lambda: {"labels": task.test_targets()}) == []
    assert (figures_beside(tmp_path / "model") / "confusion matrix.png").exists()
