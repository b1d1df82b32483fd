"""What a program's own code does while a model trains: callbacks, a second stage, a look at the trained model.

All that it sees is kept in a list, to be compared.
"""

from pathlib import Path

import keras
import numpy as np

from tests.fuzz.parts import compile_as, compiled_model, named, optimizer_of

__all__ = ["AFTER", "callbacks_of", "look_at", "next_stage"]

HOOKS = ("on_train_begin", "on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end", "on_train_end")


def callbacks_of(trial, p, arrays, seen):
    """The callbacks of a stage, and last the one that keeps what a callback may look at."""
    made = [callback_of(*named(recipe), p, arrays, seen) for recipe in trial.get("callbacks", ())]
    return [*made, watching(seen, p)]


def watching(seen, p):
    """A callback that keeps what it is told."""

    def make(name):
        if "epoch" in name:
            return lambda self, epoch, logs=None: seen.append((name, epoch, plain(logs), dict(self.params)))
        return lambda self, logs=None: seen.append((name, plain(logs), dict(self.params)))

    made = type("Watching", (keras.callbacks.Callback,), {name: make(name) for name in HOOKS})()
    end = made.on_train_end

    def on_train_end(logs=None):
        end(logs)
        for path in sorted(Path(p["folder"]).rglob("*.*")):
            seen.append(("file", path.name, numbers_in(path)))

    made.on_train_end = on_train_end
    return made


def numbers_in(path):
    """The lines of a file of text, numbers as numbers."""
    if path.suffix != ".csv":
        return None
    return [[as_number(cell) for cell in line.split(",")] for line in path.read_text().splitlines()]


def as_number(text):
    """A number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text


def plain(logs):
    """Logs in their order, numbers as floats."""
    return [(name, np.asarray(value).tolist()) for name, value in (logs or {}).items()]


def callback_of(name, options, p, arrays, seen):
    """One callback: Keras's own, or one that acts on the model at a hook."""
    if name in ACTIONS:
        when = options.get("when", "on_epoch_end")
        act = ACTIONS[name]

        def hook(self, *arguments):
            epoch = arguments[0] if arguments and isinstance(arguments[0], int) else 0
            seen.append((name, act(self.model, arrays, epoch, arguments[-1] if arguments else None)))

        return type("Acting", (keras.callbacks.Callback,), {when: hook})()
    if name == "LearningRateScheduler":
        return keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    if name == "LambdaCallback":
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(("lambda", epoch)))
    if name == "CSVLogger":
        return keras.callbacks.CSVLogger(f"{p['folder']}/log.csv")
    if name == "ModelCheckpoint":
        return keras.callbacks.ModelCheckpoint(f"{p['folder']}/{{epoch}}.weights.h5", save_weights_only=True, **options)
    needed = {"EarlyStopping": {"monitor": "loss", "patience": 0}, "ReduceLROnPlateau": {"monitor": "loss"}}
    return getattr(keras.callbacks, name)(**{**needed.get(name, {}), **options})


def first(n, arrays):
    """Some rows: other ones than train."""
    return keras.tree.map_structure(lambda array: array[:n], arrays)


def evaluates(model, arrays, epoch, logs):
    return plain(model.evaluate(*first(7, arrays), verbose=0, return_dict=True))


def predicts(model, arrays, epoch, logs):
    return model.predict(first(5, arrays)[0], verbose=0)


def trains_on_batch(model, arrays, epoch, logs):
    return plain(model.train_on_batch(*first(4, arrays), return_dict=True))


def tests_on_batch(model, arrays, epoch, logs):
    return plain(model.test_on_batch(*first(4, arrays), return_dict=True))


def fits(model, arrays, epoch, logs):
    return plain(model.fit(*first(8, arrays), batch_size=4, shuffle=False, verbose=0).history)


def sets_rate(model, arrays, epoch, logs):
    model.optimizer.learning_rate = 0.01 / (epoch + 1)


def changes_momentum(model, arrays, epoch, logs):
    change_momentum(model)


def changes_layers(model, arrays, epoch, logs):
    for layer in model.layers:
        for name in ("factor", "rate", "stddev"):
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.1)


def freezes(model, arrays, epoch, logs):
    first_with_weights(model).trainable = False


def compiles_again(model, arrays, epoch, logs):
    if epoch == 0:
        model.compile(keras.optimizers.SGD(0.01), loss=model.loss)


def stops(model, arrays, epoch, logs):
    model.stop_training = True


def halves_weights(model, arrays, epoch, logs):
    model.set_weights([0.5 * weight if weight.dtype.kind == "f" else weight for weight in model.get_weights()])


