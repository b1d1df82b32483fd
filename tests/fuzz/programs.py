"""Hypothesis strategies for programs: random small models and all that a study may do with them, as plain data.

    {"data": {...}, "base": a trial, "changes": [what each of its trials changes in it, in the order in which they run]}

Programs stay within what float32 can compare: activations are smooth, rates small, steps few, and a layer before a
normalization has no bias, whose gradient would be rounding alone.
"""

from hypothesis import strategies as st

__all__ = ["programs"]

one_of = st.sampled_from


def options(**parts):
    """A recipe's options: at most two of those named, each of its strategy."""
    names = st.lists(one_of(sorted(parts)), max_size=2, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: parts[name] for name in chosen}))


def recipe(name, **parts):
    """A name with options."""
    return options(**parts).map(lambda chosen: (name, chosen) if chosen else name) if parts else st.just(name)


ACTIVATIONS = one_of(["tanh", "sigmoid", "softplus", "gelu", "silu", "elu"])
REGULARIZERS = one_of(["l2", ("L1", {"l1": 0.01}), ("L2", {"l2": 0.02}), ("L1L2", {"l1": 1e-3, "l2": 1e-3})])
CONSTRAINTS = one_of([("MaxNorm", {"max_value": 0.8}), "unit_norm", "non_neg"])
TYPES = one_of(["float32", "float64", "mixed_bfloat16"])
KERNEL = {"activation": ACTIVATIONS, "kernel_regularizer": REGULARIZERS, "kernel_constraint": CONSTRAINTS}
TRAINABLE = {"trainable": st.just(False)}
NORMALIZATION = one_of(
    ["BatchNormalization", "LayerNormalization", ("BatchNormalization", {"momentum": 0.5}), "UnitNormalization"]
)

ANY_RANK = st.one_of(
    recipe("Dense", **KERNEL, **TRAINABLE, dtype=TYPES, activity_regularizer=REGULARIZERS),
    recipe("Activation", activation=ACTIVATIONS),
    NORMALIZATION,
    recipe("Dropout", rate=one_of([0.1, 0.5]), seed=st.just(3)),
    one_of(["GaussianNoise", "GaussianDropout", "Rescaling", "Normalization", "Lambda", "Scale", "Times", "Table"]),
    one_of([("Lambda", {"by": 0.25}), ("Times", {"factor": 0.5}), ("Table", {"value": 0.3})]),
)  # fmt: skip
SERIES = st.one_of(
    ANY_RANK,
    recipe("Conv1D", **KERNEL, padding=one_of(["same", "causal"])),
    one_of(["SpatialDropout1D", "Masking", "TimeDistributed", "GlobalAveragePooling1D", "SimpleRNN", "GRU"]),
    recipe("LSTM", return_sequences=st.just(True), dropout=st.just(0.2), recurrent_dropout=st.just(0.2)),
    recipe("GRU", reset_after=st.just(False), return_sequences=st.just(True)),
    one_of([("Bidirectional", {"of": "GRU"}), "Bidirectional"]),
)
IMAGES = st.one_of(
    ANY_RANK,
    recipe("Conv2D", **KERNEL, padding=st.just("same")),
    one_of(["MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D"]),
)
TOKENS = one_of(["Embedding", ("Embedding", {"mask_zero": True})])
ENDS_SERIES = ("GlobalAveragePooling1D", "SimpleRNN", "GRU", "LSTM", "Bidirectional", "GlobalAveragePooling2D")


@st.composite
def layers(draw, data):
    """Up to three layers that fit the data."""
    rank = len(data["shape"])
    found = [draw(TOKENS)] if data.get("tokens") else []
    rank = rank + len(found)
    for _ in range(draw(st.integers(0, 3 - len(found)))):
        layer = draw({1: ANY_RANK, 2: SERIES, 3: IMAGES}.get(rank, ANY_RANK))
        if (layer[0] if isinstance(layer, tuple) else layer) in ENDS_SERIES and "return_sequences" not in str(layer):
            rank = 1
        if "Normalization" in str(layer) and found and str(found[-1]).find("Dense") >= 0:
            found.append("GaussianDropout")  # no bias before a normalization
        found.append(layer)
    return found


