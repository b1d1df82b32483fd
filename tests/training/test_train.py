import dataclasses

import numpy as np
import pytest

from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.row_facts import facts_of
from dlstudy.study.row_values import pack_bits, unpack_bits
from dlstudy.study.split import Split
from dlstudy.study.splits import split_rows
from dlstudy.study.trial import TrialSpec
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train


@pytest.fixture
def spec(tiny):
    return TrialSpec(
        key="t#0",
        study_path=str(tiny),
        dataset="digits",
        arm="net",
        phase=Phase.REPLICATE,
        index=0,
        params={"kind": "net", "learning_rate": 0.05, "batch_size": 32, "epochs": 3},
        seed=11,
        epochs=3,
        batch_size=32,
        split=Split(validation=137),
        rows=1000,
        read_test=ReadTest.AT_END,
    )


@pytest.fixture
def run(tiny, digits):
    build = loader.load(tiny).study.build

    def run(spec, on_epoch=lambda epoch, metrics: True, build=build, digits=digits):
        return train(spec, StudyFunctions(build), digits, on_epoch)

    return run


def plainly(context):
    """The same data, but not on the device: trained through plain `fit`."""
    return DatasetContext(context.description, dataclasses.replace(context.arrays, fits=False))


def test_an_epoch_as_one_graph_gives_what_plain_fit_gives_on_the_same_batches(spec, run, digits):
    graph = run(spec)
    plain = run(spec, digits=plainly(digits))
    assert plain.state == "finished", plain.traceback
    assert graph.trained_by == "epoch graph"
    assert (plain.trained_by, plain.remarks) == ("fit", ("the data does not fit on the device",))
    for name in graph.metrics:
        assert graph.metrics[name] == pytest.approx(plain.metrics[name], abs=2e-5), name
    assert graph.correct == plain.correct


def test_the_last_short_batch_trains_too(spec, run):
    # 33 rows in batches of 32: without the last row, a constant step would leave the loss of batch 1 alone.
    whole = run(dataclasses.replace(spec, rows=170, batch_size=32, epochs=1))
    short = run(dataclasses.replace(spec, rows=169, batch_size=32, epochs=1))
    assert whole.state == short.state == "finished"
    assert whole.metrics["train_loss"] != short.metrics["train_loss"]


def test_same_seed_gives_the_same_numbers_whatever_trained_before(spec, run):
    first = run(spec)
    run(dataclasses.replace(spec, seed=12))
    again = run(spec)
    assert again.metrics == first.metrics
    assert again.history == first.history
    assert again.correct == first.correct


def test_another_seed_gives_other_numbers(spec, run):
    assert run(spec).metrics["train_loss"] != run(dataclasses.replace(spec, seed=12)).metrics["train_loss"]


@pytest.mark.parametrize("resample", [("folds", ""), ("groups", "equal rows")], ids=str)
def test_a_trial_trains_and_is_tested_on_the_split_of_its_number(spec, tiny, digits, resample):
    seen = []

    def prepare(x, y, train, p):
        seen.append(train)
        return x, y

    split = Split(0.25, 0.2, 1, *resample)
    params = {"kind": "logistic", "batch_size": 32, "epochs": 3}
    numbered = dataclasses.replace(spec, split=split, split_number=2, rows=None, arm="logistic", params=params)
    functions = StudyFunctions(loader.load(tiny).study.build, prepare=prepare)
    result = train(numbered, functions, digits, lambda epoch, metrics: True)
    rows = split_rows(split, facts_of(split, digits.description, digits.arrays.x, digits.arrays.y), number=2)
    np.testing.assert_array_equal(seen[0], rows.train)
    assert unpack_bits(result.correct, len(rows.test)).mean() == pytest.approx(result.metrics["test_accuracy"])


