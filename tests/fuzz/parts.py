"""Keras objects from the plain recipes of a program: layers, models, optimizers, losses, metrics.

A recipe is a name, or a name and its options. What is not given has a default, so that a program stays one when
anything is left out of it.
"""

import keras
import numpy as np
from keras import ops

__all__ = [
    "CLASSES", "compile_as", "compiled_model", "named", "optimizer_of", "prepare_of", "read_globals", "set_globals",
]  # fmt: skip

CLASSES = 3


class Scale(keras.layers.Layer):
    """Weights, a loss and a count of its own, in variables."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, x, training=False):
        if training:
            self.calls.assign_add(1.0)
        self.add_loss(1e-3 * ops.sum(ops.square(ops.cast(self.factor, "float32"))))
        return x * self.factor


class Times(keras.layers.Layer):
    """Multiplies by a number that is an attribute in Python and in no configuration."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor


class Table(keras.layers.Layer):
    """Takes away an array that it holds outside variables.

    It adds none: TensorFlow's oneDNN may fuse a convolution, its bias and such a sum, and read past the array's end.
    """

    def __init__(self, value=0.1):
        super().__init__()
        self.table = np.float32([value])

    def call(self, x):
        return x - ops.cast(self.table, x.dtype)


class Mean(keras.metrics.Metric):
    """A metric with variables of its own: the mean square of the predictions, weighted by rows."""

    def __init__(self, name="own", vector=False):
        super().__init__(name=name)
        self.vector = vector
        self.total = self.add_weight(name="total", initializer="zeros")
        self.rows = self.add_weight(name="rows", initializer="zeros")

    def update_state(self, y, predicted, sample_weight=None):
        self.total.assign_add(ops.cast(ops.sum(ops.square(predicted)), self.total.dtype))
        self.rows.assign_add(ops.cast(ops.shape(predicted)[0], self.rows.dtype))

    def result(self):
        mean = self.total / self.rows
        return ops.stack([mean, 2 * mean]) if self.vector else mean


class Subclassed(keras.Model):
    """A model whose layers are called in Python."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def call(self, x, training=None):
        for part in self.parts:
            x = part(x, training=training) if getattr(part, "_call_has_training_arg", False) else part(x)
        return x


def largest(y, predicted):
    """No mean over rows: it depends on which rows are in a batch."""
    return ops.max(predicted) * ops.ones_like(predicted[:, 0])


def cube(y, predicted):
    """A loss of the study's own."""
    y = ops.cast(ops.reshape(y, (-1, 1)), predicted.dtype)
    return ops.mean(ops.abs(y - predicted) ** 3, axis=-1)


def named(recipe):
    """The name of a recipe and its options."""
    return (recipe, {}) if isinstance(recipe, str) else (recipe[0], dict(recipe[1]))


OWN_LAYERS = {"Scale": Scale, "Times": Times, "Table": Table}
NEEDED = {
    "Dense": {"units": 4},
    "Conv1D": {"filters": 3, "kernel_size": 2},
    "Conv2D": {"filters": 3, "kernel_size": 2},
    "Dropout": {"rate": 0.25},
    "GaussianNoise": {"stddev": 0.1},
    "GaussianDropout": {"rate": 0.2},
    "SpatialDropout1D": {"rate": 0.2},
    "Embedding": {"input_dim": 7, "output_dim": 3},
    "SimpleRNN": {"units": 3},
    "LSTM": {"units": 2},
    "GRU": {"units": 2},
    "Rescaling": {"scale": 0.5},
    "Normalization": {"mean": 0.1, "variance": 2.0},
    "Activation": {"activation": "tanh"},
    "LeakyReLU": {},
    "Masking": {"mask_value": 0.0},
}
"""The options that a layer cannot be without."""


def layer_of(recipe):
    """A layer."""
    name, options = named(recipe)
    if name in OWN_LAYERS:
        return OWN_LAYERS[name](**options)
    if name == "Lambda":
        by = options.get("by", 0.5)
        return keras.layers.Lambda(lambda x: x * by)
    if name in ("Bidirectional", "TimeDistributed"):
        inner = options.get("of", "LSTM" if name == "Bidirectional" else "Dense")
        return getattr(keras.layers, name)(layer_of(inner))
    for part in ("regularizer", "constraint"):
        for key in [key for key in options if key.endswith(part) and not isinstance(options[key], str)]:
            kind, more = named(options[key])
            options[key] = getattr(getattr(keras, f"{part}s"), kind)(**more)
    return getattr(keras.layers, name)(**{**NEEDED.get(name, {}), **options})


