"""Whatever a study's code does with Keras gives what plain Keras gives: inputs that once went wrong."""

import dataclasses

import numpy as np
import pytest

from dlstudy.study.split import Split
from dlstudy.training.train import DatasetContext
from tests.helpers.full_form import also_in_full_form, in_full_form
from tests.helpers.trainings import net, run, spec_of

SPEC = spec_of(epochs=2)


def trained(context, spec, *arguments, **functions):
    result = run(context, spec, *arguments, **functions)
    assert result.state == "finished", result.traceback or result.reason
    return result


def by_fit(context):
    return dataclasses.replace(anew(context), graph_fault="by fit")


def anew(context):
    return DatasetContext(context.description, context.arrays)


def compiled(p, *layers, optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=("accuracy",), **more):
    import keras

    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Flatten(), *layers])
    model.compile(optimizer, loss, metrics=list(metrics), **more)
    return model


def softmax():
    import keras

    return keras.layers.Dense(10, activation="softmax")


# tensorflow#44736
def test_evaluate_and_train_on_batch_work_on_the_rows_that_they_are_given(digits):
    import keras

    x, y = digits.arrays.x_test[:100], digits.arrays.y_test[:100]
    wrong = (y + 1) % 10

    class Elsewhere(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["wrong"] = self.model.evaluate(x, wrong, verbose=0, return_dict=True)["accuracy"]
            logs["wrong_by_hand"] = (self.model.predict(x, verbose=0).argmax(1) == wrong).mean()
            logs["one_batch"] = self.model.test_on_batch(x[:8], wrong[:8], return_dict=True)["accuracy"]
            logs["one_by_hand"] = (self.model.predict_on_batch(x[:8]).argmax(1) == wrong[:8]).mean()
            if epoch == 1:
                steps = int(self.model.optimizer.iterations.numpy())
                self.model.train_on_batch(x[:8], y[:8])
                logs["steps"] = int(self.model.optimizer.iterations.numpy()) - steps

    def extra_metrics(model, x, y, p):
        wrong = (y + 1) % 10
        scores = model.evaluate(x, wrong, verbose=0, return_dict=True)
        return {"wrong": scores["accuracy"], "by_hand": (model.predict(x, verbose=0).argmax(1) == wrong).mean()}

    for context in (digits, by_fit(digits)):
        result = trained(context, SPEC, callbacks=lambda p: [Elsewhere()], extra_metrics=extra_metrics)
        history, metrics = result.history, result.metrics
        assert history["train_wrong"] == pytest.approx(history["train_wrong_by_hand"], abs=1e-6)
        assert history["train_one_batch"] == pytest.approx(history["train_one_by_hand"], abs=1e-6)
        assert history["train_steps"] == [None, 1.0]
        assert metrics["train_end_wrong"] == pytest.approx(metrics["train_end_by_hand"], abs=1e-6)
        assert metrics["train_end_wrong"] < 0.3 < metrics["val_accuracy"]


def test_callbacks_are_called_as_in_fit_with_the_same_params_and_logs(digits):
    import keras

    class Seen(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.calls = []

        def note(self, hook, logs):
            self.calls.append((hook, dict(self.params), list(logs or {})))

        def on_train_begin(self, logs=None):
            self.note("train begin", logs)

        def on_train_end(self, logs=None):
            self.note("train end", logs)

        def on_epoch_begin(self, epoch, logs=None):
            self.note(f"epoch {epoch} begins", logs)

        def on_epoch_end(self, epoch, logs=None):
            self.note(f"epoch {epoch} ends", logs)

        def on_test_begin(self, logs=None):
            self.note("test begin", logs)

        def on_test_end(self, logs=None):
            self.note("test end", logs)

    seen = []
    for context in (digits, by_fit(digits)):
        callback = Seen()
        result = trained(context, dataclasses.replace(SPEC, read_test="never"), callbacks=lambda p, one=callback: [one])
        assert callback.model.history.history["val_loss"] == pytest.approx(result.history["val_loss"])
        seen.append(callback.calls)
    assert seen[0] == seen[1]
    assert seen[0][0][1] == {"verbose": 0, "epochs": 2, "steps": 10}  # 300 rows in batches of 32


def test_a_callback_that_stops_before_an_epoch_ends_as_in_fit(digits):
    import keras

    class Stops(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    told = []
    graph = run(anew(digits), SPEC, net, lambda epoch, _: told.append(epoch) or True, callbacks=lambda p: [Stops()])
    plain = trained(by_fit(digits), SPEC, callbacks=lambda p: [Stops()])
    assert (graph.history, graph.metrics) == (plain.history, plain.metrics)
    assert told == [1, 2], "no epoch is told twice"


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
def test_a_callback_that_compiles_is_refused_both_ways(digits, hook):
    import keras

    def compiles(p):
        callback = keras.callbacks.Callback()
        setattr(callback, hook, lambda *_: callback.model.compile("adam", "sparse_categorical_crossentropy"))
        return [callback]

    reasons = {run(context, SPEC, callbacks=compiles).reason for context in (digits, by_fit(digits))}
    assert len(reasons) == 1
    assert "the model was compiled while it trained" in reasons.pop()


# tensorflow/addons#2619
@pytest.mark.parametrize("exclude_first", [True, *also_in_full_form(False)])
def test_what_stands_in_no_configuration_tells_models_apart(digits, exclude_first):
    import keras

    def build(p):
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=3.0)
        if p["exclude"]:
            optimizer.exclude_from_weight_decay(var_names=["kernel", "bias"])
        return compiled(p, softmax(), optimizer=optimizer)

    shared = anew(digits)
    for exclude in (exclude_first, not exclude_first):
        spec = dataclasses.replace(SPEC, params={**SPEC.params, "exclude": exclude})
        after = trained(shared, spec, build)
        assert after.metrics == trained(anew(digits), spec, build).metrics


def test_a_model_that_the_study_still_holds_is_trained_itself(digits):
    import keras

    held = {}

    def build(p):
        x = keras.Input(p["input_shape"])
        inner = keras.layers.Dense(8, activation="relu", name="inner")(keras.layers.Flatten()(x))
        held["encoder"] = keras.Model(x, inner)
        model = keras.Model(x, keras.layers.Dense(10, activation="softmax")(inner))
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    class Norm(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["held"] = np.abs(held["encoder"].get_layer("inner").kernel.numpy()).sum()
            logs["own"] = np.abs(self.model.get_layer("inner").kernel.numpy()).sum()

    context = anew(digits)
    for seed in (1, 2, 3):
        history = trained(context, dataclasses.replace(SPEC, seed=seed), build, callbacks=lambda p: [Norm()]).history
        assert history["train_held"] == history["train_own"]


@in_full_form
def test_what_a_callback_changes_in_python_counts_from_the_trace_on_as_in_fit(digits):
    import keras

    def build(p):
        return compiled(p, keras.layers.Dropout(0.1), softmax())

    class Drops(keras.callbacks.Callback):
        def __init__(self, rate):
            super().__init__()
            self.rate = rate

        def on_train_begin(self, logs=None):
            self.model.layers[1].rate = self.rate

    context = anew(digits)
    for rate in (0.1, 0.9, 0.1):
        after = trained(context, SPEC, build, callbacks=lambda p, rate=rate: [Drops(rate)])
        alone = trained(anew(digits), SPEC, build, callbacks=lambda p, rate=rate: [Drops(rate)])
        assert (after.trained_by, after.history) == ("epoch graph", alone.history)
    assert trained(context, SPEC, build).metrics["train_loss"] == alone.metrics["train_loss"]


# keras#18949
def test_a_value_is_of_the_weights_that_a_training_ends_with(digits):
    import keras

    def build(p):
        return compiled(p, softmax(), optimizer=keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.99))

    x, y = digits.arrays.x[:100], digits.arrays.y[:100]  # the validation rows

    def again(model, *_):
        return {"again": (model.predict(x, verbose=0).argmax(1) == y).mean()}

    result = trained(digits, SPEC, build, extra_metrics=again)
    assert result.metrics["val_accuracy"] == pytest.approx(result.metrics["train_end_again"], abs=1e-6)
    assert result.metrics["val_accuracy"] != pytest.approx(result.history["val_accuracy"][-1], abs=1e-3)


def test_values_of_callbacks_belong_to_the_epoch_whose_weights_were_restored(digits):
    import keras

    class Counts(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_number"], logs["number"] = epoch, epoch
            logs["val_made_up"] = [3, 1, 2][epoch]
            if epoch == 0:
                logs["val_once"] = 7.0

    def callbacks(p):
        return [
            Counts(),
            keras.callbacks.EarlyStopping("val_made_up", mode="min", patience=5, restore_best_weights=True),
        ]

    metrics = trained(digits, dataclasses.replace(SPEC, epochs=3), callbacks=callbacks).metrics
    assert (metrics["val_number"], metrics["train_number"], metrics["train_best_epoch"]) == (1, 2, 2)
    assert "val_once" not in metrics


def test_what_a_callback_freezes_goes_on_training_as_in_fit(digits):
    import keras

    class Freezes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.trainable = False

    losses = [
        trained(context, SPEC, lambda p: compiled(p, softmax()), callbacks=lambda p: [Freezes()]).history["val_loss"]
        for context in (anew(digits), by_fit(digits))
    ]
    assert losses[0] == pytest.approx(losses[1])
    assert losses[0][1] < losses[0][0]


@pytest.mark.parametrize("compiles", [False, True])
@pytest.mark.parametrize("looks_at_batches", [False, True])
def test_a_second_training_goes_on_with_what_the_first_has_traced_as_in_fit(digits, compiles, looks_at_batches):
    import keras

    kernels = [0]

    class Freezes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[-1].trainable = False

    class LooksAtBatches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    def build(p):
        return compiled(p, keras.layers.Dense(8), softmax(), metrics=())

    def continue_training(model, p):
        kernels.append(model.get_weights()[-2])
        if compiles:
            model.compile("sgd", "sparse_categorical_crossentropy")
        return model, [LooksAtBatches()] if looks_at_batches else []

    def extra_metrics(model, x, y, p):
        return {"is_frozen": np.array_equal(model.get_weights()[-2], kernels[-1])}

    spec = dataclasses.replace(SPEC, params={**SPEC.params, "more_epochs": 2})
    functions = {"callbacks": lambda p: [Freezes()], "continue_training": continue_training}
    functions["extra_metrics"] = extra_metrics
    graph, fit = (trained(context, spec, build, **functions) for context in (anew(digits), by_fit(digits)))
    assert graph.trained_by == ("fit" if looks_at_batches else "epoch graph")
    assert graph.history["val_loss"] == pytest.approx(fit.history["val_loss"])
    assert graph.metrics["train_end_is_frozen"] == fit.metrics["train_end_is_frozen"] == compiles


# tensorflow#43645
def test_a_metric_of_the_first_stage_is_no_value_of_the_second(digits):
    import keras

    def stage(model, metric):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric])
        return model

    def build(p):
        return stage(net(p), keras.metrics.SparseCategoricalAccuracy(name="first"))

    def continue_training(model, p):
        return stage(model, keras.metrics.SparseCategoricalAccuracy(name="second")), []

    spec = dataclasses.replace(SPEC, params={**SPEC.params, "more_epochs": 1})
    result = trained(digits, spec, build, continue_training=continue_training)
    assert {name: len(series) for name, series in result.history.items() if name.startswith("val_")} == {
        "val_first": 2, "val_loss": 3, "val_second": 3
    }  # fmt: skip
    assert result.history["val_second"][:2] == [None, None]
    assert "val_first" not in result.metrics
    assert "train_first" not in result.metrics
    assert result.metrics["val_second"] == result.history["val_second"][2]


# skll#285
def test_targets_and_data_keep_the_types_that_prepare_gives_them(digits):
    import keras

    def build(p):
        dense = keras.layers.Dense(1, activation="sigmoid")
        return compiled(p, dense, loss="binary_crossentropy", metrics=["mae"])

    def bounds(model, x, y, p):
        return {"least": y.min(), "greatest": y.max()}

    functions = {"prepare": lambda x, y, train, p: (x, 0.05 + 0.9 * (y >= 5)), "extra_metrics": bounds}
    graph = trained(digits, SPEC, build, **functions)
    assert graph.metrics["train_end_least"] == pytest.approx(0.05)
    assert graph.metrics["train_end_greatest"] == pytest.approx(0.95)
    plain = trained(by_fit(digits), SPEC, build, **functions)
    assert graph.metrics == pytest.approx(plain.metrics, rel=1e-4, abs=1e-5)


# keras-tuner#631 and the autoencoders and GANs of keras.io
def own_step(p):
    import keras
    import tensorflow as tf

    class Own(keras.Sequential):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, self(x, training=True)))
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
            )
            return {"generator_loss": loss, "per_class": tf.range(3.0)}

        def test_step(self, data):
            return {"agreement": tf.reduce_mean(tf.cast(tf.argmax(self(data[0]), 1, tf.int32) == data[1], tf.float32))}

    model = Own([keras.Input(p["input_shape"]), keras.layers.Flatten(), softmax()])
    model.compile(keras.optimizers.Adam(0.01))
    return model


