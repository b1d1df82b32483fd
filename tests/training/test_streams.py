"""Trainings on streams, against plain Keras on the same rows, and what is refused of them."""

import numpy as np
import pytest

from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_stream
from dlstudy.datasets.profile import profile_of
from dlstudy.datasets.stream import Stream
from dlstudy.errors import DataError, StudyError
from dlstudy.study import loader
from dlstudy.study.protocol import Protocol
from dlstudy.study.row_facts import facts_known
from dlstudy.study.split import Split
from dlstudy.study.trial import figures_beside
from dlstudy.training import artifacts
from dlstudy.training.arrays import Arrays
from dlstudy.training.inspection import describe_model
from dlstudy.training.prediction import predict_rows
from dlstudy.training.streams import Streams, describe_stream, first_rows
from dlstudy.training.train import DatasetContext
from tests.helpers.full_form import also_in_full_form
from tests.helpers.trainings import run, spec_of

N = 200
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int32)
PARTS = {"train": slice(120), "validation": slice(120, 160), "test": slice(160, N)}
STATED = Split(validation="stated")


def as_data_set(name):
    def part(_seed):
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((X[PARTS[name]], Y[PARTS[name]]))

    return part


def as_rows(name):
    return lambda _seed: zip(X[PARTS[name]], Y[PARTS[name]], strict=True)