def adds_logs(model, arrays, epoch, logs):
    if logs is not None:
        logs["added"] = 1.5 + epoch


def adds_text(model, arrays, epoch, logs):
    if logs is not None:
        logs["text"] = "a word"


def adds_vector(model, arrays, epoch, logs):
    if logs is not None:
        logs["several"] = np.float32([1, 2])


def adds_sometimes(model, arrays, epoch, logs):
    if logs is not None and epoch % 2 == 0:
        logs["sometimes"] = 2.5


def resets_optimizer(model, arrays, epoch, logs):
    for variable in model.optimizer.variables:
        if variable.dtype == "float32" and "learning_rate" not in variable.path:
            variable.assign(0.5 * variable)


def looks_at_metrics(model, arrays, epoch, logs):
    return plain(model.get_metrics_result()), model.metrics_names, model.stop_training


def raises(model, arrays, epoch, logs):
    raise RuntimeError("the study's own error")


ACTIONS = {
    "evaluates": evaluates,
    "predicts": predicts,
    "trains on batch": trains_on_batch,
    "tests on batch": tests_on_batch,
    "fits": fits,
    "sets rate": sets_rate,
    "changes momentum": changes_momentum,
    "changes layers": changes_layers,
    "freezes": freezes,
    "compiles again": compiles_again,
    "stops": stops,
    "halves weights": halves_weights,
    "adds logs": adds_logs,
    "adds text": adds_text,
    "adds vector": adds_vector,
    "adds sometimes": adds_sometimes,
    "resets optimizer": resets_optimizer,
    "looks at metrics": looks_at_metrics,
    "raises": raises,
}
"""What a callback does, at the hook that its option `when` names."""


def first_with_weights(model):
    """The first layer that has weights, or will have."""
    return next((layer for layer in model.layers if layer.trainable_variables), model.layers[-1])


def set_rate(model):
    model.optimizer.learning_rate = 0.005


def freeze(model):
    first_with_weights(model).trainable = False


def change_momentum(model):
    for name in ("momentum", "beta_1", "rho"):
        if hasattr(model.optimizer, name):
            setattr(model.optimizer, name, 0.5)


def exclude_kernels(model):
    model.optimizer.exclude_from_weight_decay(var_names=["kernel"])


def halve(model):
    if model.built:
        model.set_weights([0.5 * weight for weight in model.get_weights()])


def change_activation(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.activation = keras.activations.softplus
            return


def raise_dropout(model):
    for layer in model.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.6


def replace_call(model):
    layer = model.layers[-1]
    own = layer.call
    layer.call = lambda x, *rest, **more: 0.5 * own(x, *rest, **more)


def regularize(model):
    layer = first_with_weights(model)
    if getattr(layer, "kernel", None) is not None:
        layer.kernel.regularizer = keras.regularizers.L2(0.1)


def count_from_five(model):
    model.optimizer.iterations.assign(5)


AFTER = {
    "rate": set_rate,
    "frozen": freeze,
    "momentum": change_momentum,
    "excluded": exclude_kernels,
    "halved": halve,
    "activation": change_activation,
    "dropout": raise_dropout,
    "call": replace_call,
    "regularizer": regularize,
    "iterations": count_from_five,
}
"""What `build` does to a model that is compiled."""


def next_stage(trial, model, p, arrays, seen, data):
    """What a study's `continue_training` returns."""
    kind = trial["stage"]
    if kind == "unfrozen":
        for layer in model.layers:
            layer.trainable = True
    if kind == "frozen":
        first_with_weights(model).trainable = False
    if kind == "other model":
        model = compiled_model(trial, p["input_shape"], data)
    if kind == "other rate":
        model.optimizer.learning_rate = 0.003
    if kind in ("compiled", "unfrozen", "frozen"):
        compile_as(model, trial, data)
    if kind == "other optimizer":
        model.compile(optimizer_of(("Adam", {"learning_rate": 0.01})), loss=model.loss, metrics=["mae"])
    return model, callbacks_of({"callbacks": trial.get("stage_callbacks", ())}, p, arrays, seen)


def look_at(model, trial, arrays, seen, at_end):
    """Keeps the model's state, and what its probe sees: a study's `extra_metrics`."""
    for name in trial.get("probe", ()):
        seen.append((name, ACTIONS[name](model, arrays, 0, None)))
    if at_end:
        seen.append(("weights", [variable.numpy() for variable in model.variables]))
        seen.append(("optimizer", [variable.numpy() for variable in getattr(model.optimizer, "variables", ())]))
    return {"rate": float(model.optimizer.learning_rate)}
