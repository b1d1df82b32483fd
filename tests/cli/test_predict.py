"""What saved winners predict: the same as when they were judged, for test rows and for rows of a user."""

import dataclasses
import json
import types
from functools import partial

import numpy as np
import pandas
import pytest
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from dlstudy.cli import predict
from dlstudy.cli.judged_predictions import judged_tables
from dlstudy.cli.predict import Asked
from dlstudy.datasets import registry
from dlstudy.datasets.data import Data
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.errors import DataError, RecordError, StudyError, UsageError
from dlstudy.runner.backend import Backend
from dlstudy.runner.session import run_study
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.outputs import Decision, OutputReading, Scale
from dlstudy.study.own_modules import OwnModules
from dlstudy.study.request import Request
from dlstudy.study.row_values import unpack_bits
from dlstudy.training import prediction
from dlstudy.training.predicted import of_outputs
from dlstudy.training.prediction import predict_rows
from dlstudy.training.saved_models import load_model
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import train
from tests.helpers.fake_engine import Deaf
from tests.helpers.trainings import context_of, spec_of

pytestmark = pytest.mark.slow

# Who forgets `prepare`, or compares with labels as they were before it, gets little right.
PREPARED = '''"""A study that prepares its data."""
import numpy as np

from dlstudy import Arm, Protocol, Split, Study


def prepare(x, y, train, p):
    return x[:, :, ::-1] - x[train].mean(axis=0), (y + 1) % 10


def build(p):
    if p["kind"] == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=500)
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input(p["input_shape"]), *layers])
    model.compile(keras.optimizers.SGD(0.3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Which is better?",
    dataset="digits",
    build=build,
    prepare=prepare,
    arms=[Arm("net", {"kind": "net"}), Arm("logistic", {"kind": "logistic"})],
    protocol=Protocol(searches=1, epochs=2, trials=1, seeds=1, split=Split(validation=100), rows=600),
)
'''


@pytest.fixture(scope="module")
def ran(keras_at_rest, tmp_path_factory):
    """A study whose path has a space, run as the command line would; its path, home and summary."""
    folder = tmp_path_factory.mktemp("my studies")
    path, home = folder / "prepared.py", Home.at(folder / "my runs")
    path.write_text(PREPARED)
    outcome = run_study(loader.load(path), Request(), Backend(home, engine="inline"), Deaf(), lambda line: None)
    assert outcome.summary.n_failed == 0
    return path, home, outcome.summary


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    monkeypatch.setattr(predict, "ask", lambda function, *arguments: function(*arguments))


@pytest.fixture
def asked(ran, capsys):
    """Asks the study's winners something and gives what is printed."""
    path, home, _ = ran

    def asked(as_json=True, **changes):
        predict.show_predictions(str(path), Asked(**changes), home, None, as_json)
        out = capsys.readouterr().out
        return json.loads(out) if as_json else out

    return asked


@pytest.mark.parametrize("arm", ["net", "logistic"])
def test_a_winner_predicts_the_test_rows_as_it_did_when_it_was_judged(ran, asked, arm):
    (replicate,) = [trial for trial in ran[2].trials if (trial.phase, trial.arm) == ("replicate", arm)]
    found = asked(arm=arm, samples=10_000)
    assert (found["study"], found["variant"], found["arm"]) == ("prepared", "default", arm)
    right = [row["right"] for row in found["rows"]]
    assert right == unpack_bits(replicate.result.correct, 360).tolist()
    assert np.mean(right) == pytest.approx(replicate.metrics["test_accuracy"], abs=1e-6)
    assert np.mean(right) > 0.5
    actual = [int(row["actual"]) for row in found["rows"]]
    assert actual == ((registry.load("digits").y_test.astype(int) + 1) % 10).tolist()
    assert all(0.1 <= row["probability"] <= 1 for row in found["rows"])


def test_without_an_arm_the_best_on_the_test_rows_is_asked(ran, asked):
    accuracy = {arm.name: arm.replicates["test_accuracy"].mean for arm in ran[2].arms}
    assert asked(samples=1)["arm"] == max(accuracy, key=accuracy.get)


def test_what_is_predicted_is_shown_with_the_mistakes_by_class_and_a_picture(ran, asked):
    _, home, summary = ran
    out = asked(as_json=False, arm="logistic", samples=3)
    assert out.startswith("logistic, ")
    assert "Predictions for the first 3 test rows" in out
    assert "Confusion matrix, all 360 test rows" in out
    accuracy = summary.arms[1].replicates["test_accuracy"].mean
    assert f"Accuracy {accuracy:.4f}." in out
    picture = home.root / "predictions" / "prepared" / "default-logistic.png"
    assert str(picture) in out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arm", ["net", "logistic"])
