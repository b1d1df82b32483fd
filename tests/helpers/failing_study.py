"""A study whose arms fail, each in its own way."""

import os

from dlstudy import Arm, Protocol, Split, Study


class Odd:
    """An estimator that predicts what no estimator should."""

    def __init__(self, kind):
        self.kind = kind

    def fit(self, x, y):
        if self.kind == "fit raises":
            raise ValueError("\n\n  cannot\nfit \x1b[31mred\x1b[0m\x07 " + "x" * 1_000_000)
        return self

    def predict(self, x):
        import numpy as np

        n = len(x)
        odd = {"nothing": None, "a number": 5, "three": np.zeros(3), "a table": np.zeros((n, 2))}
        odd |= {"no numbers": np.full(n, np.nan), "words": np.array(["a"] * n)}
        return odd.get(self.kind, np.zeros(n))


def logistic():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=500)


def net(p, units=10, flat=True, shape=None, **compiled):
    import keras

    layers = [keras.layers.Flatten()] if flat else []
    model = keras.Sequential([keras.Input(shape or p["input_shape"]), *layers, keras.layers.Dense(units, "softmax")])
    if p["kind"] != "not compiled":
        model.compile("sgd", **{"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compiled})
    return model


def build(p):
    kind = p["kind"]
    if kind in FAULTS:
        return FAULTS[kind]()
    if kind in COMPILED:
        return net(p, **COMPILED[kind])
    if kind in ("loss is nan", "loss is infinite"):
        import keras

        factor = float("nan" if kind == "loss is nan" else "inf")
        return net(p, loss=lambda targets, outputs: factor * keras.ops.mean(outputs))
    return net(p) if kind.startswith(("callbacks", "continue_training", "extra_metrics", "not compiled")) else Odd(kind)


class UnspeakableError(Exception):
    """An error that cannot say what it is."""

    def __str__(self):
        raise RuntimeError("no words")


def raise_it(error):
    raise error


def recurse():
    return recurse()


def use_memory(library):
    """More than the process may have: a limit on its address space, such as `ulimit -v` sets."""
    import resource

    import numpy as np
    import tensorflow as tf

    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, unlimited[1]))
    try:
        return np.zeros((64, 2**30), np.uint8) if library == "numpy" else tf.zeros((64, 2**30), tf.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, unlimited)


def flood():
    for _ in range(100_000):
        print("x" * 100)
    raise ValueError("after a flood")


def move():
    os.chdir("/")
    os.environ.clear()
    os.environ["DLSTUDY_CACHE"] = "/nowhere"
    return logistic()


def die():
    print("last words", flush=True)
    os._exit(7)


