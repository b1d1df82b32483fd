"""Whatever `build` returns trains as one graph to what plain `fit` gives on the same batches, or goes through `fit`."""

import dataclasses

import pytest

from dlstudy.datasets import registry
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec
from dlstudy.training import epoch_graph
from dlstudy.training.arrays import prepare
from dlstudy.training.fused_updates import fused
from dlstudy.training.shared_memory import SharedArrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train
from tests.helpers.full_form import also_in_full_form

SPEC = TrialSpec(
    key="t#0", study_path="made up", dataset="digits", arm="net", phase=Phase.REPLICATE, index=0, params={}, seed=11,
    epochs=2, batch_size=32, split=Split(validation=137), rows=507, read_test=ReadTest.AT_END,
)  # fmt: skip  # 370 rows train: the last batch is short
ONE_EPOCH = dataclasses.replace(SPEC, epochs=1)


@pytest.fixture(scope="module")
def context(keras_at_rest):
    dataset = registry.load("digits")
    return DatasetContext(dataset.description, prepare(SharedArrays.of(dataset), memory_gb=4))


def net(layers=(), optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=("accuracy",), **compiled):
    import keras

    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="tanh"),
            *layers,
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics), **compiled)
    return model


def custom_layer():
    import keras

    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x, training=False):
            if training:
                self.calls.assign_add(1.0)
            self.add_loss(1e-3 * keras.ops.sum(keras.ops.square(self.factor)))
            return x * self.factor

    return net([Scale()])


def several_losses():
    import keras

    inputs = keras.Input((8, 8))
    flat = keras.layers.Flatten()(inputs)
    one = keras.layers.Dense(10, activation="softmax", name="one")(flat)
    two = keras.layers.Dense(10, activation="softmax", name="two")(flat)

    class TwoHeads(keras.Model):
        def train_step(self, data):
            x, y = data
            return super().train_step((x, {"one": y, "two": y}))

        def test_step(self, data):
            x, y = data
            return super().test_step((x, {"one": y, "two": y}))

        def predict_step(self, data):
            return super().predict_step(data)["one"]

    model = TwoHeads(inputs, {"one": one, "two": two})
    model.compile(
        "sgd",
        loss={"one": "sparse_categorical_crossentropy", "two": "sparse_categorical_crossentropy"},
        loss_weights={"one": 1.0, "two": 0.3},
        metrics={"one": ["accuracy"], "two": ["accuracy"]},
    )
    return model


