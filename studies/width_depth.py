"""Wider or deeper: which shape of a small net is best, at the same number of parameters?

A net with more layers usually has more weights too, and then it is not clear which of the two helped. Here each net has
as many units in each hidden layer as fit into 10,000 parameters: the deeper, the narrower. The learning rate of each
shape is tuned on its own with the same number of trials, since deep nets need other rates than wide ones; all else, 30
epochs of Adam in batches of 32, is the same.

The answer is for fully connected nets on small images of digits. Layers are plain: without the skip connections or
batch normalization that very deep nets are built with.

Source: the question is that of Ba and Caruana 2014, Do Deep Nets Really Need to be Deep?, arXiv:1312.6184.
"""

from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Constraint, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
DEFAULT = {"learning_rate": 0.001}
MOST = 10_000
"""Parameters of a net."""


def n_parameters(inputs: int, outputs: int, layers: int, units: int) -> int:
    """Weights and biases of a net with so many hidden layers of so many units."""
    return (inputs + 1) * units + (layers - 1) * (units + 1) * units + (units + 1) * outputs


def build(p: dict[str, Any]) -> Any:
    """The widest net with p's number of hidden layers that has at most 10,000 parameters."""
    import math

    import keras

    inputs, outputs = math.prod(p["input_shape"]), p["n_classes"]
    units = 1
    while n_parameters(inputs, outputs, p["layers"], units + 1) <= MOST:
        units += 1
    hidden = [keras.layers.Dense(units, "relu", kernel_initializer="he_normal") for _ in range(p["layers"])]
    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Flatten(), *hidden])
    model.add(keras.layers.Dense(outputs, activation="softmax"))
    optimizer = keras.optimizers.Adam(p["learning_rate"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Wider or deeper: which shape of a small net is best, at the same number of parameters?",
    dataset="digits",
    other_datasets=["mnist", "fashion_mnist"],
    build=build,
    arms=[
        Arm("one", {"layers": 1}, RATE, defaults=DEFAULT, text="one hidden layer of 133 units"),
        Arm("two", {"layers": 2}, RATE, defaults=DEFAULT, text="two hidden layers of 68 units"),
        Arm("four", {"layers": 4}, RATE, defaults=DEFAULT, text="four hidden layers of 46 units"),
        Arm("eight", {"layers": 8}, RATE, defaults=DEFAULT, text="eight hidden layers of 32 units"),
    ],
    protocol=Protocol(
        epochs=30, batch_size=32, split=Split(validation=0.2), constraints=[Constraint("parameters", at_most=MOST)]
    ),
    claims=[
        Claim("A deeper net does better than a wider one (four hidden layers against one)",
              better="four", than="one", metric="test_accuracy"),
        Claim("One can have too many layers (two do better than eight)",
              better="two", than="eight", metric="test_accuracy"),
        Claim("A deeper net learns in fewer epochs (four hidden layers against one; epochs to 90 % of validation rows)",
              better="four", than="one", metric="val_accuracy", target=0.9),
        Claim("The deeper a net, the more its learning rate matters (what tuning gains over Keras's default rate is "
              "less for one hidden layer than for eight)",
              better="one", than="eight", metric="test_accuracy", phase="tuning"),
    ],
)  # fmt: skip
