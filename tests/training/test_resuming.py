"""A training goes on after an interruption, with the numbers of one that was not interrupted."""

import dataclasses
import errno
import itertools
from pathlib import Path

import numpy as np
import pytest

from dlstudy.training.train import DatasetContext
from tests.helpers.full_form import also_in_full_form, in_full_form
from tests.helpers.trainings import net, run, spec_of

LOSS = "sparse_categorical_crossentropy"


class Interrupted(BaseException):
    """Ends a training as a kill does: nothing after it runs."""


@pytest.fixture
def spec(tmp_path):
    files = {"checkpoint": str(tmp_path / "trial.checkpoint"), "folder": str(tmp_path / "files")}
    return spec_of(epochs=6, checkpoint_minutes=0, **files)


def anew(context):
    return DatasetContext(context.description, context.arrays, graph_fault=context.graph_fault)


def trained(context, spec, build, **functions):
    result = run(context, spec, build, **functions)
    assert result.state == "finished", result.traceback or result.reason
    return result


def interrupted(context, spec, build, at=4, *, ends=True, **functions):
    """The result of a training that was interrupted as an epoch ended, and begun again; the epochs that it tells.

    Without `ends`, it stays interrupted.
    """

    def stop(epoch, metrics):
        if epoch == at:
            raise Interrupted
        return True

    told = []

    def tell(epoch, metrics):
        told.append((epoch, dict(metrics)))
        return True

    with pytest.raises(Interrupted):
        run(anew(context), spec, build, on_epoch=stop, **functions)
    if not ends:
        return None, []
    return trained(anew(context), spec, build, on_epoch=tell, **functions), told


def same_numbers(one, other):
    return all(getattr(one, name) == getattr(other, name) for name in ("history", "metrics", "correct", "row_values"))


def dense(p, optimizer="adam", *layers, **compiled):
    import keras

    model = keras.Sequential(
        [keras.Input(p["input_shape"]), keras.layers.Flatten(), *layers, keras.layers.Dense(10, activation="softmax")]
    )
    model.compile(optimizer, **{"loss": LOSS, "metrics": ["accuracy"], **compiled})
    return model


def dropout(p):
    import keras

    hidden = keras.layers.Dense(16, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)
    return dense(p, "adam", *hidden, keras.layers.GaussianNoise(0.1))


def averaged(p):
    import keras

    return dense(p, keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_overwrite_frequency=None))


def scheduled(p):
    import keras

    return dense(p, keras.optimizers.RMSprop(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9), momentum=0.5))


def scaled(p):
    import keras

    return dense(p, keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), dynamic_growth_steps=7))


def jitted(p):
    return dense(p, "adam", jit_compile=True)


def eager(p):
    return dense(p, "adam", run_eagerly=True)


def deferred(p):
    """A model whose weights are made when it is first called."""
    import keras

    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.Dense(10, "softmax")])
    model.compile("adam", LOSS, metrics=["accuracy"])
    return model


def two_optimizers(p):
    """A step of one's own that trains two parts of the model in turn, as a GAN's does, with noise from Keras."""
    import keras
    import tensorflow as tf

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.Sequential([keras.Input((64,)), keras.layers.Dense(8)])
            self.second = keras.Sequential([keras.Input((8,)), keras.layers.Dense(10, activation="softmax")])
            self.optimizers_of = [keras.optimizers.Adam(0.01), keras.optimizers.RMSprop(0.01)]
            self.seeds = keras.random.SeedGenerator(3)
            self.steps = tf.Variable(0.0, trainable=False)

        def call(self, x):
            return self.second(self.first(keras.ops.reshape(x, (-1, 64))))

        def train_step(self, data):
            x, y = data
            x = x + keras.random.normal(keras.ops.shape(x), stddev=0.1 / (1 + self.steps), seed=self.seeds)
            for part, optimizer in zip((self.first, self.second), self.optimizers_of, strict=True):
                with tf.GradientTape() as tape:
                    loss = self.compute_loss(x, y, self(x))
                weights = part.trainable_variables
                optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            self.steps.assign_add(1.0)
            return {"loss": loss}

    model = Model()
    model.compile("sgd", LOSS)
    return model


OTHERS = (averaged, scaled, eager, deferred, jitted)