def own_step_and_logs():
    import keras

    class Own(keras.Sequential):
        def train_step(self, data):
            logs = super().train_step(data)
            return {**logs, "rows_in_last_batch": keras.ops.shape(data[0])[0]}

    model = Own([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def own_loss():
    import keras

    class Own(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            usual = super().compute_loss(x, y, y_pred, sample_weight, training)
            return usual + 0.01 * keras.ops.mean(keras.ops.square(x))

    model = Own([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def batch_mean(y, predicted):
    """A metric that is no mean over rows: its batches may not be joined."""
    import keras

    return keras.ops.max(predicted) * keras.ops.ones_like(predicted[:, 0])


def regularized():
    import keras

    dense = keras.layers.Dense(
        12,
        activation="elu",
        kernel_regularizer=keras.regularizers.L1L2(1e-4, 1e-3),
        activity_regularizer="l2",
        kernel_constraint=keras.constraints.MaxNorm(0.8),
    )
    return net([dense])


def weighted_classes():
    import keras

    class Weighted(keras.Sequential):
        def fit(self, *arguments, **options):
            return super().fit(*arguments, class_weight={i: 1.0 + i for i in range(10)}, **options)

    model = Weighted([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


SEEN = []


def looks_at_batches():
    import keras

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            SEEN.append(batch)

    class Looked(keras.Sequential):
        def fit(self, *arguments, callbacks=(), **options):
            return super().fit(*arguments, callbacks=[*callbacks, Look()], **options)

    model = Looked([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def keras_layer(kind, **arguments):
    import keras

    return getattr(keras.layers, kind)(**arguments)


def with_optimizer(kind, **arguments):
    import keras

    return lambda: net(optimizer=getattr(keras.optimizers, kind)(**{"learning_rate": 0.01, **arguments}))


def scheduled():
    import keras

    return net(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)))


MODELS = {
    "dropout": lambda: net([keras_layer("Dropout", rate=0.3)]),
    "batch normalization": lambda: net([keras_layer("BatchNormalization")]),
    "regularized": regularized,
    "custom layer": custom_layer,
    "own step and logs": own_step_and_logs,
    "own loss": own_loss,
    "several losses": several_losses,
    "own metric": lambda: net(metrics=[batch_mean]),
    "two metrics": lambda: net(metrics=["accuracy", "sparse_top_k_categorical_accuracy"]),
    "no metric": lambda: net(metrics=[]),
    "schedule": scheduled,
    "clipped": with_optimizer("Adam", clipnorm=0.1),
    "averaged": with_optimizer("SGD", use_ema=True, ema_momentum=0.9),
    "accumulated": with_optimizer("SGD", gradient_accumulation_steps=3),
    "frozen": lambda: frozen(),
}


def frozen():
    model = net()
    model.layers[1].trainable = False
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


OPTIMIZERS = {
    "sgd": with_optimizer("SGD"),
    "momentum": with_optimizer("SGD", momentum=0.9),
    "nesterov": with_optimizer("SGD", momentum=0.9, nesterov=True),
    "adam": with_optimizer("Adam"),
    "amsgrad": with_optimizer("Adam", amsgrad=True),
    "adamw": with_optimizer("AdamW", weight_decay=0.02),
    "rmsprop": with_optimizer("RMSprop"),
    "rmsprop with momentum": with_optimizer("RMSprop", momentum=0.5),
    "centered": with_optimizer("RMSprop", centered=True),
    "adadelta": with_optimizer("Adadelta", learning_rate=1.0),
    "adagrad": with_optimizer("Adagrad"),
    "nadam": with_optimizer("Nadam"),
}


def by_graph(context, make, spec=SPEC):
    """The result of one graph for each epoch."""
    anew = DatasetContext(context.description, context.arrays)
    graph = train(spec, StudyFunctions(lambda p: make()), anew, lambda *_: True)
    assert graph.state == "finished", graph.traceback
    return graph


def plainly(context, make, spec=SPEC):
    """The result of plain `fit`, with Keras's own step, optimizer and metrics."""
    off = DatasetContext(context.description, dataclasses.replace(context.arrays, fits=False))
    plain = train(spec, StudyFunctions(lambda p: make()), off, lambda *_: True)
    assert plain.state == "finished", plain.traceback
    assert (plain.trained_by, plain.remarks[0]) == ("fit", "the data does not fit on the device")
    return plain


def both_ways(context, make, spec=SPEC):
    return by_graph(context, make, spec), plainly(context, make, spec)


def assert_equal(graph, plain):
    assert set(graph.metrics) == set(plain.metrics)
    for name, values in plain.history.items():
        assert graph.history[name] == pytest.approx(values, rel=2e-4, abs=2e-5), name
    for name, value in plain.metrics.items():
        assert graph.metrics[name] == pytest.approx(value, rel=2e-4, abs=2e-5), name
    assert graph.correct == plain.correct


SIMPLE = (
    "dropout",
    "batch normalization",
    "custom layer",
    "own step and logs",
    "schedule",
)
SHORT_FORM = ("momentum", "nesterov", "adam", "rmsprop", "centered", "nadam")


@pytest.mark.parametrize("name", [*SIMPLE, *also_in_full_form(*(name for name in MODELS if name not in SIMPLE))])
def test_one_graph_gives_what_plain_fit_gives(context, name):
    graph, plain = both_ways(context, MODELS[name])
    assert graph.trained_by == "epoch graph"
    assert_equal(graph, plain)


@pytest.mark.parametrize(
    "name", [*SHORT_FORM, *also_in_full_form(*(name for name in OPTIMIZERS if name not in SHORT_FORM))]
)
def test_every_optimizer_gives_what_keras_computes(context, name):
    graph, plain = both_ways(context, OPTIMIZERS[name])
    assert graph.trained_by == "epoch graph"
    assert_equal(graph, plain)


@pytest.mark.parametrize("batch_size", [370, *also_in_full_form(1, 1000)])
def test_any_batch_size_gives_what_plain_fit_gives(context, batch_size):
    assert_equal(*both_ways(context, net, dataclasses.replace(ONE_EPOCH, batch_size=batch_size)))


@pytest.fixture(scope="module")
def plain(context):
    """One epoch of the net by plain `fit`."""
    return plainly(context, net, ONE_EPOCH)


@pytest.mark.parametrize("judge_batch", [7, *also_in_full_form(360, 1_000)])  # the test has 360 rows
def test_every_test_row_is_judged_once_in_its_order(context, plain, judge_batch, monkeypatch):
    monkeypatch.setattr(epoch_graph, "JUDGE_BATCH", judge_batch)
    assert_equal(by_graph(context, net, ONE_EPOCH), plain)


def test_a_model_with_a_fit_of_its_own_keeps_it(context):
    graph, plain = both_ways(context, weighted_classes)
    assert (graph.trained_by, graph.remarks) == ("fit", ("the model has its own fit",))
    assert graph.metrics == plain.metrics
    assert graph.metrics["train_loss"] > 2 * both_ways(context, lambda: net())[0].metrics["train_loss"]


def test_callbacks_of_a_model_see_every_batch(context):
    SEEN.clear()
    result = train(SPEC, StudyFunctions(lambda p: looks_at_batches()), context, lambda *_: True)
    assert (result.trained_by, result.remarks) == ("fit", ("the model has its own fit",))
    assert [*range(12), *range(12)] == SEEN  # 370 rows in batches of 32, twice


@pytest.mark.parametrize("method", ["evaluate", "make_train_function", "make_test_function"])
def test_a_model_that_replaces_a_part_of_fit_goes_through_it(context, method):
    def build():
        model = net()
        setattr(model, method, getattr(model, method))
        return model

    result = train(SPEC, StudyFunctions(lambda p: build()), context, lambda *_: True)
    assert (result.trained_by, result.remarks) == ("fit", (f"the model has its own {method}",))


def test_metrics_wait_for_the_end_of_an_epoch_only_where_they_are_means_over_rows():
    import keras

    assert epoch_graph._metrics_can_wait(net(), 1_000)
    assert epoch_graph._metrics_can_wait(net(metrics=[keras.metrics.SparseCategoricalAccuracy()]), 1_000)
    assert not epoch_graph._metrics_can_wait(net(metrics=[batch_mean]), 1_000)
    assert not epoch_graph._metrics_can_wait(net(metrics=["accuracy", keras.metrics.AUC()]), 1_000)
    assert not epoch_graph._metrics_can_wait(net(metrics=[keras.metrics.MeanMetricWrapper(batch_mean)]), 1_000)
    assert not epoch_graph._metrics_can_wait(own_loss(), 1_000)
    assert not epoch_graph._metrics_can_wait(net(), 100_000_000)
    assert epoch_graph._metrics_can_wait(net(), 1_000_000)


def test_only_update_rules_that_a_kernel_knows_are_fused():
    import keras

    class OwnRule(keras.optimizers.Adam):
        pass

    found = set()
    for name, make in {**OPTIMIZERS, "own rule": lambda: net(optimizer=OwnRule(0.01))}.items():
        model = make()
        with fused(model, []):
            if "update_step" in vars(model.optimizer):
                found.add(name)
        assert "update_step" not in vars(model.optimizer)
    assert found == {
        "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "rmsprop with momentum", "adadelta"
    }  # fmt: skip


def test_a_gradient_that_is_not_dense_keeps_keras_s_own_update(context):
    import keras

    def build():
        model = keras.Sequential(
            [
                keras.Input((8, 8)),
                keras.layers.Flatten(),
                keras.layers.Rescaling(16.0),
                keras.layers.Embedding(17, 4),
                keras.layers.Flatten(),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    graph, plain = both_ways(context, build)
    assert graph.trained_by == "epoch graph"
    assert_equal(graph, plain)
