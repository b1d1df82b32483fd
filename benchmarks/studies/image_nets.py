"""A convolutional net on images of 96 x 96. For what it costs to decode them while it trains.

The net is that of TensorFlow's tutorial "Image classification".
"""

from typing import Any

from dlstudy import Arm, Protocol, Split, Study


def build(p: dict[str, Any]) -> Any:
    """Three convolutions with pooling, a hidden layer, and Adam."""
    import keras
    from keras import layers

    body: list[Any] = []
    for n in (16, 32, 64):
        body += [layers.Conv2D(n, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    head = [layers.Dense(128, activation="relu"), layers.Dense(p["n_classes"], activation="softmax")]
    model = keras.Sequential([keras.Input(p["input_shape"]), layers.Rescaling(1 / 255), *body, layers.Flatten(), *head])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


STUDY = Study(
    question="How fast does dlstudy train on images that stay in their files?",
    dataset="mnist",  # any: the benchmark states its own rows for each trial
    build=build,
    arms=[Arm("net")],
    protocol=Protocol(searches=1, epochs=2, trials=1, seeds=1, split=Split(validation=5_000)),
)
