"""Several labels for each picture: does one shared net do better than a net for each label?

Four labels of a digit: even, prime, more than four, and whether its usual form has a hole.
"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
LABELS = {"even": {0, 2, 4, 6, 8}, "prime": {2, 3, 5, 7}, "above 4": {5, 6, 7, 8, 9}, "hole": {0, 6, 8, 9}}


def data():
    """1,797 digits (n, 64) between 0 and 1, and four labels (n, 4), 0 or 1."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    y = np.array([[digit in digits_with for digits_with in LABELS.values()] for digit in digits.target], "int64")
    x = (digits.data / 16).astype("float32")
    return Data(x, y, name="properties_of_digits", task="multilabel", label_names=list(LABELS), source="scikit-learn")


def build(p):
    """64 hidden neurons that all labels share, or 16 for each label."""
    import keras

    x = keras.Input(p["input_shape"])
    if p["shared"]:
        outputs = keras.layers.Dense(4, activation="sigmoid")(keras.layers.Dense(64, activation="relu")(x))
    else:
        own = [keras.layers.Dense(16, activation="relu")(x) for _ in LABELS]
        outputs = keras.layers.Concatenate()([keras.layers.Dense(1, activation="sigmoid")(one) for one in own])
    model = keras.Model(x, outputs)
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "binary_crossentropy")
    return model


STUDY = Study(
    question="Several labels for each picture: does one shared net do better than a net for each label?",
    data=data,
    build=build,
    metrics={"f1": "f1_macro"},
    arms=[Arm("separate", {"shared": False}, RATE), Arm("shared", {"shared": True}, RATE)],
    protocol=Protocol(epochs=20, split=Split(0.2, test=0.25, random_state=0), metric="val_f1"),
    claims=[Claim("Sharing helps", better="shared", than="separate", metric="test_f1")],
)