@pytest.mark.parametrize(
    ("build", "by_fit"),
    [
        (dropout, False),
        (scheduled, True),
        *[pytest.param(*case, marks=in_full_form) for case in itertools.product(OTHERS, [False, True])],
        *[pytest.param(*case, marks=in_full_form) for case in itertools.product((net, two_optimizers), [False, True])],
        pytest.param(dropout, True, marks=in_full_form),
        pytest.param(scheduled, False, marks=in_full_form),
    ],
)
def test_an_interrupted_training_goes_on_with_the_same_numbers(digits, spec, build, by_fit):
    context = dataclasses.replace(digits, graph_fault="by fit" if by_fit else "")
    whole = trained(anew(context), dataclasses.replace(spec, checkpoint=None), build)
    result, told = interrupted(context, spec, build)
    assert result.remarks[-1] == "went on after an interruption, from epoch 4"
    assert same_numbers(result, whole)
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5, 6]
    assert told[1][1] == {name: series[1] for name, series in whole.history.items()}


def keras_callbacks(p):
    import keras

    return [
        keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=2, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=0, factor=0.5, min_delta=0.05),
        keras.callbacks.ModelCheckpoint(f"{p['folder']}/best.keras", save_best_only=True, monitor="val_loss"),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ]


def own_callbacks(p):
    """One that counts, draws from all streams, and writes a file."""
    import keras
    import tensorflow as tf

    class Counts(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen, self.first = [], None

        def on_epoch_end(self, epoch, logs=None):
            import random

            self.first = self.first or random.random()
            logs["first"] = self.first
            self.seen.append(float(logs["loss"]))
            logs["mean"] = np.mean(self.seen)
            logs["draws"] = random.random() + np.random.rand()
            logs["tensorflow"] = float(tf.random.uniform(()))
            logs["keras"] = float(keras.random.uniform(()))
            with Path(p["artifacts"], "lines.txt").open("a+") as file:
                file.write(f"{epoch}\n")
                file.seek(0)
                logs["lines"] = len(file.readlines())

    return [Counts()]


def test_a_training_may_be_interrupted_again_and_again(digits, spec):
    callbacks = lambda p: [*keras_callbacks(p), *own_callbacks(p)]  # noqa: E731
    whole = trained(anew(digits), dataclasses.replace(spec, checkpoint=None), dropout, callbacks=callbacks)
    for at in (2, 3, 5):
        result, _ = interrupted(digits, spec, dropout, at=at, ends=at == 5, callbacks=callbacks)
    assert result.remarks == ("went on after an interruption, from epoch 5",)
    assert same_numbers(result, whole)


@in_full_form
@pytest.mark.parametrize("callbacks", [keras_callbacks, own_callbacks])
@pytest.mark.parametrize("at", [2, 4, 6])
def test_callbacks_go_on_from_their_state(digits, spec, callbacks, at):
    whole = trained(anew(digits), dataclasses.replace(spec, checkpoint=None), dropout, callbacks=callbacks)
    result, _ = interrupted(digits, spec, dropout, at=at, callbacks=callbacks)
    assert result.remarks[-1] == f"went on after an interruption, from epoch {at}"
    assert same_numbers(result, whole)


def changes_the_model(at):
    def callbacks(p):
        import keras

        class Changes(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == at:
                    self.model.layers[1].trainable = False

        return [Changes()]

    return callbacks


def rolls(p):
    import keras

    class Rolls(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(0)

        def on_epoch_end(self, epoch, logs=None):
            logs["roll"] = self.rng.random()

    return [Rolls()]


def counts_in_a_closure(p):
    import keras

    seen = []
    return [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))]


def logs_to_mlflow(p):
    import keras
    import mlflow

    return [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: mlflow.log_metric("own", epoch))]


def draws(p):
    """A layer whose operation keeps its own random state, where Keras's have theirs in variables."""
    import keras
    import tensorflow as tf

    class Noise(keras.layers.Layer):
        def call(self, x, training=False):
            return x + 0.01 * tf.random.normal(tf.shape(x)) if training else x

    return dense(p, "adam", Noise())


DRAWS = "tf.random draws in the model (RandomStandardNormal): keras.random with a SeedGenerator can go on"
CHANGES = "the study's code changes the model while it trains"