@pytest.mark.parametrize(
    "split",
    [
        Split("stated"),
        Split([5, 900, 3]),
        Split(0.25, last=0.2),
        Split(0.25, 0.2, 1, groups="stated"),
        Split(0.25, 0.2, 1, stratify=True),
    ],
    ids=str,
)
def test_a_trial_trains_on_the_rows_that_its_split_and_the_data_state(spec, tiny, digits, split):
    seen = []

    def prepare(x, y, train, p):
        seen.append(train)
        return x, y

    facts = {"groups": np.arange(1437) // 9, "validation_rows": np.arange(1000, 1400)}
    about = dataclasses.replace(digits.description, group_name="writer", n_validation=400)
    context = DatasetContext(about, dataclasses.replace(digits.arrays, **facts))
    params = {"kind": "logistic", "batch_size": 32, "epochs": 3}
    asked = dataclasses.replace(spec, split=split, rows=None, arm="logistic", params=params)
    functions = StudyFunctions(loader.load(tiny).study.build, prepare=prepare)
    result = train(TrialSpec.from_json(asked.to_json()), functions, context, lambda epoch, metrics: True)
    rows = split_rows(split, facts_of(split, about, digits.arrays.x, digits.arrays.y, **facts))
    np.testing.assert_array_equal(seen[0], rows.train)
    assert unpack_bits(result.correct, len(rows.test)).mean() == pytest.approx(result.metrics["test_accuracy"])
    assert len(rows.validation) == {"stated": 400, (5, 900, 3): 3}.get(split.validation, len(rows.validation))


def test_a_search_never_reads_the_test_rows(spec, run, digits):
    arrays = digits.arrays
    blind = dataclasses.replace(arrays, x_test=None, y_test=np.zeros(0))
    context = DatasetContext(digits.description, blind)
    result = run(dataclasses.replace(spec, read_test=ReadTest.NEVER), digits=context)
    assert result.state == "finished"
    assert not [name for name in result.metrics if name.startswith("test_")]
    assert result.correct == ""


def test_test_rows_are_judged_after_each_epoch_where_the_document_did(spec, run):
    result = run(dataclasses.replace(spec, read_test=ReadTest.EACH_EPOCH, split=Split()))
    assert len(result.history["test_accuracy"]) == 3
    assert result.history["test_accuracy"][-1] == pytest.approx(result.metrics["test_accuracy"], abs=1e-6)
    assert "val_accuracy" not in result.metrics


def test_correct_bits_count_to_the_test_accuracy(spec, run):
    result = run(spec)
    right = unpack_bits(result.correct, 360)
    assert right.mean() == pytest.approx(result.metrics["test_accuracy"], abs=1e-6)


def test_packed_bits_come_back():
    right = np.random.default_rng(0).random(1001) < 0.5
    assert (unpack_bits(pack_bits(right), 1001) == right).all()


def test_metrics_hold_no_clocks_and_cost_holds_them(spec, run):
    result = run(spec)
    assert set(result.cost) == {"seconds", "cpu_seconds", "memory_mb", "seconds_per_epoch"}
    assert set(result.metrics) == {
        *(f"{part}_{name}" for part in ("train", "val", "test") for name in ("accuracy", "loss")),
        *("train_end_accuracy", "train_end_loss", "test_gap", "parameters"),
    }
    assert result.metrics["parameters"] == 64 * 10 + 10


def test_a_loss_that_is_not_finite_ends_as_diverged_without_a_number(spec, run):
    params = {**spec.params, "learning_rate": 1e38}
    result = run(dataclasses.replace(spec, params=params))
    assert result.state == "diverged"
    assert "no longer a finite number after epoch 1" in result.reason
    assert result.metrics == {}
    assert result.history["train_loss"] == [None]


def test_false_after_an_epoch_prunes(spec, run):
    result = run(spec, on_epoch=lambda epoch, metrics: epoch < 2)
    assert (result.state, result.reason) == ("pruned", "pruned after epoch 2")
    assert len(result.history["val_accuracy"]) == 2


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("broken", "RuntimeError: this arm cannot be built"),
        ("uncompiled", "not compiled: call model.compile"),
    ],
)
def test_faults_of_a_study_become_reasons(spec, run, kind, reason):
    result = run(dataclasses.replace(spec, params={**spec.params, "kind": kind}))
    assert result.state == "failed"
    assert reason in result.reason


def test_an_object_that_is_no_model_becomes_a_reason(spec, run):
    result = run(spec, build=lambda p: object())
    assert "got object" in result.reason


def test_an_eager_model_goes_through_plain_fit(spec, run):
    result = run(dataclasses.replace(spec, params={**spec.params, "eager": True}, epochs=1))
    assert (result.trained_by, result.remarks) == ("fit", ("the model runs eagerly",))
    assert result.state == "finished"


def test_an_estimator_is_fitted_and_scored(spec, run, digits):
    from sklearn.linear_model import LogisticRegression

    arrays = digits.arrays
    result = run(dataclasses.replace(spec, params={**spec.params, "kind": "logistic"}))
    x, y = arrays.x.reshape(len(arrays.x), -1), arrays.y
    ours = LogisticRegression(max_iter=500, random_state=11).fit(x[137:1000], y[137:1000])
    assert result.trained_by == "estimator"
    assert result.metrics["val_accuracy"] == ours.score(x[:137], y[:137])
    assert result.metrics["test_accuracy"] == ours.score(arrays.x_test.reshape(360, -1), arrays.y_test)


@pytest.mark.parametrize(("kind", "flavour"), [("net", "keras"), ("logistic", "sklearn")])
def test_a_saved_model_predicts_as_an_mlflow_model(spec, run, digits, tmp_path, kind, flavour):
    import importlib

    folder = tmp_path / "model"
    result = run(dataclasses.replace(spec, params={**spec.params, "kind": kind}, model_folder=str(folder)))
    assert result.state == "finished", result.traceback
    model = importlib.import_module(f"mlflow.{flavour}").load_model(str(folder))
    x = digits.arrays.x_test
    predicted = model.predict(x, verbose=0).argmax(1) if kind == "net" else model.predict(x.reshape(360, -1))
    assert (predicted == digits.arrays.y_test).mean() == pytest.approx(result.metrics["test_accuracy"])


def test_a_forest_can_be_saved_and_loaded(spec, run, tmp_path):
    import mlflow
    from sklearn.ensemble import RandomForestClassifier

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "left by an earlier try").touch()
    saving = dataclasses.replace(spec, model_folder=str(folder))
    result = run(saving, build=lambda p: RandomForestClassifier(n_estimators=3))
    assert (result.state, result.trained_by, result.remarks) == ("finished", "estimator", ())
    assert isinstance(mlflow.sklearn.load_model(str(folder)), RandomForestClassifier)


def test_a_model_that_cannot_be_saved_costs_no_trial(spec, run, tmp_path, monkeypatch):
    from dlstudy.training import artifacts

    def fail(*_):
        raise OSError("no room\nleft")

    monkeypatch.setattr(artifacts, "_write", fail)
    result = run(dataclasses.replace(spec, model_folder=str(tmp_path / "model")))
    assert result.state == "finished"
    assert result.trained_by == "epoch graph"
    assert result.remarks == ("the model could not be saved: OSError: no room left",)


def test_an_error_of_tensorflow_says_what_went_wrong_and_not_only_where(spec, run):
    def build(p):
        import keras

        model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss=loss, metrics=["accuracy"])
        return model

    result = run(spec, build=build)
    assert result.state == "failed"
    assert "outside the valid range of [0, 3)" in result.reason
    assert "\n" not in result.reason
