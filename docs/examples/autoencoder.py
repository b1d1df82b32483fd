"""Does a deep autoencoder keep more of a digit than a linear one with a code of the same size?

Hinton and Salakhutdinov (2006) say so of larger nets. The best linear code is that of principal components.
"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}


def data():
    """1,797 digits of 8 x 8 pixels between 0 and 1, (n, 64); the targets are the digits themselves."""
    from sklearn.datasets import load_digits

    x = (load_digits().data / 16).astype("float32")
    return Data(x, y=x, name="digits_themselves", source="scikit-learn")


def build(p):
    """64 - 8 - 64, or 64 - 48 - 8 - 48 - 64 with ReLU."""
    import keras

    hidden = [keras.layers.Dense(48, activation="relu")] if p["deep"] else []
    mirror = [keras.layers.Dense(48, activation="relu")] if p["deep"] else []
    code = keras.layers.Dense(8, name="code")
    model = keras.Sequential([keras.Input(p["input_shape"]), *hidden, code, *mirror, keras.layers.Dense(64)])
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "mse")
    return model


STUDY = Study(
    question="Does a deep autoencoder keep more of a digit than a linear one with a code of the same size?",
    data=data,
    build=build,
    arms=[Arm("linear", {"deep": False}, RATE), Arm("deep", {"deep": True}, RATE)],
    protocol=Protocol(epochs=60, split=Split(0.2, test=0.2, random_state=0), metric="val_loss"),
    claims=[Claim("The deep one keeps more", better="deep", than="linear", metric="test_loss")],
)
