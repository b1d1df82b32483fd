"""A kept model gives the numbers that a new one gives, and is kept only where its configuration decides its graphs."""

import dataclasses

import pytest

from dlstudy.datasets import registry
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec
from dlstudy.training import epoch_graph, global_settings, model_cache, private_names
from dlstudy.training.arrays import prepare
from dlstudy.training.model_cache import ModelCache, Slot
from dlstudy.training.python_state import state_of
from dlstudy.training.shared_memory import SharedArrays
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train
from tests.helpers.full_form import also_in_full_form, in_full_form

SPEC = TrialSpec(
    key="t#0", study_path="made up", dataset="digits", arm="net", phase=Phase.REPLICATE, index=0,
    params={"learning_rate": 0.01}, seed=11, epochs=2, batch_size=32, split=Split(validation=137), rows=507,
    read_test=ReadTest.AT_END,
)  # fmt: skip


@pytest.fixture(scope="module")
def arrays(keras_at_rest):
    dataset = registry.load("digits")
    return dataset.description, prepare(SharedArrays.of(dataset), memory_gb=4)


@pytest.fixture(scope="module")
def used_context(arrays):
    """A context that keeps the model of `SPEC`."""
    context = DatasetContext(*arrays)
    trained(SPEC, build, context)
    return context


def build(p):
    import keras

    init = keras.initializers.GlorotUniform(seed=p["seed"])
    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation=p.get("activation", "relu"), kernel_initializer=init),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(p.get("rate", 0.2), seed=p["seed"]),
            keras.layers.Dense(p["n_classes"], activation="softmax", kernel_regularizer=p.get("regularizer")),
        ]
    )
    config = {"learning_rate": p["learning_rate"], **p.get("config", {})}
    optimizer = keras.optimizers.get({"class_name": p.get("optimizer", "Adam"), "config": config})
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(spec, build, context, on_epoch=lambda *_: True):
    return train(spec, StudyFunctions(build), context, on_epoch)


def with_params(seed=11, **params):
    return dataclasses.replace(SPEC, seed=seed, params={**SPEC.params, **params})


def same(one, other):
    assert one.state == other.state == "finished", one.reason or other.reason
    return (one.metrics, one.history, one.correct) == (other.metrics, other.history, other.correct)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "Adam"},
        *also_in_full_form(
            {"optimizer": "SGD", "config": {"momentum": 0.9}},
            {"optimizer": "SGD"},
            {"optimizer": "RMSprop"},
            {"optimizer": "Adadelta"},
            {"optimizer": "Nadam"},
        ),
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
def test_a_trial_gives_the_same_numbers_alone_and_after_others(arrays, optimizer):
    alone = trained(with_params(**optimizer), build, DatasetContext(*arrays))
    context = DatasetContext(*arrays)
    trained(with_params(seed=3, **{**optimizer, "learning_rate": 0.05}), build, context)
    diverged = trained(with_params(seed=4, **{**optimizer, "learning_rate": 1e38}), build, context)
    assert diverged.state == ("diverged" if optimizer["optimizer"] != "Adadelta" else diverged.state)
    trained(with_params(seed=5, **optimizer), build, context, lambda epoch, _: epoch < 1)  # pruned
    after = trained(with_params(**optimizer), build, context)
    assert len(context.cache) == 1, "the models differ in numbers alone, and one is kept"
    assert same(after, alone)


@in_full_form
def test_an_optimizer_within_another_leaves_nothing_behind(arrays):
    def wrapped(p):
        import keras

        model = build(p)
        model.compile(
            keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(p["learning_rate"])),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    context = DatasetContext(*arrays)
    trained(with_params(seed=3, learning_rate=0.2), wrapped, context)
    after = trained(SPEC, wrapped, context)
    assert same(after, trained(SPEC, wrapped, DatasetContext(*arrays)))


def test_nothing_is_traced_anew_for_another_rate_or_seed(arrays, monkeypatch):
    context = DatasetContext(*arrays)
    trained(SPEC, build, context)
    made = []
    monkeypatch.setattr(epoch_graph, "_step_loop", lambda *given: made.append(given))
    monkeypatch.setattr(epoch_graph, "_loop_with_late_metrics", lambda *given: made.append(given))
    assert trained(with_params(seed=5, learning_rate=0.002), build, context).state == "finished"
    assert made == []