def callbacks(p):
    import keras

    class Bad(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("a callback's own fault")

    odd = {"callbacks give nothing": None, "callbacks give a number": 5, "callbacks give words": ["early"]}
    return odd.get(p["kind"], [Bad()] if p["kind"] == "callbacks raise" else [])


def continue_training(model, p):
    if p["kind"] == "continue_training raises":
        raise ValueError("cannot continue")
    again = {
        "continue_training gives a model alone": model,
        "continue_training gives a number": 5,
    }
    if p["kind"] == "continue_training not compiled":
        return net({**p, "kind": "not compiled"}), []
    return again.get(p["kind"])


def extra_metrics(model, x, y, p):
    if p["kind"] == "extra_metrics raises":
        raise ZeroDivisionError("in extra_metrics")
    return {"extra_metrics gives nothing": None, "extra_metrics gives words": {"norm": "large"}}.get(p["kind"], {})


FAULTS = {
    "fine": logistic,
    "moves": move,
    "raises": lambda: raise_it(RuntimeError("this arm cannot be built")),
    "raises without words": lambda: raise_it(UnspeakableError()),
    "returns nothing": lambda: None,
    "exits": lambda: raise_it(SystemExit(3)),
    "dies": die,
    "recurses": recurse,
    "numpy memory": lambda: use_memory("numpy"),
    "tensorflow memory": lambda: use_memory("tensorflow"),
    "floods": flood,
}
COMPILED = {
    "few outputs": {"units": 3},
    "wrong outputs": {"flat": False},
    "wrong inputs": {"shape": (3,)},
    "unknown metric": {"metrics": ["accuracee"]},
    "unknown loss": {"loss": "crossentropee"},
    "other metric": {"metrics": ["sparse_top_k_categorical_accuracy"]},
}


def study(kinds):
    more = {kind: {"more_epochs": 2} for kind in kinds if kind.startswith("continue_training")}
    return Study(
        question="What fails how?",
        dataset="digits",
        build=build,
        callbacks=callbacks,
        continue_training=continue_training if more else None,
        extra_metrics=extra_metrics,
        arms=[Arm(kind.replace(" ", "-"), setting={"kind": kind, **more.get(kind, {})}) for kind in kinds],
        protocol=Protocol(searches=1, epochs=1, trials=1, seeds=1, split=Split(validation=100), rows=400),
    )


STUDY = study(FAULTS)

# How a trial of each kind ends, and how its reason begins.
OUT_OF_MEMORY = "out of memory: fewer workers (--workers), a smaller batch or a smaller model need less"
ENDS = {
    "fine": ("finished", ""),
    "moves": ("finished", ""),
    "raises": ("failed", "RuntimeError: this arm cannot be built (failing_study.py, line "),
    "raises without words": ("failed", "UnspeakableError (failing_study.py, line "),
    "returns nothing": ("failed", "build must return a compiled Keras model or a scikit-learn estimator, got NoneType"),
    "exits": ("failed", "the study's own code ended the process, sys.exit(3) (failing_study.py, line "),
    "recurses": ("failed", "RecursionError: maximum recursion depth exceeded (failing_study.py, line "),
    "numpy memory": ("failed", OUT_OF_MEMORY),
    "tensorflow memory": ("failed", OUT_OF_MEMORY),
    "floods": ("failed", "ValueError: after a flood (failing_study.py, line "),
    "fit raises": ("failed", "ValueError: cannot fit red xxx"),
    "not compiled": ("failed", "build returned a model that is not compiled: call model.compile(...)"),
    "few outputs": ("failed", "InvalidArgumentError: Received a label value of 9 which is outside the valid range"),
    "wrong outputs": ("failed", "ValueError: Argument `output` must have rank"),
    "wrong inputs": ("failed", "ValueError: Exception encountered when calling Sequential.call(). Invalid input shape"),
    "unknown metric": ("failed", "ValueError: Could not interpret metric identifier: accuracee"),
    "unknown loss": ("failed", "ValueError: Could not interpret loss identifier: crossentropee"),
    "loss is nan": ("diverged", "the loss was no longer a finite number after epoch 1"),
    "loss is infinite": ("diverged", "the loss was no longer a finite number after epoch 1"),
    "callbacks raise": ("failed", 'KeyError: "a callback\'s own fault" (failing_study.py, line '),
    "callbacks give nothing": ("failed", "callbacks must return a list of Keras callbacks, got None"),
    "callbacks give a number": ("failed", "callbacks must return a list of Keras callbacks, got 5"),
    "callbacks give words": ("failed", "callbacks must return a list of Keras callbacks, got ['early']"),
    "continue_training raises": ("failed", "ValueError: cannot continue (failing_study.py, line "),
    "continue_training gives a number": (
        "failed",
        "continue_training must return a compiled model and a list of its callbacks, got 5",
    ),
    "continue_training gives a model alone": (
        "failed",
        "continue_training must return a compiled model and a list of its callbacks, got <Sequential",
    ),
    "continue_training not compiled": ("failed", "continue_training returned a model that is not compiled"),
    "extra_metrics raises": ("failed", "ZeroDivisionError: in extra_metrics (failing_study.py, line "),
    "extra_metrics gives nothing": ("failed", "extra_metrics must return numbers by name, got None"),
    "extra_metrics gives words": ("failed", "extra_metrics must return numbers by name, got {'norm': 'large'}"),
    "nothing": ("failed", "predict must give one number for each of 300 rows, got shape ()"),
    "a number": ("failed", "predict must give one number for each of 300 rows, got shape ()"),
    "three": ("failed", "predict must give one number for each of 300 rows, got shape (3,)"),
    "a table": ("failed", "predict must give one number for each of 300 rows, got shape (300, 2)"),
    "words": ("failed", "ValueError: could not convert string to float"),
    "no numbers": ("diverged", "the predictions for the train rows are no longer finite numbers"),
}