def variational(p):
    import keras
    import tensorflow as tf

    class Variational(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
            self.decoder = keras.Sequential(
                [keras.layers.Dense(64, activation="sigmoid"), keras.layers.Reshape((8, 8))]
            )
            self.total = keras.metrics.Mean(name="loss")
            self.seeds = keras.random.SeedGenerator(p["seed"])

        @property
        def metrics(self):
            return [self.total]

        def loss_of(self, x):
            code = self.encoder(x)
            code = code[:, :2] + keras.ops.exp(code[:, 2:]) * keras.random.normal(
                keras.ops.shape(code[:, :2]), seed=self.seeds
            )
            return keras.ops.mean(keras.ops.square(x - self.decoder(code)))

        def train_step(self, data):
            with tf.GradientTape() as tape:
                loss = self.loss_of(data[0])
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
            )
            self.total.update_state(loss)
            return {"loss": self.total.result()}

        def test_step(self, data):
            self.total.update_state(self.loss_of(data[0]))
            return {"loss": self.total.result()}

    model = Variational()  # without `call`: nothing is built before the first step
    model.compile(keras.optimizers.Adam(0.01))
    return model


def autoencoder(p):
    import keras

    model = keras.Sequential(
        [keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(16), keras.layers.Dense(64)]
    )
    model.add(keras.layers.Reshape((8, 8)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def subclassed(p):
    import keras

    class Sub(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.Flatten(), keras.layers.Dense(8, activation="relu"), softmax()]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    model = Sub()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def two_inputs(p):
    import keras

    assert p["input_shape"] == {"image": (8, 8), "row": (8,)}
    image, row = keras.Input((8, 8), name="image"), keras.Input((8,), name="row")
    both = keras.layers.Concatenate()([keras.layers.Flatten()(image), row])
    outputs = {
        "digit": keras.layers.Dense(10, activation="softmax", name="digit")(both),
        "large": keras.layers.Dense(1, activation="sigmoid", name="large")(both),
    }
    model = keras.Model({"image": image, "row": row}, outputs)
    losses = {"digit": "sparse_categorical_crossentropy", "large": "binary_crossentropy"}
    model.compile("sgd", losses, metrics={"digit": ["accuracy"], "large": ["accuracy"]})
    return model


def vector_metric(p):
    import keras

    class PerClass(keras.metrics.F1Score):
        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 10), y_pred, sample_weight)

    return compiled(p, softmax(), metrics=["accuracy", PerClass(name="f1")])