@in_full_form
def test_other_rows_get_graphs_of_their_own_from_the_same_model(arrays):
    context = DatasetContext(*arrays)
    fewer = dataclasses.replace(SPEC, rows=300)
    trained(SPEC, build, context)
    after = trained(fewer, build, context)
    assert same(after, trained(fewer, build, DatasetContext(*arrays)))
    assert same(
        trained(SPEC, build, context),
        trained(SPEC, build, DatasetContext(*arrays)),
    )
    assert len(context.cache) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0.5},
        *also_in_full_form(
            {"config": {"beta_1": 0.5}},
            {"activation": "tanh"},
            {"regularizer": "l2"},
            {"optimizer": "SGD"},
            {"config": {"clipnorm": 0.1}},
        ),
    ],
    ids=str,
)
def test_what_is_a_constant_of_the_graph_gets_a_model_of_its_own(arrays, used_context, change):
    n_kept = len(used_context.cache)
    after = trained(with_params(**change), build, used_context)
    assert len(used_context.cache) == n_kept + 1
    assert same(after, trained(with_params(**change), build, DatasetContext(*arrays)))


def fresh(**more):
    import keras

    keras.utils.clear_session()  # names count from one again, as before each trial
    return build({"seed": 1, "input_shape": (8, 8), "n_classes": 10, "learning_rate": 0.01, **more})


def test_rate_seed_and_initializer_do_not_count_and_all_else_does():
    first = state_of(fresh())
    assert first
    assert state_of(fresh(seed=2, learning_rate=0.5)) == first
    assert state_of(fresh(rate=0.21)) != first

    import keras

    changed = fresh()
    changed.layers[1].kernel.regularizer = keras.regularizers.L1(0.1)
    assert state_of(changed) != first

    frozen = fresh()
    frozen.layers[1].trainable = False
    assert state_of(frozen) != first


def test_a_schedule_is_part_of_the_graph():
    import keras

    def scheduled(rate):
        model = fresh()
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(rate, 5, 0.9)), loss="mse")
        return state_of(model)

    assert scheduled(0.1)
    assert scheduled(0.1) != scheduled(0.2)


def own_layer():
    import keras

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    return [Own()], {}


def own_loss():
    return [], {"loss": lambda y, predicted: (y - predicted) ** 2}


def own_metric():
    return [], {"metrics": [lambda y, predicted: y]}


def own_regularizer():
    import keras

    class Own(keras.regularizers.Regularizer):
        def __call__(self, x):
            return 0.0

        def get_config(self):
            return {}

    return [keras.layers.Dense(2, kernel_regularizer=Own())], {}


def own_activation():
    import keras

    return [keras.layers.Dense(2, activation=lambda x: x * 2)], {}


def a_lambda():
    import keras

    return [keras.layers.Lambda(lambda x: x)], {}


def a_partial_activation():
    import functools

    import keras

    def scaled(x, by):
        return x * by

    return [keras.layers.Activation(functools.partial(scaled, by=2))], {}


def a_replaced_call():
    import keras

    layer = keras.layers.Dense(2)
    layer.call = lambda x: x
    return [layer], {}


@pytest.mark.parametrize(
    "make",
    [
        own_layer,
        own_loss,
        own_metric,
        own_regularizer,
        own_activation,
        a_partial_activation,
        a_lambda,
        a_replaced_call,
    ],
)
def test_code_of_the_study_s_own_is_never_kept(make):
    import keras

    layers, compiled = make()
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    assert state_of(model) == ""


def test_a_replaced_step_and_a_class_of_its_own_are_never_kept():
    import keras

    class Own(keras.Sequential):
        pass

    own = Own([keras.Input((4,)), keras.layers.Dense(1)])
    own.compile("sgd", loss="mse")
    assert state_of(own) == ""
    model = fresh()
    model.train_step = model.train_step
    assert ModelCache().take(Slot(model)).key == ""