def head_of(trial, target, name=None):
    """The last layer, as the loss reads it."""
    units = CLASSES if target in ("classes", "one-hot") else 2 if target == "several" else 1
    usual = "softmax" if units == CLASSES else "sigmoid" if target == "binary" else None
    from_logits = named(trial.get("loss", ""))[1].get("from_logits")
    dtype = {"dtype": "float32"} if "bfloat16" in str(trial.get("globals")) else {}
    return keras.layers.Dense(units, activation=None if from_logits else usual, name=name, **dtype)


def model_of(trial, shape, data):
    """A model that is not compiled."""
    layers = [layer_of(recipe) for recipe in trial.get("layers", ())]
    flat, target = keras.layers.Flatten(), data["target"]
    head = head_of(trial, target)
    kind = trial.get("net", "sequential")
    if data.get("inputs") or data.get("heads"):
        kind = kind if kind in ("branches", "shared", "residual") else "functional"
    if kind == "subclassed":
        return with_step(Subclassed, trial)([*layers, flat, head])
    if kind in ("sequential", "deferred"):
        start = [keras.Input(shape)] if kind == "sequential" else []
        return with_step(keras.Sequential, trial)([*start, *layers, flat, head])
    if kind == "nested":
        inner = keras.Sequential(layers) if layers else keras.layers.Activation("linear")
        return with_step(keras.Sequential, trial)([keras.Input(shape), inner, flat, head])
    if isinstance(shape, dict):
        inputs = {name: keras.Input(part, name=name) for name, part in shape.items()}
        x = keras.layers.Add()(list(inputs.values()))
    else:
        x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    x = flat(x)
    if kind == "branches":
        x = keras.layers.Concatenate()([keras.layers.Dense(3, activation="tanh")(x), keras.layers.Dense(2)(x)])
    elif kind == "shared":
        dense = keras.layers.Dense(x.shape[-1], activation="tanh")
        x = keras.layers.Add()([dense(dense(x)), x])
    elif kind == "residual":
        x = x + keras.layers.Dense(x.shape[-1], kernel_regularizer="l2")(x)
    outputs = {name: head_of(trial, target, name)(x) for name in HEADS} if data.get("heads") else head(x)
    return with_step(keras.Model, trial)(inputs, outputs)


HEADS = ("one", "two")


def own_train_step(self, data):
    """As Keras's, with one more number of the study's own."""
    logs = type(self).__mro__[1].train_step(self, data)
    return {**logs, "rows_in_last_batch": ops.shape(data[0])[0]}


def step_without_loss(self, data):
    """Trains by a rule of its own, and returns a number that is no loss."""
    import tensorflow as tf

    x, y = data
    with tf.GradientTape() as tape:
        predicted = self(x, training=True)
        distance = ops.mean(ops.square(predicted - ops.cast(ops.reshape(y, (-1, 1)), predicted.dtype)))
    weights = self.trainable_variables
    self.optimizer.apply_gradients(zip(tape.gradient(distance, weights), weights, strict=True))
    return {"distance": distance}


def own_test_step(self, data):
    """As Keras's, with one more number."""
    logs = type(self).__mro__[1].test_step(self, data)
    return {**logs, "largest_input": ops.max(data[0])}


def own_compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
    """Keras's loss, and the mean square of the outputs."""
    usual = type(self).__mro__[1].compute_loss(self, x, y, y_pred, sample_weight, training)
    return usual + 0.1 * ops.cast(ops.mean(ops.square(y_pred)), usual.dtype)


def own_compute_metrics(self, x, y, y_pred, sample_weight=None):
    """Keras's metrics, and a constant."""
    return {**type(self).__mro__[1].compute_metrics(self, x, y, y_pred, sample_weight), "one": ops.ones(())}


STEPS = {
    "train_step": {"train_step": own_train_step},
    "no loss": {"train_step": step_without_loss},
    "test_step": {"test_step": own_test_step},
    "compute_loss": {"compute_loss": own_compute_loss},
    "compute_metrics": {"compute_metrics": own_compute_metrics},
}


