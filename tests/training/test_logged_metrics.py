"""What a study logs with `log_metric` joins the metrics and the history, as if a callback had put it into `logs`."""

import math

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from dlstudy.study.split import Split
from dlstudy.study.trial import figures_beside
from dlstudy.toolkit.logging import log_metric
from dlstudy.training import artifacts
from tests.helpers.trainings import context_of, net, run, spec_of


def callback(on_epoch_end):
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)


def wine_net(p):
    """The network of studies/wine.py."""
    import keras

    units = [keras.layers.Dense(n, activation="relu") for n in (30, 10, 5)]
    model = keras.Sequential([keras.Input(p["input_shape"]), *units, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.001), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def wine_callbacks(p):
    import keras

    return [
        keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(f"{p['folder']}/best.keras", save_best_only=True),
    ]


def second_fit(note_of):
    def continue_training(model, p):
        import keras

        restored = keras.models.load_model(f"{p['folder']}/best.keras")
        return restored, [*wine_callbacks(p), callback(note_of([]))]

    return continue_training


def into_logs(losses):
    def note(_, logs):
        losses.append(logs["loss"])
        logs |= {"second_fit_first_loss": losses[0], "second_fit_epochs": len(losses)}

    return note


def with_log_metric(losses):
    def note(_, logs):
        losses.append(logs["loss"])
        log_metric("second_fit_first_loss", losses[0])
        log_metric("second_fit_epochs", len(losses))

    return note


def test_the_numbers_of_a_second_fit_are_those_that_keras_s_logs_would_carry(tmp_path, keras_at_rest):
    split = Split(validation=300, test=0.25, random_state=42)
    spec = spec_of("wine", epochs=3, params={"more_epochs": 3}, split=split, batch_size=64, folder=str(tmp_path / "f"))
    one, other = (
        run(context_of("wine"), spec, wine_net, callbacks=wine_callbacks, continue_training=second_fit(note))
        for note in (into_logs, with_log_metric)
    )
    assert one.state == "finished", one.traceback
    assert other.metrics["train_second_fit_epochs"] == 3
    assert other.history["train_second_fit_epochs"] == [None, None, None, 1, 2, 3]
    assert other.history["train_second_fit_first_loss"][3:] == [other.history["train_loss"][3]] * 3
    assert list(other.metrics.items()) == list(one.metrics.items())
    assert list(other.history.items()) == list(one.history.items())


def test_what_is_logged_in_some_epochs_has_no_value_in_the_others(digits):
    def note(epoch, logs):
        if epoch in (1, 3):
            log_metric("rare", epoch)
        log_metric("odd", math.nan if epoch < 3 else 7)

    reported = []
    result = run(
        digits,
        spec_of(epochs=4),
        callbacks=lambda p: [callback(note)],
        on_epoch=lambda epoch, metrics: reported.append(metrics.get("train_rare")) or True,
    )
    assert result.history["train_rare"] == [None, 1, None, 3]
    assert result.history["train_odd"] == [None, None, None, 7]
    assert (result.metrics["train_rare"], result.metrics["train_odd"]) == (3, 7)
    assert reported == [None, 1, None, 3]


def test_every_function_of_a_study_may_log(digits):
    def prepare(x, y, train, p):
        log_metric("rows", len(train))
        return x, y

    def build(p):
        log_metric("rate", p["learning_rate"])
        return net(p)

    def extra_metrics(model, x, y, p):
        log_metric("probed", 1.0)
        return {}

    def continue_training(model, p):
        log_metric("late", 2.0)
        return model, []

    functions = {"prepare": prepare, "extra_metrics": extra_metrics, "continue_training": continue_training}
    result = run(digits, spec_of(params={"more_epochs": 1}), build, **functions)
    assert result.state == "finished", result.traceback
    logged = {"train_rows": 300, "train_rate": 0.05, "train_probed": 1.0, "train_late": 2.0}
    assert {name: result.metrics[name] for name in logged} == logged
    assert result.history["train_rows"] == [300], "of the first epoch"
    assert result.history["train_late"] == [None, None, None, 2.0], "of the first epoch of the second training"
    assert not set(logged) & set(run(digits, spec_of()).metrics)


class Constant(BaseEstimator):
    def fit(self, x, y):
        log_metric("rows", len(x))
        log_metric("rows", len(x) + 1)
        return self

    def predict(self, x):
        return np.zeros(len(x))


def test_what_an_estimator_logs_joins_the_metrics_at_the_end(keras_at_rest):
    context = context_of("diabetes")
    n = round(0.64 * 442)
    result = run(
        context, spec_of("diabetes"), lambda p: Constant(), extra_metrics=lambda *_: log_metric("end", 3) or {}
    )
    assert result.state == "finished", result.traceback
    assert result.metrics["train_rows"] == pytest.approx(n + 1, abs=1)
    assert result.history["train_rows"] == [result.metrics["train_rows"]]
    assert result.metrics["train_end"] == 3


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("two\nlines", 1.0, r"log_metric needs a name in one line of 200 characters at most, got 'two\nlines'"),
        ("norm", "large", "log_metric needs a number for norm, got 'large'"),
    ],
)
def test_what_cannot_be_logged_fails_the_trial(digits, name, value, reason):
    result = run(digits, spec_of(), callbacks=lambda p: [callback(lambda *_: log_metric(name, value))])
    assert (result.state, result.reason, result.traceback) == ("failed", reason, "")


def test_figures_log_nothing_since_no_result_depends_on_them(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "_write", lambda model, flavour, folder, x: folder.mkdir(parents=True))
    spec = spec_of(epochs=1, model_folder=str(tmp_path / "net"))
    result = run(digits, spec, figures=lambda *_: log_metric("late", 1.0) or {})
    assert result.state == "finished"
    assert "train_late" not in result.metrics
    (remark,) = result.remarks
    assert remark.startswith("the pictures could not be drawn: UsageError: log_metric('late', ...) was called outside")
    assert [path.name for path in figures_beside(tmp_path / "net").iterdir()] == ["confusion matrix.png"]