RATES = one_of(
    [0.01, 0.05, ("ExponentialDecay", {"initial_learning_rate": 0.05, "decay_steps": 2, "decay_rate": 0.8}),
     ("CosineDecay", {"initial_learning_rate": 0.05, "decay_steps": 6})]
)  # fmt: skip
COMMON = {
    "learning_rate": RATES,
    "clipnorm": st.just(0.1),
    "clipvalue": st.just(0.02),
    "global_clipnorm": st.just(0.1),
    "weight_decay": st.just(0.1),
    "exclude": one_of([["bias"], ["kernel"], ["dense"]]),
    "ema": one_of([{}, {"ema_overwrite_frequency": 1}, {"ema_overwrite_frequency": 2, "ema_momentum": 0.5}]),
    "gradient_accumulation_steps": one_of([2, 3]),
    "loss_scale_factor": one_of([1.0, 8.0]),
    "wrapped": st.just(True),
}
EPSILON = st.just(1e-3)
OPTIMIZERS = {
    "SGD": {"momentum": one_of([0.5, 0.9]), "nesterov": st.just(True)},
    "Adam": {"beta_1": st.just(0.5), "epsilon": EPSILON, "amsgrad": st.just(True)},
    "AdamW": {"beta_2": st.just(0.9), "epsilon": EPSILON},
    "RMSprop": {"rho": st.just(0.5), "momentum": st.just(0.5), "centered": st.just(True), "epsilon": EPSILON},
    "Adadelta": {"rho": st.just(0.5), "epsilon": EPSILON},
    "Adagrad": {"initial_accumulator_value": st.just(0.5)},
    "Adamax": {"beta_1": st.just(0.5)},
    "Nadam": {"beta_1": st.just(0.5)},
    "Ftrl": {"l1_regularization_strength": st.just(0.01), "beta": st.just(0.1)},
    "Lion": {"beta_1": st.just(0.5)},
    "Lamb": {"beta_1": st.just(0.5)},
    "Adafactor": {"relative_step": st.just(False)},
    "Muon": {},
    "ScheduleFreeAdamW": {},
}
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


def with_ema(made):
    """The options of averaging written out, and one way of clipping alone."""
    if isinstance(made, str):
        return made
    name, given = made[0], dict(made[1])
    for clip in [key for key in CLIPS if key in given][1:]:
        del given[clip]
    return (name, given | ({"use_ema": True, **given.pop("ema")} if "ema" in given else {}))


def optimizers():
    """Every optimizer, the four with kernels of their own as often as all others."""
    named = {name: recipe(name, **{**COMMON, **more}).map(with_ema) for name, more in OPTIMIZERS.items()}
    fused = [named[name] for name in ("SGD", "Adam", "RMSprop", "Adadelta", "AdamW")]
    return st.one_of(st.one_of(fused), st.one_of(list(named.values())))