def as_batches(name):
    def part(seed):
        import keras

        class Batches(keras.utils.PyDataset):
            def __init__(self):
                super().__init__()
                self.order = np.random.default_rng(seed).permutation(len(X[PARTS[name]]))

            def __len__(self):
                return -(-len(self.order) // 32)

            def __getitem__(self, i):
                rows = self.order[32 * i : 32 * (i + 1)]
                return X[PARTS[name]][rows], Y[PARTS[name]][rows]

        return Batches()

    return part


def stream_of(make=as_data_set, **options):
    parts = {name: make(name) for name in PARTS}
    return Data.stream(**{**parts, "version": "1", "task": "binary", "n_classes": 2, **options})


def context_of(stream):
    about = describe_stream(stream, "")
    return DatasetContext(about, Arrays(None, None, None, None), stream=stream)


def net(p):
    import keras

    assert p["n_train"] == 120
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def trained(stream, build=net, **functions):
    result = run(context_of(stream), spec_of("own", split=STATED, epochs=4), build, **functions)
    assert result.state == "finished", result.traceback or result.reason
    return result


@pytest.mark.parametrize("make", [as_data_set, as_rows, as_batches])
def test_a_stream_of_each_kind_is_described_by_its_first_row_and_its_length(make):
    about = describe_stream(stream_of(make), "")
    assert (about.n_train, about.n_validation, about.n_test) == (160, 40, 40)
    assert (about.input_shape, about.is_stream, about.label_names) == ((4,), True, ("0", "1"))


@pytest.mark.parametrize("make", [as_data_set, *also_in_full_form(as_batches, as_rows)])
def test_a_stream_trains_as_keras_does_on_it_and_the_same_seed_gives_the_same_numbers(make):
    import keras

    first, again = trained(stream_of(make)), trained(stream_of(make))
    assert first.metrics == again.metrics
    assert first.history == again.history
    keras.utils.set_random_seed(11)
    model = net({"input_shape": (4,), "n_train": 120})
    streams = Streams(stream_of(make), 11, 32, {"train": 120})
    rows = streams.part("train")
    model.fit(rows, epochs=4, verbose=0, shuffle=isinstance(rows, keras.utils.PyDataset))
    scores = model.evaluate(X[PARTS["test"]], Y[PARTS["test"]], verbose=0, return_dict=True)
    assert first.metrics["test_accuracy"] == pytest.approx(scores["accuracy"])
    assert first.metrics["test_loss"] == pytest.approx(scores["loss"], rel=1e-4)
    assert first.metrics["test_accuracy"] > 0.7


@pytest.mark.parametrize("make", [as_batches, *also_in_full_form(as_data_set)])
def test_metrics_of_scikit_learn_are_those_of_keras_on_each_part(make):
    metrics = {"same": "accuracy", "auc": "roc_auc", "f1": "f1"}
    found = trained(stream_of(make), metrics=metrics).metrics
    for part in ("val", "test", "train_end"):
        assert found[f"{part}_same"] == pytest.approx(found[f"{part}_accuracy"])
        assert {f"{part}_auc", f"{part}_f1"} <= set(found)
    result = run(context_of(stream_of(make)), spec_of("own", split=STATED, check=True), net, metrics=metrics)
    assert {"val_same", "val_auc", "val_f1"} <= set(result.metrics)


def test_rows_of_the_test_part_are_kept_as_of_arrays():
    result = trained(stream_of())
    assert result.correct
    assert "test_loss" in result.row_values


def test_the_predictions_of_a_saved_model_are_drawn(tmp_path, monkeypatch):
    told = []
    draw = artifacts.figures_of_predictions
    monkeypatch.setattr(artifacts, "figures_of_predictions", lambda *given: told.append(given) or draw(*given))
    spec = spec_of("own", split=STATED, epochs=4, model_folder=str(tmp_path / "model"))
    result = run(context_of(stream_of()), spec, net)
    assert (result.state, result.remarks) == ("finished", ())
    assert [path.name for path in figures_beside(tmp_path / "model").iterdir()] == ["confusion matrix.png"]
    ((_, x, y, found),) = told
    assert x is None
    np.testing.assert_array_equal(y, Y[PARTS["test"]])
    assert np.mean(found["labels"] == y) == pytest.approx(result.metrics["test_accuracy"])


FLOW = """
import numpy as np
from dlstudy import Arm, Data, Study

X = np.arange(400, dtype="float32").reshape(100, 4) % 7
Y = (X[:, 0] > 3).astype(int)
PARTS = {"train": slice(60), "validation": slice(60, 80), "test": slice(80, 100)}

def rows(name):
    return lambda seed: zip(X[PARTS[name]], Y[PARTS[name]])

def data():
    parts = {name: rows(name) for name in PARTS}
    return Data.stream(**parts, version="1", task="binary", n_classes=2, label_names=["low", "high"], name="flow")

def build(p):
    import keras
    layers = [keras.layers.Dense(2, activation="tanh"), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model

STUDY = Study(question="?", data=data, build=build, arms=[Arm("net")])
"""


def test_a_winner_of_a_stream_predicts_its_test_rows_and_others_and_is_described(tmp_path):
    path = tmp_path / "flow.py"
    path.write_text(FLOW)
    file = loader.load(path)
    stream, own = file.study.data(), file.study.data.__globals__
    x, y = own["X"], own["Y"]
    about = describe_stream(stream, "")
    store_stream(about)
    spec = spec_of(about.name, study_path=str(path), split=STATED, model_folder=str(tmp_path / "model"))
    context = DatasetContext(about, Arrays(None, None, None, None), stream=stream)
    result = run(context, spec, file.study.build)
    ask = spec.to_json(), spec.model_folder, result.to_json()
    found = predict_rows(*ask, None)
    np.testing.assert_array_equal(found["x"], x[80:])
    np.testing.assert_array_equal(found["actual"], y[80:])
    assert np.mean(found["labels"] == found["actual"]) == pytest.approx(result.metrics["test_accuracy"])
    again = predict_rows(*ask, x[80:83])
    np.testing.assert_allclose(again["probabilities"], found["probabilities"][:3], rtol=1e-5)
    assert "actual" not in again
    with pytest.raises(DataError, match=r"rows of shape \(4,\) are expected, got \(3,\)"):
        predict_rows(*ask, x[:, :3])
    described = describe_model(spec.to_json(), spec.model_folder, result.model)
    assert (described["parameters"], len(described["weights"])) == (13, 4)

    first = first_rows(str(path), about.name)
    np.testing.assert_array_equal(first.x_train, x[:60])
    profile = profile_of(first)
    assert (profile.rows, profile.n_seen) == ({"train": 60, "validation": 20, "test": 20}, 60)
    assert profile.balance == {name: (n,) for name, n in zip(["low", "high"], np.bincount(first.y_train), strict=True)}


def test_a_model_of_texts_in_a_stream_is_saved(tmp_path):
    words = np.array([["good film"], ["bad film"]] * 100)

    def part(name):
        def rows(_seed):
            import tensorflow as tf

            return tf.data.Dataset.from_tensor_slices((words[PARTS[name]], np.resize([1, 0], N)[PARTS[name]]))

        return rows

    def build(p):
        import keras

        layers = [
            keras.layers.TextVectorization(vocabulary=["good", "bad", "film"], output_mode="multi_hot"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
        model = keras.Sequential([keras.Input((1,), dtype="string"), *layers])
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
        return model

    stream = Data.stream(**{name: part(name) for name in PARTS}, version="1", task="binary", n_classes=2)
    spec = spec_of("own", split=STATED, epochs=1, model_folder=str(tmp_path / "model"))
    result = run(context_of(stream), spec, build)
    assert (result.state, result.remarks) == ("finished", ())
    assert artifacts.model_file(tmp_path / "model")


def test_shuffled_rows_are_in_an_order_of_the_seed_and_of_the_epoch():
    def orders(seed):
        part = Streams(stream_of(shuffle=120), seed, 120).part("train")
        return [next(iter(part))[0].numpy().tolist() for _ in range(2)]

    one, other = orders(1), orders(2)
    assert one == orders(1)
    assert one[0] != one[1]
    assert one != other
    assert sorted(one[0]) == sorted(X[PARTS["train"]].tolist())


def test_a_build_may_adapt_to_the_rows_that_train():
    def build(p, data):
        import keras

        scale = keras.layers.Normalization()
        scale.adapt(data.x.map(lambda x, _: x))
        np.testing.assert_allclose(scale.mean.numpy().ravel(), X[PARTS["train"]].mean(axis=0), atol=1e-5)
        return net(p)

    trained(stream_of(), build)


def test_a_search_never_reads_the_test_part():
    from dlstudy.study.phases import ReadTest

    stream = stream_of(test=lambda seed: pytest.fail("the test part was read"))
    about = describe_stream(stream_of(), "")
    context = DatasetContext(about, Arrays(None, None, None, None), stream=stream)
    result = run(context, spec_of("own", split=STATED, epochs=1, read_test=ReadTest.NEVER), net)
    assert result.state == "finished"
    assert not [name for name in result.metrics if name.startswith("test_")]


def estimator(p):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


@pytest.mark.parametrize(
    ("build", "functions", "message"),
    [
        (estimator, {}, "a stream trains Keras models only, got LogisticRegression"),
        (net, {"prepare": lambda x, y, train, p: (x, y)}, "prepare needs arrays, which a stream has not"),
        (net, {"extra_metrics": lambda model, x, y, p: {}}, "extra_metrics needs arrays"),
    ],
)
def test_what_needs_arrays_is_refused_in_one_line(build, functions, message):
    for check in (False, True):
        result = run(context_of(stream_of()), spec_of("own", split=STATED, check=check), build, **functions)
        assert (result.state, result.reason.startswith(message)) == ("failed", True)


def test_the_check_takes_one_step():
    result = run(context_of(stream_of()), spec_of("own", split=STATED, check=True), net)
    assert result.state == "finished"
    assert {"train_loss", "val_loss", "val_accuracy", "parameters"} <= set(result.metrics)


def endless(_seed):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).repeat()


def empty(_seed):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X[:0], Y[:0]))