@pytest.mark.parametrize(
    ("build", "callbacks", "why"),
    [
        (dropout, changes_the_model(0), CHANGES),
        (dropout, rolls, "Rolls.rng, which holds a Generator, cannot be put back"),
        pytest.param(
            dropout,
            counts_in_a_closure,
            "LambdaCallback.on_epoch_end, which holds a function, cannot be put back",
            marks=in_full_form,
        ),
        pytest.param(dropout, logs_to_mlflow, "the study's code logs to MLflow", marks=in_full_form),
        (draws, None, DRAWS),
    ],
)
@pytest.mark.parametrize("by_fit", [False, *also_in_full_form(True)])
def test_where_the_state_cannot_be_kept_a_trial_says_so_and_begins_anew(digits, spec, build, callbacks, why, by_fit):
    context = dataclasses.replace(digits, graph_fault="by fit" if by_fit else "")
    whole = trained(anew(context), dataclasses.replace(spec, checkpoint=None), build, callbacks=callbacks)
    result, told = interrupted(context, spec, build, callbacks=callbacks)
    assert f"no checkpoint is kept: {why}" in result.remarks
    assert all("went on" not in remark for remark in result.remarks)
    assert same_numbers(result, whole)
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5, 6]


@in_full_form
def test_what_changes_the_model_after_a_checkpoint_begins_anew(digits, spec):
    callbacks = changes_the_model(3)
    whole = trained(anew(digits), dataclasses.replace(spec, checkpoint=None), dropout, callbacks=callbacks)
    result, _ = interrupted(digits, spec, dropout, at=5, callbacks=callbacks)
    cannot = f"trained anew, as its checkpoint cannot be used: {CHANGES}"
    assert result.remarks[1:] == (cannot, f"no checkpoint is kept: {CHANGES}")
    assert same_numbers(result, whole)


@in_full_form
def test_a_second_training_begins_where_the_first_ended(digits, spec):
    spec = dataclasses.replace(spec, params={**spec.params, "more_epochs": 3})

    def continue_training(model, p):
        model.compile("sgd", LOSS, metrics=["accuracy"])
        return model, []

    whole = trained(
        anew(digits), dataclasses.replace(spec, checkpoint=None), dropout, continue_training=continue_training
    )
    result, _ = interrupted(digits, spec, dropout, at=8, continue_training=continue_training)
    assert result.remarks == ("went on after an interruption, from epoch 6",)
    assert same_numbers(result, whole)


@in_full_form
def test_a_checkpoint_serves_its_own_training_alone(digits, spec, monkeypatch):
    interrupted(digits, spec, net)
    others = [dataclasses.replace(spec, seed=spec.seed + 1), dataclasses.replace(spec, epochs=7)]
    for other in others:
        result = trained(anew(digits), other, net)
        assert not result.remarks
        assert same_numbers(result, trained(anew(digits), dataclasses.replace(other, checkpoint=None), net))
        interrupted(digits, spec, net)
    monkeypatch.setattr("dlstudy.training.checkpoints.versions", lambda: dict.fromkeys(VERSIONS, "another"))
    assert not trained(anew(digits), spec, net).remarks


VERSIONS = ("dlstudy", "keras", "numpy", "python", "tensorflow")


@pytest.mark.parametrize("n_bytes", [100, *also_in_full_form(0, -1)])
def test_a_damaged_checkpoint_is_none(digits, spec, n_bytes):
    interrupted(digits, spec, net)
    path = Path(spec.checkpoint)
    path.write_bytes(path.read_bytes()[:n_bytes])
    result = trained(anew(digits), spec, net)
    assert not result.remarks
    assert same_numbers(result, trained(anew(digits), dataclasses.replace(spec, checkpoint=None), net))


@in_full_form
def test_a_model_that_is_built_otherwise_is_trained_anew(digits, spec):
    interrupted(digits, spec, net)
    result = trained(anew(digits), spec, dropout)
    assert result.remarks[0].startswith("trained anew, as its checkpoint cannot be used: the model has other variables")
    assert same_numbers(result, trained(anew(digits), dataclasses.replace(spec, checkpoint=None), dropout))


def test_on_a_full_disk_a_trial_trains_without_checkpoints(digits, spec, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dlstudy.training.checkpoints.write_checkpoint", full)
    result = trained(anew(digits), spec, net)
    assert result.remarks == ("no checkpoint is kept: No space left on device",)


def test_only_what_is_due_is_written(digits, spec):
    written = []
    for minutes, n in [(0, 5), (1000, 0)]:
        written.clear()
        changed = dataclasses.replace(spec, checkpoint_minutes=minutes)
        run(anew(digits), changed, net, on_checkpoint=written.append)
        assert len(written) == n
