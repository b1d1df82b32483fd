"""Two nets that are not tiny: 300-100 with batch normalization, and LeNet-5. For their speed against plain `fit`.

LeNet-5: LeCun et al. 1998, table 1 and figure 2, with every map of C3 connected to every one of S2, as usual today.
"""

from typing import Any

from dlstudy import Arm, Protocol, Split, Study


def build(p: dict[str, Any]) -> Any:
    """The net that `p` names, with Adam."""
    import keras

    body = batchnorm_body() if p["net"] == "batchnorm" else lenet_body()
    model = keras.Sequential(
        [keras.Input(p["input_shape"]), *body, keras.layers.Dense(p["n_classes"], activation="softmax")]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def batchnorm_body() -> list[Any]:
    """300 and 100 units, each layer followed by batch normalization."""
    from keras import layers

    hidden = [[layers.Dense(n, activation="relu"), layers.BatchNormalization()] for n in (300, 100)]
    return [layers.Flatten(), *hidden[0], *hidden[1]]


def lenet_body() -> list[Any]:
    """LeNet-5 up to its last layer, on 28x28 images padded to 32x32."""
    from keras import layers

    return [
        layers.Reshape((28, 28, 1)),
        layers.ZeroPadding2D(2),
        layers.Conv2D(6, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="tanh"),
        layers.Dense(84, activation="tanh"),
    ]


STUDY = Study(
    question="How fast does dlstudy train nets that are not tiny?",
    dataset="mnist",
    build=build,
    arms=[
        Arm("batchnorm", setting={"net": "batchnorm", "batch_size": 64}),
        Arm("lenet", setting={"net": "lenet", "batch_size": 128}),
    ],
    protocol=Protocol(searches=1, epochs=3, trials=1, seeds=1, split=Split(validation=5_000)),
)