BAD = {
    "no version": (lambda: stream_of(version=""), "a stream needs version or files, got neither"),
    "an unknown option": (lambda: stream_of(shufle=3), "unexpected keyword argument 'shufle'"),
    "no function": (lambda: Stream(train=[1, 2], version="1"), "train of a stream must be a function of a seed"),
    "an unknown task": (lambda: stream_of(task="x"), "the task of a stream must be one of binary"),
    "no classes": (lambda: stream_of(n_classes=0), "a binary stream needs n_classes or label_names"),
    "one path": (lambda: stream_of(files="a.csv"), "files of a stream must be a list of paths"),
    "a negative buffer": (lambda: stream_of(shuffle=-1), "shuffle of a stream must be a number of rows from 0"),
    "an empty part": (lambda: describe_stream(stream_of(test=empty), ""), "the test part of a stream needs rows"),
    "an empty list": (
        lambda: describe_stream(stream_of(test=lambda s: []), ""),
        "the test part of a stream needs rows",
    ),
    "an endless part": (lambda: describe_stream(stream_of(train=endless), ""), "the train part of a stream must end"),
    "a number": (lambda: describe_stream(stream_of(train=lambda s: 3), ""), "must give a tf.data.Dataset"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_stream_is_refused_in_one_line(name):
    make, message = BAD[name]
    with pytest.raises(DataError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("split", [Split(0.1), Split(), Split("stated", test=0.2, random_state=0)])
def test_a_split_other_than_the_streams_own_is_refused(split):
    with pytest.raises(StudyError, match=r"is a stream, which comes in parts: state Split\(validation='stated'\)"):
        facts_known(split, describe_stream(stream_of(), ""))
    assert Protocol(split=STATED)