def with_step(base, trial):
    """The class, or one of the study's own that overrides a step."""
    overridden = STEPS.get(trial.get("step"))
    return type("Own", (base,), dict(overridden)) if overridden else base


def optimizer_of(recipe):
    """An optimizer; `exclude` and `wrapped` are options of the fuzzer, not of Keras."""
    name, options = named(recipe)
    excluded, wrapped = options.pop("exclude", ()), options.pop("wrapped", False)
    rate = options.pop("learning_rate", 0.02)
    if not isinstance(rate, float):
        kind, more = named(rate)
        rate = getattr(keras.optimizers.schedules, kind)(**more)
    optimizer = getattr(keras.optimizers, name)(learning_rate=rate, **options)
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=list(excluded))
    return keras.optimizers.LossScaleOptimizer(optimizer) if wrapped else optimizer


def loss_of(recipe):
    """A loss: a function defined here, an object of Keras's, or a name as `compile` takes it."""
    name, options = named(recipe)
    if name == "cube":
        return cube
    return getattr(keras.losses, name)(**options) if name[0].isupper() else name


def metric_of(recipe):
    """A metric: likewise."""
    name, options = named(recipe)
    if name in ("own", "vector"):
        return Mean(name, vector=name == "vector")
    if name == "largest":
        return largest
    if name == "wrapped":
        return keras.metrics.MeanMetricWrapper(largest, name="wrapped")
    return getattr(keras.metrics, name)(**options) if name[0].isupper() else name


DEFAULT_LOSS = {
    "binary": "binary_crossentropy",
    "classes": "sparse_categorical_crossentropy",
    "one-hot": "categorical_crossentropy",
}


def compile_as(model, trial, data):
    """Compiles as the trial says; a model with two heads with the same loss and metrics for both."""
    recipe = trial.get("loss", DEFAULT_LOSS.get(data["target"], "mean_squared_error"))
    weighted = trial.get("weighted_metrics", ())
    both = HEADS if data.get("heads") else ()
    model.compile(
        optimizer=optimizer_of(trial.get("optimizer", "SGD")),
        loss={name: loss_of(recipe) for name in both} or loss_of(recipe),
        metrics={name: metrics_of(trial.get("metrics", ())) for name in both} or metrics_of(trial.get("metrics", ())),
        weighted_metrics=metrics_of(weighted) if weighted and not both else None,
        **trial.get("compiled", {}),
    )


def metrics_of(recipes):
    """Metrics."""
    return [metric_of(recipe) for recipe in recipes]


SETTERS = {
    "floatx": keras.config.set_floatx,
    "epsilon": keras.config.set_epsilon,
    "dtype_policy": keras.config.set_dtype_policy,
    "image_data_format": keras.config.set_image_data_format,
}
GETTERS = {
    "floatx": keras.config.floatx,
    "epsilon": keras.config.epsilon,
    "image_data_format": keras.config.image_data_format,
}


def set_globals(values):
    """Sets global settings of Keras by name."""
    for name, value in values.items():
        SETTERS[name](value)


def read_globals():
    """The global settings that a program may change, but for the policy, which every `clear_session` takes away."""
    return {name: get() for name, get in GETTERS.items()}


def compiled_model(trial, shape, data):
    """What a study's `build` returns."""
    set_globals(trial.get("globals", {}))
    model = model_of(trial, shape, data)
    compile_as(model, trial, data)
    return model


def prepare_of(data):
    """What a study's `prepare` does with the data; None where the program has none."""
    x_type, target = data.get("x_type"), data["target"]
    needed = x_type or target in ("one-hot", "several", "column")
    if not needed and not any(data.get(name) for name in ("inputs", "heads", "weights")):
        return None

    def prepare(x, y, train, p):
        if x_type:
            x = (np.abs(x) * 3).astype(x_type) if x_type.startswith(("int", "uint")) else x.astype(x_type)
        if target == "one-hot":
            y = np.eye(CLASSES, dtype=np.float32)[y.astype(int)]
        elif target == "several":
            y = np.stack([y, 0.5 * y], axis=1)
        elif target == "column":
            y = y[:, None]
        weights = (np.linspace(0.5, 1.5, len(y)),) if data.get("weights") else ()
        if data.get("inputs"):
            x = {"a": x, "b": x[::-1].copy()}
        if data.get("heads"):
            y = {"one": y, "two": y[::-1].copy()}
        return x, y, *weights

    return prepare