def doubles(p):
    import keras

    keras.config.set_floatx("float64")
    return compiled(p, keras.layers.Dense(10, activation="softmax"), metrics=["accuracy"])


WEIGHTS = np.linspace(0.1, 2, 1_797)
KINDS = {
    "own step": (own_step, {}),
    "variational": (variational, {}),
    "autoencoder": (autoencoder, {"prepare": lambda x, y, train, p: (x, x)}),
    "subclassed": (subclassed, {}),
    "two inputs and outputs": (
        two_inputs,
        {"prepare": lambda x, y, train, p: ({"image": x, "row": x[:, 3]}, {"digit": y, "large": (y > 4)[:, None]})},
    ),
    "vector metric": (vector_metric, {}),
    "float64": (doubles, {}),
    "weighted rows": (net, {"prepare": lambda x, y, train, p: (x, y, WEIGHTS)}),
    "weighted classes": (net, {"class_weight": lambda y, p: {0: 5.0, 3: 0.0}}),
}
SHORT_FORM = ("own step", "variational", "two inputs and outputs", "weighted rows")


@pytest.mark.parametrize("kind", [*SHORT_FORM, *also_in_full_form(*(kind for kind in KINDS if kind not in SHORT_FORM))])
def test_any_compiled_model_trains_to_what_fit_gives(digits, kind):
    build, functions = KINDS[kind]
    graph, plain = (trained(context, SPEC, build, **functions) for context in (anew(digits), by_fit(digits)))
    assert (graph.trained_by, plain.trained_by) == ("epoch graph", "fit")
    for name, series in plain.history.items():
        assert graph.history[name] == pytest.approx(series, rel=1e-4, abs=1e-5), name
    assert graph.metrics == pytest.approx(plain.metrics, rel=1e-4, abs=1e-5)
    assert graph.correct == plain.correct
    if kind == "vector metric":
        assert {f"val_f1[{i}]" for i in range(10)} <= set(graph.metrics)
    if kind == "two inputs and outputs":
        assert {"val_digit_accuracy", "test_large_accuracy"} <= set(graph.metrics)


