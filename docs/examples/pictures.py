"""Does augmentation help on a folder of pictures?

The pictures are PNG files, a folder for each class: handwritten digits of 8 x 8 pixels.
"""

from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Data, Protocol, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}


def data():
    """1,797 pictures in grey, ten classes."""
    return Data.images("pictures", color="grayscale")


def build(p):
    """Two convolutions; with augmentation, each batch is shifted and turned a little."""
    import keras

    augment = []
    if p["augment"]:
        augment = [keras.layers.RandomTranslation(0.1, 0.1), keras.layers.RandomRotation(0.03)]
    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Reshape((*p["input_shape"], 1)),
            keras.layers.Rescaling(1 / 255),
            *augment,
            keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(p["n_classes"], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(p["learning_rate"]), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Does augmentation help on a folder of pictures?",
    data=data,
    build=build,
    arms=[Arm("plain", {"augment": False}, RATE), Arm("augmented", {"augment": True}, RATE)],
    protocol=Protocol(epochs=20, split=Split(0.2, test=0.3, random_state=0, stratify=True)),
    claims=[Claim("Augmentation helps", better="augmented", than="plain", metric="test_accuracy")],
)
