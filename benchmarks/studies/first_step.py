"""One training of one step: how long dlstudy takes to get to work."""

from typing import Any

from dlstudy import Arm, Protocol, Split, Study


def build(p: dict[str, Any]) -> Any:
    """The net of the `optimizers` study."""
    import keras

    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(p["n_classes"], activation="softmax"),
        ]
    )
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="How soon does dlstudy train?",
    dataset="mnist",
    build=build,
    arms=[Arm("sgd")],
    protocol=Protocol(searches=1, epochs=1, batch_size=32, trials=1, seeds=1, rows=64, split=Split(validation=32)),
)