def test_rows_of_a_user_are_prepared_as_the_data_was(asked, tmp_path, arm):
    raw = registry.load("digits").x_test[:5]
    np.save(tmp_path / "rows.npy", raw.astype(np.int64))
    given = asked(arm=arm, input=tmp_path / "rows.npy")["rows"]
    test = asked(arm=arm, samples=5)["rows"]
    assert [row["predicted"] for row in given] == [row["predicted"] for row in test]
    assert [row["probability"] for row in given] == pytest.approx([row["probability"] for row in test], abs=1e-6)
    assert all(set(row) == {"row", "predicted", "probability"} for row in given)


def test_a_picture_of_a_user_is_predicted_and_drawn_where_it_is_asked_for(asked, tmp_path):
    raw = registry.load("digits").x_test[0]
    path, output = tmp_path / "my picture.png", tmp_path / "new folder" / "out"
    Image.fromarray((raw * 15.9375).round().astype(np.uint8)).save(path)
    (row,) = asked(arm="logistic", input=path)["rows"]
    assert row["predicted"] == asked(arm="logistic", samples=1)["rows"][0]["predicted"]
    out = asked(as_json=False, arm="logistic", input=path, output=output)
    assert "Predictions for the first 1 given rows" in " ".join(out.split())
    assert "Confusion" not in out
    assert output.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"arm": "nett"}, StudyError, "this study has no arm 'nett': choose from net, logistic"),
        ({"variant": "quick"}, RecordError, "prepared has no trained winner in variant quick: run `dlstudy run prep"),
        ({"variant": "slow"}, UsageError, "no variant is named 'slow'"),
        ({"variant": "quick", "arm": "net"}, RecordError, "no trained winner of arm net in variant quick"),
        ({"samples": 0}, UsageError, "--samples must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, changes, error, message):
    with pytest.raises(error, match=message):
        asked(**changes)


def test_a_picture_that_cannot_be_written_is_refused(asked, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot be written to .*file/x\.png \(.*\): name another --output"):
        asked(as_json=False, output=tmp_path / "file" / "x.png")


def test_a_model_that_lies_in_another_home_is_not_looked_for(ran, asked, tmp_path):
    models = ran[1].root / "models"
    models.rename(tmp_path / "elsewhere")
    try:
        with pytest.raises(
            RecordError, match=r"the model of net is not in .*my runs; it was trained elsewhere: `dlstudy run .*` with"
        ):
            asked(arm="net")
    finally:
        (tmp_path / "elsewhere").rename(models)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Trains a model and keeps it; gives how to ask `predict_rows` about it, and the result of the training."""

    def saved(dataset, build, **changes):
        spec = spec_of(dataset, epochs=1, model_folder=str(tmp_path / "model"), **changes)
        functions = StudyFunctions(build)
        result = train(spec, functions, context_of(dataset), lambda epoch, metrics: True)
        assert not [remark for remark in result.remarks if "could not be saved" in remark]
        modules = OwnModules(tmp_path / "study.py")
        study = types.SimpleNamespace(
            **{field.name: getattr(functions, field.name) for field in dataclasses.fields(functions)}
        )
        monkeypatch.setattr(prediction.loader, "load", lambda path: types.SimpleNamespace(study=study, modules=modules))
        return partial(predict_rows, spec.to_json(), spec.model_folder, result.to_json()), result

    return saved


def test_a_regression_predicts_values_of_the_rows_that_were_split_off(keras_at_rest, saved):
    ask, result = saved("diabetes", lambda p: LinearRegression())
    found = ask(None)
    assert set(found) == {"x", "actual", "values"}
    assert found["x"].shape == (89, 10)  # a fifth of 442
    assert np.mean((found["values"] - found["actual"]) ** 2) == pytest.approx(result.metrics["test_mse"], rel=1e-12)


def test_a_single_output_gives_the_probability_of_both_classes(keras_at_rest, saved):
    def build(p):
        import keras

        model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", loss="binary_crossentropy", metrics=["accuracy"])
        return model

    ask, result = saved("gates", build, rows=None)
    found = ask(None)
    assert found["probabilities"].shape == (4, 2)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1)
    assert (found["labels"] == found["actual"]).tolist() == unpack_bits(result.correct, 4).tolist()


def test_logits_are_shown_as_probabilities(keras_at_rest, saved):
    def build(p):
        import keras

        model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Dense(1)])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)])
        return model

    ask, result = saved("gates", build, rows=None)
    found = ask(None)
    assert result.outputs == OutputReading(Scale.LOGIT, Decision.THRESHOLD, 0.0)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1)
    np.testing.assert_array_equal(found["labels"], found["probabilities"][:, 1] > 0.5)
    right = (found["labels"] == found["actual"]).tolist()
    assert right == unpack_bits(result.correct, 4).tolist()
    assert np.mean(right) == result.metrics["test_accuracy"]


@pytest.mark.parametrize(
    ("outputs", "reading", "shown"),
    [
        (np.eye(3), None, {"labels", "probabilities"}),  # an earlier version's record, and what it proves
        (2 * np.eye(3), None, {"outputs", "why"}),
        (2 * np.eye(3), OutputReading(Scale.LOGITS, Decision.ARGMAX), {"labels", "probabilities"}),
        (2 * np.eye(3), OutputReading(Scale.RAW, Decision.ARGMAX), {"labels", "outputs", "why"}),
        (2 * np.eye(3), OutputReading(why="it is an embedding"), {"outputs", "why"}),
        (np.ones((3, 1)), OutputReading(Scale.VALUE), {"values"}),
        (np.eye(3), OutputReading(Scale.VALUE), {"values"}),
        ([np.eye(3), np.eye(3)], None, {"outputs", "why"}),
    ],
)
def test_what_a_reading_does_not_say_is_shown_as_it_is(keras_at_rest, outputs, reading, shown):
    found = of_outputs(outputs, reading, registry.describe("digits"))
    assert set(found) == shown
    assert found.get("why") != ""


def test_raw_outputs_and_several_labels_have_no_accuracy():
    about, actual = registry.describe("digits"), np.array([3, 4])
    raw = {"x": actual, "actual": actual, "outputs": [np.arange(20.0).reshape(2, 10)], "why": "nobody says what"}
    assert judged_tables(raw, about) == []
    rows = predict._rows(raw, about, 2)
    assert rows[1] == {"row": 1, "outputs": [*np.arange(10.0, 20)], "actual": 4}
    table = predict._table(raw, rows, about)
    assert table.note == "Raw outputs are shown: nobody says what."
    assert table.rows[0][1].count(" ") == 8  # of ten numbers, eight and dots
    columns = {"x": actual, "labels": np.array([[1, 0, 1], [0, 0, 0]]), "probabilities": np.full((2, 3), 0.5)}
    assert judged_tables(columns, about) == []
    (row,) = predict._rows(columns, about, 1)
    assert row == {"row": 0, "predicted": ["0", "2"], "probabilities": [0.5, 0.5, 0.5]}


def rows_and_tables(found, **changes):
    about = dataclasses.replace(registry.describe("digits"), **changes)
    found = {"x": np.zeros(len(found["actual"])), **found}
    return predict._rows(found, about, 1)[0], judged_tables(found, about)


def test_several_labels_have_their_names_and_scores():
    actual, labels = np.array([[1, 0], [1, 1]]), np.array([[1, 1], [0, 1]])
    found = {"actual": actual, "labels": labels, "probabilities": np.array([[0.9, 0.8], [0.1, 0.7]])}
    row, (table,) = rows_and_tables(found, task="multilabel", label_names=("sport", "arts"))
    assert row == {"row": 0, "predicted": ["sport", "arts"], "actual": ["sport"],
                   "probabilities": {"sport": 0.9, "arts": 0.8}}  # fmt: skip
    assert table.rows == [["sport", "1.0000", "0.5000", "0.6667", "2"], ["arts", "0.5000", "1.0000", "0.6667", "1"]]
    assert predict._cell([]) == "none"


def test_labels_of_steps_have_their_names_in_order():
    probabilities = np.array([[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]])
    found = {"actual": np.array([[0, 1, 1]]), "labels": np.array([[0, 1, 0]]), "probabilities": probabilities}
    row, (confusion, _) = rows_and_tables(found, task="sequence", label_names=("noun", "verb"))
    assert row == {"row": 0, "predicted": ["noun", "verb", "noun"], "actual": ["noun", "verb", "verb"],
                   "probability": [0.9, 0.8, 0.6]}  # fmt: skip
    assert confusion.title == "Confusion matrix, all 3 steps of the test rows"
    assert confusion.rows == [["noun", "1", "0"], ["verb", "1", "1"]]


def test_several_targets_have_their_names_and_errors():
    found = {"actual": np.array([[70.0, 1.5], [80.0, 2.0]]), "values": np.array([[71.0, 1.5], [78.0, 2.0]])}
    row, (table,) = rows_and_tables(found, task="regression", target_names=("kg", "m"))
    assert row == {"row": 0, "predicted": {"kg": 71.0, "m": 1.5}, "actual": {"kg": 70.0, "m": 1.5}}
    assert predict._cell(row["predicted"]) == "kg 71.0000, m 1.5000"
    assert table.heads == ["measure", "kg", "m"]
    assert table.rows[1] == ["mean absolute error", "1.5000", "0.0000"]


def test_pictures_are_not_printed_as_numbers():
    x = np.random.default_rng(0).random((3, 4, 5))
    row, (table,) = rows_and_tables({"actual": x, "values": x}, task="other")
    assert predict._cell(row["predicted"]) == "4 x 5 numbers"
    assert (table.heads, table.rows[0][1]) == (["measure", "value"], "0.0000")
    figure = predict._figure({"x": x, "actual": x, "values": x}, [row], registry.describe("digits"))
    assert len(figure.axes) == 6


def test_labels_that_a_study_makes_have_a_table_of_their_own_size():
    about = registry.describe("digits")
    found = {"x": np.zeros(4), "actual": np.array([0, 1, 1, 12]), "labels": np.array([0, 1, 0, 12])}
    confusion, report = judged_tables(found, about)
    assert confusion.heads[1:] == ["0", "1", "12"]
    assert report.note == "Accuracy 0.7500."


def test_rows_of_a_user_need_no_data_where_a_study_prepares_none(keras_at_rest, saved, monkeypatch):
    rows = np.array(registry.load("digits").x_test[:3])
    ask, _ = saved("digits", lambda p: LogisticRegression(max_iter=500))
    expected = ask(None)["labels"][:3]
    monkeypatch.setattr(prediction.registry, "load", lambda name: pytest.fail("loaded"))
    np.testing.assert_array_equal(ask(rows)["labels"], expected)


def test_rows_of_another_shape_are_refused(keras_at_rest, saved):
    ask, _ = saved("digits", lambda p: LogisticRegression(max_iter=500))
    with pytest.raises(DataError, match=r"rows of shape \(8, 8\) are expected, got \(4, 4\): fix the input"):
        ask(np.zeros((1, 4, 4)))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(RecordError, match=r"no saved model in .*: run the study again with --fresh"):
        load_model(tmp_path, "")


class Foreign(BaseEstimator):
    """An estimator of a user's own."""


def test_a_file_that_asks_for_foreign_types_is_refused(tmp_path):
    import skops.io

    skops.io.dump(Foreign(), tmp_path / "model.skops")
    with pytest.raises(RecordError, match=r"needs tests\.cli\.test_predict\.Foreign: only classes"):
        load_model(tmp_path, "")


def test_a_lambda_in_a_keras_file_is_not_run(keras_at_rest, tmp_path):
    import keras

    (tmp_path / "data").mkdir()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1, output_shape=(2,))])
    model.save(tmp_path / "data" / "model.keras")
    with pytest.raises(RecordError, match=r"the model in .* cannot be loaded: .*[Ll]ambda"):
        load_model(tmp_path, "")


