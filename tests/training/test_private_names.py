"""Private names of Keras and TensorFlow: what they give now, and that trials do without them."""

import dataclasses

import pytest

from dlstudy.training import private_names
from dlstudy.training.fused_updates import fused
from dlstudy.training.initial_weights import seeds_apart
from dlstudy.training.model_cache import ModelCache, Slot
from tests.helpers.full_form import also_in_full_form
from tests.helpers.trainings import net, run, spec_of

FUNCTIONS = sorted(set(private_names.__all__) - {"MISSING", "is_from_keras"})


def built(kind, **options):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    optimizer = getattr(keras.optimizers, kind)(0.01, **options)
    optimizer.build(model.trainable_variables)
    return model, optimizer


@pytest.mark.parametrize(
    ("kind", "slots"), [("Adam", "adam"), ("AdamW", "adam"), ("RMSprop", "rmsprop"), ("Adadelta", "adadelta")]
)
def test_slots_have_the_shapes_of_the_variables_at_their_index(kind, slots):
    model, optimizer = built(kind, **({"momentum": 0.5} if kind == "RMSprop" else {}))
    index = private_names.slot_index(optimizer)
    for variables in getattr(private_names, f"{slots}_slots")(optimizer):
        assert [variables[index(variable)].shape for variable in model.trainable_variables] == [(3, 2), (2,)]


def test_rmsprop_without_momentum_has_no_slots_for_it():
    _, optimizer = built("RMSprop")
    assert [len(slots) for slots in private_names.rmsprop_slots(optimizer)] == [2, 0]


def test_layers_inside_of_layers_are_found():
    import keras

    wrapped = keras.layers.Bidirectional(keras.layers.LSTM(2))
    model = keras.Sequential([keras.Input((4, 3)), wrapped])
    assert {wrapped.forward_layer, wrapped.backward_layer} <= set(private_names.all_layers(model))
    assert not {wrapped.forward_layer} & set(model.layers)


def test_classes_of_keras_are_told_from_those_of_others():
    import keras

    class Own(keras.layers.Dense):
        pass

    cases = [(keras.layers.Dense, "layers"), (keras.Sequential, "models"), (keras.callbacks.EarlyStopping, "callbacks")]
    assert all(private_names.is_from_keras(kind, part) for kind, part in cases)
    assert not private_names.is_from_keras(Own, "layers")
    assert not private_names.is_from_keras(keras.layers.Dense, "models")


def test_only_seed_generators_take_the_replaced_seeds():
    import keras

    with private_names.default_seeds_from(lambda: 5):
        dropout, dense = keras.layers.Dropout(0.5), keras.layers.Dense(1)
    assert int(dropout.seed_generator.state.numpy()[0]) == 5
    assert dense.kernel_initializer.seed != 5


def take_away(monkeypatch, name):
    """The name behind this function is gone, as after an upgrade."""

    def missing(*_):
        raise AttributeError(f"no {name} in this version")

    monkeypatch.setattr(private_names, name, missing)


@pytest.fixture(scope="module")
def metrics_of(digits):
    """Trains the same small net with an optimizer, in a model of its own; its metrics."""

    def metrics_of(optimizer):
        def build(p):
            import keras

            model = net(p)
            model.compile(
                keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": 0.01}}),
                loss="sparse_categorical_crossentropy",
                metrics=["accuracy"],
            )
            return model

        result = run(dataclasses.replace(digits, cache=ModelCache()), spec_of(epochs=2), build)
        assert (result.state, result.trained_by, result.remarks) == ("finished", "epoch graph", ()), result.reason
        return result.metrics

    return metrics_of


@pytest.fixture(scope="module")
def usual(metrics_of):
    """The metrics of each optimizer with all names as they are."""
    return {optimizer: metrics_of(optimizer) for optimizer in ("Adam", "RMSprop", "Adadelta")}


@pytest.mark.parametrize(
    "name", [*FUNCTIONS[::3], *also_in_full_form(*(f for f in FUNCTIONS if f not in FUNCTIONS[::3]))]
)
def test_without_a_name_a_trial_gives_the_same_numbers_up_to_rounding(metrics_of, usual, monkeypatch, name):
    optimizer = {"rmsprop_slots": "RMSprop", "adadelta_slots": "Adadelta"}.get(name, "Adam")
    take_away(monkeypatch, name)
    assert metrics_of(optimizer) == pytest.approx(usual[optimizer], rel=2e-4, abs=2e-5)


def test_without_slots_no_update_is_fused_and_without_layers_no_model_is_known(monkeypatch):
    for name in ("slot_index", "adam_slots"):
        with monkeypatch.context() as patch:
            take_away(patch, name)
            model, optimizer = built("Adam")
            model.compile(optimizer, "mse")
            with fused(model, []):
                assert "update_step" not in vars(optimizer)
    take_away(monkeypatch, "all_layers")
    assert ModelCache().take(Slot(model)).key == ""


def test_a_name_that_keras_no_longer_has_is_missed(monkeypatch):
    import keras
    from keras.src.random import seed_generator

    _, optimizer = built("Adam")
    monkeypatch.delattr(optimizer, "_velocities")
    with pytest.raises(private_names.MISSING):
        private_names.adam_slots(optimizer)
    monkeypatch.delattr(seed_generator, "make_default_seed")
    with pytest.raises(private_names.MISSING), private_names.default_seeds_from(lambda: 5):
        pass
    with seeds_apart(1):
        keras.layers.Dense(1)


def test_where_classes_of_keras_are_not_recognized_models_train_as_a_study_s_own(digits, monkeypatch):
    before = run(digits, spec_of(epochs=2)).metrics
    monkeypatch.setattr(private_names, "is_from_keras", lambda *_: False)

    def callbacks(p):
        import keras

        return [keras.callbacks.EarlyStopping(patience=9)]

    own = run(digits, spec_of(epochs=2), callbacks=callbacks)
    assert (own.state, own.trained_by) == ("finished", "epoch graph")
    assert {name: own.metrics[name] for name in before} == pytest.approx(before, rel=2e-4, abs=2e-5)
