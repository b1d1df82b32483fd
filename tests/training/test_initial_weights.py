"""Initial weights: the same with and without layers that draw numbers, and a digest of each."""

import hashlib

import numpy as np
import pytest

from dlstudy.study.phases import Phase
from dlstudy.training.initial_weights import digests, seeds_apart
from tests.helpers.full_form import also_in_full_form
from tests.helpers.trainings import context_of, net, run, spec_of

DRAWING = ("Dropout", "SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise")


def deep(p):
    """Two hidden layers, with a layer that draws numbers before each of them where `p` names one."""
    import keras

    def drawing():
        return [getattr(keras.layers, p["drawing"])(0.2)] if "drawing" in p else []

    hidden = [layer for _ in range(2) for layer in (*drawing(), keras.layers.Dense(16, activation="relu"))]
    layers = [keras.Input((8, 8, 1)), keras.layers.Reshape((1, 64)), *hidden, keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Variable:
    """As much of a Keras variable as a digest needs."""

    def __init__(self, name, values):
        self.name, self._values = name, np.array(values, np.float32)

    def numpy(self):
        return self._values


class Model:
    def __init__(self, *variables):
        self.trainable_variables = variables


def digest(*values):
    return hashlib.sha256(np.array(values, "<f4").tobytes()).hexdigest()[:8]


@pytest.mark.parametrize("drawing", [DRAWING[0], *also_in_full_form(*DRAWING[1:])])
def test_layers_that_draw_numbers_leave_initial_weights_as_they_are(digits, drawing):
    # Fails where a version of Keras no longer asks the function that `seeds_apart` replaces.
    plain = run(digits, spec_of(epochs=1), deep)
    drawn = run(digits, spec_of(epochs=1, params={"drawing": drawing}), deep)
    assert plain.state == drawn.state == "finished", drawn.traceback
    assert list(plain.initial) == ["kernel 64x16", "kernel 16x16", "kernel 16x10"]
    assert drawn.initial == plain.initial
    assert drawn.metrics != plain.metrics


def test_a_net_without_such_layers_has_the_weights_that_keras_gives_it(digits):
    import keras

    keras.utils.set_random_seed(11)
    expected = digests(deep({}))
    assert run(digits, spec_of(epochs=1, seed=11), deep).initial == expected
    assert run(digits, spec_of(epochs=1, seed=12), deep).initial != expected


def test_what_is_drawn_in_training_comes_from_the_seed_and_differs_from_layer_to_layer():
    import keras

    def states(seed):
        with seeds_apart(seed):
            return [int(keras.layers.Dropout(0.5).seed_generator.state.numpy()[0]) for _ in range(3)]

    assert states(1) == states(1)
    assert len({*states(1), *states(2)}) == 6


def test_keras_has_its_own_function_back_whatever_happens(digits):
    from keras.src.random import seed_generator

    def broken(p):
        assert seed_generator.make_default_seed is not original
        raise RuntimeError("this net cannot be built")

    original = seed_generator.make_default_seed
    result = run(digits, spec_of(), broken)
    assert result.reason == "RuntimeError: this net cannot be built"
    assert result.initial == {}
    assert seed_generator.make_default_seed is original


def test_a_digest_is_named_by_what_it_is_and_not_by_its_layer():
    model = Model(
        Variable("kernel", [[0.5, 0.25]]),
        Variable("bias", [0.0, 0.0]),
        Variable("gamma", [1.0, 1.0]),
        Variable("kernel", [[0.0, 1.0]]),
        Variable("kernel", [[2.0, 0.0]]),
        Variable("alpha", 3.0),
    )
    assert digests(model) == {
        "kernel 1x2": digest(0.5, 0.25), "kernel 1x2 #2": digest(2.0, 0.0), "alpha": digest(3.0)
    }  # fmt: skip


def test_many_weights_have_one_digest_that_each_of_them_decides():
    def many(n, last=0.5):
        return Model(*(Variable("kernel", [i + 0.5]) for i in range(n - 1)), Variable("kernel", [last]))

    assert len(digests(many(60))) == 60
    assert list(digests(many(61))) == ["all 61 weights together"]
    assert digests(many(61)) == digests(many(61)) != digests(many(61, last=0.25))


@pytest.mark.parametrize("phase", Phase)
def test_only_runs_that_are_paired_by_seed_record_digests(digits, phase):
    result = run(digits, spec_of(epochs=1, phase=phase))
    assert list(result.initial) == ([] if phase in (Phase.SEARCH, Phase.SWEEP) else ["kernel 64x10"])
    assert not [name for name in result.metrics if "kernel" in name]


def test_a_kept_model_trains_from_the_weights_whose_digests_are_recorded(keras_at_rest):
    context = context_of("digits")
    run(context, spec_of(epochs=1, seed=3))
    recorded = run(context, spec_of(epochs=1, seed=4, params={"learning_rate": 0.0})).initial
    (kept,) = context.cache._kept.values()
    assert digests(kept.model) == recorded
    assert recorded == run(context_of("digits"), spec_of(epochs=1, seed=4), net).initial
