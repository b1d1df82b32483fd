"""Which regularization keeps the course's MNIST classifier from overfitting: L1, L2, both, max-norm or dropout?

The course shows five regularized nets with stated strengths, their fits commented out: no result is printed. The
`reported` phase trains them as shown, for the course's two epochs on 55,000 images. In two epochs few nets overfit; so
search and replicates train on 10,000 images for six epochs, and validate on the other 50,000. Rate and strength of
each arm are tuned with the same number of trials, by cross-entropy, which no penalty is part of.

A gap is the test loss less the loss of training images, both with the final weights, so penalties cancel. It is not
all: a net that learns nothing has none.

Source: the course's regularization chapter: Flatten, Dense 300 and Dense 100 elu he_normal, Dense 10 softmax; Nadam at
Keras's 0.001; L2 0.01; L1 0.1; L1 0.1 with L2 0.01; L2 0.01 with max-norm 1; dropout 0.2 before each Dense, the first
included; batches of 32, which is Keras's default, since none is stated.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-2, log=True)}
L1 = {"l1": FloatDistribution(1e-6, 1e-2, log=True)}
L2 = {"l2": FloatDistribution(1e-6, 1e-2, log=True)}
COURSE = {"learning_rate": 0.001, "epochs": 2}


def build(p: dict[str, Any]) -> Any:
    """The course's net with the penalties, the constraint, the dropout or the batch normalization that p names."""
    import keras

    def dense(units: int, activation: str, initializer: str) -> list[Any]:
        layer = keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=initializer,
            kernel_regularizer=keras.regularizers.L1L2(p.get("l1", 0.0), p.get("l2", 0.0)),
            kernel_constraint=keras.constraints.MaxNorm(p["max_norm"]) if "max_norm" in p else None,
        )
        return [keras.layers.Dropout(p["dropout"]), layer] if "dropout" in p else [layer]

    layers = [keras.Input(p["input_shape"]), keras.layers.Flatten()]
    for units in (300, 100):
        layers += dense(units, "elu", "he_normal")
        layers += [keras.layers.BatchNormalization()] if p["kind"] == "bn" else []
    model = keras.Sequential([*layers, *dense(p["n_classes"], "softmax", "glorot_uniform")])
    model.compile(
        optimizer=keras.optimizers.Nadam(p["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="crossentropy")],
    )
    return model


def prevents(arm: str, name: str) -> list[Claim]:
    """That an arm overfits less than the net without regularization: tuned, and as the course has it."""
    gap: dict[str, Any] = {"better": arm, "than": "none", "metric": "test_gap"}
    return [
        Claim(f"Regularization prevents overfitting: {name} (tuned)", **gap),
        Claim(f"Regularization prevents overfitting: {name} (at the course's strength)", phase="reported", **gap),
    ]


STUDY = Study(
    question="Which regularization keeps the course's MNIST classifier from overfitting?",
    dataset="mnist",
    build=build,
    arms=[
        Arm("none", setting={"kind": "none"}, space=RATE, reported=COURSE, text="no regularization"),
        Arm("l2", setting={"kind": "l2"}, space=RATE | L2, reported={**COURSE, "l2": 0.01},
            text="l2 times the sum of squared weights, in every layer"),
        Arm("l1", setting={"kind": "l1"}, space=RATE | L1, reported={**COURSE, "l1": 0.1},
            text="l1 times the sum of absolute weights, in every layer"),
        Arm("l1_l2", setting={"kind": "l1_l2"}, space=RATE | L1 | L2, reported={**COURSE, "l1": 0.1, "l2": 0.01},
            text="both penalties"),
        Arm("l2_maxnorm", setting={"kind": "l2_maxnorm"}, space={**RATE, **L2, "max_norm": FloatDistribution(0.5, 4.0)},
            reported={**COURSE, "l2": 0.01, "max_norm": 1.0}, text="L2, and no unit's weights longer than max_norm"),
        Arm("dropout", setting={"kind": "dropout"}, space={**RATE, "dropout": FloatDistribution(0.05, 0.5)},
            reported={**COURSE, "dropout": 0.2}, text="dropout before every layer, on the inputs too"),
        Arm("bn", setting={"kind": "bn"}, space=RATE, text="batch normalization after each hidden layer"),
    ],
    protocol=Protocol(
        epochs=6, batch_size=32, reported_seeds=9, metric="val_crossentropy", direction="minimize",
        split=Split(validation=50_000), reported_split=Split(validation=5_000),
    ),
    derived=[Derived("parameters", "266,610", 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10)],
    claims=[
        *prevents("l2", "L2"),
        *prevents("l1", "L1"),
        *prevents("l1_l2", "L1 and L2"),
        *prevents("l2_maxnorm", "L2 with max-norm"),
        *prevents("dropout", "dropout"),
        Claim("Batch normalization reduces the need for dropout (it does better in place of it)",
              better="bn", than="dropout", metric="test_accuracy"),
    ],
    remarks=[
        "The course prints no result of these nets: its fits are commented out.",
        "The course writes the L2 penalty as (a/2) times the sum of squared weights, Keras's is a times that sum: its "
        "code, L2(0.01), is a = 0.02 in its formula.",
        "Likewise, of r*a*sum|w| + ((1-r)/2)*a*sum w^2 its code, L1 0.1 with L2 0.01, is a = 0.12 and r = 0.83.",
        "The inputs are named X_train_scaled, and how they were scaled is not shown: here they are pixels / 255, as in "
        "the course's other nets.",
        "An L1 of 0.1 on every kernel outweighs the cross-entropy: where that arm's gap is small, so is its accuracy.",
    ],
)  # fmt: skip
