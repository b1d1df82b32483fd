"""Models of a study's own classes and functions come back, and what does not says why."""

import types

import numpy as np
import pytest

from dlstudy.errors import RecordError
from dlstudy.training import artifacts
from dlstudy.training.saved_models import load_model, remark_on_loading

UNITS = []
X = np.random.default_rng(2).normal(size=(5, 4)).astype("float32")


@pytest.fixture(autouse=True)
def _nothing_registered():
    """As in a process that has imported nothing but Keras."""
    import keras

    yield
    keras.saving.get_custom_objects().clear()


def registered(p):
    """A layer whose class is registered when it is made."""
    import keras

    @keras.saving.register_keras_serializable()
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    return [Doubled(), keras.layers.Dense(p.get("units", 3))]


def unregistered(p):
    """A layer with layers of its own, of a class that nobody registers, after an activation that nobody does."""
    import keras

    def bent(x):
        return x * x

    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(p.get("units", 3))

        def call(self, x):
            return self.inner(x)

    return [
        keras.layers.Dense(4, activation=p.get("activation", bent)),
        Block(),
        keras.layers.Dropout(0.5, seed=p["seed"]),
    ]


def with_lambda(p):
    import keras

    return [keras.layers.Lambda(lambda x: x + 1, output_shape=(4,)), keras.layers.Dense(3)]


def with_loss(p):
    import keras

    return [keras.layers.Dense(3)]


def moody(p):
    """Another net each time."""
    UNITS.append(3)
    return [*unregistered({**p, "units": len(UNITS)}), *with_loss(p)]


def ordinary(p):
    import keras

    return [keras.layers.Dense(3, activation="gelu", kernel_regularizer="l2"), keras.layers.BatchNormalization()]


def builder(layers):
    """A study's `build`, of these layers."""

    def build(p):
        import keras

        def own_loss(y, predicted):
            return keras.ops.mean((y - predicted) ** 2)

        model = keras.Sequential([keras.Input((4,)), *layers(p)])
        model.compile("sgd", own_loss if layers is with_loss else "mse", metrics=["mae"])
        return model

    return build


@pytest.fixture
def saved(keras_at_rest, tmp_path):
    """Saves a model as a trial does; gives its folder, what it predicts, and the remark on it."""

    def saved(layers):
        import keras

        keras.utils.clear_session()
        (tmp_path / "data").mkdir()
        build = builder(layers)
        model = build({"seed": 1})
        expected = keras.ops.convert_to_numpy(model(X))
        model.save(tmp_path / "data" / "model.keras")
        task = types.SimpleNamespace(
            spec=types.SimpleNamespace(model_folder=str(tmp_path)),
            build=lambda: build({"seed": 1}),
        )
        remark = remark_on_loading(task)
        keras.saving.get_custom_objects().clear()
        return tmp_path, expected, remark

    return saved


@pytest.mark.parametrize("layers", [registered, unregistered, with_lambda, with_loss, ordinary])
@pytest.mark.filterwarnings("ignore:.*lambda:UserWarning")
def test_a_model_comes_back_through_the_study_that_made_it(saved, layers):
    folder, expected, _ = saved(layers)
    model = load_model(folder, "", lambda: builder(layers)({"seed": 2}))  # the seed decides no output
    np.testing.assert_allclose(model(X), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("layers", "needs", "other_way"),
    [
        (registered, "the model needs Doubled: ", False),
        (unregistered, "the model needs Block, bent: ", False),
        (with_lambda, "the model needs a lambda: ", False),
        (with_loss, "the model needs own_loss: ", True),
    ],
)
@pytest.mark.filterwarnings("ignore:.*lambda:UserWarning")
def test_what_another_program_needs_is_said_when_the_model_is_saved(saved, layers, needs, other_way):
    _, _, remark = saved(layers)
    assert remark.startswith(needs)
    assert "at the top of a module, under @keras.saving.register_keras_serializable(), and import that" in remark
    assert remark.endswith("or pass load_model_kwargs={'compile': False}") == other_way


def test_a_model_that_keras_alone_can_load_needs_no_remark(saved):
    assert saved(ordinary)[2] == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"units": 5}, "Nor do its weights fit the model that the study's build makes: .*could not be loaded"),
        ({"activation": "relu"}, "it has another configuration: the study was changed since, undo that or run it"),
    ],
)
def test_weights_go_into_no_other_model(saved, change, reason):
    folder, _, _ = saved(unregistered)
    with pytest.raises(RecordError, match=reason) as caught:
        load_model(folder, "", lambda: builder(unregistered)({"seed": 1, **change}))
    assert "Make sure custom classes and functions are decorated with" in str(caught.value)
    assert "before trying to load them." in str(caught.value)  # Keras's remedy, whole
    assert "Full object config" not in str(caught.value)


def test_without_a_study_the_remedy_of_keras_is_whole(saved):
    folder, _, _ = saved(registered)
    with pytest.raises(RecordError, match=r"Could not locate class 'Doubled'\. Make sure .* to load them\.$"):
        load_model(folder, "")


def test_a_model_that_no_build_can_make_again_is_said_to_be_lost(saved):
    assert saved(moody)[2].startswith("the model was saved, but cannot be loaded: ")


def test_the_signature_has_the_shape_of_every_output(keras_at_rest, tmp_path):
    import keras
    from mlflow.models import Model

    given = keras.Input((4,))
    outputs = [keras.layers.Dense(2)(given), keras.layers.Dense(3)(given)]
    for name, model in {"one": keras.Model(given, outputs[0]), "two": keras.Model(given, outputs)}.items():
        artifacts._write(model, "keras", tmp_path / name, X)
        assert model.predict_function is None  # no graph was made for it
    one, two = (Model.load(str(tmp_path / name)).signature.outputs.inputs for name in ("one", "two"))
    assert [part.shape for part in one] == [(-1, 2)]
    assert {part.name: part.shape for part in two} == {"output_0": (-1, 2), "output_1": (-1, 3)}