def test_a_table_counts_with_its_content():
    import keras

    def normalized(mean):
        keras.utils.clear_session()
        layers = [keras.Input((4,)), keras.layers.Normalization(mean=mean, variance=1.0), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile("sgd", loss="mse")
        return state_of(model)

    assert normalized(0.5) == normalized(0.5) != ""
    assert normalized(0.5) != normalized(0.6)


def test_what_stands_in_no_configuration_counts():
    import keras

    def changed(change):
        model = fresh(optimizer="AdamW")
        change(model)
        return state_of(model)

    def policy(model):
        keras.config.set_dtype_policy("mixed_bfloat16")

    changes = [
        lambda model: None,
        lambda model: setattr(model.layers[3], "rate", 0.7),
        lambda model: setattr(model.layers[1], "mine", 3),
        lambda model: setattr(model.optimizer, "clipnorm", 0.5),
        lambda model: setattr(model.layers[1], "trainable", False),
        lambda model: keras.config.set_epsilon(0.01),
        policy,
    ]
    states = []
    for change in changes:
        with global_settings.restored():
            states.append(changed(change))
    assert len(set(states)) == len(changes)
    excluded = changed(lambda model: model.optimizer.exclude_from_weight_decay(var_names=["kernel"]))
    assert excluded not in states


class Made:
    """Graphs of a made-up model."""

    def __init__(self, key, parameters=10):
        self.key = self.state = key
        self.model = self
        self.count_params = lambda: parameters


def test_the_cache_drops_the_least_recently_used_and_keeps_no_large_model(monkeypatch):
    monkeypatch.setattr(model_cache, "state_of", lambda model: model.state)
    cache = ModelCache()
    for number in range(20):
        cache.put(Made(f"model {number}"))
    assert len(cache) == 8
    assert list(cache._kept) == [f"model {number}" for number in range(12, 20)]
    cache.put(Made("large", 10**8))
    cache.put(Made(""))
    changed = Made("changed")
    changed.state = "otherwise"
    monkeypatch.setattr(model_cache, "state_of", lambda model: model.key)
    cache.put(changed)
    assert len(cache) == 8


def registered_gradients():
    return {name for name in private_names.registered_gradients() if name.startswith("CustomGradient-")}


@in_full_form
def test_graphs_that_are_given_up_leave_no_gradient_function_behind(arrays):
    context, before = DatasetContext(*arrays), registered_gradients()
    for rate in (0.1, 0.2, 0.3):
        assert trained(with_params(rate=rate), build, context).state == "finished"
    assert registered_gradients() == before


def test_gradients_that_a_study_s_own_code_registers_stay(arrays):
    import tensorflow as tf

    @tf.custom_gradient
    def halved(x):
        return x, lambda upstream: upstream / 2

    def own(p):
        import keras

        class Own(keras.layers.Layer):
            def call(self, x):
                return halved(x)

        model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), Own(), keras.layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss=loss, metrics=["accuracy"])
        return model

    before = registered_gradients()
    assert trained(SPEC, own, DatasetContext(*arrays)).state == "finished"
    assert registered_gradients() > before


@in_full_form
def test_an_optimizer_that_begins_with_the_weights_is_made_in_each_trial_as_in_fit(arrays):
    spec = with_params(optimizer="ScheduleFreeAdamW")
    context = DatasetContext(*arrays)
    trained(with_params(seed=3, optimizer="ScheduleFreeAdamW"), build, context)
    after = trained(spec, build, context)
    plain = trained(spec, build, dataclasses.replace(DatasetContext(*arrays), graph_fault="by fit"))
    assert after.trained_by == "epoch graph"
    assert after.metrics == pytest.approx(plain.metrics, rel=2e-4, abs=2e-5)


def test_a_single_weight_that_an_optimizer_begins_with_is_told_from_a_constant(arrays):
    def one_weight(p):
        import keras

        mean = [keras.layers.Reshape((64, 1)), keras.layers.GlobalAveragePooling1D()]
        model = keras.Sequential([keras.Input((8, 8)), *mean, keras.layers.Dense(1)])
        model.compile(keras.optimizers.get(p["optimizer"]), "mse")
        return model

    spec = with_params(optimizer="ScheduleFreeAdamW")
    context = DatasetContext(*arrays)
    trained(with_params(seed=3, optimizer="ScheduleFreeAdamW"), one_weight, context)
    after = trained(spec, one_weight, context)
    plain = trained(spec, one_weight, dataclasses.replace(DatasetContext(*arrays), graph_fault="by fit"))
    assert after.metrics == pytest.approx(plain.metrics, rel=2e-4)
