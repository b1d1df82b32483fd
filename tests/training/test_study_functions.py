"""What a study's functions do in a training: callbacks, a second training, extra metrics, figures; histories."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from dlstudy.study.phases import ReadTest
from dlstudy.study.trial import figures_beside
from dlstudy.training import artifacts
from dlstudy.training.train import DatasetContext
from tests.helpers.trainings import net, run, spec_of


@pytest.fixture(scope="module")
def plain_digits(digits):
    """The same data, but not on the device: trained through plain `fit`."""
    return DatasetContext(digits.description, dataclasses.replace(digits.arrays, fits=False))


def spoiler(at):
    """A callback that trains an epoch, counted from 1 in its stage, at a rate at which nothing is learned."""
    import keras

    class Spoiler(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch + 1 == at:
                self.model.optimizer.learning_rate = 30.0

    return Spoiler()


def early_stopping(**options):
    import keras

    return keras.callbacks.EarlyStopping(**{"patience": 1, "restore_best_weights": True, **options})


def same(metrics, others):
    return {name: metrics[name] for name in others} == pytest.approx(dict(others), abs=2e-5)


@pytest.mark.parametrize("where", ["digits", "plain_digits"])
def test_early_stopping_restores_the_best_weights_and_they_are_the_ones_that_are_judged(request, where):
    context = request.getfixturevalue(where)
    stopped = run(context, spec_of(epochs=10), callbacks=lambda p: [spoiler(at=3), early_stopping()])
    assert stopped.state == "finished", stopped.traceback
    if where == "digits":
        assert (stopped.trained_by, stopped.remarks) == ("epoch graph", ())
    else:
        assert (stopped.trained_by, stopped.remarks) == ("fit", ("the data does not fit on the device",))
    assert (stopped.metrics["train_epochs"], stopped.metrics["train_best_epoch"]) == (3, 2)
    val_loss = stopped.history["val_loss"]
    assert len(val_loss) == 3
    assert val_loss[2] > val_loss[1]
    assert stopped.metrics["val_loss"] == pytest.approx(val_loss[1], abs=2e-5)
    two_epochs = run(context, spec_of(epochs=2))
    judged = {k: v for k, v in two_epochs.metrics.items() if k.startswith(("val_", "test_", "train_end_"))}
    assert same(stopped.metrics, judged)
    assert stopped.correct == two_epochs.correct
    assert stopped.cost["epochs_saved"] == 7
    assert stopped.cost["seconds_saved"] == pytest.approx(7 * stopped.cost["seconds_per_epoch"], abs=1e-3)


def test_without_callbacks_nothing_is_said_of_epochs(digits):
    result = run(digits, spec_of())
    assert not {"train_epochs", "train_best_epoch"} & set(result.metrics)
    assert not {"epochs_saved", "seconds_saved"} & set(result.cost)


@pytest.mark.parametrize("options", [{"restore_best_weights": False}, {"start_from_epoch": 9}], ids=str)
def test_without_restored_weights_the_last_epoch_counts(digits, options):
    result = run(digits, spec_of(epochs=4), callbacks=lambda p: [early_stopping(patience=9, **options)])
    assert (result.metrics["train_epochs"], result.metrics["train_best_epoch"]) == (4, 4)
    assert result.metrics["val_loss"] == pytest.approx(result.history["val_loss"][-1], abs=2e-5)
    assert result.cost["epochs_saved"] == 0


def test_a_rate_that_falls_on_a_plateau_is_in_the_history(digits):
    def callbacks(p):
        import keras

        return [keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=100.0)]

    result = run(digits, spec_of(epochs=4), callbacks=callbacks)
    assert result.trained_by == "epoch graph"
    assert result.history["train_learning_rate"] == pytest.approx([0.05, 0.05, 0.025, 0.0125])
    assert result.metrics["train_learning_rate"] == pytest.approx(0.0125)


def test_a_trial_with_callbacks_leaves_nothing_behind_for_the_next_one(digits):
    alone = run(digits, spec_of())
    steered = run(digits, spec_of(epochs=6), callbacks=lambda p: [spoiler(at=2), early_stopping()])
    again = run(digits, spec_of())
    assert steered.metrics["val_loss"] != alone.metrics["val_loss"]
    assert (again.metrics, again.history, again.correct) == (alone.metrics, alone.history, alone.correct)


def counter(calls):
    import keras

    class Counter(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)

    return Counter()


def test_a_callback_that_looks_at_batches_sees_each_of_them(digits):
    calls = []
    result = run(digits, spec_of(epochs=2), callbacks=lambda p: [counter(calls)])
    assert (result.trained_by, result.remarks) == ("fit", ("Counter looks at batches",))
    assert calls == [*range(10)] * 2  # 300 rows in batches of 32
    plain = run(digits, spec_of(epochs=2))
    assert plain.trained_by == "epoch graph"
    assert same(result.metrics, plain.metrics)


@pytest.mark.parametrize(
    ("make", "remark"),
    [
        (lambda k, p: k.ModelCheckpoint(f"{p['folder']}/best.keras", save_freq="epoch"), None),
        (lambda k, p: k.ModelCheckpoint(f"{p['folder']}/best.keras", save_freq=5), "ModelCheckpoint looks at batches"),
        (lambda k, p: k.LambdaCallback(on_epoch_end=lambda *_: None), None),
        (lambda k, p: k.LambdaCallback(on_train_batch_end=lambda *_, **__: None), "LambdaCallback looks at batches"),
        (lambda k, p: k.LearningRateScheduler(lambda epoch: 0.1), None),
    ],
)
def test_keras_s_own_callbacks_go_through_plain_fit_only_where_they_look_at_batches(digits, tmp_path, make, remark):
    def callbacks(p):
        import keras

        return [make(keras.callbacks, p)]

    result = run(digits, spec_of(epochs=1, folder=str(tmp_path / "trial")), callbacks=callbacks)
    assert result.state == "finished", result.traceback
    expected = ("fit", (remark,)) if remark else ("epoch graph", ())
    assert (result.trained_by, result.remarks) == expected


def test_logs_and_artifacts_are_left_of_what_callbacks_wrote(digits, tmp_path):
    folder = tmp_path / "a trial's files"
    (folder / "left by an earlier try").mkdir(parents=True)
    seen = []

    def callbacks(p):
        import keras

        assert p["folder"] == str(folder)
        seen.extend(path.name for path in folder.iterdir())
        Path(p["logs"]).mkdir()
        (Path(p["logs"]) / "events").write_text("epoch 1")
        (folder / "more").mkdir()
        Path(p["artifacts"], "pictures", "none").mkdir(parents=True)
        Path(p["artifacts"], "pictures", "first.png").touch()
        return [keras.callbacks.ModelCheckpoint(f"{p['folder']}/best.keras")]

    assert run(digits, spec_of(epochs=1, folder=str(folder)), callbacks=callbacks).state == "finished"
    assert seen == ["artifacts"]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "artifacts/pictures/first.png", "logs/events", "mlflow.json",
    ]  # fmt: skip
    assert not (folder / "artifacts" / "pictures" / "none").exists()


def test_a_callback_that_raises_fails_its_trial_and_no_other_and_leaves_no_file(digits, tmp_path):
    before = run(digits, spec_of())

    def fail(epoch, logs):
        (tmp_path / "trial" / "half").touch()
        raise RuntimeError("no more")

    def callbacks(p):
        import keras

        return [keras.callbacks.LambdaCallback(on_epoch_end=fail)]

    result = run(digits, spec_of(folder=str(tmp_path / "trial")), callbacks=callbacks)
    assert (result.state, result.reason) == ("failed", "RuntimeError: no more")
    assert "in fail" in result.traceback
    assert list(tmp_path.iterdir()) == []
    assert run(digits, spec_of()).metrics == before.metrics


def checkpoint(p):
    import keras

    return [keras.callbacks.ModelCheckpoint(f"{p['folder']}/last.keras")]


def from_checkpoint(callbacks=list):
    def continue_training(model, p):
        import keras

        return keras.saving.load_model(f"{p['folder']}/last.keras"), callbacks()

    return continue_training


@pytest.mark.parametrize("where", ["digits", "plain_digits"])
def test_continuing_from_a_checkpoint_gives_what_an_undivided_training_gives(request, tmp_path, where):
    context, epochs = request.getfixturevalue(where), []
    spec = spec_of(epochs=2, params={"more_epochs": 3}, folder=str(tmp_path / "trial"))

    def on_epoch(epoch, metrics):
        epochs.append(epoch)
        return True

    divided = run(context, spec, on_epoch=on_epoch, callbacks=checkpoint, continue_training=from_checkpoint())
    assert divided.state == "finished", divided.traceback
    undivided = run(context, spec_of(epochs=5))
    assert (divided.trained_by, divided.remarks) == (undivided.trained_by, undivided.remarks)
    assert epochs == [1, 2, 3, 4, 5]
    for name, values in undivided.history.items():
        assert divided.history[name] == pytest.approx(values, abs=2e-5), name  # the order of the batches continues too
    assert same(divided.metrics, undivided.metrics)
    assert divided.metrics["train_epochs"] == 5
    assert not (tmp_path / "trial").exists()


def test_epochs_count_over_both_stages_and_what_is_saved_in_the_second(digits, tmp_path):
    spec = spec_of(epochs=2, params={"more_epochs": 6}, folder=str(tmp_path / "trial"))
    continue_training = from_checkpoint(lambda: [spoiler(at=2), early_stopping()])
    result = run(digits, spec, callbacks=checkpoint, continue_training=continue_training)
    assert (result.metrics["train_epochs"], result.metrics["train_best_epoch"]) == (4, 3)
    assert result.metrics["val_loss"] == pytest.approx(result.history["val_loss"][2], abs=2e-5)
    assert result.cost["epochs_saved"] == 4


def test_an_arm_that_does_not_continue_is_trained_as_without(digits):
    alone = run(digits, spec_of())
    result = run(digits, spec_of(), continue_training=lambda model, p: pytest.fail("continued"))
    assert (result.metrics, result.trained_by) == (alone.metrics, "epoch graph")


@pytest.mark.parametrize("looks_at_batches", [False, True])
def test_the_same_model_may_continue_as_it_is(digits, looks_at_batches):
    calls = []

    def continue_training(model, p):
        return model, [counter(calls)] if looks_at_batches else []

    result = run(digits, spec_of(epochs=2, params={"more_epochs": 2}), continue_training=continue_training)
    assert result.remarks == (("Counter looks at batches",) if looks_at_batches else ())
    assert result.trained_by == ("fit" if looks_at_batches else "epoch graph")
    assert same(result.metrics, run(digits, spec_of(epochs=4)).metrics)
    assert len(calls) == 20 * looks_at_batches


def test_a_pruned_training_is_not_continued(digits):
    result = run(
        digits,
        spec_of(params={"more_epochs": 2}),
        on_epoch=lambda epoch, _: epoch < 2,
        continue_training=lambda model, p: pytest.fail("continued"),
    )
    assert (result.state, result.reason) == ("pruned", "pruned after epoch 2")


@pytest.mark.parametrize(
    ("continue_training", "reason"),
    [
        (lambda model, p: (uncompiled(p), []), "continue_training returned a model that is not compiled"),
        (lambda model, p: None, "continue_training must return a compiled model and a list of its callbacks, got None"),
    ],
)
def test_faults_of_continue_training_become_reasons(digits, continue_training, reason):
    result = run(digits, spec_of(epochs=1, params={"more_epochs": 1}), continue_training=continue_training)
    assert result.state == "failed"
    assert reason in result.reason


def uncompiled(p):
    import keras

    return keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Flatten(), keras.layers.Dense(10)])


def test_extra_metrics_see_the_model_before_and_after_its_training(digits):
    def extra_metrics(model, x, y, p):
        assert x.shape == (300, 8, 8)
        assert y.shape == (300,)
        return {"weight": abs(model.weights[0].numpy()).mean(), "rate": p["learning_rate"], "odd": math.nan}

    result = run(digits, spec_of(), extra_metrics=extra_metrics)
    assert result.state == "finished", result.traceback
    extra = {name: value for name, value in result.metrics.items() if name.endswith(("weight", "rate", "odd"))}
    assert set(extra) == {"train_start_weight", "train_end_weight", "train_start_rate", "train_end_rate"}
    assert extra["train_start_rate"] == 0.05
    assert extra["train_end_weight"] > extra["train_start_weight"]
    alone = run(digits, spec_of())
    assert alone.metrics == {name: value for name, value in result.metrics.items() if name not in extra}


@pytest.mark.parametrize("found", [[1.0], {"norm": "large"}, {"norm": None}, None], ids=str)
def test_extra_metrics_that_are_no_numbers_fail_the_trial(digits, found):
    result = run(digits, spec_of(epochs=1), extra_metrics=lambda *_: found)
    assert (result.state, result.reason) == ("failed", f"extra_metrics must return numbers by name, got {found!r}")


def test_extra_metrics_see_an_estimator_after_its_fit(digits):
    def extra_metrics(model, x, y, p):
        return {"coefficients": model.coef_.size}

    result = run(digits, spec_of(), build=lambda p: LogisticRegression(max_iter=500), extra_metrics=extra_metrics)
    assert result.metrics["train_end_coefficients"] == 640
    assert "train_start_coefficients" not in result.metrics


def figure_of(values):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.subplots().plot(values)
    return figure


@pytest.fixture
def unsaved(monkeypatch):
    """A model is not written: MLflow is slow."""
    monkeypatch.setattr(artifacts, "_write", lambda model, flavour, folder, x: folder.mkdir(parents=True))


def drawn(digits, tmp_path, figures, **changes):
    spec = spec_of(epochs=1, model_folder=str(tmp_path / "net-1"), **changes)
    return run(digits, spec, build=lambda p: LogisticRegression(max_iter=500), figures=figures)


def test_pictures_of_a_winner_are_png_files_beside_its_model(digits, tmp_path, unsaved):
    folder = figures_beside(tmp_path / "net-1")
    folder.mkdir()
    (folder / "of an earlier try.png").touch()

    def figures(model, x, y, p):
        assert (x.shape, y.shape) == ((360, 8, 8), (360,))
        return {"Weights of 0 (first)": figure_of(model.coef_[0]), "b": figure_of([1, 2])}

    result = drawn(digits, tmp_path, figures)
    assert (result.state, result.trained_by, result.remarks) == ("finished", "estimator", ())
    drawn_by_task = "confusion matrix.png"
    assert sorted(path.name for path in folder.iterdir()) == ["Weights of 0 (first).png", "b.png", drawn_by_task]
    content = (folder / "b.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    drawn(digits, tmp_path, figures)
    assert (folder / "b.png").read_bytes() == content


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        (lambda *_: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda *_: {"../evil": figure_of([1])}, "TrialError: a picture's title is 1 to 80 letters, .*, got '../evil'"),
        (lambda *_: {"": figure_of([1])}, "got ''"),
        (lambda *_: {1: figure_of([1])}, "got 1"),
        (lambda *_: [figure_of([1])], "AttributeError: 'list' object has no attribute 'items'"),
        (lambda *_: {"a": None}, "AttributeError: 'NoneType' object has no attribute 'savefig'"),
    ],
)
def test_a_picture_that_cannot_be_drawn_costs_no_trial(digits, tmp_path, unsaved, figures, why):
    result = drawn(digits, tmp_path, figures)
    assert result.state == "finished"
    assert "test_accuracy" in result.metrics
    (remark,) = result.remarks
    assert re.fullmatch(rf"the pictures could not be drawn: .*{why}.*", remark), remark
    assert [path.name for path in tmp_path.rglob("*.png")] == ["confusion matrix.png"]


def test_a_picture_of_the_studys_own_replaces_that_of_the_task(digits, tmp_path, unsaved):
    drawn(digits, tmp_path, lambda *_: {"confusion matrix": figure_of([1, 2])})
    own = (figures_beside(tmp_path / "net-1") / "confusion matrix.png").read_bytes()
    drawn(digits, tmp_path, None)
    assert own != (figures_beside(tmp_path / "net-1") / "confusion matrix.png").read_bytes()


def test_nothing_is_drawn_of_a_model_that_is_not_kept(digits):
    result = run(digits, spec_of(epochs=1), figures=lambda *_: pytest.fail("drawn"))
    assert result.state == "finished"


@pytest.mark.parametrize("build", [net, lambda p: LogisticRegression(max_iter=500)], ids=["keras", "sklearn"])
def test_the_gap_is_the_loss_of_the_test_rows_less_that_of_the_training_rows(digits, build):
    metrics = run(digits, spec_of(), build=build).metrics
    trained = metrics.get("train_end_loss", metrics["train_loss"])
    assert metrics["test_gap"] == metrics["test_loss"] - trained
    assert ("train_end_loss" in metrics) is (build is net)


def test_a_search_knows_no_gap(digits):
    for build in (net, lambda p: LogisticRegression(max_iter=500)):
        assert "test_gap" not in run(digits, spec_of(read_test=ReadTest.NEVER), build=build).metrics


class Curve(BaseEstimator):
    """Predicts a constant, and keeps a history that was made up."""

    def __init__(self, history, constant=0.0):
        self.history, self.constant = history, constant

    def fit(self, x, y):
        self.history_ = self.history
        return self

    def predict(self, x):
        return np.full(len(x), self.constant)


def test_the_history_of_an_estimator_is_kept_and_reported_epoch_by_epoch(diabetes):
    reported = []
    history = {"cost": [3.0, 2.0, math.inf, 1.0], "step": [0.1, 0.2]}
    result = run(
        diabetes,
        spec_of("diabetes"),
        build=lambda p: Curve(history),
        on_epoch=lambda *epoch: reported.append(epoch) or True,
    )
    assert result.state == "finished", result.traceback
    assert result.history["train_cost"] == [3.0, 2.0, None, 1.0]
    assert result.history["train_step"] == [0.1, 0.2]
    assert result.history["val_loss"] == [None, None, None, result.metrics["val_loss"]]
    assert [epoch for epoch, _ in reported] == [1, 2, 3, 4]
    assert reported[1][1] == {"train_cost": 2.0, "train_step": 0.2}
    assert reported[2][1] == {}
    assert reported[3][1]["val_rmse"] == result.metrics["val_rmse"]


def test_of_a_long_history_a_hundred_points_are_kept_with_the_first_and_the_last(diabetes):
    history = {"cost": list(range(1_000))}
    kept = run(diabetes, spec_of("diabetes"), build=lambda p: Curve(history)).history["train_cost"]
    assert len(kept) == 100
    assert (kept[0], kept[-1]) == (0, 999)
    assert set(np.diff(kept)) <= {10.0, 11.0}


@pytest.mark.parametrize("history", [None, {}, {"cost": []}], ids=str)
def test_an_estimator_without_a_history_is_one_epoch(diabetes, history):
    result = run(diabetes, spec_of("diabetes"), build=lambda p: Curve(history))
    assert {name: len(values) for name, values in result.history.items()} == dict.fromkeys(result.metrics, 1)


def test_a_regression_has_the_root_of_its_squared_error(diabetes):
    from sklearn.metrics import root_mean_squared_error
    from sklearn.model_selection import train_test_split

    result = run(diabetes, spec_of("diabetes"), build=lambda p: LinearRegression())
    x, y = diabetes.arrays.x, diabetes.arrays.y
    left_x, test_x, left_y, test_y = train_test_split(x, y, test_size=0.2, random_state=1)
    train_x, _, train_y, _ = train_test_split(left_x, left_y, test_size=0.2, random_state=1)
    expected = root_mean_squared_error(test_y, LinearRegression().fit(train_x, train_y).predict(test_x))
    assert result.metrics["test_rmse"] == pytest.approx(expected, rel=1e-12)
    assert result.metrics["test_mse"] == result.metrics["test_loss"] == pytest.approx(expected**2)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_predictions_that_are_not_finite_are_a_diverged_trial(diabetes, value):
    result = run(diabetes, spec_of("diabetes"), build=lambda p: Curve({}, value))
    assert (result.state, result.metrics) == ("diverged", {})
    assert result.reason == "the predictions for the train rows are no longer finite numbers"


def test_errors_whose_squares_overflow_are_a_diverged_trial(diabetes):
    with np.errstate(over="ignore"):
        result = run(diabetes, spec_of("diabetes"), build=lambda p: Curve({}, 1e200))
    assert (result.state, result.metrics) == ("diverged", {})
    assert result.reason == "the loss of the train rows is no longer a finite number"