SMOOTHED = {"label_smoothing": st.just(0.1), "from_logits": st.just(True)}
LOSSES = {
    "binary": st.one_of(
        recipe("BinaryCrossentropy", **SMOOTHED), recipe("BinaryFocalCrossentropy", **SMOOTHED),
        one_of(["binary_crossentropy", "mse", "hinge", "cube", "squared_hinge"]),
    ),
    "classes": st.one_of(
        recipe(
            "SparseCategoricalCrossentropy",
            from_logits=st.just(True), ignore_class=st.just(1), reduction=st.just("sum"),
        ),
        st.just("sparse_categorical_crossentropy"),
    ),
    "one-hot": st.one_of(
        recipe("CategoricalCrossentropy", **SMOOTHED),
        one_of(["mse", "kl_divergence", "categorical_focal_crossentropy"]),
    ),
    "numbers": st.one_of(
        recipe("Huber", delta=st.just(0.5)), one_of(["mse", "mae", "log_cosh", "cube", "mean_squared_error"]),
        st.just(("MeanSquaredError", {"reduction": "sum"})),
    ),
}  # fmt: skip
ANY_METRICS = ["own", "largest", "wrapped", "vector"]
METRICS = {
    "binary": ["accuracy", "AUC", "Precision", "Recall", ("BinaryAccuracy", {"threshold": 0.3}), "bce", "acc"],
    "classes": [
        "accuracy", "SparseCategoricalAccuracy", ("SparseTopKCategoricalAccuracy", {"k": 2}),
        "sparse_categorical_crossentropy",
    ],
    "one-hot": ["accuracy", "CategoricalAccuracy", ("TopKCategoricalAccuracy", {"k": 2}), "F1Score", "AUC"],
    "numbers": ["mae", "mse", "R2Score", "RootMeanSquaredError", "LogCoshError", "CosineSimilarity"],
}  # fmt: skip


def kind_of(target):
    """`several` and `column` are numbers too."""
    return target if target in LOSSES else "numbers"


def losses(target):
    """A loss for a target. Of single numbers not the angle: its gradient is rounding alone, which Adam makes large."""
    found = LOSSES[kind_of(target)]
    return found | st.just("cosine_similarity") if target == "several" else found


def metrics(target, most=3):
    """A few metrics for a target."""
    return st.lists(one_of(METRICS[kind_of(target)] * 2 + ANY_METRICS), max_size=most, unique_by=str)


WHEN = one_of(["on_epoch_end", "on_epoch_end", "on_epoch_begin", "on_train_begin", "on_train_end", "on_test_end"])
BATCHES = one_of(["on_train_batch_end", "on_test_batch_end", "on_test_batch_begin"])
ACTING = (
    "evaluates", "predicts", "trains on batch", "tests on batch", "fits", "sets rate", "changes momentum",
    "changes layers", "freezes", "compiles again", "stops", "halves weights", "adds logs", "adds text", "adds vector",
    "adds sometimes", "resets optimizer", "looks at metrics", "raises",
)  # fmt: skip


def callbacks():
    """One or two callbacks."""
    acting = st.builds(lambda name, when: (name, {"when": when}), one_of(ACTING), WHEN)
    at_batches = st.builds(
        lambda name, when: (name, {"when": when}), one_of(["looks at metrics", "sets rate", "stops"]), BATCHES
    )
    of_keras = one_of([
        ("EarlyStopping", {"monitor": "val_loss", "restore_best_weights": True, "start_from_epoch": 1}),
        ("EarlyStopping", {"restore_best_weights": True, "min_delta": 10.0}),
        ("ReduceLROnPlateau", {"patience": 1, "min_delta": 10.0}),
        "LearningRateScheduler", ("ModelCheckpoint", {"save_best_only": True}), "ModelCheckpoint",
        ("SwapEMAWeights", {"swap_on_epoch": True}), "SwapEMAWeights", "TerminateOnNaN", "LambdaCallback", "CSVLogger",
    ])  # fmt: skip
    return st.lists(st.one_of(acting, acting, of_keras, at_batches), min_size=1, max_size=2)