@pytest.mark.parametrize("name", ["data/model.keras", "model.skops"])
def test_a_damaged_file_is_refused_in_one_line(keras_at_rest, tmp_path, name):
    (tmp_path / "data").mkdir()
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(RecordError, match=r"the model in .* cannot be loaded: ") as caught:
        load_model(tmp_path, "")
    assert "\n" not in str(caught.value)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that puts rows into a cache of their own, and describes them."""
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    return lambda *rows: registry.describe(store_own(plain_rows(Data(*rows))))


def test_only_pictures_are_drawn(own):
    n, labels = 6, [0, 1] * 3
    table = pandas.DataFrame({"age": np.arange(n), "plan": ["a", "b"] * 3, "size": np.ones(n)})
    pixels = np.full((n, 4, 4, 3), 255, np.uint8)
    assert predict._pictures(table, own(table, labels)) is None
    assert predict._pictures({"a": pixels}, own({"a": pixels}, labels)) is None
    windows = np.zeros((n, 30, 5))
    assert predict._pictures(windows, own(windows, labels)) is None
    np.testing.assert_array_equal(predict._pictures(pixels, own(pixels, labels)), np.ones((n, 4, 4, 3)))
    digits = registry.load("digits").x_test[:3]
    np.testing.assert_array_equal(predict._pictures(digits, registry.describe("digits")), digits / 16)


def test_rows_of_ones_own_array_are_read_from_a_file_of_its_kind(own, tmp_path):
    about = own(np.arange(12.0).reshape(6, 2), [0, 1] * 3)
    np.save(tmp_path / "rows.npy", np.ones((3, 2)))
    np.testing.assert_array_equal(predict._given(tmp_path / "rows.npy", about), np.ones((3, 2)))


def test_rows_of_several_inputs_are_counted_by_row(own):
    about = own({"a": np.zeros((6, 2)), "b": np.ones(6)}, [0, 1] * 3)
    found = {"x": {"a": np.zeros((6, 2)), "b": np.ones(6)}, "labels": np.array([0, 1] * 3)}
    assert [row["predicted"] for row in predict._rows(found, about, 10)] == ["0", "1"] * 3
