"""Which of Keras's two default rates of Adadelta trained the course's LeNet-5, and what would a tuned rate do?

The course trains LeNet-5 on CIFAR-10 with Adadelta, names no rate and reports what came of two epochs. Keras has had
two defaults: 1.0, with which Adadelta is that of its paper (Zeiler 2012, arXiv:1212.5701), and 0.001 since TensorFlow
2.0. Two arms train at the one and at the other, as the course did: its figures say which it was. A third is tuned.

The course writes its labels as one-hot vectors and takes categorical cross-entropy; labels as numbers with the sparse
one, as here, give the same loss. It validates on the test images, so its val figures are called test here.

Source: the course's LeNet-5: Conv 6 of 5x5 tanh, average pool 2, Conv 16 of 5x5 tanh, average pool 2, Dense 120 tanh,
84 tanh, 10 softmax; pixels / 255; batch 128. The paper's table: LeCun, Bottou, Bengio, Haffner 1998, Gradient-based
learning applied to document recognition, section II.B. Images of other sizes are padded to 32 x 32, as in the paper.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Derived, Protocol, Reported, Split, Study

SIDE = 32
"""Pixels of the images that LeNet-5 was made for."""


def build(p: dict[str, Any]) -> Any:
    """LeNet-5 as the course trains it, with Adadelta at the learning rate of p."""
    import keras
    from keras import layers

    height, width, *channels = p["input_shape"]
    model = keras.Sequential([keras.Input(p["input_shape"])])
    if not channels:
        model.add(layers.Reshape((height, width, 1)))
    if (height, width) != (SIDE, SIDE):
        model.add(layers.ZeroPadding2D(((SIDE - height) // 2, (SIDE - width) // 2)))
    for layer in (
        layers.Conv2D(6, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="tanh"),
        layers.Dense(84, activation="tanh"),
        layers.Dense(p["n_classes"], activation="softmax"),
    ):
        model.add(layer)
    optimizer = keras.optimizers.Adadelta(p["learning_rate"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def figures_of(arm: str) -> list[Reported]:
    """What the course reports, held against an arm."""
    first = {"train_accuracy": "0.3466", "test_accuracy": "0.3949", "test_loss": "1.7231"}
    second = {"train_accuracy": "0.4112", "train_loss": "1.6719", "test_accuracy": "0.4258", "test_loss": "1.6083"}
    return [*Reported.several(arm, epoch=1, **first), *Reported.several(arm, epoch=2, **second)]


def counts(what: str, *layers: tuple[str, str, int]) -> list[Derived]:
    """Reported counts beside what the architecture gives: name, reported, right value."""
    return [Derived(what.format(name), reported, value) for name, reported, value in layers]


# Of the 16 maps of C3, 6 see 3 maps of S2, 9 see 4 and 1 sees all 6 (the paper's table I).
C3 = 6 * (3 * 25 + 1) + 9 * (4 * 25 + 1) + 1 * (6 * 25 + 1)

STUDY = Study(
    question="Which of Keras's two default rates of Adadelta, 1.0 or 0.001, trained the course's LeNet-5?",
    dataset="cifar10",
    other_datasets=["cifar10_subset", "mnist", "fashion_mnist"],
    build=build,
    arms=[
        Arm("rate_1", {"learning_rate": 1.0}, reported={},
            text="as in the paper; Keras's default before TensorFlow 2"),
        Arm("rate_0_001", {"learning_rate": 0.001}, reported={}, text="Keras's default since TensorFlow 2"),
        Arm("tuned", space={"learning_rate": FloatDistribution(1e-3, 10.0, log=True)}, text="Adadelta at a tuned rate"),
    ],
    protocol=Protocol(
        epochs=2, batch_size=128, metric="val_accuracy", direction="maximize",
        split=Split(validation=5_000), reported_split=Split(),
    ),
    reported=[*figures_of("rate_1"), *figures_of("rate_0_001")],
    derived=[
        *counts("trainable parameters of {} in the paper", ("C1", "156", 6 * (25 + 1)), ("S2", "12", 6 * 2),
                ("C3", "1,516", C3), ("S4", "32", 16 * 2), ("C5", "48,120", 120 * (16 * 25 + 1)),
                ("F6", "10,164", 84 * (120 + 1)), ("the output", "840", 10 * 84)),
        *counts("connections of {} in the paper", ("C1", "122,304", 6 * (25 + 1) * 28 * 28),
                ("S2", "5,880", 6 * (4 + 1) * 14 * 14), ("C3", "151,600", C3 * 10 * 10),
                ("S4", "2,000", 16 * (4 + 1) * 5 * 5), ("C5", "48,120", 120 * (16 * 25 + 1)),
                ("F6", "10,164", 84 * (120 + 1))),
        *counts("parameters of {} as the course trains it", ("the first convolution", "456", 6 * (3 * 25 + 1)),
                ("the second convolution", "2,416", 16 * (6 * 25 + 1)),
                ("the dense layer of 120", "48,120", 120 * (16 * 25 + 1)),
                ("the dense layer of 84", "10,164", 84 * (120 + 1)), ("the output", "850", 10 * (84 + 1)),
                ("the network", "62,006", 456 + 2_416 + 48_120 + 10_164 + 850)),
    ],
    claims=[
        Claim("The course's figures come from a rate of 1.0: within two epochs it learns more than 0.001",
              better="rate_1", than="rate_0_001", metric="test_accuracy", phase="reported"),
        Claim("A rate of 1.0 needs no tuning", better="rate_1", than="tuned", metric="test_accuracy", margin=0.02),
    ],
    remarks=[
        "The course's table is the paper's: S2 is wired to C3 in part, pooling has weights, the output radial bases. "
        "The network that it trains has full wiring, plain average pooling, a softmax, and three colours for one.",
        "One-hot labels with categorical cross-entropy and numbers with the sparse one are the same loss.",
        "The course's runs come from Keras 2.5 to 2.10, where the default is 0.001: out of the box this net learns "
        "next to nothing there in two epochs.",
    ],
)  # fmt: skip