COMPILED = one_of([
    {"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}, {"steps_per_execution": 2},
    {"loss_weights": [0.5]}, {"loss_weights": 0.25}, {"auto_scale_loss": False},
])  # fmt: skip
GLOBALS = one_of([
    {"epsilon": 1e-2}, {"floatx": "float64"}, {"dtype_policy": "mixed_bfloat16"}, {"dtype_policy": "float64"},
    {"image_data_format": "channels_first"},
])  # fmt: skip
STAGES = one_of(["as it is", "compiled", "unfrozen", "frozen", "other model", "other rate", "other optimizer"])
AFTER = one_of(
    ["rate", "frozen", "momentum", "excluded", "halved", "activation", "dropout", "call", "regularizer", "iterations"]
)
NETS = one_of(["sequential", "functional", "branches", "shared", "residual", "nested", "deferred", "subclassed"])
STEPS = one_of(["train_step", "no loss", "test_step", "compute_loss", "compute_metrics"])


def features(data):
    """What a trial may have beside layers, optimizer, loss and metrics, each with its strategy."""
    target = data["target"]
    return {
        "net": NETS,
        "callbacks": callbacks(),
        "compiled": COMPILED,
        "globals": GLOBALS,
        "stage": STAGES,
        "after": st.lists(AFTER, min_size=1, max_size=2, unique=True),
        "step": STEPS,
        "weighted_metrics": metrics(target, 2),
        "batch_size": one_of([1, 5, 64]),
        "validation": one_of([0, 0.5, 3]),
        "read_test": one_of(["at the end", "after each epoch"]),
        "probe": st.lists(one_of(["evaluates", "predicts", "fits", "tests on batch"]), min_size=1, max_size=1),
        "epochs": one_of([1, 3]),
        "prune_after": one_of([1, 2]),
        "restarts": st.just(2),
    }


COMMONEST = ("read_test", "net", "callbacks", "callbacks", "after", "compiled", "globals", "stage", "step")


@st.composite
def trials(draw, data):
    """A whole trial, with up to three features."""
    possible = features(data)
    chosen = draw(st.lists(one_of([*possible, *COMMONEST]), max_size=3, unique=True))
    trial = {"layers": draw(layers(data)), **core(draw, data), **{name: draw(possible[name]) for name in chosen}}
    return trial | ({"stage_callbacks": draw(callbacks())} if "stage" in trial and draw(st.booleans()) else {})


def core(draw, data):
    """What every trial has."""
    target = data["target"]
    return {"optimizer": draw(optimizers()), "loss": draw(losses(target)), "metrics": draw(metrics(target))}


@st.composite
def changes(draw, data):
    """What a trial changes: nothing, its seed, or one part."""
    possible = {**features(data), "layers": layers(data), "optimizer": optimizers()}
    possible |= {"loss": losses(data["target"]), "metrics": metrics(data["target"])}
    name = draw(one_of(["", "", *possible, "layers", "optimizer", "after", "globals"]))
    changed = {name: draw(possible[name])} if name else {}
    return changed | draw(one_of([{}, {"seed": 2}, {"seed": 3}]))


RARELY = one_of([False, False, False, True])
SHAPES = one_of([(4,), (3,), (4, 3), (4, 4, 1), (2, 2, 2)])


@st.composite
def data_sets(draw):
    """A small data set: its shape, its target, its types."""
    target = draw(
        one_of(["binary", "classes", "number", "binary", "classes", "number", "one-hot", "several", "column"])
    )
    data = {"shape": draw(SHAPES), "rows": draw(one_of([23, 32, 40])), "target": target}
    if draw(RARELY):
        data |= draw(one_of([{"shape": (5,), "tokens": True}, {"shape": (5,), "tokens": True, "x_type": "int32"}]))
    elif draw(RARELY):
        data |= draw(one_of([{"wide": True}, {"x_type": "float64"}, {"x_type": "float16"}, {"x_type": "uint8"}]))
    if draw(RARELY):
        data |= draw(one_of([{"inputs": True}, {"heads": True}, {"weights": True}]))
    if target in ("binary", "classes") and draw(RARELY) and not {"heads", "weights"} & set(data):
        data |= {"class_weight": True}
    return data


@st.composite
def programs(draw, most_trials=3):
    """A program of one to `most_trials` trials."""
    data = draw(data_sets())
    made = {"data": data, "base": draw(trials(data))}
    return made | {"changes": draw(st.lists(changes(data), min_size=1, max_size=most_trials))}
