"""`dlstudy new --model`: the study that it writes builds the model of the file, compiled as that is."""

import keras
import numpy as np
import pytest
from keras import layers

from dlstudy.cli import new, new_model
from dlstudy.errors import UsageError
from dlstudy.study import loader
from dlstudy.training.model_files import describe_model_file


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_model, "ask", lambda function, *given: function(*given))  # Keras is here already
    return tmp_path


def saved(model, path, *how, **named):
    if how or named:
        model.compile(*how, **named)
    model.save(path)
    return path


def dense(n_outputs, shape=(8, 8), **options):
    return keras.Sequential(
        [keras.Input(shape), layers.Flatten(), layers.Dense(n_outputs, kernel_initializer="ones", **options)]
    )


def with_classes():
    sgd = keras.optimizers.SGD(0.05, momentum=0.9, clipnorm=2.0)
    return dense(10, activation="softmax"), (sgd, "sparse_categorical_crossentropy", None, ["acc"])


def one_hot():
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    adam = keras.optimizers.AdamW(rate, weight_decay=0.01)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    return dense(10, (64,)), (adam, loss, None, [keras.metrics.F1Score(average="macro"), "accuracy"])


def numbers():
    return dense(1, (3,)), ("rmsprop", "mse")


@pytest.mark.parametrize(
    ("make", "suffix", "dataset", "metric"),
    [
        (with_classes, "keras", "digits", "acc"),
        (with_classes, "h5", "digits", "acc"),
        (one_hot, "keras", "digits", "f1_score"),
        (numbers, "keras", "advertising", "loss"),
    ],
)
def test_each_arm_is_the_model_with_its_settings_but_for_what_the_arm_says(here, make, suffix, dataset, metric):
    model, how = make()
    model.compile(*how)
    wanted = model.get_compile_config()
    path = saved(model, here / f"a model.{suffix}")
    file = loader.load(new.write_study("mine", new.Wanted(model=path)).resolve())
    study = file.study
    assert (study.dataset, study.protocol.metric) == (dataset, f"val_{metric}")
    assert file.inputs == (f"a model.{suffix}",), "the file counts in the definition"
    built = [study.build({**arm.setting, "learning_rate": 0.02}) for arm in study.arms]
    for i, made in enumerate(built):
        settings = made.get_compile_config()
        assert made.optimizer.get_config()["learning_rate"] == pytest.approx(0.02)
        assert [list(w.shape) for w in made.weights] == [list(w.shape) for w in model.weights]
        assert np.array_equal(made.get_weights()[1], model.get_weights()[1]), "a bias begins at zero"
        for part in ("optimizer", "loss", "metrics"):
            same = texts(settings[part] or []) == texts(wanted[part] or [])
            assert same == (part != "optimizer" or i < 2), part
    assert type(built[2].optimizer).__name__ == {"adam": "Adam", "sgd": "SGD"}[study.arms[2].name]


def texts(given):
    """Settings as text, without the rate, the names of losses, and how a function is stated."""
    if isinstance(given, dict):
        if isinstance(given.get("config"), str):
            return str(given["config"])
        return str({name: texts(value) for name, value in given.items() if name not in ("learning_rate",)})
    return str([texts(item) for item in given]) if isinstance(given, list) else str(given)


def test_weights_of_the_file_are_kept_or_drawn_anew(here):
    model, how = dense(10), ("adam", "sparse_categorical_crossentropy")
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dense(10, activation="softmax")])
    path = saved(model, here / "m.keras", *how)
    study = loader.load(new.write_study("mine", new.Wanted(model=path)).resolve()).study
    kept, anew, again = (
        study.build({"weights": weights, "optimizer": "own", "learning_rate": 0.1}).get_weights()[0]
        for weights in ("of the file", "new", "new")
    )
    assert np.array_equal(kept, model.get_weights()[0])
    assert not np.allclose(kept, anew)
    assert not np.allclose(anew, again)


class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def two_inputs():
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], layers.Dense(1)(a + b))


def square(y, given):
    return keras.ops.mean((y - given) ** 2)


BAD = {
    "no file": (lambda: None, (), "no file at m.keras: check --model"),
    "no model": (lambda: "text", (), r"--model m.keras cannot be loaded \(.*\): it takes layers and losses"),
    "not compiled": (lambda: dense(1), (), "--model takes a compiled model, got m.keras without a loss: compile it"),
    "two inputs": (two_inputs, ("sgd", "mse"), "--model takes a model with one input, got 2 in m.keras"),
    "a loss of one's own": (lambda: dense(1), ("sgd", square), "--model m.keras cannot be loaded .*square"),
    "a class of one's own": (
        lambda: keras.Sequential([keras.Input((3,)), Doubled(), layers.Dense(1)]),
        ("sgd", "mse"),
        r"--model m.keras cannot be loaded \(.*Doubled",
    ),
    "no rows that fit": (
        lambda: dense(7, (5, 5)),
        ("sgd", "mse"),
        r"no data set of dlstudy's fits m.keras, which takes \(5, 5\) and gives \(7\): name your rows with --data",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_study_is_said_in_one_line(here, case):
    make, how, message = BAD[case]
    if case == "no model":
        (here / "m.keras").write_text("text")
    elif case != "no file":
        saved(make(), here / "m.keras", *how)
    with pytest.raises(UsageError, match=message) as caught:
        new.write_study("mine", new.Wanted(model=here.__class__("m.keras")))
    assert "\n" not in str(caught.value)
    assert not (here / "mine.py").exists()


def test_layers_that_scale_are_seen(here):
    model = keras.Sequential([keras.Input((8, 8)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1)])
    assert describe_model_file(saved(model, here / "a.keras", "sgd", "mse"))["scales"]
    assert not describe_model_file(saved(dense(1), here / "b.keras", "sgd", "mse"))["scales"]