def test_weights_count_in_training_as_in_keras_s_own_fit(digits):
    import keras

    spec = dataclasses.replace(SPEC, epochs=1, batch_size=300, split=Split(validation=100))
    weighted = trained(digits, spec, class_weight=lambda y, p: {0: 5.0, 3: 0.0})
    keras.utils.set_random_seed(spec.seed)
    model, rows = net({"input_shape": (8, 8), "learning_rate": 0.05}), slice(100, 400)
    weights = {**dict.fromkeys(range(10), 1.0), 0: 5.0, 3: 0.0}
    x, y = digits.arrays.x[rows], digits.arrays.y[rows]
    losses = model.fit(x, y, batch_size=300, verbose=0, class_weight=weights).history["loss"]
    assert weighted.history["train_loss"] == pytest.approx(losses, rel=1e-4)


def test_text_in_logs_is_named_and_left_out(digits):
    import keras

    class Notes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["phase"] = "warm-up"

    result = trained(digits, SPEC, callbacks=lambda p: [Notes()])
    assert "train_phase" not in result.history
    assert result.remarks == ("phase is no number in the logs and is not kept: 'warm-up'",)


def test_settings_of_a_trial_end_with_it_and_a_policy_survives_a_new_session(digits):
    import keras

    from dlstudy.training import global_settings

    def build(p):
        keras.config.set_epsilon(0.01)
        keras.config.set_image_data_format("channels_first")
        return net(p)

    before = global_settings.current()
    trained(digits, SPEC, build)
    assert global_settings.current() == before
    with global_settings.restored():
        keras.config.set_dtype_policy("mixed_bfloat16")
        policies = []
        trained(digits, SPEC, lambda p: policies.append(keras.config.dtype_policy().name) or net(p))
        assert policies == ["mixed_bfloat16"]
    assert global_settings.current() == before
